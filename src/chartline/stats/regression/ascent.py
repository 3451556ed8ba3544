"""The maximum of a partial likelihood by Newton's method, also where it lies at infinity.

In: a likelihood of standardised covariates. Out: the coefficients, their covariance, and which of them are infinite.
Where events separate values of covariates the likelihood rises for ever along some direction, ever more slowly. Such a
direction is known by a step that moves the linear predictor though nothing is left to gain, and would gain for ever; or
by an information that has vanished along it. It is followed until what is left is below rounding, and then set aside:
the rest is maximised without it, so that what is finite is as exact as ever. Source: Bryson MC, Johnson ME.
Technometrics 1981;23:381-383 (monotone likelihood).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from chartline.stats.episodes import Floats, Ints
from chartline.stats.regression.likelihood import Evaluation, Likelihood, inverse
from chartline.stats.statistic import NotEstimable

_STEPS = 200
_DONE = (1e-11, 5e-10)  # how far the last step, which is taken, may go with few and many events: its square is left
_MANY = 100  # events from which a further step costs more than the tenth digit of a variance is worth
_NOTHING = 1e-8  # squared length of a step in standard errors from which only what is infinite still moves
_FIRM = 1e8  # variance in units of its variance at no effect below which no direction is near to being flat
_FLAT = 1e-12  # share of its information at no effect below which a direction has none left
_BEYOND = "the events separate the covariates so finely that the likelihood rises beyond what can be computed"
_MOVED = 0.05  # change of the linear predictor between two rows from which a covariate is still on its way
_STILL = _MOVED / (2 * math.sqrt(1e9))  # of n standardised values none is further than 2 sqrt(n) from another
_FURTHER = 10  # steps by which an infinite direction is followed on


@dataclass(frozen=True, eq=False)
class Maximum:
    """Standardised coefficients and covariance; `infinite` is the sign of each infinite coefficient, else 0.

    `score` is the score test of no effect: the squared length of the first step in standard errors.
    """

    beta: Floats
    covariance: Floats
    loglik: float
    infinite: Ints
    iterations: int
    score: float


@dataclass(frozen=True, eq=False)
class _Space:
    """The directions that are still free, as columns (k x m); `size` (k) makes them of length one."""

    basis: Floats
    size: Floats

    @classmethod
    def of(cls, null: Evaluation, kept: Ints) -> _Space:
        size = np.ones(null.score.size)
        size[kept] = np.sqrt(null.information.diagonal()[kept])
        basis = np.zeros((size.size, kept.size))
        basis[kept, np.arange(kept.size)] = 1 / size[kept]
        return cls(basis, size)

    def without(self, direction: Floats) -> _Space:
        """What is left when one direction is taken out."""
        w = (self.basis * self.size[:, None]).T @ (direction * self.size)
        turned, _ = np.linalg.qr(w[:, None], mode="complete")
        return _Space(self.basis @ turned[:, 1:], self.size)

    def flat(self, here: Evaluation) -> Floats:
        """The directions without information or slope (k x f)."""
        value, vector = np.linalg.eigh(self.information(here))
        slope = np.abs(vector.T @ (self.basis.T @ here.score))
        return np.asarray(self.basis @ vector[:, (value < _FLAT) & (slope < 1e-6)])

    def information(self, here: Evaluation) -> Floats:
        return np.asarray(self.basis.T @ here.information @ self.basis)

    def covariance(self, here: Evaluation) -> Floats:
        """The inverse of the information in these directions (k x k)."""
        if self.basis.shape[0] == self.basis.shape[1]:
            return here.covariance
        if not self.basis.size:
            return np.zeros_like(here.information)
        return np.asarray(self.basis @ inverse(self.information(here)) @ self.basis.T)

    def firm(self, covariance: Floats) -> bool:
        """Whether no direction is nearly without information, as is usual."""
        variance = covariance.diagonal()
        return bool(variance @ (self.size * self.size) < _FIRM) and min(variance.tolist()) >= 0


def maximise(model: Likelihood, null: Evaluation, kept: Ints) -> Maximum:
    """Return the maximum over the covariates `kept`, from no effect on (`null`).

    Raises `NotEstimable` where Newton's method ends nowhere.
    """
    beta, here, space = np.zeros(null.score.size), null, _Space.of(null, kept)
    infinite = np.zeros(beta.size, np.int64)
    events = model.sets.events
    enough = _DONE[events >= _MANY] * min(1e3, math.sqrt(events))  # in standard errors
    before, score = math.inf, math.nan
    for i in range(_STEPS):
        covariance = space.covariance(here)
        if not space.firm(covariance):
            for direction in space.flat(here).T:
                space = space.without(direction)
                ahead = float(np.sign((direction * space.size) @ (beta * space.size)))
                _mark(infinite, direction * ahead, model.spans)
            covariance = space.covariance(here)
        step = covariance @ here.score
        gain = float(here.score @ step)
        if not i:
            score = gain
        if gain < _NOTHING:
            runs = _running(model, beta, here, step)
            if runs is not None:
                _mark(infinite, runs, model.spans)
                space, before = space.without(runs), math.inf
                there = model.evaluate(beta + _FURTHER * runs)
                if math.isfinite(there.loglik):
                    beta, here = beta + _FURTHER * runs, there
                continue
        rounding = before / 2 < gain < _NOTHING  # nothing but that is left of the gradient
        if gain < enough * enough or rounding:
            if not _is_covariance(covariance):
                raise NotEstimable(_BEYOND)  # a variance below 0: the information is rounding alone
            return Maximum(beta + step, covariance, here.loglik + max(gain, 0) / 2, infinite, i, score)
        before = gain
        beta, here = _halved(model, beta, step, here)
    raise NotEstimable(_BEYOND)


def _halved(model: Likelihood, beta: Floats, step: Floats, here: Evaluation) -> tuple[Floats, Evaluation]:
    """The step, or the first of its halves that does not lower the likelihood by more than rounding."""
    floor = here.loglik - 1e-9 * abs(here.loglik)
    for _ in range(60):
        there = model.evaluate(beta + step)
        if math.isfinite(there.loglik) and there.loglik >= floor and math.isfinite(there.information.sum()):
            return beta + step, there
        step = step / 2
    raise NotEstimable(_BEYOND)


def _is_covariance(matrix: Floats) -> bool:
    """Whether no direction has a variance below 0, by more than rounding."""
    try:
        np.linalg.cholesky(matrix)  # a third of the time
    except np.linalg.LinAlgError:
        spread = np.linalg.eigvalsh(matrix)
        return bool(spread[0] >= -_NOTHING * spread[-1])
    return True


def _running(model: Likelihood, beta: Floats, here: Evaluation, step: Floats) -> Floats | None:
    """The direction in which the linear predictor still moves though nothing is gained, if it would for ever.

    At a maximum, ten steps further the likelihood falls steeply again; along a direction without one it does not.
    """
    length = np.abs(step)
    if length.max() < _STILL:
        return None
    moving = length * model.spans > _MOVED
    if not moving.any():
        return None
    further = np.where(moving, step, 0.0)
    there = model.evaluate(beta + _FURTHER * further)
    slope = float(there.score @ further)
    return further if not math.isfinite(there.loglik) or slope > -float(here.score @ step) else None


def _mark(infinite: Ints, direction: Floats, spans: Floats) -> None:
    """Note the signs of the coefficients that a direction takes to infinity."""
    reach = np.abs(direction) * spans
    at = (reach > 1e-5 * reach.max()) & (infinite == 0)
    infinite[at] = np.sign(direction[at])
