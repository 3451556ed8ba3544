"""What other assumptions would have changed: centres left out, the lost, events known only to lie in an interval."""

from __future__ import annotations

from typing import Any

from chartline.report import format as fmt
from chartline.report.cells import cell, estimate, level_text
from chartline.report.document import Block, Cell, Heading, Table
from chartline.report.source import ReportSource
from chartline.results.model import Result

KINDS = ("leave_one_out", "lost_to_follow_up", "interval_censored")
_CASES = {
    "observed": "As observed: the lost censored at last contact",
    "worst": "Worst case: the lost had the event at last contact",
    "best": "Best case: the lost had no event until the end",
}
_ONE = {"proportion": "% (95% CI)", "median": "Median, months (95% CI)", "mean": "Mean"}


def build(source: ReportSource) -> list[Block]:
    shown: list[Any] = [a for a in source.protocol.analyses if a.kind in KINDS and source.results.of(a.id)]
    if not shown:
        return []
    tables = [
        {"leave_one_out": _left_out, "lost_to_follow_up": _lost}.get(a.kind, _intervals)(source, a) for a in shown
    ]
    return [Heading("Other assumptions"), *tables]


def _left_out(source: ReportSource, analysis: Any) -> Table:
    found = [r for r in source.results.of(analysis.id) if r.group.startswith("WITHOUT=")]
    columns: dict[tuple[str, float | None], str] = {}
    for r in found:
        if r.statistic in _ONE:
            columns[r.statistic, r.at] = _ONE[r.statistic]
        elif r.statistic == "survival" and r.at is not None:
            columns[r.statistic, r.at] = f"At {fmt.plain(r.at)} months, % (95% CI)"
    of = source.protocol.analysis(analysis.of)
    rows = [("None", [source.result(of.id, s, at) for s, at in columns])]
    for group in dict.fromkeys(r.group for r in found):
        level = level_text(_centre(source, analysis.over, group.partition("=")[2]))
        rows.append((level, [source.result(analysis.id, s, at, group) for s, at in columns]))
    return Table(
        number="Table",
        caption=f"{analysis.label}.",
        header=("Left out", "n/N or events/N", *columns.values()),
        rows=tuple((Cell(name), _ratio(values), *[estimate(r) for r in values]) for name, values in rows),
        align="l" + "r" * (1 + len(columns)),
        widths=(1.6, 1.2, *(1.8,) * len(columns)),
        notes=("CI, confidence interval.",),
    )


def _ratio(values: list[Result | None]) -> Cell:
    first = next((r for r in values if r is not None), None)
    return cell(first, fmt.ratio(first.n, first.N)) if first is not None else Cell("")


def _centre(source: ReportSource, variable: str, level: str) -> str:
    labels = {c.id: c.label or c.id for c in source.protocol.data.centres}
    return labels.get(level, level) if variable == "SITEID" else level


def _lost(source: ReportSource, analysis: Any) -> Table:
    lost = source.result(analysis.id, "lost")
    rows = []
    for case, words in _CASES.items():
        found = [source.result(analysis.id, "survival", m, f"CASE={case}") for m in analysis.at_months]
        rows.append((Cell(words), *[estimate(r) for r in found]))
    if analysis.threshold is not None:
        tips = [source.result(analysis.id, "tipping_point", m) for m in analysis.at_months]
        shown = [cell(r, fmt.value(r) if r is not None and r.value is not None else "not even all") for r in tips]
        rows.append(
            (Cell(f"Events among those censored that bring it below {fmt.percent(analysis.threshold)}"), *shown)
        )
    n = f"{lost.n} of {lost.N}" if lost is not None else "Nobody"
    return Table(
        number="Table",
        caption=f"{analysis.label}.",
        header=("", *(f"At {fmt.plain(m)} months, % (95% CI)" for m in analysis.at_months)),
        rows=tuple(rows),
        align="l" + "r" * len(analysis.at_months),
        widths=(3, *(1.7,) * len(analysis.at_months)),
        notes=(
            f"{n} patients were lost: last seen more than {analysis.lost_after_days} days before the cut-off. "
            "CI, confidence interval.",
        ),
    )


def _intervals(source: ReportSource, analysis: Any) -> Table:
    median = source.result(analysis.id, "median")
    rows = [(Cell("Median, months"), _bounds(median))]
    rows += [
        (Cell(f"At {fmt.plain(m)} months, %"), _bounds(source.result(analysis.id, "survival", m)))
        for m in analysis.at_months
    ]
    return Table(
        number="Table",
        caption=f"{analysis.label}.",
        header=("", "Estimate, or the bounds between which it lies"),
        rows=tuple(rows),
        align="lr",
        widths=(3, 2),
        notes=(_widths(source, analysis),),
    )


def _widths(source: ReportSource, analysis: Any) -> str:
    """How much is not known: where charts record few assessments, intervals are wide and the estimate is early."""
    known, events = source.result(analysis.id, "events_to_the_day"), source.result(analysis.id, "events")
    width = source.result(analysis.id, "interval_width")
    text = "Turnbull's estimate: an event other than death lies between the last assessment recorded and its date."
    if known is None or events is None or width is None:
        return text
    return (
        f"{text} {known.n} of {fmt.plural(events.n or 0, 'event')} are known to the day; the other intervals have a "
        f"median width of {fmt.value(width)} days, and the wider they are, the earlier the estimate may lie."
    )


def _bounds(r: Result | None) -> Cell:
    """One number where the data fix it, else the two it lies between."""
    if r is None:
        return Cell(fmt.DASH)
    if r.value is None or r.lower is None or r.upper is None or r.lower == r.upper:
        return Cell(fmt.value(r).removesuffix("%"), r.id)
    return Cell(fmt.between(fmt.bound(r.lower, r.unit), fmt.bound(r.upper, r.unit)), r.id)
