"""Competing risks: the cumulative incidence of each event in one table, then a figure an analysis."""

from __future__ import annotations

from typing import Any

from chartline.report import format as fmt
from chartline.report.cells import cell, estimate, event_word, level_in_words, sentence_case
from chartline.report.document import Block, Cell, Figure, Heading, Table
from chartline.report.drawn import Drawn, curve_figure, origin_of
from chartline.report.source import CurveLike, ReportSource

EVENT_FREE = "event_free"
LANDMARKS = 4  # columns that a page has room for
BANDS = 3  # more shaded bands than this hide each other


def build(source: ReportSource) -> list[Block]:
    shown: list[Any] = [
        a for a in source.protocol.analyses if a.kind == "cumulative_incidence" and source.results.of(a.id)
    ]
    if not shown:
        return []
    out: list[Block] = [Heading("Competing risks"), _table(source, shown)]
    for analysis in shown:
        if not analysis.sensitivity:
            figures = _figures(source, analysis)
            out += [Heading(analysis.label, 2), *figures] if figures else []
    return out


def _table(source: ReportSource, analyses: list[Any]) -> Table:
    every = sorted({m for a in analyses for m in a.at_months})
    at = every[:LANDMARKS]
    tested = any(a.by for a in analyses)
    header = [
        "",
        "Events/N",
        *(f"At {fmt.so_many_months(m)}, % (95% CI)" for m in at),
        *(["P (Gray)"] if tested else []),
    ]
    rows: list[tuple[Cell, ...]] = []
    spans: set[int] = set()
    for analysis in analyses:
        spans.add(len(rows))
        definition = f": {analysis.definition.rstrip('.')}" if analysis.definition else ""
        rows.append((Cell(analysis.label + definition), *(Cell(""),) * (len(header) - 1)))
        for group in _groups(source, analysis):
            rows += _group(source, analysis, group, at, tested)
    return Table(
        number="Table",
        caption="Cumulative incidence of competing events.",
        header=tuple(header),
        rows=tuple(rows),
        align="l" + "r" * (len(header) - 1),
        widths=(2.4, 0.9, *(1.7,) * len(at), *((0.9,) if tested else ())),
        span_rows=frozenset(spans),
        notes=(
            "Aalen-Johansen estimates; each event competes with the others, so the lines of a group and its share "
            "without any event add to 100%. CI, confidence interval."
            + (" Later landmarks are in the result file." if len(every) > len(at) else ""),
        ),
    )


def _groups(source: ReportSource, analysis: Any) -> list[str]:
    return [r.group for r in source.results.of(analysis.id) if r.statistic == "n"]


def _group(source: ReportSource, analysis: Any, group: str, at: list[float], tested: bool) -> list[tuple[Cell, ...]]:
    causes = [r for r in source.results.of(analysis.id) if r.statistic == "events" and _of(r.group, group)]
    named = level_in_words(source, *group.split("=", 1)) if group else ""
    out = []
    for r in causes:
        cause = r.group.rpartition("CAUSE=")[2]
        label = f"{named}: {sentence_case(event_word(source, cause))}" if named else event_word(source, cause)
        gray = source.result(analysis.id, "p_gray", group=f"CAUSE={cause}") if not group else None
        rates = [_at(source, analysis, "incidence", m, r.group) for m in at]
        out.append((
            Cell(label, indent=1), Cell(fmt.ratio(r.n, r.N), r.id), *rates,
            *([cell(gray) if gray is not None else Cell("")] if tested else []),
        ))  # fmt: skip
    free = [_at(source, analysis, EVENT_FREE, m, group) for m in at]
    label = f"{named}: without any event" if named else "Without any event"
    out.append((Cell(label, indent=1), Cell(""), *free, *([Cell("")] if tested else [])))
    return out


def _of(own: str, group: str) -> bool:
    """Whether a group with a cause belongs to a group."""
    return own.rpartition("CAUSE=")[0].rstrip(";") == group


def _at(source: ReportSource, analysis: Any, statistic: str, month: float, group: str) -> Cell:
    r = source.result(analysis.id, statistic, month, group)
    return estimate(r) if r is not None else Cell("")


def _figures(source: ReportSource, analysis: Any) -> list[Figure]:
    """One drawing of all events; with groups one an event, so that groups are seen beside each other."""
    curves = source.curves.get(analysis.id) or {}
    by_event: dict[str, dict[str, CurveLike]] = {}
    for group, curve in curves.items():
        before, _, cause = group.rpartition("CAUSE=")
        label = level_in_words(source, *before.rstrip(";").split("=", 1)) if before else event_word(source, cause)
        by_event.setdefault(cause if before else "", {})[label] = curve
    return [_figure(source, analysis, event, drawn) for event, drawn in by_event.items()]


def _figure(source: ReportSource, analysis: Any, event: str, curves: dict[str, CurveLike]) -> Figure:
    level = next((r for r in source.results.of(analysis.id) if r.statistic == "incidence"), None)
    of = sentence_case(event_word(source, event)) if event else ""
    words = f"{of} by group" if of else fmt.joined([sentence_case(label) for label in curves])
    return curve_figure(
        Drawn(
            name=f"{analysis.id}_{event}" if event else analysis.id,
            curves=curves,
            caption=f"{analysis.label}: cumulative incidence{f' of {of}' if of else ''} (Aalen-Johansen).",
            alt=f"Cumulative incidence of {words} over time.",
            x_label=f"Months from {origin_of(source, analysis)}",
            y_label=f"{f'{event_word(source, event)}, c' if event else 'C'}umulative incidence, %",
            value="Incidence, %",
            level=level,
            numbers="Number at risk" if event else "Number at risk, and with each event",
            one_risk=not event,
            bands=len(curves) <= BANDS,
        )
    )
