"""Kaplan-Meier estimate from an EventTable, as R's `survival::survfit` gives it.

In: whole days with entries, events and censorings. Out: the step function with its Greenwood error and
pointwise intervals, survival at a time, quantiles with Brookmeyer-Crowley intervals, numbers at risk. The
work grows with the number of distinct days, never with patients.

Conventions (R survival 3.5): at risk at day t are those with entry < t <= exit; events precede censorings on
the same day; an interval is missing where its formula has no value (S = 0, and S = 1 on the log-log scale).
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Literal

from chartline.counts.model import EventTable
from chartline.stats.distributions import interval_z
from chartline.stats.statistic import Statistic

IntervalKind = Literal["log-log", "log", "plain"]
TOLERANCE = math.sqrt(2.220446049250313e-16)  # two survivals closer than this are equal (R quantile.survfit)

STATISTICS = (
    Statistic(
        name="survival",
        label="Kaplan-Meier survival at a time",
        takes="EventTable, all causes",
        gives="S(t) with Greenwood's error and a log-log, log or plain interval",
        reference="summary(survival::survfit(Surv(time, event) ~ 1, conf.type), times)",
        paper="Kaplan EL, Meier P. J Am Stat Assoc 1958;53:457-481; Kalbfleisch JD, Prentice RL. 1980 (log-log)",
    ),
    Statistic(
        name="median",
        label="Median survival time",
        takes="EventTable, all causes",
        gives="the time at which S is 0.5 (the mean of the flat part where S equals 0.5) with its interval",
        reference="quantile(survival::survfit(...), 0.5)",
        paper="Brookmeyer R, Crowley J. Biometrics 1982;38:29-41",
    ),
    Statistic(
        name="first_time",
        label="First time at which half have had the event",
        takes="EventTable, all causes",
        gives="the first day at which S is at most 0.5",
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


@dataclass(frozen=True)
class Curve:
    """A right-continuous step function on whole days, one step a distinct day of exit."""

    times_days: tuple[int, ...]
    survival: tuple[float, ...]
    lower: tuple[float | None, ...]
    upper: tuple[float | None, ...]
    std_error: tuple[float | None, ...]  # Greenwood, of S; None where S = 0
    at_risk: tuple[int, ...]  # at each of `times_days`
    events: tuple[int, ...]
    censored: tuple[int, ...]
    entries: tuple[tuple[int, int], ...]  # (day, patients entering), ascending
    level: float
    interval: IntervalKind

    @property
    def initial(self) -> float:
        """S before the first day."""
        return 1.0

    @property
    def censor_days(self) -> tuple[int, ...]:
        """Days on which somebody is censored."""
        return tuple(t for t, n in zip(self.times_days, self.censored, strict=True) if n)

    @property
    def n(self) -> int:
        return sum(k for _, k in self.entries)

    def n_risk(self, days: float) -> int:
        """Return the number with entry < `days` <= exit; those who enter at day 0 are at risk from day 0 on."""
        entered = sum(k for day, k in self.entries if day < days or day == 0)
        return entered - self._exits_before(days)

    def n_events(self, days: float) -> int:
        """Return the number of events up to and including `days`."""
        return self._cumulative_events[bisect_right(self.times_days, days)]

    def n_censored_before(self, days: float) -> int:
        """Return the number censored strictly before `days`."""
        i = bisect_left(self.times_days, days)
        return self._cumulative_exits[i] - self._cumulative_events[i]

    def survival_at(self, days: float) -> Estimate:
        """Return S(`days`), carried forward after the last day (R `summary.survfit(..., extend = TRUE)`).

        Before the first day S is 1; the interval is then missing on the log-log scale, as everywhere at S =
        1.
        """
        i = bisect_right(self.times_days, days) - 1
        if i < 0:
            ends = None if self.interval == "log-log" else 1.0
            return Estimate(1.0, ends, ends)
        return Estimate(self.survival[i], self.lower[i], self.upper[i])

    def reaches(self, days: float) -> bool:
        """True where S(`days`) is estimated:

        somebody was followed that long, or nobody was left to follow.
        """
        return bool(self.times_days) and (days <= self.times_days[-1] or self.survival[-1] == 0)

    def quantile(self, p: float) -> Estimate:
        """Return the time in days at which the share `p` has had the event: S = 1 - p (R `quantile.survfit`).

        Where S equals 1 - p on a flat part it is the middle of that part. The interval is the times at which
        the lower and the upper band cross 1 - p (Brookmeyer and Crowley); None is "not reached".
        """
        return Estimate(self._crossing(self.survival, p), self._crossing(self.lower, p), self._crossing(self.upper, p))

    def first_time(self, survival: float) -> int | None:
        """Return the first day on which S is at most `survival`, or None."""
        hits = (t for t, s in zip(self.times_days, self.survival, strict=True) if s <= survival + TOLERANCE)
        return next(hits, None)

    def _crossing(self, band: Sequence[float | None], p: float) -> float | None:
        """R's rule on one band: the first step above p, averaged with the first step clearly above p."""
        steps = {0.0: 0}  # 1 - S -> the first day it is taken
        for t, s in zip(self.times_days, band, strict=True):
            if s is not None:
                steps.setdefault(1 - s, t)
        first = min((f for f in steps if f + TOLERANCE >= p), default=None)
        if first is None:
            return None
        after = min((f for f in steps if f - TOLERANCE >= p), default=None)
        if after is None:  # nothing above p: if the band ends at p itself, the flat part runs to the end of follow-up
            ends_at_p = band[-1] is not None and abs(p - (1 - band[-1])) < TOLERANCE
            return (steps[first] + self.times_days[-1]) / 2 if ends_at_p else None
        return (steps[first] + steps[after]) / 2

    @cached_property
    def _cumulative_events(self) -> list[int]:
        return [0, *accumulate(self.events)]

    @cached_property
    def _cumulative_exits(self) -> list[int]:
        return [0, *accumulate(e + c for e, c in zip(self.events, self.censored, strict=True))]

    def _exits_before(self, days: float) -> int:
        return self._cumulative_exits[bisect_left(self.times_days, days)]


def estimate_curve(table: EventTable, interval: IntervalKind = "log-log", level: float = 0.95) -> Curve:
    """Return the Kaplan-Meier curve of everyone in `table`, all causes together.

    Raises `ValueError` where more leave than are at risk (someone entered on or after the day of leaving).
    """
    days = sorted((day, row) for (_, day), row in table.select(()).rows.items())
    entries = tuple((day, row[0]) for day, row in days if row[0])
    exits = [(day, row[1], sum(row[2:])) for day, row in days if any(row[1:])]
    at_risk = _numbers_at_risk(entries, exits)
    survival, log_variance = _product_limit(at_risk, [d for _, _, d in exits])
    z = interval_z(level)
    bands = [_band(s, v, z, interval) for s, v in zip(survival, log_variance, strict=True)]
    return Curve(
        times_days=tuple(day for day, _, _ in exits),
        survival=tuple(survival),
        lower=tuple(lo for lo, _ in bands),
        upper=tuple(hi for _, hi in bands),
        std_error=tuple(
            None if math.isinf(v) else s * math.sqrt(v) for s, v in zip(survival, log_variance, strict=True)
        ),
        at_risk=tuple(at_risk),
        events=tuple(d for _, _, d in exits),
        censored=tuple(c for _, c, _ in exits),
        entries=entries,
        level=level,
        interval=interval,
    )


def _numbers_at_risk(entries: Sequence[tuple[int, int]], exits: Sequence[tuple[int, int, int]]) -> list[int]:
    """At each day of exit: entered before (or at day 0) minus left before."""
    out, inside, next_entry = [], 0, 0
    for day, censored, events in exits:
        while next_entry < len(entries) and (entries[next_entry][0] < day or entries[next_entry][0] == 0):
            inside += entries[next_entry][1]
            next_entry += 1
        if censored + events > inside:
            raise ValueError(f"on day {day} {censored + events} leave and only {inside} are at risk")
        out.append(inside)
        inside -= censored + events
    return out


def _product_limit(at_risk: Sequence[int], events: Sequence[int]) -> tuple[list[float], list[float]]:
    """S after each day, and Greenwood's variance of log S (infinite once S is 0)."""
    s, variance = 1.0, 0.0
    survival, log_variance = [], []
    for n, d in zip(at_risk, events, strict=True):
        if d:
            s *= (n - d) / n
            variance = math.inf if n == d else variance + d / (n * (n - d))
        survival.append(s)
        log_variance.append(variance)
    return survival, log_variance


def _band(s: float, log_variance: float, z: float, interval: IntervalKind) -> tuple[float | None, float | None]:
    """The pointwise interval of one step; log and plain are cut at 0 and 1, as survfit cuts them."""
    if s == 0 or (s == 1 and interval == "log-log"):
        return None, None
    half = z * math.sqrt(log_variance)
    if interval == "plain":
        return max(0.0, s - half * s), min(1.0, s + half * s)
    if interval == "log":
        return s * math.exp(-half), min(1.0, s * math.exp(half))
    theta = half / math.log(s)  # negative: the lower end has the larger cumulative hazard
    return math.exp(math.log(s) * math.exp(-theta)), math.exp(math.log(s) * math.exp(theta))
