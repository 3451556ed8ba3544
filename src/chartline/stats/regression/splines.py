"""Natural cubic splines of a covariate: cubic between its knots, straight beyond the outer two.

In: the values of a covariate. Out: the basis that R `splines::ns` makes, one column a degree of freedom, which
`Episodes.of(covariates={"age": basis})` takes as `age[1]`, `age[2]`, ... The restricted cubic spline with k knots
(Harrell) is the natural spline with k - 1 degrees of freedom: the same curves, other columns. Whether a straight line
would do is the likelihood-ratio test of one against the other, `nested_test`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from chartline.stats.design import Floats
from chartline.stats.lazy import lazy
from chartline.stats.statistic import NotEstimable, Statistic

STATISTICS = (
    Statistic(
        name="natural_spline",
        label="Natural cubic spline of a covariate",
        takes="the values of a covariate, degrees of freedom or knots",
        gives="the columns of its basis, and the knots",
        reference="splines::ns(x, df, knots, Boundary.knots)",
        paper="de Boor C. A Practical Guide to Splines. 1978; Durrleman S, Simon R. Stat Med 1989;8:551-561",
    ),
)
_ORDER = 4  # cubic


@dataclass(frozen=True, eq=False)
class NaturalSpline:
    """A basis: its inner knots, and the two boundary knots beyond which it is straight."""

    knots: tuple[float, ...]
    boundary: tuple[float, float]

    @property
    def df(self) -> int:
        return len(self.knots) + 1

    def basis(self, values: npt.ArrayLike) -> Floats:
        """Return the basis at `values` (n): n x df, as R's `predict(ns(...), values)`."""
        x = np.asarray(values, np.float64)
        low, high = self.boundary
        inside = self._splines(np.clip(x, low, high))
        for end, beyond in ((low, x < low), (high, x > high)):
            if beyond.any():
                slope = self._splines(np.array([end]), 1)
                inside[beyond] = self._splines(np.array([end])) + slope * (x[beyond] - end)[:, None]
        return np.asarray(inside @ self._straight)

    @lazy
    def _all_knots(self) -> Floats:
        low, high = self.boundary
        return np.array([*[low] * _ORDER, *self.knots, *[high] * _ORDER])

    @lazy
    def _straight(self) -> Floats:
        """Turns the B-splines but the first into those without curvature at either boundary (R: by Householder)."""
        curvature = self._splines(np.array(self.boundary), 2)
        return _orthogonal(curvature.T)[:, 2:]

    def _splines(self, x: Floats, derivative: int = 0) -> Floats:
        """All B-splines but the first, or a derivative of them, at x within the boundary."""
        from scipy.interpolate import BSpline

        n = len(self.knots) + _ORDER
        whole = BSpline(self._all_knots, np.eye(n), _ORDER - 1, extrapolate=True)
        return np.asarray(whole(x, nu=derivative)[:, 1:], np.float64)


def fit_spline(
    values: npt.ArrayLike, df: int | None = None, *, knots: tuple[float, ...] | None = None,
    boundary: tuple[float, float] | None = None, count: npt.ArrayLike | None = None,
) -> NaturalSpline:  # fmt: skip
    """Return the spline of `df` degrees of freedom, its inner knots at equal quantiles of `values` (R type 7).

    `boundary` is the range of the values if not given; quantiles are of those within it, each value counted `count`
    times. Raises `NotEstimable` where the quantiles coincide with each other or a boundary, `ValueError` for a wrong
    call.
    """
    given = np.asarray(values, np.float64)
    x = given if count is None else np.repeat(given, np.asarray(count, np.int64))
    if x.ndim != 1 or not x.size or not np.all(np.isfinite(x)):
        raise ValueError("a spline is made of one column of values, none missing")
    if (df is None) == (knots is None) or (df is not None and df < 1):
        raise ValueError("a spline has either degrees of freedom (1 or more) or knots")
    low, high = boundary or (float(x.min()), float(x.max()))
    if df is not None:
        inner = x[(x >= low) & (x <= high)]
        knots = tuple(np.quantile(inner, np.arange(1, df) / df).tolist()) if df > 1 else ()
    places = (low, *(knots or ()), high)
    if any(a >= b for a, b in pairwise(places)):
        raise NotEstimable("the values are too few or too alike for the knots of a spline")
    return NaturalSpline(tuple(knots or ()), (low, high))


def natural_spline(values: npt.ArrayLike, df: int, *, like: npt.ArrayLike | None = None) -> Floats:
    """Return the basis of `values`, n x df; knots from the values of `like` where given (R `splines::ns(x, df)`)."""
    return fit_spline(values if like is None else like, df).basis(values)


def _orthogonal(a: Floats) -> Floats:
    """The orthogonal Q of R's `qr.Q(qr(a), complete = TRUE)`, by Householder reflections with LINPACK's signs."""
    q, _ = np.linalg.qr(a, mode="complete")
    return np.asarray(q, np.float64)
