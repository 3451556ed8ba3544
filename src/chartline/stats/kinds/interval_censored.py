"""Rows of an endpoint whose events are known only to lie between two days (Turnbull): numbers, or the bounds between
which they lie."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

from chartline.counts.model import CrossTab
from chartline.results.model import Result
from chartline.stats.groups import NOBODY
from chartline.stats.kinds.rows import Rows, standing
from chartline.stats.kinds.source import DAYS_PER_MONTH, Source, months
from chartline.stats.sensitivity.turnbull import Bounds, Turnbull, estimate_turnbull
from chartline.stats.statistic import NotEstimable
from chartline.stats.values.summary import summarise

_METHOD = "Turnbull's estimate for interval-censored events"


def estimate(source: Source, analysis: Any) -> Iterator[Result]:
    """Yield n, how many events are known to the day, the median and survival at the landmarks with their bounds."""
    table = source.table(analysis.id, CrossTab)
    intervals = {(float(a), float(b) if b else math.inf): n for (a, b), n in table.cells.items() if a}
    n = sum(intervals.values())
    shared = standing(n, table.n - n, table.withheld, "without a time left out")
    rows = Rows(analysis.id, analysis.label, "", shared)
    yield rows.count("n", n)
    yield rows.count("events", sum(n for (_, b), n in intervals.items() if math.isfinite(b)))
    yield rows.count("events_to_the_day", sum(n for (a, b), n in intervals.items() if a == b))

    gaps: Counter[float] = Counter()
    for (left, right), of in intervals.items():
        gaps[right - left] += of if left < right < math.inf else 0
    gaps = +gaps
    if gaps:
        how = "Median number of days between which an event lies"
        yield rows.value("median_gap", summarise(gaps).median, how, unit="days", n=gaps.total())

    def fitted() -> Iterator[Result]:
        if not intervals:
            raise NotEstimable(NOBODY)
        fit = estimate_turnbull(intervals)
        yield from _median(rows, fit)
        last = max((b if math.isfinite(b) else a) for a, b in intervals)
        for month in analysis.at_months:
            days = month * DAYS_PER_MONTH
            at = Rows(analysis.id, analysis.label, "", shared | {"at": month, "at_unit": "months"})
            if days > last and fit.survival_at(last).lower > 0:
                yield at.failed("survival", f"nobody was followed to {month:g} months", _METHOD)
            else:
                yield _between(at, "survival", fit.survival_at(days), "proportion")

    yield from rows.tried("median", _METHOD, fitted)


def _median(rows: Rows, fit: Turnbull) -> Iterator[Result]:
    found = fit.quantile(0.5)
    if found.upper is None:
        yield rows.failed("median", "median not reached", _METHOD)
        return
    bounds = Bounds(found.lower / DAYS_PER_MONTH, months(found.upper))
    yield _between(rows, "median", bounds, "months")


def _between(rows: Rows, statistic: str, found: Bounds, unit: str) -> Result:
    """A number where the data fix it; else no value, and the bounds between which it lies (no confidence limits)."""
    low, high = found.lower, found.upper if found.upper is not None else found.lower
    reason = "" if low == high else "anywhere between the bounds: the data do not fix it"
    return rows.value(statistic, None if reason else low, _METHOD, (low, high), unit=unit, reason=reason)
