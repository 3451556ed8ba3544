"""Regressions on few events: what is said where an estimate is infinite, impossible, or needs another method."""

from __future__ import annotations

import math

import numpy as np
import pytest

from chartline.stats import (
    Episodes,
    Outcomes,
    adjust_p,
    choose_cox_method,
    choose_logistic_method,
    compare_centre_models,
    e_value,
    estimate_firth_cox,
    estimate_firth_logistic,
    estimate_frailty_cox,
    estimate_logistic,
    find_monotone,
    find_separation,
)
from chartline.stats.statistic import NotEstimable

TIME = [3, 5, 8, 9, 12, 12, 14, 20, 21, 25]
EVENT = [1, 1, 0, 1, 0, 0, 1, 0, 0, 0]
ARM = ["B" if x else "A" for x in (0, 0, 1, 0, 1, 1, 0, 0, 1, 1)]  # no event in B
AGE = [50, 61, 33, 47, 70, 42, 66, 38, 59, 45]


def test_a_group_without_events_has_a_finite_hazard_ratio_and_the_reason_for_the_method_says_so() -> None:
    e = Episodes.of(TIME, EVENT, covariates={"arm": ARM, "age": AGE})
    choice = choose_cox_method(e)
    assert choice.method == "firth"
    assert choice.reason == (
        "Firth's penalty, because no event is with arm=B, though some there are at risk: "
        "the ordinary estimate is infinite"
    )
    assert choice.warnings == ("4 events for 2 coefficients, fewer than 5 each: fewer than 10 events in all",)
    arm = estimate_firth_cox(e).terms[0]
    assert arm.name == "arm=B" and -10 < arm.lower < arm.coef < 0 and math.isfinite(arm.upper)


def test_profile_limits_hold_where_one_patient_outweighs_all_others() -> None:
    """Far out |information| is a difference of nearly equal numbers, unless each risk set is gone through by itself.

    The limits are those of the same likelihood in 60-digit arithmetic (mpmath 1.4.1): maximised over the other
    coefficient, twice the distance from the maximum is 3.84145882069 at each of them.
    """
    e = Episodes.of(
        [2, 9, 8, 8, 6, 1, 5], [1, 1, 0, 1, 1, 0, 0], entry=[0, 2, 0, 0, 0, 0, 0], strata=list("bbaaaaa"),
        count=[1, 1, 1, 1, 2, 1, 1], covariates={"x": [1, 0, 0, 1, 0, 1, 0], "z": [22, 20, 25, 22, 24, 21, 25]},
    )  # fmt: skip
    x, z = estimate_firth_cox(e).terms
    assert (x.lower, z.lower) == pytest.approx((-20.1859908935, -7.6799493161), rel=1e-9)


def test_of_two_maxima_of_a_profile_the_higher_one_counts() -> None:
    """With z at 1.857 the likelihood has a maximum at x = 0.772 that is as low as a limit, and a higher one at 3.455.

    In 60-digit arithmetic (mpmath 1.4.1) twice the distance from the maximum is 3.84145882069 at z = 2.10963045513.
    """
    x, z = [1, 0, 1, 0, 0, 0, 1, 0], [22, 20, 23, 25, 25, 21, 22, 25]
    time, event, strata = [2, 1, 1, 1, 1, 1, 1, 1], [1, 0, 0, 0, 1, 0, 1, 1], list("abaaaaba")
    counted = Episodes.of(time, event, strata=strata, count=[1] * 7 + [2], covariates={"x": x, "z": z})
    again = [*range(8), 7][::-1]
    columns = {name: [values[i] for i in again] for name, values in (("x", x), ("z", z))}
    repeated = Episodes.of(
        [time[i] for i in again], [event[i] for i in again], strata=[strata[i] for i in again], covariates=columns
    )
    for e in (counted, repeated):
        assert estimate_firth_cox(e).terms[1].upper == pytest.approx(2.10963045513, rel=1e-9)


def test_few_events_choose_the_penalty_and_enough_do_not() -> None:
    r = np.random.default_rng(5)
    time, x = r.integers(1, 500, 60), r.integers(0, 2, 60)
    few = Episodes.of(time, np.arange(60) < 8, covariates={"x": x})
    assert choose_cox_method(few).reason == (
        "Firth's penalty, because of few events (8 events for 1 coefficient, fewer than 10 each: "
        "fewer than 10 events in all)"
    )
    enough = Episodes.of(time, np.arange(60) < 30, covariates={"x": x})
    assert choose_cox_method(enough).method == "ordinary"
    assert choose_cox_method(enough).reason == "ordinary likelihood (30 events for 1 coefficient: at least 10 each)"


def test_a_number_that_orders_the_events_is_named() -> None:
    e = Episodes.of([1, 2, 3], [1, 1, 1], covariates={"wbc": [9.0, 5.0, 3.0]})
    assert find_monotone(e) == ("at every event the largest wbc at risk has it",)
    turned = Episodes.of([1, 2, 3], [1, 1, 1], covariates={"wbc": [3.0, 5.0, 9.0]})
    assert find_monotone(turned) == ("at every event the smallest wbc at risk has it",)


def test_covariates_that_order_the_events_together_only() -> None:
    e = Episodes.of([1, 2, 3, 4], [1, 1, 1, 1], covariates={"x": [2, 0, 1, 0], "y": [0, 2.1, 0, 1]})
    assert find_monotone(e) == ("the covariates together order the events among those at risk",)
    assert find_monotone(Episodes.of([1, 2, 3, 4], [1, 1, 1, 1], covariates={"x": [0, 1, 0, 1]})) == ()


@pytest.mark.parametrize(
    ("time", "event", "covariates", "says"),
    [
        ([1, 2, 3], [0, 0, 0], {"x": [0, 1, 0]}, "no events"),
        ([5], [1], {"x": [1]}, "x does not vary among those at risk"),
        ([5, 6], [1, 1], {"x": [1, 1]}, "x does not vary among those at risk"),
        ([5, 2, 2], [1, 0, 0], {"x": [1, 0, 0]}, "x does not vary among those at risk"),
        (TIME, EVENT, {"x": AGE, "y": [2 * a + 1 for a in AGE]}, "y cannot be told apart from the other covariates"),
    ],
)  # fmt: skip
def test_what_firths_penalty_cannot_estimate_either(time, event, covariates, says) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(NotEstimable, match=f"^{says}$"):
        estimate_firth_cox(Episodes.of(time, event, covariates=covariates))


def test_the_edges_that_have_an_estimate() -> None:
    for time, event in (
        ([0, 0, 4, 6], [1, 0, 1, 0]),  # events on day 0
        ([7, 7, 7, 7], [1, 0, 1, 0]),  # all at one time
        ([7, 7, 7, 7], [1, 1, 1, 1]),  # everyone, at one time
        ([10**7, 10**7 - 1, 5, 10**7 - 2], [1, 1, 0, 1]),
        ([3, 4, 5, 6], [1, 0, 0, 0]),  # one event
    ):
        for ties in ("breslow", "efron"):
            fit = estimate_firth_cox(Episodes.of(time, event, covariates={"x": [1, 0, 0, 1]}), ties=ties)  # type: ignore[arg-type]
            t = fit.terms[0]
            assert math.isfinite(t.coef) and t.lower < t.coef < t.upper and 0 < t.p <= 1


def test_a_wrong_call_of_a_regression_is_refused() -> None:
    e = Episodes.of(TIME, EVENT, covariates={"age": AGE})
    with pytest.raises(ValueError, match="a regression needs covariates"):
        estimate_firth_cox(Episodes.of(TIME, EVENT))
    with pytest.raises(ValueError, match="not a confidence level: 95"):
        estimate_firth_cox(e, 95)
    with pytest.raises(ValueError, match="ties are breslow or efron"):
        estimate_firth_cox(e, ties="exact")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="neither 0 nor 1"):
        Outcomes.of([0, 2])
    with pytest.raises(ValueError, match="a covariate is missing"):
        Outcomes.of([0, 1], {"x": [1.0, math.nan]})


@pytest.mark.parametrize(
    ("outcome", "covariates", "says"),
    [
        ([1, 1, 1, 0, 0, 1], {"x": [1, 1, 1, 0, 0, 0]}, "x separates the outcome partly: 3 of 3 where x is 1 had it"),
        ([1, 1, 0, 0], {"g": ["b", "b", "a", "a"]}, "g=b separates the outcome completely: 2 of 2 with g=b had it"),
        ([1, 0, 0, 1, 0], {"x": [0, 0, 1, 0, 1]}, "x separates the outcome partly: 0 of 2 where x is 1 had it"),
        ([1, 1, 1, 0, 0, 0], {"age": [70, 66, 61, 44, 39, 58]}, "age separates the outcome completely"),
        ([0, 0, 0], {"x": [1, 2, 4]}, "no patient had the outcome"),
        ([1, 1, 1], {"x": [1, 2, 4]}, "every patient had the outcome"),
    ],
)  # fmt: skip
def test_a_separated_outcome_has_no_ordinary_odds_ratio_and_the_covariate_is_named(outcome, covariates, says) -> None:  # type: ignore[no-untyped-def]
    data = Outcomes.of(outcome, covariates)
    assert find_separation(data) == says
    with pytest.raises(NotEstimable, match=f"^{says}$"):
        estimate_logistic(data)
    assert choose_logistic_method(data).method == "firth"
    fit = estimate_firth_logistic(data)
    assert np.all(np.isfinite(fit.coef)) and all(t.lower < t.coef < t.upper for t in fit.terms)


def test_covariates_that_separate_together_only() -> None:
    data = Outcomes.of([1, 0, 1, 0, 1, 0], {"x": [1, 0, 3, 2, 5, 4], "y": [0, 0, 2, 2, 4, 4]})
    assert find_separation(data) == (
        "the covariates together separate the outcome completely: no odds ratio can be estimated"
    )


def test_what_has_no_odds_ratio_at_all() -> None:
    for covariates, says in (
        ({"x": [1, 1, 1, 1]}, "x does not vary"),
        ({"x": [1, 2, 3, 5], "y": [2, 4, 6, 10]}, "y cannot be told apart from the other covariates"),
    ):
        with pytest.raises(NotEstimable, match=f"^{says}$"):
            estimate_firth_logistic(Outcomes.of([0, 1, 1, 0], covariates))
    with pytest.raises(NotEstimable, match=r"^no patients$"):
        estimate_logistic(Outcomes.of([1], {"x": [2]}, count=[0]))


def test_an_effect_that_is_strong_but_not_infinite_is_estimated() -> None:
    # 999 of 1000 against 1 of 1000: log odds ratio 13.8
    data = Outcomes.of([1, 0, 1, 0], {"x": [1, 1, 0, 0]}, count=[999, 1, 1, 999])
    assert estimate_logistic(data).coef[1] == pytest.approx(2 * math.log(999), rel=1e-12)


def centres(shift: float) -> Episodes:
    """Four centres of ten; in B to D everyone dies `shift` times as late."""
    time = [round((10 + 7 * i % 60) * (shift**c)) for c in range(4) for i in range(10)]
    x = [i * 7 % 3 == 0 for _ in range(4) for i in range(10)]
    return Episodes.of(
        time, [1] * 40, group=[g for g in "ABCD" for _ in range(10)], covariates={"x": np.array(x, float)}
    )


def test_centres_that_are_alike_have_no_frailty_and_that_is_said() -> None:
    fit = estimate_frailty_cox(centres(1.0))
    assert (fit.theta, fit.chisq, fit.p) == (0, 0, 1)
    assert fit.warnings == ("no variance between centres was found: the model is the one without frailty",)


def test_centres_that_differ_have_one_and_each_its_factor() -> None:
    fit = estimate_frailty_cox(centres(2.0))
    assert fit.theta > 0.3 and fit.p < 0.001
    factors = [f.factor for f in fit.frailties]
    assert factors == sorted(factors, reverse=True) and [f.name for f in fit.frailties] == list("ABCD")
    assert sum(factors) / 4 == pytest.approx(1, rel=1e-9)


def test_a_frailty_needs_centres_events_and_a_likelihood_with_a_maximum() -> None:
    with pytest.raises(NotEstimable, match=r"^fewer than two centres$"):
        estimate_frailty_cox(Episodes.of(TIME, EVENT, covariates={"age": AGE}))
    with pytest.raises(NotEstimable, match=r"^no events$"):
        estimate_frailty_cox(Episodes.of(TIME, [0] * 10, group=ARM, covariates={"age": AGE}))
    with pytest.raises(NotEstimable, match="no event is with arm=B, though some there are at risk"):
        estimate_frailty_cox(Episodes.of(TIME, EVENT, group=["a", "b"] * 5, covariates={"arm": ARM}))


def test_the_centre_in_four_ways_beside_each_other() -> None:
    found = compare_centre_models(centres(2.0))
    assert [v.label for v in found.views] == [
        "centre ignored", "stratified by centre", "centre as fixed effect", "shared gamma frailty of centre",
    ]  # fmt: skip
    assert found.centres == ("A", "B", "C", "D") and (found.n, found.events) == (40, 40)
    assert found.theta is not None and found.theta > 0
    assert all(len(v.terms) == 1 and v.terms[0].name == "x" for v in found.views)
    with pytest.raises(NotEstimable, match="fewer than two centres"):
        compare_centre_models(Episodes.of(TIME, EVENT, covariates={"age": AGE}))


def test_a_p_value_or_ratio_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="a p value is not between 0 and 1"):
        adjust_p([0.5, 1.2])
    with pytest.raises(ValueError, match="no adjustment is called sidak"):
        adjust_p([0.5], "sidak")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="positive, finite ratio"):
        e_value(0, measure="risk ratio")
    with pytest.raises(ValueError, match="outside its limits"):
        e_value(2, 2.5, 3, measure="risk ratio")
    assert adjust_p([]).size == 0
