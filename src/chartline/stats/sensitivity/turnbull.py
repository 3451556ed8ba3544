"""Turnbull's estimate: survival where an event is known to lie between two looks, not on a day.

In: intervals (left, right] with counts: (90, 180) was free at day 90 and not at day 180, (120, 120) happened on day
120, (200, inf) was free at day 200 and not seen again, (0, 60) had it before the first look. Out: the innermost
intervals, the mass that maximum likelihood puts in each, and survival, which is a number between those intervals and
only bounds inside one. For relapse found at scheduled marrows it says what an analysis of the day of finding assumed.

The likelihood is strictly concave in the masses: each innermost interval is the last that some observation reaches, so
its matrix has full rank and there is one maximum. It is found by a few EM steps (Turnbull 1976) and then constrained
Newton steps (Wang 2007), until the gradient is that of the maximum (Gentleman and Geyer 1994): n where there is mass,
at most n elsewhere. EM alone needs thousands of steps for four digits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chartline.stats.statistic import NotEstimable, Statistic

STATISTICS = (
    Statistic(
        name="turnbull",
        label="Turnbull estimate of interval-censored times",
        takes="(left, right] -> number of patients",
        gives="innermost intervals and their mass; survival and quantiles as bounds",
        reference="interval::icfit, Icens::EMICM, icenReg::ic_np, polished by Newton steps in R until Gentleman and "
        "Geyer's conditions hold to 1e-11",
        paper="Turnbull BW. J R Stat Soc B 1976;38:290-295; Gentleman R, Geyer CJ. Biometrika 1994;81:618-623",
    ),
)
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
IntervalCounts = Mapping[tuple[float, float], int] | npt.ArrayLike
_CONVERGED = 1e-12  # of the gradient divided by n
_GOOD = 1e-8  # where rounding stops progress before that
_TIE = 1e-12  # a survival this near 1 - p is 1 - p
_EM_STEPS, _NEWTON_STEPS, _ALL_AT_ONCE = 30, 500, 200


@dataclass(frozen=True)
class Bounds:
    """What is known of a number; `lower` equals `upper` where it is known. An `upper` of None is "not reached"."""

    lower: float
    upper: float | None


@dataclass(frozen=True, eq=False)
class Turnbull:
    """Innermost intervals (left[j], right[j]], a point where left = right; `mass` sums to 1, `survival` is after each.

    `gap` is the largest departure of gradient / n from the conditions of the maximum. The counts are of patients.
    """

    left: Floats
    right: Floats
    mass: Floats
    survival: Floats
    log_likelihood: float
    gap: float
    n: int
    n_exact: int
    n_right_censored: int
    warnings: tuple[str, ...] = ()

    def survival_at(self, time: float) -> Bounds:
        """Return S(`time`): one number between innermost intervals, bounds strictly inside one."""
        after = np.concatenate([[1.0], self.survival])
        begun = int(np.searchsorted(self.left, time, side="left"))  # left < time
        begun = max(begun, int(np.searchsorted(self.right, time, side="right")))  # a point at `time` has happened
        ended = int(np.searchsorted(self.right, time, side="right"))
        return Bounds(float(after[begun]), float(after[ended]))

    def quantile(self, p: float) -> Bounds:
        """Return between which times the share `p` first has had the event: the innermost interval where it happens.

        `upper` is None where that interval has no end. Raises `ValueError` unless 0 < p < 1.
        """
        if not 0 < p < 1:
            raise ValueError(f"no quantile at {p}")
        j = int(np.argmax(self.survival <= 1 - p + _TIE))
        return Bounds(float(self.left[j]), None if math.isinf(self.right[j]) else float(self.right[j]))


def estimate_turnbull(intervals: IntervalCounts) -> Turnbull:
    """Return the maximum likelihood estimate from (left, right] -> count, or an n x 2 array of intervals.

    left = right is an exact time, right = inf is censored at left. Left truncation is not handled.
    Raises `ValueError` for a missing or negative end, or left > right; `NotEstimable` without patients.
    """
    left, right, count = _read(intervals)
    n = int(count.sum())
    if not n:
        raise NotEstimable("no patients")
    problem, (inner_left, inner_right) = _innermost(left, right, count)
    mass, gap = _maximise(problem)
    warnings = ("no patient is known to have had the event",) if np.all(np.isinf(right)) else ()
    tails = np.maximum(0.0, np.cumsum(mass[::-1])[::-1] - mass)
    survival = np.where(tails < _TIE, 0.0, tails)
    log_likelihood = float(problem.weights @ np.log(problem.chances(mass)))
    exact, open_ended = int(count[left == right].sum()), int(count[np.isinf(right)].sum())
    return Turnbull(inner_left, inner_right, mass, survival, log_likelihood, gap, n, exact, open_ended, warnings)


def _read(intervals: IntervalCounts) -> tuple[Floats, Floats, Ints]:
    if isinstance(intervals, Mapping):
        ends = np.array([*intervals], np.float64).reshape(-1, 2)
        given = np.array([*intervals.values()], np.float64)
    else:
        ends = np.asarray(intervals, np.float64).reshape(-1, 2)
        given = np.ones(len(ends))
    left, right = ends[:, 0], ends[:, 1]
    if np.any(~np.isfinite(left) | np.isnan(right) | (left < 0) | (left > right)):
        raise ValueError("an interval has a missing or negative end, or ends before it begins")
    if np.any(~np.isfinite(given) | (given < 0) | (given != np.floor(given))):
        raise ValueError("a count is negative or not a whole number")
    some = given > 0
    return left[some], right[some], given[some].astype(np.int64)


@dataclass(frozen=True, eq=False)
class _Problem:
    """Distinct observations: `weights` of them, each over the innermost intervals start[i] to end[i] - 1 of `size`."""

    start: Ints
    end: Ints
    weights: Floats
    size: int

    def chances(self, mass: Floats) -> Floats:
        """The probability of each observation.

        Differences of sums lose no digits that count: at the maximum each is at least its weight / n.
        """
        upto = np.concatenate([[0.0], np.cumsum(mass)])
        return np.asarray(upto[self.end] - upto[self.start], np.float64)

    def gradient(self, chances: Floats) -> Floats:
        """Derivative of the log-likelihood by each mass."""
        each = self.weights / chances
        steps = np.bincount(self.start, each, self.size + 1) - np.bincount(self.end, each, self.size + 1)
        return np.cumsum(steps)[: self.size]

    def information(self, chances: Floats, at: Ints) -> Floats:
        """Minus the second derivatives among the masses `at`: each observation adds to one square block."""
        each = self.weights / chances**2
        s, e = np.searchsorted(at, self.start), np.searchsorted(at, self.end)
        width = at.size + 1
        steps = np.zeros(width * width)
        for i, j, sign in ((s, s, 1.0), (s, e, -1.0), (e, s, -1.0), (e, e, 1.0)):
            steps += sign * np.bincount(i * width + j, each, width * width)
        blocks = np.cumsum(np.cumsum(steps.reshape(width, width), axis=0), axis=1)
        return np.asarray(blocks[:-1, :-1], np.float64)


def _innermost(left: Floats, right: Floats, count: Ints) -> tuple[_Problem, tuple[Floats, Floats]]:
    """Every left end that is followed at once by a right end.

    Three places a time keep what is open apart from what is closed: [t of an exact time, then t], then (t.
    """
    times = np.unique(np.concatenate([left, right]))
    exact = left == right
    begins = 3 * np.searchsorted(times, left) + np.where(exact, 0, 2)
    ends = 3 * np.searchsorted(times, right) + 1
    places = np.unique(np.concatenate([begins, ends]))
    closes = places % 3 == 1
    at = np.flatnonzero(~closes[:-1] & closes[1:])
    inner_begin, inner_end = places[at], places[at + 1]
    key = np.searchsorted(inner_begin, begins) * (at.size + 1) + np.searchsorted(inner_end, ends, side="right")
    distinct, of = np.unique(key, return_inverse=True)
    weights = np.bincount(of.reshape(-1), count, distinct.size).astype(np.float64)
    problem = _Problem(distinct // (at.size + 1), distinct % (at.size + 1), weights, at.size)
    return problem, (times[inner_begin // 3], times[inner_end // 3])


def _maximise(problem: _Problem) -> tuple[Floats, float]:
    """The masses, and how far they are from the conditions of the maximum."""
    n, mass = float(problem.weights.sum()), _em(problem)
    for _ in range(_NEWTON_STEPS):
        chances = problem.chances(mass)
        gradient = problem.gradient(chances) / n
        gap = _gap(mass, gradient)
        if gap <= _CONVERGED:
            return mass, gap
        new = _newton(problem, mass, chances, gradient, n)
        if new is None or _stalled(problem, new, gap, n):
            break
        mass = new
    if gap > _GOOD:
        raise ArithmeticError(f"Turnbull's estimate did not converge: the gradient is {gap:.1e} from its conditions")
    return mass, gap


def _stalled(problem: _Problem, new: Floats, gap: float, n: float) -> bool:
    """Rounding: good already, and no better for another step."""
    return gap <= _GOOD and _gap(new, problem.gradient(problem.chances(new)) / n) >= gap


def _em(problem: _Problem) -> Floats:
    """A start: EM steps from equal masses; then little masses are set to 0, if every observation can do without."""
    n = float(problem.weights.sum())
    mass = np.full(problem.size, 1 / problem.size)
    for _ in range(_EM_STEPS):
        mass = mass * problem.gradient(problem.chances(mass)) / n
    kept = np.where(mass > 1e-3 * mass.max(), mass, 0.0)
    kept = kept if np.all(problem.chances(kept) > 0) else mass
    return np.asarray(kept / kept.sum(), np.float64)


def _gap(mass: Floats, gradient: Floats) -> float:
    """Gentleman and Geyer: gradient / n is 1 where there is mass, and nowhere more."""
    return float(max(gradient.max() - 1, np.abs(gradient[mass > 0] - 1).max()))


def _newton(problem: _Problem, mass: Floats, chances: Floats, gradient: Floats, n: float) -> Floats | None:
    """One step of the constrained Newton method, halved until the likelihood grows; None if it does not."""
    at = _candidates(mass, gradient)
    target = np.zeros_like(mass)
    target[at] = _best_quadratic(problem.information(chances, at) / n, 2 * gradient[at] - 1)
    change = target - mass
    slope = float((gradient - 1) @ change)
    before, step = float(problem.weights @ np.log(chances)) / n, 1.0
    while step > 1e-10:
        new = target if step == 1 else mass + step * change
        found = problem.chances(new)
        if np.all(found > 0):
            gain = float(problem.weights @ np.log(found)) / n - before - float(new.sum() - mass.sum())
            if gain >= 1e-4 * step * slope - 1e-15:
                return np.asarray(new / new.sum(), np.float64)
        step /= 2
    return None


def _candidates(mass: Floats, gradient: Floats) -> Ints:
    """Where mass is, and between two such places where most is to be gained; everywhere while that is cheap."""
    if mass.size <= _ALL_AT_ONCE:
        return np.arange(mass.size)
    support = np.flatnonzero(mass > 0)
    run = np.searchsorted(support, np.arange(mass.size), side="right")
    gain = np.where(mass > 0, -np.inf, gradient)
    order = np.lexsort((-gain, run))
    first = order[np.concatenate([[True], np.diff(run[order]) > 0])]
    return np.union1d(support, first[gain[first] > 1])


def _best_quadratic(information: Floats, linear: Floats) -> Floats:
    """The masses q >= 0 with the largest linear q - q' information q / 2, by non-negative least squares."""
    from scipy.linalg import LinAlgError, cholesky, solve_triangular
    from scipy.optimize import nnls

    scale = 1 / np.sqrt(np.diag(information))
    scaled = information * scale * scale[:, None]
    ridge = 0.0
    while True:
        try:
            root = cholesky(scaled + ridge * np.eye(scale.size))
            break
        except LinAlgError:  # rounding of blocks of very different size: a shorter step, not another maximum
            ridge = max(1e-14, 100 * ridge)
    solution, _ = nnls(root, solve_triangular(root, linear * scale, trans="T"), maxiter=30 * scale.size + 100)
    return np.asarray(solution * scale, np.float64)
