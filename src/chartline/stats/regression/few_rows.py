"""The log partial likelihood of few rows, by running sums: where all fits the cache, fewer steps beat less work.

In: risk sets of one stratum in which everybody is there from the start. Out: as `likelihood.py`. The rows come in the
order in which they leave, so that who is at risk is everybody from some place on. Each event is a term of its own: with
S of those at risk and E of the d who have the event at a time, u = S - E l / d for l = 0, ..., d - 1 is read from the
running sums at two places, before and after the d.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from chartline.stats.episodes import Episodes, Floats, Ints
from chartline.stats.lazy import lazy
from chartline.stats.pieces import square
from chartline.stats.regression.likelihood import LEAST, Evaluation, Likelihood
from chartline.stats.regression.risk_sets import FEW, RiskSets

_RUN = 16  # neighbours that one product sums
_FROM = np.tril(np.ones((_RUN, _RUN)))


def are_few(episodes: Episodes, sets: RiskSets) -> bool:
    """Return whether `FewRowsLikelihood` is for these risk sets."""
    plain = len(episodes.strata) == 1 and not episodes.late
    return plain and max(sets.row.size, sets.events) <= FEW


def make_room(k: int, n: int) -> Floats:
    """Return a row of ones and `k` rows for covariates, `n` entries and then zeros, one or more, to whole runs."""
    room = np.empty((1 + k, n + _RUN - n % _RUN))
    room[:, n:] = 0
    room[0, :n] = 1
    return room


@dataclass(frozen=True, eq=False)
class _Terms:
    """The terms, those of untied times first, and where each finds its sums among the running ones."""

    places: Ints  # of S for each term, then of S - E for each tied one
    n: int
    untied: int
    share: Floats  # l / d of each tied term
    starts: Ints  # where the tied terms of each time begin among the tied ones
    by_time: Ints  # the terms, first to last
    ends: Ints  # of the tied times: the last of its terms by time
    of_row: Ints  # of each row: the last term by time that it is at risk at, or n + i where it has the i-th tied event

    @classmethod
    def of(cls, sets: RiskSets, tied: Ints) -> _Terms:
        events, n = sets.deaths.astype(np.int64), int(sets.events)
        last, d = events.cumsum() - 1, events.take(tied)
        starts = d.cumsum() - d
        time = np.arange(events.size).repeat(events)
        several = np.zeros(events.size, bool)
        several[tied] = True
        in_tie = several.take(time)
        by_kind = np.concatenate(((~in_tie).nonzero()[0], in_tie.nonzero()[0]))
        by_time = np.empty_like(by_kind)
        by_time[by_kind] = np.arange(n)
        untied, slot = n - int(d.sum()), 2 * time.take(by_kind)
        share = (np.arange(n - untied) - starts.repeat(d)) / d.repeat(d)
        leaving = np.bincount(sets.slot, minlength=2 * events.size)
        place = leaving.cumsum() - leaving
        of_slot = last.repeat(2)
        of_slot[2 * tied] = np.arange(n, n + tied.size)
        places = place.take(np.concatenate((slot, slot[untied:] + 1)))
        return cls(places, n, untied, share, starts, by_time, last.take(tied), of_slot.take(sets.slot))


@dataclass(frozen=True, eq=False)
class FewRowsLikelihood(Likelihood):
    """`rows` are of `make_room`, and `xt` is the part of it that holds the covariates. There is no `offset`."""

    rows: Floats = field(kw_only=True, repr=False)

    def evaluate(self, beta: Floats) -> Evaluation:
        """Return the log partial likelihood and its derivatives at `beta` (k); -inf where risks leave the doubles."""
        rows, terms, n = self.rows, self._terms, self.sets.slot.size
        risk = np.exp(beta @ rows[1:])
        if not self.sets.singly:
            risk[:n] *= self.sets.count
        sums = _running(np.multiply(rows, risk, out=self._room)).take(terms.places, axis=1)
        u, tied, without = sums[:, : terms.n], sums[:, terms.untied : terms.n], sums[:, terms.n :]
        without -= tied
        without *= terms.share
        tied += without
        s0, s1 = u[0], u[1:]
        if not (s0[terms.by_time[-1]] > LEAST and s0[terms.by_time[0]] < 1 / LEAST):  # the least and the largest
            return Evaluation.nowhere(beta)
        q = 1 / s0
        risk[:n] *= self._worth(q).take(terms.of_row)
        gram = square(np.multiply(rows, risk, out=self._room), rows)
        x, _ = self._events
        loglik = float(x @ beta - np.log(s0).sum())
        return Evaluation(loglik, x - gram[0, 1:], gram[1:, 1:] - square(s1 * (q * q), s1))

    def _worth(self, q: Floats) -> Floats:
        """q summed up to each term by time, then what each tied time is worth to those who have the event then."""
        terms = self._terms
        upto = q.take(terms.by_time).cumsum()
        if not terms.starts.size:
            return upto
        less = np.add.reduceat(q[terms.untied :] * terms.share, terms.starts)
        return np.concatenate((upto, upto.take(terms.ends) - less))

    @lazy
    def _room(self) -> Floats:
        return np.empty_like(self.rows)

    @lazy
    def _terms(self) -> _Terms:
        return _Terms.of(self.sets, self.tied)


def _running(values: Floats) -> Floats:
    """Sums along each row from each place on; `values` are spoilt. `np.cumsum` takes twice the time, as each of its
    sums waits for the one before.
    """
    runs = values.reshape(-1, _RUN)
    totals = (runs @ _FROM[:, 0]).reshape(values.shape[0], -1)
    values[:, _RUN - 1 : -1 : _RUN] += totals[:, :0:-1].cumsum(axis=1)[:, ::-1]
    return np.asarray((runs @ _FROM).reshape(values.shape))
