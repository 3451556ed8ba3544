"""Competing risks and illness-death worked as fractions: ties of both causes, censorings on the same day."""

from __future__ import annotations

from fractions import Fraction as F

import numpy as np
import pytest

from chartline.stats import (
    Episodes,
    count_at_risk,
    count_transitions,
    estimate_cumulative_incidence,
    estimate_fine_gray,
    estimate_relapse_nrm_rfs,
    estimate_states,
    gray_test,
    illness_death,
)

# Ten patients. Day 2: a relapse, a death and a censoring (ten at risk). Day 3: one censored. Day 5: two relapses (six
# at risk). Day 6: a death (four). Day 9: the last relapse of three at risk, with a censoring. Day 12: one censored.
TIME = [2, 2, 2, 3, 5, 5, 6, 9, 9, 12]
CAUSE = [1, 2, 0, 0, 1, 1, 2, 1, 0, 0]
FREE = [F(8, 10), F(8, 10), F(8, 10) * F(4, 6), F(8, 15) * F(3, 4), F(2, 5) * F(2, 3), F(4, 15)]
RELAPSE = [F(1, 10), F(1, 10), F(1, 10) + F(8, 10) * F(2, 6), F(11, 30), F(11, 30) + F(2, 5) * F(1, 3), F(1, 2)]
DEATH = [F(1, 10), F(1, 10), F(1, 10), F(1, 10) + F(8, 15) * F(1, 4), F(7, 30), F(7, 30)]


def ten() -> Episodes:
    return Episodes.of(TIME, CAUSE, causes=("relapse", "death"))


def test_shares_of_ten_patients() -> None:
    curve = estimate_cumulative_incidence(ten())
    assert curve.times_days.tolist() == [2, 3, 5, 6, 9, 12]
    assert curve.at_risk.tolist() == [10, 7, 6, 4, 3, 1]
    assert curve.causes["relapse"].estimate == pytest.approx([float(x) for x in RELAPSE], rel=1e-14)
    assert curve.causes["death"].estimate == pytest.approx([float(x) for x in DEATH], rel=1e-14)
    assert curve.event_free.estimate == pytest.approx([float(x) for x in FREE], rel=1e-14)
    assert all(a + b + c == 1 for a, b, c in zip(RELAPSE, DEATH, FREE, strict=True))
    assert curve.time_to("relapse").value == 9  # exactly one half
    assert curve.time_to("death").value is None


def test_the_variance_at_day_5() -> None:
    """At day 2 a relapse counts S(0)(1 - h) / 10 and a death -S(0) h / 10, h = (F(5) - F(2)) / S(2) = 1/3; at day 5 a
    relapse counts S(2) / 6 = 2/15. Multinomial: ten at risk with shares 1/10, 1/10; six with share 1/3."""
    h = (RELAPSE[2] - RELAPSE[0]) / FREE[0]
    assert h == F(1, 3)
    own, other, share = 1 - h, -h, F(1, 10)
    mean = share * (own + other)
    day2 = (share * (own**2 + other**2) - mean**2) / 10
    day5 = F(8, 10) ** 2 * F(1, 3) * F(2, 3) / 6
    curve = estimate_cumulative_incidence(ten())
    assert curve.causes["relapse"].std_error[2] ** 2 == pytest.approx(float(day2 + day5), rel=1e-13)
    # Gray's form has each cause by itself, ties by (Y - d) / (Y - 1)
    gray = (own**2 + other**2) / 100 + F(8, 10) ** 2 / 36 * 2 * F(4, 5)
    curve = estimate_cumulative_incidence(ten(), variance="gray")
    assert curve.causes["relapse"].std_error[2] ** 2 == pytest.approx(float(gray), rel=1e-13)


def test_relapse_mortality_and_relapse_free_survival() -> None:
    three = estimate_relapse_nrm_rfs(ten(), [0, 2, 8, 100], relapse="relapse")
    assert three.relapse.estimate == pytest.approx([0, 0.1, 11 / 30, 0.5], rel=1e-14)
    assert three.non_relapse_mortality.estimate == pytest.approx([0, 0.1, 7 / 30, 7 / 30], rel=1e-14)
    assert three.relapse_free_survival.estimate == pytest.approx([1, 0.8, 0.4, 4 / 15], rel=1e-14)
    assert three.at_risk.tolist() == [10, 10, 3, 0]
    assert three.reached.tolist() == [True, True, True, False]


def test_gray_score_of_five_patients() -> None:
    """A: relapse at 1, death at 2. B: death at 1, relapse at 3, censored at 4.

    R(t) = Y (1 - F(t-)) / S(t-). At 1: R_A = 2, R_B = 3, one relapse: A has 1 - 2/5. At 3: A has nobody at risk, so
    that B has all of it: 1 - 1 = 0 for B, 0 for A. The score of A is 3/5.
    """
    test = gray_test(Episodes.of([1, 2, 1, 3, 4], [1, 2, 2, 1, 0], group=list("AABBB")))
    assert test.scores == pytest.approx([3 / 5, -3 / 5], rel=1e-14)
    assert test.events == (1, 1) and test.n == (2, 3)


def test_fine_gray_of_three_patients_is_a_quadratic() -> None:
    """x = 1: relapse at 2. x = 0: death at 1, relapse at 3. No censoring: the death stays in both risk sets.

    L = r / (r + 2) * 1 / 2, which rises for ever; with a fourth patient, x = 1, censored at 5, and r = exp(beta):
    L = r / (2 r + 2) * 1 / (r + 2), so that d log L / d beta = 1 - r / (r + 1) - r / (r + 2) = 0 gives r = sqrt(2).
    """
    fit = estimate_fine_gray(Episodes.of([2, 1, 3, 5], [1, 2, 1, 0], covariates={"x": [1, 0, 0, 1]}))
    assert fit.coefficients[0] == pytest.approx(np.log(2) / 2, rel=1e-12)
    r = np.sqrt(2)
    assert fit.loglik == pytest.approx(np.log(r / (2 * r + 2) / (r + 2)), rel=1e-14)
    # information: p (1 - p) with p = 2r / (2r + 2) and r / (r + 2)
    p, q = r / (r + 1), r / (r + 2)
    assert fit.information[0, 0] == pytest.approx(p * (1 - p) + q * (1 - q), rel=1e-12)
    assert fit.baseline_jumps == pytest.approx([1 / (2 * r + 2), 1 / (r + 2)], rel=1e-12)
    assert fit.predict([[1]], [2.5]) == pytest.approx(1 - np.exp(-r / (2 * r + 2)), rel=1e-12)


def test_a_death_counts_less_once_others_are_censored() -> None:
    """Death at 1, one of the other four censored at 2: at 3 the death has the weight G(3-) / G(1-) = 3/4."""
    rows = Episodes.of([1, 2, 3, 4, 4], [2, 0, 1, 0, 0], covariates={"x": [1, 0, 0, 1, 0]})
    fit = estimate_fine_gray(rows, variance="model")
    # at beta = 0: score = 0 - (3/4 + 1) / (3/4 + 3)
    assert fit.loglik_null == pytest.approx(-np.log(float(F(3, 4) + 3)), rel=1e-14)
    assert np.isneginf(fit.coefficients[0]) and fit.warnings


# Illness-death: six in remission. Day 1: a transplantation (6 at risk). Day 2: a death before, and another
# transplantation (5). Day 3: a death after transplantation, of 2. Day 4: a censoring in remission. Day 5: a death and a
# transplantation of the last two.
def six() -> Episodes:
    time = [3, 7, 2, 4, 5, 6]
    event = [1, 0, 1, 0, 1, 0]
    passing = [1, 2, np.nan, np.nan, np.nan, 5]
    return illness_death(time, event, passing, states=("remission", "transplanted"), ends=("dead",))


def test_illness_death_of_six_patients() -> None:
    states = estimate_states(six())
    assert states.states == ("remission", "transplanted", "dead")
    assert states.at_risk[:, 0].tolist() == [6, 5, 3, 3, 2, 0, 0]
    assert states.at_risk[:, 1].tolist() == [0, 1, 2, 1, 1, 2, 1]
    at = states.at([0, 1, 2, 3, 5, 7])
    remission = [F(1), F(5, 6), F(5, 6) * F(3, 5), F(1, 2), F(0), F(0)]
    transplanted = [F(0), F(1, 6), F(1, 6) + F(5, 6) * F(1, 5), F(1, 3) / 2, F(1, 6) + F(1, 2) / 2, F(5, 12)]
    assert at.probability[:, 0] == pytest.approx([float(x) for x in remission], abs=1e-15)
    assert at.probability[:, 1] == pytest.approx([float(x) for x in transplanted], rel=1e-14, abs=1e-15)
    assert at.probability[:, 2] == pytest.approx(
        [float(1 - a - b) for a, b in zip(remission, transplanted, strict=True)], rel=1e-14, abs=1e-15
    )
    # days in remission up to day 5: 1 + 5/6 + 1/2 * 3
    assert states.length_of_stay(5).days[0] == pytest.approx(float(F(1) + F(5, 6) + F(3, 2)), rel=1e-14)
    # remission at day 2 is Kaplan-Meier, its variance Greenwood's
    greenwood = remission[2] ** 2 * (F(1, 6 * 5) + F(2, 5 * 3))
    assert at.std_error[2, 0] ** 2 == pytest.approx(float(greenwood), rel=1e-13)


def test_transitions_of_six_patients() -> None:
    counts = count_transitions(six())
    assert counts.states == ("remission", "transplanted", "dead")
    assert counts.moves.tolist() == [[0, 3, 2], [0, 0, 1], [0, 0, 0]]
    assert counts.last_seen.tolist() == [1, 2, 3]
    assert counts.entered.tolist() == [6, 3, 3]
    hazard = estimate_states(six()).hazards["remission", "dead"]
    assert hazard.estimate[-1] == pytest.approx(float(F(1, 5) + F(1, 2)), rel=1e-14)
    assert hazard.aalen[-1] ** 2 == pytest.approx(float(F(1, 25) + F(1, 4)), rel=1e-14)
    assert hazard.greenwood[-1] ** 2 == pytest.approx(float(F(4, 125) + F(1, 8)), rel=1e-14)


def test_numbers_under_the_curve() -> None:
    assert {k: v.tolist() for k, v in count_at_risk(six(), [0, 1, 2, 3, 5, 8]).items()} == {
        "remission": [6, 6, 5, 3, 2, 0],
        "transplanted": [0, 0, 1, 2, 1, 0],
    }
