"""Where death is an event, the curve is nowhere above that of the same endpoint where death censors.

True of curves only here: a death ends both times on one day, so the same patients are at risk in both. Of event-free
and overall survival it is asserted for each patient (`more_ends_end_earlier`) and not of the curves: with censoring,
the Kaplan-Meier curve of event-free survival can lie above that of overall survival.
"""

from collections.abc import Iterator

import polars as pl

from chartline.assertions.model import Assertion, Case, Evidence, dated_alike
from chartline.counts.model import EventTable
from chartline.derive.endpoint import Endpoint
from chartline.stats.survival.kaplan_meier import estimate_curve

ASSERTION = Assertion(
    "death_lowers_the_curve",
    "With death as an event, survival is at no time above that of the same endpoint with death censored.",
    of="study",
)
_ROUNDING = 1e-9


def cases(study: Evidence) -> Iterator[Case]:
    """Every two curves of one origin, population and censoring whose endpoints differ in death alone."""
    of = {a.endpoint: a for a in reversed(study.analyses("survival"))}
    none = True
    for a, first, b, second in study.pairs():
        if a not in of or b not in of or not _differ_in_death(first, second):
            continue
        none = False
        on = f"{study.named(a)} against {study.named(b)}"
        one, other = study.counts[of[a].id], study.counts[of[b].id]
        assert isinstance(one, EventTable) and isinstance(other, EventTable)
        if one.n != other.n or _imputed_end(study, a) or _imputed_end(study, b):
            yield Case(on, why="not the same patients, or a death or last contact is an imputed day")
            continue
        yield Case(on, _rows(one, other, a, b))
    if none:
        yield Case("curves", why="no two curves differ in death alone")


def _differ_in_death(a: Endpoint, b: Endpoint) -> bool:
    same = (a.origin, a.population, a.censor_at) == (b.origin, b.population, b.censor_at) and dated_alike(a, b)
    return same and {*map(str, a.events)} == {*map(str, b.events), "death"} and "death" not in b.events


def _imputed_end(study: Evidence, code: str) -> bool:
    """Whether a death or a last contact is an imputed day: then the two may end on different days."""
    of = study.adam["ADTTE"].filter(pl.col("PARAMCD") == code)
    ends = pl.col("CAUSE").is_null() | (pl.col("CAUSE") == "death")
    return not of.filter(ends & pl.col("ADTF").is_not_null()).is_empty()


def _rows(one: EventTable, other: EventTable, a: str, b: str) -> pl.LazyFrame:
    lower, upper = estimate_curve(one.select(())), estimate_curve(other.select(()))
    days = sorted({*lower.times_days, *upper.times_days})
    values = [(d, float(lower.survival_at(d).value or 0), float(upper.survival_at(d).value or 0)) for d in days]
    return pl.LazyFrame(
        {
            "USUBJID": [""] * len(values),
            "HOLDS": [s <= t + _ROUNDING for _, s, t in values],
            "NUMBERS": [f"day {d:g}: {a} {s:.4f}, {b} {t:.4f}" for d, s, t in values],
        }
    )
