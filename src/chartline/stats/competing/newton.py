"""Newton's method for a concave log likelihood, with step halving, and what to say where there is no maximum.

In: a function beta -> Fit. Out: the maximum, the state at 0, the inverse information. Coefficients that run away are
reported as infinite: no cause for alarm in the others, which converge to their own limits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chartline.stats.competing.subdistribution import Fit
from chartline.stats.episodes import Floats
from chartline.stats.statistic import NotEstimable

STEPS = 60
LONGEST = 5.0  # standard deviations of the covariate that a step may be long
ENOUGH = 1e-9  # a last step this small, in standard deviations of the covariate, leaves an error of its square
RUNAWAY = 1e-3  # steps still this large when the log likelihood has stopped rising: there is no maximum
VANISHED = 1e-7  # share of the information at 0 below which a direction has no maximum
SINGULAR = 1e-10  # smallest eigenvalue of the information as correlations


@dataclass(frozen=True, eq=False)
class Maximum:
    """`beta` has +-inf where there is no maximum, `finite` the last value tried, at which `fit` was computed."""

    beta: Floats
    finite: Floats
    fit: Fit
    null: Fit
    inverse: Floats
    iterations: int
    warnings: tuple[str, ...]


def maximise(evaluate: Callable[[Floats], Fit], scale: Floats, terms: tuple[str, ...]) -> Maximum:
    """Return the maximum from beta = 0; `scale` is the standard deviation of each term.

    Raises `NotEstimable` for terms that are constant among those at risk, or determined by the others.
    """
    beta = np.zeros(scale.size)
    null = fit = evaluate(beta)
    _check_terms(null.information, scale, terms)
    flat, step, iteration = 0, beta, 0
    while iteration < STEPS:
        iteration += 1
        step = _solve(fit.information, fit.score)
        step /= max(1.0, float(np.max(np.abs(step) * scale)) / LONGEST)
        beta, new = _climb(evaluate, beta, step, fit)
        flat = flat + 1 if new.loglik - fit.loglik <= 1e-11 * (1 + abs(fit.loglik)) else 0
        fit = new
        size = np.abs(step) * scale
        if np.all(size <= ENOUGH * np.maximum(1.0, np.abs(beta) * scale)) or flat >= 3:
            break
    lost = _runaway(fit.information, null.information, np.abs(step) * scale)
    inverse = _inverse(fit.information, lost)
    says = tuple(f"the coefficient of {terms[k]} is infinite: no event on one side" for k in np.flatnonzero(lost))
    return Maximum(np.where(lost, np.copysign(np.inf, beta), beta), beta, fit, null, inverse, iteration, says)


def _runaway(information: Floats, null: Floats, last: Floats) -> npt.NDArray[np.bool_]:
    """Which coefficients take part in a direction along which the information has vanished since beta = 0.

    `last` is the size of the last step: where it is still large, something runs away though nothing has vanished yet.
    """
    values, vectors = np.linalg.eigh(null)
    root = vectors / np.sqrt(values)
    share, directions = np.linalg.eigh(root.T @ information @ root)
    gone = root @ directions[:, share < VANISHED]
    if gone.size:
        weight = np.abs(gone).max(axis=1) * np.sqrt(np.diag(null))
        return np.asarray(weight > 1e-4 * weight.max())
    return np.asarray((last > RUNAWAY) & (last >= last.max()))


def _climb(evaluate: Callable[[Floats], Fit], beta: Floats, step: Floats, fit: Fit) -> tuple[Floats, Fit]:
    """The full step, or the first of its halves that does not lower the log likelihood."""
    for halving in range(30):
        there = beta + step * 0.5**halving
        new = evaluate(there)
        usable = np.isfinite(new.loglik) and np.all(np.isfinite(new.information))
        if usable and new.loglik >= fit.loglik - 1e-9 * (1 + abs(fit.loglik)):
            return there, new
    return beta, evaluate(beta)


def _check_terms(information: Floats, scale: Floats, terms: tuple[str, ...]) -> None:
    size = np.sqrt(np.maximum(np.diag(information), 0.0))
    constant = [terms[k] for k in np.flatnonzero(size <= 1e-6 * np.maximum(scale, 1e-300))]
    if constant or not np.all(scale > 0):
        constant = constant or [terms[k] for k in np.flatnonzero(scale <= 0)]
        raise NotEstimable(f"{constant[0]} has one value only among those at risk")
    share = information / np.outer(size, size)
    if np.linalg.eigvalsh(share)[0] > SINGULAR:
        return
    for k in range(1, size.size):
        if np.linalg.eigvalsh(share[: k + 1, : k + 1])[0] <= SINGULAR:
            raise NotEstimable(f"{terms[k]} is determined by {', '.join(terms[:k])}")


def _solve(information: Floats, score: Floats) -> Floats:
    """Newton's step; none for a coefficient that the likelihood no longer depends on."""
    size = np.diag(information)
    size = np.sqrt(np.where(size > 1e-30, size, np.inf))
    return np.asarray(np.linalg.lstsq(information / np.outer(size, size), score / size, rcond=1e-14)[0] / size)


def _inverse(information: Floats, lost: npt.NDArray[np.bool_]) -> Floats:
    """The inverse over the coefficients that have an estimate; 0 for the others."""
    out = np.zeros_like(information)
    keep = np.flatnonzero(~lost)
    if keep.size:
        part = information[np.ix_(keep, keep)]
        size = np.sqrt(np.diag(part))
        out[np.ix_(keep, keep)] = np.linalg.inv(part / np.outer(size, size)) / np.outer(size, size)
    return out
