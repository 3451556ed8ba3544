"""n, missing, mean, standard deviation, median, quartiles and range from a table of value -> number of subjects.

The work grows with the number of distinct values. Quantiles are the nine of Hyndman and Fan, as in R's
`quantile(type = 1..9)`; type 7 is R's default and ours.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate

from chartline.stats.statistic import Statistic

STATISTICS = (
    Statistic(
        name="mean",
        label="Mean and standard deviation",
        takes="ValueTable",
        gives="the mean, and the standard deviation with n - 1",
        reference="mean, sd",
        paper="arithmetic",
    ),
    Statistic(
        name="quartiles",
        label="Median and quartiles",
        takes="ValueTable",
        gives="the median and the quartiles, type 7",
        reference="quantile(type = 7)",
        paper="Hyndman RJ, Fan Y. Am Stat 1996;50:361-365",
    ),
)
_FUZZ = 4 * 2.220446049250313e-16  # a position this near a whole number is that number (R stats:::quantile.default)
# Positions n p + a + p (1 - a - b) of types 4 to 9.
_PLOTTING = {4: (0.0, 1.0), 5: (0.5, 0.5), 6: (0.0, 0.0), 7: (1.0, 1.0), 8: (1 / 3, 1 / 3), 9: (3 / 8, 3 / 8)}


@dataclass(frozen=True)
class Summary:
    """What is known of a number. Everything but n and missing is None where it has no value (sd needs two)."""

    n: int
    missing: int
    mean: float | None
    sd: float | None
    median: float | None
    q1: float | None
    q3: float | None
    min: float | None
    max: float | None


def summarise(values: Mapping[float, int], missing: int = 0, kind: int = 7) -> Summary:
    """Summarise value -> number of subjects; `kind` is the type of the quantiles, 1 to 9."""
    counted = {v: n for v, n in sorted(values.items()) if n}
    total = sum(counted.values())
    if not total:
        return Summary(0, missing, None, None, None, None, None, None, None)
    mean = math.fsum(v * n for v, n in counted.items()) / total
    squares = math.fsum((v - mean) ** 2 * n for v, n in counted.items())
    q1, median, q3 = (quantile(counted, p, kind) for p in (0.25, 0.5, 0.75))
    sd = math.sqrt(squares / (total - 1)) if total > 1 else None
    return Summary(total, missing, mean, sd, median, q1, q3, min(counted), max(counted))


def quantile(values: Mapping[float, int], p: float, kind: int = 7) -> float:
    """Return the quantile at `p` of value -> number, type `kind` (1 to 9). Raises `ValueError` where there is none."""
    if not (0 <= p <= 1 and 1 <= kind <= 9):
        raise ValueError(f"no quantile of type {kind} at {p}")
    ordered = sorted(v for v, n in values.items() if n)
    upto = list(accumulate(values[v] for v in ordered))
    if not upto:
        raise ValueError("no quantile of no values")
    position, share = _position(upto[-1], p, kind)

    def at(rank: int) -> float:
        """The value at a rank from 1; ranks outside are the first and last value."""
        return ordered[bisect_right(upto, min(max(rank, 1), upto[-1]) - 1)]

    low, high = at(position), at(position + 1)
    return low if low == high or share == 0 else high if share == 1 else (1 - share) * low + share * high


def _position(n: int, p: float, kind: int) -> tuple[int, float]:
    """The rank below the quantile, and how far it lies towards the next one."""
    if kind <= 3:  # steps: types 1 and 2 jump at n p, type 3 at n p - 1/2 and then to the even rank
        at = n * p - (0.5 if kind == 3 else 0.0)
        rank = math.floor(at + _FUZZ)
        above = at > rank
        if kind == 3:
            return rank, float(above or rank % 2 == 1)
        return rank, float(above) if kind == 1 else (above + 1) / 2
    a, b = _PLOTTING[kind]
    at = a + p * (n + 1 - a - b)
    rank = math.floor(at + _FUZZ)
    share = at - rank
    return rank, 0.0 if abs(share) < _FUZZ else share
