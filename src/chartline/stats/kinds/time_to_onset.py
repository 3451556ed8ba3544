"""Rows of onset and recovery: when the first event began, its cumulative incidence, and how long it lasted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from chartline.counts.model import CrossTab, Pattern
from chartline.results.model import Result
from chartline.stats.competing.cumulative_incidence import CumulativeIncidence, estimate_cumulative_incidence
from chartline.stats.episodes import Episodes
from chartline.stats.groups import NOBODY, groups_by
from chartline.stats.kinds.courses import Courses, each_group
from chartline.stats.kinds.rows import Rows
from chartline.stats.kinds.source import DAYS_PER_MONTH, FEW, Source
from chartline.stats.statistic import NotEstimable
from chartline.stats.values.summary import summarise

_INCIDENCE = "Aalen-Johansen, death before the event competing"
_RECOVERY = "Aalen-Johansen, death without recovery competing: first day on which half have recovered"
_HOW = {"alive": 0, "recovered": 1, "dead": 2}


def estimate(source: Source, analysis: Any) -> Iterator[Result]:
    """Yield, for everyone and by group, days to onset, its incidence at the months, and the time to recovery."""
    table, recovery = (source.table(name, CrossTab) for name in (analysis.id, f"{analysis.id}.recovery"))
    patterns = ((), *groups_by(table, analysis.by))
    for pattern, (courses, rows) in zip(patterns, each_group(table, analysis), strict=True):
        yield rows.count("n", courses.affected)
        yield from _onset(courses, rows)
        yield from _incidence(courses, rows, analysis)
        yield from _recovery(recovery, pattern, rows, analysis)


def _onset(courses: Courses, rows: Rows) -> Iterator[Result]:
    days: Counter[float] = Counter()
    for day, event, n in courses.first():
        if event == 1:
            days[day] += n
    s = summarise(dict(sorted(days.items())), 0, 7)
    reason = "" if days else "nobody had the event"
    for name in ("median", "min", "max"):
        method = f"{name} of those with the event" if name != "median" else "median of those with the event (type 7)"
        yield rows.value(f"onset_{name}", getattr(s, name), method, unit="days", reason=reason)


def _episodes(rows: list[tuple[int, int, int]], causes: tuple[str, ...]) -> Episodes:
    if not rows:
        raise NotEstimable(NOBODY)
    day, event, n = zip(*rows, strict=True)
    return Episodes.of(day, event, count=n, causes=causes)


def _incidence(courses: Courses, rows: Rows, analysis: Any) -> Iterator[Result]:
    def made() -> Iterator[Result]:
        fit = estimate_cumulative_incidence(_episodes(courses.first(), ("event", "death")), level=analysis.level)
        for month in analysis.at_months:
            yield _at(fit, month, rows, analysis)

    if analysis.at_months:
        yield from rows.tried("incidence", _INCIDENCE, made)


def _at(fit: CumulativeIncidence, month: float, rows: Rows, analysis: Any) -> Result:
    at = fit.at(month * DAYS_PER_MONTH)
    share, risk, reached = at.causes["event"], int(at.at_risk[0]), bool(at.reached[0])
    few = (f"{risk} at risk at {month:g} months",) if risk < FEW else ()
    ends = (share.lower[0], share.upper[0]) if reached else (None, None)
    return rows.value(
        "incidence", share.estimate[0] if reached else None, f"{_INCIDENCE}, log-log interval", ends,
        unit="proportion", at=month, at_unit="months", level=analysis.level, warnings=few,
        reason="" if reached else f"nobody was followed to {month:g} months",
    )  # fmt: skip


def _recovery(table: CrossTab, pattern: Pattern, rows: Rows, analysis: Any) -> Iterator[Result]:
    """Of those with an event: how many recovered, and when half of them had."""
    ends = []
    for levels, n in table.cells.items():
        cell = dict(zip(table.dims, levels, strict=True))
        if all(cell[name] == level for name, level in pattern):
            ends.append((int(cell["DAYS"]), _HOW[cell["HOW"]], n))
    yield rows.count("recovered", sum(n for _, how, n in ends if how == 1), N=sum(n for *_, n in ends))

    def made() -> Iterator[Result]:
        fit = estimate_cumulative_incidence(_episodes(ends, ("recovered", "death")), level=analysis.level)
        half = fit.time_to("recovered", 0.5)
        reason = "" if half.value is not None else "fewer than half are known to have recovered"
        yield rows.value(
            "recovery_median", half.value, _RECOVERY, (half.lower, half.upper), unit="days", level=analysis.level,
            N=sum(n for *_, n in ends), reason=reason,
        )  # fmt: skip

    yield from rows.tried("recovery_median", _RECOVERY, made)
