"""Rows of survival under the best and the worst that can be assumed of those lost, and the tipping point."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from chartline.counts.model import EventTable
from chartline.results.model import Result
from chartline.stats.groups import NOBODY, group_of
from chartline.stats.kinds.rows import Rows, standing
from chartline.stats.kinds.source import DAYS_PER_MONTH, Source
from chartline.stats.sensitivity.lost import bound_by_lost, censor_lost
from chartline.stats.sensitivity.tipping_point import find_tipping_point
from chartline.stats.statistic import NotEstimable

_CASES = {
    "observed": "the lost censored at last contact",
    "worst": "the lost have the event at last contact",
    "best": "the lost are event-free until the end",
}


def estimate(source: Source, analysis: Any) -> Iterator[Result]:
    """Yield how many were lost, then at each landmark the observed, worst and best survival and the tipping point."""
    table = source.table(analysis.id, EventTable)
    shared = standing(table.n, table.missing, table.withheld, "without a time left out")
    lost = sum(row[-1] for row in table.rows.values())
    yield Rows(analysis.id, analysis.label, "", shared).count("lost", lost)
    for month in analysis.at_months:
        of = shared | {"at": month, "at_unit": "months"}
        rows = Rows(analysis.id, analysis.label, "", of)
        yield from rows.tried("survival", "Kaplan-Meier", partial(_bounds, table, analysis, month, of))
        if analysis.threshold is not None:
            yield from rows.tried("tipping_point", _tipping(analysis), partial(_tip, table, analysis, month, rows))


def _bounds(table: EventTable, analysis: Any, month: float, shared: dict[str, Any]) -> Iterator[Result]:
    if not table.n:
        raise NotEstimable(NOBODY)
    end = max(day for _, day in table.rows)
    days = month * DAYS_PER_MONTH
    found = bound_by_lost(table, days, max(end, days), level=analysis.level)
    of = shared | {"n": found.lost_before, "level": analysis.level, "unit": "proportion"}
    for case, words in _CASES.items():
        s = getattr(found, case)
        rows = Rows(analysis.id, analysis.label, group_of((("CASE", case),)), of)
        yield rows.value("survival", s.value, f"Kaplan-Meier, {words}, log-log interval", (s.lower, s.upper))


def _tipping(analysis: Any) -> str:
    return f"Fewest of those censored before it whose event would bring survival below {analysis.threshold:g}"


def _tip(table: EventTable, analysis: Any, month: float, rows: Rows) -> Iterator[Result]:
    found = find_tipping_point(censor_lost(table), month * DAYS_PER_MONTH, analysis.threshold)
    reason = "" if found.events is not None else (
        f"not even if all {found.censored_before} censored before it had had the event"
    )  # fmt: skip
    yield rows.value("tipping_point", found.events, _tipping(analysis), unit="patients", reason=reason)
