"""Cumulative hazard: Nelson-Aalen, or with the Fleming-Harrington correction for ties; and exp(-H) as a survival.

In: an EventTable or Episodes. Out: a step function with its error and intervals. With d events among n at risk at one
time, Nelson-Aalen adds d / n with variance d / n^2 (R `ctype = 1`); Fleming-Harrington takes the events one by one, and
adds 1/n + 1/(n-1) + ... with variance 1/n^2 + 1/(n-1)^2 + ... (`ctype = 2`). exp(-H) is R's `stype = 2`: Breslow's
estimate of survival with the first, Fleming-Harrington's with the second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from chartline.counts.model import EventTable
from chartline.stats.distributions import interval_z
from chartline.stats.episodes import Episodes, Floats
from chartline.stats.statistic import Statistic
from chartline.stats.survival.exits import Exits
from chartline.stats.survival.kaplan_meier import Curve, Estimate, IntervalKind

Ties = Literal["nelson-aalen", "fleming-harrington"]
HazardInterval = Literal["log", "plain"]

STATISTICS = (
    Statistic(
        name="cumulative_hazard",
        label="Nelson-Aalen cumulative hazard",
        takes="EventTable or Episodes, all causes",
        gives="H(t) with its error and a log or plain interval; ties as Nelson-Aalen or Fleming-Harrington",
        reference="survival::survfit(..., ctype = 1 or 2)$cumhaz, $std.chaz",
        paper="Aalen O. Ann Stat 1978;6:701-726; Fleming TR, Harrington DP. Commun Stat 1984;13:2469-2486",
    ),
    Statistic(
        name="hazard_survival",
        label="Survival from the cumulative hazard",
        takes="EventTable or Episodes, all causes",
        gives="exp(-H(t)), its interval and quantiles, as of a Kaplan-Meier curve",
        reference="survival::survfit(..., stype = 2, ctype = 1 or 2)",
        paper="Fleming TR, Harrington DP. Commun Stat 1984;13:2469-2486",
    ),
)


@dataclass(frozen=True, eq=False)
class CumulativeHazard:
    """One entry a distinct time of exit; `lower` and `upper` are NaN where the interval has no value (H = 0, log)."""

    times: Floats
    at_risk: Floats
    events: Floats
    hazard: Floats
    std_error: Floats
    lower: Floats
    upper: Floats
    level: float
    interval: HazardInterval
    ties: Ties

    def at(self, time: float) -> Estimate:
        """Return H(`time`), 0 before the first time."""
        i = int(np.searchsorted(self.times, time, side="right")) - 1
        if i < 0:
            return Estimate(0.0)
        ends = (None if np.isnan(x) else float(x) for x in (self.lower[i], self.upper[i]))
        return Estimate(float(self.hazard[i]), *ends)


def estimate_cumulative_hazard(
    data: EventTable | Episodes,
    ties: Ties = "nelson-aalen",
    interval: HazardInterval = "log",
    level: float = 0.95,
) -> CumulativeHazard:
    """Return the cumulative hazard of everyone in `data`, all causes together.

    The log interval is H exp(+-z se / H), the plain one H +- z se cut at 0 (Klein and Moeschberger, 4.3). Raises
    `ValueError` where more leave than are at risk, or for an unknown name.
    """
    exits = Exits.of(data)
    hazard, variance = _sums(exits, ties)
    error = np.sqrt(variance)
    if interval not in ("log", "plain"):
        raise ValueError(f"there is no interval {interval}; there are log, plain")
    with np.errstate(invalid="ignore", divide="ignore"):
        if interval == "plain":
            lower, upper = np.maximum(0, hazard - interval_z(level) * error), hazard + interval_z(level) * error
        else:
            factor = np.exp(interval_z(level) * error / hazard)
            lower, upper = hazard / factor, hazard * factor
    return CumulativeHazard(
        exits.times.astype(np.float64), exits.at_risk.astype(np.float64), exits.events.astype(np.float64),
        hazard, error, lower, upper, level, interval, ties,
    )  # fmt: skip


def estimate_hazard_survival(
    data: EventTable | Episodes,
    ties: Ties = "nelson-aalen",
    interval: IntervalKind = "log-log",
    level: float = 0.95,
) -> Curve:
    """Return exp(-H) of everyone in `data` as a curve, its variance of log S being that of H (R `stype = 2`).

    Raises as `estimate_cumulative_hazard`.
    """
    exits = Exits.of(data)
    hazard, variance = _sums(exits, ties)
    survival = np.asarray(np.exp(-hazard), np.float64)
    return Curve(exits, survival, np.sqrt(variance), level, interval)


def hazard_increments(exits: Exits, ties: Ties) -> tuple[Floats, Floats]:
    """Return what each time of exit adds to the cumulative hazard and to its variance."""
    n, d = exits.at_risk.astype(np.float64), exits.events
    if ties == "nelson-aalen":
        return d / n, d / (n * n)
    if ties != "fleming-harrington":
        raise ValueError(f"there is no treatment of ties {ties}; there are nelson-aalen, fleming-harrington")
    adds, variance = d / n, d / (n * n)
    tied = d > 1
    if tied.any():
        first = np.cumsum(d[tied]) - d[tied]  # each event by itself, with one fewer at risk than the one before it
        left = np.repeat(n[tied] + first, d[tied]) - np.arange(int(d[tied].sum()))
        adds[tied], variance[tied] = np.add.reduceat(1 / left, first), np.add.reduceat(1 / left**2, first)
    return adds, variance


def _sums(exits: Exits, ties: Ties) -> tuple[Floats, Floats]:
    adds, variance = hazard_increments(exits, ties)
    return np.asarray(np.cumsum(adds), np.float64), np.asarray(np.cumsum(variance), np.float64)
