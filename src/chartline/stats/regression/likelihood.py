"""The log partial likelihood of a Cox model with its gradient and information, at given coefficients.

In: risk sets and covariates. Out: what a Newton step needs, and the moments of the covariates at each event time, of
which residuals and baselines are made. No sum of squares per event time is formed: with g the weight of a row summed
over the times at which it is at risk, the information is the Gram matrix x' g x less products of first moments.

Rows with equal covariates are counted as one pattern where that is less work (`PatternLikelihood`): numbers at risk,
event times x patterns. Ties: Breslow, or Efron with `count` tied events as that many separate ones (R's coxph has case
weights, which under Efron's rule are not replication). Sources: Efron B. J Am Stat Assoc 1977;72:557-565; Therneau TM,
Grambsch PM. Modeling Survival Data. 2000, chapter 3.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from chartline.stats.episodes import Floats, Ints
from chartline.stats.regression.efron import Ties, efron_sums
from chartline.stats.regression.risk_sets import RiskSets, Runs

_WIDE = 12.0  # range of the linear predictor from which late entries are left out of sums, not subtracted
_DENSE = 300_000_000  # rows x event times up to which that is affordable
_LEAST = 1e-140  # the square of a sum must be a double too
_PIECE = 16_384  # rows that are worked on at once, so that they stay in the processor's cache


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The log partial likelihood, its gradient (k) and its negative second derivative (k x k)."""

    loglik: float
    score: Floats
    information: Floats


@dataclass(frozen=True, eq=False)
class Moments:
    """Sums over the risk sets at given coefficients, of 1 and of each covariate (1 + k), weighted by `risk` (units).

    `s` (1 + k) x T is of those at risk, `e` (1 + k) x tied times of those who have the event there; `log`, `q1`, `q2`
    (T) and `f1`, `f2`, `g2` (tied times) are the sums over tied events of `efron.TieSums`.
    """

    risk: Floats
    s: Floats
    e: Floats
    log: Floats
    q1: Floats
    q2: Floats
    f1: Floats
    f2: Floats
    g2: Floats
    wide: bool

    @property
    def within(self) -> bool:
        """Whether every sum, and its square, is a number of full precision."""
        least = min(float(self.s[0].min()), float(self.e[0].min(initial=1.0)))
        return least > _LEAST and float(self.s[0].max()) < 1 / _LEAST


@dataclass(frozen=True, eq=False)
class Likelihood:
    """Of the rows of `sets`, with covariates `xt` (k x rows) and an `offset` of the linear predictor (rows)."""

    sets: RiskSets
    xt: Floats
    ties: str = "efron"
    offset: Floats | None = None

    def evaluate(self, beta: Floats) -> Evaluation:
        """Return the log partial likelihood and its derivatives at `beta` (k); -inf where risks leave the doubles."""
        m = self.moments(beta)
        if not m.within:
            return Evaluation(-np.inf, np.zeros_like(beta), np.zeros((beta.size, beta.size)))
        score, information = self._gram(m)
        s1, e1 = m.s[1:], m.e[1:]
        information -= (s1 * m.q2) @ s1.T
        if m.f1.size:
            cross = (s1[:, self.tied] * m.f2) @ e1.T
            information += cross + cross.T - (e1 * m.g2) @ e1.T
        x, offset = self._events
        return Evaluation(float(x @ beta + offset - m.log.sum()), x - score, information)

    def moments(self, beta: Floats) -> Moments:
        """Return the sums over the risk sets at `beta`."""
        eta = beta @ self.xt if self.offset is None else beta @ self.xt + self.offset
        wide = self._wide(eta)
        risk, s, e = self._sums(np.exp(eta, out=eta), wide)
        d, log, q = self.sets.deaths, np.log(s[0]), 1 / s[0]
        none = np.empty(0)
        if not self.tied.size:
            return Moments(risk, s, e, d * log, d * q, d * q * q, none, none, none, wide)
        t = efron_sums(self._ties, s[0, self.tied], e[0])
        if self.tied.size == d.size:
            return Moments(risk, s, e, t.log, t.q1, t.q2, t.f1, t.f2, t.g2, wide)
        q1, q2 = q, q * q
        log[self.tied], q1[self.tied], q2[self.tied] = t.log, t.q1, t.q2
        return Moments(risk, s, e, log, q1, q2, t.f1, t.f2, t.g2, wide)

    @cached_property
    def tied(self) -> Ints:
        """The event times with several events, where Efron's rule is used."""
        return np.flatnonzero(self.sets.deaths > 1) if self.ties == "efron" else np.empty(0, np.int64)

    def worth(self, rate: Floats, less: Floats, *, wide: bool = False) -> Floats:
        """A rate (T, or T x m) summed over the event times at which each row is at risk, less (tied times, or
        tied times x m) what the row's own tied event takes off.
        """
        sets = self.sets
        if wide and sets.late.size:
            out = sets.over_time(rate, wide=True)
            if less.size:
                dying = np.flatnonzero(sets.event & np.isin(sets.slot // 2, self.tied))
                out[dying] -= less[np.searchsorted(self.tied, sets.slot[dying] // 2)]
            return out
        run = sets.running(rate)
        by_slot = np.repeat(run, 2, axis=0)
        if less.size:
            by_slot[2 * self.tied] -= less
        out = by_slot[sets.slot]
        if sets.late.size:
            out[sets.late] -= run[sets.first[sets.late] - 1]
        return out

    def _sums(self, hazard: Floats, wide: bool) -> tuple[Floats, Floats, Floats]:
        """Risk of each row, and 1 and the covariates weighted by it: over who is at risk, over who has a tied event."""
        sets, k = self.sets, self.xt.shape[0]
        hazard *= sets.count
        by_slot = np.zeros((k + 1, 2 * sets.times.size))
        for at, runs in self._pieces:
            block = np.empty((k + 1, at.stop - at.start))
            block[0] = hazard[at]
            np.multiply(self.xt[:, at], block[0], out=block[1:])
            by_slot[:, runs.labels] += np.add.reduceat(block, runs.starts, axis=1)
        if wide:
            s = sets.at_risk(np.vstack([hazard, self.xt * hazard]), wide=True)
        else:
            of_late = hazard[sets.late]
            s = sets.still(by_slot, np.vstack([of_late, self._late_x * of_late]))
        return hazard, s, by_slot[:, 2 * self.tied]

    def _gram(self, m: Moments) -> tuple[Floats, Floats]:
        """The covariates and their squares, weighted by risk and by what each row is worth over its time."""
        weight = self.worth(m.q1, m.f1, wide=m.wide)
        weight *= m.risk
        k = self.xt.shape[0]
        score, square = self.xt @ weight, np.zeros((k, k))
        for at, _ in self._pieces:
            x = self.xt[:, at]
            square += (x * weight[at]) @ x.T
        return score, square

    @cached_property
    def _pieces(self) -> list[tuple[slice, Runs]]:
        """The rows in pieces that fit the cache, with their runs of slots."""
        n, slot = self.sets.slot.size, self.sets.slot
        cuts: Iterator[int] = iter(range(0, n, _PIECE))
        pieces = [slice(a, min(a + _PIECE, n)) for a in cuts]
        return [(at, Runs.of(slot[at], 2 * self.sets.times.size)) for at in pieces]

    @cached_property
    def _late_x(self) -> Floats:
        return self.xt[:, self.sets.late]

    @cached_property
    def _ties(self) -> Ties:
        return Ties.of(self.sets.deaths[self.tied])

    @cached_property
    def _events(self) -> tuple[Floats, float]:
        """The covariates and the offsets summed over the events."""
        weight = self.sets.count * self.sets.event
        return self.xt @ weight, 0.0 if self.offset is None else float(self.offset @ weight)

    def _wide(self, eta: Floats) -> bool:
        sets = self.sets
        if not sets.late.size or sets.slot.size * sets.times.size > _DENSE:
            return False
        return bool(np.ptp(eta) > _WIDE)


@dataclass(frozen=True, eq=False)
class PatternLikelihood(Likelihood):
    """Of patterns: `xt` and `offset` are k x patterns, `pattern` is that of each row."""

    pattern: Ints | None = None

    def _sums(self, hazard: Floats, wide: bool) -> tuple[Floats, Floats, Floats]:
        block = np.vstack([hazard, self.xt * hazard])
        return hazard, block @ self._at_risk.T, block @ self._dying.T

    def _gram(self, m: Moments) -> tuple[Floats, Floats]:
        weight = m.q1 @ self._at_risk
        if m.f1.size:
            weight -= m.f1 @ self._dying
        weighted = self.xt * (weight * m.risk)
        return weighted.sum(axis=1), weighted @ self.xt.T

    @cached_property
    def _at_risk(self) -> Floats:
        """Subjects at risk, event times x patterns: whole numbers, exact."""
        sets, t, p = self.sets, self.sets.times.size, self.xt.shape[1]
        leave = np.bincount(sets.last * p + self.pattern, sets.count, (t + 1) * p)
        enter = np.bincount(sets.first * p + self.pattern, sets.count, (t + 1) * p)
        out: Floats = np.cumsum((enter - leave).reshape(t + 1, p), axis=0)[:t]
        return out

    @cached_property
    def _dying(self) -> Floats:
        """Events, tied times x patterns."""
        sets, p = self.sets, self.xt.shape[1]
        assert self.pattern is not None
        place = np.full(sets.times.size, -1)
        place[self.tied] = np.arange(self.tied.size)
        tied = np.flatnonzero(sets.event & (place[sets.slot // 2] >= 0))
        key = place[sets.slot[tied] // 2] * p + self.pattern[tied]
        return np.bincount(key, sets.count[tied], self.tied.size * p).reshape(-1, p).astype(np.float64)

    @cached_property
    def _events(self) -> tuple[Floats, float]:
        sets = self.sets
        assert self.pattern is not None
        weight = np.bincount(self.pattern, sets.count * sets.event, self.xt.shape[1])
        return self.xt @ weight, 0.0 if self.offset is None else float(self.offset @ weight)

    def _wide(self, eta: Floats) -> bool:
        return False
