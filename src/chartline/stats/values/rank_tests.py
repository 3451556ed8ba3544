"""Wilcoxon's tests: the rank sum of two groups, and the signed ranks of paired differences.

In: numbers as value -> count or plain arrays. Out: the statistic as R prints it (W, V), the p-value, and by which
method and why. SciPy has no exact p-value where values tie; ours is the permutation distribution of the midranks that
were observed, whatever ties there are. Ties are exact equalities of values (R `digits.rank = Inf`).

Rule of method: exact where every group has fewer than 50 values (R `wilcox.test`, `exactRankTests::wilcox.exact`),
else normal with correction for ties and continuity.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from chartline.stats.statistic import NotEstimable, Statistic
from chartline.stats.values.permutation import Distribution, signed_sums, subset_sums
from chartline.stats.values.table import Counted, Floats, Ints, Numbers, counted, need

STATISTICS = (
    Statistic(
        name="rank_sum",
        label="Wilcoxon rank sum test",
        takes="ValueTable of two groups",
        gives="W and p, exact with ties or normal with tie and continuity correction",
        reference="coin::wilcox_test(distribution = 'exact'); wilcox.test; one-sided exactRankTests::wilcox.exact",
        paper="Wilcoxon F. Biometrics Bull 1945;1:80-83; Streitberg B, Roehmel J. Stat Softw Newsl 1986;12:10-17",
    ),
    Statistic(
        name="signed_rank",
        label="Wilcoxon signed rank test",
        takes="ValueTable of paired differences",
        gives="V and p, exact with ties and zeros or normal with tie and continuity correction",
        reference="exactRankTests::wilcox.exact(paired = TRUE), coin::wilcoxsign_test; wilcox.test",
        paper="Wilcoxon F. Biometrics Bull 1945;1:80-83; Pratt JW. J Am Stat Assoc 1959;54:655-667",
    ),
)
EXACT_BELOW = 50
Alternative = Literal["two-sided", "greater", "less"]


@dataclass(frozen=True)
class RankTest:
    """`statistic` is W (rank sum of the first group less its smallest possible value) or V (sum of positive ranks).

    `z` is None where `method` is "exact". `n` are the sizes of the groups, or of the differences that are ranked.
    """

    statistic: float
    p: float
    z: float | None
    method: Literal["exact", "normal"]
    reason: str
    n: tuple[int, ...]
    ties: bool
    alternative: Alternative
    warnings: tuple[str, ...] = ()


def rank_sum_test(
    x: Numbers,
    y: Numbers,
    *,
    alternative: Alternative = "two-sided",
    exact: bool | None = None,
    correct: bool = True,
) -> RankTest:
    """Compare two groups; "greater" says that `x` tends to be larger than `y`.

    The exact two-sided p is P(|W - E| >= |w - E|) over all divisions of the pooled values (coin, SAS NPAR1WAY);
    without ties that is R's `wilcox.test`. `correct` moves W by 1/2 towards E in the normal approximation.

    Raises `NotEstimable` where a group is empty, where all values are equal and the normal approximation is asked for,
    or where an exact p that was asked for would take too long.
    """
    a, b = counted(x), counted(y)
    need(a, 1, "1")
    need(b, 1, "2")
    _, in_a, in_b = pooled(a, b)
    ranks = doubled_midranks(in_a + in_b)
    w = (int(ranks @ in_a) - a.n * (a.n + 1)) / 2
    ties = bool(np.any(in_a + in_b > 1))
    exactly, reason = choose_method(max(a.n, b.n), exact, "both groups have", "a group has", correct)
    if exactly:
        p = _exact_sum(ranks, in_a, in_b, alternative)
        equal = ("all values are equal",) if in_a.size == 1 else ()
        return RankTest(w, p, None, "exact", reason, (a.n, b.n), ties, alternative, equal)
    sigma = rank_sum_sigma(a.n, b.n, in_a + in_b)
    z = standardise(w - a.n * b.n / 2, sigma, alternative, correct)
    return RankTest(w, normal_p(z, alternative), z, "normal", reason, (a.n, b.n), ties, alternative)


def signed_rank_test(
    differences: Numbers,
    *,
    alternative: Alternative = "two-sided",
    exact: bool | None = None,
    correct: bool = True,
    zeros: Literal["wilcoxon", "pratt"] = "wilcoxon",
) -> RankTest:
    """Test whether paired differences lie about 0; "greater" says that they tend to be above.

    `zeros`: differences of 0 are left out before ranking ("wilcoxon": wilcox.test, wilcox.exact) or ranked with the
    others and then left out ("pratt": the default of coin::wilcoxsign_test). Differences that are computed (0.3 - 0.1
    and 0.4 - 0.2) may fail to tie by rounding: subtract before values become decimals, or round.

    Raises `NotEstimable` where no difference is other than 0.
    """
    d = counted(differences)
    need(d, 1)
    size, above, below, at_zero = _by_size(d)
    if not size.size:
        raise NotEstimable("all differences are 0")
    both = above + below
    ranks = doubled_midranks(both) + (2 * at_zero if zeros == "pratt" else 0)
    v = int(ranks @ above) / 2
    n = int(both.sum())
    exactly, reason = choose_method(n, exact, "there are", "there are", correct)
    said = (f"{at_zero} difference{' is' if at_zero == 1 else 's are'} 0",) if at_zero else ()
    ties = bool(np.any(both > 1))
    if exactly:
        p = _one_or_both(signed_sums(ranks, both), int(ranks @ above), alternative)
        return RankTest(v, p, None, "exact", reason, (n,), ties, alternative, said)
    sigma = math.sqrt(float((ranks.astype(float) / 2) ** 2 @ both) / 4)
    z = standardise(v - float(ranks @ both) / 4, sigma, alternative, correct)
    return RankTest(v, normal_p(z, alternative), z, "normal", reason, (n,), ties, alternative, said)


def pooled(a: Counted, b: Counted) -> tuple[Floats, Ints, Ints]:
    """Return all distinct values of two samples, and the count of each in the first and in the second."""
    values = np.union1d(a.values, b.values)
    return values, _spread(values, a), _spread(values, b)


def _spread(values: Floats, sample: Counted) -> Ints:
    out = np.zeros(values.size, np.int64)
    out[np.searchsorted(values, sample.values)] = sample.counts
    return out


def doubled_midranks(counts: Ints) -> Ints:
    """Return twice the midrank of each of the ascending values that have these counts: whole numbers."""
    upto = np.cumsum(counts)
    return 2 * upto - counts + 1


def tie_sum(counts: Ints) -> float:
    """Return the sum of t^3 - t, in doubles because t may be 10^7."""
    t = counts.astype(np.float64)
    return float(np.sum(t * (t - 1) * (t + 1)))


def rank_sum_sigma(m: int, n: int, counts: Ints) -> float:
    """Return the standard deviation of W with ties (R `wilcox.test`). Raises where all values are equal."""
    total = m + n
    variance = m * n / 12 * (total + 1 - tie_sum(counts) / (total * (total - 1)))
    if counts.size == 1 or variance <= 0:
        raise NotEstimable("all values are equal")
    return math.sqrt(variance)


def choose_method(n: int, exact: bool | None, small: str, large: str, correct: bool) -> tuple[bool, str]:
    """Return whether to compute exactly, and why, in words."""
    corrected = "with correction for ties and continuity" if correct else "with correction for ties"
    if exact is not None:
        return exact, "exact, as declared" if exact else f"normal approximation {corrected}, as declared"
    if n < EXACT_BELOW:
        return True, f"exact permutation distribution, because {small} fewer than {EXACT_BELOW} values"
    return False, f"normal approximation {corrected}, because {large} {EXACT_BELOW} values or more"


def standardise(away: float, sigma: float, alternative: Alternative, correct: bool) -> float:
    """Return (statistic - expected - correction) / sigma, with R's sign of the correction."""
    half = {"two-sided": math.copysign(0.5, away) if away else 0.0, "greater": 0.5, "less": -0.5}[alternative]
    return (away - (half if correct else 0.0)) / sigma


def normal_p(z: float, alternative: Alternative) -> float:
    """Return the p-value of a standard normal z, accurate in the far tail."""
    if alternative == "two-sided":
        return math.erfc(abs(z) / math.sqrt(2))
    return math.erfc((z if alternative == "greater" else -z) / math.sqrt(2)) / 2


def _exact_sum(ranks: Ints, in_a: Ints, in_b: Ints, alternative: Alternative) -> float:
    """The smaller group is chosen from all, which is less work; its rank sum runs the other way if it is the second."""
    m, n = int(in_a.sum()), int(in_b.sum())
    chosen, size = (in_a, m) if m <= n else (in_b, n)
    distribution, total = subset_sums(ranks, in_a + in_b, size), int(ranks @ chosen)
    if alternative == "two-sided":
        return distribution.as_far(total, size * (m + n + 1), 1)
    return min(1.0, (distribution.upper if (alternative == "greater") == (m <= n) else distribution.lower)(total))


def _one_or_both(distribution: Distribution, total: int, alternative: Alternative) -> float:
    """The distribution of signed ranks is symmetric: both tails are twice one."""
    low, high = distribution.lower(total), distribution.upper(total)
    p = {"less": low, "greater": high, "two-sided": 2 * min(low, high)}[alternative]
    return min(1.0, p)


def _by_size(d: Counted) -> tuple[Floats, Ints, Ints, int]:
    """Distinct sizes of the differences that are not 0, how many are above and below 0, and how many are 0."""
    zero = int(d.counts[d.values == 0].sum())
    up, down = d.values > 0, d.values < 0
    plus = Counted(d.values[up], d.counts[up])
    minus = Counted(-d.values[down][::-1], d.counts[down][::-1])
    size, above, below = pooled(plus, minus)
    return size, above, below, zero
