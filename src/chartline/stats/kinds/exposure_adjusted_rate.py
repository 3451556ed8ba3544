"""Rows of events per time at risk: first events until the first, and all events, with exact Poisson intervals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chartline.counts.model import CrossTab
from chartline.results.model import Result
from chartline.stats.kinds.courses import each_group
from chartline.stats.kinds.rows import Rows
from chartline.stats.kinds.source import DAYS_PER_MONTH, Source
from chartline.stats.survival.event_rate import METHOD, estimate_event_rate


def estimate(source: Source, analysis: Any) -> Iterator[Result]:
    """Yield, for everyone and by group, patients, events, time at risk and the two rates."""
    for courses, rows in each_group(source.table(analysis.id, CrossTab), analysis):
        yield rows.count("n", courses.affected)
        yield rows.count("events", courses.n_events, unit="events")
        years = courses.days / (12 * DAYS_PER_MONTH)
        yield rows.value("patient_years", years, "sum of the times at risk", unit="years")
        first = (courses.affected, courses.days_to_first)
        yield from _rate(rows, "incidence_rate", *first, analysis)
        yield from _rate(rows, "event_rate", courses.n_events, courses.days, analysis)


def _rate(rows: Rows, statistic: str, events: int, days: int, analysis: Any) -> Iterator[Result]:
    def made() -> Iterator[Result]:
        per = analysis.per_months * DAYS_PER_MONTH
        r = estimate_event_rate(events, days, level=analysis.level)
        ends = (r.lower * per, r.upper * per)
        unit = "per patient-year" if analysis.per_months == 12 else f"per {analysis.per_months:g} patient-months"
        yield rows.value(statistic, r.rate * per, METHOD, ends, unit=unit, level=analysis.level, n=events)

    yield from rows.tried(statistic, METHOD, made)
