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
        event = sentence_case(event_word(source, analysis.event))
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
    """A strategy a heading, below it its groups: median, event-free at the landmarks, hazard ratio, P."""
    at = list(analysis.at_months)[:3]
    rows: list[tuple[Cell, ...]] = []
    spans: set[int] = set()
    notes: dict[str, None] = {}
    found = source.results.of(analysis.id)
    general = next((r.warnings for r in found if r.statistic == "n" and not r.group), ())
    for strategy in analysis.strategies:
        own = [r for r in found if _parts(r).get("STRATEGY") == strategy]
        spans.add(len(rows))
        rows.append((Cell(STRATEGIES[strategy]), *(Cell(""),) * (3 + len(at))))
        for group in dict.fromkeys(r.group for r in own):
            of = [r for r in own if r.group == group]
            rows += _rows_of(source, of, at, analysis)
            notes |= {
                f"{STRATEGIES[strategy].partition(':')[0]}: {text}": None for r in of for text in _minded(r, general)
            }
    event = sentence_case(event_word(source, analysis.event))
    return Table(
        number="Table",
        caption=f"{analysis.label} under each strategy for {event}.",
        header=(
            "", "Median, months (95% CI)", *(f"At {fmt.so_many_months(m)}, % (95% CI)" for m in at),
            "Hazard ratio (95% CI)", "P",
        ),
        rows=tuple(rows),
        align="l" + "r" * (3 + len(at)),
        widths=(1.9, 1.2, *(1.45,) * len(at), 1.35, 0.6),
        span_rows=frozenset(spans),
        notes=(
            f"Percentages: without the event, or in the multistate rows in that state. Hazard ratios: after {event} "
            f"against before. P: of the hazard ratio, else of the test named. CI, confidence interval; "
            f"{fmt.NOT_REACHED}, not reached.",
            *(f"{note}." for note in (*general, *notes)),
        ),
    )  # fmt: skip


def _parts(r: Result) -> dict[str, str]:
    return dict(part.split("=", 1) for part in r.group.split(";") if "=" in part)


def _minded(r: Result, general: tuple[str, ...]) -> list[str]:
    """What the cell of a hazard ratio, share or test does not show: its reason, a penalty, what is to be minded."""
    if r.statistic not in ("hazard_ratio", "state") and not r.statistic.startswith("p_"):
        return []
    penalty = [part for part in r.method.split("; ") if part.startswith("Firth")]
    known = (*general, *(w for w in r.warnings if w.startswith("biased") or any(w in p for p in penalty)))
    return [t for t in (r.reason, *penalty, *r.warnings) if t and t not in known]


def _rows_of(source: ReportSource, of: list[Result], at: list[float], analysis: Any) -> list[tuple[Cell, ...]]:
    """The rows of one group of one strategy: its estimates, then each test by its name; numbers alone are none."""
    where = {k: v for k, v in _parts(of[0]).items() if k != "STRATEGY"}
    multistate = any(r.statistic == "state" for r in of)
    label = ", ".join(_words(source, k, v, analysis, multistate) for k, v in where.items())
    n = next((r for r in of if r.statistic == "n"), None)
    label = f"{label} (n\u00a0=\u00a0{fmt.whole(n.n or 0)})" if n is not None and label else label
    median, ratio, p = (next((r for r in of if r.statistic == s), None) for s in ("median", "hazard_ratio", "p"))
    rates = [next((r for r in of if r.statistic in ("survival", "state") and r.at in (m, None)), None) for m in at]
    rows = []
    if any((median, ratio, *rates)):
        estimates = [estimate(r) if r is not None else Cell("") for r in (median, *rates, ratio)]
        name = label[:1].upper() + label[1:] if label else "All"
        rows.append((Cell(name, indent=1), *estimates, Cell(fmt.value(p), p.id) if p is not None else Cell("")))
    for r in of:
        if r.statistic.startswith("p_"):
            rows.append((Cell(r.method, indent=1), *(Cell(""),) * (2 + len(at)), Cell(fmt.value(r), r.id)))
    return rows


def _words(source: ReportSource, name: str, level: str, analysis: Any, multistate: bool) -> str:
    event = sentence_case(event_word(source, analysis.event))
    if name == "LANDMARK":
        return f"from {level} month{'' if level == '1' else 's'}"
    if name == "STATE" and multistate and level in ("before", "after"):
        return f"event-free, {level} {event}"
    return {"before": f"before {event}", "after": f"after {event}"}.get(level, sentence_case(event_word(source, level)))


def _figure(source: ReportSource, analysis: Any) -> Figure | None:
    curves = source.curves.get(analysis.id)
    if not curves:
        return None
    event = sentence_case(event_word(source, analysis.event))
    return curve_figure(
        Drawn(
            name=analysis.id,
            curves={f"{state.capitalize()} {event}": curve for state, curve in curves.items()},
            caption=f"{analysis.label} before and after {event} (Simon-Makuch).",
            alt=f"Simon-Makuch curves of {sentence_case(analysis.label)} before and after {event}.",
            x_label=f"Months from {origin_of(source, analysis)}",
            y_label="Event-free, %",
            value="Event-free, %",
            level=next((r for r in source.results.of(analysis.id) if r.level is not None), None),
            notes=(
                "A patient is in the curve of the state held at each time, so the numbers at risk of the second curve "
                "rise at first; neither curve is the survival of a fixed group of patients.",
            ),
        )
    )
