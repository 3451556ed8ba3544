"""Log-rank tests worked as fractions: every risk set is written down."""

from __future__ import annotations

from fractions import Fraction as F
from itertools import combinations
from math import comb, sqrt

import numpy as np
import pytest

from chartline.stats import Episodes, logrank_test, max_combo_test, permutation_logrank_test

FREIREICH_6MP = ((6, 1), (6, 1), (6, 1), (6, 0), (7, 1), (9, 0), (10, 1), (10, 0), (11, 0), (13, 1), (16, 1), (17, 0))
FREIREICH_6MP += ((19, 0), (20, 0), (22, 1), (23, 1), (25, 0), (32, 0), (32, 0), (34, 0), (35, 0))
FREIREICH_PLACEBO = (1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23)


def freireich() -> Episodes:
    rows = [(t, e, "6-MP") for t, e in FREIREICH_6MP] + [(t, 1, "placebo") for t in FREIREICH_PLACEBO]
    time, event, arm = zip(*rows, strict=True)
    return Episodes.of(time, event, group=arm)


# (n at risk, of them in B; events, of them in B) at each event time of:
#   A: 1, 3, 3+, 5      B: 2, 3, 4+, 6, 7+
RISK = ((9, 5, 1, 0), (8, 5, 1, 1), (7, 4, 2, 1), (3, 2, 1, 0), (2, 2, 1, 1))


def small() -> Episodes:
    return Episodes.of([1, 3, 3, 5, 2, 3, 4, 6, 7], [1, 1, 0, 1, 1, 1, 0, 1, 0], group=list("AAAABBBBB"))


def test_the_log_rank_test_with_a_tie_and_a_censoring_at_it() -> None:
    expected = sum(F(d * b, n) for n, b, d, _ in RISK)
    variance = sum(F(d * (n - d) * b * (n - b), n * n * (n - 1)) for n, b, d, _ in RISK)
    u = 3 - expected
    t = logrank_test(small())
    assert t.groups == ("A", "B") and t.events == (3, 3) and t.n == (4, 5)
    assert t.expected[1] == pytest.approx(float(expected), rel=1e-14)
    assert t.variance[1, 1] == pytest.approx(float(variance), rel=1e-14)
    assert t.chisq == pytest.approx(float(u * u / variance), rel=1e-14)
    assert t.z == pytest.approx(float(u) / sqrt(variance), rel=1e-14)


@pytest.mark.parametrize(
    ("weights", "w"),
    [
        ("gehan", (9, 8, 7, 3, 2)),
        # S(t-): 1, then times 8/9, 7/8, 5/7, 2/3
        ("peto", (F(1), F(8, 9), F(7, 9), F(5, 9), F(10, 27))),
        # S~(t): times 9/10, 8/9, 6/8, 3/4, 2/3
        ("peto_prentice", (F(9, 10), F(4, 5), F(3, 5), F(9, 20), F(3, 10))),
        ("peto_modified", (F(81, 100), F(32, 45), F(21, 40), F(27, 80), F(1, 5))),
        (("fleming_harrington", 0, 1), (F(0), F(1, 9), F(2, 9), F(4, 9), F(17, 27))),
        (("fleming_harrington", 1, 1), (F(0), F(8, 81), F(14, 81), F(20, 81), F(170, 729))),
    ],
)
def test_the_weighted_tests(weights: str, w: tuple[F, ...]) -> None:
    u = sum(F(k) * (F(hits) - F(d * b, n)) for k, (n, b, d, hits) in zip(w, RISK, strict=True))
    v = sum(F(k) ** 2 * F(d * (n - d) * b * (n - b), n * n * (n - 1)) for k, (n, b, d, _) in zip(w, RISK, strict=True))
    assert logrank_test(small(), weights).chisq == pytest.approx(float(u * u / v), rel=1e-13)


def test_trend_over_three_groups() -> None:
    # three patients, deaths at 1, 2, 3 in groups a, b, c; scores 0, 1, 2
    # risk sets {a, b, c}, {b, c}, {c}: mean scores 1, 3/2, 2; variances 2/3, 1/4, 0
    u = F(0 - 1) + (1 - F(3, 2)) + 0
    t = logrank_test(Episodes.of([1, 2, 3], [1, 1, 1], group=["a", "b", "c"]), trend=True)
    assert t.chisq == pytest.approx(float(u * u / (F(2, 3) + F(1, 4))), rel=1e-14)
    assert t.df == 1 and t.scores == (0, 1, 2) and t.z is not None and t.z < 0
    reverse = {"a": 12.0, "b": 7.0, "c": 2.0}  # the same scores turned round, moved and stretched
    again = logrank_test(Episodes.of([1, 2, 3], [1, 1, 1], group=["a", "b", "c"]), trend=reverse)
    assert again.z == pytest.approx(-t.z, rel=1e-14)


def test_two_strata_add() -> None:
    # stratum 1: A dies at 1 of {A, B}; stratum 2: B dies at 1 of {A, B, B}
    e = Episodes.of([1, 4, 3, 1, 2], [1, 0, 0, 1, 0], group=list("ABABB"), strata=[1, 1, 2, 2, 2])
    u, v = (0 - F(1, 2)) + (1 - F(2, 3)), F(1, 4) + F(2, 9)
    t = logrank_test(e)
    assert t.chisq == pytest.approx(float(u * u / v), rel=1e-14)
    assert t.expected_by_stratum == pytest.approx(np.array([[1 / 2, 1 / 2], [1 / 3, 2 / 3]]))
    assert t.method == "log-rank test, stratified (2 strata)"


def test_late_entry_leaves_the_early_risk_sets() -> None:
    # B enters at 2: the death of A at 1 is among {A, A}, that at 3 among {A, B}
    e = Episodes.of([1, 3, 5], [1, 1, 1], entry=[0, 0, 2], group=["A", "A", "B"])
    assert logrank_test(e).chisq == pytest.approx(float(F(1, 2) ** 2 / F(1, 4)), rel=1e-14)


def test_freireich() -> None:
    t = logrank_test(freireich())
    assert round(t.chisq, 5) == 16.79294  # Freireich 1963 as every textbook has it
    assert t.expected == pytest.approx([19.2505, 10.7495], abs=5e-5)
    # SAS PROC LIFETEST documentation of these data: Wilcoxon 13.4579, Tarone 15.1236, Peto 14.0841
    for weights, chisq in (("gehan", 13.4579), ("tarone_ware", 15.1236), ("peto_prentice", 14.0841)):
        assert round(logrank_test(freireich(), weights).chisq, 4) == chisq


def test_permutation_by_listing_every_deal() -> None:
    # scores: event - sum of d / n up to the end; deaths at 1, 2, 3 of 4 patients, one censored at 2
    h1, h2 = F(1, 4), F(1, 4) + F(1, 3)
    scores = (1 - h1, 1 - h2, -h2, 1 - (h2 + 1))
    assert sum(scores) == 0
    seen = scores[2] + scores[3]  # the group of the last two
    sums = [scores[i] + scores[j] for i, j in combinations(range(4), 2)]
    p = F(sum(abs(s) >= abs(seen) for s in sums), comb(4, 2))
    t = permutation_logrank_test(Episodes.of([1, 2, 2, 3], [1, 1, 0, 1], group=list("aabb")))
    assert (t.exact, t.splits, t.p) == (True, 6, pytest.approx(float(p), rel=1e-15))
    assert t.statistic == pytest.approx(float(seen), rel=1e-14)
    assert t.z == pytest.approx(float(seen) / sqrt(F(2 * 2, 4 * 3) * sum(s * s for s in scores)), rel=1e-14)


def test_two_max_combo_statistics_that_are_independent_would_multiply() -> None:
    from chartline.stats.comparison.max_combo import largest_tail

    inside = 0.95
    for r in (2, 3):
        assert largest_tail(1.959963984540054, np.eye(r))[0] == pytest.approx(1 - inside**r, rel=1e-10)
    tail, error = largest_tail(1.959963984540054, np.eye(4))
    assert abs(tail - (1 - inside**4)) <= error < 1e-4
    assert largest_tail(1.959963984540054, np.ones((4, 4)))[0] == pytest.approx(0.05, rel=1e-10)


def test_the_first_two_max_combo_statistics_of_freireich_are_those_of_the_single_tests() -> None:
    t = max_combo_test(freireich())
    for z, (rho, gamma) in zip(t.z, t.weights, strict=True):
        assert z == pytest.approx(logrank_test(freireich(), ("fleming_harrington", rho, gamma)).z, rel=1e-12)
    assert t.statistic == max(abs(t.z)) and max(t.p_single.min(), 0) <= t.p <= t.p_single.min() * 4
