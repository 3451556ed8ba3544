"""One binomial proportion: n of N with its interval, and the exact test against a fixed rate.

In: n and N, whole numbers. Out: an `Interval` or a `BinomialTest`. Every interval is [0, ...] at n = 0 and [..., 1]
at n = N. Plain Python: proportions are on the path of every run.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from chartline.stats.distributions import beta_quantile, beta_tails, interval_z
from chartline.stats.statistic import NotEstimable, Statistic

Alternative = Literal["two-sided", "less", "greater"]

_TAKES = "CrossTab over `outcome`"
STATISTICS = (
    Statistic(
        name="proportion",
        label="Proportion with exact interval",
        takes=_TAKES,
        gives="n/N with the Clopper-Pearson interval",
        reference="binom.test",
        paper="Clopper CJ, Pearson ES. Biometrika 1934;26:404-413",
    ),
    Statistic(
        name="proportion_wilson",
        label="Proportion with score interval",
        takes=_TAKES,
        gives="n/N with the Wilson score interval, without continuity correction",
        reference="prop.test(correct = FALSE)",
        paper="Wilson EB. J Am Stat Assoc 1927;22:209-212",
    ),
    Statistic(
        name="proportion_wilson_continuity",
        label="Proportion with continuity-corrected score interval",
        takes=_TAKES,
        gives="n/N with the Wilson score interval, with continuity correction",
        reference="DescTools::BinomCI(method = 'wilsoncc')",
        paper="Newcombe RG. Stat Med 1998;17:857-872, method 4",
    ),
    Statistic(
        name="proportion_agresti_coull",
        label="Proportion with Agresti-Coull interval",
        takes=_TAKES,
        gives="n/N with the Agresti-Coull interval, cut at 0 and 1",
        reference="DescTools::BinomCI(method = 'agresti-coull')",
        paper="Agresti A, Coull BA. Am Stat 1998;52:119-126",
    ),
    Statistic(
        name="proportion_jeffreys",
        label="Proportion with Jeffreys interval",
        takes=_TAKES,
        gives="n/N with the equal-tailed interval of the beta(n + 1/2, N - n + 1/2) posterior; 0 at n = 0, 1 at n = N",
        reference="DescTools::BinomCI(method = 'jeffreys')",
        paper="Brown LD, Cai TT, DasGupta A. Stat Sci 2001;16:101-133",
    ),
    Statistic(
        name="proportion_mid_p",
        label="Proportion with mid-P interval",
        takes=_TAKES,
        gives="n/N with the mid-P exact interval: half of the probability of what was seen counts in each tail",
        reference="exactci::binom.exact(midp = TRUE, tsmethod = 'central')",
        paper="Lancaster HO. J Am Stat Assoc 1961;56:223-234; Berry G, Armitage P. Statistician 1995;44:417-423",
    ),
    Statistic(
        name="binomial_test",
        label="Exact test of a proportion against a fixed rate",
        takes=_TAKES,
        gives="two-sided p-value (all outcomes no likelier than the one seen), and the two one-sided ones",
        reference="binom.test",
        paper="Clopper CJ, Pearson ES. Biometrika 1934;26:404-413",
    ),
)
METHODS = {
    "clopper_pearson": "Clopper-Pearson exact interval",
    "wilson": "Wilson score interval",
    "wilson_continuity": "Wilson score interval with continuity correction",
    "agresti_coull": "Agresti-Coull interval",
    "jeffreys": "Jeffreys interval",
    "mid_p": "mid-P exact interval",
}
NEARLY = 1 + 1e-7  # two outcomes whose probabilities differ by less are equally likely (R binom.test, fisher.test)


@dataclass(frozen=True)
class Interval:
    """A two-sided confidence interval."""

    lower: float
    upper: float
    level: float


@dataclass(frozen=True)
class BinomialTest:
    """n of `total` against `rate`: `p` two-sided, `p_less` for a true rate below it, `p_greater` above it."""

    n: int
    total: int
    rate: float
    p: float
    p_less: float
    p_greater: float


def clopper_pearson(n: int, total: int, level: float = 0.95) -> Interval:
    """Return the exact interval of n of `total` (R `binom.test`).

    Raises `NotEstimable` for 0 of 0, `ValueError` unless 0 <= n <= total and 0 < level < 1.
    """
    _check(n, total, level)
    tail = (1 - level) / 2
    lower = beta_quantile(tail, n, total - n + 1) if n else 0.0
    upper = beta_quantile(tail, n + 1, total - n, upper=True) if n < total else 1.0
    return Interval(lower, upper, level)


def wilson(n: int, total: int, level: float = 0.95) -> Interval:
    """Return the score interval of n of `total` (R `prop.test(correct = FALSE)`).

    Raises as `clopper_pearson`.
    """
    _check(n, total, level)
    z = interval_z(level)
    half = z * math.sqrt(n * (total - n) / total + z * z / 4)
    centre, width = n + z * z / 2, total + z * z
    # at n = 0 and n = total the bound is 0 and 1 exactly; rounding must not leave it outside
    lower = 0.0 if n == 0 else (centre - half) / width
    upper = 1.0 if n == total else (centre + half) / width
    return Interval(lower, upper, level)


def wilson_continuity(n: int, total: int, level: float = 0.95) -> Interval:
    """Return the score interval with continuity correction: the bounds of n - 1/2 and n + 1/2 (Newcombe's method 4).

    R's `prop.test(correct = TRUE)` is the same but where |n - total / 2| < 1/2, where it corrects by less, since it
    also tests the rate 1/2. Raises as `clopper_pearson`.
    """
    _check(n, total, level)
    z = interval_z(level)

    def bound(x: float, sign: int) -> float:
        half = z * math.sqrt(x * (total - x) / total + z * z / 4)
        return (x + z * z / 2 + sign * half) / (total + z * z)

    lower = 0.0 if n == 0 else bound(n - 0.5, -1)
    upper = 1.0 if n == total else bound(n + 0.5, 1)
    return Interval(lower, upper, level)


def agresti_coull(n: int, total: int, level: float = 0.95) -> Interval:
    """Return the normal interval after z^2 / 2 successes and failures are added, cut at 0 and 1.

    Raises as `clopper_pearson`.
    """
    _check(n, total, level)
    z = interval_z(level)
    n_more = total + z * z
    p = (n + z * z / 2) / n_more
    half = z * math.sqrt(p * (1 - p) / n_more)
    return Interval(max(0.0, p - half), min(1.0, p + half), level)


def jeffreys(n: int, total: int, level: float = 0.95) -> Interval:
    """Return the equal-tailed interval of the posterior under Jeffreys' prior, beta(n + 1/2, total - n + 1/2).

    At n = 0 the lower bound is 0, at n = total the upper is 1 (Brown, Cai and DasGupta 2001). Raises as
    `clopper_pearson`.
    """
    _check(n, total, level)
    tail, a, b = (1 - level) / 2, n + 0.5, total - n + 0.5
    lower = beta_quantile(tail, a, b) if n else 0.0
    upper = beta_quantile(tail, a, b, upper=True) if n < total else 1.0
    return Interval(lower, upper, level)


def mid_p(n: int, total: int, level: float = 0.95) -> Interval:
    """Return the rates at which P(X beyond n) + P(X = n) / 2 is half of 1 - level, in each direction.

    Raises as `clopper_pearson`.
    """
    _check(n, total, level)
    outer = clopper_pearson(n, total, level)  # contains the mid-P interval
    tail, seen = (1 - level) / 2, n / total

    def above(p: float) -> float:  # P(X > n) + P(X = n) / 2
        return (_at_least(n, total, p) + _at_least(n + 1, total, p)) / 2

    def below(p: float) -> float:
        return (_at_most(n, total, p) + _at_most(n - 1, total, p)) / 2

    lower = _root(above, tail, outer.lower, seen) if n else 0.0
    upper = _root(below, tail, outer.upper, seen) if n < total else 1.0
    return Interval(lower, upper, level)


INTERVALS: dict[str, Callable[[int, int, float], Interval]] = {
    "clopper_pearson": clopper_pearson,
    "wilson": wilson,
    "wilson_continuity": wilson_continuity,
    "agresti_coull": agresti_coull,
    "jeffreys": jeffreys,
    "mid_p": mid_p,
}


def binomial_test(n: int, total: int, rate: float = 0.5) -> BinomialTest:
    """Return the exact test of n of `total` against `rate` (R `binom.test`).

    Two-sided: the probability of every outcome that is no likelier than n; likelihoods within 1e-7 are equal. Raises
    `NotEstimable` for 0 of 0, `ValueError` for a rate outside [0, 1] or n outside [0, total].
    """
    _check(n, total, 0.95)
    if not 0 <= rate <= 1:
        raise ValueError(f"not a rate: {rate}")
    less, greater = _at_most(n, total, rate), _at_least(n, total, rate)
    return BinomialTest(n, total, rate, _two_sided(n, total, rate, less, greater), less, greater)


def _two_sided(n: int, total: int, rate: float, less: float, greater: float) -> float:
    """One tail up to n, and on the other side of the mode all that is no likelier than n."""
    if rate in (0, 1):
        return float(n == rate * total)
    mode = total * rate
    if n == mode:
        return 1.0
    limit = _log_pmf(n, total, rate) + math.log(NEARLY)
    if n < mode:
        other = _first(math.ceil(mode), total, lambda k: _log_pmf(k, total, rate) <= limit)
        return min(1.0, less + _at_least(other, total, rate))
    other = total - _first(total - math.floor(mode), total, lambda k: _log_pmf(total - k, total, rate) <= limit)
    return min(1.0, greater + _at_most(other, total, rate))


def _first(lo: int, hi: int, holds: Callable[[int], bool]) -> int:
    """The first k of lo..hi for which `holds`, which never ceases to hold once it does; hi + 1 where none."""
    hi += 1
    while lo < hi:
        k = (lo + hi) // 2
        lo, hi = (lo, k) if holds(k) else (k + 1, hi)
    return lo


def _log_pmf(k: int, total: int, rate: float) -> float:
    choose = math.lgamma(total + 1) - math.lgamma(k + 1) - math.lgamma(total - k + 1)
    return choose + k * math.log(rate) + (total - k) * math.log1p(-rate)


def _at_least(k: int, total: int, rate: float) -> float:
    """P(X >= k) for a binomial X."""
    if k <= 0 or k > total:
        return float(k <= 0)
    return beta_tails(rate, k, total - k + 1)[0]


def _at_most(k: int, total: int, rate: float) -> float:
    if k < 0 or k >= total:
        return float(k >= 0)
    return beta_tails(rate, k + 1, total - k)[1]


def _root(tail: Callable[[float], float], goal: float, outer: float, inner: float) -> float:
    """Bisection for tail(p) = goal between `outer`, where the tail is smaller, and `inner`, until the doubles end."""
    while True:
        p = (outer + inner) / 2
        if p in (outer, inner):
            return p
        outer, inner = (p, inner) if tail(p) < goal else (outer, p)


def _check(n: int, total: int, level: float) -> None:
    if n == total == 0:
        raise NotEstimable("not a proportion: 0 of 0 patients")
    if not (0 <= n <= total and total > 0) or n % 1 or total % 1:
        raise ValueError(f"not a proportion: {n} of {total}")
    if not 0 < level < 1:
        raise ValueError(f"not a confidence level: {level}")
