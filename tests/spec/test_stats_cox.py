"""What a Cox model says where the data hold too little, or too much of one thing."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from chartline.counts.model import CountKey, EventTable
from chartline.stats import (
    Episodes,
    deviance_residuals,
    estimate_concordance,
    estimate_cox,
    fit_spline,
    martingale_residuals,
    natural_spline,
    nested_test,
    predict_survival,
    proportional_hazards_test,
    score_concordance,
)
from chartline.stats.statistic import NotEstimable

R = np.random.default_rng(20260104)
N = 60
TIME, EVENT, AGE = R.integers(1, 40, N), R.random(N) < 0.7, R.normal(60, 9, N)
ARM = np.where(np.arange(N) % 2, "B", "A")


def of(**covariates: Any) -> Episodes:
    return Episodes.of(TIME, EVENT, covariates=covariates)


def test_without_events_there_is_no_model() -> None:
    with pytest.raises(NotEstimable, match=r"^no events$"):
        estimate_cox(Episodes.of(TIME, np.zeros(N), covariates={"age": AGE}))


def test_events_of_another_cause_are_censored() -> None:
    status = np.where(EVENT, 1 + np.arange(N) % 2, 0)
    episodes = Episodes.of(TIME, status, covariates={"age": AGE}, causes=("relapse", "death"))
    alone = Episodes.of(TIME, status == 2, covariates={"age": AGE})
    assert estimate_cox(episodes, cause="death").coefficients[0] == estimate_cox(alone).coefficients[0]
    with pytest.raises(ValueError):
        estimate_cox(episodes, cause="toxicity")


def test_covariates_that_do_not_vary_leave_nothing_to_estimate() -> None:
    with pytest.raises(NotEstimable, match="no covariate varies"):
        estimate_cox(of(age=np.full(N, 60.0)))
    with pytest.raises(NotEstimable, match="no covariate, or none has two levels"):
        estimate_cox(of(arm=np.full(N, "A")))
    with pytest.raises(NotEstimable, match="no covariate varies"):  # one patient is never compared with another
        estimate_cox(Episodes.of([5], [1], covariates={"age": [50]}))


def test_a_covariate_that_follows_from_others_is_left_out_and_named() -> None:
    height, weight = R.normal(170, 8, N), R.normal(75, 9, N)
    fit = estimate_cox(of(height=height, weight=weight, both=2 * height - weight, one=np.ones(N)))
    assert fit.warnings == (
        "both is not estimated: it follows from height and weight",
        "one is not estimated: it does not vary among patients at risk",
    )
    assert np.isnan(fit.coefficients).tolist() == [False, False, True, True]
    assert np.isnan(fit.lower[2]) and np.isnan(fit.p[2]) and np.isnan(fit.variance[0, 2])
    without = estimate_cox(of(height=height, weight=weight))
    assert fit.coefficients[:2] == pytest.approx(without.coefficients, rel=1e-9)
    assert (fit.wald.df, fit.likelihood_ratio.df, fit.score.df) == (2, 2, 2)
    assert fit.wald.chisq == pytest.approx(without.wald.chisq, rel=1e-9)
    assert list(proportional_hazards_test(fit).terms) == ["height", "weight"]
    assert estimate_concordance(fit).value == pytest.approx(estimate_concordance(without).value)


@pytest.mark.parametrize("ties", ["efron", "breslow", "exact"])
@pytest.mark.parametrize("late", [False, True])
def test_a_group_without_events_has_a_ratio_of_zero_and_says_why(ties: Any, late: bool) -> None:
    event = EVENT & (ARM == "A")
    entry = TIME // 3 if late else None
    episodes = Episodes.of(TIME, event, entry=entry, covariates={"arm": ARM, "age": AGE})
    fit = estimate_cox(episodes, ties=ties)
    assert fit.coefficients[0] == -math.inf and fit.hazard_ratios[0] == 0
    assert fit.warnings[0].startswith("the coefficient of arm=B is minus infinity: the events separate")
    assert np.isnan(fit.std_errors[0]) and np.isnan(fit.upper[0]) and fit.wald.chisq is None and fit.wald.p is None
    # what is finite is what remains if the group without events is never at risk
    rest = episodes.select(ARM == "A")
    alone = estimate_cox(replace(rest, values=rest.design[:, 1:], covariates=("age",)), ties=ties)
    assert float(fit.coefficients[1]) == pytest.approx(float(alone.coefficients[0]), rel=1e-8)
    assert float(fit.std_errors[1]) == pytest.approx(float(alone.std_errors[0]), rel=1e-7)
    assert fit.loglik == pytest.approx(alone.loglik, rel=1e-9)
    assert fit.likelihood_ratio.p is not None and fit.likelihood_ratio.p < 0.05
    with pytest.raises(NotEstimable, match="infinite"):
        martingale_residuals(fit)
    with pytest.raises(NotEstimable, match="infinite"):
        estimate_concordance(fit)


def test_a_robust_variance_beside_an_infinite_coefficient_is_not_given() -> None:
    fit = estimate_cox(Episodes.of(TIME, EVENT & (ARM == "A"), covariates={"arm": ARM, "age": AGE}), robust=True)
    assert not fit.robust
    assert fit.warnings[-1] == (
        "there is no robust variance beside an infinite coefficient; standard errors are the model's"
    )


def test_events_in_order_of_a_covariate_have_no_maximum() -> None:
    fit = estimate_cox(Episodes.of(np.arange(1, 11), np.ones(10), covariates={"wbc": np.arange(10)[::-1] * 1e5}))
    assert fit.coefficients[0] == math.inf
    assert fit.loglik == pytest.approx(0, abs=1e-9)


def test_one_event_decides_for_the_one_who_had_it() -> None:
    fit = estimate_cox(Episodes.of([3, 5, 7], [1, 0, 0], covariates={"x": [1, 0, 0]}))
    assert fit.coefficients[0] == math.inf and fit.events == 1
    fit = estimate_cox(Episodes.of([3, 5, 7], [1, 0, 0], covariates={"x": [2, 1, 4]}))
    assert math.isfinite(fit.coefficients[0])


def test_an_information_that_is_rounding_alone_is_refused() -> None:
    """Events so near to separating z that its information turns negative: a variance below 0 is no estimate."""
    time, event = [1] * 7 + [3, 3, 3], [0] * 6 + [1] * 4
    z, x = [0.0] * 6 + [-0.06, 0.0, 1.0, 1.0], [0] * 5 + [1, 0, 0, 0, 0]
    e = Episodes.of(time, event, covariates={"x": x, "z": z}, entry=[0] * 8 + [1, 1], count=[1] * 9 + [2])
    with pytest.raises(NotEstimable, match="separate the covariates so finely"):
        estimate_cox(e, ties="exact")


def test_an_extreme_value_is_not_mistaken_for_separation() -> None:
    marker = np.where(np.arange(N) == 3, 2e4, R.lognormal(2, 1, N))
    event = EVENT | (np.arange(N) == 3)
    fit = estimate_cox(Episodes.of(np.where(np.arange(N) == 3, 20, TIME), event, covariates={"m": marker, "age": AGE}))
    assert np.all(np.isfinite(fit.coefficients)) and fit.warnings == ()


def test_covariates_that_are_nearly_equal_are_still_told_apart() -> None:
    twin = AGE + 1e-4 * R.normal(size=N)
    fit = estimate_cox(of(age=AGE, twin=twin))
    assert np.all(np.isfinite(fit.coefficients)) and fit.warnings == ()
    apart = estimate_cox(of(age=AGE, difference=(twin - AGE) * 1e4))
    assert fit.loglik == pytest.approx(apart.loglik, rel=1e-9)


def test_all_times_equal() -> None:
    everyone = Episodes.of([5] * 6, [1] * 6, covariates={"x": [0, 1, 0, 1, 0, 2]})
    with pytest.raises(NotEstimable, match="no covariate varies"):  # there is one choice of six of six
        estimate_cox(everyone, ties="exact")
    assert estimate_cox(everyone, ties="breslow").coefficients[0] == pytest.approx(0, abs=1e-9)


def test_exact_ties_of_all_patients_say_nothing() -> None:
    fit = Episodes.of([5] * 6 + [4, 6], [1] * 6 + [1, 0], covariates={"x": [0, 1, 0, 1, 0, 2, 1, 0]})
    assert math.isfinite(estimate_cox(fit, ties="exact").coefficients[0])


def test_events_on_day_0_and_after_ten_million_days() -> None:
    times, event, x = [0, 0, 1, 4, 10**7, 10**7], [1, 0, 1, 1, 1, 0], [0, 1, 1, 0, 1, 0]
    fit = estimate_cox(Episodes.of(times, event, covariates={"x": x}))
    again = estimate_cox(Episodes.of([1, 1, 2, 3, 4, 4], event, covariates={"x": x}))
    assert fit.coefficients[0] == again.coefficients[0]
    with pytest.raises(NotEstimable, match="day 0 has no logarithm"):
        proportional_hazards_test(fit, "log")


def test_exact_ties_that_would_take_for_ever_are_refused() -> None:
    n = 20_000
    x = np.arange(n) % 97 / 97
    with pytest.raises(NotEstimable, match="exact ties would take too long with 10000 events"):
        estimate_cox(Episodes.of(np.arange(n) % 2, np.ones(n), covariates={"x": x}), ties="exact")


def test_exact_ties_have_no_residuals() -> None:
    fit = estimate_cox(of(age=AGE), ties="exact")
    with pytest.raises(NotEstimable, match="exact ties"):
        martingale_residuals(fit)
    with pytest.raises(ValueError, match="no robust variance with exact ties"):
        estimate_cox(of(age=AGE), ties="exact", robust=True)


def test_counts_whose_entries_are_totals_have_no_robust_variance() -> None:
    rows = {
        ((("arm", "A"),), 0): (2, 0, 0), ((("arm", "A"),), 3): (2, 0, 0), ((("arm", "A"),), 5): (0, 0, 2),
        ((("arm", "A"),), 8): (0, 1, 1), ((("arm", "B"),), 0): (3, 0, 0), ((("arm", "B"),), 6): (0, 1, 2),
    }  # fmt: skip
    table = EventTable(key=CountKey(analysis="a", protocol_digest="d", unit="day"), rows=rows)
    episodes = Episodes.from_counts(table, covariates=["arm"])
    fit = estimate_cox(episodes)
    with pytest.raises(NotEstimable, match="known as totals only"):
        estimate_cox(episodes, robust=True)
    assert estimate_concordance(fit).std_error is None
    # every pairing of entries with exits has the same numbers at risk, and so the same model
    other = Episodes.of(
        [5, 5, 8, 8, 6, 6, 6], [1, 1, 1, 0, 1, 1, 0], entry=[3, 3, 0, 0, 0, 0, 0], covariates={"arm": list("AAAABBB")}
    )
    assert float(estimate_cox(other).coefficients[0]) == pytest.approx(float(fit.coefficients[0]), rel=1e-10)


def test_wrong_calls() -> None:
    with pytest.raises(ValueError, match="ties are"):
        estimate_cox(of(age=AGE), ties="discrete")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="confidence level"):
        estimate_cox(of(age=AGE), level=95)
    fit = estimate_cox(of(age=AGE))
    with pytest.raises(ValueError, match="no covariate sex; it has age"):
        predict_survival(fit, {"sex": 1})
    with pytest.raises(ValueError, match="log, log-log or plain"):
        predict_survival(fit, {}, interval="logit")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="km, rank, identity or log"):
        proportional_hazards_test(fit, "square")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="one finite number a row"):
        score_concordance(of(age=AGE), AGE[:-1])
    with pytest.raises(ValueError, match="not of the same patients"):
        nested_test(estimate_cox(Episodes.of(TIME[1:], EVENT[1:], covariates={"age": AGE[1:]})), fit)


def test_two_events_are_too_few_to_test_proportional_hazards() -> None:
    fit = estimate_cox(Episodes.of([1, 1, 2, 3], [1, 0, 0, 0], covariates={"x": [2, 1, 4, 0]}))
    with pytest.raises(NotEstimable, match="too few"):
        proportional_hazards_test(fit)


def test_a_function_of_time_of_your_own() -> None:
    fit = estimate_cox(of(age=AGE, arm=ARM))
    own = proportional_hazards_test(fit, lambda t: t * 2 + 5)
    assert own.overall.chisq == pytest.approx(proportional_hazards_test(fit, "identity").overall.chisq, rel=1e-9)
    assert own.transform == "own"


def test_nobody_can_be_compared() -> None:
    with pytest.raises(NotEstimable, match="no two patients"):
        score_concordance(Episodes.of([4, 4], [1, 1]), [1, 2])
    with pytest.raises(NotEstimable, match=r"^no events$"):
        score_concordance(Episodes.of([4, 4], [0, 0]), [1, 2])


def test_scores_that_differ_by_rounding_only_are_tied() -> None:
    c = score_concordance(Episodes.of([1, 2], [1, 1]), [0.1 + 0.2, 0.3])
    assert (c.tied_score, c.value) == (1, 0.5)


def test_deviance_residuals_are_finite_for_the_censored() -> None:
    fit = estimate_cox(of(age=AGE))
    assert np.all(np.isfinite(deviance_residuals(fit)))
    assert np.all(np.sign(deviance_residuals(fit)) == np.sign(martingale_residuals(fit)))


def test_curves_begin_at_one_and_end_where_follow_up_ends() -> None:
    fit = estimate_cox(Episodes.of(TIME, EVENT, covariates={"age": AGE}, strata=ARM))
    a, b = predict_survival(fit, {"age": 60}, level=0.9)
    assert (a.stratum, b.stratum, a.level) == ("A", "B", 0.9)
    assert a.at([0])[0].tolist() == [1, 1, 1]
    assert np.all(np.diff(a.survival) < 0) and np.all((a.lower <= a.survival) & (a.survival <= a.upper))


def test_splines_need_values_that_differ() -> None:
    with pytest.raises(NotEstimable, match="too few or too alike"):
        fit_spline([1, 1, 1, 1, 1, 9], 4)
    with pytest.raises(NotEstimable, match="too few or too alike"):
        fit_spline([3, 3], 1)
    with pytest.raises(ValueError, match="either degrees of freedom"):
        fit_spline(AGE)
    with pytest.raises(ValueError, match="none missing"):
        fit_spline([1, math.nan, 2], 2)


def test_a_spline_counts_each_value_and_takes_knots_of_other_values() -> None:
    counted = fit_spline([20, 40, 50, 60], 3, count=[1, 4, 3, 2])
    assert counted.knots == fit_spline([20, 40, 40, 40, 40, 50, 50, 50, 60, 60], 3, boundary=(20, 60)).knots
    assert natural_spline([30.0, 50.0], 2, like=[20, 40, 45, 60]).shape == (2, 2)


def test_a_curved_effect_is_found_by_a_spline() -> None:
    n = 400
    r = np.random.default_rng(7)
    x = r.uniform(-2, 2, n)
    time = r.exponential(np.exp(-1.2 * x * x))
    straight = estimate_cox(Episodes.of(time, np.ones(n), covariates={"x": x}))
    curved = estimate_cox(Episodes.of(time, np.ones(n), covariates={"x": natural_spline(x, 3)}))
    assert curved.names == ("x[1]", "x[2]", "x[3]")
    test = nested_test(straight, curved)
    assert test.df == 2 and test.p is not None and test.p < 1e-6
    assert list(proportional_hazards_test(curved).terms) == ["x"]


def test_coded_patterns_are_found_in_plain_rows() -> None:
    n = 5000
    r = np.random.default_rng(3)
    x = {"a": r.integers(0, 2, n), "b": r.integers(-1, 2, n)}
    time, event = np.ceil(r.exponential(300, n)), r.random(n) < 0.6
    fit = estimate_cox(Episodes.of(time, event, covariates=x))
    noise = np.where(np.arange(n) == 0, 1e-9, 0)  # no longer whole numbers: rows, not patterns
    rows = estimate_cox(Episodes.of(time, event, covariates={"a": x["a"] + noise, "b": x["b"]}))
    assert fit.coefficients == pytest.approx(rows.coefficients, rel=1e-6, abs=1e-9)
