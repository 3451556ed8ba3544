"""Exact permutation distributions of rank sums, with ties, by the shift algorithm.

In: scores (doubled midranks, so that they are whole numbers) and how many subjects have each. Out: the probability of
every sum. Sums of all subsets are built up one distinct score at a time, so the work is a polynomial of n where
listing the subsets would be exponential. All terms are positive: a tail of 1e-20 keeps its digits.

Streitberg B, Roehmel J. Statistical Software Newsletter 1986;12:10-17 (R `exactRankTests::pperm`).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

import numpy as np

from chartline.stats.statistic import NotEstimable
from chartline.stats.values.table import Floats, Ints

MOST_STEPS = 2_000_000_000  # additions; about 2 seconds
MOST_SUBJECTS = 1000  # the number of subsets, a double, overflows a little above


@dataclass(frozen=True, eq=False)
class Distribution:
    """P(sum = first + step * i) = `probabilities[i]`."""

    first: int
    step: int
    probabilities: Floats

    def lower(self, total: int) -> float:
        """P(sum <= total)."""
        return float(self.probabilities[: max(0, (total - self.first) // self.step + 1)].sum())

    def upper(self, total: int) -> float:
        """P(sum >= total)."""
        return float(self.probabilities[max(0, -((self.first - total) // self.step)) :].sum())

    def as_far(self, total: int, numerator: int, denominator: int) -> float:
        """P(|sum - centre| >= |total - centre|), centre = numerator / denominator, compared as whole numbers."""
        away = abs(total * denominator - numerator)
        low = self.lower((numerator - away) // denominator)
        high = self.upper(-((-numerator - away) // denominator))
        return min(1.0, low + high) if away else 1.0


def subset_sums(scores: Ints, counts: Ints, m: int) -> Distribution:
    """Return the distribution of the sum of the scores of m of all subjects, every choice equally likely.

    Raises `NotEstimable` where that would take too long (about 150 distinct values in two equal groups).
    """
    low, step, units = _units(scores)
    top = _largest_sum(units, counts, m)
    _refuse_long_work(int(counts.sum()), (int(counts.sum()) + units.size) * (m + 1) * (top + 1))
    ways = np.zeros((m + 1, top + 1))
    ways[0, 0] = 1.0
    for unit, count in zip(units.tolist(), counts.tolist(), strict=True):
        ways = _choose_some(ways, unit, count)
    return Distribution(m * low, step, ways[m] / comb(int(counts.sum()), m))


def rank_sums_without_ties(m: int, n: int) -> Floats:
    """Return the probabilities of W = 0, 1, ..., m n for groups of m and n without ties (R `dwilcox`)."""
    ranks, size = np.arange(m + n, dtype=np.int64), min(m, n)
    return subset_sums(ranks, np.ones_like(ranks), size).probabilities[size * (size - 1) // 2 :]


def signed_sums(scores: Ints, counts: Ints) -> Distribution:
    """Return the distribution of the sum of scores when each subject's score counts with probability 1/2."""
    step = int(np.gcd.reduce(scores))
    units = scores // step
    top = int(units @ counts)
    _refuse_long_work(int(counts.sum()), int(counts.sum()) * (top + 1))
    share = np.zeros(top + 1)
    share[0] = 1.0
    for unit, count in zip(units.tolist(), counts.tolist(), strict=True):
        for _ in range(count):
            share[unit:] = (share[unit:] + share[:-unit]) / 2
            share[:unit] /= 2
    return Distribution(0, step, share)


def _choose_some(ways: Floats, unit: int, count: int) -> Floats:
    """Add a distinct score held by `count` subjects: i of them are chosen in C(count, i) ways."""
    m, top = ways.shape[0] - 1, ways.shape[1] - 1
    out = ways.copy()
    for i in range(1, min(count, m) + 1):
        if i * unit > top:
            break
        out[i:, i * unit :] += comb(count, i) * ways[: m + 1 - i, : top + 1 - i * unit]
    return out


def _units(scores: Ints) -> tuple[int, int, Ints]:
    """Scores from 0 without their common divisor."""
    low = int(scores.min())
    step = int(np.gcd.reduce(scores - low)) or 1
    return low, step, (scores - low) // step


def _largest_sum(units: Ints, counts: Ints, m: int) -> int:
    """The sum of the m largest."""
    order = np.argsort(-units, kind="stable")
    upto = np.minimum(np.cumsum(counts[order]), m)
    return int(units[order] @ np.diff(upto, prepend=0))


def _refuse_long_work(n: int, steps: int) -> None:
    if n > MOST_SUBJECTS or steps > MOST_STEPS:
        raise NotEstimable(f"the exact distribution of {n} values would take too long; use the normal approximation")
