"""Standardised difference of a category between two groups.

In: the counts of each level in each group. Out: a `StandardisedDifference`, the Mahalanobis distance of the two vectors
of proportions. For two levels it is the usual difference of proportions over its pooled standard deviation, with sign.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chartline.stats.distributions import interval_z
from chartline.stats.proportions.table import whole_counts
from chartline.stats.statistic import NotEstimable, Statistic

STATISTICS = (
    Statistic(
        "standardised_difference_category",
        "Standardised difference of a category",
        "CrossTab of a category and a grouping of two levels",
        "Mahalanobis distance of the proportions, with a normal interval; signed for two levels",
        "solve(S) as published (Yang and Dalton)",
        "Yang D, Dalton JE. SAS Global Forum 2012, paper 335; Austin PC. Commun Stat 2009;38:1228-1234",
    ),
)


@dataclass(frozen=True)
class StandardisedDifference:
    """`value` is inf, and the rest nan, where the groups share no level."""

    value: float
    std_error: float
    lower: float
    upper: float
    level: float
    warnings: tuple[str, ...] = ()


def standardised_difference_of_levels(
    first: ArrayLike, second: ArrayLike, level: float = 0.95
) -> StandardisedDifference:
    """Return the standardised difference of a category, first group against second.

    `first` and `second` are the counts of the same levels; a level nobody has changes nothing, nor does the order of
    more than two. Of two levels the sign is that of the first level's proportion. Standard error: (n1 + n2) / (n1 n2)
    + d^2 / (2 (n1 + n2)), rooted (Hedges and Olkin 1985). Raises `NotEstimable` for an empty group, `ValueError` for
    arrays that do not fit.
    """
    one, two = whole_counts(first, 1), whole_counts(second, 1)
    if one.shape != two.shape:
        raise ValueError(f"counts of the same levels are needed, not {len(one)} and {len(two)}")
    n1, n2 = int(one.sum()), int(two.sum())
    for group, n in (("first", n1), ("second", n2)):
        if not n:
            raise NotEstimable(f"no patients in the {group} group")
    if not (one * two > 0).any():
        said = ("no level occurs in both groups: the difference is infinite",)
        return StandardisedDifference(math.inf, math.nan, math.nan, math.nan, level, said)
    d = _distance(one / n1, two / n2)
    error = math.sqrt((n1 + n2) / (n1 * n2) + d * d / (2 * (n1 + n2)))
    half = interval_z(level) * error
    return StandardisedDifference(d, error, d - half, d + half, level)


def _distance(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    here = (p + q) > 0
    if here.sum() < 2:
        return 0.0
    sign = 1.0
    if len(p) == 2:
        sign = math.copysign(1.0, p[0] - q[0])
    p, q = p[here][:-1], q[here][:-1]
    spread = (np.diag(p + q) - np.outer(p, p) - np.outer(q, q)) / 2
    return sign * math.sqrt(max(0.0, float((p - q) @ np.linalg.solve(spread, p - q))))
