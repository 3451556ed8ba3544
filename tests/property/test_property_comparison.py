"""Tests of curves: a slow obvious second implementation, and what must change nothing."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction as F
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chartline.counts.model import CountKey, EventTable
from chartline.stats import Episodes, logrank_test, max_combo_test, permutation_logrank_test
from chartline.stats.comparison.max_combo import largest_tail
from chartline.stats.statistic import NotEstimable

KEY = CountKey(analysis="os", protocol_digest="0", unit="day")
WEIGHTS: Any = st.sampled_from(
    [
        *("logrank", "gehan", "tarone_ware", "peto", "peto_prentice", "peto_modified"),
        *(("fleming_harrington", 0.0, 1.0), ("fleming_harrington", 1.0, 1.0), ("fleming_harrington", 0.5, 2.0)),
    ]
)
ROW = st.tuples(
    st.integers(1, 9), st.integers(0, 1), st.integers(0, 8), st.sampled_from("abc"), st.sampled_from("xy"),
    st.integers(1, 3),
)  # fmt: skip
ROWS = st.lists(ROW, min_size=2, max_size=25)


def columns(rows: list[tuple[Any, ...]]) -> dict[str, list[Any]]:
    time, event, entry, group, stratum, count = (list(x) for x in zip(*rows, strict=True))
    entry = [e if e < t else 0 for e, t in zip(entry, time, strict=True)]
    return {"time": time, "event": event, "entry": entry, "group": group, "strata": stratum, "count": count}


def outcome(e: Episodes, weights: Any = "logrank", **more: Any) -> Any:
    """What a test must agree in; the reason where there is none."""
    try:
        t = logrank_test(e, weights, **more)
    except NotEstimable as why:
        return str(why)
    return (t.chisq, t.df, *t.observed, *t.expected, *t.variance.ravel())


def same(a: Any, b: Any) -> None:
    if isinstance(a, str) or isinstance(b, str):
        assert a == b
    else:
        assert a == pytest.approx(b, rel=1e-9, abs=1e-9)


def slow(c: dict[str, list[Any]], weights: Any) -> tuple[list[float], list[list[float]]]:
    """Observed - expected and its variance, one person after the other."""
    people = [row for row in zip(*(c[k] for k in ("time", "event", "entry", "group", "strata")), strict=True)]
    people = [p for p, k in zip(people, c["count"], strict=True) for _ in range(k)]
    groups = sorted({p[3] for p in people})
    u = [0.0] * len(groups)
    v = [[0.0] * len(groups) for _ in groups]
    for stratum in sorted({p[4] for p in people}):
        s, peto = 1.0, 1.0
        for t in sorted({p[0] for p in people if p[1] and p[4] == stratum}):
            risk = [p for p in people if p[4] == stratum and p[2] < t <= p[0]]
            n, d = len(risk), sum(p[0] == t and p[1] for p in risk)
            share = [sum(p[3] == g for p in risk) / n for g in groups]
            peto *= 1 - d / (n + 1)
            named = {"logrank": 1.0, "gehan": n, "tarone_ware": math.sqrt(n), "peto": s, "peto_prentice": peto}
            named["peto_modified"] = peto * n / (n + 1)
            w = named[weights] if isinstance(weights, str) else s ** weights[1] * (1 - s) ** weights[2]
            for i, g in enumerate(groups):
                u[i] += w * (sum(p[3] == g and p[0] == t and p[1] for p in risk) - d * share[i])
                for j in range(len(groups)):
                    if n > 1:
                        spread = w * w * d * (n - d) / (n - 1)
                        v[i][j] += spread * share[i] * ((i == j) - share[j])
            s *= 1 - d / n
    return u, v


@given(ROWS, WEIGHTS)
@settings(max_examples=60)
def test_a_slow_obvious_implementation_agrees(rows: list[tuple[Any, ...]], weights: Any) -> None:
    c = columns(rows)
    u, v = slow(c, weights)
    try:
        t = logrank_test(Episodes.of(**c), weights)
    except NotEstimable:
        assert len(u) == 1 or not any(c["event"]) or np.abs(np.array(v)).max() < 1e-12
        return
    assert t.observed - t.expected == pytest.approx(u, abs=1e-9)
    assert t.variance == pytest.approx(np.array(v), abs=1e-9)
    assert t.chisq == pytest.approx(np.array(u) @ np.linalg.pinv(v, rcond=1e-9) @ u, rel=1e-6, abs=1e-9)
    assert t.df == np.linalg.matrix_rank(v, tol=1e-9 * np.abs(v).max())
    assert 0 <= t.p <= 1


@given(ROWS, WEIGHTS, st.randoms())
@settings(max_examples=40)
def test_order_units_replication_and_cutting_change_nothing(rows: list[Any], weights: Any, r: Any) -> None:
    c = columns(rows)
    whole = outcome(Episodes.of(**c), weights)
    mixed = list(rows)
    r.shuffle(mixed)
    same(outcome(Episodes.of(**columns(mixed)), weights), whole)
    months = {**c, "time": [t / 30.4375 for t in c["time"]], "entry": [t / 30.4375 for t in c["entry"]]}
    same(outcome(Episodes.of(**months), weights), whole)
    each = {k: [x for x, n in zip(c[k], c["count"], strict=True) for _ in range(n)] for k in c}
    same(outcome(Episodes.of(**{**each, "count": None}), weights), whole)
    cut = [(t, e, s, g, x, n) for t, e, s, g, x, n in zip(*c.values(), strict=True) for t, e, s in halves(t, e, s)]
    same(outcome(Episodes.of(**dict(zip(c, map(list, zip(*cut, strict=True)), strict=True))), weights), whole)


def halves(time: int, event: int, entry: int) -> list[tuple[int, int, int]]:
    middle = (time + entry) // 2
    return [(middle, 0, entry), (time, event, middle)] if entry < middle < time else [(time, event, entry)]


@given(ROWS, st.integers(0, 25))
@settings(max_examples=30)
def test_pooled_counts_are_the_whole(rows: list[Any], at: int) -> None:
    def table(part: list[Any]) -> EventTable:
        out: dict[Any, list[int]] = {}
        for t, event, entry, group, stratum, count in part:
            pattern = (("ARM", group), ("SITEID", stratum))
            out.setdefault((pattern, entry if entry < t else 0), [0, 0, 0])[0] += count
            out.setdefault((pattern, t), [0, 0, 0])[2 if event else 1] += count
        return EventTable(key=KEY, rows={k: tuple(v) for k, v in out.items()})

    pooled = Episodes.from_counts(table(rows[:at]) + table(rows[at:]), by="ARM", strata=("SITEID",))
    same(outcome(pooled), outcome(Episodes.of(**columns(rows))))


@given(ROWS)
@settings(max_examples=30)
def test_a_trend_over_two_groups_is_the_plain_test(rows: list[Any]) -> None:
    two = Episodes.of(**{k: [x for x, r in zip(v, rows, strict=True) if r[3] != "c"] for k, v in columns(rows).items()})
    try:
        plain = logrank_test(two)
    except NotEstimable:
        return
    trend = logrank_test(two, trend=[2, 5])
    assert (trend.chisq, trend.z) == pytest.approx((plain.chisq, plain.z), rel=1e-9, abs=1e-12)


@given(ROWS)
@settings(max_examples=25)
def test_max_combo_is_bounded_by_its_single_tests(rows: list[Any]) -> None:
    c = columns(rows)
    c["group"] = ["a" if g == "a" else "b" for g in c["group"]]
    try:
        t = max_combo_test(Episodes.of(**c))
    except NotEstimable:
        return
    assert t.p_single.min() * (1 - 1e-9) <= t.p <= min(1.0, t.p_single.sum() * (1 + 1e-9))
    assert np.all(np.abs(t.correlation) <= 1 + 1e-12)
    turned = max_combo_test(Episodes.of(**{**c, "group": ["z" if g == "a" else "b" for g in c["group"]]}))
    assert (turned.p, *-turned.z) == pytest.approx((t.p, *t.z), rel=1e-9, abs=1e-12)


@given(st.lists(st.lists(st.floats(-1, 1), min_size=3, max_size=3), min_size=2, max_size=4))
@settings(max_examples=25)
def test_the_tail_of_the_largest_starts_at_one_and_falls(rows: list[list[float]]) -> None:
    a = np.array(rows)
    size = np.linalg.norm(a, axis=1)
    if np.any(size < 0.1):
        return
    correlation = (a @ a.T) / np.outer(size, size)
    tails = [largest_tail(c, correlation)[0] for c in (0.0, 0.5, 1.0, 2.0, 4.0)]
    assert tails[0] == pytest.approx(1, abs=1e-8)  # the directions in which each is the largest fill the space
    assert tails == sorted(tails, reverse=True) and tails[-1] > 0


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 1), st.sampled_from("ab")), min_size=2, max_size=10))
@settings(max_examples=40)
def test_the_exact_permutation_p_is_the_share_of_all_deals(rows: list[tuple[int, int, str]]) -> None:
    time, event, group = zip(*rows, strict=True)
    score = [F(e) for e in event]
    for t in sorted({t for t, e, _ in rows if e}):
        hazard = F(sum(u == t and e for u, e, _ in rows), sum(u >= t for u in time))
        score = [s - hazard if u >= t else s for s, u in zip(score, time, strict=True)]
    k = group.count("b")
    seen = abs(sum((s for s, g in zip(score, group, strict=True) if g == "b"), F(0)))
    deals = [abs(sum((score[i] for i in c), F(0))) for c in combinations(range(len(rows)), k)]
    try:
        found = permutation_logrank_test(Episodes.of(time, event, group=group))
    except NotEstimable:
        assert len(set(group)) == 1 or len(set(deals)) == 1
        return
    assert found.exact and found.splits == len(deals)
    assert found.p == pytest.approx(sum(d >= seen for d in deals) / len(deals), rel=1e-12)


@given(
    st.lists(st.tuples(st.integers(1, 6), st.integers(0, 1), st.sampled_from("ab"), st.sampled_from("xy")), min_size=4)
)
@settings(max_examples=15)
def test_random_deals_come_near_the_exact_p(rows: list[Any]) -> None:
    time, event, group, stratum = zip(*rows[:14], strict=True)
    e = Episodes.of(time, event, group=group, strata=stratum)
    try:
        exact = permutation_logrank_test(e)
    except NotEstimable:
        return
    dealt = permutation_logrank_test(e, method="monte_carlo", resamples=4000)
    assert abs(dealt.p - exact.p) < 5 * math.sqrt(exact.p * (1 - exact.p) / 4000) + 1 / 4000
    assert dealt.p == permutation_logrank_test(e, method="monte_carlo", resamples=4000).p  # the seed is declared
    turned = replace(e, groups=("B", "A"))  # names mean nothing
    assert permutation_logrank_test(turned).p == exact.p
