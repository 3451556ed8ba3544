"""Precision: how wide an interval will be for a given n, rate and level, before or without a test.

In: what is planned (n, an expected rate, survival or number of events). Out: the interval to expect, and the smallest n
that makes it narrow enough. A descriptive study of one arm has no power to speak of: what its size buys is precision.

Power after the fact is not offered here or anywhere. Computed from the effect that was seen it is the p-value again in
other words, and says nothing about the study (Hoenig and Heisey 2001); what a study attained is the width of its
intervals. STROBE item 10 asks how the size arose.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from chartline.stats.distributions import interval_z
from chartline.stats.statistic import NotEstimable, Statistic

STATISTICS = (
    Statistic(
        name="interval_precision",
        label="Expected interval of a proportion",
        takes="n and an expected rate",
        gives="the exact or score interval at the expected count, and its expected width",
        reference="sum(dbinom(0:n, n, p) * width) of binom.test or prop.test(correct = FALSE)",
        paper="Clopper CJ, Pearson ES. Biometrika 1934;26:404-413; Wilson EB. J Am Stat Assoc 1927;22:209-212",
    ),
    Statistic(
        name="upper_bound_of_none",
        label="Upper bound where no event is seen",
        takes="n",
        gives="1 - (alpha/2)^(1/n), or with one side 1 - alpha^(1/n)",
        reference="binom.test(0, n)",
        paper="Hanley JA, Lippman-Hand A. JAMA 1983;249:1743-1745",
    ),
    Statistic(
        name="survival_precision",
        label="Expected interval of survival at a landmark",
        takes="n, the expected survival, the share lost by then",
        gives="Greenwood's standard error and the interval, as if events and losses came at constant rates",
        reference="Greenwood's integral by integrate(); without losses sqrt(S (1 - S) / n)",
        paper="Greenwood M. Rep Public Health Med Subj 1926;33:1-26",
    ),
    Statistic(
        name="hazard_ratio_precision",
        label="Expected interval of a hazard ratio",
        takes="the number of events and the share in one group",
        gives="the standard error of log HR, 1 / sqrt(d p (1 - p)): 2 / sqrt(d) with equal groups; the interval",
        reference="Schoenfeld's variance spelled out in R",
        paper="Schoenfeld DA. Biometrics 1983;39:499-503",
    ),
)
Method = Literal["clopper_pearson", "wilson"]
Scale = Literal["log-log", "log", "plain"]
Floats = npt.NDArray[np.float64]
LARGEST = 10**8  # subjects; no interval needs more


@dataclass(frozen=True)
class IntervalPrecision:
    """`width` is expected over the binomial; `lower` and `upper` are the interval at the `count` that is expected."""

    n: int
    rate: float
    width: float
    count: int
    lower: float
    upper: float
    level: float
    method: Method


@dataclass(frozen=True)
class SurvivalPrecision:
    """The interval if the curve comes out at `survival`; `std_error` of S, `events` expected by the landmark."""

    n: int
    survival: float
    std_error: float
    lower: float
    upper: float
    events: float
    level: float
    scale: Scale


@dataclass(frozen=True)
class HazardRatioPrecision:
    """The interval runs from `hazard_ratio` / `factor` to `hazard_ratio` x `factor`."""

    events: float
    hazard_ratio: float
    std_error: float
    factor: float
    lower: float
    upper: float
    level: float


def interval_precision(
    n: int, rate: float, *, method: Method = "clopper_pearson", level: float = 0.95
) -> IntervalPrecision:
    """Return what interval to expect of a proportion with true `rate` in n patients.

    The count at which the interval is shown is n x rate, rounded (halves to even, as R rounds).
    Raises `ValueError` unless n >= 1 and 0 <= rate <= 1.
    """
    _check(n >= 1 and n == int(n), f"{n} is no number of patients")
    _check_share(rate, "rate")
    _check_share(level, "level", inside=True)
    count = round(n * rate)
    lower, upper = _bounds(np.array([count]), n, method, level)
    width = _expected_width(n, rate, method, level)
    return IntervalPrecision(n, rate, width, count, float(lower[0]), float(upper[0]), level, method)


def n_for_interval_width(
    width: float, rate: float, *, method: Method = "clopper_pearson", level: float = 0.95
) -> IntervalPrecision:
    """Return the smallest n whose expected width at `rate` is at most `width`, with its precision.

    Raises `ValueError` unless 0 < width < 1, `NotEstimable` where no n up to 10^8 is enough.
    """
    _check_share(width, "width", inside=True)
    _check_share(rate, "rate")
    _check_share(level, "level", inside=True)
    n = _smallest(lambda m: _expected_width(m, rate, method, level) <= width)
    return interval_precision(n, rate, method=method, level=level)


def upper_bound_of_none(n: int, *, level: float = 0.95, one_sided: bool = False) -> float:
    """Return the rate that no event in n patients rules out: the upper end of the exact interval of 0 of n.

    `one_sided` puts all of 1 - level above it: about 3 / n at 95 %, the rule of three.
    """
    _check(n >= 1, f"{n} is no number of patients")
    _check_share(level, "level", inside=True)
    return -math.expm1(math.log((1 - level) / (1 if one_sided else 2)) / n)


def survival_precision(
    n: int, survival: float, *, lost: float = 0.0, level: float = 0.95, scale: Scale = "log-log"
) -> SurvivalPrecision:
    """Return the interval to expect of survival at a landmark.

    `lost` is the share that would be censored before the landmark if nobody had the event. Events and losses come at
    constant rates in between; without losses Greenwood's variance is the binomial one whatever the rates.
    Raises `ValueError` unless 0 < survival < 1 and 0 <= lost < 1.
    """
    _check(n >= 1, f"{n} is no number of patients")
    _check_share(survival, "survival", inside=True)
    _check_share(level, "level", inside=True)
    _check(0 <= lost < 1, f"the share lost is {lost}")
    event, loss = -math.log(survival), -math.log1p(-lost)
    share = event / (event + loss)
    log_error = math.sqrt(share * math.expm1(event + loss) / n)
    lower, upper = _band(survival, interval_z(level) * log_error, scale)
    events = n * share * -math.expm1(-event - loss)
    return SurvivalPrecision(n, survival, survival * log_error, lower, upper, events, level, scale)


def n_for_survival_width(
    width: float, survival: float, *, lost: float = 0.0, level: float = 0.95, scale: Scale = "log-log"
) -> SurvivalPrecision:
    """Return the smallest n whose interval of survival is at most `width` wide, with its precision."""
    _check_share(width, "width", inside=True)

    def of(n: int) -> SurvivalPrecision:
        return survival_precision(n, survival, lost=lost, level=level, scale=scale)

    return of(_smallest(lambda n: of(n).upper - of(n).lower <= width))


def hazard_ratio_precision(
    events: float, *, allocation: float = 0.5, hazard_ratio: float = 1.0, level: float = 0.95
) -> HazardRatioPrecision:
    """Return the interval to expect of a hazard ratio near 1 with this many events in all.

    `allocation` is the share of events in one group, near enough that of its patients.
    Raises `NotEstimable` without events.
    """
    _check_share(allocation, "allocation", inside=True)
    _check_share(level, "level", inside=True)
    _check(hazard_ratio > 0, f"not a hazard ratio: {hazard_ratio}")
    if events <= 0:
        raise NotEstimable("no events are expected")
    error = 1 / math.sqrt(events * allocation * (1 - allocation))
    factor = math.exp(interval_z(level) * error)
    return HazardRatioPrecision(
        events, hazard_ratio, error, factor, hazard_ratio / factor, hazard_ratio * factor, level
    )


def events_for_hazard_ratio_factor(
    factor: float, *, allocation: float = 0.5, hazard_ratio: float = 1.0, level: float = 0.95
) -> HazardRatioPrecision:
    """Return the fewest events whose interval runs from HR / `factor` to HR x `factor` at most, with its precision."""
    _check(factor > 1, f"an interval of no width needs no end of events: factor {factor}")
    _check_share(allocation, "allocation", inside=True)
    _check_share(level, "level", inside=True)
    events = math.ceil((interval_z(level) / math.log(factor)) ** 2 / (allocation * (1 - allocation)) - 1e-9)
    return hazard_ratio_precision(events, allocation=allocation, hazard_ratio=hazard_ratio, level=level)


def _expected_width(n: int, rate: float, method: Method, level: float) -> float:
    """The sum over all counts that have a probability above rounding."""
    from scipy.stats import binom

    reach = 10 * math.sqrt(n * rate * (1 - rate)) + 40
    k = np.arange(max(0, math.floor(n * rate - reach)), min(n, math.ceil(n * rate + reach)) + 1)
    lower, upper = _bounds(k, n, method, level)
    return float(binom.pmf(k, n, rate) @ (upper - lower))


def _bounds(k: npt.NDArray[np.int64], n: int, method: Method, level: float) -> tuple[Floats, Floats]:
    """The intervals of many counts at once; proportions.proportion has the same for one."""
    if method == "wilson":
        z = interval_z(level)
        half = z * np.sqrt(k * (n - k) / n + z * z / 4)
        lower, upper = (k + z * z / 2 - half) / (n + z * z), (k + z * z / 2 + half) / (n + z * z)
        return np.where(k == 0, 0.0, lower), np.where(k == n, 1.0, upper)
    if method != "clopper_pearson":
        raise ValueError(f"there is no interval {method}")
    from scipy.special import betainccinv, betaincinv

    tail = (1 - level) / 2
    lower = np.where(k == 0, 0.0, betaincinv(np.maximum(k, 1), n - k + 1, tail))
    return lower, np.where(k == n, 1.0, betainccinv(k + 1, np.maximum(n - k, 1), tail))


def _band(s: float, half: float, scale: Scale) -> tuple[float, float]:
    """The intervals of survfit; `half` is z times the standard error of log S."""
    if scale == "plain":
        return max(0.0, s - half * s), min(1.0, s + half * s)
    if scale == "log":
        return s * math.exp(-half), min(1.0, s * math.exp(half))
    theta = half / -math.log(s)
    return s ** math.exp(theta), s ** math.exp(-theta)


def _smallest(enough: Callable[[int], bool]) -> int:
    """The smallest n that is enough: doubling, halving, then down over the dents that whole counts leave."""
    high = 1
    while not enough(high):
        high *= 2
        if high > LARGEST:
            raise NotEstimable(f"no number of patients up to {LARGEST} is enough")
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    for n in range(max(1, high - 3), high):
        if enough(n):
            return n
    return high


def _check(good: bool, says: str) -> None:
    if not good:
        raise ValueError(says)


def _check_share(value: float, what: str, *, inside: bool = False) -> None:
    _check(0 < value < 1 if inside else 0 <= value <= 1, f"not a {what}: {value}")
