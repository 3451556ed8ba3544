"""Designs of one arm: exact binomial, Simon's two stages, and the one-sample log-rank test.

In: an uninteresting and a hoped-for rate (or survival), alpha and power. Out: numbers of patients and the bounds, with
the alpha and power that are attained. Binomial probabilities are exact, nothing is rounded to a normal.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt

from chartline.stats.distributions import normal_quantile
from chartline.stats.planning.power import Recruitment
from chartline.stats.statistic import NotEstimable, Statistic

STATISTICS = (
    Statistic(
        name="one_arm_design",
        label="Exact one-arm design",
        takes="p0, p1, alpha, power (or n)",
        gives="n and r: p0 is rejected with more than r responses; attained alpha and power",
        reference="clinfun::ph2single",
        paper="A'Hern RP. Stat Med 2001;20:859-866",
    ),
    Statistic(
        name="simon_two_stage",
        label="Simon's two-stage designs",
        takes="p0, p1, alpha, power",
        gives="r1/n1 and r/n of the optimal and the minimax design, expected n and early stopping under p0",
        reference="clinfun::ph2simon",
        paper="Simon R. Control Clin Trials 1989;10:1-10",
    ),
    Statistic(
        name="one_sample_logrank_power",
        label="Power of a one-sample log-rank test",
        takes="Weibull survival under both hypotheses, accrual, follow-up, dropout, n",
        gives="power, and expected events under both hypotheses",
        reference="Wu's moments by integrate()",
        paper="Wu J. Pharm Stat 2015;14:26-33; Finkelstein DM et al. J Natl Cancer Inst 2003;95:1434-1439",
    ),
)
Floats = npt.NDArray[np.float64]
Variance = Literal["wu", "classic"]
_ROUNDING = 1 + 1e-10  # an alpha that is met but for rounding is met


@dataclass(frozen=True)
class OneArmDesign:
    """The uninteresting rate is rejected with more than `r` of `n` responses."""

    n: int
    r: int
    alpha: float
    power: float


@dataclass(frozen=True)
class TwoStageDesign:
    """Stop for futility with at most `r1` of `n1` responses; reject p0 with more than `r` of `n`."""

    r1: int
    n1: int
    r: int
    n: int
    expected_n: float  # under p0
    stops_early: float  # probability, under p0
    alpha: float
    power: float


@dataclass(frozen=True)
class SimonDesigns:
    """`optimal` has the smallest expected n under p0, `minimax` the smallest n."""

    optimal: TwoStageDesign
    minimax: TwoStageDesign


@dataclass(frozen=True)
class OneSampleLogrank:
    """Of n patients: power, and the events expected under the null and the alternative."""

    n: float
    power: float
    events_null: float
    events_alternative: float


def one_arm_power(n: int, p0: float, p1: float, *, alpha: float = 0.05) -> OneArmDesign:
    """Return the exact test of p0 in n patients (one-sided, level at most `alpha`) and its power at p1 > p0.

    With few patients no number of responses may be enough: then r = n and alpha = power = 0.
    """
    _check(p0, p1, alpha)
    if n < 1:
        raise ValueError(f"{n} is no number of patients")
    above = _above(n, p0)  # P(X > r), falling in r
    r = int(np.argmax(above <= alpha * _ROUNDING))
    return OneArmDesign(n, r, float(above[r]), float(_above(n, p1)[r]))


def one_arm_design(p0: float, p1: float, *, alpha: float = 0.05, power: float = 0.8, most: int = 1000) -> OneArmDesign:
    """Return the smallest n that tests p0 at `alpha` with this power at p1 (clinfun `ph2single`, its first row).

    Power is a saw of n: a few patients more than this may have less. Raises `NotEstimable` if `most` are not enough.
    """
    for n in range(1, most + 1):
        design = one_arm_power(n, p0, p1, alpha=alpha)
        if design.power >= power / _ROUNDING:
            return design
    raise NotEstimable(f"{most} patients are not enough")


def simon_two_stage(p0: float, p1: float, *, alpha: float = 0.05, power: float = 0.8, most: int = 100) -> SimonDesigns:
    """Return Simon's optimal and minimax designs with at most `most` patients (clinfun `ph2simon`).

    Raises `NotEstimable` where no design of that size has the error rates.
    """
    _check(p0, p1, alpha)
    null, hoped = _Binomials(p0, most), _Binomials(p1, most)
    optimal: TwoStageDesign | None = None
    minimax: TwoStageDesign | None = None
    for n in range(2, most + 1):
        # the expected n is above n1: once some design is found, a longer first stage cannot be better
        longest = n if minimax is None else min(n, math.ceil(optimal.expected_n)) if optimal else n
        found = [d for n1 in range(1, longest) if (d := _best(n1, n, null, hoped, alpha, power)) is not None]
        best = min(found, key=lambda d: d.expected_n, default=None)
        if best is None:
            continue
        minimax = minimax or best
        optimal = best if optimal is None or best.expected_n < optimal.expected_n else optimal
    if optimal is None or minimax is None:
        raise NotEstimable(f"no two-stage design of at most {most} patients has these error rates")
    return SimonDesigns(optimal, minimax)


def one_sample_logrank_power(
    n: float,
    median_null: float,
    hazard_ratio: float,
    recruitment: Recruitment,
    *,
    shape: float = 1.0,
    alpha: float = 0.05,
    variance: Variance = "wu",
) -> OneSampleLogrank:
    """Return the power of (O - E) / sqrt(variance) against `hazard_ratio` < 1 (one-sided alpha).

    E are the events expected had the patients the survival of the null: Weibull with this median and `shape` (1 is
    exponential). `variance` is E ("classic", Finkelstein) or (O + E) / 2 ("wu"), which keeps its level better.
    """
    null, spread, drift, v0, v1 = _moments(median_null, hazard_ratio, recruitment, shape, variance)
    z = (math.sqrt(n) * drift - _critical(alpha) * null) / spread
    return OneSampleLogrank(n, math.erfc(-z / math.sqrt(2)) / 2, n * v0, n * v1)


def one_sample_logrank_size(
    median_null: float,
    hazard_ratio: float,
    recruitment: Recruitment,
    *,
    shape: float = 1.0,
    alpha: float = 0.05,
    power: float = 0.8,
    variance: Variance = "wu",
) -> OneSampleLogrank:
    """Return the n (not rounded) with this power; as `one_sample_logrank_power`.

    Raises `ValueError` for a hazard ratio of 1 or above.
    """
    if not 0 < power < 1:
        raise ValueError(f"not a power: {power}")
    null, spread, drift, v0, v1 = _moments(median_null, hazard_ratio, recruitment, shape, variance)
    n = ((_critical(alpha) * null + normal_quantile(power) * spread) / drift) ** 2
    return OneSampleLogrank(n, power, n * v0, n * v1)


class _Binomials:
    """Probabilities of 0..m responses, and of at least j, for every m up to `most`."""

    def __init__(self, p: float, most: int) -> None:
        self.p = p
        self.pmf = [np.exp(_log_pmf(m, p)) for m in range(most + 1)]
        # at least 0 has probability 1, at least m + 1 none
        self.at_least = [np.append(np.cumsum(f[::-1])[::-1], 0.0) for f in self.pmf]

    def reject(self, n1: int, n: int) -> Floats:
        """P(reject), r1 (0..n1) x r (0..n): more than r1 in the first stage and more than r in all."""
        x, r = np.arange(n1 + 1)[:, None], np.arange(n + 1)
        second = self.at_least[n - n1][np.clip(r + 1 - x, 0, n - n1 + 1)]
        each = self.pmf[n1][:, None] * second
        beyond = np.cumsum(each[::-1], axis=0)[::-1]  # x >= this row
        return np.vstack([beyond[1:], np.zeros((1, n + 1))])


def _best(n1: int, n: int, null: _Binomials, hoped: _Binomials, alpha: float, power: float) -> TwoStageDesign | None:
    """The design with these stages, if any, that stops earliest; for each r1 the smallest r that keeps alpha."""
    if float(hoped.at_least[n1][1]) < power:  # even stopping at none would lose the power
        return None
    level, hit = null.reject(n1, n), hoped.reject(n1, n)
    r = np.argmax(level <= alpha * _ROUNDING, axis=1)
    rows = np.arange(n1 + 1)
    good = np.flatnonzero((level[rows, r] <= alpha * _ROUNDING) & (hit[rows, r] >= power / _ROUNDING))
    if not good.size:
        return None
    r1 = int(good[-1])  # the larger r1, the more often it stops
    stops = 1 - float(null.at_least[n1][r1 + 1])
    expected = n1 + (1 - stops) * (n - n1)
    last = int(r[r1])
    return TwoStageDesign(r1, n1, last, n, expected, stops, float(level[r1, last]), float(hit[r1, last]))


def _log_pmf(m: int, p: float) -> Floats:
    k = np.arange(m + 1)
    ways = np.array([math.lgamma(m + 1) - math.lgamma(i + 1) - math.lgamma(m - i + 1) for i in k.tolist()])
    return np.asarray(ways + k * math.log(p) + (m - k) * math.log1p(-p), np.float64)


def _above(n: int, p: float) -> Floats:
    """P(X > r) for r = 0..n."""
    return np.append(np.cumsum(np.exp(_log_pmf(n, p))[::-1])[::-1][1:], 0.0)


def _moments(
    median: float, hazard_ratio: float, recruitment: Recruitment, shape: float, variance: Variance
) -> tuple[float, float, float, float, float]:
    """Of one patient: the standard deviation that the test uses, the true one of O - E, E - O, and both expectations.

    Under the alternative: E[O] = v1, E[E] = v0, Var(O - E) = v1 - v1^2 + 2 v00 - v0^2 - 2 v01 + 2 v0 v1 (Wu 2015).
    """
    if not (median > 0 and 0 < hazard_ratio < 1 and shape > 0):
        raise ValueError("the median and the shape are above 0, the hazard ratio between 0 and 1")
    scale = math.log(2) / median**shape

    def cumulative(t: float) -> float:
        return float(scale * t**shape)

    v0 = _over_follow_up(lambda t: 1.0, cumulative, hazard_ratio, recruitment, scale, shape)
    v00 = _over_follow_up(cumulative, cumulative, hazard_ratio, recruitment, scale, shape)
    v1, v01 = hazard_ratio * v0, hazard_ratio * v00
    spread = math.sqrt(v1 - v1**2 + 2 * v00 - v0**2 - 2 * v01 + 2 * v0 * v1)
    null = math.sqrt((v0 + v1) / 2 if variance == "wu" else v0)
    return null, spread, v0 - v1, v0, v1


def _over_follow_up(
    of: Callable[[float], float],
    cumulative: Callable[[float], float],
    hazard_ratio: float,
    recruitment: Recruitment,
    scale: float,
    shape: float,
) -> float:
    """Integral of `of` by the null's cumulative hazard over who is still followed under the alternative.

    By u = t^shape, so that the hazard of a shape below 1 is no pole.
    """
    from scipy.integrate import quad

    a, f = recruitment.accrual, recruitment.follow_up

    def integrand(u: float) -> float:
        t = u ** (1 / shape)
        inside = 1.0 if t <= f else (a + f - t) / a
        return of(t) * inside * math.exp(-recruitment.dropout * t - hazard_ratio * cumulative(t)) * scale

    ends = [0.0, *([f**shape] if f else []), *([(a + f) ** shape] if a else [])]
    parts = (quad(integrand, *piece, epsabs=1e-14, epsrel=1e-13, limit=200)[0] for piece in pairwise(ends))
    return float(sum(parts))


def _critical(alpha: float) -> float:
    if not 0 < alpha < 1:
        raise ValueError(f"not a level of a test: {alpha}")
    return -normal_quantile(alpha)


def _check(p0: float, p1: float, alpha: float) -> None:
    if not 0 < p0 < p1 < 1:
        raise ValueError(f"a design needs 0 < p0 < p1 < 1, not {p0} and {p1}")
    _critical(alpha)
