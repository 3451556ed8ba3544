"""The log partial likelihood of many rows with categories and continuous covariates: rows only for what needs rows.

In: risk sets in which everybody is there from the start, rows of a slot in order of the kind of their categories. Out:
as `likelihood.py`. The risk of a row is that of its kind times that of its continuous covariates. With sums over the
rows of each cell (slot and kind) the kinds are applied to cells; only the squares of the continuous covariates go
through the rows a second time.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from chartline.stats.design import MixedColumns
from chartline.stats.episodes import Episodes, Floats, Ints
from chartline.stats.lazy import lazy
from chartline.stats.pieces import PIECE, each, slices
from chartline.stats.regression.likelihood import Evaluation, Likelihood, Moments
from chartline.stats.regression.risk_sets import RiskSets, Runs


def mixed_columns_of(episodes: Episodes, sets: RiskSets) -> MixedColumns | None:
    """Return the covariates for `MixedLikelihood`; None where the risk sets are not as it needs them."""
    mixed = episodes.mixed
    return mixed if mixed is not None and mixed.few.shape[0] == sets.kinds and not sets.late.size else None


@dataclass(frozen=True, eq=False)
class MixedLikelihood(Likelihood):
    """`xt` are the continuous covariates (c x rows), `few` the others (a x patterns, the kinds of `sets`).

    `places` are where the few and the continuous ones stand among the k coefficients. There is no `offset`.
    """

    few: Floats = field(kw_only=True, repr=False)
    places: tuple[Ints, Ints] = field(kw_only=True)

    def evaluate(self, beta: Floats) -> Evaluation:
        """Return the log partial likelihood and its derivatives at `beta` (k); -inf where risks leave the doubles."""
        few, own = self.places
        of_kind = np.exp(beta[few] @ self.few)
        cells = self._cells(beta[own], self._room)
        by_slot = np.empty((1 + beta.size, cells.shape[1]))
        by_slot[1 + few] = (self.few * of_kind) @ cells[0].T
        by_slot[np.append(0, 1 + own)] = cells @ of_kind
        s = self.sets.still(by_slot, by_slot[:, :0])
        m = self._with_ties(self._room, s, by_slot[:, 2 * self.tied], False)
        return self._evaluation(beta, m, *self._weighted(m, cells, of_kind)) if m.within else Evaluation.nowhere(beta)

    @lazy
    def spans(self) -> Floats:
        """The ranges of the covariates (k)."""
        few, own = self.places
        out = np.empty(few.size + own.size)
        out[few], out[own] = np.ptp(self.few, axis=1), np.ptp(self.xt, axis=1)
        return out

    def _cells(self, slopes: Floats, risk: Floats) -> Floats:
        """1 and the continuous covariates weighted by their risk, over the rows of each cell: (1 + c) x slots x
        patterns. The risk of each row is written to `risk`.
        """
        if slopes.any():
            return self._summed(slopes, risk).reshape(1 + slopes.size, -1, self.few.shape[1])
        risk[:] = self.sets.count
        return self._null

    @lazy
    def _null(self) -> Floats:
        """As `_cells` at no effect."""
        sums = np.zeros((1 + self.xt.shape[0], self._pieces[0][1].size))
        for at, runs in self._pieces:
            sums[:, runs.labels] += runs.weighted(self.xt[:, at], self.sets.count[at])
        return sums.reshape(sums.shape[0], -1, self.few.shape[1])

    def _weighted(self, m: Moments, cells: Floats, of_kind: Floats) -> tuple[Floats, Floats]:
        """The covariates and their squares, weighted by risk and by what each row is worth over its time."""
        few, own = self.places
        worth = self._worth_by_slot(m.q1, m.f1)
        one, sums = np.split(np.einsum("mtq,t->mq", cells, worth) * of_kind, [1])
        score, gram = np.empty(few.size + own.size), np.empty((few.size + own.size,) * 2)
        score[few], score[own] = self.few @ one[0], sums.sum(axis=1)
        gram[np.ix_(few, few)] = (self.few * one) @ self.few.T
        gram[np.ix_(few, own)] = self.few @ sums.T
        gram[np.ix_(own, few)] = gram[np.ix_(few, own)].T
        of_cell = np.outer(worth, of_kind).reshape(-1)

        def add(piece: tuple[slice, Runs]) -> Floats:
            at, runs = piece
            weight = np.repeat(of_cell[runs.labels], runs.lengths(at.stop - at.start))
            weight *= m.risk[at]
            return np.asarray((self.xt[:, at] * weight) @ self.xt[:, at].T)

        gram[np.ix_(own, own)] = sum(each(add, self._pieces))
        return score, gram

    @lazy
    def _pieces(self) -> list[tuple[slice, Runs]]:
        """The rows in pieces that fit the cache, with their runs of cells."""
        cell, size = self.sets.cell, 2 * self.sets.times.size * self.sets.kinds
        return [(at, Runs.of(cell[at], size)) for at in slices(cell.size, 4 * PIECE)]

    @lazy
    def _events(self) -> tuple[Floats, float]:
        """The covariates summed over the events, and no offset."""
        few, own = self.places
        one, sums = np.split(self._null[:, ::2].sum(axis=1), [1])
        out = np.empty(few.size + own.size)
        out[few], out[own] = self.few @ one[0], sums.sum(axis=1)
        return out, 0.0
