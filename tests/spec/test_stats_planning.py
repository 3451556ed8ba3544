"""Planning and interval-censored times at the edges: what is refused, and in which words."""

from __future__ import annotations

import math

import pytest

import chartline.stats
from chartline.stats import (
    Recruitment,
    estimate_turnbull,
    event_probability,
    events_for_hazard_ratio_factor,
    hazard_ratio_precision,
    interval_precision,
    logrank_events,
    logrank_power,
    logrank_sample_size,
    n_for_interval_width,
    n_for_survival_width,
    one_arm_design,
    one_arm_power,
    one_sample_logrank_size,
    simon_two_stage,
    survival_precision,
    trial_power,
    upper_bound_of_none,
)
from chartline.stats.planning import precision
from chartline.stats.statistic import NotEstimable


def test_power_after_the_fact_is_not_offered() -> None:
    assert not [name for name in dir(chartline.stats) if "post" in name or "observed_power" in name]
    assert "Power after the fact is not offered" in (precision.__doc__ or "")


def test_what_is_no_plan_is_refused() -> None:
    for call in (
        lambda: interval_precision(0, 0.5),
        lambda: interval_precision(10, 1.5),
        lambda: interval_precision(10, 0.5, level=1),
        lambda: interval_precision(10, 0.5, method="wald"),  # type: ignore[arg-type]
        lambda: n_for_interval_width(0, 0.5),
        lambda: upper_bound_of_none(0),
        lambda: survival_precision(10, 1.0),
        lambda: survival_precision(10, 0.5, lost=1),
        lambda: hazard_ratio_precision(10, allocation=0),
        lambda: events_for_hazard_ratio_factor(1),
        lambda: logrank_power(10, -1),
        lambda: logrank_events(0.5, power=1),
        lambda: logrank_events(0.5, alpha=0),
        lambda: Recruitment(0, 0),
        lambda: Recruitment(-1, 3),
        lambda: event_probability(0, Recruitment(1, 1)),
        lambda: trial_power(100, -3, 0.5, Recruitment(1, 1)),
        lambda: one_arm_power(10, 0.4, 0.2),
        lambda: simon_two_stage(0.4, 0.4),
        lambda: one_sample_logrank_size(10, 1.0, Recruitment(1, 1)),
    ):
        with pytest.raises(ValueError):
            call()


def test_what_no_study_can_reach_says_so() -> None:
    with pytest.raises(NotEstimable, match=r"^a hazard ratio of 1 needs infinitely many events$"):
        logrank_events(1)
    for formula in ("schoenfeld", "lachin_foulkes"):
        with pytest.raises(NotEstimable, match="infinitely many"):
            logrank_sample_size(10, 1, Recruitment(12, 12), formula=formula)  # type: ignore[arg-type]
    with pytest.raises(NotEstimable, match=r"^no events are expected$"):
        hazard_ratio_precision(0)
    with pytest.raises(NotEstimable, match=r"^no events are expected$"):
        logrank_power(0, 0.5)
    with pytest.raises(NotEstimable, match=r"^no two-stage design of at most 10 patients has these error rates$"):
        simon_two_stage(0.2, 0.3, most=10)
    with pytest.raises(NotEstimable, match=r"^20 patients are not enough$"):
        one_arm_design(0.2, 0.3, most=20)


def test_too_few_patients_for_any_result() -> None:
    # 0.5^2 = 0.25 > 0.05: not even two of two
    seen = one_arm_power(2, 0.5, 0.9)
    assert (seen.r, seen.alpha, seen.power) == (2, 0, 0)


def test_a_level_that_is_met_exactly_is_met() -> None:
    assert one_arm_power(1, 0.05, 0.5).r == 0  # P(1 of 1) = 0.05


def test_the_precision_that_is_asked_for() -> None:
    n = n_for_interval_width(0.3, 0.5, method="wilson").n
    enough, less = (interval_precision(m, 0.5, method="wilson").width for m in (n, n - 1))
    assert enough <= 0.3 < less
    seen = n_for_survival_width(0.3, 0.5)
    assert seen.upper - seen.lower <= 0.3
    seen_hr = events_for_hazard_ratio_factor(1.5)
    assert seen_hr.factor <= 1.5 < hazard_ratio_precision(seen_hr.events - 1).factor


def test_rates_of_0_and_1_have_an_interval() -> None:
    for method in ("clopper_pearson", "wilson"):
        none, all_ = (interval_precision(32, rate, method=method) for rate in (0, 1))  # type: ignore[arg-type]
        assert (none.lower, all_.upper) == (0, 1)
        assert none.width == pytest.approx(none.upper, rel=1e-12)
        assert all_.width == pytest.approx(1 - all_.lower, rel=1e-12)


def test_a_very_short_study_keeps_its_digits() -> None:
    # hazard x mean follow-up, to first order
    found = event_probability(1e-9, Recruitment(2, 1))
    assert found == pytest.approx(1e-9 * 2, rel=1e-8)


def test_nobody_and_nobody_with_an_event() -> None:
    with pytest.raises(NotEstimable, match=r"^no patients$"):
        estimate_turnbull({})
    with pytest.raises(NotEstimable, match=r"^no patients$"):
        estimate_turnbull({(1, 2): 0})
    seen = estimate_turnbull({(30, math.inf): 2, (90, math.inf): 1})
    assert seen.warnings == ("no patient is known to have had the event",)
    assert (seen.survival_at(90).lower, seen.survival_at(90).upper) == (1, 1)
    assert (seen.survival_at(91).lower, seen.survival_at(91).upper) == (0, 1)
    assert (seen.quantile(0.5).lower, seen.quantile(0.5).upper) == (90, None)


def test_one_patient() -> None:
    exact = estimate_turnbull([(5, 5)])
    assert (exact.mass.tolist(), exact.n_exact) == ([1], 1)
    assert [(b.lower, b.upper) for b in map(exact.survival_at, (4.9, 5, 6))] == [(1, 1), (0, 0), (0, 0)]
    between = estimate_turnbull([(3, 9)])
    assert [(b.lower, b.upper) for b in map(between.survival_at, (3, 5, 9))] == [(1, 1), (0, 1), (0, 0)]
    assert (between.quantile(0.5).lower, between.quantile(0.5).upper) == (3, 9)
    day_0 = estimate_turnbull([(0, 0), (0, math.inf)])
    assert day_0.survival_at(0).lower == day_0.survival_at(0).upper == 0.5


def test_all_in_one_interval_and_all_overlapping() -> None:
    assert estimate_turnbull({(0, 10): 10_000_000}).mass.tolist() == [1]
    seen = estimate_turnbull([(0, 10), (2, 8), (4, 12)])
    assert (seen.left.tolist(), seen.right.tolist(), seen.mass.tolist()) == ([4], [8], [1])


def test_an_exact_time_at_the_end_of_an_interval_is_in_it_and_at_the_start_is_not() -> None:
    # (2, 5] holds 5, so both fit at 5; (5, 8] does not
    assert estimate_turnbull([(2, 5), (5, 5)]).mass.tolist() == [1]
    assert estimate_turnbull([(5, 5), (5, 8)]).mass.tolist() == [0.5, 0.5]


@pytest.mark.parametrize("row", [(5, 3), (-1, 3), (math.nan, 3), (3, math.nan), (math.inf, math.inf)])
def test_what_is_no_interval_is_refused(row: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="missing or negative end, or ends before it begins"):
        estimate_turnbull([row, (1, 2)])
    with pytest.raises(ValueError, match="no quantile"):
        estimate_turnbull([(1, 2)]).quantile(1)
