"""Penalised and ordinary likelihoods, adjusted p values, E-values and pooled estimates that can be worked on paper."""

from __future__ import annotations

import math

import numpy as np
import pytest

from chartline.stats import (
    Episodes,
    Outcomes,
    adjust_p,
    e_value,
    estimate_firth_cox,
    estimate_firth_logistic,
    estimate_logistic,
    events_per_variable,
)

Z2 = 3.841458820694124 / 2  # half the 95 % quantile of chi-square with 1 df


def test_firth_with_two_subjects_is_log_3() -> None:
    # The first to die has x = 1, the second x = 0. Only the first death has anyone to be compared with. With
    # p = e^b / (e^b + 1):  L = p,  information = p (1 - p),  L* = p x p^1/2 (1 - p)^1/2 = p^3/2 (1 - p)^1/2.
    # d/dp of its logarithm: 3/(2p) - 1/(2(1-p)) = 0  =>  3 (1 - p) = p  =>  p = 3/4  =>  b = log 3.
    fit = estimate_firth_cox(Episodes.of([1, 2], [1, 1], covariates={"x": [1, 0]}))
    term = fit.terms[0]
    assert term.coef == pytest.approx(math.log(3), rel=1e-14)
    # information 3/4 x 1/4 = 3/16, so the error is 4 / sqrt 3
    assert term.se == pytest.approx(4 / math.sqrt(3), rel=1e-13)
    # log L* at the top: 3/2 log 3/4 + 1/2 log 1/4; at b = 0, p = 1/2: 2 log 1/2
    top = 1.5 * math.log(3 / 4) + 0.5 * math.log(1 / 4)
    assert fit.loglik == pytest.approx(top, rel=1e-14)
    assert term.chisq == pytest.approx(2 * (top - 2 * math.log(1 / 2)), rel=1e-13)  # = log(27 / 16)
    assert term.chisq == pytest.approx(math.log(27 / 16), rel=1e-13)
    assert term.p == pytest.approx(math.erfc(math.sqrt(math.log(27 / 16) / 2)), rel=1e-12)
    for limit in (term.lower, term.upper):
        p = 1 / (1 + math.exp(-limit))
        assert 1.5 * math.log(p) + 0.5 * math.log(1 - p) == pytest.approx(top - Z2, rel=1e-13)


def test_the_ordinary_estimate_of_these_two_is_infinite_and_the_other_order_is_minus_log_3() -> None:
    other = estimate_firth_cox(Episodes.of([1, 2], [1, 1], covariates={"x": [0, 1]}))
    assert other.terms[0].coef == pytest.approx(-math.log(3), rel=1e-14)


def test_one_event_among_a_with_and_b_without() -> None:
    # p = a e^b / (a e^b + c): again p = 3/4, so that e^b = 3 c / a. Here 2 with x, 5 without, the event with x.
    e = Episodes.of([1, 2, 2], [1, 0, 0], covariates={"x": [1, 1, 0]}, count=[1, 1, 5])
    assert estimate_firth_cox(e).terms[0].coef == pytest.approx(math.log(3 * 5 / 2), rel=1e-13)


def test_k_of_d_pairs_add_half_to_either_side() -> None:
    # d strata of one with and one without x; in k of them the one with x dies first. L* = p^k (1-p)^(d-k) (p (1-p))^1/2
    # => p = (k + 1/2) / (d + 1). For 5 of 7: 5.5 / 8, odds 11/5; for 400 of 600: 400.5 / 601, odds 801/401.
    for k, d, odds in ((5, 7, 11 / 5), (400, 600, 801 / 401)):
        x = [v for i in range(d) for v in ((1, 0) if i < k else (0, 1))]
        pair = [i for i in range(d) for _ in range(2)]
        fit = estimate_firth_cox(Episodes.of([1, 2] * d, [1] * (2 * d), covariates={"x": x}, strata=pair))
        assert fit.terms[0].coef == pytest.approx(math.log(odds), rel=1e-13)


def test_tied_deaths_as_breslow_and_efron_have_them() -> None:
    # Two die together, one with x and one without, nobody else. Breslow: L = p (1 - p) with p = e^b / (e^b + 1).
    # Efron: the second factor halves both weights, p the same. Both are symmetric: b = 0.
    e = Episodes.of([1, 1], [1, 1], covariates={"x": [1, 0]})
    for ties in ("breslow", "efron"):
        assert abs(estimate_firth_cox(e, ties=ties).terms[0].coef) < 1e-12  # type: ignore[arg-type]
    # Two with x die together, one without x survives. Breslow: p = 2u / (2u + 1), L = (p/2)^2, information 2 p (1 - p):
    # L* ~ p^2.5 (1 - p)^0.5 => p = 5/6 => u = 5/2. Efron: the second factor is of u and 1, not 2u and 1.
    e = Episodes.of([1, 1, 2], [1, 1, 0], covariates={"x": [1, 1, 0]})
    assert estimate_firth_cox(e).terms[0].coef == pytest.approx(math.log(5 / 2), rel=1e-13)

    def log_likelihood(b: float) -> float:
        p, q = 2 * math.exp(b) / (2 * math.exp(b) + 1), math.exp(b) / (math.exp(b) + 1)
        return math.log(p) + math.log(q) + math.log(p * (1 - p) + q * (1 - q)) / 2

    b = estimate_firth_cox(e, ties="efron").terms[0].coef
    assert log_likelihood(b) > max(log_likelihood(b - 1e-4), log_likelihood(b + 1e-4))


def test_firth_of_a_share_adds_half_to_either_side() -> None:
    # an intercept alone: L* = p^k (1-p)^(n-k) (p (1-p))^1/2  =>  p = (k + 1/2) / (n + 1); 0 of 9: 1/20
    fit = estimate_firth_logistic(Outcomes.of([0], count=[9]))
    assert fit.terms[0].coef == pytest.approx(math.log(1 / 19), rel=1e-13)


@pytest.mark.parametrize("cells", [(5, 3, 2, 7), (4, 0, 1, 6), (0, 8, 5, 0), (2000, 9, 3000, 4000)])
def test_firth_of_a_fourfold_table_adds_half_to_each_cell(cells: tuple[int, int, int, int]) -> None:
    a, b, c, d = cells  # with x: a had it, b not; without: c and d
    fit = estimate_firth_logistic(Outcomes.of([1, 0, 1, 0], {"x": [1, 1, 0, 0]}, count=cells))
    assert fit.terms[1].coef == pytest.approx(math.log((a + 0.5) * (d + 0.5) / ((b + 0.5) * (c + 0.5))), rel=1e-12)


def test_the_ordinary_odds_ratio_of_a_fourfold_table() -> None:
    a, b, c, d = 12, 5, 4, 11
    fit = estimate_logistic(Outcomes.of([1, 0, 1, 0], {"x": [1, 1, 0, 0]}, count=[a, b, c, d]), interval="wald")
    assert fit.coef == pytest.approx([math.log(c / d), math.log(a * d / (b * c))], rel=1e-13)
    assert fit.se[1] == pytest.approx(math.sqrt(1 / a + 1 / b + 1 / c + 1 / d), rel=1e-13)  # Woolf
    full = sum(k * math.log(k / n) for k, n in ((a, 17), (b, 17), (c, 15), (d, 15)))
    assert fit.deviance == pytest.approx(-2 * full, rel=1e-13)
    assert fit.null_deviance == pytest.approx(-2 * 16 * math.log(1 / 2) * 2, rel=1e-13)  # 16 of 32


def test_adjusted_p_values() -> None:
    p = [0.01, 0.04, 0.03, 0.005]  # in order: 0.005 0.01 0.03 0.04
    assert adjust_p(p, "bonferroni") == pytest.approx([0.04, 0.16, 0.12, 0.02])
    # Holm: 4 x 0.005, 3 x 0.01, 2 x 0.03, then 1 x 0.04 which may not be less than 0.06
    assert adjust_p(p, "holm") == pytest.approx([0.03, 0.06, 0.06, 0.02])
    # Hochberg, from the largest: 0.04, min(0.04, 2 x 0.03), min(0.04, 3 x 0.01), min(0.03, 4 x 0.005)
    assert adjust_p(p, "hochberg") == pytest.approx([0.03, 0.04, 0.04, 0.02])
    # Benjamini-Hochberg: 4/4 x 0.04, 4/3 x 0.03, 4/2 x 0.01, 4/1 x 0.005
    assert adjust_p(p, "benjamini_hochberg") == pytest.approx([0.02, 0.04, 0.04, 0.02])
    assert np.isnan(adjust_p([0.5, None], "holm")[1])


def test_e_values() -> None:
    # RR 2: 2 + sqrt(2 x 1); its limit 1.25: 1.25 + sqrt(1.25 x 0.25)
    e = e_value(2, 1.25, 3.2, measure="risk ratio")
    assert (e.value, e.limit, e.nearest) == (2 + math.sqrt(2), 1.25 + math.sqrt(0.3125), "lower")
    # protective: 1 / 0.5 = 2, and the upper limit counts
    assert e_value(0.5, 0.2, 0.8, measure="risk ratio").limit == pytest.approx(1.25 + math.sqrt(0.3125), rel=1e-15)
    # an odds ratio of 4 of a common outcome is a risk ratio of 2; a hazard ratio of 1 is one of 1
    assert e_value(4, measure="odds ratio").value == 2 + math.sqrt(2)
    assert e_value(4, measure="odds ratio", rare=True).value == 4 + math.sqrt(12)
    assert e_value(1, 0.5, 2, measure="hazard ratio").value == 1
    # HR 4: (1 - 0.5^2) / (1 - 0.5^(1/2))
    assert e_value(4, measure="hazard ratio").risk_ratio == pytest.approx(0.75 / (1 - math.sqrt(0.5)), rel=1e-15)
    assert e_value(2, 0.9, 4.4, measure="risk ratio").limit == 1


def test_23_deaths_bear_two_covariates() -> None:
    found = events_per_variable(23, 3)
    assert (found.most, found.verdict) == (2, "few")
    assert (
        found.sentence == "23 events for 3 coefficients, fewer than 10 each: at 10 events each the data bear at most 2"
    )
    assert events_per_variable(23, 2).verdict == "enough"
    assert events_per_variable(23, 5).verdict == "too few"
    assert events_per_variable(4, 1).sentence == (
        "4 events for 1 coefficient, fewer than 5 each: fewer than 10 events in all"
    )
