"""Power of the log-rank test: events needed, and patients needed to see them under accrual, follow-up and dropout.

In: a hazard ratio (or two medians), alpha, power, and how patients are recruited and followed. Out: power, events,
patients. Times are in any one unit. This is for planning: power of a study that has been done is not offered (see
`precision`).

Three formulas: Schoenfeld (the score statistic near HR 1), Freedman (from the expected statistic), Lachin and Foulkes
(the difference of exponential rates, with different variances under the two hypotheses; the default of gsDesign).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from chartline.stats.distributions import normal_quantile
from chartline.stats.statistic import NotEstimable, Statistic

STATISTICS = (
    Statistic(
        name="logrank_events",
        label="Events for a log-rank test",
        takes="hazard ratio, alpha, power, allocation",
        gives="the number of events in both groups together, broken and rounded up",
        reference="clinfun::gsdesign.survival(1, HR) and Schoenfeld's and Freedman's formulas spelled out in R",
        paper="Schoenfeld DA. Biometrika 1981;68:316-319; Freedman LS. Stat Med 1982;1:121-129",
    ),
    Statistic(
        name="logrank_power",
        label="Power of a log-rank test",
        takes="events, hazard ratio, alpha, allocation",
        gives="the probability of p < alpha in the direction of the hazard ratio",
        reference="pnorm of Schoenfeld's and Freedman's statistics",
        paper="Schoenfeld DA. Biometrika 1981;68:316-319; Freedman LS. Stat Med 1982;1:121-129",
    ),
    Statistic(
        name="event_probability",
        label="Probability of an event within a study",
        takes="hazards of event and dropout, accrual, follow-up",
        gives="the probability under uniform accrual and exponential times",
        reference="integrate() over the time of entry",
        paper="Lachin JM, Foulkes MA. Biometrics 1986;42:507-519",
    ),
    Statistic(
        name="logrank_sample_size",
        label="Patients for a log-rank test",
        takes="median of the control group, hazard ratio, accrual, follow-up, dropout",
        gives="patients and expected events",
        reference="Schoenfeld, Freedman; Lachin and Foulkes 1986, equations spelled out in R with integrate()",
        paper="Lachin JM, Foulkes MA. Biometrics 1986;42:507-519",
    ),
)
Formula = Literal["schoenfeld", "freedman", "lachin_foulkes"]
Sides = Literal[1, 2]


@dataclass(frozen=True)
class Recruitment:
    """Patients enter uniformly over `accrual`; all are followed until `follow_up` after its end, unless lost.

    `dropout` is the hazard of loss, per unit of time. `accrual` may be 0 (all enter at once).
    """

    accrual: float
    follow_up: float
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if not (self.accrual >= 0 and self.follow_up >= 0 and self.dropout >= 0 and self.accrual + self.follow_up > 0):
            raise ValueError("accrual, follow-up and dropout are 0 or more, and somebody is followed")


@dataclass(frozen=True)
class LogrankPower:
    """`events` in both groups; of a trial also patients and events by group."""

    power: float
    events: float
    hazard_ratio: float
    alpha: float
    sides: Sides
    allocation: float
    formula: Formula
    n: float | None = None
    events_control: float | None = None
    events_experimental: float | None = None


@dataclass(frozen=True)
class LogrankEvents:
    """`events` as the formula has it, and `rounded` up."""

    events: float
    rounded: int
    hazard_ratio: float
    power: float


@dataclass(frozen=True)
class LogrankSampleSize:
    """`n` as the formula has it, `rounded` up; events are those expected of `n` (not rounded) under the alternative."""

    n: float
    rounded: int
    events: float
    events_control: float
    events_experimental: float
    formula: Formula


def logrank_power(
    events: float,
    hazard_ratio: float,
    *,
    alpha: float = 0.05,
    sides: Sides = 2,
    allocation: float = 0.5,
    formula: Literal["schoenfeld", "freedman"] = "schoenfeld",
) -> LogrankPower:
    """Return the power with this many events; `allocation` is the share of patients in the experimental group.

    The chance of a result on the wrong side is left out, as both papers do. Raises `NotEstimable` without events,
    `ValueError` for what is no ratio, share or formula.
    """
    if events <= 0:
        raise NotEstimable("no events are expected")
    drift = math.sqrt(events) * _effect(hazard_ratio, allocation, formula)
    power = _phi(drift - _critical(alpha, sides))
    return LogrankPower(power, events, hazard_ratio, alpha, sides, allocation, formula)


def logrank_events(
    hazard_ratio: float,
    *,
    power: float = 0.8,
    alpha: float = 0.05,
    sides: Sides = 2,
    allocation: float = 0.5,
    formula: Literal["schoenfeld", "freedman"] = "schoenfeld",
) -> LogrankEvents:
    """Return the events that give this power. Raises `NotEstimable` for a hazard ratio of 1."""
    effect = _effect(hazard_ratio, allocation, formula)
    if not effect:
        raise NotEstimable("a hazard ratio of 1 needs infinitely many events")
    events = ((_critical(alpha, sides) + _beta(power)) / effect) ** 2
    return LogrankEvents(events, math.ceil(events - 1e-9), hazard_ratio, power)


def hazard_of_median(median: float) -> float:
    """Return the constant hazard with this median: log 2 / median."""
    if not median > 0:
        raise ValueError(f"not a median time: {median}")
    return math.log(2) / median


def event_probability(hazard: float, recruitment: Recruitment) -> float:
    """Return the probability that a patient has the event before the end of the study and before being lost.

    hazard / (hazard + dropout) x the probability that either comes first within follow-up, averaged over entry.
    """
    if not hazard > 0:
        raise ValueError(f"not a hazard: {hazard}")
    rate = hazard + recruitment.dropout
    a, f = rate * recruitment.accrual, rate * recruitment.follow_up
    mean = -math.expm1(-a) / a if a else 1.0  # of exp(-rate x) over accrual
    return hazard / rate * (1 - math.exp(-f) * mean) if f + a > 0.01 else hazard / rate * _small(a, f)


def trial_power(
    n: float,
    median_control: float,
    hazard_ratio: float,
    recruitment: Recruitment,
    *,
    alpha: float = 0.05,
    sides: Sides = 2,
    allocation: float = 0.5,
    formula: Formula = "schoenfeld",
) -> LogrankPower:
    """Return the power of a trial of n patients, with the events expected in each group under the alternative."""
    control, experimental = _probabilities(median_control, hazard_ratio, recruitment)
    events = n * (1 - allocation) * control, n * allocation * experimental
    if formula == "lachin_foulkes":
        null, alternative, distance = _lachin_foulkes(median_control, hazard_ratio, recruitment, allocation)
        power = _phi((math.sqrt(n) * distance - _critical(alpha, sides) * null) / alternative)
    else:
        power = logrank_power(
            sum(events), hazard_ratio, alpha=alpha, sides=sides, allocation=allocation, formula=formula
        ).power
    return LogrankPower(power, sum(events), hazard_ratio, alpha, sides, allocation, formula, n, *events)


def logrank_sample_size(
    median_control: float,
    hazard_ratio: float,
    recruitment: Recruitment,
    *,
    power: float = 0.8,
    alpha: float = 0.05,
    sides: Sides = 2,
    allocation: float = 0.5,
    formula: Formula = "schoenfeld",
) -> LogrankSampleSize:
    """Return the patients that give this power. Raises `NotEstimable` for a hazard ratio of 1."""
    control, experimental = _probabilities(median_control, hazard_ratio, recruitment)
    if formula == "lachin_foulkes":
        null, alternative, distance = _lachin_foulkes(median_control, hazard_ratio, recruitment, allocation)
        if not distance:
            raise NotEstimable("a hazard ratio of 1 needs infinitely many events")
        n = ((_critical(alpha, sides) * null + _beta(power) * alternative) / distance) ** 2
    else:
        events = logrank_events(
            hazard_ratio, power=power, alpha=alpha, sides=sides, allocation=allocation, formula=formula
        ).events
        n = events / ((1 - allocation) * control + allocation * experimental)
    of_control, of_experimental = n * (1 - allocation) * control, n * allocation * experimental
    return LogrankSampleSize(n, math.ceil(n - 1e-9), of_control + of_experimental, of_control, of_experimental, formula)


def _effect(hazard_ratio: float, allocation: float, formula: str) -> float:
    """The expected statistic of one event, to be multiplied by the root of the events."""
    _check(hazard_ratio, allocation)
    if formula == "schoenfeld":
        return math.sqrt(allocation * (1 - allocation)) * abs(math.log(hazard_ratio))
    if formula == "freedman":
        k = allocation / (1 - allocation)
        return math.sqrt(k) * abs(1 - hazard_ratio) / (1 + k * hazard_ratio)
    raise ValueError(f"there is no formula {formula}")


def _lachin_foulkes(
    median_control: float, hazard_ratio: float, recruitment: Recruitment, allocation: float
) -> tuple[float, float, float]:
    """Standard deviations under the null and the alternative, and the difference of rates, all of one patient.

    The variance of a rate is rate^2 / P(event); under the null both groups have the rate averaged by allocation.
    """
    _check(hazard_ratio, allocation)
    control = hazard_of_median(median_control)
    experimental = control * hazard_ratio

    def variance(rate: float) -> float:
        return rate**2 / event_probability(rate, recruitment)

    mean = (1 - allocation) * control + allocation * experimental
    null = variance(mean) / (allocation * (1 - allocation))
    alternative = variance(experimental) / allocation + variance(control) / (1 - allocation)
    return math.sqrt(null), math.sqrt(alternative), abs(experimental - control)


def _probabilities(median: float, hazard_ratio: float, recruitment: Recruitment) -> tuple[float, float]:
    hazard = hazard_of_median(median)
    return event_probability(hazard, recruitment), event_probability(hazard * hazard_ratio, recruitment)


def _small(a: float, f: float) -> float:
    """1 - exp(-f) (1 - exp(-a)) / a by its series, where the difference would cancel."""
    mean = sum((-a) ** k / math.factorial(k + 1) for k in range(1, 8))  # (1 - exp(-a)) / a less 1
    return -math.expm1(-f) - math.exp(-f) * mean


def _critical(alpha: float, sides: Sides) -> float:
    if not 0 < alpha < 1 or sides not in (1, 2):
        raise ValueError(f"not a level of a test: {alpha} with {sides} sides")
    return -normal_quantile(alpha / sides)


def _beta(power: float) -> float:
    if not 0 < power < 1:
        raise ValueError(f"not a power: {power}")
    return normal_quantile(power)


def _phi(z: float) -> float:
    return math.erfc(-z / math.sqrt(2)) / 2


def _check(hazard_ratio: float, allocation: float) -> None:
    if not (hazard_ratio > 0 and 0 < allocation < 1):
        raise ValueError(f"not a hazard ratio and a share: {hazard_ratio}, {allocation}")
