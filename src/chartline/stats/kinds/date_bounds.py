"""Rows of survival with every partial date as declared, at the earliest and at the latest day it can mean."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from chartline.counts.model import BOUNDS, CrossTab, EventTable
from chartline.results.model import Result
from chartline.stats.groups import NOBODY, group_of
from chartline.stats.kinds.rows import Rows, standing
from chartline.stats.kinds.source import DAYS_PER_MONTH, Source, months
from chartline.stats.statistic import NotEstimable
from chartline.stats.survival.kaplan_meier import Curve, estimate_curve

_WORDS = {
    "declared": "partial dates as declared",
    "earliest": "partial dates at the earliest day",
    "latest": "partial dates at the latest day",
}


def estimate(source: Source, analysis: Any) -> Iterator[Result]:
    """Yield how many times end on a partial date, then the median and survival at the landmarks under each reading."""
    dates = source.table(f"{analysis.id}.partial", CrossTab)
    n = dates.cells.get(("counted",), 0)
    yield Rows(analysis.id, analysis.label, "", {"N": dates.n}).count("partial", n)
    names = {"declared": analysis.id} | {bound: f"{analysis.id}.{bound}" for bound in BOUNDS}
    for case, name in names.items():
        table = source.table(name, EventTable)
        shared = standing(table.n, table.missing, table.withheld, "without a time left out")
        group = group_of((("DATES", case),))
        rows = Rows(analysis.id, analysis.label, group, shared | {"level": analysis.level})
        yield from rows.tried("median", "Kaplan-Meier", partial(_case, table, analysis, case, rows))


def _case(table: EventTable, analysis: Any, case: str, rows: Rows) -> Iterator[Result]:
    if not table.n:
        raise NotEstimable(NOBODY)
    curve = estimate_curve(table, "log-log", analysis.level)
    q = curve.quantile(0.5)
    method = f"Kaplan-Meier, {_WORDS[case]}, log-log interval"
    ends = (months(q.lower), months(q.upper))
    n = sum(curve.events)
    reason = "" if q.value is not None else "median not reached"
    yield rows.value("median", months(q.value), method, ends, unit="months", n=n, reason=reason)
    for month in analysis.at_months:
        yield _landmark(curve, month, method, rows)


def _landmark(curve: Curve, month: float, method: str, rows: Rows) -> Result:
    days = month * DAYS_PER_MONTH
    at: dict[str, Any] = {"at": month, "at_unit": "months", "unit": "proportion", "n": curve.n_risk(days)}
    if not curve.reaches(days):
        return rows.failed("survival", f"nobody was followed to {month:g} months", method, **at)
    s = curve.survival_at(days)
    return rows.value("survival", s.value, method, (s.lower, s.upper), **at)
