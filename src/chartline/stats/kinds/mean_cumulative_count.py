"""Rows of the mean cumulative count of recurrent events, and its curve."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from chartline.counts.model import CrossTab
from chartline.results.model import Result
from chartline.stats.competing.mean_count import METHOD, estimate_mean_count
from chartline.stats.kinds.courses import Courses, each_group
from chartline.stats.kinds.rows import Rows
from chartline.stats.kinds.source import DAYS_PER_MONTH, FEW, Source


def estimate(source: Source, analysis: Any) -> Iterator[Result]:
    """Yield, for everyone and by group, patients with an event, events, and the mean count at the months."""
    for courses, rows in each_group(source.table(analysis.id, CrossTab), analysis):
        yield rows.count("n", courses.affected)
        yield rows.count("events", courses.n_events, unit="events")
        yield from rows.tried("mean_count", METHOD, partial(_at, courses, rows, analysis))


def _at(courses: Courses, rows: Rows, analysis: Any) -> Iterator[Result]:
    fit = estimate_mean_count(courses.events, courses.end, courses.dead, courses.weight, level=analysis.level)
    for month in analysis.at_months:
        day = month * DAYS_PER_MONTH
        left = sum(w for end, w in zip(courses.end, courses.weight, strict=True) if end >= day)
        dead = sum(w for e, d, w in zip(courses.end, courses.dead, courses.weight, strict=True) if d and e < day)
        # who died is known to have no further event
        reached = left > 0 or dead == courses.patients
        count, _, lower, upper = fit.at(day)
        few = (f"{left} at risk at {month:g} months",) if left < FEW else ()
        yield rows.value(
            "mean_count", count if reached else None, METHOD, (lower, upper) if reached else (None, None),
            unit="events per patient", at=month, at_unit="months", level=analysis.level, warnings=few,
            reason="" if reached else f"nobody was followed to {month:g} months",
        )  # fmt: skip
