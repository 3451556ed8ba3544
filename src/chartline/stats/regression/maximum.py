"""Maximum of a (penalised) log-likelihood, its profile limits and likelihood-ratio tests: what the models share.

In: a model that gives value, score and information at a point. Out: the maximum with its variance, and for each
coefficient the profile interval {b : 2 (l_max - l_profile(b)) <= chi-square quantile} and the p value at b = 0.

The steps are Newton's, halved while the value does not rise. The limits are the roots of the signed root of the
deviance, which is nearly a straight line in b, by Newton's method inside a bracket: its slope is the score of the
fixed coefficient (envelope theorem), so that no further derivative is needed. Infinite limits are looked for as far
as `FARTHEST` in units of the covariate's spread, or of the standard error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from chartline.stats.design import Floats
from chartline.stats.distributions import chi2_sf, interval_z
from chartline.stats.statistic import NotEstimable

MAX_STEPS = 100
_LOOKS = 60  # at a profile, for one limit
_ASIDE = (-3.0, -1.5, -0.75, 0.75, 1.5, 3.0)  # where other maxima are looked for, as `LONGEST`
_CLOSE = 1e-10  # the last step of a limit; Newton's next would be of the square of it
_STALLED = 4  # steps in a row that raise the value by less than rounding
_FLAT = 1e-14
LONGEST = 3.0  # of one step, in units of a coefficient per standard deviation of its covariate
FARTHEST = 60.0  # exp(60) is no hazard ratio that data can speak of; as many standard errors where those are large
_DONE = 1e-15  # half the squared length of a step in standard errors: what the last step, which is taken, shortens
_NOISE = 1e-11  # of a value, relative: near the top the score knows better than the value
MANY = 1000  # events from which a penalty bends the likelihood so little that the information alone steers the steps
_SINGULAR = 1e-11  # an information whose smallest pivot is this share of its diagonal has no inverse


@dataclass(frozen=True, eq=False)
class Point:
    """A model at `beta`: `value` -inf where it has none. `curvature` is minus the second derivative, for the steps."""

    beta: Floats
    value: float
    score: Floats
    information: Floats


class Model(Protocol):
    """What is maximised. `free_curvature` may be any positive matrix near minus the second derivative."""

    def at(self, beta: Floats) -> Point: ...

    def curvature(self, point: Point) -> Floats: ...


@dataclass(frozen=True)
class Term:
    """One coefficient with the interval and the two-sided p of the method its model names; a ratio is exp(coef)."""

    name: str
    coef: float
    se: float
    lower: float
    upper: float
    chisq: float  # of the likelihood ratio, or z squared where the model says Wald
    p: float

    @property
    def ratio(self) -> tuple[float, float, float]:
        """Hazard or odds ratio with its limits; inf where the exponential overflows."""
        return exp_or_inf(self.coef), exp_or_inf(self.lower), exp_or_inf(self.upper)


def exp_or_inf(x: float) -> float:
    return math.exp(x) if x < 709 else math.inf


def check_level(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"not a confidence level: {level}")


def log_determinant(matrix: Floats) -> float:
    """log |matrix|, -inf where it is not positive definite to rounding."""
    scale = np.sqrt(np.maximum(np.diag(matrix), 0.0))
    if not np.all(scale > 0) or not np.all(np.isfinite(matrix)):
        return -math.inf
    try:
        pivots = np.diag(np.linalg.cholesky(matrix / np.outer(scale, scale)))
    except np.linalg.LinAlgError:
        return -math.inf
    if pivots.size and pivots.min() ** 2 < _SINGULAR:
        return -math.inf
    return float(2 * np.sum(np.log(pivots) + np.log(scale)))


def check_information(information: Floats, names: Sequence[str], enough: npt.ArrayLike = 0.0) -> None:
    """Raise `NotEstimable`, naming the first covariate that is constant or a sum of those before it.

    `enough` is the diagonal below which a covariate does not vary.
    """
    least = np.broadcast_to(enough, (len(names),))
    for k, name in enumerate(names):
        if not information[k, k] > least[k]:
            raise NotEstimable(f"{name} does not vary among those at risk")
        if log_determinant(information[: k + 1, : k + 1]) == -math.inf:
            raise NotEstimable(f"{name} cannot be told apart from the other covariates")


def by_differences(score: Callable[[Floats], Floats], beta: Floats, step: float = 1e-5) -> Floats:
    """Minus the derivative of `score`, by central differences: steers the steps, does not touch where they end."""
    columns = []
    for k in range(beta.size):
        move = np.zeros_like(beta)
        move[k] = step
        columns.append((score(beta - move) - score(beta + move)) / (2 * step))
    slope = np.column_stack(columns) if columns else np.zeros((0, 0))
    return (slope + slope.T) / 2


def maximise(model: Model, start: Floats, fixed: Sequence[int] = ()) -> Point:
    """Return the maximum over all coefficients but those `fixed` at their start.

    Where the likelihood rises without end the point is one so far out that it rises no more in double precision: who
    calls looks for that beforehand. Raises `NotEstimable` where there is no value at the start, or no maximum is
    reached in `MAX_STEPS` steps.
    """
    free = np.array([k for k in range(start.size) if k not in fixed], np.int64)
    here = model.at(start)
    if not math.isfinite(here.value):
        raise NotEstimable("the likelihood has no value at its start")
    if not free.size:
        return here
    stalled = 0
    for _ in range(MAX_STEPS):
        step = _newton_step(model, here, free)
        decrement = float(here.score[free] @ step[free]) / 2
        size = max(1.0, abs(here.value))
        there = _halved(model, here, step)
        if there is None:  # rounding: nothing on the way is higher
            return here
        stalled = stalled + 1 if abs(there.value - here.value) < _FLAT * size else 0
        if abs(decrement) < _DONE or stalled == _STALLED:
            return there
        here = there
    raise NotEstimable(f"the likelihood has no maximum within {MAX_STEPS} steps")


def _newton_step(model: Model, here: Point, free: npt.NDArray[np.int64]) -> Floats:
    """A step uphill, at most `LONGEST` in any coefficient; what is nearly singular gets a ridge."""
    at = np.ix_(free, free)
    block = model.curvature(here)[at]
    if log_determinant(block) == -math.inf:
        block = here.information[at]
    ridge = 0.0
    while log_determinant(block + ridge * np.eye(free.size)) == -math.inf and ridge < 1e6:
        ridge = max(10 * ridge, 1e-9 * float(np.abs(np.diag(block)).max()), 1e-12)
    step = np.zeros_like(here.beta)
    step[free] = np.linalg.solve(block + ridge * np.eye(free.size), here.score[free])
    return step * min(1.0, LONGEST / max(float(np.abs(step).max()), 1e-300))


def _halved(model: Model, here: Point, step: Floats) -> Point | None:
    for _ in range(30):
        there = model.at(here.beta + step)
        if there.value > here.value - _NOISE * max(1.0, abs(here.value)):
            return there
        step = step / 2
    return None


def profile_limit(model: Model, top: Point, k: int, side: int, level: float, *, several: bool = False) -> float:
    """Return the profile limit of coefficient `k` below (`side` -1) or above (+1) its estimate, or -inf or inf.

    The maximum over the other coefficients is followed outwards from the estimate. A penalised likelihood of very few
    patients may have `several` maxima: then at the limit others are looked for, and a higher one is followed further.
    """
    limit, at = _followed(model, top, top, k, side, level)
    while several and math.isfinite(limit):
        higher = _higher(model, at, k)
        if higher is None:
            break
        limit, at = _followed(model, top, higher, k, side, level)
    return limit


def _followed(model: Model, top: Point, begin: Point, k: int, side: int, level: float) -> tuple[float, Point]:
    """The limit of the profile that goes through `begin`, which lies inside it, and the last point on it."""
    z, inside, outside, last = interval_z(level), float(begin.beta[k]), math.nan, begin
    se = math.sqrt(float(np.linalg.inv(top.information)[k, k]))
    edge = float(top.beta[k]) + side * max(FARTHEST, FARTHEST * se)
    b = inside + side * z * se
    for _ in range(_LOOKS):
        point = _profile(model, last.beta + (b - last.beta[k]) * _tangent(last, k), k)
        gap = math.inf if point is None else math.sqrt(max(0.0, 2 * (top.value - point.value))) - z
        if gap <= 0 and b == edge:
            return side * math.inf, last
        inside, outside = (inside, b) if gap > 0 else (b, outside)
        new = math.nan
        if point is not None:
            last = point
            slope = -side * float(point.score[k])  # of half the deviance, outwards
            if slope > 0 and gap > -z:
                new = b - side * gap * (gap + z) / slope
        new = _kept(new, inside, outside, side, se)
        new = new if side * (edge - new) > 0 else edge
        if abs(new - b) <= _CLOSE * max(1.0, abs(b)):
            return new, last
        b = new
    return b, last


def _higher(model: Model, at: Point, k: int) -> Point | None:
    """A maximum with coefficient `k` where it is that is higher than `at`; None where none is found."""
    found = []
    for j in (j for j in range(at.beta.size) if j != k):
        for far in _ASIDE:
            point = _profile(model, at.beta + far * (np.arange(at.beta.size) == j), k)
            if point is not None:
                found.append(point)
    best = max(found, key=lambda p: p.value, default=at)
    return best if best.value > at.value + 1e-6 else None


def _profile(model: Model, start: Floats, k: int) -> Point | None:
    try:
        return maximise(model, start, (k,))
    except NotEstimable:
        return None


def _tangent(point: Point, k: int) -> Floats:
    """How the other coefficients follow the fixed one along the profile, to first order."""
    rest = np.arange(point.beta.size) != k
    out = np.ones(point.beta.size)
    block = point.information[np.ix_(rest, rest)]
    singular = log_determinant(block) == -math.inf
    out[rest] = 0.0 if singular else -np.linalg.solve(block, point.information[rest, k])
    return out


def _kept(new: float, inside: float, outside: float, side: int, se: float) -> float:
    """Newton's proposal where it lies in the bracket; else its middle, or a stride outwards where it has no end."""
    if math.isnan(outside):
        farthest = inside + side * max(2 * se, abs(inside), 1.0)
        return new if side * inside < side * new < side * farthest else farthest
    low, high = min(inside, outside), max(inside, outside)
    return new if low < new < high else (low + high) / 2


def ratio_test(model: Model, top: Point, fixed: Sequence[int]) -> tuple[float, float]:
    """Return chi-square and p of the likelihood ratio of the coefficients `fixed` at 0 against the maximum."""
    start = top.beta.copy()
    start[list(fixed)] = 0.0
    try:
        chisq = max(0.0, 2 * (top.value - maximise(model, start, fixed).value))
    except NotEstimable:
        return math.nan, math.nan
    return chisq, chi2_sf(chisq, len(fixed))


def wald(name: str, coef: float, se: float, level: float) -> Term:
    """A coefficient with Wald's interval and p (R `confint.default`, `summary`)."""
    half = interval_z(level) * se
    z = coef / se if se > 0 else math.nan
    return Term(name, coef, se, coef - half, coef + half, z * z, math.erfc(abs(z) / math.sqrt(2)))


def profiled(
    model: Model, top: Point, names: Sequence[str], scale: Floats, level: float, covariance: Floats,
    *, several: bool = False,
) -> tuple[Term, ...]:  # fmt: skip
    """Every coefficient with profile limits and likelihood-ratio p, in units of its covariate, `scale` units each.

    `several` looks for other maxima at each limit (see `profile_limit`).
    """
    out = []
    for k, name in enumerate(names):
        unit, se = float(scale[k]), math.sqrt(float(covariance[k, k]))
        lower, upper = (profile_limit(model, top, k, side, level, several=several) / unit for side in (-1, 1))
        chisq, p = ratio_test(model, top, (k,))
        out.append(Term(name, float(top.beta[k]) / unit, se, lower, upper, chisq, p))
    return tuple(out)


def infinite_limits(terms: Sequence[Term]) -> tuple[str, ...]:
    """A sentence for each coefficient whose interval has no end."""
    out = []
    for t in terms:
        ends = [side for side, end in (("lower", t.lower), ("upper", t.upper)) if math.isinf(end)]
        if ends:
            out.append(f"the data set no {' or '.join(ends)} limit to {t.name}")
    return tuple(out)
