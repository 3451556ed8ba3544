"""Tests and intervals of numbers worked on paper: every division of the ranks is listed."""

from __future__ import annotations

import math

import pytest

from chartline.stats import (
    estimate_shift,
    hedges_g,
    jonckheere_test,
    kruskal_wallis_test,
    one_way_anova,
    quantile_interval,
    rank_sum_test,
    signed_rank_test,
    standardised_difference,
    standardised_difference_of_levels,
    t_test,
)


def test_two_against_two_with_a_tie() -> None:
    # midranks 1, 2.5, 2.5, 4. The six sums of two: 3.5, 3.5, 5, 5, 6.5, 6.5; seen 3.5, expected 5
    seen = rank_sum_test([1, 2], [2, 3])
    assert (seen.statistic, seen.method) == (3.5 - 3, "exact")
    assert seen.p == pytest.approx(4 / 6, rel=1e-15)
    assert rank_sum_test([1, 2], [2, 3], alternative="less").p == pytest.approx(2 / 6, rel=1e-15)
    assert rank_sum_test([1, 2], [2, 3], alternative="greater").p == pytest.approx(1, rel=1e-15)


def test_two_groups_wholly_apart() -> None:
    # one division of 35 is as far on each side
    assert rank_sum_test([1, 2, 3], [4, 5, 6, 7]).p == pytest.approx(2 / 35, rel=1e-15)


def test_uneven_ties_make_the_two_tails_unequal() -> None:
    # midranks 1.5, 1.5, 3 (twice a 1, once a 2). One of three is drawn: 1.5, 1.5 or 3; expected 2
    assert rank_sum_test([2], [1, 1]).p == pytest.approx(1 / 3, rel=1e-15)  # only 3 is as far as 3
    assert rank_sum_test([1], [1, 2]).p == pytest.approx(1, rel=1e-15)


def test_signed_ranks() -> None:
    # ranks 1.5, 1.5, 3: all eight signings are as likely; V = 6 comes once
    assert signed_rank_test([1, 1, 2]).p == pytest.approx(2 / 8, rel=1e-15)
    assert signed_rank_test([1, 1, 2], alternative="greater").p == pytest.approx(1 / 8, rel=1e-15)
    # 1.5 + 1.5 - 3: V = 3; sums 0 1.5 1.5 3 3 4.5 4.5 6
    assert signed_rank_test([1, 1, -2], alternative="greater").p == pytest.approx(5 / 8, rel=1e-15)
    # Pratt ranks the zero too: 1, then 2.5, 2.5, 4
    assert signed_rank_test([0, 1, 1, 2], zeros="pratt").statistic == 9
    assert signed_rank_test([0, 1, 1, 2]).statistic == 6


def test_kruskal_wallis_of_three_pairs() -> None:
    # rank sums 3, 7, 11: H = 12/42 (9 + 49 + 121)/2 - 21 = 32/7; 6 of 90 divisions are as far
    seen = kruskal_wallis_test({"a": [1, 2], "b": [3, 4], "c": [5, 6]})
    assert (seen.statistic, seen.p) == (pytest.approx(32 / 7, rel=1e-14), pytest.approx(6 / 90, rel=1e-15))
    assert kruskal_wallis_test({"a": [1, 2], "b": [3, 4], "c": [5, 6]}, exact=False).p == pytest.approx(
        math.exp(-16 / 7), rel=1e-14
    )  # chi-square with 2 df


def test_a_trend_over_three_patients() -> None:
    seen = jonckheere_test({"I": [1], "II": [2], "III": [3]}, alternative="increasing")
    assert (seen.statistic, seen.p) == (3, pytest.approx(1 / 6, rel=1e-15))


def test_a_shift_from_four_differences() -> None:
    # -1, 1, 2, 4; W is 0, 1, 2, 2, 3, 4 over six divisions. At 50 %: P(W <= 0) = 1/6 is left out on either side
    seen = estimate_shift([1, 4], [0, 2], level=0.5)
    assert (seen.estimate, seen.lower, seen.upper) == (1.5, -1, 4)
    assert seen.attained == pytest.approx(4 / 6, rel=1e-15)


def test_t_of_two_pairs() -> None:
    # means 2 and 6, both variances 2: se = sqrt(2), t = -4 / sqrt(2), 2 df, whose p has a closed form
    for equal in (False, True):
        seen = t_test([1, 3], [5, 7], equal_variances=equal)
        assert (seen.t, seen.df) == (pytest.approx(-2 * math.sqrt(2), rel=1e-15), pytest.approx(2, rel=1e-15))
        assert seen.p == pytest.approx(1 - math.sqrt(8 / 10), rel=1e-13)
    anova = one_way_anova({"a": [1, 3], "b": [5, 7]}, equal_variances=True)
    assert (anova.f, anova.df) == (pytest.approx(8, rel=1e-15), (1, 2))


def test_standardised_differences() -> None:
    assert standardised_difference([1, 3], [5, 7]).value == pytest.approx(-2 * math.sqrt(2), rel=1e-15)
    # J(2) = Gamma(1) / (1 x Gamma(1/2)) = 1 / sqrt(pi)
    assert hedges_g([1, 3], [5, 7]).g == pytest.approx(-2 * math.sqrt(2 / math.pi), rel=1e-14)
    # 1/2 against 1/4: variances 1/4 and 3/16
    seen = standardised_difference_of_levels([2, 2], [1, 3]).value
    assert seen == pytest.approx(0.25 / math.sqrt(7 / 32), rel=1e-14)


def test_six_values_bound_a_median() -> None:
    # the median lies outside the range of six values only if all are on one side: 2 / 64
    seen = quantile_interval([5, 1, 9, 2, 8, 4])
    assert (seen.lower, seen.upper, seen.ranks) == (1, 9, (1, 6))
    assert seen.attained == pytest.approx(62 / 64, rel=1e-15)
