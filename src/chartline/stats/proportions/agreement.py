"""Agreement of two ratings: Cohen's kappa, simple or weighted.

In: a square table of whole numbers, both ratings in the same order of levels. Out: a `Kappa`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chartline.stats.distributions import interval_z, normal_sf
from chartline.stats.proportions.table import whole_counts
from chartline.stats.statistic import NotEstimable, Statistic

Weights = Literal["none", "linear", "quadratic"]
STATISTICS = (
    Statistic(
        "kappa",
        "Cohen's kappa",
        "CrossTab of two ratings of the same patients",
        "kappa (simple, linear or quadratic weights) with its standard error, interval, and test of no agreement",
        "DescTools::CohenKappa; standard errors of Fleiss 1969 written out in R",
        "Cohen J. Educ Psychol Meas 1960;20:37-46; Fleiss JL, Cohen J, Everitt BS. Psychol Bull 1969;72:323-327",
    ),
)


@dataclass(frozen=True)
class Kappa:
    """`observed` and `expected` are the (weighted) shares of agreement, by data and by chance.

    `std_error` belongs to the interval; `std_error_null` to `z` and the two-sided `p` of kappa = 0.
    """

    estimate: float
    std_error: float
    lower: float
    upper: float
    level: float
    observed: float
    expected: float
    std_error_null: float
    z: float
    p: float
    warnings: tuple[str, ...] = ()


def estimate_kappa(table: ArrayLike, weights: Weights = "none", level: float = 0.95) -> Kappa:
    """Return kappa with its large-sample interval (not cut at -1 and 1).

    Weights of a pair of levels i, j of k: 1 if equal else 0; 1 - |i - j| / (k - 1); 1 - ((i - j) / (k - 1))^2
    (Fleiss-Cohen). Raises `NotEstimable` for an empty table or where both ratings always say one level, `ValueError`
    where the table is not square.
    """
    counts = whole_counts(table, 2)
    if counts.shape[0] != counts.shape[1] or len(counts) < 2:
        raise ValueError(f"two ratings make a square table, not one of shape {counts.shape}")
    n = int(counts.sum())
    if not n:
        raise NotEstimable("no patients in the table")
    p, w = counts / n, _weights(len(counts), weights)
    rows, columns = p.sum(axis=1), p.sum(axis=0)
    observed, expected = float((w * p).sum()), float(rows @ w @ columns)
    if expected >= 1:
        raise NotEstimable("both ratings always give the same level")
    kappa = (observed - expected) / (1 - expected)
    error, null = _errors(p, w, kappa, expected, n)
    half, z = interval_z(level) * error, kappa / null if null else math.nan
    said = () if error else ("complete agreement: the standard error is 0 and the interval has no width",)
    p_value = min(1.0, 2 * normal_sf(abs(z))) if null else math.nan
    return Kappa(kappa, error, kappa - half, kappa + half, level, observed, expected, null, z, p_value, said)


def _weights(k: int, kind: Weights) -> NDArray[np.float64]:
    distance = np.abs(np.subtract.outer(np.arange(k), np.arange(k))) / (k - 1)
    if kind not in ("none", "linear", "quadratic"):
        raise ValueError(f"not a kind of weights: {kind}")
    return np.eye(k) if kind == "none" else 1 - distance ** (1 if kind == "linear" else 2)


def _errors(
    p: NDArray[np.float64], w: NDArray[np.float64], kappa: float, expected: float, n: int
) -> tuple[float, float]:
    """Standard errors of kappa as estimated, and of kappa = 0 (Fleiss, Cohen and Everitt 1969, equations 8 and 9)."""
    rows, columns = p.sum(axis=1), p.sum(axis=0)
    mean = (w @ columns)[:, None] + (rows @ w)[None, :]
    here = float((p * (w - mean * (1 - kappa)) ** 2).sum()) - (kappa - expected * (1 - kappa)) ** 2
    null = float((np.outer(rows, columns) * (w - mean) ** 2).sum()) - expected**2
    scale = (1 - expected) * math.sqrt(n)
    return _root(here) / scale, _root(null) / scale


def _root(variance: float) -> float:
    """What is left of a variance of 0 after rounding is 0."""
    return math.sqrt(variance) if variance > 1e-14 else 0.0
