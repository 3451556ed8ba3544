"""Hodges-Lehmann: the shift between two groups, and the pseudomedian of paired differences, with intervals.

In: numbers as value -> count or plain arrays. Out: the median of all pairwise differences x - y (or of all averages of
two differences), with the interval that belongs to Wilcoxon's test. Both ends are order statistics of those pairs:

- exact (both groups below 50, no ties): ranks from the distribution of W (R `wilcox.test(conf.int = TRUE)`);
- else normal, with the correction for ties and continuity. R finds these ends by `uniroot` to 1e-4; but what it looks
  for is where a step function of the shift jumps, and it jumps at pairwise differences only. Away from them no value
  of x ties with one of y, so that the standard error does not change, and the end is the order statistic with the
  whole number at m n / 2 + 1/2 + z sigma. We give that difference itself; R's answer is within its 1e-4 of it.

The pairs are listed while they are few, else the order statistic is found by bisection and counting, so that 10^7
patients need no list of 10^14 differences.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from chartline.stats.distributions import interval_z
from chartline.stats.statistic import NotEstimable, Statistic
from chartline.stats.values.permutation import rank_sums_without_ties, signed_sums
from chartline.stats.values.rank_tests import choose_method, rank_sum_sigma, tie_sum
from chartline.stats.values.table import Counted, Floats, Ints, Numbers, check_level, counted, need

STATISTICS = (
    Statistic(
        name="hodges_lehmann",
        label="Hodges-Lehmann shift",
        takes="ValueTable of two groups",
        gives="the median difference and the interval of Wilcoxon's rank sum test",
        reference="wilcox.test(conf.int = TRUE)",
        paper="Hodges JL, Lehmann EL. Ann Math Stat 1963;34:598-611; Bauer DF. J Am Stat Assoc 1972;67:687-690",
    ),
    Statistic(
        name="pseudomedian",
        label="Pseudomedian of paired differences",
        takes="ValueTable of paired differences",
        gives="the median of the Walsh averages and the interval of Wilcoxon's signed rank test",
        reference="wilcox.test(conf.int = TRUE)",
        paper="Hodges JL, Lehmann EL. Ann Math Stat 1963;34:598-611; Bauer DF. J Am Stat Assoc 1972;67:687-690",
    ),
)
LISTED = 2_000_000  # pairs of distinct values that are listed and sorted


@dataclass(frozen=True)
class Shift:
    """`attained` is the coverage of the exact interval, at least `level` where n allows; None for the normal one."""

    estimate: float
    lower: float
    upper: float
    level: float
    attained: float | None
    method: Literal["exact", "normal"]
    reason: str
    n: tuple[int, ...]
    warnings: tuple[str, ...] = ()


def estimate_shift(
    x: Numbers, y: Numbers, *, level: float = 0.95, exact: bool | None = None, correct: bool = True
) -> Shift:
    """Return how much larger `x` tends to be than `y`: the median of all differences x - y.

    Raises `NotEstimable` where a group is empty, or where exact is asked for and values tie.
    """
    check_level(level)
    a, b = counted(x), counted(y)
    need(a, 1, "1")
    need(b, 1, "2")
    ties = bool(np.any(a.counts > 1) or np.any(b.counts > 1) or np.intersect1d(a.values, b.values).size)
    pairs = _Sums(a, Counted(-b.values[::-1], b.counts[::-1]), unordered=False)
    exactly, reason = _method(max(a.n, b.n), ties, exact, "both groups have", "a group has", correct)
    if exactly:
        return _exact(pairs, rank_sums_without_ties(a.n, b.n), level, reason, (a.n, b.n))
    # the standard deviation of W at a shift where nothing of x ties with y: ties within the groups alone
    counts = np.concatenate([a.counts, b.counts])
    return _normal(pairs, rank_sum_sigma(a.n, b.n, counts), level, correct, reason, (a.n, b.n))


def estimate_pseudomedian(
    differences: Numbers,
    *,
    level: float = 0.95,
    exact: bool | None = None,
    correct: bool = True,
    zeros: Literal["drop", "keep"] = "drop",
) -> Shift:
    """Return the centre of paired differences: the median of the averages of each two, and of each with itself.

    Exact where there are fewer than 50, none is 0 and no sizes tie, as in R. R leaves differences of 0 out of the
    estimate as of the test, which moves it away from 0; "keep" does not, and is the estimate as its authors define it.
    Raises `NotEstimable` without differences, or where exact is asked for and they tie or are 0.
    """
    check_level(level)
    d = counted(differences)
    need(d, 1)
    at_zero = int(d.counts[d.values == 0].sum())
    said: tuple[str, ...] = ()
    if at_zero and zeros == "drop":
        d = Counted(d.values[d.values != 0], d.counts[d.values != 0])
        said = (f"{at_zero} difference{'' if at_zero == 1 else 's'} of 0 left out, as in the test",)
    if not d.n:
        raise NotEstimable("all differences are 0")
    ties = bool(at_zero or np.any(d.counts > 1) or np.unique(np.abs(d.values)).size < d.values.size)
    pairs = _Sums(d, d, unordered=True)
    exactly, reason = _method(d.n, ties, exact, "there are", "there are", correct)
    if exactly:
        ranks = np.arange(1, d.n + 1, dtype=np.int64)
        return _exact(pairs, signed_sums(ranks, np.ones_like(ranks)).probabilities, level, reason, (d.n,), said)
    # the standard deviation of V at a shift where no sizes tie but those of equal differences
    sigma = math.sqrt(d.n * (d.n + 1.0) * (2 * d.n + 1) / 24 - tie_sum(d.counts) / 48)
    return _normal(pairs, sigma, level, correct, reason, (d.n,), said)


def _method(n: int, ties: bool, exact: bool | None, small: str, large: str, correct: bool) -> tuple[bool, str]:
    if not ties:
        return choose_method(n, exact, small, large, correct)
    if exact:
        raise NotEstimable("values tie, so there is no exact interval; use the normal approximation")
    _, reason = choose_method(n, False, small, large, correct)
    return False, reason.replace("as declared", "because values tie")


def _exact(
    pairs: _Sums, probabilities: Floats, level: float, reason: str, n: tuple[int, ...], warnings: tuple[str, ...] = ()
) -> Shift:
    """R: the order statistic at the alpha/2 quantile of W from either end, and at least the first."""
    tails = np.cumsum(probabilities)
    k = max(1, int(np.searchsorted(tails, (1 - level) / 2 * (1 - 1e-14))))
    attained = max(0.0, 1 - 2 * float(tails[k - 1]))
    lower, upper = pairs.at(k), pairs.at(pairs.total + 1 - k)
    if attained < level:
        said = f"the values are too few for an interval of level {level:g}; the level of this one is {attained:.3g}"
        warnings = (*warnings, said)
    return Shift(pairs.median(), min(lower, upper), max(lower, upper), level, attained, "exact", reason, n, warnings)


def _normal(
    pairs: _Sums,
    sigma: float,
    level: float,
    correct: bool,
    reason: str,
    n: tuple[int, ...],
    warnings: tuple[str, ...] = (),
) -> Shift:
    """The pairs at which the corrected z passes the quantiles; the ends of all pairs where it passes at none."""
    above = pairs.total / 2 + (0.5 if correct else 0.0) + interval_z(level) * sigma
    k = pairs.total - math.floor(above)
    if k < 1:
        said = f"the values are too few for an interval of level {level:g}; it is the range of all pairs"
        k, warnings = 1, (*warnings, said)
    lower, upper = pairs.at(k), pairs.at(pairs.total + 1 - k)
    return Shift(pairs.median(), lower, upper, level, None, "normal", reason, n, warnings)


class _Sums:
    """All sums of one value of `a` and one of `b`.

    `unordered`: `a` and `b` are one sample, and it is the average of each two of it, and of each with itself.
    """

    def __init__(self, a: Counted, b: Counted, *, unordered: bool) -> None:
        self.a, self.b, self.unordered = a, b, unordered
        self.total = a.n * (a.n + 1) // 2 if unordered else a.n * b.n
        self._upto: Ints = np.concatenate([[0], np.cumsum(b.counts)])
        self._listed: tuple[Floats, Ints] | None = self._list() if a.values.size * b.values.size <= LISTED else None

    def median(self) -> float:
        low, high = self.at((self.total + 1) // 2), self.at(self.total // 2 + 1)
        return low if low == high else (low + high) / 2

    def at(self, k: int) -> float:
        """The k-th smallest, from 1, equal ones counted apart."""
        if self._listed is not None:
            values, upto = self._listed
            return float(values[np.searchsorted(upto, k)])
        return self._search(k)

    def _list(self) -> tuple[Floats, Ints]:
        sums = self.a.values[:, None] + self.b.values
        weights = self.a.counts[:, None] * self.b.counts
        if self.unordered:
            sums = sums / 2
            weights = np.triu(weights, 1) + np.diag(self.a.counts * (self.a.counts + 1) // 2)
        order = np.argsort(sums, axis=None, kind="stable")
        held = weights.reshape(-1)[order]
        return sums.reshape(-1)[order][held > 0], np.cumsum(held[held > 0])

    def _search(self, k: int) -> float:
        """Bisect for the smallest sum with at least k at or below it, then take the pair that makes it."""
        rounding = np.finfo(float).eps * float(max(np.abs(self.a.values).max(), np.abs(self.b.values).max()))
        low, high = float(self.a.values[0] + self.b.values[0]), float(self.a.values[-1] + self.b.values[-1])
        if self._count(low) >= k:
            high = low
        while high - low > rounding:
            middle = low + (high - low) / 2
            if not low < middle < high:
                break
            if self._count(middle) >= k:
                high = middle
            else:
                low = middle
        return self._nearest(high) / (2 if self.unordered else 1)

    def _count(self, total: float) -> int:
        """How many pairs have a sum of at most `total`."""
        partners = self._upto[np.searchsorted(self.b.values, total - self.a.values, side="right")]
        pairs = int(self.a.counts @ partners)
        if not self.unordered:
            return pairs
        return (pairs + int(self.a.counts[self.a.values <= total / 2].sum())) // 2

    def _nearest(self, total: float) -> float:
        want = total - self.a.values
        i = np.clip(np.searchsorted(self.b.values, want), 1, max(1, self.b.values.size - 1))
        sums = np.concatenate(
            [self.a.values + self.b.values[np.minimum(j, self.b.values.size - 1)] for j in (i - 1, i)]
        )
        return float(sums[np.argmin(np.abs(sums - total))])
