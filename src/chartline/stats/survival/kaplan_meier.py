"""Kaplan-Meier estimate, as R's `survival::survfit` gives it.

In: an EventTable or Episodes, everyone in it together. Out: the step function with its error and pointwise intervals,
survival at a time, quantiles with Brookmeyer-Crowley intervals, numbers at risk. The work grows with the number of
distinct times, never with patients.

Conventions (R survival 3.5): at risk at t are those with entry < t <= exit; events precede censorings at the same
time; an interval is missing where its formula has no value (S = 0; S = 1 too on the log-log, logit and arcsine
scales); log, plain and arcsine intervals are cut at 0 and 1. Tsiatis' variance of log S sums d / n^2 where Greenwood's
sums d / (n (n - d)): survfit 3.5 ignores its old argument `error`, and has Tsiatis' as `std.chaz`.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from chartline.counts.model import EventTable
from chartline.stats.distributions import interval_z
from chartline.stats.episodes import Episodes, Floats, Ints
from chartline.stats.lazy import lazy
from chartline.stats.risk import Leaving, Runs
from chartline.stats.statistic import Statistic
from chartline.stats.survival.exits import Exits

IntervalKind = Literal["log-log", "log", "plain", "logit", "arcsin"]
VarianceKind = Literal["greenwood", "tsiatis"]
TOLERANCE = math.sqrt(2.220446049250313e-16)  # two survivals closer than this are equal (R quantile.survfit)

STATISTICS = (
    Statistic(
        name="survival",
        label="Kaplan-Meier survival at a time",
        takes="EventTable or Episodes, all causes",
        gives="S(t) with Greenwood's (or Tsiatis') error and a log-log, log, plain, logit or arcsine interval",
        reference="summary(survival::survfit(Surv(time, event) ~ 1, conf.type), times)",
        paper="Kaplan EL, Meier P. J Am Stat Assoc 1958;53:457-481; Kalbfleisch JD, Prentice RL. 1980 (log-log)",
    ),
    Statistic(
        name="median",
        label="Median survival time",
        takes="EventTable or Episodes, all causes",
        gives="the time at which S is 0.5 (the mean of the flat part where S equals 0.5) with its interval",
        reference="quantile(survival::survfit(...), 0.5)",
        paper="Brookmeyer R, Crowley J. Biometrics 1982;38:29-41",
    ),
    Statistic(
        name="first_time",
        label="First time at which half have had the event",
        takes="EventTable or Episodes, all causes",
        gives="the first time at which S is at most 0.5",
        reference="min(fit$time[fit$surv <= 0.5])",
        paper="Kaplan EL, Meier P. J Am Stat Assoc 1958;53:457-481",
    ),
)


@dataclass(frozen=True)
class Estimate:
    """A value with its interval; None where there is none."""

    value: float | None
    lower: float | None = None
    upper: float | None = None


@dataclass(frozen=True, eq=False)
class Curve:
    """A right-continuous step function, one step a distinct time of exit.

    `exits`, `steps`, `log_error`, `low` and `high` are arrays with NaN where there is no value, for whoever computes
    on (the limits from when they are first asked for); `times_days` and the properties after it are tuples with None,
    for whoever prints. Times are whole days (int) where the curve came from an EventTable, else decimals of the unit
    that was given.
    """

    exits: Exits
    steps: Floats  # S after each of `exits.times`
    log_error: Floats  # the standard error of log S; infinite where Greenwood's is
    level: float
    interval: IntervalKind
    start: float = 0  # the curve is 1 here, and says nothing of earlier times

    def __post_init__(self) -> None:
        _refuse(self.interval, self.level)

    @property
    def low(self) -> Floats:
        return self._limits[0]

    @property
    def high(self) -> Floats:
        return self._limits[1]

    @lazy
    def times_days(self) -> tuple[Any, ...]:
        return tuple(self.exits.times.tolist())

    @lazy
    def survival(self) -> tuple[float, ...]:
        return tuple(self.steps.tolist())

    @lazy
    def lower(self) -> tuple[float | None, ...]:
        return _optional(self.low)

    @lazy
    def upper(self) -> tuple[float | None, ...]:
        return _optional(self.high)

    @lazy
    def std_error(self) -> tuple[float | None, ...]:
        """Of S; with Greenwood's variance None where S = 0."""
        with np.errstate(invalid="ignore"):
            return _optional(self.steps * self.log_error)

    @lazy
    def at_risk(self) -> tuple[int, ...]:
        """At each of `times_days`."""
        return tuple(self.exits.at_risk.tolist())

    @lazy
    def events(self) -> tuple[int, ...]:
        return tuple(self.exits.events.tolist())

    @lazy
    def censored(self) -> tuple[int, ...]:
        return tuple(self.exits.censored.tolist())

    @lazy
    def entries(self) -> tuple[tuple[Any, int], ...]:
        """(Day, patients entering), ascending."""
        return tuple(zip(self.exits.entry_times.tolist(), self.exits.entered.tolist(), strict=True))

    @property
    def initial(self) -> float:
        """S before the first day."""
        return 1.0

    @property
    def censor_days(self) -> tuple[Any, ...]:
        """Days on which somebody is censored."""
        return tuple(self.exits.times[self.exits.censored > 0].tolist())

    @property
    def n(self) -> int:
        return self.exits.n

    def n_risk(self, days: float) -> int:
        """Return the number with entry < `days` <= exit; those who enter at day 0 are at risk from day 0 on."""
        times, entered = self._entered
        i = bisect_left(times, days) or int(times[:1] == [0])
        return entered[i] - self._cumulative[1][bisect_left(self.times_days, days)]

    def n_events(self, days: float) -> int:
        """Return the number of events up to and including `days`."""
        return self._cumulative[0][bisect_right(self.times_days, days)]

    def n_censored_before(self, days: float) -> int:
        """Return the number censored strictly before `days`."""
        i = bisect_left(self.times_days, days)
        return self._cumulative[1][i] - self._cumulative[0][i]

    def survival_at(self, days: float) -> Estimate:
        """Return S(`days`), carried forward after the last day (R `summary.survfit(..., extend = TRUE)`).

        Before the first day S is 1; the interval is then missing on the scales on which it is missing at S = 1, where
        R has 1 to 1 before the first day and nothing after a censoring.
        Raises `ValueError` before the start of the curve.
        """
        if days < self.start:
            raise ValueError(f"the curve starts at {self.start:g} and says nothing of {days:g}")
        i = bisect_right(self.times_days, days) - 1
        if i < 0:
            ends = 1.0 if self.interval in ("log", "plain") else None
            return Estimate(1.0, ends, ends)
        return Estimate(float(self.steps[i]), _value(self.low[i]), _value(self.high[i]))

    def reaches(self, days: float) -> bool:
        """True where S(`days`) is estimated: somebody was followed that long, or nobody was left to follow."""
        return bool(self.steps.size) and bool(days <= self.exits.times[-1] or self.steps[-1] == 0)

    def quantile(self, p: float) -> Estimate:
        """Return the time at which the share `p` has had the event: S = 1 - p (R `quantile.survfit`).

        Where S equals 1 - p on a flat part it is the middle of that part. The interval is the times at which
        the lower and the upper band cross 1 - p (Brookmeyer and Crowley); None is "not reached". Raises `ValueError`
        for p outside [0, 1].
        """
        if not 0 <= p <= 1:
            raise ValueError(f"not a share: {p}")
        return Estimate(*(self._crossing(band, p) for band in range(3)))

    def first_time(self, survival: float) -> Any:
        """Return the first time at which S is at most `survival`, or None."""
        below = self.steps <= survival + TOLERANCE
        return self.exits.times[int(np.argmax(below))].item() if below.any() else None

    def _crossing(self, band: int, p: float) -> float | None:
        """R `survival:::findq` on one band: the first step up to p, averaged with the first step clearly past p."""
        shares, steps, last = self._bands[band]
        at_end = abs(p - last) < TOLERANCE  # the band ends at p: the flat part runs to the end of follow-up
        if p == 0:
            return None if at_end else float(self.start)
        first, after = bisect_left(shares, p - TOLERANCE), bisect_left(shares, p + TOLERANCE)
        if first == len(shares) or (after == len(shares) and not at_end):
            return None
        return self._mean_time(steps[first], self.steps.size if at_end else steps[after])

    def _mean_time(self, *steps: int) -> float:
        """Of the times of two steps, 0 being the start."""
        a, b = (self.exits.times[i - 1].item() if i else self.start for i in steps)
        return float((a + b) / 2)

    @lazy
    def _limits(self) -> tuple[Floats, Floats]:
        return survival_interval(self.steps, self.log_error, self.interval, self.level)

    @lazy
    def _bands(self) -> list[tuple[Floats, Any, float]]:
        """Of S and its limits: the shares with the event, ascending, with their steps; and the share at the end."""
        out = []
        for band in (self.steps, self.low, self.high):
            y = np.concatenate(([0.0], 1 - band))
            order = np.argsort(y, kind="stable")  # of equal shares the earliest step first; NaN last
            order = order[: y.size - np.count_nonzero(np.isnan(y))]
            out.append((y[order], order, float(y[-1])))
        return out

    @lazy
    def _entered(self) -> tuple[list[float], list[int]]:
        return self.exits.entry_times.tolist(), [0, *np.cumsum(self.exits.entered).tolist()]

    @lazy
    def _cumulative(self) -> tuple[list[int], list[int]]:
        """Events and exits, each with a leading 0."""
        events, censored = self.exits.events, self.exits.censored
        return [0, *np.cumsum(events).tolist()], [0, *np.cumsum(events + censored).tolist()]


@dataclass(frozen=True, eq=False)
class _Curves(Mapping[str, Curve]):
    """Curves of groups, one after the other in arrays as those of `leaving`, so that a small group costs no more than
    its times; a curve is cut out when it is asked for.
    """

    groups: tuple[str, ...]
    leaving: Leaving
    steps: Floats
    log_error: Floats
    level: float
    interval: IntervalKind

    def __getitem__(self, group: str) -> Curve:
        if group not in self.groups:
            raise KeyError(group)
        at = self.leaving.runs.of[self.groups.index(group)]
        exits = Exits.of_column(self.leaving, at)
        return Curve(exits, self.steps[at], self.log_error[at], self.level, self.interval)

    def __iter__(self) -> Iterator[str]:
        return iter(self.groups)

    def __len__(self) -> int:
        return len(self.groups)


def estimate_curve(
    data: EventTable | Episodes,
    interval: IntervalKind = "log-log",
    level: float = 0.95,
    *,
    variance: VarianceKind = "greenwood",
) -> Curve:
    """Return the Kaplan-Meier curve of everyone in `data`, all causes together.

    Raises `ValueError` where more leave than are at risk (someone entered on or after the day of leaving).
    """
    return curve_of_exits(Exits.of(data), interval, level, variance=variance)


def estimate_curves_by_group(
    episodes: Episodes,
    interval: IntervalKind = "log-log",
    level: float = 0.95,
    *,
    variance: VarianceKind = "greenwood",
) -> Mapping[str, Curve]:
    """Return the Kaplan-Meier curve of each group of `episodes`, in the order of its groups."""
    _refuse(interval, level)
    if episodes.late:
        parts = (Exits.of(episodes.select(episodes.group == g)) for g in range(len(episodes.groups)))
        curves = (curve_of_exits(part, interval, level, variance=variance) for part in parts)
        return dict(zip(episodes.groups, curves, strict=True))
    leaving = episodes.risk.leaving
    steps = _steps(leaving.at_risk, leaving.all_events, leaving.runs, variance)
    return _Curves(episodes.groups, leaving, *steps, level, interval)


def curve_of_exits(
    exits: Exits,
    interval: IntervalKind = "log-log",
    level: float = 0.95,
    *,
    variance: VarianceKind = "greenwood",
    start: float = 0,
) -> Curve:
    """Return the product-limit curve of `exits`, 1 at `start`."""
    steps = _steps(exits.at_risk, exits.events, Runs.of_sizes([exits.times.size]), variance)
    return Curve(exits, *steps, level, interval, start)


def _steps(at_risk: Ints, events: Ints, runs: Runs, variance: VarianceKind) -> tuple[Floats, Floats]:
    """S after each time and the standard error of its logarithm, of the curves of `runs`, one after the other."""
    n, d = at_risk.astype(np.float64), events.astype(np.float64)
    left = n - d
    with np.errstate(divide="ignore"):  # Greenwood's is infinite once nobody is left
        adds = d / (n * (left if variance == "greenwood" else n))
    return runs.products(left / n), np.sqrt(runs.sums(adds))


def survival_interval(
    survival: npt.ArrayLike, log_error: npt.ArrayLike, interval: IntervalKind, level: float
) -> tuple[Floats, Floats]:
    """Return the pointwise limits of survivals whose logarithms have these standard errors (R `survfit_confint`).

    NaN where the formula has no value. Raises `ValueError` for an unknown interval or a level outside (0, 1).
    """
    _refuse(interval, level)
    s = np.asarray(survival, np.float64)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        low, high = _LIMITS[interval](s, interval_z(level) * np.asarray(log_error))
    return low, high


def _refuse(interval: IntervalKind, level: float) -> None:
    if interval not in _LIMITS:
        raise ValueError(f"there is no interval {interval}; there are {', '.join(_LIMITS)}")
    if not 0 < level < 1:
        raise ValueError(f"not a confidence level: {level}")


def _plain(s: Floats, half: Floats) -> tuple[Floats, Floats]:
    return np.maximum(0, s - half * s), np.minimum(1, s + half * s)


def _log(s: Floats, half: Floats) -> tuple[Floats, Floats]:
    x = np.where(s == 0, np.nan, s)
    return x * np.exp(-half), np.minimum(1, x * np.exp(half))


def _log_log(s: Floats, half: Floats) -> tuple[Floats, Floats]:
    log = np.log(np.where((s == 0) | (s == 1), np.nan, s))
    theta = half / log  # negative: the lower end has the larger cumulative hazard
    return np.exp(log * np.exp(-theta)), np.exp(log * np.exp(theta))


def _logit(s: Floats, half: Floats) -> tuple[Floats, Floats]:
    odds = np.where((s == 0) | (s == 1), np.nan, s / (1 - s))
    factor = np.exp(half / (1 - s))
    return odds / (odds + factor), odds / (odds + 1 / factor)


def _arcsin(s: Floats, half: Floats) -> tuple[Floats, Floats]:
    x = np.where((s == 0) | (s == 1), np.nan, s)
    angle, width = np.arcsin(np.sqrt(x)), 0.5 * half * np.sqrt(x / (1 - x))
    return np.sin(np.maximum(0, angle - width)) ** 2, np.sin(np.minimum(np.pi / 2, angle + width)) ** 2


_LIMITS = {"log-log": _log_log, "log": _log, "plain": _plain, "logit": _logit, "arcsin": _arcsin}


def _optional(values: Floats) -> tuple[float | None, ...]:
    return tuple(None if x != x else x for x in values.tolist())


def _value(x: Any) -> float | None:
    return None if np.isnan(x) else float(x)
