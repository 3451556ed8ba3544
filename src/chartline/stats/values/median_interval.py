"""Exact interval of a median, or another quantile, of numbers that are all known (none censored).

In: numbers as value -> count or plain arrays. Out: two of the values. Whatever their distribution, the number of values
below the true quantile is binomial, so that two order statistics hold it with a probability that is known before
anything is seen. Each tail is at most (1 - level) / 2; with ties the coverage can only be higher.

For times to an event that may be censored, see the survival topic instead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from chartline.stats.statistic import Statistic
from chartline.stats.values.summary import quantile
from chartline.stats.values.table import Numbers, check_level, counted, need

STATISTICS = (
    Statistic(
        name="quantile_interval",
        label="Exact interval of a quantile",
        takes="ValueTable",
        gives="the quantile, and the order statistics that hold it at the level or above",
        reference="sort(x)[qbinom(alpha/2, n, p)], sort(x)[qbinom(1 - alpha/2, n, p) + 1]; DescTools::MedianCI(exact)",
        paper="Hahn GJ, Meeker WQ. Statistical Intervals 1991, 5.2",
    ),
)


@dataclass(frozen=True)
class QuantileInterval:
    """`ranks` are those of the ends, from 1; 0 and n + 1 are -infinity and infinity: n values cannot bound it."""

    value: float
    lower: float
    upper: float
    level: float
    attained: float
    ranks: tuple[int, int]
    n: int
    warnings: tuple[str, ...] = ()


def quantile_interval(numbers: Numbers, p: float = 0.5, *, level: float = 0.95, kind: int = 7) -> QuantileInterval:
    """Return the quantile at `p` (R type `kind`) with its exact interval at `level` or more; `attained` says which.

    An end is infinite, with a warning, where n is too small to bound it (a median at 95 % needs 6 values).
    Raises `NotEstimable` without values, `ValueError` unless 0 < p < 1.
    """
    check_level(level)
    if not 0 < p < 1:
        raise ValueError(f"no quantile at {p} has an exact interval")
    sample = counted(numbers)
    need(sample, 1)
    n, tail = sample.n, (1 - level) / 2
    low, high = _binomial_quantile(tail, n, p), n + 1 - _binomial_quantile(tail, n, 1 - p)
    upto = np.cumsum(sample.counts)

    def at(rank: int) -> float:
        if not 1 <= rank <= n:
            return -math.inf if rank < 1 else math.inf
        return float(sample.values[np.searchsorted(upto, rank)])

    value = quantile(dict(zip(sample.values.tolist(), sample.counts.tolist(), strict=True)), p, kind)
    sides = [side for side, rank in (("below", low), ("above", high)) if not 1 <= rank <= n]
    warnings = (f"{n} values are too few to bound it {' and '.join(sides)} at this level",) if sides else ()
    attained = 1 - _below(low - 1, n, p) - _below(n - high, n, 1 - p)
    return QuantileInterval(value, at(low), at(high), level, attained, (low, high), n, warnings)


def _below(k: int, n: int, p: float) -> float:
    """P(binomial <= k)."""
    from scipy.special import betainc

    return 0.0 if k < 0 else 1.0 if k >= n else float(betainc(n - k, k + 1, 1 - p))


def _binomial_quantile(tail: float, n: int, p: float) -> int:
    """The smallest k with P(binomial <= k) >= tail (R `qbinom`, with its allowance for rounding)."""
    low, high = -1, n
    while high - low > 1:
        k = (low + high) // 2
        low, high = (low, k) if _below(k, n, p) >= tail * (1 - 64 * np.finfo(float).eps) else (k, high)
    return high
