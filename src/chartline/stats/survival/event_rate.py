"""Events per time at risk, with the exact interval of a Poisson count.

In: a number of events and a sum of times. Out: the rate per unit of that time with its interval. Each event of a
recurrent kind counts; whether the events of one patient are independent the count cannot say.
"""

from __future__ import annotations

from dataclasses import dataclass

from chartline.stats.distributions import gamma_quantile
from chartline.stats.statistic import NotEstimable, Statistic

STATISTICS = (
    Statistic(
        name="event_rate",
        label="Events per time at risk",
        takes="a number of events and the time at risk",
        gives="rate per unit of time with its exact (Garwood) interval",
        reference="poisson.test(events, time)",
        paper="Garwood F. Biometrika 1936;28:437-442",
    ),
)
METHOD = "events over time at risk, exact Poisson (Garwood) interval"


@dataclass(frozen=True)
class EventRate:
    """A rate per unit of time."""

    rate: float
    lower: float
    upper: float


def estimate_event_rate(events: int, time: float, *, level: float = 0.95) -> EventRate:
    """Return the rate of `events` in `time`. Raises `NotEstimable` where there is no time at risk."""
    if time <= 0:
        raise NotEstimable("no time at risk")
    tail = (1 - level) / 2
    lower = gamma_quantile(tail, events) if events else 0.0
    upper = gamma_quantile(tail, events + 1, upper=True)
    return EventRate(events / time, lower / time, upper / time)
