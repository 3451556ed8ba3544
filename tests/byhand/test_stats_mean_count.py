"""Mean cumulative counts and event rates worked on paper."""

from __future__ import annotations

from fractions import Fraction as F
from math import exp, log

import pytest

from chartline.stats import estimate_event_rate, estimate_mean_count
from chartline.stats.statistic import NotEstimable


def test_nelson_with_ties_and_a_patient_who_leaves_on_the_day_of_an_event() -> None:
    # Patients: events 5, 10 to day 20; event 5 to day 5; none to day 8.
    fit = estimate_mean_count([[5, 10], [5], []], [20, 5, 8], [False, False, False])
    # day 5: two events of three at risk; day 10: one of one
    assert fit.times_days.tolist() == [5, 10]
    assert fit.count.tolist() == [pytest.approx(float(F(2, 3))), pytest.approx(float(F(2, 3) + 1))]
    assert fit.at_risk.tolist() == [3, 1]
    # influences at day 5: (1 - 2/3)/3, (1 - 2/3)/3, (0 - 2/3)/3
    variance = F(1, 9) ** 2 + F(1, 9) ** 2 + F(2, 9) ** 2
    assert fit.std_error[0] == pytest.approx(float(variance) ** 0.5)


def test_the_dead_have_no_further_events() -> None:
    # 1: event day 2, dies day 4. 2: event day 6, seen to day 10. Without death 1 + 1/2; half are alive before day 6.
    fit = estimate_mean_count([[2], [6]], [4, 10], [True, False])
    assert fit.count.tolist() == [0.5, 0.5, 0.5 + 0.5 * 1]


def test_equal_patients_are_one_with_a_weight() -> None:
    alone = estimate_mean_count([[3], [3], [4, 9]], [8, 8, 12], [True, True, False])
    heavy = estimate_mean_count([[3], [4, 9]], [8, 12], [True, False], [2, 1])
    assert heavy.count.tolist() == pytest.approx(alone.count.tolist())
    assert heavy.std_error.tolist() == pytest.approx(alone.std_error.tolist())


def test_limits_on_the_log_scale_and_before_the_first_event() -> None:
    fit = estimate_mean_count([[5], [], []], [9, 9, 9], [False] * 3)
    count, se, lower, upper = fit.at(7)
    assert (count, se) == (pytest.approx(1 / 3), pytest.approx(float(F(2, 9) ** 2 + 2 * F(1, 9) ** 2) ** 0.5))
    assert log(upper / count) == pytest.approx(1.959963984540054 * se / count) == pytest.approx(log(count / lower))
    assert fit.at(4)[:2] == (0.0, 0.0)


def test_nobody_and_an_event_after_the_end() -> None:
    with pytest.raises(NotEstimable, match="no patients"):
        estimate_mean_count([], [], [])
    with pytest.raises(ValueError, match="after the last day"):
        estimate_mean_count([[10]], [9], [False])


def test_a_rate_without_events_has_the_upper_limit_of_exp() -> None:
    # P(no event) = exp(-mu) = 0.025
    r = estimate_event_rate(0, 2.0)
    assert (r.rate, r.lower) == (0, 0) and exp(-2 * r.upper) == pytest.approx(0.025)
    with pytest.raises(NotEstimable, match="no time at risk"):
        estimate_event_rate(1, 0)
