"""What every test of curves reads: at each time with an event, who is at risk and who has it, by group.

In: Episodes. Out: one row a distinct time of an event in each stratum, with numbers at risk and events a group. Times
at which somebody leaves without the event may be among them: with no event they add nothing to any of the tests, and
to pick them out takes longer. The work is one sort of the rows.

Conventions as in `stats/episodes.py`: at risk at t are those with entry < t <= exit, each row counting `count` times.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from chartline.stats.design import constant
from chartline.stats.episodes import Episodes, Floats, Ints
from chartline.stats.lazy import lazy
from chartline.stats.risk import distinct, together


@dataclass(frozen=True, eq=False)
class EventTimes:
    """`R` rows, ordered by stratum and time; `at_risk` and `events` are R x groups, `n` and `d` the same of all groups
    together, whole numbers as floats.

    As in a `RiskTable` a group is in one piece of memory, so that tables are worked on the other way round.
    """

    stratum: Ints
    time: Floats
    at_risk: Floats
    events: Floats
    n: Floats
    d: Floats

    @classmethod
    def of(cls, episodes: Episodes, *, cause: str | int | None = None, stratified: bool = True) -> EventTimes:
        """Count the rows of `episodes`; ends by other causes than `cause` are censored.

        Raises `ValueError` for a cause that there is not.
        """
        if not stratified or len(episodes.strata) == 1:
            return cls._of_risk(episodes, cause)
        groups, hits = len(episodes.groups), episodes.events_of(cause)
        times, of_exit = distinct(episodes.exit)
        # a row of the table is (stratum, time). Everyone who enters a stratum leaves it, so that the running totals
        # over all rows are back at 0 where the next stratum begins
        keys, row = _distinct(episodes.stratum * times.size + of_exit)
        first = np.searchsorted(times, episodes.entry, side="right")  # the first time above the entry
        entered = _total(np.searchsorted(keys, episodes.stratum * times.size + first), episodes, keys.size)
        left = _total(row, episodes, keys.size)
        events = np.bincount(
            row[hits] * groups + episodes.group[hits], weights=episodes.count[hits], minlength=keys.size * groups
        ).reshape(keys.size, groups)
        at_risk = np.cumsum(entered, axis=0) - np.cumsum(left, axis=0) + left
        n, d = at_risk.sum(axis=1), events.sum(axis=1)
        kept = d > 0
        stratum_of, time_of = np.divmod(keys[kept], max(times.size, 1))
        return cls(stratum_of, times[time_of], at_risk[kept], events[kept], n[kept], d[kept])

    @classmethod
    def _of_risk(cls, episodes: Episodes, cause: str | int | None) -> EventTimes:
        """All strata together: from the numbers at risk by group, which others read too."""
        risk, kinds = episodes.risk, episodes.kinds_of(cause)
        numbers = risk.numbers.astype(np.float64)
        both = numbers.sum(axis=1)
        events, d = together(numbers[1:-1][kinds]), together(both[1:-1][kinds])
        return cls(constant(0, risk.times.size), risk.times, numbers[-1].T, events.T, both[-1], d)

    @lazy
    def expected(self) -> Floats:
        """The events that each group would have if all had its hazard in common, R x groups."""
        return (self.d * self.shares.T).T

    @lazy
    def spread(self) -> Floats:
        """(n - d) / (n - 1), by which the hypergeometric variance is less than that of d draws; 0 where one is left."""
        return (self.n - self.d) / np.maximum(self.n - 1, 1)

    @lazy
    def shares(self) -> Floats:
        """The share of each group in those at risk, R x groups."""
        return (self.at_risk.T / self.n).T

    @lazy
    def survival_before(self) -> Floats:
        """Kaplan-Meier estimate of everyone in the stratum just before each time, S(t-), as R `survdiff` has it."""
        return self._running(1 - self.d / self.n, before=True)

    @lazy
    def survival_peto(self) -> Floats:
        """Peto and Peto's estimate: the product of 1 - d / (n + 1) up to and with each time."""
        return self._running(1 - self.d / (self.n + 1), before=False)

    def _running(self, factors: Floats, *, before: bool) -> Floats:
        """Products of `factors` along the times of each stratum, with or without the time itself."""
        out = np.ones_like(factors)
        bounds = np.flatnonzero(np.diff(self.stratum, prepend=-1, append=-1))
        for a, b in pairwise(bounds.tolist()):
            if before:
                np.cumprod(factors[a : b - 1], out=out[a + 1 : b])
            else:
                np.cumprod(factors[a:b], out=out[a:b])
        return out


def _distinct(codes: Ints) -> tuple[Ints, Ints]:
    """`np.unique` with the inverse; without its sort where the codes are not much more than the rows."""
    span = int(codes.max(initial=-1)) + 1
    if span > 4 * codes.size + 1_000_000:
        keys, row = np.unique(codes, return_inverse=True)
        return keys, row.reshape(-1)
    there = np.zeros(span, bool)
    there[codes] = True
    return np.flatnonzero(there), (np.cumsum(there) - 1)[codes]


def _total(row: Ints, episodes: Episodes, rows: int) -> Floats:
    """Whole-number totals of `count` by row and group, exact below 2^53."""
    groups = len(episodes.groups)
    key = row * groups + episodes.group
    total = np.bincount(key, weights=episodes.count.astype(np.float64), minlength=rows * groups)
    return np.asarray(total.reshape(rows, groups))
