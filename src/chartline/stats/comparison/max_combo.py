"""Max-combo test: the largest of several Fleming-Harrington statistics, for curves that may cross.

In: Episodes with two groups. Out: each statistic, their correlation, and the probability that the largest absolute
value of such a normal vector exceeds the one found.

The correlation has less rank than statistics where the weights depend on each other (S + (1 - S) = 1, so that of the
usual four only three are free). The probability is written as a sum over which statistic is the largest, 2 sum_i
integral from c of phi(t) P(|Z_j| <= t for all j | Z_i = t) dt, whose terms are all positive, so that small p keep
their digits. In r free dimensions the inner probability is that of a polytope that grows with t, taken in polar
coordinates; the integral over t then has a closed form and one over directions is left: none for r = 2 (Owen's T), one
angle for r = 3 (Gauss-Legendre between the corners: 11 digits), two angles for r = 4 (5 digits, see `p_error`).
Nothing is random.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from chartline.stats.comparison.event_times import EventTimes
from chartline.stats.comparison.logrank import weights_of
from chartline.stats.episodes import Episodes, Floats
from chartline.stats.statistic import NotEstimable, Statistic

USUAL = ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0))

STATISTICS = (
    Statistic(
        name="max_combo",
        label="Max-combo test",
        takes="Episodes with two groups",
        gives="the largest absolute Fleming-Harrington statistic and its p, with all statistics and their correlation",
        reference="nph::logrank.maxtest; p also by nested stats::integrate",
        paper="Lee JW. Biometrics 1996;52:721-725; Karrison TG. Stata J 2016;16:678-690",
    ),
)
_EXACT = 1e-11  # relative error of p from rounding and quadrature, r <= 3
_NODES = 12  # Gauss-Legendre nodes of a panel
# the panels shrink towards both corners: beside a statistic that is nearly the same the integrand turns close to them
_GRADED = np.concatenate([[0.0], 0.25 ** np.arange(12, 1, -1), [0.25, 0.5, 0.75], 1 - 0.25 ** np.arange(2, 13), [1.0]])
_HEIGHTS = (80, 40)  # circles of latitude in three dimensions, and half of them to see the error
_SAME = 1e-12  # statistics whose correlation is nearer to 1 than this are one; eigenvalues below it are 0


@dataclass(frozen=True, eq=False)
class MaxComboTest:
    """`z` and `correlation` are in the order of `weights`; z is positive where the second group has more events."""

    statistic: float  # the largest absolute z
    p: float
    p_error: float  # bound of the numerical error of p
    weights: tuple[tuple[float, float], ...]  # (rho, gamma)
    z: Floats
    p_single: Floats  # of each alone, not adjusted
    correlation: Floats
    largest: tuple[float, float]  # the weights of the largest
    groups: tuple[str, ...]
    method: str
    warnings: tuple[str, ...]


def max_combo_test(
    episodes: Episodes,
    weights: tuple[tuple[float, float], ...] = USUAL,
    *,
    stratified: bool = True,
    cause: str | int | None = None,
) -> MaxComboTest:
    """Return the two-sided max-combo test over the (rho, gamma) of `weights`.

    A statistic whose weights are 0 at every event is left out, with a warning. Raises `ValueError` for other than two
    groups, no weights, or more than four statistics that do not depend on each other; `NotEstimable` as `logrank_test`.
    """
    if len(episodes.groups) > 2 or not weights:
        raise ValueError("the max-combo test compares two groups by at least one pair of weights")
    if len(episodes.groups) < 2:
        raise NotEstimable("there is one group only")
    table = EventTimes.of(episodes, cause=cause, stratified=stratified)
    w = np.column_stack([weights_of(table, ("fleming_harrington", *pair)) for pair in weights])
    covariance = w.T @ (w * (table.d * table.spread * table.shares.prod(axis=1))[:, None])
    used = np.diag(covariance) > 0
    if not used.any():
        raise NotEstimable("no events" if not table.d.any() else "no event happened while both groups were at risk")
    kept = tuple(pair for pair, u in zip(weights, used, strict=True) if u)
    scale = np.sqrt(np.diag(covariance)[used])
    z = w[:, used].T @ (table.events - table.d[:, None] * table.shares)[:, 1] / scale
    correlation = covariance[np.ix_(used, used)] / np.outer(scale, scale)
    top = int(np.argmax(np.abs(z)))
    p, error = largest_tail(float(abs(z[top])), correlation)
    return MaxComboTest(
        statistic=float(abs(z[top])), p=p, p_error=error, weights=kept, z=z,
        p_single=np.array([math.erfc(abs(x) / math.sqrt(2)) for x in z]), correlation=correlation, largest=kept[top],
        groups=episodes.groups, method=_method(kept, len(episodes.strata) if stratified else 1),
        warnings=tuple(
            f"weights rho {rho:g}, gamma {gamma:g} are 0 at every event while both groups were at risk: left out"
            for (rho, gamma), u in zip(weights, used, strict=True) if not u
        ),
    )  # fmt: skip


def largest_tail(c: float, correlation: Floats) -> tuple[float, float]:
    """Return P(max |Z_i| >= c) for a normal vector with this correlation, and a bound of its error.

    Raises `ValueError` where the correlation has a rank above 4.
    """
    rows = _directions(correlation)
    r = rows.shape[1]
    if r == 1:
        p = math.erfc(c / math.sqrt(2))
        return p, _EXACT * p
    if r > 4:
        raise ValueError("more than four statistics that do not depend on each other are not compared")
    facets = [_facet(rows, i) for i in range(len(rows))]
    if r == 4:
        fine, coarse = (sum(_over_sphere(c, n, d, k) for n, d in facets) for k in _HEIGHTS)
        return min(1.0, fine), max(_EXACT * fine, abs(fine - coarse))
    over = _over_signs if r == 2 else _over_circle
    p = min(1.0, sum(over(c, n, d) for n, d in facets))
    return p, _EXACT * p


def _directions(correlation: Floats) -> Floats:
    """Unit rows a_i with a_i a_j = correlation, in as few dimensions as there are; one of each set of equal ones."""
    distinct = [i for i, row in enumerate(correlation) if not np.any(np.abs(row[:i]) > 1 - _SAME)]
    values, vectors = np.linalg.eigh(correlation[np.ix_(distinct, distinct)])
    free = values > _SAME * len(distinct)
    rows = vectors[:, free] * np.sqrt(values[free])
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def _facet(rows: Floats, i: int) -> tuple[Floats, Floats]:
    """Where Z_i = t is the largest: {t u: n_k u <= d_k}, one half-space for each sign of each other statistic."""
    others = np.delete(rows, i, axis=0)
    rho = others @ rows[i]
    across = np.linalg.svd(rows[i : i + 1])[2][1:]  # an orthonormal basis of what is orthogonal to a_i
    b = others @ across.T
    return np.vstack([b, -b]), np.concatenate([1 - rho, 1 + rho])


def _reach(normals: Floats, bounds: Floats, directions: Floats) -> Floats:
    """How far each direction goes before it leaves the polytope; infinite where it never does."""
    slope = directions @ normals.T
    with np.errstate(divide="ignore"):
        return np.asarray(np.where(slope > 0, bounds / np.where(slope > 0, slope, 1), np.inf).min(axis=1))


def _over_signs(c: float, normals: Floats, bounds: Floats) -> float:
    from scipy.special import owens_t

    reach = _reach(normals, bounds, np.array([[1.0], [-1.0]]))
    return float(2 * owens_t(c, reach).sum())


def _over_circle(c: float, normals: Floats, bounds: Floats) -> float:
    """2 mean over angles of: upper tail at c minus that at c sqrt(1 + R^2) over sqrt(1 + R^2)."""
    from scipy.special import ndtr

    x, weight = np.polynomial.legendre.leggauss(_NODES)
    corners = _corners(normals, bounds)
    ends = np.append((corners[:-1, None] + np.diff(corners)[:, None] * _GRADED[:-1]).ravel(), corners[-1])
    half = np.diff(ends) / 2
    angles = (ends[:-1] + half)[:, None] + half[:, None] * x
    reach = _reach(normals, bounds, np.column_stack([np.cos(angles.ravel()), np.sin(angles.ravel())]))
    far = np.sqrt(1 + reach**2)
    with np.errstate(invalid="ignore"):
        inside = ndtr(-c) - np.where(np.isinf(far), 0.0, ndtr(-c * far) / far)
    return float(2 * (inside.reshape(angles.shape) @ weight @ half) / (2 * math.pi))


def _corners(normals: Floats, bounds: Floats) -> Floats:
    """The angles between which one and the same side is reached: corners, and where a side is parallel to the ray."""
    angles = [math.atan2(n[0], -n[1]) for n in normals] + [math.atan2(-n[0], n[1]) for n in normals]
    for i, j in combinations(range(len(bounds)), 2):
        sides = normals[[i, j]]
        if abs(np.linalg.det(sides)) > _SAME:
            u = np.linalg.solve(sides, bounds[[i, j]])
            angles.append(math.atan2(u[1], u[0]))
    return np.unique(np.concatenate([[-math.pi, math.pi], angles]))


def _over_sphere(c: float, normals: Floats, bounds: Floats, heights: int) -> float:
    """As `_over_circle`, over the sphere: on circles of latitude, each cut where another side is reached."""
    from scipy.special import owens_t

    height, weight = np.polynomial.legendre.leggauss(heights)
    x, w = np.polynomial.legendre.leggauss(_NODES)
    flat = np.sqrt(1 - height**2)
    ends = _cuts(normals, bounds, flat, height)
    half = np.diff(ends, axis=1) / 2
    angle = (ends[:, :-1] + half)[:, :, None] + half[:, :, None] * x
    round_ = np.broadcast_to(flat[:, None, None], angle.shape)
    up = np.broadcast_to(height[:, None, None], angle.shape)
    points = np.stack([round_ * np.cos(angle), round_ * np.sin(angle), up], axis=-1)
    reach = _reach(normals, bounds, points.reshape(-1, 3))
    far, near = 1 + reach**2, np.where(np.isinf(reach), 0.0, reach)
    inner = 2 * owens_t(c, reach) - near / math.pi * np.exp(-(c**2) * far / 2) / far
    return float(2 * weight @ ((inner.reshape(angle.shape) @ w) * half).sum(axis=1) / (4 * math.pi))


def _cuts(normals: Floats, bounds: Floats, flat: Floats, height: Floats) -> Floats:
    """The angles on each circle of latitude at which two sides are equally far, or one is parallel to the ray."""
    planes = [*normals, *(n * bounds[j] - normals[j] * b for (n, b), j in _pairs(normals, bounds))]
    out = [np.full_like(flat, -math.pi), np.full_like(flat, math.pi)]
    for a, b, e in planes:
        size = flat * math.hypot(a, b)
        turn = np.arccos(np.clip(-e * height / np.where(size > 0, size, 1), -1, 1))
        for angle in (math.atan2(b, a) + turn, math.atan2(b, a) - turn):
            out.append((angle + math.pi) % (2 * math.pi) - math.pi)
    return np.sort(np.stack(out, axis=1), axis=1)


def _pairs(normals: Floats, bounds: Floats) -> list[tuple[tuple[Floats, float], int]]:
    return [((normals[i], float(bounds[i])), j) for i, j in combinations(range(len(bounds)), 2)]


def _method(weights: tuple[tuple[float, float], ...], strata: int) -> str:
    pairs = ", ".join(f"({rho:g}, {gamma:g})" for rho, gamma in weights)
    out = f"max-combo test of the Fleming-Harrington statistics with (rho, gamma) {pairs}"
    return f"{out}, stratified ({strata} strata)" if strata > 1 else out
