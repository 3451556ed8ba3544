"""An event on the way, such as transplantation: every strategy in one table, curves by state as a figure."""

from __future__ import annotations

from typing import Any

from chartline.report import format as fmt
from chartline.report.cells import estimate, event_word, sentence_case
from chartline.report.document import Block, Cell, Figure, Heading, Paragraph, Table
from chartline.report.drawn import Drawn, curve_figure, origin_of
from chartline.report.source import ReportSource
from chartline.results.model import Result

STRATEGIES = {
    "treatment_policy": "Treatment policy: whatever happens on the way",
    "hypothetical": "Hypothetical: as if it did not happen (censored there)",
    "composite": "Composite: the event on the way counts as an event",
    "landmark": "Landmark",
    "time_dependent": "Time-dependent Cox regression",
    "simon_makuch": "Simon-Makuch curves, Mantel-Byar test",
    "multistate": "Multistate: share in each state",
    "naive": "Ever against never, from time zero: biased (immortal time)",
}


def build(source: ReportSource) -> list[Block]:
    shown: list[Any] = [a for a in source.protocol.analyses if a.kind == "intercurrent" and source.results.of(a.id)]
    out: list[Block] = []
    for analysis in shown:
        figure = _figure(source, analysis)
        event = sentence_case(event_word(analysis.event))
        out += [Heading(f"{analysis.label}: strategies for {event}", 2), _table(source, analysis)]
        out += [figure] if figure else []
    if not out:
        return []
    return [
        Heading("Events on the way"),
        Paragraph(
            "Who has the event on the way has lived until then. The strategies below answer different questions from "
            "one declaration; none removes confounding by fitness and remission."
        ),
        *out,
    ]


def _table(source: ReportSource, analysis: Any) -> Table:
    rows: list[tuple[Cell, ...]] = []
    spans: set[int] = set()
    found = source.results.of(analysis.id)
    for strategy in analysis.strategies:
        own = [r for r in found if _parts(r).get("STRATEGY") == strategy]
        if own:
            spans.add(len(rows))
            rows.append((Cell(STRATEGIES[strategy]), *(Cell(""),) * 3))
            rows += [row for r in own if (row := _row(own, r, analysis)) is not None]
    return Table(
        number="Table",
        caption=f"{analysis.label} under each strategy for {sentence_case(event_word(analysis.event))}.",
        header=("", "Estimate (95% CI)", "P", "Method"),
        rows=tuple(rows),
        align="lrrl",
        widths=(2.8, 1.7, 0.7, 3.6),
        span_rows=frozenset(spans),
        notes=("CI, confidence interval; NR, not reached. Survival and shares in per cent.",),
    )


def _parts(r: Result) -> dict[str, str]:
    return dict(part.split("=", 1) for part in r.group.split(";") if "=" in part)


_ESTIMATES = {
    "median": "Median, months", "survival": "Event-free", "hazard_ratio": "Hazard ratio", "state": "In this state",
}  # fmt: skip


def _row(own: list[Result], r: Result, analysis: Any) -> tuple[Cell, ...] | None:
    parts = {k: v for k, v in _parts(r).items() if k != "STRATEGY"}
    where = ", ".join(_words(k, v, analysis) for k, v in parts.items())
    at = f" at {fmt.plain(r.at)} months" if r.at is not None and r.statistic in ("survival", "state") else ""
    note = ". ".join(t for t in (r.method, r.reason, *r.warnings) if t)
    if r.statistic in _ESTIMATES:
        p = next((x for x in own if x.statistic == "p" and x.group == r.group and r.statistic == "hazard_ratio"), None)
        label = f"{_ESTIMATES[r.statistic]}{at}" + (f", {where}" if where else "")
        return (Cell(label, indent=1), estimate(r), Cell(fmt.value(p), p.id) if p else Cell(""), Cell(note))
    if r.unit == "P" and not any(x.statistic == "hazard_ratio" and x.group == r.group for x in own):
        return (Cell(f"Test{f', {where}' if where else ''}", indent=1), Cell(""), Cell(fmt.value(r), r.id), Cell(note))
    if r.value is None and r.statistic not in ("p",):
        return (Cell(where or "Not estimable", indent=1), Cell(fmt.NOT_COMPUTED, r.id), Cell(""), Cell(note))
    return None


def _words(name: str, level: str, analysis: Any) -> str:
    event = sentence_case(event_word(analysis.event))
    if name == "LANDMARK":
        return f"from {level} months"
    return {"before": f"before {event}", "after": f"after {event}"}.get(level, sentence_case(event_word(level)))


def _figure(source: ReportSource, analysis: Any) -> Figure | None:
    curves = source.curves.get(analysis.id)
    if not curves:
        return None
    event = sentence_case(event_word(analysis.event))
    return curve_figure(
        Drawn(
            name=analysis.id,
            curves={f"{state.capitalize()} {event}": curve for state, curve in curves.items()},
            caption=f"{analysis.label} before and after {event} (Simon-Makuch).",
            alt=f"Simon-Makuch curves of {sentence_case(analysis.label)} before and after {event}.",
            x_label=f"Months from {origin_of(source, analysis)}",
            y_label="Event-free, %",
            value="Event-free, %",
            notes=(
                "A patient is in the curve of the state held at each time, so the numbers at risk of the second curve "
                "rise at first; neither curve is the survival of a fixed group of patients.",
            ),
        )
    )
