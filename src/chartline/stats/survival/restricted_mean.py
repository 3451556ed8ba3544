"""Restricted mean survival time up to tau: one group, and the difference and ratios of two.

In: an EventTable or Episodes. Out: the area under the Kaplan-Meier curve up to tau, with the standard error of that
area: the square root of the sum over event times t of (area from t to tau)^2 d / (n (n - d)), a time at which all at
risk have the event counting as 0. This is what R prints as `se(rmean)` and what survRM2 uses; the two are equal. SAS
LIFETEST multiplies the variance by m / (m - 1), m being the number of events; we do not.

Intervals are Wald's, of the ratios on the log scale. Tau may not lie beyond the last censoring of a group whose curve
is above 0 there, for nothing is known of it (survRM2 has the same rule).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from chartline.counts.model import EventTable
from chartline.stats.distributions import interval_z, normal_sf
from chartline.stats.episodes import Episodes, Floats
from chartline.stats.statistic import NotEstimable, Statistic
from chartline.stats.survival.exits import Exits

STATISTICS = (
    Statistic(
        name="restricted_mean",
        label="Restricted mean survival time",
        takes="EventTable or Episodes, all causes",
        gives="the mean time without the event until tau, and the time lost, with error and Wald interval",
        reference="print(survival::survfit(...), rmean = tau); survRM2::rmst2",
        paper="Irwin JO. J Hyg 1949;47:188-189; Royston P, Parmar MKB. BMC Med Res Methodol 2013;13:152",
    ),
    Statistic(
        name="restricted_mean_comparison",
        label="Restricted mean survival time of two groups compared",
        takes="Episodes of two groups",
        gives="difference, ratio, and ratio of the time lost, second group against first, with Wald interval and p",
        reference="survRM2::rmst2",
        paper="Uno H et al. J Clin Oncol 2014;32:2380-2385",
    ),
)


@dataclass(frozen=True)
class RestrictedMean:
    """Mean time without the event until `tau`, and `lost` = tau - mean, in the unit of the times."""

    tau: float
    mean: float
    std_error: float
    lower: float
    upper: float
    lost: float
    lost_lower: float
    lost_upper: float
    n: int
    events: int  # until tau
    level: float
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Contrast:
    """A difference or ratio with its interval and two-sided p-value; None where it has none."""

    value: float | None
    lower: float | None = None
    upper: float | None = None
    p: float | None = None


@dataclass(frozen=True)
class RestrictedMeanComparison:
    """Second group against first, in the order of `groups`."""

    groups: tuple[str, str]
    first: RestrictedMean
    second: RestrictedMean
    difference: Contrast
    ratio: Contrast
    lost_ratio: Contrast
    tau: float
    level: float
    warnings: tuple[str, ...] = ()


def estimate_restricted_mean(
    data: EventTable | Episodes, tau: float | None = None, level: float = 0.95
) -> RestrictedMean:
    """Return the restricted mean of everyone in `data` until `tau`; until the last time if it is not given.

    Raises `NotEstimable` for no patients, and for a `tau` beyond the last censoring while S is above 0; `ValueError`
    for a `tau` that is not positive.
    """
    exits = Exits.of(data)
    _need_patients(exits, "")
    return _mean(exits, _longest([exits]) if tau is None else tau, level, "")


def compare_restricted_means(
    episodes: Episodes, tau: float | None = None, level: float = 0.95
) -> RestrictedMeanComparison:
    """Return the second group against the first until `tau`; until the longest time both allow if it is not given.

    Raises `ValueError` unless there are two groups, and as `estimate_restricted_mean`.
    """
    if len(episodes.groups) != 2:
        raise ValueError(f"two groups are compared; there are {len(episodes.groups)}")
    exits = [Exits.of(episodes.select(episodes.group == i)) for i in (0, 1)]
    for group, of in zip(episodes.groups, exits, strict=True):
        _need_patients(of, f" in group {group}")
    until = _longest(exits) if tau is None else tau
    first, second = (
        _mean(of, until, level, f"group {group}: ") for group, of in zip(episodes.groups, exits, strict=True)
    )
    difference = _contrast(second.mean - first.mean, math.hypot(first.std_error, second.std_error), level)
    ratio = _ratio(first.mean, second.mean, first, second)
    lost_ratio = _ratio(first.lost, second.lost, first, second)
    warnings = first.warnings + second.warnings
    if lost_ratio.value is None:
        warnings += ("a group lost no time, so that the ratio of the time lost has no value",)
    if difference.p is None:
        warnings += ("both standard errors are 0, so that there is no p-value",)
    return RestrictedMeanComparison(
        (episodes.groups[0], episodes.groups[1]), first, second, difference, ratio, lost_ratio, until, level, warnings
    )


def _need_patients(exits: Exits, where: str) -> None:
    if not exits.times.size:
        raise NotEstimable(f"no patients{where}")


def _longest(exits: list[Exits]) -> float:
    """The last censoring of the first group that ends censored; the last event where none does (survRM2's rule)."""
    last = [float(e.times[-1]) for e in exits]
    ends = [t for t, e in zip(last, exits, strict=True) if not _all_had_it(e)]
    return min(ends) if ends else max(last)


def _all_had_it(exits: Exits) -> bool:
    """True where the curve falls to 0."""
    return bool(np.any(exits.events == exits.at_risk))


def _mean(exits: Exits, tau: float, level: float, of: str) -> RestrictedMean:
    if not tau > 0:
        raise ValueError(f"the restriction time is {tau}, and must be above 0")
    last = float(exits.times[-1])
    ended = _all_had_it(exits)
    if tau > last and not ended:
        raise NotEstimable(f"{of}the last patient was censored at {last:g}, before the restriction time {tau:g}")
    mean, variance = _area(exits, tau)
    half = interval_z(level) * math.sqrt(variance)
    events = int(exits.events[exits.times <= tau].sum())
    warnings: tuple[str, ...] = ()
    if not variance:
        why = "nobody had the event before it" if mean == tau else "all at risk had the event at one time"
        warnings = (f"{of}the standard error is 0, because {why}",)
    if tau > last:
        warnings += (f"{of}everyone had the event by {last:g}, before the restriction time {tau:g}",)
    return RestrictedMean(
        tau, mean, math.sqrt(variance), mean - half, mean + half, tau - mean, tau - mean - half, tau - mean + half,
        exits.n, events, level, warnings,
    )  # fmt: skip


def _area(exits: Exits, tau: float) -> tuple[float, float]:
    """The area under the curve until `tau`, and its variance."""
    until = exits.times < tau
    if not exits.events[until].any():
        return tau, 0.0  # exactly
    times, d = exits.times[until], exits.events[until]
    n = exits.at_risk[until].astype(np.float64)
    survival: Floats = np.concatenate(([1.0], np.cumprod((n - d) / n)))
    areas = np.diff(np.concatenate(([0.0], times, [tau]))) * survival
    rest = np.cumsum(areas[::-1])[::-1][1:]  # from each event time to tau
    variance = np.where((d > 0) & (d < n), rest**2 * d / np.where(d < n, n * (n - d), 1.0), 0.0)
    return float(areas.sum()), float(variance.sum())


def _ratio(a: float, b: float, first: RestrictedMean, second: RestrictedMean) -> Contrast:
    """b / a, whose standard errors are those of the two groups; no value where one of them is 0."""
    if a <= 0 or b <= 0:
        return Contrast(None)
    log = math.log(b) - math.log(a)
    error = math.hypot(first.std_error / a, second.std_error / b)
    factor = math.exp(interval_z(first.level) * error)
    return Contrast(b / a, b / a / factor, b / a * factor, _contrast(log, error, first.level).p)


def _contrast(value: float, std_error: float, level: float) -> Contrast:
    half = interval_z(level) * std_error
    p = 2 * normal_sf(abs(value) / std_error) if std_error else None
    return Contrast(value, value - half, value + half, p)
