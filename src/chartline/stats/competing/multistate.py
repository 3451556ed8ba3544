"""Aalen-Johansen for any states: who is where by a day, how fast they move, how long they stay.

In: Episodes whose groups are the states people are in and whose causes are the states they go to (a row of group "in
remission" that ends with cause "dead" is that transition). Out: probabilities of every state with standard errors and
intervals, cumulative hazards of every transition, expected days in each state, counts of transitions, numbers at
risk. The product of one matrix a day runs over distinct days of transitions, whatever the number of subjects.

Variances: "greenwood" (default: moves on a day are multinomial; `mstate` with vartype and method "greenwood", exact
without ties of the truth) and "aalen" (`mstate`'s own default) need counts only and take the process as Markov;
"jackknife" (R `survival::survfit`, the sum of squared influences) needs `cluster` to say which rows are one subject and
costs subjects x days. All three take the shares of the states at the start as estimated, where several are found;
survfit 3.5 takes them as known if everybody begins at time 0 (its `sp0` is 0), so that its errors are then smaller.
With one state to start from and no late entry into competing causes, greenwood and jackknife are equal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chartline.stats.competing.bands import IntervalKind, probability_band
from chartline.stats.competing.state_counts import numbers_in_states, states_of
from chartline.stats.competing.state_product import StateVariance, influences, product_limit
from chartline.stats.competing.totals import totals
from chartline.stats.episodes import Episodes, Floats, Ints
from chartline.stats.risk import RiskTable
from chartline.stats.statistic import NotEstimable, Statistic

Move = tuple[str, str]

STATISTICS = (
    Statistic(
        name="state_probability",
        label="Probability of a state at a time",
        takes="Episodes or EventTable: groups are present states, causes the states moved to",
        gives="P(in the state at t), standard error and log-log, log or plain interval",
        reference="mstate::probtrans(mstate::msfit(...)); survival::survfit(Surv(time, to) ~ 1, istate, id)",
        paper="Aalen OO, Johansen S. Scand J Stat 1978;5:141-150; de Wreede LC et al. J Stat Softw 2011;38(7)",
    ),
    Statistic(
        name="transition_hazard",
        label="Cumulative transition hazard",
        takes="Episodes or EventTable: groups are present states, causes the states moved to",
        gives="the Nelson-Aalen estimate of each transition with Aalen's or Greenwood's error",
        reference="mstate::msfit(coxph(Surv(Tstart, Tstop, status) ~ strata(trans)), vartype)",
        paper="Aalen OO. Ann Stat 1978;6:534-545",
    ),
    Statistic(
        name="length_of_stay",
        label="Expected time in a state",
        takes="Episodes or EventTable: groups are present states, causes the states moved to",
        gives="mean days in each state up to a day, with its standard error",
        reference="mstate::ELOS; summary(survival::survfit(...), rmean)$table",
        paper="Beyersmann J, Putter H. Stat Med 2014;33:3957-3969",
    ),
)


@dataclass(frozen=True, eq=False)
class StatesAt:
    """Rows of days, columns of states; `reached` is False where nobody was followed that long."""

    days: Floats
    probability: Floats
    std_error: Floats
    lower: Floats
    upper: Floats
    at_risk: Ints
    reached: npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Stay:
    """Expected days in each state from `since` to `until`."""

    states: tuple[str, ...]
    since: float
    until: float
    days: Floats
    std_error: Floats


@dataclass(frozen=True, eq=False)
class Hazard:
    """The cumulative hazard of one transition at `times_days`, with both standard errors of mstate::msfit."""

    estimate: Floats
    aalen: Floats
    greenwood: Floats


@dataclass(frozen=True, eq=False)
class StateProbabilities:
    """Right-continuous step functions; rows are the distinct days of leaving after `since`, columns `states`.

    `start` is the distribution at `since`. `moves` and `hazards` have one entry for each transition that occurs.
    """

    states: tuple[str, ...]
    times_days: Floats
    probability: Floats
    std_error: Floats
    lower: Floats
    upper: Floats
    at_risk: Ints
    moves: Mapping[Move, Ints]
    hazards: Mapping[Move, Hazard]
    start: Floats
    start_error: Floats
    since: float
    level: float
    interval: IntervalKind
    variance: StateVariance
    stay: tuple[Floats, ...]  # days in each state, its variance, its covariance with the state, after each row
    entries: tuple[Floats, Ints]  # days of entry and the state entered, one a row of the episodes
    exits: tuple[Floats, Ints, Ints]

    def at(self, days: npt.ArrayLike) -> StatesAt:
        """Return every state at `days` (not before `since`), carried forward after the last day.

        Raises `ValueError` for a day before `since`.
        """
        when = np.atleast_1d(np.asarray(days, np.float64))
        if np.any(when < self.since):
            raise ValueError(f"a day lies before {self.since:g}")
        step = np.searchsorted(self.times_days, when, side="right")
        first = probability_band(self.start, self.start_error, self.interval, self.level)
        pairs = ((self.start, self.probability), (self.start_error, self.std_error), (first[0], self.lower),
                 (first[1], self.upper))  # fmt: skip
        p, error, lower, upper = (np.vstack([before[None, :], after])[step] for before, after in pairs)
        last = self.times_days[-1] if self.times_days.size else self.since
        reached = (when <= last) | self._ended()
        return StatesAt(when, p, error, lower, upper, self.n_risk(when), reached)

    def n_risk(self, days: npt.ArrayLike) -> Ints:
        """Return the numbers in each state with entry < day <= exit (day 0: those there from the start)."""
        when = np.atleast_1d(np.asarray(days, np.float64))
        return numbers_in_states(self.entries, self.exits, when, len(self.states))

    def length_of_stay(self, until: float) -> Stay:
        """Return the mean days in each state from `since` to `until` (mstate::ELOS, survfit's rmean).

        Its error follows the variance of the probabilities. Raises `NotEstimable` where nobody was
        followed to `until`, `ValueError` for an `until` before `since`.
        """
        if until < self.since:
            raise ValueError(f"{until:g} lies before {self.since:g}")
        if not self.times_days.size or (until > self.times_days[-1] and not self._ended()):
            raise NotEstimable(f"nobody was followed to day {until:g}")
        k = int(np.searchsorted(self.times_days, until, side="right"))
        mean, spread, joint = (np.vstack([np.zeros((1, len(self.states))), x])[k] for x in self.stay)
        gap = until - (self.times_days[k - 1] if k else self.since)
        p = self.probability[k - 1] if k else self.start
        error = self.std_error[k - 1] if k else self.start_error
        square = np.maximum(spread + 2 * gap * joint + gap**2 * error**2, 0.0)
        return Stay(self.states, self.since, until, mean + gap * p, np.sqrt(square))

    def _ended(self) -> bool:
        """Everyone is in a state from which nobody was seen to move."""
        leaves = {a for a, _ in self.moves}
        alive = [s in leaves for s in self.states]
        return bool(self.probability.size and np.all(self.probability[-1][alive] <= 0))


def estimate_states(
    episodes: Episodes, *, states: Sequence[str] | None = None, start: str | None = None, since: float = 0.0,
    interval: IntervalKind = "log-log", level: float = 0.95, variance: StateVariance = "greenwood",
) -> StateProbabilities:  # fmt: skip
    """Estimate the probabilities of every state at each day after `since`.

    `states` names and orders them (default: those nobody comes to, those one passes, those one
    stays in). `start` is the state at `since`;
    without it the distribution of those at risk just after `since`, as it was observed. Raises `NotEstimable` where
    nobody is at risk then, `ValueError` for states that do not fit.
    """
    names, here, to = states_of(episodes, states)
    keep = (episodes.count > 0) & (episodes.exit > since if since > 0 else True)
    rows, here, to = episodes.select(keep), here[keep], to[keep]
    size = len(names)
    p, spread, who = _start(rows, here, names, start, since)
    table = RiskTable.of(rows, here, size)
    moves = _moves(rows, here, to, table.times, size)
    y = table.at_risk.astype(np.float64)
    rate = np.divide(moves, y[:, :, None], out=np.zeros_like(moves), where=moves > 0)
    stays = 1 - rate.sum(axis=2)
    matrix = rate.copy()
    matrix[:, np.arange(size), np.arange(size)] += stays
    if variance == "jackknife":
        probability, error, stay = influences(rows, here, to, table, matrix, p, who, since)
    else:
        probability, error, stay = product_limit(matrix, rate, y, table.times, p, spread, since, variance)
    pairs = [(j, k) for j in range(size) for k in range(size) if moves[:, j, k].any()]
    return StateProbabilities(
        names, table.times, probability, error, *probability_band(probability, error, interval, level),
        at_risk=table.at_risk, moves={(names[j], names[k]): moves[:, j, k].astype(np.int64) for j, k in pairs},
        hazards={(names[j], names[k]): _hazard(moves[:, j, k], y[:, j]) for j, k in pairs},
        start=p, start_error=np.sqrt(np.diag(spread)), since=since, level=level, interval=interval, variance=variance,
        stay=stay, entries=(rows.entry, here), exits=(rows.exit, here, rows.count),
    )  # fmt: skip


def _start(
    rows: Episodes, here: Ints, names: tuple[str, ...], start: str | None, since: float
) -> tuple[Floats, Floats, npt.NDArray[np.bool_] | None]:
    """The distribution at `since`, its covariance, and who makes it up (None where it is given)."""
    size = len(names)
    if start is not None:
        if start not in names:
            raise ValueError(f"there is no state {start}; there are {', '.join(names)}")
        return np.array([float(s == start) for s in names]), np.zeros((size, size)), None
    there = rows.entry <= since if since > 0 else np.isneginf(rows.entry)
    n = totals(here[there], rows.count[there], size)
    if not n.sum():
        raise NotEstimable(f"nobody is at risk just after day {since:g}")
    p = n / n.sum()
    return p, (np.diag(p) - np.outer(p, p)) / n.sum(), there


def _moves(rows: Episodes, here: Ints, to: Ints, times: Floats, size: int) -> Floats:
    """How many move, times x from x to."""
    ends = np.flatnonzero(to)
    key = (np.searchsorted(times, rows.exit[ends]) * size + here[ends]) * size + to[ends] - 1
    return totals(key, rows.count[ends], times.size * size * size).reshape(times.size, size, size)


def _hazard(moves: Floats, y: Floats) -> Hazard:
    share = np.divide(moves, y, out=np.zeros_like(moves), where=moves > 0)
    each = np.divide(share, y, out=np.zeros_like(moves), where=moves > 0)
    return Hazard(np.cumsum(share), np.sqrt(np.cumsum(each)), np.sqrt(np.cumsum(each * (1 - share))))
