"""What tests and intervals of numbers say at the edges: each outcome is explained, none is a crash."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from chartline.stats import (
    choose_test_for_categories,
    choose_test_for_numbers,
    estimate_pseudomedian,
    estimate_shift,
    hedges_g,
    jonckheere_test,
    kruskal_wallis_test,
    one_way_anova,
    paired_t_test,
    quantile_interval,
    rank_sum_test,
    signed_rank_test,
    standardised_difference,
    t_test,
)
from chartline.stats.statistic import NotEstimable


def test_the_method_is_printed_with_its_reason() -> None:
    assert rank_sum_test([1, 2], [3, 4]).reason == (
        "exact permutation distribution, because both groups have fewer than 50 values"
    )
    assert rank_sum_test(range(50), [3, 4]).reason == (
        "normal approximation with correction for ties and continuity, because a group has 50 values or more"
    )
    assert rank_sum_test([1, 2], [3, 4], exact=False, correct=False).reason == (
        "normal approximation with correction for ties, as declared"
    )
    assert signed_rank_test([1.0, 2.0]).reason == (
        "exact permutation distribution, because there are fewer than 50 values"
    )
    assert "because values tie" in estimate_shift([1, 1], [2, 3]).reason
    assert kruskal_wallis_test({"a": [1, 2], "b": [3, 5]}).reason == (
        "exact permutation distribution, because there are 6 ways only to divide the values"
    )
    assert "more than 50000 ways" in kruskal_wallis_test({"a": range(40), "b": range(40)}).reason
    assert jonckheere_test({"a": [1, 2], "b": [2, 3]}).reason == "normal approximation, because values tie"


TWO = [rank_sum_test, estimate_shift, t_test, hedges_g, standardised_difference]


@pytest.mark.parametrize("function", TWO)
def test_an_empty_group(function: Callable[..., Any]) -> None:
    for empty in ([], {}, {3.0: 0}):
        with pytest.raises(NotEstimable, match=r"^no values in group 2$"):
            function([1, 2], empty)


@pytest.mark.parametrize("function", TWO)
@pytest.mark.parametrize("value", [math.nan, math.inf, None])
def test_a_missing_value_is_refused(function: Callable[..., Any], value: float | None) -> None:
    with pytest.raises(ValueError, match="none missing or infinite"):
        function([1, 2, value], [1, 2])


def test_a_broken_count_is_refused() -> None:
    for n in (-1, 0.5, math.nan):
        with pytest.raises(ValueError, match="a count is negative or not a whole number"):
            rank_sum_test({1.0: n}, [1, 2])  # type: ignore[dict-item]
    with pytest.raises(ValueError, match="one column"):
        rank_sum_test([[1, 2]], [1, 2])


def test_one_value_in_each_group() -> None:
    seen = rank_sum_test([1], [2])
    assert (seen.p, seen.method) == (1, "exact")
    shift = estimate_shift([1], [2])
    assert (shift.estimate, shift.lower, shift.upper, shift.attained) == (-1, -1, -1, 0)
    assert "too few for an interval of level 0.95" in shift.warnings[0]
    with pytest.raises(NotEstimable, match=r"^one value only in group 1$"):
        t_test([1], [2, 3])
    assert t_test([1], [2, 3], equal_variances=True).df == 1
    for function in (hedges_g, lambda x, y: t_test(x, y, equal_variances=True)):
        with pytest.raises(NotEstimable, match=r"^one value in each group only$"):
            function([1], [2])


def test_all_values_equal() -> None:
    exact = rank_sum_test([7, 7, 7], [7, 7])
    assert (exact.p, exact.warnings) == (1, ("all values are equal",))
    with pytest.raises(NotEstimable, match=r"^all values are equal$"):
        rank_sum_test({7: 60}, {7: 60})
    for function in (kruskal_wallis_test, jonckheere_test):
        with pytest.raises(NotEstimable, match=r"^all values are equal$"):
            function({"a": [7], "b": [7, 7]})
    for means in (t_test, standardised_difference, hedges_g):
        with pytest.raises(NotEstimable, match=r"^the values do not vary within the groups$"):
            means([7, 7], [8, 8])
    with pytest.raises(NotEstimable, match=r"^all differences are equal$"):
        paired_t_test([2, 2, 2])
    with pytest.raises(NotEstimable, match=r"^the values do not vary in group b$"):
        one_way_anova({"a": [1, 2], "b": [3, 3]})
    with pytest.raises(NotEstimable, match=r"^the values do not vary within the groups$"):
        one_way_anova({"a": [1, 1], "b": [3, 3]}, equal_variances=True)
    seen = estimate_shift([7, 7, 7], [7, 7])
    assert (seen.estimate, seen.lower, seen.upper) == (0, 0, 0)


def test_values_that_vary_by_rounding_only_are_constant() -> None:
    with pytest.raises(NotEstimable, match="do not vary"):
        t_test([1e9, 1e9 + 1e-7, 1e9], [1e9, 1e9, 1e9])


def test_no_difference_at_all() -> None:
    with pytest.raises(NotEstimable, match=r"^all differences are 0$"):
        signed_rank_test([0, 0])
    with pytest.raises(NotEstimable, match=r"^all differences are 0$"):
        estimate_pseudomedian([0, 0])
    assert signed_rank_test([0, 1, 3]).warnings == ("1 difference is 0",)
    assert estimate_pseudomedian([0, 0, 1, 3]).warnings[0] == "2 differences of 0 left out, as in the test"
    assert estimate_pseudomedian([-1, 0, 0, 4], zeros="keep").estimate == 0
    assert estimate_pseudomedian([-1, 0, 0, 4]).estimate == 1.5


def test_exact_that_cannot_be() -> None:
    many = np.arange(2000.0)
    with pytest.raises(NotEstimable, match="would take too long; use the normal approximation"):
        rank_sum_test(many, many + 0.5, exact=True)
    with pytest.raises(NotEstimable, match="would take too long; use the chi-square approximation"):
        kruskal_wallis_test({"a": many, "b": many}, exact=True)
    with pytest.raises(NotEstimable, match="values tie, so there is no exact"):
        estimate_shift([1, 1], [2, 3], exact=True)
    with pytest.raises(NotEstimable, match="values tie, so there is no exact"):
        jonckheere_test({"a": [1, 1], "b": [2, 3]}, exact=True)


def test_groups_without_values_are_left_out_and_named() -> None:
    said = ("group b has no values and is left out",)
    groups = {"a": [1, 2], "b": [], "c": [3, 5, 6]}
    for function in (kruskal_wallis_test, jonckheere_test, one_way_anova):
        seen = function(groups)
        assert (seen.warnings, seen.n) == (said, (2, 3))
        with pytest.raises(NotEstimable, match=r"^fewer than two groups have values$"):
            function({"a": [1, 2], "b": []})


def test_a_tail_of_1e_25_keeps_its_digits() -> None:
    seen = rank_sum_test(range(49), range(100, 149))
    assert seen.p == pytest.approx(2 / math.comb(98, 49), rel=1e-12)


def test_a_median_that_few_values_cannot_bound() -> None:
    seen = quantile_interval([3, 1, 2])
    assert (seen.value, seen.lower, seen.upper, seen.attained) == (2, -math.inf, math.inf, 1)
    assert seen.warnings == ("3 values are too few to bound it below and above at this level",)
    assert quantile_interval([3, 1, 2], 0.9).warnings == ("3 values are too few to bound it above at this level",)
    with pytest.raises(NotEstimable, match=r"^no values$"):
        quantile_interval({})
    with pytest.raises(ValueError, match="no quantile at 1"):
        quantile_interval([1, 2], 1)
    large = quantile_interval({float(v): 10**6 for v in range(1, 11)})
    assert (large.lower, large.upper) == (5, 6) and large.attained >= 0.95


def test_hedges_correction_is_continuous_where_its_series_begins() -> None:
    values = {float(v): 500 for v in range(10)}
    below, above = hedges_g(values, values).correction, hedges_g(values, {**values, 11.0: 3}).correction
    assert below < above < 1 and above - below < 1e-7
    assert hedges_g([1, 2], [4]).correction == 0  # three values: d has no mean


def test_the_choice_for_numbers() -> None:
    small, large = {1.0: 20, 2.0: 9}, {1.0: 40, 5.0: 10}
    seen = choose_test_for_numbers({"A": small, "B": small})
    assert (seen.test, seen.reason) == (
        "rank_sum",
        "Wilcoxon rank sum test, exact: a number in two groups, and both groups have fewer than 50 values (29 and 29)",
    )
    assert "normal approximation" in choose_test_for_numbers({"A": small, "B": large}).reason
    assert choose_test_for_numbers({"A": small, "B": {}, "C": large}).test == "rank_sum"
    assert choose_test_for_numbers({"A": small, "B": large, "C": small}).test == "kruskal_wallis"
    assert choose_test_for_numbers({"A": small, "B": large}, compare="means").test == "t_test"
    assert choose_test_for_numbers({"A": small, "B": large, "C": small}, compare="means").test == "one_way_anova"
    with pytest.raises(NotEstimable, match="fewer than two groups have values"):
        choose_test_for_numbers({"A": small, "B": {}})


def test_the_choice_for_categories_is_cochrans() -> None:
    # expected 5 in every cell: 10 x 10 / 20
    seen = choose_test_for_categories([[5, 5], [5, 5]])
    assert (seen.test, seen.reason) == ("chi_square", "chi-square test: every expected count is 5 or more")
    # 9 x 10 / 20 = 4.5
    seen = choose_test_for_categories([[4, 5], [6, 5]])
    assert seen.test == "fisher"
    assert seen.reason == "Fisher's exact test: 2 of 4 expected counts are below 5, the smallest 4.5"
    # 2 of 10 cells at 2, none below 1: allowed in a table larger than 2 x 2
    table = [[20, 20], [20, 20], [20, 20], [20, 20], [2, 2]]
    assert choose_test_for_categories(table).test == "chi_square"
    assert "which Cochran's rule allows" in choose_test_for_categories(table).reason
    assert choose_test_for_categories([*table[:4], [1, 0]]).test == "fisher"  # expected 0.5
    assert choose_test_for_categories([[5, 0, 5], [5, 0, 5], [0, 0, 0]]).test == "chi_square"  # empty ones do not count
    with pytest.raises(NotEstimable, match=r"^all are in one category$"):
        choose_test_for_categories([[3, 4], [0, 0]])
    with pytest.raises(NotEstimable, match=r"^fewer than two groups have values$"):
        choose_test_for_categories([[3, 0], [2, 0]])
    with pytest.raises(ValueError, match="levels x groups"):
        choose_test_for_categories([[0.5, 1], [2, 3]])
