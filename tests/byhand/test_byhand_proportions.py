"""Intervals and summaries that can be worked on paper."""

from __future__ import annotations

import math

import pytest

from chartline.stats.proportions.proportion import clopper_pearson, wilson
from chartline.stats.values.summary import quantile, summarise


def test_none_of_n_has_a_closed_form() -> None:
    # P(X = 0) = (1 - p)^n = 0.025
    for n in (1, 11, 32):
        i = clopper_pearson(0, n)
        assert (i.lower, i.upper) == (0, pytest.approx(1 - 0.025 ** (1 / n), rel=1e-14))
        full = clopper_pearson(n, n)
        assert (full.lower, full.upper) == (pytest.approx(0.025 ** (1 / n), rel=1e-14), 1)


def test_one_of_two() -> None:
    # lower: P(X >= 1) = 1 - (1-p)^2 = 0.025; upper: P(X <= 1) = 1 - p^2 = 0.025
    i = clopper_pearson(1, 2)
    assert (i.lower, i.upper) == pytest.approx((1 - math.sqrt(0.975), math.sqrt(0.975)), rel=1e-14)


def test_wilson_with_z_of_1() -> None:
    # level 0.6826894921370859 is z = 1. One of two: (1 + 1/2 -+ sqrt(1 x 1/2 + 1/4)) / 3
    i = wilson(1, 2, 0.6826894921370859)
    assert (i.lower, i.upper) == pytest.approx(((1.5 - math.sqrt(0.75)) / 3, (1.5 + math.sqrt(0.75)) / 3), rel=1e-14)


def test_a_numerator_that_cannot_be_is_refused() -> None:
    for n, total in ((-1, 3), (4, 3), (0, 0)):
        with pytest.raises(ValueError, match="not a proportion"):
            clopper_pearson(n, total)
    with pytest.raises(ValueError, match="not a confidence level"):
        wilson(1, 2, 95)


def test_a_small_summary() -> None:
    # 1, 2, 2, 3, 12: mean 4; squares 9+4+4+1+64 = 82, sd = sqrt(82/4); median 2; type 7 quartiles at ranks 2 and 4
    s = summarise({1: 1, 2: 2, 3: 1, 12: 1}, missing=4)
    assert (s.n, s.missing, s.mean, s.median, s.q1, s.q3, s.min, s.max) == (5, 4, 4, 2, 2, 3, 1, 12)
    assert s.sd == pytest.approx(math.sqrt(20.5), rel=1e-15)


def test_an_even_number_of_values() -> None:
    # 1, 2, 3, 4: median 5/2; type 7 lower quartile at rank 1 + 3/4: 1 + 0.75 x 1
    assert (quantile({1: 1, 2: 1, 3: 1, 4: 1}, 0.5), quantile({1: 1, 2: 1, 3: 1, 4: 1}, 0.25)) == (2.5, 1.75)
    # type 2 (SAS, many textbooks): n p = 1 is whole, so the mean of ranks 1 and 2
    assert quantile({1: 1, 2: 1, 3: 1, 4: 1}, 0.25, 2) == 1.5


def test_a_million_equal_values_are_one_row() -> None:
    s = summarise({2.5: 1_000_000})
    assert (s.mean, s.sd, s.median) == (2.5, 0.0, 2.5)
