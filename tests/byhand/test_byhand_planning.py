"""Precision, power and Turnbull's estimate where they can be worked on paper, or were published."""

from __future__ import annotations

import math

import pytest

from chartline.stats import (
    Recruitment,
    estimate_turnbull,
    event_probability,
    hazard_ratio_precision,
    interval_precision,
    logrank_events,
    logrank_power,
    one_arm_power,
    simon_two_stage,
    survival_precision,
    upper_bound_of_none,
)

Z = 1.959963984540054  # 97.5 %
Z80 = 0.8416212335729143  # 80 %


def test_what_no_event_and_three_events_of_32_rule_out() -> None:
    assert round(100 * upper_bound_of_none(32), 1) == 10.9
    assert round(100 * upper_bound_of_none(11), 1) == 28.5
    assert round(100 * interval_precision(32, 3 / 32).upper, 1) == 25.0
    assert upper_bound_of_none(1, one_sided=True) == pytest.approx(0.95, rel=1e-15)  # (1 - p)^1 = 0.05


def test_the_expected_width_of_one_patient() -> None:
    # 0 of 1 gives [0, 0.975], 1 of 1 gives [0.025, 1]: the same width whatever the rate
    for rate in (0, 0.3, 1):
        assert interval_precision(1, rate).width == pytest.approx(0.975, rel=1e-14)


def test_survival_without_losses_is_binomial() -> None:
    seen = survival_precision(32, 15 / 32)
    assert seen.std_error == pytest.approx(math.sqrt(15 / 32 * 17 / 32 / 32), rel=1e-14)
    assert (round(100 * seen.lower, 1), round(100 * seen.upper, 1)) == (29.1, 62.8)
    assert seen.events == pytest.approx(17, rel=1e-14)
    assert survival_precision(32, 15 / 32, scale="plain").upper == pytest.approx(
        15 / 32 + Z * seen.std_error, rel=1e-14
    )


def test_four_over_the_events_is_the_variance_of_a_log_hazard_ratio() -> None:
    for events in (4, 23, 100):
        assert hazard_ratio_precision(events).std_error == pytest.approx(math.sqrt(4 / events), rel=1e-15)


def test_events_that_halve_the_hazard() -> None:
    assert logrank_events(0.5).events == pytest.approx(4 * (Z + Z80) ** 2 / math.log(2) ** 2, rel=1e-12)
    assert logrank_events(0.5, formula="freedman").events == pytest.approx((Z + Z80) ** 2 * 9, rel=1e-12)
    assert logrank_power(logrank_events(0.5).events, 0.5).power == pytest.approx(0.8, rel=1e-12)


def test_events_within_a_study() -> None:
    # all enter at once, median 1, followed for 1: half; with dropout at the same rate half of three quarters
    hazard = math.log(2)
    assert event_probability(hazard, Recruitment(0, 1)) == pytest.approx(1 / 2, rel=1e-15)
    assert event_probability(hazard, Recruitment(0, 1, dropout=hazard)) == pytest.approx(3 / 8, rel=1e-15)
    # entry over 1 and no more: 1 - (1 - 1/2) / log 2
    assert event_probability(hazard, Recruitment(1, 0)) == pytest.approx(1 - 0.5 / hazard, rel=1e-14)


def test_one_arm_of_three() -> None:
    # p0 = 1/4: P(3 of 3) = 1/64; P(2 or 3) = 10/64. At p1 = 1/2 P(3 of 3) = 1/8
    seen = one_arm_power(3, 0.25, 0.5)
    assert (seen.r, seen.alpha, seen.power) == (2, pytest.approx(1 / 64, rel=1e-14), pytest.approx(1 / 8, rel=1e-14))
    seen = one_arm_power(3, 0.25, 0.5, alpha=0.2)
    assert (seen.r, seen.alpha, seen.power) == (1, pytest.approx(10 / 64, rel=1e-14), pytest.approx(1 / 2, rel=1e-14))


def test_simon_published_these_designs() -> None:
    # Control Clin Trials 1989;10:1-10, table 1: alpha 0.05, beta 0.2
    seen = simon_two_stage(0.05, 0.25)
    assert (seen.optimal.r1, seen.optimal.n1, seen.optimal.r, seen.optimal.n) == (0, 9, 2, 17)
    assert (seen.minimax.r1, seen.minimax.n1, seen.minimax.r, seen.minimax.n) == (0, 12, 2, 16)
    assert (round(seen.optimal.expected_n, 1), round(seen.optimal.stops_early, 2)) == (12.0, 0.63)
    assert seen.optimal.stops_early == pytest.approx(0.95**9, rel=1e-13)


def test_three_innermost_intervals() -> None:
    # log p1 + log p2 + log(p2 + p3) + log p3 is largest at 1/4, 3/8, 3/8
    seen = estimate_turnbull({(0, 1): 1, (1, 3): 1, (2, 5): 1, (4, math.inf): 1})
    assert (seen.left.tolist(), seen.right.tolist()) == ([0, 2, 4], [1, 3, 5])
    assert seen.mass.tolist() == pytest.approx([1 / 4, 3 / 8, 3 / 8], rel=1e-13)
    at = [seen.survival_at(t) for t in (0, 0.5, 1, 1.7, 2.5, 3, 4, 4.5, 5)]
    assert [(b.lower, b.upper) for b in at] == [
        (1, 1), (0.75, 1), (0.75, 0.75), (0.75, 0.75),
        (0.375, 0.75), (0.375, 0.375), (0.375, 0.375), (0, 0.375), (0, 0),
    ]  # fmt: skip
    assert (seen.quantile(0.5).lower, seen.quantile(0.5).upper) == (2, 3)


def test_a_self_consistent_estimate_that_is_not_the_maximum() -> None:
    # (1/2, 0, 1/2) satisfies Turnbull's equations; the likelihood p1 (p2 + p3)^2 (p1 + p2)^2 p3 is largest at thirds
    seen = estimate_turnbull([(0, 1), (1, 3), (1, 3), (0, 2), (0, 2), (2, 3)])
    assert seen.mass.tolist() == pytest.approx([1 / 3] * 3, rel=1e-13)
    assert seen.log_likelihood == pytest.approx(2 * math.log(1 / 3) + 4 * math.log(2 / 3), rel=1e-14)
