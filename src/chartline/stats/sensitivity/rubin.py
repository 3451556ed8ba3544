"""Rubin's rules: one estimate from those of several imputed data sets, as R `mice::pool` gives it.

In: estimates and their variances, one an imputation. Out: mean, total variance (within plus between, the latter with
its share for finitely many imputations), degrees of freedom, interval and p by Student's t, how much was missing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chartline.stats.regression.maximum import exp_or_inf
from chartline.stats.statistic import Statistic

STATISTICS = (
    Statistic(
        name="rubin",
        label="Pooled estimate of imputed data sets",
        takes="estimates and variances, one an imputation",
        gives="estimate, total variance, degrees of freedom, interval, p, fraction of missing information",
        reference="mice::pool, mice::pool.scalar",
        paper="Rubin DB. Multiple Imputation, 1987; Barnard J, Rubin DB. Biometrika 1999;86:948-955",
    ),
)
_LEAST = 1e-4  # share of variance between imputations; mice takes no less, so that the degrees of freedom stay finite


@dataclass(frozen=True)
class Pooled:
    """`between_share` is the part of the variance that missing values make, `missing_information` the same with its
    own uncertainty (mice: lambda and fmi); `increase` is what they add to the variance within (riv)."""

    estimate: float
    se: float
    lower: float
    upper: float
    p: float  # of no effect (0), two-sided
    df: float
    within: float
    between: float
    increase: float
    between_share: float
    missing_information: float
    imputations: int
    level: float

    @property
    def ratio(self) -> tuple[float, float, float]:
        """exp(estimate) and its limits; inf where the exponential overflows."""
        return exp_or_inf(self.estimate), exp_or_inf(self.lower), exp_or_inf(self.upper)


def rubin(
    estimates: npt.ArrayLike, variances: npt.ArrayLike, level: float = 0.95, *, df_complete: float = math.inf
) -> Pooled:
    """Return the pooled estimate. `df_complete` is what the complete data would have (Barnard and Rubin): of Cox's
    model events less coefficients, of a logistic model subjects less coefficients.

    Raises `ValueError` for fewer than two imputations, or a variance that is not positive and finite.
    """
    from scipy.special import stdtr, stdtrit

    q, u = np.asarray(estimates, np.float64), np.asarray(variances, np.float64)
    if q.ndim != 1 or q.shape != u.shape or q.size < 2:
        raise ValueError("Rubin's rules need two or more estimates, each with its variance")
    if not (np.all(np.isfinite(q)) and np.all(np.isfinite(u)) and np.all(u > 0)) or not 0 < level < 1:
        raise ValueError("an estimate is missing, a variance is not positive, or the level is none")
    m, within, between = q.size, float(u.mean()), float(q.var(ddof=1))
    if np.ptp(q) == 0:  # equal to the last bit, but for what the mean rounds
        between = 0.0
    added = (1 + 1 / m) * between
    total, share = within + added, added / (within + added)
    df = _degrees(m, share, df_complete)
    increase = added / within
    mean, se = float(q.mean()), math.sqrt(total)
    half = float(stdtrit(df, 1 - (1 - level) / 2)) * se
    p = 2 * float(stdtr(df, -abs(mean) / se))
    missing = (increase + 2 / (df + 3)) / (increase + 1)
    return Pooled(mean, se, mean - half, mean + half, p, df, within, between, increase, share, missing, m, level)


def _degrees(m: int, share: float, complete: float) -> float:
    """Barnard and Rubin's degrees of freedom, between Rubin's (large samples) and those of the complete data."""
    share = max(share, _LEAST)
    large = (m - 1) / share**2
    if math.isinf(complete):
        return large
    if complete <= 0:
        raise ValueError("the complete data have no degrees of freedom")
    observed = (complete + 1) / (complete + 3) * complete * (1 - share)
    return large * observed / (large + observed)
