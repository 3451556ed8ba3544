"""Two independent proportions: their difference and their ratio, with intervals.

In: n1 of N1 and n2 of N2 (whole numbers); the first group is compared with the second. Out: a `Comparison`. The score
intervals (Miettinen and Nurminen) are exact solutions of the score equation: the rates under the tested value come
from the likelihood itself and not from the closed root of a cubic, which loses half of the digits near 0 and 1.
`correction` is their factor N / (N - 1); without it they are Mee's (difference) and Koopman's (ratio) intervals.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from chartline.stats.distributions import interval_z
from chartline.stats.proportions.proportion import wilson, wilson_continuity
from chartline.stats.proportions.table import group_counts
from chartline.stats.statistic import Statistic

_TAKES = "CrossTab over `outcome` and a grouping of two levels"


def _statistic(name: str, label: str, gives: str, reference: str, paper: str) -> Statistic:
    return Statistic(name, label, _TAKES, gives, reference, paper)


STATISTICS = (
    _statistic(
        "risk_difference_newcombe",
        "Risk difference with Newcombe's interval",
        "n1/N1 - n2/N2 with the hybrid score interval, without or with continuity correction",
        "DescTools::BinomDiffCI(method = 'score')",
        "Newcombe RG. Stat Med 1998;17:873-890, methods 10 and 11",
    ),
    _statistic(
        "risk_difference_miettinen_nurminen",
        "Risk difference with score interval",
        "n1/N1 - n2/N2 with the score interval of Miettinen and Nurminen (or Mee's)",
        "PropCIs::diffscoreci",
        "Miettinen O, Nurminen M. Stat Med 1985;4:213-226; Mee RW. Biometrics 1984;40:1175-1176",
    ),
    _statistic(
        "risk_difference_agresti_caffo",
        "Risk difference with Agresti-Caffo interval",
        "n1/N1 - n2/N2 with the normal interval after one success and one failure is added to each group",
        "DescTools::BinomDiffCI(method = 'ac')",
        "Agresti A, Caffo B. Am Stat 2000;54:280-288",
    ),
    _statistic(
        "risk_difference_wald",
        "Risk difference with Wald interval",
        "n1/N1 - n2/N2 with the normal interval; for comparison with older reports only",
        "DescTools::BinomDiffCI(method = 'wald')",
        "Newcombe RG. Stat Med 1998;17:873-890, method 1",
    ),
    _statistic(
        "risk_ratio_miettinen_nurminen",
        "Risk ratio with score interval",
        "(n1/N1) / (n2/N2) with the score interval of Miettinen and Nurminen (or Koopman's)",
        "PropCIs::riskscoreci (Koopman); uniroot on the score equation",
        "Miettinen O, Nurminen M. Stat Med 1985;4:213-226; Koopman PAR. Biometrics 1984;40:513-517",
    ),
    _statistic(
        "risk_ratio_katz",
        "Risk ratio with log interval",
        "(n1/N1) / (n2/N2) with the normal interval on the log scale",
        "epitools::riskratio.wald",
        "Katz D et al. Biometrics 1978;34:469-474",
    ),
)
_EDGE = 1e-20  # a rate that is likeliest nearer to its end than this share of its range is at the end


@dataclass(frozen=True)
class Comparison:
    """The first group against the second. `estimate` is nan where undefined (0/0), then `warnings` says so."""

    estimate: float
    lower: float
    upper: float
    level: float
    method: str
    warnings: tuple[str, ...] = ()


def newcombe(
    n1: int, total1: int, n2: int, total2: int, level: float = 0.95, *, continuity: bool = False
) -> Comparison:
    """Return the difference n1/total1 - n2/total2 with the interval made of two Wilson intervals.

    `continuity` uses the continuity-corrected ones (Newcombe's method 11 instead of 10). Raises `NotEstimable` for an
    empty group, `ValueError` unless 0 <= n <= total.
    """
    n1, total1, n2, total2 = group_counts(n1, total1, n2, total2)
    score = wilson_continuity if continuity else wilson
    p1, p2 = n1 / total1, n2 / total2
    one, two = score(n1, total1, level), score(n2, total2, level)
    lower = p1 - p2 - math.hypot(p1 - one.lower, two.upper - p2)
    upper = p1 - p2 + math.hypot(one.upper - p1, p2 - two.lower)
    name = "Newcombe's hybrid score interval" + (" with continuity correction" if continuity else "")
    return Comparison(p1 - p2, max(-1.0, lower), min(1.0, upper), level, name)


def wald_difference(n1: int, total1: int, n2: int, total2: int, level: float = 0.95) -> Comparison:
    """Return the difference with the normal interval, cut at -1 and 1 (of no width where both rates are 0 or 1).

    Raises as `newcombe`.
    """
    n1, total1, n2, total2 = group_counts(n1, total1, n2, total2)
    p1, p2 = n1 / total1, n2 / total2
    half = interval_z(level) * math.sqrt(p1 * (1 - p1) / total1 + p2 * (1 - p2) / total2)
    warnings = () if half else ("the Wald interval has no width where every proportion is 0 or 1",)
    return Comparison(p1 - p2, max(-1.0, p1 - p2 - half), min(1.0, p1 - p2 + half), level, "Wald interval", warnings)


def agresti_caffo(n1: int, total1: int, n2: int, total2: int, level: float = 0.95) -> Comparison:
    """Return the difference with the Wald interval of n + 1 of total + 2 in each group. Raises as `newcombe`."""
    n1, total1, n2, total2 = group_counts(n1, total1, n2, total2)
    near = wald_difference(n1 + 1, total1 + 2, n2 + 1, total2 + 2, level)
    return Comparison(n1 / total1 - n2 / total2, near.lower, near.upper, level, "Agresti-Caffo interval")


def miettinen_nurminen_difference(
    n1: int, total1: int, n2: int, total2: int, level: float = 0.95, *, correction: bool = True
) -> Comparison:
    """Return the difference with the score interval: every difference d whose score statistic is at most z^2.

    `correction=False` leaves out N / (N - 1) (Mee). Raises as `newcombe`.
    """
    n1, total1, n2, total2 = group_counts(n1, total1, n2, total2)
    p1, p2, z = n1 / total1, n2 / total2, _score_z(level, total1 + total2, correction)

    def score(d: float) -> float:
        rate1, rate2 = _rates_at_difference(n1, total1, n2, total2, d)
        return _standardised(p1 - p2 - d, rate1 * (1 - rate1) / total1 + rate2 * (1 - rate2) / total2)

    lower = _solve(lambda d: score(d) - z, -1.0, p1 - p2)
    upper = _solve(lambda d: score(d) + z, p1 - p2, 1.0)
    name = "Miettinen-Nurminen score interval" if correction else "Mee's score interval"
    return Comparison(p1 - p2, lower, upper, level, name)


def miettinen_nurminen_ratio(
    n1: int, total1: int, n2: int, total2: int, level: float = 0.95, *, correction: bool = True
) -> Comparison:
    """Return the risk ratio with the score interval: 0 is its lower end at n1 = 0, infinity its upper at n2 = 0.

    `correction=False` leaves out N / (N - 1) (Koopman). Raises as `newcombe`.
    """
    n1, total1, n2, total2 = group_counts(n1, total1, n2, total2)
    p1, p2, z = n1 / total1, n2 / total2, _score_z(level, total1 + total2, correction)

    def score(log_ratio: float) -> float:
        ratio = math.exp(log_ratio)
        rate1, rate2 = _rates_at_ratio(n1, total1, n2, total2, ratio)
        variance = rate1 * (1 - rate1) / total1 + ratio * ratio * rate2 * (1 - rate2) / total2
        return _standardised(p1 - ratio * p2, variance)

    name = "Miettinen-Nurminen score interval" if correction else "Koopman's score interval"
    return ratio_by_score(score, z, p1, p2, level, name)


def katz(n1: int, total1: int, n2: int, total2: int, level: float = 0.95) -> Comparison:
    """Return the risk ratio with the normal interval of its logarithm; (0, inf) where n1 or n2 is 0.

    Nothing is added to empty cells. Raises as `newcombe`.
    """
    n1, total1, n2, total2 = group_counts(n1, total1, n2, total2)
    ratio, warnings = quotient(n1 / total1, n2 / total2)
    if not (n1 and n2):
        warnings += ("the log interval has no bounds where a group has no events",)
        return Comparison(ratio, 0.0, math.inf, level, "Katz log interval", warnings)
    half = interval_z(level) * math.sqrt((total1 - n1) / n1 / total1 + (total2 - n2) / n2 / total2)
    return Comparison(ratio, ratio * math.exp(-half), ratio * math.exp(half), level, "Katz log interval", warnings)


DIFFERENCES: dict[str, Callable[..., Comparison]] = {
    "newcombe": newcombe,
    "miettinen_nurminen": miettinen_nurminen_difference,
    "agresti_caffo": agresti_caffo,
    "wald": wald_difference,
}
RATIOS: dict[str, Callable[..., Comparison]] = {"miettinen_nurminen": miettinen_nurminen_ratio, "katz": katz}


def quotient(a: float, b: float) -> tuple[float, tuple[str, ...]]:
    """Return a / b as a reader takes it: infinite for b = 0, nan for 0 / 0, and the sentence that says so."""
    if b:
        return a / b, ()
    if a:
        return math.inf, ("no events in the second group: the ratio is infinite",)
    return math.nan, ("no events in either group: the ratio is not defined",)


def ratio_by_score(
    score: Callable[[float], float], z: float, top: float, bottom: float, level: float, method: str
) -> Comparison:
    """Return top / bottom with the interval where |score(log ratio)| <= z; `score` falls as the ratio grows."""
    ratio, warnings = quotient(top, bottom)
    start = math.log(ratio) if 0 < ratio < math.inf else 0.0
    lower = 0.0 if top == 0 else math.exp(_outwards(lambda t: score(t) - z, start, -1))
    upper = math.inf if bottom == 0 else math.exp(_outwards(lambda t: score(t) + z, start, 1))
    return Comparison(ratio, lower, upper, level, method, warnings)


def _score_z(level: float, total: int, correction: bool) -> float:
    if not 0 < level < 1:
        raise ValueError(f"not a confidence level: {level}")
    return interval_z(level) * (math.sqrt(total / (total - 1)) if correction else 1.0)


def _standardised(difference: float, variance: float) -> float:
    if difference == 0:
        return 0.0
    return difference / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, difference)


def _rates_at_difference(n1: int, total1: int, n2: int, total2: int, d: float) -> tuple[float, float]:
    """The likeliest rates with rate1 - rate2 = d: bisection on the slope of the likelihood, which only ever falls.

    The unknown is the distance of rate2 from its lower end, so that a rate near 0 keeps its digits.
    """
    base1, base2 = max(0.0, d), max(0.0, -d)
    top1, top2 = max(0.0, -d), max(0.0, d)  # what is left to 1 at the upper end
    lo, hi = 0.0, 1 - abs(d)
    width = hi

    def rises(t: float) -> bool:
        up = _over(n1, base1 + t) + _over(n2, base2 + t)
        return up > _over(total1 - n1, top1 + width - t) + _over(total2 - n2, top2 + width - t)

    if width == 0 or not rises(width * _EDGE):
        return base1, base2
    while lo < (t := (lo + hi) / 2) < hi:
        lo, hi = (t, hi) if rises(t) else (lo, t)
    return base1 + t, base2 + t


def _over(n: int, rate: float) -> float:
    return 0.0 if n == 0 else n / rate if rate > 0 else math.inf


def _rates_at_ratio(n1: int, total1: int, n2: int, total2: int, ratio: float) -> tuple[float, float]:
    """The likeliest rates with rate1 = ratio x rate2: the smaller root of a quadratic, taken without cancellation."""
    a = (total1 + total2) * ratio
    b = total1 * ratio + n1 + total2 + n2 * ratio
    c = n1 + n2
    rate2 = 2 * c / (b + math.sqrt(max(0.0, b * b - 4 * a * c)))
    return min(1.0, ratio * rate2), min(1.0, rate2)


def _solve(f: Callable[[float], float], lo: float, hi: float) -> float:
    """The root of a falling f in [lo, hi]; the end itself where f does not change sign before it."""
    from scipy.optimize import brentq

    f_lo, f_hi = f(lo), f(hi)
    if f_lo <= 0 or f_hi >= 0:
        return lo if f_lo <= 0 else hi
    lo, hi = _finite(f, lo, hi)
    return float(brentq(f, lo, hi, xtol=1e-300, rtol=1e-15, maxiter=500))


def _finite(f: Callable[[float], float], lo: float, hi: float) -> tuple[float, float]:
    """The bracket drawn in until f is finite at both ends (a score is infinite where its variance is 0)."""
    while not (math.isfinite(f(lo)) and math.isfinite(f(hi))):
        middle = (lo + hi) / 2
        lo, hi = (middle, hi) if f(middle) > 0 else (lo, middle)
    return lo, hi


def _outwards(f: Callable[[float], float], start: float, direction: int) -> float:
    """The root of a falling f, looked for from `start` in steps that double."""
    step, near = 1.0, start
    while f(near) * direction <= 0 and abs(near) < 600:  # the start itself may lie beyond
        near -= direction * step
        step *= 2
    step, far = 1.0, near
    while f(far) * direction > 0 and abs(far) < 600:
        far += direction * step
        step *= 2
    return _solve(f, min(near, far), max(near, far))
