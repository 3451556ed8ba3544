"""Competing risks and states at the edge: what is said where there is little or nothing to estimate."""

from __future__ import annotations

import numpy as np
import pytest

from chartline.stats import (
    Episodes,
    TimeEffect,
    estimate_cumulative_incidence,
    estimate_cumulative_incidences,
    estimate_fine_gray,
    estimate_relapse_nrm_rfs,
    estimate_states,
    gray_test,
    illness_death,
)
from chartline.stats.statistic import NotEstimable

TWO = ("relapse", "death")


def episodes(time: list[float], status: list[int], **columns: object) -> Episodes:
    return Episodes.of(time, status, causes=TWO, **columns)  # type: ignore[arg-type]


def test_nobody() -> None:
    with pytest.raises(NotEstimable, match="no patients in the set"):
        estimate_cumulative_incidence(episodes([], []))
    with pytest.raises(NotEstimable, match="no patients in the set"):
        estimate_cumulative_incidences(episodes([], []))
    with pytest.raises(NotEstimable, match="no patients in the set"):
        estimate_fine_gray(episodes([], [], covariates={"age": []}))
    with pytest.raises(NotEstimable, match="nobody is at risk"):
        estimate_states(episodes([], []))


def test_no_event() -> None:
    rows = episodes([3, 8, 9], [0, 0, 0], group=["A", "A", "B"], covariates={"age": [50, 60, 71]})
    curve = estimate_cumulative_incidence(rows)
    assert curve.event_free.estimate.tolist() == [1, 1, 1] and curve.causes["relapse"].estimate.tolist() == [0, 0, 0]
    assert np.isnan(curve.causes["relapse"].lower).all()  # the log-log interval has no value at 0
    with pytest.raises(NotEstimable, match="no event of the cause relapse"):
        gray_test(rows, "relapse")
    with pytest.raises(NotEstimable, match="no event of the cause death"):
        estimate_fine_gray(rows, "death")


def test_one_patient() -> None:
    curve = estimate_cumulative_incidence(episodes([5], [2]))
    assert curve.causes["death"].estimate.tolist() == [1.0]
    assert curve.causes["death"].std_error.tolist() == [0.0]  # one subject, one cause: no spread is seen
    assert curve.reaches(900) and curve.time_to("death").value == 5
    with pytest.raises(NotEstimable, match="age has one value only"):
        estimate_fine_gray(episodes([5], [1], covariates={"age": [50]}))


def test_everybody_has_an_event_on_one_day() -> None:
    curve = estimate_cumulative_incidence(episodes([7, 7, 7, 7], [1, 1, 2, 2]))
    assert [curve.causes[c].estimate[0] for c in TWO] == [0.5, 0.5]
    assert curve.causes["relapse"].std_error[0] == pytest.approx(0.25)  # a binomial share: sqrt(1/2 1/2 / 4)
    assert curve.event_free.estimate[0] == 0 and np.isnan(curve.event_free.lower[0])


def test_events_on_day_0_and_after_ten_million_days() -> None:
    curve = estimate_cumulative_incidence(episodes([0, 0, 10**7, 10**7], [1, 0, 2, 0]))
    assert curve.at([0]).at_risk.tolist() == [4]
    assert curve.at([0]).causes["relapse"].estimate.tolist() == [0.25]
    assert curve.at([10**7]).causes["death"].estimate[0] == pytest.approx(0.375)


def test_before_the_first_day_and_after_the_last() -> None:
    curve = estimate_cumulative_incidence(episodes([10, 20, 30], [1, 2, 0]))
    at = curve.at([5, 30, 31])
    assert at.event_free.estimate[0] == 1 and at.causes["death"].estimate[0] == 0
    assert at.reached.tolist() == [True, True, False]
    assert at.at_risk.tolist() == [3, 1, 0]
    with pytest.raises(KeyError):
        curve.time_to("progression")


def test_what_is_no_level_interval_or_variance() -> None:
    rows = episodes([1, 2], [1, 2])
    with pytest.raises(ValueError, match="not a confidence level"):
        estimate_cumulative_incidence(rows, level=95)
    with pytest.raises(ValueError, match="not an interval"):
        estimate_cumulative_incidence(rows, interval="exact")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="not a variance"):
        estimate_cumulative_incidence(rows, variance="delta")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no cause"):
        estimate_relapse_nrm_rfs(rows, [1], relapse="progression")


def test_late_entrants_after_everybody_has_gone_are_told() -> None:
    curve = estimate_cumulative_incidence(episodes([2, 9], [1, 2], entry=[0, 5]))
    assert curve.causes["relapse"].estimate.tolist() == [1, 1]
    assert curve.warnings == ("all at risk on day 2 had an event; who entered later adds nothing",)


def test_gray_needs_two_groups_and_leaves_out_an_empty_one() -> None:
    one = episodes([1, 2, 3], [1, 2, 0], group=["A", "A", "A"])
    with pytest.raises(NotEstimable, match="fewer than two groups"):
        gray_test(one)
    three = episodes([1, 2, 3, 4, 5], [1, 2, 1, 0, 1], group=list("AABBC"), count=[1, 1, 1, 1, 0])
    test = gray_test(three)
    assert test.groups == ("A", "B") and test.df == 1 and test.warnings == ("no patients in group C",)
    with pytest.raises(ValueError, match="no cause"):
        gray_test(three, 3)


def test_gray_where_all_of_a_group_have_the_event_early() -> None:
    """R 4.2.2, cmprsk 2.2-11, cuminc(t, s, g, rho = rho)$Tests. The pooled incidence goes to one and beyond."""
    time = [2, 3, 3, 5, 6, 8, 4, 9, 11, 14, 15, 18, 20, 21, 22, 30]
    status = [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 2, 1]
    two = episodes(time, status, group=["a"] * 6 + ["b"] * 10)  # beyond one where b is alone: nothing is compared there
    for rho, chisq, p in ((0, 12.8317795799526, 0.000340781485519859), (1, 11.7398482915029, 0.000611760101686953)):
        test = gray_test(two, rho=rho)
        assert (test.chisq, test.p) == (pytest.approx(chisq, rel=1e-12), pytest.approx(p, rel=1e-12))
        assert not test.warnings
    even = gray_test(episodes([1, 2, 3, 4], [1, 1, 1, 1], group=["a", "a", "b", "b"]))  # one exactly, to rounding
    assert even.chisq == pytest.approx(2.81508078994614, rel=1e-12)
    time, status = [*range(1, 11), 11, 13, 16, 12, 14, 15], [1] * 12 + [0, 1, 1, 1]
    three = episodes(time, status, group=["a"] * 10 + ["b"] * 3 + ["c"] * 3)  # beyond one while b and c are compared
    test = gray_test(three)
    assert (test.chisq, test.p) == (pytest.approx(12.9451980403645, rel=1e-12), pytest.approx(0.00154520449188733))
    assert "passes one" in test.warnings[0]
    with pytest.raises(NotEstimable, match="reaches one before the last event"):
        gray_test(three, rho=1)  # the weight 1 - F would be negative


def test_gray_where_groups_are_never_at_risk_together() -> None:
    rows = episodes([1, 2, 8, 9], [0, 0, 1, 0], group=list("AABB"))
    with pytest.raises(NotEstimable, match="cannot be told apart"):
        gray_test(rows)


def test_a_covariate_that_separates_is_infinite_and_the_others_are_not() -> None:
    r = np.random.default_rng(5)
    arm, age = np.repeat([0, 1], 30), r.uniform(20, 70, 60).round()
    status = np.where(arm == 1, r.integers(0, 2, 60) * 2, r.integers(0, 3, 60))  # nobody of arm 1 relapses
    fit = estimate_fine_gray(episodes(r.integers(1, 90, 60), status, covariates={"arm": arm, "age": age}))
    assert fit.coefficients[0] == -np.inf and np.isnan(fit.std_errors[0]) and fit.hazard_ratios[0] == 0
    assert np.isfinite(fit.coefficients[1]) and np.isfinite(fit.std_errors[1]) and fit.wald.df == 1
    assert fit.warnings == ("the coefficient of arm is infinite: no event on one side",)
    # age alone among arm 0: the limit
    alone = estimate_fine_gray(
        episodes(r.integers(1, 90, 60), status, covariates={"age": age}).select(arm == 0), variance="model"
    )
    assert np.isfinite(alone.coefficients[0])
    with pytest.raises(NotEstimable, match="a coefficient is infinite"):
        fit.predict([[0, 50]])


def test_collinear_covariates_are_named() -> None:
    x = np.arange(8.0)
    rows = episodes(
        list(range(1, 9)), [1, 2, 0, 1, 2, 1, 0, 1], covariates={"age": x, "square": x**2, "both": x + x**2}
    )
    with pytest.raises(NotEstimable, match="both is determined by age, square"):
        estimate_fine_gray(rows)


def test_a_constant_covariate_is_named() -> None:
    rows = episodes([1, 2, 3, 4], [1, 2, 1, 0], covariates={"age": [1, 2, 0, 4], "site": [3, 3, 3, 3]})
    with pytest.raises(NotEstimable, match="site has one value only"):
        estimate_fine_gray(rows)


def test_fine_gray_without_covariates_is_no_model() -> None:
    with pytest.raises(NotEstimable, match="no covariate"):
        estimate_fine_gray(episodes([1, 2], [1, 2]))


def test_more_coefficients_than_events_have_a_singular_robust_variance() -> None:
    rows = episodes([5, 5, 5, 5], [1, 1, 0, 0], covariates={"a": [1, 0, 1, 0]})
    fit = estimate_fine_gray(rows)
    assert fit.coefficients[0] == pytest.approx(0, abs=1e-12)
    assert fit.information[0, 0] > 0


def test_an_effect_that_changes_needs_a_covariate_and_a_finite_function() -> None:
    rows = episodes([1, 2, 3, 4, 6], [1, 2, 1, 1, 0], covariates={"x": [1, 0, 0, 1, 1]})
    with pytest.raises(ValueError, match="there is no covariate arm"):
        estimate_fine_gray(rows, time_effects=[TimeEffect("arm", np.log)])
    with pytest.raises(ValueError, match="no finite value"):
        estimate_fine_gray(rows, time_effects=[TimeEffect("x", lambda t: np.full_like(t, np.inf), "inf")])


def test_a_robust_variance_needs_to_know_who_is_who() -> None:
    from dataclasses import replace

    rows = replace(
        episodes([3, 4, 6, 7], [1, 2, 1, 0], entry=[0, 2, 1, 0], covariates={"x": [1, 0, 0, 1]}), paired=False
    )
    with pytest.raises(NotEstimable, match="no robust variance"):
        estimate_fine_gray(rows)
    assert estimate_fine_gray(rows, variance="model").events == 2
    with pytest.raises(NotEstimable, match="influences cannot be summed"):
        estimate_cumulative_incidence(rows, variance="jackknife")


def test_predictions_start_at_0_stay_after_the_last_event_and_want_all_covariates() -> None:
    rows = episodes([1, 2, 3, 4, 6], [1, 2, 1, 1, 0], covariates={"x": [1, 0, 0, 1, 1]})
    fit = estimate_fine_gray(rows)
    risen = fit.predict([[0], [1]], [0.5, 4, 99])
    assert risen.shape == (2, 3) and risen[:, 0].tolist() == [0, 0] and (risen[:, 1] == risen[:, 2]).all()
    with pytest.raises(ValueError, match="a row has 2 covariates"):
        fit.predict([[0, 1]])


def test_passing_on_the_day_of_leaving() -> None:
    rows = illness_death([5, 5, 5, 5], [1, 0, 1, 0], [5, 5, np.nan, 0])
    assert rows.groups == ("start", "passed")
    moves = [(rows.groups[g], s, e) for g, s, e in zip(rows.group, rows.status, rows.exit, strict=True)]
    # an event comes first; a censoring passes; who passes on day 0 was there from the start
    assert sorted(moves) == [("passed", 0, 5), ("start", 1, 5), ("start", 2, 5), ("start", 2, 5)]
    with pytest.raises(ValueError, match="1 pass after they leave"):
        illness_death([5], [0], [6])


def test_states_that_do_not_fit() -> None:
    rows = illness_death([5, 8, 9], [1, 0, 1], [2, np.nan, 4])
    with pytest.raises(ValueError, match="missing among the states"):
        estimate_states(rows, states=("start", "passed"))
    with pytest.raises(ValueError, match="there is no state ill"):
        estimate_states(rows, start="ill")
    with pytest.raises(ValueError, match="a day lies before 3"):
        estimate_states(rows, start="start", since=3).at([2])
    with pytest.raises(ValueError, match="lies before"):
        estimate_states(rows, start="start", since=3).length_of_stay(1)
    with pytest.raises(ValueError, match="starts from"):
        estimate_states(Episodes.of([1], [1], group=["a"], causes=("a",)))


def test_a_stay_beyond_follow_up_has_no_estimate() -> None:
    followed = estimate_states(illness_death([5, 8], [1, 0], [np.nan, np.nan]))
    with pytest.raises(NotEstimable, match="nobody was followed to day 9"):
        followed.length_of_stay(9)
    dead = estimate_states(illness_death([5, 8], [1, 1], [np.nan, np.nan]))
    assert dead.length_of_stay(10).days.tolist() == [6.5, 0, 3.5]


def test_the_start_is_what_was_observed() -> None:
    rows = illness_death([5, 8, 9, 9], [1, 0, 1, 0], [0, np.nan, 4, np.nan])
    fit = estimate_states(rows)
    assert fit.start.tolist() == [0.75, 0.25, 0]
    assert fit.start_error[0] == pytest.approx(np.sqrt(0.75 * 0.25 / 4))
    at = fit.at([0])
    assert at.probability[0].tolist() == [0.75, 0.25, 0] and at.lower[0, 0] < 0.75 < at.upper[0, 0]
