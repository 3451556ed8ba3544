"""The log partial likelihood of a Cox model with its gradient and information, at given coefficients.

In: risk sets and covariates. Out: what a Newton step needs, and the moments of the covariates at each event time, of
which residuals and baselines are made. No sum of squares per event time is formed: with g the weight of a row summed
over the times at which it is at risk, the information is the Gram matrix x' g x less products of first moments.

Rows with equal covariates are counted as one pattern where that is less work: numbers at risk, event times x patterns.
Ties: Breslow, or Efron with `count` tied events as that many separate ones (R's coxph has case weights, which under
Efron's rule are not replication). Sources: Efron B. J Am Stat Assoc 1977;72:557-565; Therneau TM, Grambsch PM.
Modeling Survival Data. 2000, chapter 3.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from chartline.stats.episodes import Episodes, Floats, Ints
from chartline.stats.regression.efron import Ties, efron_sums
from chartline.stats.regression.risk_sets import RiskSets

_WIDE = 12.0  # range of the linear predictor from which late entries are left out of sums, not subtracted
_DENSE = 300_000_000  # rows x event times up to which that is affordable
_MANY = 4096  # rows from which it is worth looking for equal covariates
_CODES = 1 << 20  # codes that whole-number covariates may need together


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


@dataclass(frozen=True, eq=False)
class Likelihood:
    """`xt` is k x units; a unit is a row of `sets`, or a pattern if `numbers` (T x patterns at risk) is given.

    `unit` is the pattern of each row, `offset` is added to the linear predictor of each unit.
    """

    sets: RiskSets
    xt: Floats
    ties: str = "efron"
    unit: Ints | None = None
    numbers: Floats | None = None
    offset: Floats | None = None
    _work: list[Floats] = field(default_factory=list)

    @classmethod
    def of(cls, episodes: Episodes, sets: RiskSets, ties: str, centre: Floats, scale: Floats) -> Likelihood:
        """Return the likelihood of the covariates (x - centre) / scale, by patterns where that is less work."""
        found = _patterns(episodes, sets)
        if found is None:
            x = episodes.design[episodes.pattern[sets.row]]
            return cls(sets, np.ascontiguousarray(((x - centre) / scale).T), ties)
        unit, design = found
        return cls(sets, np.ascontiguousarray(((design - centre) / scale).T), ties, unit, _numbers(sets, unit, design))

    def evaluate(self, beta: Floats) -> Evaluation:
        """Return the log partial likelihood and its derivatives at `beta` (k)."""
        m = self.moments(beta)
        loglik = float(self._event_x @ beta + self._event_offset - m.log.sum())
        weighted = self._work[0][1:]  # the covariates times risk, as `moments` left them
        weighted *= self._back(m.q1, m.f1, beta)
        score = self._event_x - weighted.sum(axis=1)
        s1, e1 = m.s[1:], m.e[1:]
        information = weighted @ self.xt.T - (s1 * m.q2) @ s1.T
        if e1.shape[1]:
            cross = (s1[:, self.tied] * m.f2) @ e1.T
            information += cross + cross.T - (e1 * m.g2) @ e1.T
        return Evaluation(loglik, score, information)

    def moments(self, beta: Floats) -> Moments:
        """Return the sums over the risk sets at `beta`."""
        eta = beta @ self.xt if self.offset is None else beta @ self.xt + self.offset
        risk = np.exp(eta, out=eta)
        if self.numbers is None:
            risk *= self.sets.count
        block = self._block(risk)
        s = block @ self.numbers.T if self.numbers is not None else self.sets.at_risk(block, wide=self._wide(beta))
        d, q = self.sets.deaths, 1 / s[0]
        none = np.empty(0)
        if not self.tied.size:
            return Moments(risk, s, np.empty((s.shape[0], 0)), d * np.log(s[0]), d * q, d * q * q, none, none, none)
        e = self._dying(block)
        t = efron_sums(self._ties, s[0, self.tied], e[0])
        log, q1, q2 = np.log(s[0]), q, q * q
        log[self.tied], q1[self.tied], q2[self.tied] = t.log, t.q1, t.q2
        return Moments(risk, s, e, log, q1, q2, t.f1, t.f2, t.g2)

    @cached_property
    def tied(self) -> Ints:
        """The event times with several events, where Efron's rule is used."""
        return np.flatnonzero(self.sets.deaths > 1) if self.ties == "efron" else np.empty(0, np.int64)

    @cached_property
    def dying(self) -> Ints:
        """The rows that have the event at a tied time."""
        tied = np.zeros(self.sets.times.size, bool)
        tied[self.tied] = True
        return np.flatnonzero(self.sets.event & tied[self.sets.last - 1])

    @cached_property
    def _ties(self) -> Ties:
        return Ties.of(self.sets.deaths[self.tied])

    @cached_property
    def of_dying(self) -> Ints:
        """Which of the tied times each dying row has its event at."""
        return np.searchsorted(self.tied, self.sets.last[self.dying] - 1)

    @cached_property
    def _dying_numbers(self) -> Floats:
        """Events by tied time and pattern."""
        assert self.unit is not None
        shape = self.tied.size, self.xt.shape[1]
        key = self.of_dying * shape[1] + self.unit[self.dying]
        return np.bincount(key, self.sets.count[self.dying], shape[0] * shape[1]).reshape(shape).astype(np.float64)

    @cached_property
    def _dying_starts(self) -> Ints:
        return np.searchsorted(self.of_dying, np.arange(self.tied.size))

    @cached_property
    def _event_x(self) -> Floats:
        """The covariates summed over the events."""
        rows = np.flatnonzero(self.sets.event)
        out: Floats = self.xt[:, rows if self.unit is None else self.unit[rows]] @ self.sets.count[rows]
        return out

    @cached_property
    def _event_offset(self) -> float:
        if self.offset is None:
            return 0.0
        rows = np.flatnonzero(self.sets.event)
        return float(self.offset[rows if self.unit is None else self.unit[rows]] @ self.sets.count[rows])

    def _block(self, risk: Floats) -> Floats:
        """Risk, and each covariate times risk, in one array that is used again (1 + k) x units."""
        if not self._work:
            self._work.append(np.empty((self.xt.shape[0] + 1, self.xt.shape[1])))
        block = self._work[0]
        block[0] = risk
        np.multiply(self.xt, risk, out=block[1:])
        return block

    def _dying(self, block: Floats) -> Floats:
        if self.numbers is not None:
            return block @ self._dying_numbers.T
        out: Floats = np.add.reduceat(block[:, self.dying], self._dying_starts, axis=1)
        return out

    def _back(self, q1: Floats, f1: Floats, beta: Floats) -> Floats:
        """What a unit is worth over its time at risk: q1 at each event time, less f1 where it has a tied event."""
        if self.numbers is not None:
            out: Floats = q1 @ self.numbers
            return out - f1 @ self._dying_numbers if f1.size else out
        out = self.sets.over_time(q1, wide=self._wide(beta))
        if f1.size:
            out[self.dying] -= f1[self.of_dying]
        return out

    def _wide(self, beta: Floats) -> bool:
        sets = self.sets
        if not sets.late.size or sets.last.size * sets.times.size > _DENSE:
            return False
        eta = beta @ self.xt if self.offset is None else beta @ self.xt + self.offset
        return bool(np.ptp(eta) > _WIDE)


def _patterns(episodes: Episodes, sets: RiskSets) -> tuple[Ints, Floats] | None:
    """The pattern of each row and the covariates of each pattern, if counting patterns is less work than rows."""
    n, room = sets.row.size, 8 * sets.row.size // sets.times.size
    pattern = episodes.pattern[sets.row]
    if episodes.design.shape[0] <= room:
        return pattern, episodes.design
    if n < _MANY:
        return None
    code = _coded(episodes.design, room)
    if code is None:
        return None
    there = np.zeros(int(code.max()) + 1, bool)
    there[code[pattern]] = True
    example = np.empty(there.size, np.int64)
    example[code] = np.arange(code.size)
    return (np.cumsum(there) - 1)[code[pattern]], episodes.design[example[there]]


def _coded(design: Floats, room: int) -> Ints | None:
    """One whole number for each row of covariates, if all covariates are whole numbers of few values."""
    sample = design[: _MANY // 4]
    if np.any(sample != np.floor(sample)) or len(np.unique(sample, axis=0)) > room:
        return None
    low = design.min(axis=0)
    widths = design.max(axis=0) - low + 1
    if float(np.prod(widths)) > _CODES or np.any(design != np.floor(design)):
        return None
    steps = np.concatenate([[1.0], np.cumprod(widths)[:-1]])
    code = (design @ steps - low @ steps).astype(np.int64)
    return code if np.count_nonzero(np.bincount(code)) <= room else None


def _numbers(sets: RiskSets, unit: Ints, design: Floats) -> Floats:
    """Subjects at risk, event times x patterns: whole numbers, exact."""
    t, p = sets.times.size, design.shape[0]
    leave = np.bincount(sets.last * p + unit, sets.count, (t + 1) * p)
    enter = np.bincount(sets.first * p + unit, sets.count, (t + 1) * p)
    out: Floats = np.cumsum((enter - leave).reshape(t + 1, p), axis=0)[:t]
    return out
