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

from dataclasses import dataclass, field

import numpy as np

from chartline.stats.episodes import Floats, Ints
from chartline.stats.lazy import lazy
from chartline.stats.pieces import each, product, rows_alone, slices, square
from chartline.stats.regression.efron import Ties, efron_sums
from chartline.stats.regression.risk_sets import RiskSets, Runs

_WIDE = 12.0  # range of the linear predictor from which late entries are left out of sums, not subtracted
_DENSE = 300_000_000  # rows x event times up to which that is affordable
LEAST = 1e-140  # the square of a sum must be a double too


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The log partial likelihood, its gradient (k) and its negative second derivative (k x k)."""

    loglik: float
    score: Floats
    information: Floats

    @classmethod
    def nowhere(cls, beta: Floats) -> Evaluation:
        """Where risks leave the doubles."""
        return cls(-np.inf, np.zeros_like(beta), np.zeros((beta.size, beta.size)))

    @lazy
    def covariance(self) -> Floats:
        """The inverse of the information, NaN where there is none."""
        return inverse(self.information)


def inverse(matrix: Floats) -> Floats:
    """Return the inverse, NaN where there is none."""
    try:
        return np.asarray(np.linalg.inv(matrix))
    except np.linalg.LinAlgError:
        return np.full_like(matrix, np.nan)


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
        return least > LEAST and float(self.s[0].max()) < 1 / LEAST


@dataclass(frozen=True, eq=False)
class Likelihood:
    """Of the rows of `sets`, with covariates `xt` (k x rows) and an `offset` of the linear predictor (rows)."""

    sets: RiskSets
    xt: Floats
    ties: str = "efron"
    offset: Floats | None = None

    def evaluate(self, beta: Floats) -> Evaluation:
        """Return the log partial likelihood and its derivatives at `beta` (k); -inf where risks leave the doubles."""
        m = self._moments(beta, self._room)
        return self._evaluation(beta, m, *self._gram(m)) if m.within else Evaluation.nowhere(beta)

    def _evaluation(self, beta: Floats, m: Moments, score: Floats, information: Floats) -> Evaluation:
        """From the sums, and the covariates and their squares weighted by what each row is worth."""
        s1, e1 = m.s[1:], m.e[1:]
        information -= square(s1 * m.q2, s1)
        if m.f1.size:
            cross = square(s1[:, self.tied] * m.f2, e1)
            information += cross + cross.T - square(e1 * m.g2, e1)
        x, offset = self._events
        return Evaluation(float(x @ beta + offset - m.log.sum()), x - score, information)

    def moments(self, beta: Floats) -> Moments:
        """Return the sums over the risk sets at `beta`."""
        return self._moments(beta, np.empty(self.xt.shape[1]))

    def _moments(self, beta: Floats, risk: Floats) -> Moments:
        """As `moments`; the risks are written to `risk`."""
        return self._with_ties(risk, *self._sums(beta, risk))

    def _with_ties(self, risk: Floats, s: Floats, e: Floats, wide: bool) -> Moments:
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

    @lazy
    def spans(self) -> Floats:
        """The ranges of the covariates (k)."""
        return np.asarray(np.ptp(self.xt, axis=1))

    @lazy
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
        out = self._worth_by_slot(rate, less)[sets.slot]
        if sets.late.size:
            out[sets.late] -= sets.running(rate)[sets.first[sets.late] - 1]
        return out

    def _worth_by_slot(self, rate: Floats, less: Floats) -> Floats:
        """As `worth` for rows that are there from the start, one value a slot."""
        out = np.repeat(self.sets.running(rate), 2, axis=0)
        if less.size:
            out[2 * self.tied] -= less
        return np.asarray(out)

    @lazy
    def _room(self) -> Floats:
        """For the risks of one evaluation: memory that is used again is faster than new memory."""
        return np.empty(self.xt.shape[1])

    def _sums(self, beta: Floats, risk: Floats) -> tuple[Floats, Floats, bool]:
        """1 and the covariates weighted by risk, over who is at risk and over who has a tied event; and whether risks
        are so wide apart that late entries were left out, not taken off. The risk of each row is written to `risk`.
        """
        sets, wide = self.sets, False
        if sets.late.size:
            risk[:] = beta @ self.xt if self.offset is None else beta @ self.xt + self.offset
            wide = self._wide(risk)

        by_slot = self._summed(beta, risk)
        if wide:
            s = sets.at_risk(np.vstack([risk, self.xt * risk]), wide=True)
        else:
            of_late = risk[sets.late]
            s = sets.still(by_slot, np.vstack([of_late, self._late_x * of_late]))
        return s, by_slot[:, 2 * self.tied], wide

    def _summed(self, beta: Floats, risk: Floats) -> Floats:
        """1 and the covariates weighted by risk, over the rows of each label of the pieces: (1 + k) x labels."""
        sets, k = self.sets, self.xt.shape[0]

        def add(piece: tuple[slice, Runs]) -> Floats:
            at, runs = piece
            x, hazard = self.xt[:, at], risk[at]
            if not sets.late.size:
                np.einsum("k,kn->n", beta, x, out=hazard)
                if self.offset is not None:
                    hazard += self.offset[at]
            np.exp(hazard, out=hazard)
            if not sets.singly:
                hazard *= sets.count[at]
            return runs.weighted(x, hazard)

        sums = np.zeros((k + 1, self._pieces[0][1].size))
        for (_, runs), part in zip(self._pieces, each(add, self._pieces), strict=True):
            sums[:, runs.labels] += part
        return sums

    def _gram(self, m: Moments) -> tuple[Floats, Floats]:
        """The covariates and their squares, weighted by risk and by what each row is worth over its time."""
        late = self.sets.late.size > 0
        worth = self.worth(m.q1, m.f1, wide=m.wide) if late else self._worth_by_slot(m.q1, m.f1)

        def add(piece: tuple[slice, Runs]) -> tuple[Floats, Floats]:
            at, x = piece[0], self.xt[:, piece[0]]
            weight = (worth[at] if late else worth[self.sets.slot[at]]) * m.risk[at]
            weighted = x * weight
            return weighted.sum(axis=1), weighted @ x.T

        k = self.xt.shape[0]
        score, gram = np.zeros(k), np.zeros((k, k))
        for a, b in each(add, self._pieces):
            score += a
            gram += b
        return score, gram

    @lazy
    def _pieces(self) -> list[tuple[slice, Runs]]:
        """The rows in pieces that fit the cache, with their runs of slots."""
        slot, k = self.sets.slot, self.xt.shape[0]
        pieces = slices(slot.size, rows_alone(k * k))
        return [(at, Runs.of(slot[at], 2 * self.sets.times.size)) for at in pieces]

    @lazy
    def _late_x(self) -> Floats:
        return self.xt[:, self.sets.late]

    @lazy
    def _ties(self) -> Ties:
        return Ties.of(self.sets.deaths[self.tied])

    @lazy
    def _events(self) -> tuple[Floats, float]:
        """The covariates and the offsets summed over the events."""
        weight = self.sets.event.astype(np.float64) if self.sets.singly else self.sets.count * self.sets.event
        return self.xt @ weight, 0.0 if self.offset is None else float(self.offset @ weight)

    def _wide(self, eta: Floats) -> bool:
        sets = self.sets
        if not sets.late.size or sets.slot.size * sets.times.size > _DENSE:
            return False
        return bool(np.ptp(eta) > _WIDE)


@dataclass(frozen=True, eq=False)
class PatternLikelihood(Likelihood):
    """Of patterns: `xt` and `offset` are k x patterns; `at_risk` and `events` are subjects, patterns x event times."""

    at_risk: Floats = field(kw_only=True, repr=False)
    events: Floats = field(kw_only=True, repr=False)

    def _sums(self, beta: Floats, risk: Floats) -> tuple[Floats, Floats, bool]:
        np.exp(beta @ self.xt if self.offset is None else beta @ self.xt + self.offset, out=risk)
        block = np.vstack([risk, self.xt * risk])
        return product(block, self.at_risk), product(block, self._dying), False

    def _gram(self, m: Moments) -> tuple[Floats, Floats]:
        weight = np.einsum("pt,t->p", self.at_risk, m.q1)
        if m.f1.size:
            weight -= np.einsum("pt,t->p", self._dying, m.f1)
        weighted = self.xt * (weight * m.risk)
        return weighted.sum(axis=1), weighted @ self.xt.T

    @lazy
    def _dying(self) -> Floats:
        """Events, patterns x tied times."""
        return self.events if self.tied.size == self.sets.times.size else self.events[:, self.tied]

    @lazy
    def _events(self) -> tuple[Floats, float]:
        weight = self.events.sum(axis=1)
        return self.xt @ weight, 0.0 if self.offset is None else float(self.offset @ weight)
