"""What other assumptions would have changed: centres left out, the lost, events known only to lie in an interval."""

from __future__ import annotations

from typing import Any

from chartline.report import format as fmt
from chartline.report.cells import cell, estimate, level_in_words
from chartline.report.document import Block, Cell, Heading, Table
from chartline.report.source import ReportSource
from chartline.results.model import Result

KINDS = ("leave_one_out", "lost_to_follow_up", "interval_censored", "date_bounds")
_DATES = {
    "declared": "Partial dates as declared",
    "earliest": "At the earliest day they can mean",
    "latest": "At the latest day they can mean",
}
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
        {"leave_one_out": _left_out, "lost_to_follow_up": _lost, "date_bounds": _dates}.get(a.kind, _intervals)(
            source, a
        )
        for a in shown
    ]
    return [Heading("Other assumptions"), *tables]


def _left_out(source: ReportSource, analysis: Any) -> Table:
    found = [r for r in source.results.of(analysis.id) if r.group.startswith("WITHOUT=")]
    columns: dict[tuple[str, float | None], str] = {}
    for r in found:
        if r.statistic in _ONE:
            columns[r.statistic, r.at] = _ONE[r.statistic]
        elif r.statistic == "survival" and r.at is not None:
            columns[r.statistic, r.at] = f"At {fmt.so_many_months(r.at)}, % (95% CI)"
    of = source.protocol.analysis(analysis.of)
    rows = [("None", [source.result(of.id, s, at) for s, at in columns])]
    for group in dict.fromkeys(r.group for r in found):
        level = level_in_words(source, analysis.over, group.partition("=")[2])
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


def _lost(source: ReportSource, analysis: Any) -> Table:
    lost = source.result(analysis.id, "lost")
    rows = []
    for case, words in _CASES.items():
        found = [
            source.result(analysis.id, "survival", m, f"CASE={case}") or source.result(analysis.id, "survival", m)
            for m in analysis.at_months
        ]
        rows.append((Cell(words), *[estimate(r) for r in found]))
    if analysis.threshold is not None:
        tips = [source.result(analysis.id, "tipping_point", m) for m in analysis.at_months]
        shown = [cell(r, fmt.value(r) if r is not None and r.value is not None else "not even all") for r in tips]
        rows.append(
            (Cell(f"Events among those censored that bring it below {fmt.plain(100 * analysis.threshold)}%"), *shown)
        )
    n = f"{lost.n} of {lost.N}" if lost is not None else "Nobody"
    return Table(
        number="Table",
        caption=f"{analysis.label}.",
        header=("", *(f"At {fmt.so_many_months(m)}, % (95% CI)" for m in analysis.at_months)),
        rows=tuple(rows),
        align="l" + "r" * len(analysis.at_months),
        widths=(3, *(1.7,) * len(analysis.at_months)),
        notes=(
            f"{n} patients were lost: last seen more than {analysis.lost_after_days} days before the cut-off"
            f"{_lost_before(source, analysis)}. CI, confidence interval.",
        ),
    )


def _lost_before(source: ReportSource, analysis: Any) -> str:
    """How many were lost before each landmark; only they can change the estimate at it."""
    found = [(m, source.result(analysis.id, "survival", m, "CASE=observed")) for m in analysis.at_months]
    said = [f"{fmt.whole(r.n)} before {fmt.so_many_months(m)}" for m, r in found if r is not None and r.n is not None]
    return f", {fmt.joined(said)}" if said else ""


def _dates(source: ReportSource, analysis: Any) -> Table:
    partial = source.result(analysis.id, "partial")
    rows = []
    for case, words in _DATES.items():
        found = [source.result(analysis.id, "median", None, f"DATES={case}")]
        found += [source.result(analysis.id, "survival", m, f"DATES={case}") for m in analysis.at_months]
        rows.append((Cell(words), *[estimate(r) for r in found]))
    ends = f"{partial.n} of {partial.N} times end on" if partial is not None else "No time ends on"
    return Table(
        number="Table",
        caption=f"{analysis.label}.",
        header=(
            *("", "Median, months (95% CI)"),
            *(f"At {fmt.so_many_months(m)}, % (95% CI)" for m in analysis.at_months),
        ),
        rows=tuple(rows),
        align="l" + "r" * (1 + len(analysis.at_months)),
        widths=(3, 1.7, *(1.7,) * len(analysis.at_months)),
        notes=(f"{ends} a date known to its month or year only. CI, confidence interval.",),
    )


def _intervals(source: ReportSource, analysis: Any) -> Table:
    exact = next(
        (a for a in source.protocol.analyses if a.kind == "survival" and a.endpoint == analysis.endpoint and not a.by),
        None,
    )
    asked: list[tuple[str, str, float | None]] = [("Median, months", "median", None)]
    asked += [(f"At {fmt.so_many_months(m)}, %", "survival", m) for m in analysis.at_months]
    rows = []
    for name, statistic, at in asked:
        row = [Cell(name), _bounds(source.result(analysis.id, statistic, at))]
        if exact is not None:
            row.append(estimate(source.result(exact.id, statistic, at)))
        rows.append(tuple(row))
    gap = source.result(analysis.id, "median_gap")
    wide = f" Half of the {gap.n} intervals are {fmt.plain(gap.value)} days or longer." if gap and gap.value else ""
    header = ("", "Estimate, or the bounds between which it lies", "Kaplan-Meier, the event on the day it was found")
    return Table(
        number="Table",
        caption=f"{analysis.label}.",
        header=header if exact is not None else header[:2],
        rows=tuple(rows),
        align="lrr" if exact is not None else "lr",
        widths=(2, 2, 2) if exact is not None else (3, 2),
        notes=(
            "Turnbull's estimate: what an assessment finds (relapse, response) happened after the one before it; "
            f"other events are known to the day.{wide}",
        ),
    )


def _bounds(r: Result | None) -> Cell:
    """One number where the data fix it, else the two it lies between."""
    if r is None:
        return Cell(fmt.DASH)
    if r.lower is None or r.upper is None or r.lower == r.upper:
        return Cell(fmt.value(r).removesuffix("%"), r.id)
    return Cell(fmt.between(fmt.bound(r.lower, r.unit), fmt.bound(r.upper, r.unit)), r.id)
