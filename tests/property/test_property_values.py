"""Tests and intervals of numbers against slow, obvious second implementations; counts are replicated values."""

from __future__ import annotations

import itertools
import math
import statistics
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chartline.counts.model import CountKey, ValueTable
from chartline.stats import (
    estimate_pseudomedian,
    estimate_shift,
    hedges_g,
    jonckheere_test,
    kruskal_wallis_test,
    one_way_anova,
    quantile_interval,
    rank_sum_test,
    signed_rank_test,
    standardised_difference,
    t_test,
    values_of,
)
from chartline.stats.statistic import NotEstimable
from chartline.stats.values import hodges_lehmann

FEW = st.lists(st.integers(-3, 3), min_size=1, max_size=5)
SOME = st.lists(st.integers(-9, 9), min_size=3, max_size=30)
EXAMPLES = settings(max_examples=40, deadline=None)


def midranks(values: Iterable[float]) -> list[Fraction]:
    values = list(values)
    return [Fraction(2 * sum(v < x for v in values) + sum(v == x for v in values) + 1, 2) for x in values]


def share(hits: Iterable[bool]) -> float:
    hits = list(hits)
    return sum(hits) / len(hits)


@given(FEW, FEW)
@EXAMPLES
def test_the_rank_sum_lists_every_division(x: list[int], y: list[int]) -> None:
    ranks = midranks([*x, *y])
    sums = [sum(c) for c in itertools.combinations(ranks, len(x))]
    seen, expected = sum(ranks[: len(x)]), Fraction(len(x) * (len(x) + len(y) + 1), 2)
    assert rank_sum_test(x, y).p == pytest.approx(share(abs(s - expected) >= abs(seen - expected) for s in sums))
    assert rank_sum_test(x, y, alternative="less").p == pytest.approx(share(s <= seen for s in sums), rel=1e-12)
    assert rank_sum_test(x, y, alternative="greater").p == pytest.approx(share(s >= seen for s in sums), rel=1e-12)


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=8), st.sampled_from(["wilcoxon", "pratt"]))
@EXAMPLES
def test_signed_ranks_list_every_signing(d: list[int], zeros: str) -> None:
    kept = d if zeros == "pratt" else [v for v in d if v]
    scored = [(r, v) for r, v in zip(midranks(map(abs, kept)), kept, strict=True) if v]
    if not scored:
        with pytest.raises(NotEstimable, match="all differences are 0"):
            signed_rank_test(d, zeros=zeros)  # type: ignore[arg-type]
        return
    seen = sum(r for r, v in scored if v > 0)
    sums = [sum(itertools.compress((r for r, _ in scored), s)) for s in itertools.product([0, 1], repeat=len(scored))]
    found = signed_rank_test(d, zeros=zeros, alternative="greater")  # type: ignore[arg-type]
    assert (found.statistic, found.p) == (float(seen), pytest.approx(share(s >= seen for s in sums), rel=1e-12))


@given(*[st.lists(st.integers(0, 3), min_size=1, max_size=3)] * 3)
@EXAMPLES
def test_kruskal_wallis_lists_every_permutation(a: list[int], b: list[int], c: list[int]) -> None:
    ranks = midranks([*a, *b, *c])
    cuts = (0, len(a), len(a) + len(b), len(ranks))

    def spread(order: Iterable[Fraction]) -> Fraction:
        order = list(order)
        return sum((Fraction(sum(order[i:j])) ** 2 / (j - i) for i, j in itertools.pairwise(cuts)), Fraction())

    if len({*a, *b, *c}) == 1:
        with pytest.raises(NotEstimable, match="all values are equal"):
            kruskal_wallis_test({"a": a, "b": b, "c": c})
        return
    rng = list(itertools.permutations(ranks)) if len(ranks) <= 6 else []
    found = kruskal_wallis_test({"a": a, "b": b, "c": c})
    if rng:
        assert found.p == pytest.approx(share(spread(o) >= spread(ranks) for o in rng), rel=1e-12)
    assert 0 < found.p <= 1 and found.statistic >= 0


@given(SOME, SOME, st.integers(1, 4))
@EXAMPLES
def test_counts_are_replicated_values_and_order_does_not_matter(x: list[int], y: list[int], times: int) -> None:
    many_x, many_y = [float(v) for v in reversed(x)] * times, [float(v) for v in y] * times
    as_counts = [{float(v): n * times for v, n in Counter(s).items()} for s in (x, y)]
    for function in (rank_sum_test, estimate_shift):
        assert function(many_x, many_y) == function(*as_counts)
    assert signed_rank_test([v + 0.5 for v in many_x]) == signed_rank_test(
        {v + 0.5: n for v, n in as_counts[0].items()}
    )
    assert quantile_interval(many_x) == quantile_interval(as_counts[0])
    if len(set(x)) > 1 and len(set(y)) > 1:
        for function in (t_test, hedges_g, standardised_difference):
            assert function(many_x, many_y) == function(*as_counts)


@given(SOME, SOME)
@EXAMPLES
def test_the_groups_exchanged_and_the_scale_changed(x: list[int], y: list[int]) -> None:
    there, back = rank_sum_test(x, y), rank_sum_test(y, x)
    assert there.p == pytest.approx(back.p, rel=1e-12) and there.statistic + back.statistic == len(x) * len(y)
    assert rank_sum_test([math.exp(v) for v in x], [math.exp(v) for v in y]) == there  # ranks know order only
    shift, mirror = estimate_shift(x, y), estimate_shift(y, x)
    assert (shift.estimate, shift.lower, shift.upper) == (-mirror.estimate, -mirror.upper, -mirror.lower)
    # one method on both sides: a shift can end the ties between the groups, and ties decide the method
    shift = estimate_shift(x, y, exact=False)
    moved = estimate_shift([8 * v + 40 for v in x], [8 * v for v in y], exact=False)
    assert (moved.estimate, moved.lower, moved.upper) == (
        8 * shift.estimate + 40, 8 * shift.lower + 40, 8 * shift.upper + 40,
    )  # fmt: skip


@given(SOME, SOME)
@EXAMPLES
def test_the_shift_is_the_median_difference_and_lies_in_its_interval(x: list[int], y: list[int]) -> None:
    found = estimate_shift(x, y)
    assert found.estimate == statistics.median(a - b for a in x for b in y)
    assert found.lower <= found.estimate <= found.upper
    wider = estimate_shift(x, y, level=0.99)
    assert wider.lower <= found.lower and found.upper <= wider.upper
    averages = [(a + b) / 2 for i, a in enumerate(x) for b in x[i:]]
    assert estimate_pseudomedian(x, zeros="keep").estimate == statistics.median(averages)


@given(SOME, SOME)
@EXAMPLES
def test_searching_for_a_pair_finds_the_one_that_is_listed(x: list[int], y: list[int]) -> None:
    # the search is what 10^7 patients need; listing every pair is what it must agree with
    x, y = [v / 10 for v in x], [v / 8 for v in y]
    listed = estimate_shift(x, y), estimate_pseudomedian(x, zeros="keep")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hodges_lehmann, "LISTED", 0)
        searched = estimate_shift(x, y), estimate_pseudomedian(x, zeros="keep")
    for a, b in zip(listed, searched, strict=True):
        ends = (a.estimate, a.lower, a.upper)
        assert (b.estimate, b.lower, b.upper) == pytest.approx(ends, rel=1e-13, abs=1e-14)


@given(SOME, SOME)
@EXAMPLES
def test_two_groups_are_a_case_of_many(x: list[int], y: list[int]) -> None:
    if len(set(x)) == 1 or len(set(y)) == 1:
        return
    groups = {"x": x, "y": y}
    for equal in (False, True):
        t, f = t_test(x, y, equal_variances=equal), one_way_anova(groups, equal_variances=equal)
        assert (f.f, f.p) == (pytest.approx(t.t**2, rel=1e-9, abs=1e-15), pytest.approx(t.p, rel=1e-7))
    z = rank_sum_test(x, y, exact=False, correct=False).z
    assert z is not None
    assert kruskal_wallis_test(groups, exact=False).statistic == pytest.approx(z**2, rel=1e-9, abs=1e-15)
    trend = jonckheere_test(groups, exact=False)  # of two groups it is Wilcoxon's test of the later against the earlier
    assert trend.z == pytest.approx(-z, rel=1e-9, abs=1e-15)


@given(SOME, st.sampled_from([0.25, 0.5, 0.8]), st.sampled_from([0.8, 0.95]))
@EXAMPLES
def test_a_quantile_interval_by_the_sum_of_binomials(x: list[int], p: float, level: float) -> None:
    found, n, ordered = quantile_interval(x, p, level=level), len(x), sorted(x)
    mass = [math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]
    low, high = found.ranks
    assert found.attained == pytest.approx(sum(mass[low:high]), rel=1e-12)
    tail = (1 - level) / 2
    assert sum(mass[:low]) <= tail < sum(mass[: low + 1])  # the next order statistic would be too far in
    assert sum(mass[high:]) <= tail < sum(mass[high - 1 :])
    assert found.lower == (ordered[low - 1] if low else -math.inf)
    assert found.upper == (ordered[high - 1] if high <= n else math.inf)


@given(st.lists(st.tuples(st.sampled_from("AB"), st.sampled_from("MF"), st.integers(0, 5)), min_size=1, max_size=20))
@EXAMPLES
def test_pooled_value_tables_give_the_values_of_the_whole(rows: list[tuple[str, str, int]]) -> None:
    key = CountKey(analysis="age", protocol_digest="", unit="years")

    def table(some: list[tuple[str, str, int]]) -> ValueTable:
        counts = Counter(((("SEX", sex), ("SITEID", site)), float(v)) for site, sex, v in some if v)
        missing = Counter((("SEX", sex), ("SITEID", site)) for site, sex, v in some if not v)
        return ValueTable(key=key, values=dict(counts), missing=dict(missing))

    whole = table(rows)
    pooled = table(rows[::2]) + table(rows[1::2])
    for by in (None, "SITEID", "SEX"):
        found = values_of(whole, by)
        assert found == values_of(pooled, by) == values_of(replace(whole), by)
        assert sum(sum(g.values()) for g in found.groups.values()) + sum(found.missing.values()) == len(rows)
    assert list(values_of(whole, "SITEID").groups) == sorted({site for site, _, _ in rows})


def test_large_counts_do_not_overflow() -> None:
    many = {1.0: 4_000_000, 2.0: 4_000_000, 3.0: 2_000_000}
    more = {1.0: 3_900_000, 2.0: 4_000_000, 3.0: 2_100_000}
    seen = rank_sum_test(many, more)
    # the same with a count of 100 for 10^6 (z grows with the root of n; the terms of order 1/n do not matter here)
    few = rank_sum_test(
        {k: v // 10**4 for k, v in many.items()}, {k: v // 10**4 for k, v in more.items()}, correct=False
    )
    assert seen.z is not None and few.z is not None
    assert seen.z / few.z == pytest.approx(100, rel=1e-3)
    assert estimate_shift(many, more).estimate == 0
    assert np.isfinite(kruskal_wallis_test({"a": many, "b": more}).statistic)
    assert quantile_interval(many).value == 2
