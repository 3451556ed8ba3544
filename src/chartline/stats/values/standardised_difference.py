"""Standardised differences: how far apart two groups are in a variable, in units of its spread.

In: numbers (value -> count or plain arrays), or counts of categories. Out: a number without unit, which does not grow
with n as a p-value does; Austin calls 0.1 and more an imbalance worth looking at. Means are compared in units of the
root of the mean variance (Austin 2009), or, for an effect size with an interval, of the pooled standard deviation with
Hedges' correction. Categories are compared all at once by their Mahalanobis distance (Yang and Dalton 2012).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from chartline.stats.distributions import interval_z
from chartline.stats.statistic import NotEstimable, Statistic
from chartline.stats.values.table import Numbers, check_level, counted, need

STATISTICS = (
    Statistic(
        name="standardised_difference",
        label="Standardised mean difference",
        takes="ValueTable of two groups",
        gives="the difference of means over the root of the mean variance",
        reference="(mean(x) - mean(y)) / sqrt((var(x) + var(y)) / 2)",
        paper="Austin PC. Stat Med 2009;28:3083-3107",
    ),
    Statistic(
        name="hedges_g",
        label="Hedges' g",
        takes="ValueTable of two groups",
        gives="the mean difference in pooled standard deviations, corrected for small n, with a normal interval",
        reference="metafor::escalc(measure = 'SMD'), spelled out in R",
        paper="Hedges LV. J Educ Stat 1981;6:107-128; Hedges LV, Olkin I. Statistical Methods for Meta-Analysis 1985",
    ),
)


@dataclass(frozen=True)
class StandardisedDifference:
    """`value` is first less second; infinite where the groups do not overlap in a variable without spread."""

    value: float
    n: tuple[int, int]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class HedgesG:
    """`correction` is what takes `d`, the difference in pooled standard deviations, to `g`."""

    g: float
    lower: float
    upper: float
    level: float
    std_error: float
    d: float
    correction: float
    n: tuple[int, int]


def standardised_difference(x: Numbers, y: Numbers) -> StandardisedDifference:
    """Return (mean x - mean y) / sqrt((var x + var y) / 2), variances with n - 1.

    Raises `NotEstimable` where a group has fewer than two values, or no value varies within its group.
    """
    a, b = counted(x), counted(y)
    need(a, 2, "1")
    need(b, 2, "2")
    spread = math.sqrt((a.variance + b.variance) / 2)
    if not spread:
        raise NotEstimable("the values do not vary within the groups")
    return StandardisedDifference((a.mean - b.mean) / spread, (a.n, b.n))


def hedges_g(x: Numbers, y: Numbers, *, level: float = 0.95) -> HedgesG:
    """Return the difference of means in pooled standard deviations, unbiased for small n, with its interval.

    The correction is exact (gamma functions); the variance is 1/m + 1/n + g^2 / (2 (m + n)) (Hedges and Olkin).
    Raises `NotEstimable` where a group is empty, both have fewer than three values together, or none varies.
    """
    check_level(level)
    a, b = counted(x), counted(y)
    need(a, 1, "1")
    need(b, 1, "2")
    df = a.n + b.n - 2
    if not df:
        raise NotEstimable("one value in each group only")
    spread = math.sqrt((a.squares + b.squares) / df)
    if not spread:
        raise NotEstimable("the values do not vary within the groups")
    d, factor = (a.mean - b.mean) / spread, _small_sample(df)
    g = factor * d
    error = math.sqrt(1 / a.n + 1 / b.n + g * g / (2 * (a.n + b.n)))
    half = interval_z(level) * error
    return HedgesG(g, g - half, g + half, level, error, d, factor, (a.n, b.n))


def _small_sample(df: int) -> float:
    """Gamma(df/2) / (sqrt(df/2) Gamma((df - 1)/2)); by its series where the gammas would cancel."""
    if df == 1:
        return 0.0  # Gamma(0) is infinite: with three values d has no mean
    if df > 10_000:
        return 1 - 3 / (4 * df) - 7 / (32 * df**2)
    return math.exp(math.lgamma(df / 2) - math.lgamma((df - 1) / 2)) / math.sqrt(df / 2)
