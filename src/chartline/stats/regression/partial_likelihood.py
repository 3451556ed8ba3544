"""Cox's partial likelihood at a point, by sums over risk sets: what penalised Cox models are built on.

In: Episodes (counts, strata and late entry honoured). Out: log-likelihood, score, information, and where asked the
derivative of log |information|. Ties as Breslow or Efron have them; a count of 3 is three tied subjects in both.

Where rows and event times are few, each risk set is gone through by itself: covariates less their mean in it lose no
digits however much one row outweighs the others, where |information| decides (`_at_each`). Else no array has more than
rows x covariates numbers. The second moments of all risk sets together need none of them one by
one: the sum over event times of E[x x'] is the sum over rows of w x x' times the hazard that the row lived through.
The trace that Firth's penalty needs is reduced to such sums in the same way:

    d/db_r log |I| = sum_t d_t E_t[(x_r - m_r) q],  q = (x - m)' A (x - m),  A = inverse of I,  m = E_t[x]
                   = sum_t d_t {E_t[x_r s] - m_r E_t[s] - 2 (V_t A m)_r},  s = x' A x

as the derivative of a covariance under exponential tilting is the third central moment. Heinze G, Schemper M.
Biometrics 2001;57:114-119; Firth D. Biometrika 1993;80:27-38.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from chartline.stats.design import Floats, Ints
from chartline.stats.episodes import Episodes
from chartline.stats.lazy import lazy
from chartline.stats.regression.maximum import log_determinant
from chartline.stats.statistic import NotEstimable

Ties = Literal["breslow", "efron"]

_EACH = 20_000  # terms x rows x covariates up to which each risk set is gone through by itself
_SINGULAR = 1e-14  # spread of a covariate in its risk sets, or what others leave of it, that is rounding alone


@dataclass(frozen=True, eq=False)
class Moments:
    """The likelihood at one point; `tilt` is the derivative of log |information| (None unless asked)."""

    value: float
    score: Floats
    information: Floats
    log_determinant: float = 0.0  # of the information, and its derivative: where asked
    tilt: Floats | None = None


@dataclass(frozen=True, eq=False)
class PartialLikelihood:
    """Rows with the event times they are at risk at: `first` <= slot < `last`, the slots being (stratum, time).

    `x` are the covariates less their mean, in units of `scale`. A term is one factor of the likelihood: the weight
    sum of a slot less the share `fraction` of the weights of its events (0 but for Efron), `times` over.
    """

    x: Floats
    count: Floats
    first: Ints
    last: Ints
    event: npt.NDArray[np.bool_]
    bounds: Ints  # slots of stratum g: bounds[g] <= slot < bounds[g + 1]
    stratum: Ints
    slot: Ints
    fraction: Floats
    times: Floats
    scale: Floats

    @classmethod
    def of(cls, episodes: Episodes, ties: Ties = "breslow", cause: str | int | None = None) -> PartialLikelihood:
        """Prepare `episodes`. Raises `NotEstimable` without an event, `ValueError` for ties that there are not."""
        if ties not in ("breslow", "efron"):
            raise ValueError(f"ties are breslow or efron, not {ties}")
        present = episodes.count > 0
        e = episodes if present.all() else episodes.select(present)
        event = e.events_of(cause)
        if not event.any():
            raise NotEstimable("no events")
        first, last, bounds = _slots(e, event)
        inside = first < last
        x, count = e.x[inside], e.count[inside].astype(np.float64)
        if x.size:
            x = x - np.average(x, axis=0, weights=count)
        scale = np.sqrt(np.average(x * x, axis=0, weights=count)) if x.size else np.zeros(x.shape[1])
        scale = np.where(scale > 0, scale, 1.0)
        deaths = np.bincount(last[event] - 1, weights=e.count[event], minlength=int(bounds[-1]))
        slot, fraction, times = _terms(deaths, ties)
        return cls(
            x / scale, count, first[inside], last[inside], event[inside], bounds, e.stratum[inside],
            slot, fraction, times, scale,
        )  # fmt: skip

    @property
    def events(self) -> int:
        return int(self.count[self.event].sum())

    @property
    def few(self) -> bool:
        """Whether rows and event times are few enough for each risk set to be gone through by itself."""
        return self.slot.size * self.x.size <= _EACH

    @lazy
    def n_slots(self) -> int:
        return int(self.bounds[-1])

    @lazy
    def _late(self) -> npt.NDArray[np.bool_]:
        return self.first > self.bounds[self.stratum]

    def at(self, beta: Floats, *, offset: Floats | None = None, tilt: bool = False) -> Moments:
        """Return the likelihood at `beta`, a coefficient per unit of `x`, with a fixed `offset` a row if given.

        Where weights overflow or vanish the value is -inf.
        """
        eta = self.x @ beta if offset is None else self.x @ beta + offset
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            return self._at_each(eta) if tilt and self.few else self._at(eta, tilt)

    def _at_each(self, eta: Floats) -> Moments:
        """The likelihood with the tilt, from the rows of each risk set: shares p and distances x - m, terms x rows."""
        log = np.where(self._share > 0, eta + np.log(self._share * self.count), -np.inf)
        top = log.max(axis=1)
        share = np.exp(log - top[:, None])
        s0 = share.sum(axis=1)
        share /= s0[:, None]
        mean = share @ self.x
        away = self.x - mean[:, None]
        weight = self.times[:, None] * share
        died = self.count * self.event
        value = float(died @ eta - self.times @ (np.log(s0) + top))
        score = died @ self.x - self.times @ mean
        rows = (np.sqrt(weight)[:, :, None] * away).reshape(-1, self.x.shape[1])
        information = rows.T @ rows
        size = np.sqrt(np.diag(information))
        if not np.isfinite(value + information.sum()) or size.min() <= _SINGULAR * np.sqrt(self.times.sum()):
            return Moments(-np.inf, score, information, -np.inf)
        rows = rows[np.argsort(-np.abs(rows / size).max(axis=1), kind="stable")] / size  # long ones first, as QR needs
        root = np.asarray(np.linalg.qr(rows, mode="r"))
        pivots = np.abs(np.diag(root))
        if pivots.min() < _SINGULAR:
            return Moments(value, score, information, -np.inf)
        length = np.linalg.solve(root.T, (away / size).reshape(rows.shape).T)  # |length|^2 = (x - m)' A (x - m)
        squares = np.einsum("kn,kn->n", length, length).reshape(weight.shape)
        tilt = np.einsum("tn,tn,tnk->k", weight, squares, away)
        return Moments(value, score, information, float(2 * np.log(pivots * size).sum()), tilt)

    @lazy
    def _share(self) -> Floats:
        """Terms x rows: 1 where the row is at risk, less the fraction where it has its event then; else 0."""
        slot, last = self.slot[:, None], self.last - 1
        at_risk = (self.first <= slot) & (slot <= last)
        return np.where(at_risk, 1 - self.fraction[:, None] * (self.event & (slot == last)), 0.0)

    def _at(self, eta: Floats, tilt: bool) -> Moments:
        top = float(eta.max())
        w = self.count * np.exp(eta - top)
        s0 = self._terms_of(w)
        mean = np.column_stack([self._terms_of(w * column) for column in self.x.T]) / s0[:, None]
        died = self.count * self.event
        hazard = self._lived(self.times / s0)
        value = float(died @ eta - self.times @ (np.log(s0) + top))
        score = died @ self.x - self.times @ mean
        information = (self.x * (w * hazard)[:, None]).T @ self.x - (mean * self.times[:, None]).T @ mean
        information = (information + information.T) / 2
        if not np.isfinite(value + information.sum()):
            return Moments(-np.inf, score, information, -np.inf)
        determinant = log_determinant(information) if tilt else 0.0
        if not tilt or determinant == -np.inf:
            return Moments(value, score, information, determinant)
        return Moments(value, score, information, determinant, self._tilt(w, s0, mean, hazard, information))

    def _tilt(self, w: Floats, s0: Floats, mean: Floats, hazard: Floats, information: Floats) -> Floats:
        a = np.linalg.inv(information)
        s = np.einsum("ij,ij->i", self.x @ a, self.x)
        mean_s = self._terms_of(w * s) / s0
        lived = np.column_stack([self._lived(self.times / s0 * column) for column in mean.T])
        cubes = (w * hazard * s) @ self.x - (self.times * mean_s) @ mean
        crossed = (w * np.einsum("ij,ij->i", self.x @ a, lived)) @ self.x
        squares = (self.times * np.einsum("ij,ij->i", mean @ a, mean)) @ mean
        return np.asarray(cubes - 2 * (crossed - squares), np.float64)

    def _terms_of(self, w: Floats) -> Floats:
        """Sums of `w` over the risk set of each term."""
        at_risk = self._backwards(np.bincount(self.last - 1, weights=w, minlength=self.n_slots))
        if self._late.any():  # not yet entered at a slot: those whose first slot is a later one
            waiting = self._backwards(
                np.bincount(self.first[self._late], weights=w[self._late], minlength=self.n_slots)
            )
            after = np.append(waiting[1:], 0.0)
            after[self.bounds[1:] - 1] = 0.0
            at_risk = at_risk - after
        out = at_risk[self.slot]
        if self.fraction.any():
            dying = np.bincount(self.last[self.event] - 1, weights=w[self.event], minlength=self.n_slots)
            out = out - self.fraction * dying[self.slot]
        return np.asarray(out, np.float64)

    def _lived(self, per_term: Floats) -> Floats:
        """Sums of `per_term` over the terms in whose risk set each row is, by the share that it has there."""
        at_slot = np.bincount(self.slot, weights=per_term, minlength=self.n_slots)
        sums = np.concatenate([np.append(0.0, np.cumsum(at_slot[a:b])) for a, b in self._strata])
        out = sums[self.last + self.stratum] - sums[self.first + self.stratum]
        if self.fraction.any():
            less = np.bincount(self.slot, weights=per_term * self.fraction, minlength=self.n_slots)
            out[self.event] -= less[self.last[self.event] - 1]
        return np.asarray(out, np.float64)

    def _backwards(self, per_slot: npt.NDArray[Any]) -> Floats:
        """Sums over the slots of the same stratum from each to the last."""
        return np.concatenate([np.cumsum(per_slot[a:b][::-1])[::-1] for a, b in self._strata])

    @lazy
    def _strata(self) -> list[tuple[int, int]]:
        return list(zip(self.bounds[:-1].tolist(), self.bounds[1:].tolist(), strict=True))


def _slots(e: Episodes, event: npt.NDArray[np.bool_]) -> tuple[Ints, Ints, Ints]:
    """First and last + 1 slot of each row, and the bounds of the strata."""
    first, last = np.zeros(e.exit.size, np.int64), np.zeros(e.exit.size, np.int64)
    bounds = [0]
    for g in range(len(e.strata)):
        here = np.flatnonzero(e.stratum == g)
        times = np.unique(e.exit[here][event[here]])
        first[here] = bounds[-1] + np.searchsorted(times, e.entry[here], side="right")
        last[here] = bounds[-1] + np.searchsorted(times, e.exit[here], side="right")
        bounds.append(bounds[-1] + times.size)
    return first, last, np.array(bounds, np.int64)


def _terms(deaths: npt.NDArray[Any], ties: Ties) -> tuple[Ints, Floats, Floats]:
    """Slot, fraction and multiplicity of each term."""
    if ties == "breslow" or np.all(deaths <= 1):
        return np.arange(deaths.size, dtype=np.int64), np.zeros(deaths.size), deaths.astype(np.float64)
    d = deaths.astype(np.int64)
    slot = np.repeat(np.arange(d.size, dtype=np.int64), d)
    rank = np.arange(slot.size) - np.repeat(np.cumsum(d) - d, d)
    return slot, rank / d[slot], np.ones(slot.size)
