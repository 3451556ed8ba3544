"""Follow-up: how long (reverse Kaplan-Meier) and how complete (observed of potential person-time).

Reverse Kaplan-Meier: the censorings are the events, and every event of the endpoint censors. Completeness: whoever had
the event was followed as far as could be; whoever did not could have been followed until the horizon. With `T` the
horizon and t the time seen until T,

    percentage   those with the event or followed to T, of all
    Clark        sum(t) / (sum(t with event) + T (number without event))
    formal       sum(t) / (n times the restricted mean until T): what all would have been followed had nobody been lost
    simplified   (sum(t without event) + T (number with event)) / (n T)

`formal` takes the expected person-time from the Kaplan-Meier curve, where Xue and others take it from yearly intervals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from chartline.counts.model import EventTable
from chartline.stats.episodes import Episodes
from chartline.stats.statistic import NotEstimable, Statistic
from chartline.stats.survival.exits import Exits
from chartline.stats.survival.restricted_mean import estimate_restricted_mean

STATISTICS = (
    Statistic(
        name="follow_up",
        label="Median follow-up",
        takes="EventTable or Episodes of the endpoint (usually survival)",
        gives="the reverse Kaplan-Meier curve, its median and interval",
        reference="survival::survfit(Surv(time, 1 - event) ~ 1)",
        paper="Schemper M, Smith TL. Control Clin Trials 1996;17:343-346",
    ),
    Statistic(
        name="completeness",
        label="Completeness of follow-up",
        takes="observed and potential person-time: totals, arrays, or value -> count",
        gives="their ratio",
        reference="sum(observed) / sum(potential)",
        paper="Clark TG, Altman DG, De Stavola BL. Lancet 2002;359:1309-1310",
    ),
    Statistic(
        name="follow_up_rates",
        label="Follow-up rates to a horizon",
        takes="EventTable or Episodes of the endpoint; a horizon common to all",
        gives="percentage, Clark's index, formal and simplified person-time rate",
        reference="sums in R; the formal rate with survival::survfit's restricted mean",
        paper="Xue X et al. BMC Med Res Methodol 2017;17:155",
    ),
)
END_OF_FOLLOW_UP = "end of follow-up"

Data = TypeVar("Data", EventTable, Episodes)
PersonTime = float | Mapping[float, int] | npt.ArrayLike


@dataclass(frozen=True)
class Completeness:
    """`ratio` = `observed` / `potential`, person-time in one unit."""

    ratio: float
    observed: float
    potential: float


@dataclass(frozen=True)
class FollowUpRates:
    """Shares of the possible follow-up until `horizon` that were seen; `formal` is None where it cannot be known."""

    horizon: float
    percentage: float
    clark: float
    formal: float | None
    simplified: float
    observed: float  # person-time until the horizon
    n: int
    events: int
    warnings: tuple[str, ...] = ()


def reverse(data: Data) -> Data:
    """Return the data with events of every cause and censorings exchanged."""
    if isinstance(data, EventTable):
        rows = {key: (row[0], sum(row[2:]), row[1]) for key, row in data.rows.items()}
        return replace(data, causes=(END_OF_FOLLOW_UP,), rows=rows)
    return replace(data, status=(data.status == 0).astype(np.int64), causes=(END_OF_FOLLOW_UP,))


def estimate_completeness(observed: PersonTime, potential: PersonTime) -> Completeness:
    """Return the completeness of follow-up from person-time observed and person-time possible.

    Each is a total, an array of one value a patient, or value -> patients (`ValueTable.select(())`). The potential
    time of who had the event ends with the event (Clark). Raises `NotEstimable` where nothing was possible,
    `ValueError` where more was observed than possible.
    """
    seen, possible = _total(observed), _total(potential)
    if not possible > 0:
        raise NotEstimable("no follow-up was possible")
    if not 0 <= seen <= possible * (1 + 1e-12):
        raise ValueError(f"observed person-time {seen:g} is not between 0 and the potential {possible:g}")
    return Completeness(seen / possible, seen, possible)


def estimate_follow_up_rates(data: EventTable | Episodes, horizon: float) -> FollowUpRates:
    """Return the four follow-up rates of everyone in `data` until `horizon`, which is the same for all.

    Raises `NotEstimable` for no patients, or where nobody could be followed at all (everyone had the event at 0, or
    enters after the horizon); `ValueError` for a horizon that is not positive.
    """
    if not horizon > 0:
        raise ValueError(f"the horizon is {horizon}, and must be above 0")
    exits = Exits.of(data)
    if not exits.n:
        raise NotEstimable("no patients")
    n, until = exits.n, exits.times <= horizon
    events = int(exits.events[until].sum())
    to_event = float(exits.events[until] @ exits.times[until])
    late = float(exits.entered @ np.minimum(exits.entry_times, horizon))
    observed = exits.person_time(0, horizon)
    possible = to_event + horizon * (n - events) - late
    if not possible > 0:
        raise NotEstimable("no follow-up was possible")
    lost = int(exits.censored[exits.times < horizon].sum())
    formal, warnings = _formal(data, exits, horizon, observed)
    return FollowUpRates(
        horizon, 1 - lost / n, observed / possible, formal,
        (observed - to_event + horizon * events) / (n * horizon - late), observed, n, events, warnings,
    )  # fmt: skip


def _formal(
    data: EventTable | Episodes, exits: Exits, horizon: float, observed: float
) -> tuple[float | None, tuple[str, ...]]:
    if not exits.all_from_start:
        return None, ("the formal rate has no value where patients enter late",)
    try:
        return observed / (exits.n * estimate_restricted_mean(data, horizon).mean), ()
    except NotEstimable as reason:
        return None, (f"the formal rate has no value: {reason}",)


def _total(person_time: PersonTime) -> float:
    if isinstance(person_time, Mapping):
        return float(sum(value * count for value, count in person_time.items()))
    values = np.asarray(person_time, np.float64)
    if np.any(~np.isfinite(values)) or np.any(values < 0):
        raise ValueError("a person-time is missing or negative")
    return float(values.sum())
