"""Proportions and tables at the edge: what cannot be computed says why, what is infinite says so."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from chartline.counts.model import CountKey, CrossTab
from chartline.stats.proportions.agreement import estimate_kappa
from chartline.stats.proportions.chi_square import likelihood_ratio_test, mcnemar_test, pearson_test
from chartline.stats.proportions.fisher import fisher_test
from chartline.stats.proportions.odds_ratio import ODDS_RATIOS, exact_odds_ratio, mid_p_odds_ratio, woolf
from chartline.stats.proportions.proportion import INTERVALS, METHODS, binomial_test
from chartline.stats.proportions.standardised_difference import standardised_difference_of_levels
from chartline.stats.proportions.stratified import (
    breslow_day_test,
    exact_stratified_odds_ratio,
    mantel_haenszel,
    mantel_haenszel_test,
)
from chartline.stats.proportions.stratified_general import generalised_mantel_haenszel_test
from chartline.stats.proportions.table import table_of
from chartline.stats.proportions.trend import exact_trend_test, linear_by_linear_test, trend_test
from chartline.stats.proportions.two_proportions import DIFFERENCES, RATIOS, katz
from chartline.stats.proportions.unconditional import barnard_test, boschloo_test
from chartline.stats.statistic import NotEstimable

MILLIONS = 10**7
TWO_GROUPS = [*DIFFERENCES.values(), *RATIOS.values(), *ODDS_RATIOS.values(), boschloo_test, barnard_test]
TABLE_TESTS = [pearson_test, likelihood_ratio_test, fisher_test, linear_by_linear_test]
STRATIFIED = [
    mantel_haenszel_test,
    mantel_haenszel,
    exact_stratified_odds_ratio,
    breslow_day_test,
    generalised_mantel_haenszel_test,
]


def crosstab(**cells: int) -> CrossTab:
    """Cells named like B_CR_X: arm, response, centre."""
    levels = {tuple("" if p == "none" else p for p in name.split("_")): n for name, n in cells.items()}
    return CrossTab(key=CountKey(analysis="t", protocol_digest=""), dims=("ARM", "RESP", "SITE"), cells=levels)


# one proportion ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("interval", INTERVALS.values(), ids=INTERVALS)
def test_every_interval_starts_at_0_for_none_and_ends_at_1_for_all(interval: Callable[..., Any]) -> None:
    for total in (1, 32, MILLIONS):
        none, every = interval(0, total), interval(total, total)
        assert none.lower == 0 < none.upper
        assert every.lower < 1 == every.upper
        assert none.upper == pytest.approx(1 - every.lower, rel=1e-8)


@pytest.mark.parametrize("interval", INTERVALS.values(), ids=INTERVALS)
def test_nobody_has_no_proportion(interval: Callable[..., Any]) -> None:
    with pytest.raises(NotEstimable, match="0 of 0 patients"):
        interval(0, 0)
    for n, total in ((4, 3), (1.5, 3), (math.nan, 3), (3, math.inf)):
        with pytest.raises(ValueError, match=f"not a proportion: {n} of {total}"):
            interval(n, total)
    with pytest.raises(ValueError, match="not a confidence level: 95"):
        interval(1, 3, 95)


def test_every_interval_has_a_name_for_the_report() -> None:
    assert INTERVALS.keys() == METHODS.keys()


def test_all_intervals_meet_for_ten_million() -> None:
    ends = [i(MILLIONS // 4, MILLIONS) for i in INTERVALS.values()]
    for e in ends:
        assert (e.lower, e.upper) == pytest.approx((0.25 - 0.000268378, 0.25 + 0.000268378), abs=2e-7)


def test_a_rate_of_0_or_1_is_refuted_by_one_patient() -> None:
    assert (binomial_test(0, 5, 0).p, binomial_test(1, 5, 0).p) == (1, 0)
    assert (binomial_test(5, 5, 1).p, binomial_test(4, 5, 1).p) == (1, 0)
    with pytest.raises(ValueError, match="not a rate"):
        binomial_test(1, 5, 1.5)
    assert binomial_test(MILLIONS // 2, MILLIONS).p == 1


# two proportions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", TWO_GROUPS, ids=lambda f: f.__name__)
def test_an_empty_group_cannot_be_compared(function: Callable[..., Any]) -> None:
    with pytest.raises(NotEstimable, match="no patients in the first group"):
        function(0, 0, 3, 9)
    with pytest.raises(NotEstimable, match="no patients in the second group"):
        function(3, 9, 0, 0)
    with pytest.raises(ValueError, match="not a proportion: 10 of 9"):
        function(10, 9, 1, 3)
    for n, total in ((0.5, 9), (math.nan, 9), (3, math.inf)):
        with pytest.raises(ValueError, match=f"not a proportion: {n} of {total}"):
            function(n, total, 1, 3)


def test_no_events_at_all_leave_a_difference_but_no_ratio() -> None:
    for name, difference in DIFFERENCES.items():
        d = difference(0, 10, 0, 20)
        assert d.estimate == 0 and (d.lower < 0 < d.upper) == (name != "wald")
    for ratio in RATIOS.values():
        r = ratio(0, 10, 0, 20)
        assert math.isnan(r.estimate) and (r.lower, r.upper) == (0, math.inf)
        assert "no events in either group: the ratio is not defined" in r.warnings
    for odds in ODDS_RATIOS.values():
        with pytest.raises(NotEstimable, match="no events in either group"):
            odds(0, 10, 0, 20)
        with pytest.raises(NotEstimable, match="every patient of both groups has the event"):
            odds(10, 10, 20, 20)


def test_walds_interval_warns_where_it_has_no_width() -> None:
    assert DIFFERENCES["wald"](10, 10, 0, 20).warnings == (
        "the Wald interval has no width where every proportion is 0 or 1",
    )


def test_all_against_none_is_a_difference_of_1() -> None:
    for name, difference in DIFFERENCES.items():
        d = difference(10, 10, 0, 10)
        assert (d.estimate, d.upper) == (1, 1) and (d.lower < 1) == (name != "wald")


def test_an_empty_cell_opens_the_interval_of_a_ratio() -> None:
    r = RATIOS["miettinen_nurminen"](5, 56, 0, 29)
    assert (r.estimate, r.upper) == (math.inf, math.inf) and 0 < r.lower < 1
    assert r.warnings == ("no events in the second group: the ratio is infinite",)
    r = RATIOS["miettinen_nurminen"](0, 29, 5, 56)
    assert (r.estimate, r.lower) == (0, 0) and 1 < r.upper < math.inf
    assert (katz(0, 29, 5, 56).lower, katz(0, 29, 5, 56).upper) == (0, math.inf)
    assert "no bounds" in katz(0, 29, 5, 56).warnings[0] and "no bounds" in woolf(0, 29, 5, 56).warnings[0]
    for odds in (exact_odds_ratio, mid_p_odds_ratio):
        o = odds(0, 29, 5, 56)
        assert (o.estimate, o.lower) == (0, 0) and 1 < o.upper < math.inf
        assert o.warnings == ("a cell is empty: the estimate is at an end of its range",)


def test_equal_full_groups_have_ratio_1_with_a_finite_interval() -> None:
    r = RATIOS["miettinen_nurminen"](12, 12, 9, 9)
    assert r.estimate == 1 and 0 < r.lower < 1 < r.upper < math.inf


@pytest.mark.parametrize("function", [*DIFFERENCES.values(), *RATIOS.values(), *ODDS_RATIOS.values()])
def test_ten_million_patients(function: Callable[..., Any]) -> None:
    c = function(1_234_567, MILLIONS, 1_234_000, MILLIONS)
    assert c.lower < c.estimate < c.upper
    assert c.upper - c.lower < 0.01
    rare = function(3, MILLIONS, 9, MILLIONS)
    assert rare.lower < rare.estimate < rare.upper


def test_rare_events_of_ten_million_are_poisson() -> None:
    # given 12 events in two equal groups, the odds are binomial(12, 1/2) but for 1e-6
    c = exact_odds_ratio(3, MILLIONS, 9, MILLIONS)
    low, high = INTERVALS["clopper_pearson"](3, 12, 0.95).lower, INTERVALS["clopper_pearson"](3, 12, 0.95).upper
    assert (c.lower, c.upper) == pytest.approx((low / (1 - low), high / (1 - high)), rel=1e-5)


def test_unconditional_tests_say_where_they_are_too_large() -> None:
    for test in (boschloo_test, barnard_test):
        with pytest.raises(NotEstimable, match="groups of 5000 and 5000 are too large"):
            test(1, 5000, 2, 5000)


def test_a_word_that_is_no_choice_is_refused() -> None:
    for call in (
        lambda: boschloo_test(1, 2, 1, 3, "two.sided"),  # type: ignore[arg-type]
        lambda: barnard_test(1, 2, 1, 3, "upper"),  # type: ignore[arg-type]
        lambda: mantel_haenszel([[[3, 2], [1, 4]]], "hazard_ratio"),  # type: ignore[arg-type]
        lambda: generalised_mantel_haenszel_test([[[3, 2], [1, 4]]], "ordinal"),  # type: ignore[arg-type]
        lambda: estimate_kappa([[3, 2], [1, 4]], "cubic"),  # type: ignore[arg-type]
    ):
        with pytest.raises(ValueError, match=r"not an? "):
            call()


def test_equal_groups_have_an_unconditional_p_of_1() -> None:
    for test in (boschloo_test, barnard_test):
        assert test(4, 8, 4, 8).p == 1
        assert test(0, 8, 0, 5).p == 1


# tables --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("test", TABLE_TESTS, ids=lambda f: f.__name__)
def test_a_table_with_nothing_to_compare(test: Callable[..., Any]) -> None:
    with pytest.raises(NotEstimable, match="no patients in the table"):
        test([[0, 0], [0, 0]])
    for table in ([[3, 4]], [[3, 4], [0, 0]], [[3, 4, 5], [0, 0, 0]]):
        with pytest.raises(NotEstimable, match="all patients are in one row"):
            test(table)
    with pytest.raises(NotEstimable, match="all patients are in one column"):
        test([[3, 0], [4, 0]])


@pytest.mark.parametrize("test", TABLE_TESTS, ids=lambda f: f.__name__)
def test_what_is_not_a_table_of_counts(test: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match="not of shape"):
        test([1, 2, 3])
    with pytest.raises(ValueError, match="counts are whole numbers"):
        test([[1.5, 2], [3, 4]])
    with pytest.raises(ValueError, match="counts are whole numbers"):
        test([[math.nan, 2], [math.inf, 4]])
    with pytest.raises(ValueError, match="counts are whole numbers"):
        test([["3", "2"], ["1", "4"]])
    with pytest.raises(ValueError, match="counts are not negative"):
        test([[-1, 2], [3, 4]])


def test_an_empty_level_changes_nothing_and_is_told() -> None:
    with_empty, without = pearson_test([[8, 0, 2], [4, 0, 6]]), pearson_test([[8, 2], [4, 6]])
    assert (with_empty.chisq, with_empty.df) == (without.chisq, 1)
    assert with_empty.warnings[0] == "empty rows and columns are left out"
    assert fisher_test([[8, 0, 2], [4, 0, 6]]).p == pytest.approx(fisher_test([[8, 2], [4, 6]]).p, rel=1e-12)


def test_small_expected_counts_are_told() -> None:
    assert pearson_test([[1, 2], [3, 4]]).warnings == ("expected counts below 5 in 4 of 4 cells: the p-value is rough",)
    assert pearson_test([[100, 200], [300, 400]]).warnings == ()


def test_a_table_too_large_for_the_exact_test_is_simulated_only_where_asked() -> None:
    large = [[20, 30, 15, 10, 9], [25, 10, 40, 20, 12], [12, 22, 9, 14, 11], [8, 9, 10, 11, 12]]
    with pytest.raises(NotEstimable, match="too large for the exact test: simulate it"):
        fisher_test(large)
    job = [[1, 3, 10, 6], [2, 3, 10, 7], [1, 6, 14, 12], [0, 1, 9, 11]]
    t = fisher_test(job, simulate=20_000, seed=1)
    assert abs(t.p - fisher_test(job).p) < 4 * t.std_error
    assert t.simulated == 20_000 and "20000 random tables (seed 1)" in t.warnings[0]
    assert fisher_test(job, simulate=20_000, seed=1).p == t.p


def test_fisher_of_ten_million() -> None:
    # Yates' correction is within 1e-3 of it here (R's value is recorded in tables.json)
    table = [[1_234_567, MILLIONS], [1_234_000, MILLIONS]]
    assert fisher_test(table).p == pytest.approx(pearson_test(table, continuity=True).p, rel=1e-3)
    assert fisher_test([[MILLIONS, 0], [0, MILLIONS]]).p == 0  # 1e-6020594


def test_paired_answers() -> None:
    with pytest.raises(NotEstimable, match="no discordant pairs"):
        mcnemar_test([[5, 0], [0, 7]])
    with pytest.raises(ValueError, match="square table"):
        mcnemar_test([[5, 0, 1], [0, 7, 1]])
    one_way = mcnemar_test([[5, 3], [0, 7]])
    assert one_way.odds_ratio == math.inf and one_way.upper == math.inf
    assert one_way.p_exact == pytest.approx(0.25, rel=1e-12)
    assert mcnemar_test([[5, 3], [3, 7]]).p_exact == 1 and mcnemar_test([[5, 3], [3, 7]]).chisq_corrected == 0
    left_out = mcnemar_test([[5, 3, 0], [1, 7, 0], [0, 0, 2]])
    assert left_out.df == 1 and left_out.warnings == ("2 pairs of levels that nobody has are left out",)


def test_trend_needs_two_groups_and_two_outcomes() -> None:
    for test in (trend_test, exact_trend_test):
        with pytest.raises(NotEstimable, match="no events in any group"):
            test([0, 0, 0], [3, 4, 5])
        with pytest.raises(NotEstimable, match="every patient has the event"):
            test([3, 4], [3, 4])
        with pytest.raises(NotEstimable, match="fewer than two groups with patients"):
            test([1, 0], [3, 0])
        with pytest.raises(NotEstimable, match="fewer than two groups"):
            test([1, 2], [3, 4], [7, 7])
        with pytest.raises(ValueError, match="events are not more than totals"):
            test([4, 2], [3, 4])
        with pytest.raises(ValueError, match="2 scores are needed"):
            test([1, 2], [3, 4], [1, 2, 3])
    with pytest.raises(ValueError, match="whole numbers"):
        exact_trend_test([1, 2], [3, 4], [0.5, 2])
    with pytest.raises(NotEstimable, match="too large: use the asymptotic"):
        exact_trend_test([MILLIONS, 10], [2 * MILLIONS, MILLIONS])
    assert trend_test([MILLIONS // 2, MILLIONS // 2], [MILLIONS, MILLIONS]).p == 1


# strata --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("test", STRATIFIED, ids=lambda f: f.__name__)
def test_strata_without_a_comparison(test: Callable[..., Any]) -> None:
    with pytest.raises(NotEstimable, match="no patients in the tables"):
        test(np.zeros((3, 2, 2)))
    with pytest.raises(NotEstimable):
        test([[[3, 2], [0, 0]], [[0, 0], [4, 1]]])  # each centre has one arm
    with pytest.raises(NotEstimable):
        test([[[3, 0], [4, 0]], [[0, 2], [0, 5]]])  # each centre has one outcome
    with pytest.raises(ValueError, match="not of shape"):
        test([[3, 2], [1, 4]])


def test_a_centre_with_one_arm_does_not_count_and_is_told() -> None:
    tables = [[[3, 2], [1, 4]], [[2, 5], [4, 4]]]
    more = [*tables, [[0, 0], [9, 1]]]
    said = ("1 of 3 strata have patients of one group only or none, and do not count",)
    for test in (mantel_haenszel_test, mantel_haenszel, exact_stratified_odds_ratio, breslow_day_test):
        with_it, without = test(more), test(tables)
        assert with_it.p == without.p and with_it.warnings == said


def test_a_pooled_ratio_at_an_end_is_not_given() -> None:
    with pytest.raises(NotEstimable, match="the common odds ratio is infinite"):
        mantel_haenszel([[[3, 0], [1, 4]], [[2, 0], [4, 4]]])
    with pytest.raises(NotEstimable, match="the common risk ratio is 0"):
        mantel_haenszel([[[0, 3], [1, 4]]], "risk_ratio")
    with pytest.raises(NotEstimable, match="rate 0 or 1"):
        mantel_haenszel([[[3, 0], [0, 4]]], "risk_difference")
    e = exact_stratified_odds_ratio([[[3, 0], [1, 4]], [[2, 0], [4, 4]]])
    assert (e.odds_ratio, e.upper) == (math.inf, math.inf) and e.lower > 0


def test_homogeneity_needs_two_strata() -> None:
    with pytest.raises(NotEstimable, match="fewer than two strata"):
        breslow_day_test([[[3, 2], [1, 4]], [[0, 5], [0, 5]]])


def test_a_comparison_that_no_stratum_makes_costs_its_degree_of_freedom() -> None:
    # three arms; arm 3 is at a centre of its own
    t = generalised_mantel_haenszel_test([[[3, 2], [1, 4], [0, 0]], [[0, 0], [0, 0], [4, 4]]])
    assert t.df == 1 and "never possible within a stratum" in t.warnings[0]
    assert t.chisq == pytest.approx(generalised_mantel_haenszel_test([[[3, 2], [1, 4]]]).chisq, rel=1e-12)


def test_large_strata() -> None:
    tables = np.array([[[3, 2], [1, 4]], [[2, 5], [4, 4]]]) * 10**6
    assert mantel_haenszel(tables).estimate == pytest.approx(mantel_haenszel(tables // 10**6).estimate, rel=1e-12)
    with pytest.raises(NotEstimable, match="use the asymptotic test"):
        exact_stratified_odds_ratio(tables)
    assert 0 <= mantel_haenszel_test(tables).p < 1e-300


# agreement and balance -----------------------------------------------------------------------------------------------


def test_ratings() -> None:
    with pytest.raises(NotEstimable, match="no patients"):
        estimate_kappa([[0, 0], [0, 0]])
    with pytest.raises(NotEstimable, match="both ratings always give the same level"):
        estimate_kappa([[9, 0], [0, 0]])
    with pytest.raises(ValueError, match="square table"):
        estimate_kappa([[9, 0, 1], [0, 0, 1]])
    full = estimate_kappa([[4, 0], [0, 3]])
    assert (full.estimate, full.std_error, full.lower, full.upper) == (1, 0, 1, 1)
    assert full.warnings[0].startswith("complete agreement")
    one_rater_never_varies = estimate_kappa([[4, 0], [3, 0]])
    assert one_rater_never_varies.estimate == 0


def test_balance() -> None:
    with pytest.raises(NotEstimable, match="no patients in the second group"):
        standardised_difference_of_levels([1, 2], [0, 0])
    assert standardised_difference_of_levels([5, 0], [7, 0]).value == 0
    apart = standardised_difference_of_levels([5, 0], [0, 7])
    assert apart.value == math.inf and apart.warnings == ("no level occurs in both groups: the difference is infinite",)
    unused = standardised_difference_of_levels([3, 0, 5], [6, 0, 1])
    assert abs(unused.value) == pytest.approx(abs(standardised_difference_of_levels([3, 5], [6, 1]).value), rel=1e-12)


# from counts ---------------------------------------------------------------------------------------------------------


def test_a_table_of_a_crosstab_leaves_the_missing_out_and_says_how_many() -> None:
    t = table_of(crosstab(A_CR_X=3, A_PD_X=2, B_CR_X=1, B_PD_Y=4, A_none_X=5, none_CR_Y=1), "ARM", "RESP")
    assert (t.rows, t.columns, t.strata) == (("A", "B"), ("CR", "PD"), ())
    assert t.counts.tolist() == [[3, 2], [1, 4]]
    assert (t.missing, t.warnings) == (6, ("6 left out: ARM or RESP missing",))


def test_a_table_by_centre() -> None:
    t = table_of(crosstab(A_CR_X=3, B_PD_Y=4, A_PD_none=7), "ARM", "RESP", "SITE")
    assert t.strata == ("X", "Y") and t.missing == 7
    assert t.counts.tolist() == [[[3, 0], [0, 0]], [[0, 0], [0, 4]]]


def test_levels_are_in_natural_order() -> None:
    assert table_of(crosstab(**{"10_CR_X": 1, "9_CR_X": 2, "2_PD_X": 3}), "ARM", "RESP").rows == ("2", "9", "10")


def test_a_dimension_that_is_not_there() -> None:
    for names in (("ARM", "SEX"), ("ARM", "ARM")):
        with pytest.raises(ValueError, match="not different dimensions of the table"):
            table_of(crosstab(A_CR_X=3), *names)
