"""Tipping point: how many of the censored would have to have died for a survival to fall below a threshold.

In: an EventTable or Episodes, a landmark and a threshold. Those censored before the landmark are taken to have had the
event at last contact, one by one, until S(landmark), or a limit of its interval, is below the threshold.

Latest first gives the fewest: fewer are at risk later, so each event weighs more (where nobody enters late this is
exact, for everyone at risk on a later day is fewer than those left after all the censorings of an earlier one).
Earliest first shows the other end. The count is exact: every step is computed, none is extrapolated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from chartline.counts.model import EventTable
from chartline.stats.episodes import Episodes, Floats
from chartline.stats.statistic import NotEstimable, Statistic
from chartline.stats.survival.exits import Exits
from chartline.stats.survival.kaplan_meier import (
    TOLERANCE,
    IntervalKind,
    curve_of_exits,
    survival_interval,
)

Of = Literal["survival", "lower", "upper"]
Order = Literal["latest first", "earliest first"]

STATISTICS = (
    Statistic(
        name="tipping_point",
        label="Tipping point of the censored",
        takes="EventTable or Episodes, all causes; a landmark and a threshold",
        gives="the number and share of those censored before the landmark who would have to have had the event",
        reference="survival::survfit on the data changed step by step",
        paper="Yan X, Lee S, Li N. J Biopharm Stat 2009;19:1085-1098",
    ),
)


@dataclass(frozen=True)
class TippingPoint:
    """`events` more among the `censored_before` the landmark bring the value below the threshold; None: not even all.

    `share` = events / censored_before. `observed`, `tipped` and `all_events` are the value as it is, at the tipping
    point, and if all of them had the event; a limit that has no value at S = 0 or 1 is S.
    """

    landmark: float
    threshold: float
    of: Of
    order: Order
    censored_before: int
    events: int | None
    share: float | None
    observed: float
    tipped: float | None
    all_events: float
    level: float


def find_tipping_point(
    data: EventTable | Episodes,
    landmark: float,
    threshold: float,
    of: Of = "survival",
    order: Order = "latest first",
    interval: IntervalKind = "log-log",
    level: float = 0.95,
) -> TippingPoint:
    """Return how many of those censored before `landmark` must have had the event for the value to be below threshold.

    Raises `NotEstimable` where nobody was followed to the landmark, `ValueError` for a threshold outside (0, 1] or an
    unknown name.
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"the threshold is {threshold}, and must be above 0 and at most 1")
    if of not in ("survival", "lower", "upper") or order not in ("latest first", "earliest first"):
        raise ValueError(f"there is no value {of} or no order {order}")
    exits = Exits.of(data)
    if not curve_of_exits(exits).reaches(landmark):
        raise NotEstimable(f"nobody was followed to {landmark:g}")
    survival, log_error = _steps(exits, landmark, order)
    values = _value(survival, log_error, of, interval, level)
    below = values < threshold - TOLERANCE
    events = int(np.argmax(below)) if below.any() else None
    total = values.size - 1
    return TippingPoint(
        landmark, threshold, of, order, total, events, None if events is None or not total else events / total,
        float(values[0]), None if events is None else float(values[events]), float(values[-1]), level,
    )  # fmt: skip


def _steps(exits: Exits, landmark: float, order: Order) -> tuple[Floats, Floats]:
    """S(landmark) and the standard error of its logarithm with 0, 1, 2, ... of the censored having the event."""
    until = exits.times <= landmark
    n, d = exits.at_risk[until].astype(np.float64), exits.events[until].astype(np.float64)
    censored = np.where(exits.times[until] < landmark, exits.censored[until], 0)
    days = np.flatnonzero(censored)
    days = days[::-1] if order == "latest first" else days
    day = np.repeat(days, censored[days])  # one entry a patient
    nth = np.arange(day.size) - np.repeat(np.cumsum(censored[days]) - censored[days], censored[days]) + 1
    left = n[day] - d[day] - nth + 1  # without the event on that day, before this patient has it
    with np.errstate(divide="ignore", invalid="ignore"):
        survival = np.concatenate(([float(np.prod((n - d) / n))], (left - 1) / left))
        before, after = ((n[day] - x) / (n[day] * x) for x in (left, left - 1))  # d / (n (n - d)) of the day
        start = float(np.sum(np.where(d > 0, d / (n * (n - d)), 0.0)))
        log_variance = np.concatenate(([start], after - before))
        log_error = np.sqrt(np.cumsum(log_variance))
    return np.asarray(np.cumprod(survival), np.float64), np.asarray(log_error, np.float64)


def _value(survival: Floats, log_error: Floats, of: Of, interval: IntervalKind, level: float) -> Floats:
    if of == "survival":
        return survival
    low, high = survival_interval(survival, log_error, interval, level)
    limit = low if of == "lower" else high
    return np.where(np.isnan(limit), survival, limit)
