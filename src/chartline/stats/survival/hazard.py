"""Hazard over time: smoothed by a kernel, or constant within given intervals.

In: an EventTable or Episodes. Out: events per unit of the times and person.

Smoothed: the increments of the cumulative hazard, weighted by Epanechnikov's kernel within a bandwidth; near 0 and near
the end by the boundary kernels of Mueller and Wang, so that no weight falls outside (R `muhaz(bw.method = "global",
b.cor = "both")` with one bandwidth in `bw.grid`). muhaz takes tied times one by one in the order of the rows; here
events precede censorings, and tied events are taken one by one (Fleming-Harrington), which is muhaz on sorted rows.
muhaz gives no error; ours is that of the weighted sum, with an interval on the log scale (Klein and Moeschberger, 6.2).

Constant: events / person-time of each interval with the exact Poisson interval (R `poisson.test`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chartline.counts.model import EventTable
from chartline.stats.distributions import gamma_quantile, interval_z
from chartline.stats.episodes import Episodes, Floats, Ints
from chartline.stats.statistic import NotEstimable, Statistic
from chartline.stats.survival.exits import Exits
from chartline.stats.survival.nelson_aalen import hazard_increments

AT_LEAST = 10  # muhaz: the hazard is estimated as long as so many are at risk
POINTS = 101  # muhaz: n.est.grid

STATISTICS = (
    Statistic(
        name="smoothed_hazard",
        label="Smoothed hazard",
        takes="EventTable or Episodes, all causes; a bandwidth",
        gives="events per unit of time and person over a grid of times, with error and log interval",
        reference='muhaz::muhaz(bw.method = "global", bw.grid = bandwidth, b.cor = "both", kern = "epanechnikov")',
        paper="Mueller HG, Wang JL. Biometrics 1994;50:61-76",
    ),
    Statistic(
        name="piecewise_hazard",
        label="Hazard by interval of time",
        takes="EventTable or Episodes, all causes; the ends of the intervals",
        gives="events, person-time and their ratio with the exact Poisson interval",
        reference="survival::pyears; poisson.test",
        paper="Garwood F. Biometrika 1936;28:437-442",
    ),
)


@dataclass(frozen=True, eq=False)
class SmoothedHazard:
    """One entry a time of the grid; limits are NaN where the hazard is 0."""

    times: Floats
    hazard: Floats
    std_error: Floats
    lower: Floats
    upper: Floats
    bandwidth: float
    level: float
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class PiecewiseHazard:
    """One entry an interval (start, end], the first with time 0; rate and limits are NaN where nobody was at risk."""

    start: Floats
    end: Floats
    events: Ints
    person_time: Floats
    rate: Floats
    lower: Floats
    upper: Floats
    level: float
    warnings: tuple[str, ...] = ()


def estimate_smoothed_hazard(
    data: EventTable | Episodes,
    bandwidth: float | None = None,
    until: float | None = None,
    times: Sequence[float] | None = None,
    level: float = 0.95,
) -> SmoothedHazard:
    """Return the hazard smoothed over `bandwidth` at `times` (101 from 0 to `until` if not given).

    `until` is the end of what is estimated, where the right boundary begins to bend the kernel: the last time at which
    10 are at risk if not given (muhaz interpolates between numbers at risk). `bandwidth` is muhaz's pilot bandwidth
    if not given: until / 8 / events^0.2. Raises `NotEstimable` without an event, or where fewer than 10 are ever at
    risk and `until` is not given; `ValueError` for a bandwidth or end that is not positive, or times beyond the ends.
    """
    exits = Exits.of(data)
    total = int(exits.events.sum())
    if not total:
        raise NotEstimable("no events")
    end = _last_enough(exits) if until is None else until
    b = end / 8 / total**0.2 if bandwidth is None else bandwidth
    if not (end > 0 and b > 0):
        raise ValueError(f"the bandwidth is {b} and the end {end}; both must be above 0")
    grid = np.linspace(0, end, POINTS) if times is None else np.asarray(times, np.float64)
    if np.any((grid < 0) | (grid > end)):
        raise ValueError(f"a time is before 0 or after {end:g}")
    with_event = exits.events > 0
    adds, variance = (x[with_event] for x in hazard_increments(exits, "fleming-harrington"))
    hazard, error = _smooth(grid, exits.times[with_event].astype(np.float64), adds, variance, b, end)
    with np.errstate(invalid="ignore", divide="ignore"):
        factor = np.exp(interval_z(level) * error / hazard)
        lower, upper = hazard / factor, np.where(hazard > 0, hazard, np.nan) * factor
    wide = f"the bandwidth {b:g} is more than half of the time until {end:g}: both ends bend every estimate"
    return SmoothedHazard(grid, hazard, error, lower, upper, b, level, (wide,) if 2 * b > end else ())


def estimate_piecewise_hazard(
    data: EventTable | Episodes, ends: Sequence[float], level: float = 0.95
) -> PiecewiseHazard:
    """Return the hazard in each interval from 0 through `ends`, ascending; events at 0 belong to the first interval.

    Raises `ValueError` unless `ends` ascend from above 0.
    """
    stop = np.asarray(ends, np.float64)
    start = np.concatenate(([0.0], stop[:-1]))
    if not stop.size or np.any(stop <= start):
        raise ValueError("the ends of the intervals must ascend from above 0")
    exits = Exits.of(data)
    seen = np.concatenate(([0], np.cumsum(exits.events)))
    until = seen[np.searchsorted(exits.times, stop, side="right")]
    events = np.diff(np.concatenate(([0], until)))
    spent = np.array([exits.person_time(a, b) for a, b in zip(start, stop, strict=True)])
    tail = (1 - level) / 2
    low = [gamma_quantile(tail, d) if d else 0.0 for d in events.tolist()]
    high = [gamma_quantile(tail, d + 1, upper=True) for d in events.tolist()]
    with np.errstate(invalid="ignore", divide="ignore"):
        rate, lower, upper = (np.where(spent > 0, np.asarray(x) / spent, np.nan) for x in (events, low, high))
    warnings = tuple(
        f"nobody was at risk from {a:g} to {b:g}" for a, b, t in zip(start, stop, spent, strict=True) if not t
    )
    return PiecewiseHazard(start, stop, events, spent, rate, lower, upper, level, warnings)


def _last_enough(exits: Exits) -> float:
    enough = exits.times[exits.at_risk >= AT_LEAST]
    if not enough.size or not enough[-1] > 0:
        raise NotEstimable(f"fewer than {AT_LEAST} patients are at risk")
    return float(enough[-1])


def _smooth(grid: Floats, times: Floats, adds: Floats, variance: Floats, b: float, end: float) -> tuple[Floats, Floats]:
    """Weighted sums of the increments within `b` of each time of the grid; a negative hazard is 0, as in muhaz."""
    hazard, error = np.zeros(grid.size), np.zeros(grid.size)
    first, last = np.searchsorted(times, grid - b, side="right"), np.searchsorted(times, grid + b, side="left")
    for i, z in enumerate(grid.tolist()):
        within = slice(first[i], last[i])
        weight = _weights((z - times[within]) / b, z / b, (end - z) / b)
        hazard[i] = max(0.0, float(weight @ adds[within]) / b)
        error[i] = float(np.sqrt(weight**2 @ variance[within])) / b
    return hazard, error


def _weights(u: Floats, to_start: float, to_end: float) -> Floats:
    """Mueller and Wang's Epanechnikov kernels (table 1) at u; distances to the ends are in bandwidths."""
    if to_start >= 1 and to_end >= 1:
        return 0.75 * (1 - u * u)
    q, x = (to_start, u) if to_start < 1 else (to_end, -u)
    kernel = 12 * (x + 1) / (1 + q) ** 4 * (0.5 * (3 * q * q - 2 * q + 1) + x * (1 - 2 * q))
    return np.where(x <= q, kernel, 0.0)
