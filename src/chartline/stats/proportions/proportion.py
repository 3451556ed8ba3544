"""Binomial proportions: n of N with the Clopper-Pearson exact interval and the Wilson score interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

from chartline.stats.distributions import beta_quantile, interval_z
from chartline.stats.statistic import Statistic

STATISTICS = (
    Statistic(
        name="proportion",
        label="Proportion with exact interval",
        takes="CrossTab over `outcome`",
        gives="n/N with the Clopper-Pearson interval",
        reference="binom.test",
        paper="Clopper CJ, Pearson ES. Biometrika 1934;26:404-413",
    ),
    Statistic(
        name="proportion_wilson",
        label="Proportion with score interval",
        takes="CrossTab over `outcome`",
        gives="n/N with the Wilson score interval, without continuity correction",
        reference="prop.test(correct = FALSE)",
        paper="Wilson EB. J Am Stat Assoc 1927;22:209-212",
    ),
)
METHODS = {"clopper_pearson": "Clopper-Pearson exact interval", "wilson": "Wilson score interval"}


@dataclass(frozen=True)
class Interval:
    """A two-sided confidence interval."""

    lower: float
    upper: float
    level: float


def clopper_pearson(n: int, total: int, level: float = 0.95) -> Interval:
    """Return the exact interval of n of `total` (R `binom.test`).

    Raises `ValueError` unless 0 <= n <= total, total > 0.
    """
    _check(n, total, level)
    tail = (1 - level) / 2
    lower = beta_quantile(tail, n, total - n + 1) if n else 0.0
    upper = beta_quantile(tail, n + 1, total - n, upper=True) if n < total else 1.0
    return Interval(lower, upper, level)


def wilson(n: int, total: int, level: float = 0.95) -> Interval:
    """Return the score interval of n of `total` (R `prop.test(correct = FALSE)`).

    Raises as `clopper_pearson`.
    """
    _check(n, total, level)
    z = interval_z(level)
    half = z * math.sqrt(n * (total - n) / total + z * z / 4)
    centre, width = n + z * z / 2, total + z * z
    # at n = 0 and n = total the bound is 0 and 1 exactly; rounding must not leave it outside
    lower = 0.0 if n == 0 else (centre - half) / width
    upper = 1.0 if n == total else (centre + half) / width
    return Interval(lower, upper, level)


INTERVALS = {"clopper_pearson": clopper_pearson, "wilson": wilson}


def _check(n: int, total: int, level: float) -> None:
    if not (0 <= n <= total and total > 0):
        raise ValueError(f"not a proportion: {n} of {total}")
    if not 0 < level < 1:
        raise ValueError(f"not a confidence level: {level}")
