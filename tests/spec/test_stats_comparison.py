"""Tests of curves at the edge: what cannot be computed says why, and nothing is a silent number."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from chartline.stats import Episodes, logrank_test, max_combo_test, permutation_logrank_test
from chartline.stats.statistic import NotEstimable

TESTS = (logrank_test, max_combo_test, permutation_logrank_test)
WEIGHTS: Any = (
    *("logrank", "gehan", "tarone_ware", "peto", "peto_prentice", "peto_modified"),
    ("fleming_harrington", 0, 1),
)


@pytest.mark.parametrize("test", TESTS)
def test_no_event(test: Any) -> None:
    with pytest.raises(NotEstimable, match=r"^no events$"):
        test(Episodes.of([3, 5, 8], [0, 0, 0], group=["a", "b", "b"]))


@pytest.mark.parametrize("test", TESTS)
def test_nobody(test: Any) -> None:
    with pytest.raises(NotEstimable, match="one group only"):
        test(Episodes.of([], [], group=[]))


@pytest.mark.parametrize("test", TESTS)
def test_one_group(test: Any) -> None:
    with pytest.raises(NotEstimable, match="there is one group only"):
        test(Episodes.of([3, 5], [1, 0], group=["a", "a"]))


@pytest.mark.parametrize("test", TESTS)
def test_one_patient(test: Any) -> None:
    with pytest.raises(NotEstimable, match="there is one group only"):
        test(Episodes.of([3], [1], group=["a"]))


@pytest.mark.parametrize(
    ("time", "event", "entry", "says"),
    [
        ([4, 4, 4], [1, 1, 1], None, "while"),  # all die together: nothing is left to chance
        ([2, 5, 7], [1, 0, 0], [0, 2, 2], "while"),  # the only death is before the other group is there
    ],
)
def test_events_but_never_two_groups_at_risk(time: Any, event: Any, entry: Any, says: str) -> None:
    e = Episodes.of(time, event, entry=entry, group=["a", "b", "b"])
    for test in (logrank_test, max_combo_test):
        with pytest.raises(NotEstimable, match=f"no event happened {says}"):
            test(e)
    with pytest.raises(NotEstimable, match="every way to deal the patients to the groups gives the same statistic"):
        permutation_logrank_test(Episodes.of([4, 4, 4], [1, 1, 1], group=["a", "b", "b"]))


def test_one_event_of_two_patients() -> None:
    t = logrank_test(Episodes.of([3, 5], [1, 0], group=["a", "b"]))
    assert (t.chisq, t.df, t.z) == (1, 1, -1)
    p = permutation_logrank_test(Episodes.of([3, 5], [1, 0], group=["a", "b"]))
    assert (p.p, p.splits) == (1, 2)  # both deals are as extreme


@pytest.mark.parametrize("weights", WEIGHTS)
def test_the_death_of_the_last_at_risk_adds_nothing(weights: Any) -> None:
    short = Episodes.of([3, 4, 5, 9], [1, 1, 0, 0], group=list("abab"))
    long = Episodes.of([3, 4, 5, 9], [1, 1, 0, 1], group=list("abab"))
    assert logrank_test(long, weights).chisq == pytest.approx(logrank_test(short, weights).chisq, rel=1e-14)


def test_a_group_that_is_never_compared_is_left_out_and_named() -> None:
    e = Episodes.of([3, 4, 6, 2, 2], [1, 1, 0, 0, 0], group=list("abbcc"))  # c has left before the first death
    t = logrank_test(e)
    assert t.df == 1
    assert t.chisq == pytest.approx(logrank_test(e.select(e.group < 2)).chisq, rel=1e-14)
    assert t.warnings == ("group c is not compared: at no event was it at risk together with another group",)


def test_groups_that_never_meet_are_compared_in_pairs() -> None:
    # a and b are followed before day 10, c and d after it
    e = Episodes.of([2, 5, 9, 12, 15, 19], [1, 0, 0, 1, 0, 0], entry=[0, 0, 0, 10, 10, 10], group=list("abbcdd"))
    t = logrank_test(e)
    assert t.df == 2
    assert t.chisq == pytest.approx(2 * (2 / 3) ** 2 / (2 / 9), rel=1e-14)


def test_an_empty_group_with_counts_of_zero() -> None:
    t = logrank_test(Episodes.of([3, 5, 8], [1, 1, 0], group=["a", "b", "c"], count=[2, 2, 0]))
    assert t.n == (2, 2, 0) and t.df == 1
    assert t.warnings[0].startswith("group c is not compared")


def test_day_0_events_count() -> None:
    t = logrank_test(Episodes.of([0, 0, 3], [1, 0, 1], group=["a", "b", "b"]))
    assert t.expected[0] == pytest.approx(1 / 3)


def test_all_events_on_the_first_day_leave_late_weights_nothing() -> None:
    e = Episodes.of([4, 4, 9, 9], [1, 1, 0, 0], group=list("aabb"))
    with pytest.raises(NotEstimable, match="no event happened"):
        logrank_test(e, ("fleming_harrington", 0, 1))
    t = max_combo_test(e)
    assert t.weights == ((0, 0), (1, 0)) and t.p == pytest.approx(logrank_test(e).p, rel=1e-12)  # both are the log-rank
    assert t.warnings == tuple(
        f"weights rho {rho}, gamma 1 are 0 at every event while both groups were at risk: left out" for rho in (0, 1)
    )


def test_weights_of_survival_after_everyone_died_early() -> None:
    # with late entry everyone at risk may die while others come later: S is 0 from then on, and so are the weights
    e = Episodes.of([2, 2, 8, 9, 9], [1, 1, 1, 0, 0], entry=[0, 0, 3, 3, 3], group=list("abaab"))
    assert logrank_test(e).df == 1
    with pytest.raises(NotEstimable):
        logrank_test(e, "peto")  # nothing before it was left to chance
    e = Episodes.of([1, 2, 8, 9, 9], [1, 1, 1, 0, 0], entry=[0, 0, 3, 3, 3], group=list("abaab"))
    t = logrank_test(e, "peto")
    assert t.warnings == ("everyone at risk had the event before time 8, so that later events have weight 0",)


def test_ten_million_days_and_ten_million_patients() -> None:
    e = Episodes.of([10**7, 2 * 10**7, 10**7 + 1], [1, 0, 1], group=["a", "a", "b"], count=[10**6, 10**7, 10**6])
    t = logrank_test(e)
    assert t.n == (11 * 10**6, 10**6) and math.isfinite(t.chisq) and t.p == 0
    # fractions: 10^6 of 12 10^6, of whom 10^6 are in b; then 10^6 of 11 10^6
    expected = 10**6 / 12 + 10**6 / 11
    assert t.expected[1] == pytest.approx(expected, rel=1e-14)


def test_events_of_one_cause_with_the_others_censored() -> None:
    time, status, group = [2, 3, 4, 6], [1, 2, 1, 0], list("abab")
    one = logrank_test(Episodes.of(time, status, group=group, causes=("relapse", "death")), cause="relapse")
    assert one.chisq == logrank_test(Episodes.of(time, [1, 0, 1, 0], group=group)).chisq
    assert one.method == "log-rank test, other causes than relapse censored"
    with pytest.raises(ValueError, match="there is no cause 3"):
        logrank_test(Episodes.of(time, status, group=group), cause=3)


def test_strata_can_be_ignored() -> None:
    e = Episodes.of([1, 2, 3, 4], [1, 1, 1, 0], group=list("abab"), strata=[1, 1, 2, 2])
    plain = Episodes.of([1, 2, 3, 4], [1, 1, 1, 0], group=list("abab"))
    assert logrank_test(e, stratified=False).chisq == logrank_test(plain).chisq
    assert logrank_test(e).chisq != logrank_test(plain).chisq
    assert logrank_test(e, stratified=False).strata == ("",)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"weights": "wilcoxon"}, "not weights: wilcoxon"),
        ({"weights": "fleming_harrington"}, "not weights"),
        ({"weights": ("fleming_harrington", -1, 0)}, "rho and gamma"),
        ({"trend": [1, 2, 3]}, "3 scores for 2 groups"),
        ({"trend": [1, 1]}, "not all equal"),
        ({"trend": [0, math.inf]}, "finite"),
        ({"trend": {"a": 0, "c": 1}}, "scores for a, c; the groups are a, b"),
    ],
)
def test_a_wrong_call_is_refused(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says) as refused:
        logrank_test(Episodes.of([1, 2, 3], [1, 1, 0], group=list("aba")), **arguments)
    assert not isinstance(refused.value, NotEstimable)


def test_a_trend_needs_different_scores_at_risk_together() -> None:
    # a and b have the same score, and c is never there at an event
    e = Episodes.of([3, 4, 6, 2], [1, 1, 0, 0], group=list("abbc"))
    with pytest.raises(NotEstimable, match="two groups with different scores"):
        logrank_test(e, trend=[0, 0, 1])


def test_max_combo_compares_two_groups() -> None:
    with pytest.raises(ValueError, match="compares two groups"):
        max_combo_test(Episodes.of([1, 2, 3], [1, 1, 0], group=list("abc")))
    with pytest.raises(ValueError, match="at least one pair"):
        max_combo_test(Episodes.of([1, 2, 3], [1, 1, 0], group=list("aba")), ())


def test_max_combo_of_crossing_curves_finds_what_the_log_rank_test_misses() -> None:
    early = [*range(1, 28), *range(70, 83)]  # most die early, the others live long
    late = list(range(28, 68))
    e = Episodes.of([*early, *late], [1] * 80, group=["a"] * 40 + ["b"] * 40)
    assert logrank_test(e).p > 0.05
    t = max_combo_test(e)
    assert t.p < 0.001 and t.largest == (0, 1) and t.p_error < 1e-9 * t.p


def test_too_many_statistics_that_do_not_depend_on_each_other() -> None:
    pairs = tuple((float(i), float(j)) for i in range(4) for j in range(4))
    e = Episodes.of(range(1, 41), [1] * 40, group=["a", "b"] * 20)
    with pytest.raises(ValueError, match="more than four"):
        max_combo_test(e, pairs)


def test_permutation_says_how_it_was_done() -> None:
    e = Episodes.of([1, 3, 4, 6, 7, 9], [1, 0, 1, 1, 0, 1], group=list("aababb"))
    exact = permutation_logrank_test(e)
    assert exact.method == "permutation log-rank test, exact"
    assert (exact.exact, exact.splits, exact.error, exact.seed, exact.resamples) == (True, 20, 0, None, None)
    dealt = permutation_logrank_test(e, method="monte_carlo", resamples=999, seed=7)
    assert dealt.method == "permutation log-rank test, 999 random deals, seed 7"
    assert dealt.error == pytest.approx(math.sqrt(dealt.p * (1 - dealt.p) / 999))
    assert dealt.p >= 1 / 1000  # never 0: the deal that was seen is one of them


def test_permutation_of_many_is_dealt_at_random_and_of_three_groups_always() -> None:
    r = np.random.default_rng(1)
    time, event = r.exponential(size=200), r.integers(0, 2, 200)
    many = permutation_logrank_test(Episodes.of(time, event, group=r.integers(0, 2, 200)), resamples=500)
    assert not many.exact and many.resamples == 500
    three = Episodes.of([1, 2, 3, 4], [1, 1, 1, 0], group=list("abca"))
    assert permutation_logrank_test(three, resamples=500).z is None
    with pytest.raises(ValueError, match="use monte_carlo"):
        permutation_logrank_test(three, method="exact")
    with pytest.raises(ValueError, match="at least one random deal"):
        permutation_logrank_test(three, resamples=0)


def test_thirty_two_patients_are_exact() -> None:
    r = np.random.default_rng(2)
    t = permutation_logrank_test(Episodes.of(r.permutation(32), [1] * 32, group=[0, 1] * 16))
    assert t.exact and t.splits == math.comb(32, 16)


def test_far_more_strata_and_days_than_patients() -> None:
    r = np.random.default_rng(3)
    time, event, group = r.integers(1, 10**7, 2400), r.integers(0, 2, 2400), r.integers(0, 2, 2400)
    one = Episodes.of(time, event, group=group, strata=r.permutation(2400) // 2 * 2 + 7)  # pairs
    half = one.select(one.stratum < 200)  # few enough rows for the other way of counting
    assert logrank_test(half).events == tuple(int(((half.status > 0) & (half.group == g)).sum()) for g in (0, 1))
    pairs = logrank_test(one)
    assert pairs.observed_by_stratum[:200].sum() == logrank_test(half).observed.sum()
    assert pairs.expected_by_stratum[:200].sum(axis=0) == pytest.approx(logrank_test(half).expected, rel=1e-12)
