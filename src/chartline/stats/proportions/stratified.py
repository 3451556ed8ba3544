"""2 x 2 tables in strata (centres): Cochran-Mantel-Haenszel test, pooled ratio or difference, homogeneity.

In: an array strata x 2 x 2 of whole numbers; rows are the two groups, the first column has the event. Out: a small
dataclass. A stratum in which a group is empty tells nothing: it does not count, and a warning says how many did not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chartline.stats.distributions import chi2_sf, interval_z, normal_sf
from chartline.stats.proportions.hypergeometric import Margins, Sum, conditional_estimate, exact_limits
from chartline.stats.proportions.odds_ratio import expected_cell
from chartline.stats.proportions.table import whole_counts
from chartline.stats.statistic import NotEstimable, Statistic

Measure = Literal["odds_ratio", "risk_ratio", "risk_difference"]
_TAKES = "CrossTab over `outcome`, a grouping of two levels and strata"
STATISTICS = (
    Statistic(
        "mantel_haenszel_test",
        "Cochran-Mantel-Haenszel test",
        _TAKES,
        "chi-square of 1 degree of freedom, with or without continuity correction, and p-value",
        "mantelhaen.test",
        "Mantel N, Haenszel W. J Natl Cancer Inst 1959;22:719-748",
    ),
    Statistic(
        "mantel_haenszel_odds_ratio",
        "Mantel-Haenszel odds ratio",
        _TAKES,
        "common odds ratio with the interval of Robins, Breslow and Greenland",
        "mantelhaen.test; metafor::rma.mh(measure = 'OR')",
        "Robins J, Breslow N, Greenland S. Biometrics 1986;42:311-323",
    ),
    Statistic(
        "mantel_haenszel_risk_ratio",
        "Mantel-Haenszel risk ratio",
        _TAKES,
        "common risk ratio with the interval of Greenland and Robins",
        "metafor::rma.mh(measure = 'RR')",
        "Greenland S, Robins JM. Biometrics 1985;41:55-68",
    ),
    Statistic(
        "mantel_haenszel_risk_difference",
        "Mantel-Haenszel risk difference",
        _TAKES,
        "common risk difference with Sato's interval",
        "metafor::rma.mh(measure = 'RD')",
        "Sato T, Greenland S, Robins JM. Biometrics 1989;45:1323-1324",
    ),
    Statistic(
        "stratified_odds_ratio_exact",
        "Exact common odds ratio",
        _TAKES,
        "conditional maximum likelihood estimate with exact interval and exact p-value",
        "mantelhaen.test(exact = TRUE)",
        "Gart JJ. J R Stat Soc B 1970;32:131-139; Mehta CR, Patel NR, Gray R. J Am Stat Assoc 1985;80:969-973",
    ),
    Statistic(
        "breslow_day",
        "Breslow-Day test of homogeneity",
        _TAKES,
        "chi-square that the odds ratio is the same in every stratum, as published and with Tarone's correction",
        "DescTools::BreslowDayTest; metafor::rma.mh",
        "Breslow NE, Day NE. IARC 1980, 4.4; Tarone RE. Biometrika 1985;72:91-95",
    ),
)


@dataclass(frozen=True)
class StratifiedTest:
    """Observed minus expected events of the first group over all strata, standardised."""

    chisq: float
    df: int
    p: float
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pooled:
    """A common effect. `std_error` is that of the logarithm for a ratio, of the difference itself else."""

    estimate: float
    lower: float
    upper: float
    level: float
    std_error: float
    p: float
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class ExactStratified:
    """The conditional analysis; `p` two-sided as in Fisher's test."""

    odds_ratio: float
    lower: float
    upper: float
    level: float
    p: float
    p_less: float
    p_greater: float
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Homogeneity:
    """`chisq` and `p` are Breslow and Day's, `chisq_tarone` and `p_tarone` corrected (to be preferred)."""

    chisq: float
    p: float
    chisq_tarone: float
    p_tarone: float
    df: int
    odds_ratio: float  # of Mantel and Haenszel
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Strata:
    """Cells a b / c d of the strata with two groups, as floats; row totals n1, n2; events m; total n."""

    a: NDArray[np.float64]
    b: NDArray[np.float64]
    c: NDArray[np.float64]
    d: NDArray[np.float64]
    warnings: tuple[str, ...]

    @property
    def n1(self) -> NDArray[np.float64]:
        return self.a + self.b

    @property
    def n2(self) -> NDArray[np.float64]:
        return self.c + self.d

    @property
    def m(self) -> NDArray[np.float64]:
        return self.a + self.c

    @property
    def n(self) -> NDArray[np.float64]:
        return self.n1 + self.n2


def mantel_haenszel_test(tables: ArrayLike, *, continuity: bool = True) -> StratifiedTest:
    """Return the test that the two groups are equal within strata (R `mantelhaen.test(correct = continuity)`).

    The correction takes 1/2 from the difference, or all of it if that is less. Raises `NotEstimable` where no stratum
    has both groups and both outcomes, `ValueError` for another shape than strata x 2 x 2.
    """
    s = _strata(tables)
    variance = float((s.n1 / s.n * s.n2 / s.n * s.m * (s.n - s.m) / (s.n - 1)).sum())
    if variance == 0:
        raise NotEstimable("no stratum has both outcomes in two groups")
    difference = abs(float((s.a - s.n1 * s.m / s.n).sum()))
    chisq = (difference - (min(0.5, difference) if continuity else 0)) ** 2 / variance
    return StratifiedTest(chisq, 1, chi2_sf(chisq, 1), s.warnings)


def mantel_haenszel(tables: ArrayLike, measure: Measure = "odds_ratio", level: float = 0.95) -> Pooled:
    """Return the common odds ratio, risk ratio or risk difference of the first group against the second.

    Nothing is added to empty cells. Raises `NotEstimable` where the estimate is 0, infinite or undefined (no events in
    one of the groups, say), `ValueError` for another shape than strata x 2 x 2 or another measure.
    """
    if measure not in ("odds_ratio", "risk_ratio", "risk_difference"):
        raise ValueError(f"not a measure: {measure}")
    s = _strata(tables)
    z = interval_z(level)
    if measure == "risk_difference":
        estimate, error = _risk_difference(s)
        if error == 0:
            raise NotEstimable("every group has rate 0 or 1 in every stratum")
        lower, upper, ratio = estimate - z * error, estimate + z * error, estimate / error
    else:
        estimate, error = _risk_ratio(s) if measure == "risk_ratio" else _odds_ratio(s)
        lower, upper = estimate * math.exp(-z * error), estimate * math.exp(z * error)
        ratio = _over(math.log(estimate), error)
    return Pooled(estimate, lower, upper, level, error, min(1.0, 2 * normal_sf(abs(ratio))), s.warnings)


def exact_stratified_odds_ratio(tables: ArrayLike, level: float = 0.95) -> ExactStratified:
    """Return the exact conditional analysis of a common odds ratio (R `mantelhaen.test(exact = TRUE)`).

    Raises `NotEstimable` where no stratum has both groups and both outcomes, or the distribution is too large.
    """
    s = _strata(tables)
    margins = [Margins(int(n1), int(n2), int(m)) for n1, n2, m in zip(s.n1, s.n2, s.m, strict=True) if 0 < m < n1 + n2]
    if not margins:
        raise NotEstimable("no stratum has both outcomes in two groups")
    family = Sum.of(margins)
    x = int(s.a[(s.m > 0) & (s.m < s.n)].sum())
    at_one = family.at(0.0)
    below, point, above = at_one.tails(x)
    lower, upper = exact_limits(family, x, level)
    return ExactStratified(
        conditional_estimate(family, x), lower, upper, level,
        at_one.no_likelier_than(x), min(1.0, below + point), min(1.0, above + point), s.warnings,
    )  # fmt: skip


def breslow_day_test(tables: ArrayLike) -> Homogeneity:
    """Return the test that all strata share one odds ratio, that of Mantel and Haenszel.

    Only strata with both groups and both outcomes count. Raises `NotEstimable` for fewer than two of them, or where
    the common odds ratio is 0, infinite or undefined.
    """
    s = _strata(tables)
    common, _ = _odds_ratio(s)
    use = (s.m > 0) & (s.m < s.n)
    if use.sum() < 2:
        raise NotEstimable("fewer than two strata have both outcomes in two groups")
    a, n1, n2, m = (v[use] for v in (s.a, s.n1, s.n2, s.m))
    fitted = np.array([expected_cell(*margins, common) for margins in zip(m, n1, n2, strict=True)])
    variance = 1 / (1 / fitted + 1 / (n1 - fitted) + 1 / (m - fitted) + 1 / (n2 - m + fitted))
    chisq = float(((a - fitted) ** 2 / variance).sum())
    tarone = max(0.0, chisq - float((a - fitted).sum()) ** 2 / float(variance.sum()))
    df = int(use.sum()) - 1
    return Homogeneity(chisq, chi2_sf(chisq, df), tarone, chi2_sf(tarone, df), df, common, s.warnings)


def _strata(tables: ArrayLike) -> _Strata:
    counts = whole_counts(tables, 3, (None, 2, 2))
    if not counts.sum():
        raise NotEstimable("no patients in the tables")
    both = (counts.sum(axis=2) > 0).all(axis=1)
    if not both.any():
        raise NotEstimable("no stratum has patients of both groups")
    left = int((~both).sum())
    said = (
        (f"{left} of {len(counts)} strata have patients of one group only or none, and do not count",) if left else ()
    )
    a, b, c, d = counts[both].reshape(-1, 4).T.astype(float)
    return _Strata(a, b, c, d, said)


def _odds_ratio(s: _Strata) -> tuple[float, float]:
    """Estimate, and standard error of its logarithm (Robins, Breslow and Greenland)."""
    p, q = (s.a + s.d) / s.n, (s.b + s.c) / s.n
    r, t = s.a * s.d / s.n, s.b * s.c / s.n
    _refuse_ends(float(r.sum()), float(t.sum()), "odds ratio")
    variance = (p @ r) / r.sum() ** 2 + (p @ t + q @ r) / (r.sum() * t.sum()) + (q @ t) / t.sum() ** 2
    return float(r.sum() / t.sum()), math.sqrt(float(variance) / 2)


def _risk_ratio(s: _Strata) -> tuple[float, float]:
    """Estimate, and standard error of its logarithm (Greenland and Robins)."""
    r, t = float((s.a * s.n2 / s.n).sum()), float((s.c * s.n1 / s.n).sum())
    _refuse_ends(r, t, "risk ratio")
    top = float((s.n1 / s.n * (s.n2 / s.n) * s.m - s.a / s.n * s.c).sum())
    return r / t, math.sqrt(max(0.0, top) / (r * t))


def _risk_difference(s: _Strata) -> tuple[float, float]:
    """Estimate and standard error (Sato)."""
    w1, w2 = s.n1 / s.n, s.n2 / s.n
    weight = float((s.n1 * w2).sum())
    estimate = float((s.a * w2 - s.c * w1).sum()) / weight
    first = float((s.c * w1**2 - s.a * w2**2 + w1 * w2 * (s.n2 - s.n1) / 2).sum())
    second = float((s.a * (s.n2 - s.c) / s.n + s.c * (s.n1 - s.a) / s.n).sum()) / 2
    return estimate, math.sqrt(max(0.0, estimate * first + second)) / weight


def _refuse_ends(top: float, bottom: float, what: str) -> None:
    if top == 0 or bottom == 0:
        is_what = "not defined" if top == bottom else "0" if top == 0 else "infinite"
        raise NotEstimable(f"the common {what} is {is_what}")


def _over(value: float, error: float) -> float:
    return value / error if error else math.copysign(math.inf, value) if value else 0.0
