"""Which test a row of Table 1 gets, where a protocol asks for tests at all: by rule, and with the reason in words.

In: the groups of a number, or the counts of a category. Out: the name of a test and a sentence that is printed beside
the p-value. The rule sees sizes and expected counts only, never a p-value, so that it cannot be led by one.

Numbers: rank tests, because what a chart records is skewed and bounded more often than not, and at small n nothing
about its distribution can be checked; means only where the protocol declares them. Categories: chi-square where
Cochran allows it (every expected count 5 in a 2 x 2; else 80 % of them 5, none below 1), Fisher's exact test else.
Cochran WG. Biometrics 1954;10:417-451.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from chartline.stats.statistic import NotEstimable
from chartline.stats.values.rank_tests import EXACT_BELOW
from chartline.stats.values.table import Numbers, counted

TestName = Literal["rank_sum", "kruskal_wallis", "t_test", "one_way_anova", "chi_square", "fisher"]
LEAST_EXPECTED = 5
SHARE_EXPECTED = 0.8


@dataclass(frozen=True)
class Choice:
    """`test` is a declared name; `reason` the sentence to print."""

    test: TestName
    reason: str


def choose_test_for_numbers(groups: Mapping[str, Numbers], *, compare: Literal["ranks", "means"] = "ranks") -> Choice:
    """Return the test of a number by group; groups without values do not count.

    Raises `NotEstimable` with fewer than two groups that have values.
    """
    sizes = [n for n in (counted(numbers).n for numbers in groups.values()) if n]
    if len(sizes) < 2:
        raise NotEstimable("fewer than two groups have values")
    if compare == "means":
        name: TestName = "t_test" if len(sizes) == 2 else "one_way_anova"
        label = "Welch's t test" if len(sizes) == 2 else "Welch's analysis of variance"
        return Choice(name, f"{label}: the protocol declares a comparison of means")
    if len(sizes) > 2:
        return Choice("kruskal_wallis", f"Kruskal-Wallis test: a number in {len(sizes)} groups")
    if max(sizes) < EXACT_BELOW:
        size = f"both groups have fewer than {EXACT_BELOW} values ({sizes[0]} and {sizes[1]})"
        return Choice("rank_sum", f"Wilcoxon rank sum test, exact: a number in two groups, and {size}")
    size = f"a group has {EXACT_BELOW} values or more ({sizes[0]} and {sizes[1]})"
    return Choice("rank_sum", f"Wilcoxon rank sum test, normal approximation: a number in two groups, and {size}")


def choose_test_for_categories(table: Sequence[Sequence[int]] | npt.ArrayLike) -> Choice:
    """Return the test of a category by group from its counts, levels x groups; empty levels and groups do not count.

    Raises `NotEstimable` where fewer than two levels or two groups are left.
    """
    counts = np.asarray(table, np.float64)
    if counts.ndim != 2 or np.any(counts < 0) or np.any(counts != np.floor(counts)):
        raise ValueError("the table of a category is levels x groups of whole numbers from 0")
    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    if min(counts.shape) < 2:
        raise NotEstimable("fewer than two groups have values" if counts.shape[1] < 2 else "all are in one category")
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
    low = int(np.sum(expected < LEAST_EXPECTED))
    if not low:
        return Choice("chi_square", f"chi-square test: every expected count is {LEAST_EXPECTED} or more")
    found = f"{low} of {expected.size} expected counts are below {LEAST_EXPECTED}, the smallest {expected.min():.2g}"
    if counts.size > 4 and low <= (1 - SHARE_EXPECTED) * expected.size + 1e-9 and expected.min() >= 1:
        return Choice("chi_square", f"chi-square test: {found}, which Cochran's rule allows")
    return Choice("fisher", f"Fisher's exact test: {found}")
