"""Transplantation on the way, worked by hand: five patients, one transplanted on day 2, one on day 4."""

from __future__ import annotations

from fractions import Fraction as F

import numpy as np
import pytest

from chartline.stats import (
    estimate_simon_makuch,
    landmark_data,
    landmark_test,
    mantel_byar_test,
    naive_comparison,
    split_at,
)

NEVER = np.nan
TIME, DEATH = [1, 3, 5, 6, 8], [1, 1, 1, 0, 1]
AT = [NEVER, NEVER, 2, 4, NEVER]
# deaths:  day 1 not yet of 5 not yet;                     day 3 not yet of {2 transplanted..., }
# at risk  day 1: 5 not yet, 0 after; day 3: 3 not yet (patients 2, 4, 5), 1 after (3)
#          day 5: 1 not yet (5), 2 after (3, 4); day 8: 1 not yet (5)


def test_each_patient_counts_as_not_yet_until_the_day_and_as_after_from_then_on() -> None:
    e = split_at(TIME, DEATH, AT)
    rows = sorted(zip(e.exit, np.maximum(e.entry, 0), e.status, e.group, strict=True))
    assert rows == [(1, 0, 1, 0), (2, 0, 0, 0), (3, 0, 1, 0), (4, 0, 0, 0), (5, 2, 1, 1), (6, 4, 0, 1), (8, 0, 1, 0)]
    assert e.covariates == ("transplanted",) and e.x[:, 0].tolist() == e.group.tolist()


def test_mantel_byar() -> None:
    expected = F(1, 4) + F(2, 3)  # of "after", on days 3 and 5
    variance = F(1, 4) * F(3, 4) + F(2, 3) * F(1, 3)
    t = mantel_byar_test(split_at(TIME, DEATH, AT))
    assert t.groups == ("not yet", "after") and t.events == (3, 1) and t.n == (5, 2)
    assert t.expected[1] == pytest.approx(float(expected), rel=1e-14)
    assert t.chisq == pytest.approx(float((1 - expected) ** 2 / variance), rel=1e-14)


def test_simon_makuch() -> None:
    curves = estimate_simon_makuch(split_at(TIME, DEATH, AT)).curves
    assert curves["not yet"].times_days == (1, 2, 3, 4, 8)
    assert curves["not yet"].at_risk == (5, 4, 3, 2, 1)
    assert curves["not yet"].survival == pytest.approx([4 / 5, 4 / 5, 8 / 15, 8 / 15, 0])
    assert curves["after"].times_days == (5, 6)
    assert curves["after"].at_risk == (2, 1)
    assert curves["after"].survival == pytest.approx([1 / 2, 1 / 2])


def test_simon_makuch_from_a_landmark_starts_there() -> None:
    curves = estimate_simon_makuch(split_at(TIME, DEATH, AT), landmark=3).curves
    assert curves["not yet"].times_days == (4, 8)  # who died on day 3 is not at risk after it
    assert curves["not yet"].at_risk == (2, 1)
    assert curves["after"].survival == pytest.approx([1 / 2, 1 / 2])


def test_landmark_at_day_3() -> None:
    data = landmark_data(TIME, DEATH, AT, 3)
    # left by day 3: two deaths; of the other three one was transplanted by then
    assert (data.n, data.n_by, data.n_not) == (3, 1, 2)
    assert (data.n_excluded, data.excluded_events, data.excluded_censored) == (2, 2, 0)
    assert sorted(data.episodes.exit) == [2, 3, 5]  # from the landmark
    # deaths on day 2 (the transplanted, of 3) and day 5 (of 1 alone)
    assert landmark_test(data).test.chisq == pytest.approx(float((1 - F(1, 3)) ** 2 / F(2, 9)), rel=1e-14)


def test_the_naive_comparison_says_what_it_is() -> None:
    found = naive_comparison(TIME, DEATH, AT)
    # ever: patients 3 and 4, never: 1, 2, 5; deaths on days 1 {5 of whom 2 ever}, 3 {4, 2}, 5 {3, 2}, 8 {1, 0}
    expected = F(2, 5) + F(2, 4) + F(2, 3)
    variance = F(2, 5) * F(3, 5) + F(1, 4) + F(2, 9)
    assert found.label == "biased: immortal time"
    assert found.test.chisq == pytest.approx(float((1 - expected) ** 2 / variance), rel=1e-14)
    assert (found.immortal_time, found.person_time_ever) == (2 + 4, 5 + 6)
