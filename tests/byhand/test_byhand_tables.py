"""Tables that can be worked on paper, as fractions; and intervals as their papers printed them."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest

from chartline.stats.proportions.agreement import estimate_kappa
from chartline.stats.proportions.chi_square import likelihood_ratio_test, mcnemar_test, pearson_test
from chartline.stats.proportions.fisher import fisher_test
from chartline.stats.proportions.odds_ratio import exact_odds_ratio, woolf
from chartline.stats.proportions.proportion import agresti_coull, binomial_test, jeffreys, mid_p, wilson_continuity
from chartline.stats.proportions.standardised_difference import standardised_difference_of_levels
from chartline.stats.proportions.stratified import (
    breslow_day_test,
    exact_stratified_odds_ratio,
    mantel_haenszel,
    mantel_haenszel_test,
)
from chartline.stats.proportions.stratified_general import generalised_mantel_haenszel_test
from chartline.stats.proportions.trend import exact_trend_test, linear_by_linear_test, trend_test
from chartline.stats.proportions.two_proportions import katz, miettinen_nurminen_difference, newcombe, wald_difference
from chartline.stats.proportions.unconditional import barnard_test, boschloo_test

ONE_SD = 0.6826894921370859  # the level at which z is 1


def exactly(f: Fraction | float) -> object:
    return pytest.approx(float(f), rel=1e-12)


# Newcombe RG. Stat Med 1998;17:873-890, table II: n1, N1, n2, N2, then the limits of methods 1 (simple asymptotic),
# 5 (Mee), 6 (Miettinen-Nurminen), 10 (hybrid score) and 11 (with continuity correction), to four decimals
PRINTED = [
    ((56, 70, 48, 80), (0.0575, 0.3425), (0.0533, 0.3377), (0.0528, 0.3382), (0.0524, 0.3339), (0.0428, 0.3422)),
    ((9, 10, 3, 10), (0.2605, 0.9395), (0.1821, 0.8370), (0.1700, 0.8406), (0.1705, 0.8090), (0.1013, 0.8387)),
    ((0, 10, 0, 10), (0.0, 0.0), (-0.2775, 0.2775), (-0.2879, 0.2879), (-0.2775, 0.2775), (-0.3445, 0.3445)),
    ((10, 10, 0, 20), (1.0, 1.0), (0.7225, 1.0), (0.7156, 1.0), (0.6791, 1.0), (0.6014, 1.0)),
]


@pytest.mark.parametrize("row", PRINTED, ids=lambda r: "{}/{} and {}/{}".format(*r[0]))
def test_differences_as_newcombe_printed_them(row: tuple[tuple[int, ...], ...]) -> None:
    n1, total1, n2, total2 = row[0]
    found = [
        wald_difference(n1, total1, n2, total2),
        miettinen_nurminen_difference(n1, total1, n2, total2, correction=False),
        miettinen_nurminen_difference(n1, total1, n2, total2),
        newcombe(n1, total1, n2, total2),
        newcombe(n1, total1, n2, total2, continuity=True),
    ]
    assert [(round(f.lower, 4), round(f.upper, 4)) for f in found] == list(row[1:])


def test_intervals_of_one_of_two_with_z_of_1() -> None:
    # Agresti-Coull: (1 + 1/2) of (2 + 1), so 1/2 -+ sqrt(1/4 / 3)
    i = agresti_coull(1, 2, ONE_SD)
    assert (i.lower, i.upper) == (exactly(0.5 - math.sqrt(1 / 12)), exactly(0.5 + math.sqrt(1 / 12)))
    # Wilson with continuity: the lower bound is that of 1/2 of 2: (1/2 + 1/2 - sqrt(1/2 x 3/2 / 2 + 1/4)) / 3
    assert wilson_continuity(1, 2, ONE_SD).lower == exactly((1 - math.sqrt(5 / 8)) / 3)


def test_mid_p_of_none_and_of_one() -> None:
    # none of n: half of (1 - p)^n is 0.025
    assert mid_p(0, 11).upper == exactly(1 - 0.05 ** (1 / 11))
    # one of two, lower: p^2 + half of 2 p (1 - p) is p; so p = 0.025, and by symmetry 0.975 above
    i = mid_p(1, 2)
    assert (i.lower, i.upper) == (exactly(0.025), exactly(0.975))


def test_jeffreys_of_one_of_one() -> None:
    # beta(3/2, 1/2): with p = sin^2 t, P(beta <= p) = (2 t - sin 2t) / pi
    lower = jeffreys(1, 1).lower
    t = math.asin(math.sqrt(lower))
    assert (2 * t - math.sin(2 * t)) / math.pi == pytest.approx(0.025, rel=1e-12)


def test_five_heads_of_six() -> None:
    # above: 6/64 + 1/64; as unlikely on the other side: 1 and 0 heads, the same again
    t = binomial_test(5, 6)
    assert (t.p_greater, t.p, t.p_less) == (
        exactly(Fraction(7, 64)),
        exactly(Fraction(14, 64)),
        exactly(Fraction(63, 64)),
    )


def test_the_lady_tasting_tea() -> None:
    # 3 of 4 cups right: 1, 16, 36, 16, 1 of 70 selections give 0, 1, 2, 3, 4 right
    t = fisher_test([[3, 1], [1, 3]])
    assert (t.p_greater, t.p) == (exactly(Fraction(17, 70)), exactly(Fraction(34, 70)))
    assert t.p_mid == exactly(2 * Fraction(1 + 8, 70))
    # the estimate x solves (16 x + 72 x^2 + 48 x^3 + 4 x^4) = 3 (1 + 16 x + 36 x^2 + 16 x^3 + x^4)
    c = exact_odds_ratio(3, 4, 1, 4)
    x = c.estimate
    assert x**4 - 36 * x**2 - 32 * x - 3 == pytest.approx(0, abs=1e-9)
    # lower limit: 16 x^3 + x^4 is 0.025 of all
    low = c.lower
    total = 1 + 16 * low + 36 * low**2 + 16 * low**3 + low**4
    assert (16 * low**3 + low**4) / total == pytest.approx(0.025, rel=1e-10)


def test_fisher_of_two_by_three() -> None:
    # rows of 2, columns of 2, 1, 1: six selections of the first row; (2,0,0) and (0,1,1) have 1, the others 2
    assert fisher_test([[2, 0, 0], [0, 1, 1]]).p == exactly(Fraction(2, 6))
    assert fisher_test([[1, 1, 0], [1, 0, 1]]).p == 1


def test_unconditional_tests_of_one_against_one() -> None:
    # event against none: p (1 - p) is at most 1/4; both such tables 1/2. Fisher's two-sided p is 1, one-sided 1/2
    b = barnard_test(1, 1, 0, 1)
    assert (b.statistic, b.p, b.rate) == (exactly(math.sqrt(2)), exactly(0.5), pytest.approx(0.5, abs=1e-4))
    assert barnard_test(1, 1, 0, 1, "greater").p == exactly(0.25)
    assert boschloo_test(1, 1, 0, 1, "greater").p == exactly(0.25)
    assert boschloo_test(1, 1, 0, 1, "greater").statistic == exactly(0.5)
    assert boschloo_test(1, 1, 0, 1).p == 1
    assert boschloo_test(1, 1, 0, 1, two_sided="central").p == exactly(0.5)


def test_chi_square_of_two_by_two() -> None:
    # n (ad - bc)^2 / (row and column totals): 20 (8 x 6 - 2 x 4)^2 / (10 x 10 x 12 x 8)
    t = pearson_test([[8, 2], [4, 6]])
    assert (t.chisq, t.df) == (exactly(Fraction(20 * 40**2, 9600)), 1)
    # Yates: n (|ad - bc| - n/2)^2 / ...
    assert pearson_test([[8, 2], [4, 6]], continuity=True).chisq == exactly(Fraction(20 * 30**2, 9600))
    assert t.expected.tolist() == [[6, 4], [6, 4]]
    g = 2 * (8 * math.log(8 / 6) + 2 * math.log(2 / 4) + 4 * math.log(4 / 6) + 6 * math.log(6 / 4))
    assert likelihood_ratio_test([[8, 2], [4, 6]]).chisq == exactly(g)


def test_mcnemar_of_five_against_one() -> None:
    t = mcnemar_test([[20, 5], [1, 9]])
    assert (t.chisq, t.chisq_corrected, t.odds_ratio) == (exactly(Fraction(16, 6)), exactly(Fraction(9, 6)), 5)
    assert (t.p_exact, t.p_mid) == (exactly(Fraction(14, 64)), exactly(Fraction(8, 64)))


def test_bowker_of_three_levels() -> None:
    # (4-1)^2/5 + (2-2)^2/4 + (0-3)^2/3
    t = mcnemar_test([[9, 4, 2], [1, 9, 0], [2, 3, 9]])
    assert (t.chisq, t.df) == (exactly(Fraction(9, 5) + 3), 3)


def test_trend_over_three_doses() -> None:
    # 1, 2, 3 of 4 each, scores 1, 2, 3: sum x (s - 2) = 2; p q sum n (s - 2)^2 = 1/4 x 8 = 2; chi-square 2^2 / 2
    t = trend_test([1, 2, 3], [4, 4, 4])
    assert (t.chisq, t.z) == (exactly(2), exactly(math.sqrt(2)))
    # the same table by (n - 1) r^2 is smaller by (n - 1) / n
    assert linear_by_linear_test([[3, 1], [2, 2], [1, 3]]).chisq == exactly(2 * Fraction(11, 12))


def test_exact_trend_of_two_groups() -> None:
    # both events among the two of the second group: 1 of the 6 pairs of patients; only its mirror is as far
    t = exact_trend_test([0, 2], [2, 2])
    assert (t.statistic, t.expected) == (4, 3)
    assert (t.p_rising, t.p, t.p_falling) == (exactly(Fraction(1, 6)), exactly(Fraction(2, 6)), 1)


def test_two_strata() -> None:
    # a - E: 3 - 2 and 3 - 2; variance of each: 4 x 4 x 4 x 4 / (64 x 7)
    tables = [[[3, 1], [1, 3]]] * 2
    variance = 2 * Fraction(4**4, 64 * 7)
    assert mantel_haenszel_test(tables, continuity=False).chisq == exactly(4 / variance)
    assert mantel_haenszel_test(tables).chisq == exactly(Fraction(9, 4) / variance)
    assert generalised_mantel_haenszel_test(tables).chisq == exactly(4 / variance)
    pooled = mantel_haenszel(tables)  # (9/8 + 9/8) / (1/8 + 1/8)
    assert pooled.estimate == exactly(9)
    # Robins, Breslow, Greenland with P = 6/8, R = 9/8, S = 1/8 in both: of equal strata it is half of Woolf's variance
    assert pooled.std_error**2 == exactly(Fraction(1, 2) * (1 + 1 + Fraction(1, 3) + Fraction(1, 3)))
    assert mantel_haenszel(tables, "risk_difference").estimate == exactly(0.5)
    assert mantel_haenszel(tables, "risk_ratio").estimate == exactly(3)
    homogeneity = breslow_day_test(tables)
    assert (homogeneity.chisq, homogeneity.df) == (pytest.approx(0, abs=1e-20), 1)
    # the sum of two tastings: 6, 7 and 8 right in 2 x 1 x 36 + 16 x 16, 2 x 16 and 1 of 4900
    assert exact_stratified_odds_ratio(tables).p_greater == exactly(Fraction(328 + 32 + 1, 4900))


def test_kappa_of_fifty() -> None:
    # agree in 35 of 50; by chance (25 x 30 + 25 x 20) / 2500 = 1/2; kappa (0.7 - 0.5) / 0.5
    k = estimate_kappa([[20, 5], [10, 15]])
    assert (k.observed, k.expected, k.estimate) == (exactly(0.7), exactly(0.5), exactly(0.4))


def test_ratios_on_the_log_scale() -> None:
    # 6 of 10 against 2 of 10: logarithm's variance 1/6 - 1/10 + 1/2 - 1/10; odds ratio 12 with 1/6 + 1/4 + 1/2 + 1/8
    rr, oratio = katz(6, 10, 2, 10, ONE_SD), woolf(6, 10, 2, 10, ONE_SD)
    assert (rr.estimate, rr.upper) == (exactly(3), exactly(3 * math.exp(math.sqrt(7 / 15))))
    assert (oratio.estimate, oratio.lower) == (exactly(6), exactly(6 * math.exp(-math.sqrt(25 / 24))))


def test_standardised_difference_of_a_half_and_a_fifth() -> None:
    # (1/2 - 1/5) / sqrt((1/4 + 4/25) / 2)
    d = standardised_difference_of_levels([5, 5], [2, 8])
    assert d.value == exactly(0.3 / math.sqrt(0.205))
