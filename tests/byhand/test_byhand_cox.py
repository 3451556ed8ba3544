"""Cox models that can be worked on paper: the hazard ratio solves a quadratic equation."""

from __future__ import annotations

import math
from fractions import Fraction as F

import numpy as np
import pytest

from chartline.stats import (
    Episodes,
    baseline_hazard,
    estimate_concordance,
    estimate_cox,
    fit_spline,
    logrank_test,
    martingale_residuals,
    nested_test,
    predict_survival,
    schoenfeld_residuals,
    score_concordance,
)
from chartline.verify.cases import shipped_data


def freireich(**more: object) -> Episodes:
    d = shipped_data("freireich")
    columns = {name: np.array(values) for name, values in d.items()}
    options = {"strata": columns["pair"]} if more.get("pairs") else {"group": columns["arm"]}
    return Episodes.of(
        columns["weeks"],
        columns["relapse"],
        covariates={"arm": columns["arm"]},
        reference={"arm": "placebo"},
        **options,
    )


@pytest.mark.parametrize(("ties", "published"), [("efron", -1.57213), ("breslow", -1.50919), ("exact", -1.62824)])
def test_freireich_under_each_rule_of_ties(ties: str, published: float) -> None:
    assert float(estimate_cox(freireich(), ties=ties).coefficients[0]) == pytest.approx(published, abs=5e-6)


def test_the_score_test_with_exact_ties_is_the_logrank_test() -> None:
    score = estimate_cox(freireich(), ties="exact").score
    assert score.chisq == pytest.approx(16.79294, abs=5e-6)
    assert score.chisq == pytest.approx(logrank_test(freireich()).chisq, rel=1e-12)


def test_pairs_are_decided_by_18_against_3() -> None:
    # in 18 pairs the first relapse was on placebo, in 3 on 6-MP: odds 6, and McNemar's chi-square as score test
    fit = estimate_cox(freireich(pairs=True))
    assert float(fit.hazard_ratios[0]) == pytest.approx(1 / 6, rel=1e-12)
    assert fit.score.chisq == pytest.approx(float(F((18 - 3) ** 2, 18 + 3)), rel=1e-12)
    assert float(fit.std_errors[0]) == pytest.approx(math.sqrt(1 / 18 + 1 / 3), rel=1e-12)


# Four patients with events on days 1 to 4, exposed 1, 0, 1, 0; with r the hazard ratio the likelihood is
# r / (2r + 2) x 1 / (r + 2) x r / (r + 1), greatest where r^2 - r - 4 = 0.
FOUR = Episodes.of([1, 2, 3, 4], [1, 1, 1, 1], covariates={"x": [1, 0, 1, 0]})
R4 = (1 + math.sqrt(17)) / 2


def test_four_patients() -> None:
    fit = estimate_cox(FOUR)
    assert float(fit.hazard_ratios[0]) == pytest.approx(R4, rel=1e-12)
    assert fit.loglik_null == pytest.approx(-math.log(24), rel=1e-14)
    likelihood = R4 / (2 * R4 + 2) / (R4 + 2) * R4 / (R4 + 1)
    assert fit.loglik == pytest.approx(math.log(likelihood), rel=1e-13)
    u, i = 2 - F(1, 2) - F(1, 3) - F(1, 2), F(1, 4) + F(2, 9) + F(1, 4)  # score and information at no effect
    assert fit.score.chisq == pytest.approx(float(u * u / i), rel=1e-13)
    p = [R4 / (R4 + 1), R4 / (R4 + 2), R4 / (R4 + 1)]
    information = sum(q * (1 - q) for q in p)
    assert float(fit.variance[0, 0]) == pytest.approx(1 / information, rel=1e-12)
    assert fit.wald.chisq == pytest.approx(math.log(R4) ** 2 * information, rel=1e-12)
    assert fit.likelihood_ratio.chisq == pytest.approx(2 * (math.log(likelihood) + math.log(24)), rel=1e-12)


def test_baseline_hazard_and_residuals_of_the_four() -> None:
    fit = estimate_cox(FOUR)
    steps = [1 / (2 * R4 + 2), 1 / (R4 + 2), 1 / (R4 + 1), 1.0]
    (curve,) = baseline_hazard(fit)
    assert list(curve.cumulative_hazard) == pytest.approx(list(np.cumsum(steps)), rel=1e-12)
    (exposed,) = predict_survival(fit, {"x": 1})
    assert list(exposed.survival) == pytest.approx(list(np.exp(-R4 * np.cumsum(steps))), rel=1e-12)
    assert exposed.at([0.5, 2.5])[:, 0] == pytest.approx([1, math.exp(-R4 * sum(steps[:2]))], rel=1e-12)
    expected = [1 - steps[0] * R4, 1 - sum(steps[:2]), 1 - R4 * sum(steps[:3]), 1 - sum(steps)]
    assert list(martingale_residuals(fit)) == pytest.approx(expected, rel=1e-10, abs=1e-13)
    means = [R4 / (R4 + 1), R4 / (R4 + 2), R4 / (R4 + 1), 0]
    assert list(schoenfeld_residuals(fit).residuals[:, 0]) == pytest.approx(
        [1 - means[0], -means[1], 1 - means[2], 0], abs=1e-12
    )


# Two of five have the event on one day, one of two exposed and one of three not: Breslow's likelihood is
# r / (2r + 3)^2, Efron's r / ((2r + 3)(2r + 3 - (r + 1) / 2)), the exact one r / (r^2 + 6r + 3).
TIED = {"time": [1, 1, 2, 2, 2], "event": [1, 1, 0, 0, 0], "covariates": {"x": [1, 0, 1, 0, 0]}}


@pytest.mark.parametrize(("ties", "ratio"), [("breslow", 1.5), ("efron", math.sqrt(2.5)), ("exact", math.sqrt(3))])
def test_two_tied_events(ties: str, ratio: float) -> None:
    fit = estimate_cox(Episodes.of(**TIED), ties=ties)
    assert float(fit.hazard_ratios[0]) == pytest.approx(ratio, rel=1e-11)
    r = ratio
    likelihood = {
        "breslow": r / (2 * r + 3) ** 2,
        "efron": r / ((2 * r + 3) * (1.5 * r + 2.5)),
        "exact": r / (r * r + 6 * r + 3),
    }
    assert fit.loglik == pytest.approx(math.log(likelihood[ties]), rel=1e-12)


def test_counts_are_separate_patients_under_efron() -> None:
    # the same five, as rows that count two patients: three kinds of patient, not weights
    rows = {"time": [1, 1, 2, 2], "event": [1, 1, 0, 0], "covariates": {"x": [1, 0, 1, 0]}}
    counted = estimate_cox(Episodes.of(**rows, count=[1, 1, 1, 2]))
    assert float(counted.hazard_ratios[0]) == pytest.approx(math.sqrt(2.5), rel=1e-11)
    # both tied events in one row: 1 / ((2r + 3)(2r + 3 - 1)) x r^0 has no maximum, exposed all survive
    alone = estimate_cox(Episodes.of([1, 2], [1, 0], covariates={"x": [0, 1]}, count=[2, 2]))
    assert alone.coefficients[0] == -math.inf


def test_concordance_of_five_patients() -> None:
    # events at 1 (score 3), 2 (score 1), 2 (score 2); censored at 2 (score 2) and 3 (score 1)
    episodes = Episodes.of([1, 2, 2, 2, 3], [1, 1, 1, 0, 0])
    c = score_concordance(episodes, [3, 1, 2, 2, 1])
    # score 3 against four lower: 4 agree; score 1: one differs, one is tied; score 2: one is tied, one agrees
    assert (c.concordant, c.discordant, c.tied_score, c.tied_time, c.tied_both) == (5, 1, 2, 1, 0)
    assert c.value == pytest.approx(float(F(5 * 2 + 2, 8 * 2)), rel=1e-15)


def test_concordance_of_the_four() -> None:
    c = estimate_concordance(estimate_cox(FOUR))
    # pairs that differ in exposure: 1-2, 1-4, 3-4 agree, 2-3 differs; 1-3 and 2-4 have equal scores
    assert (c.concordant, c.discordant, c.tied_score) == (3, 1, 2)
    assert c.value == pytest.approx(4 / 6, rel=1e-15)


def test_a_spline_of_one_degree_of_freedom_is_a_straight_line() -> None:
    x = np.array([1.0, 4, 2, 8, 5, 7])
    line = fit_spline(x, 1)
    b = line.basis([0.0, 1.0, 3.0, 8.0, 10.0])[:, 0]
    assert np.diff(b) / np.diff([0.0, 1.0, 3.0, 8.0, 10.0]) == pytest.approx(np.full(4, b[3] / 7), rel=1e-12)
    t, e = [5, 3, 6, 2, 4, 1], [1, 1, 0, 1, 1, 1]
    straight = estimate_cox(Episodes.of(t, e, covariates={"x": x}))
    curved = estimate_cox(Episodes.of(t, e, covariates={"x": line.basis(x)}))
    assert curved.loglik == pytest.approx(straight.loglik, rel=1e-12)
    with pytest.raises(ValueError, match="no more covariates"):
        nested_test(straight, curved)
