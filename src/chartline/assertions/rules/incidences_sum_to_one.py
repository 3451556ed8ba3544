"""The incidences of all events and the share without any are everybody.

With relapse and death: incidence of relapse + non-relapse mortality + relapse-free survival = 1. The share without an
event is estimated apart, by Kaplan-Meier of all events together.
"""

from collections.abc import Iterator

import polars as pl

from chartline.assertions.model import Assertion, Case, Evidence
from chartline.counts.model import EventTable
from chartline.stats.competing.cumulative_incidence import estimate_cumulative_incidence
from chartline.stats.episodes import Episodes
from chartline.stats.survival.kaplan_meier import estimate_curve

ASSERTION = Assertion(
    "incidences_sum_to_one",
    "At every time the incidences of the competing events and the share without an event sum to one.",
    of="study",
)
_ROUNDING = 1e-9


def cases(study: Evidence) -> Iterator[Case]:
    """Each analysis of competing risks."""
    none = True
    for analysis in study.analyses("cumulative_incidence"):
        table = study.counts[analysis.id]
        assert isinstance(table, EventTable)
        none = False
        yield Case(analysis.label, _rows(table.select(())) if table.n else None, "" if table.n else "nobody in it")
    if none:
        yield Case("competing risks", why="no analysis of competing risks")


def _rows(table: EventTable) -> pl.LazyFrame:
    fit, curve = estimate_cumulative_incidence(Episodes.from_counts(table)), estimate_curve(table)
    days = [float(d) for d in fit.times_days]
    free = [float(curve.survival_at(d).value or 0) for d in days]
    incidence = [sum(float(of.estimate[i]) for of in fit.causes.values()) for i in range(len(days))]
    return pl.LazyFrame(
        {
            "USUBJID": [""] * len(days),
            "HOLDS": [abs(s + f - 1) <= _ROUNDING for s, f in zip(free, incidence, strict=True)],
            "NUMBERS": [f"day {d:g}: {f:.6f} + {s:.6f}" for d, s, f in zip(days, free, incidence, strict=True)],
        }
    )
