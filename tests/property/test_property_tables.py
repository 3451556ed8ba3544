"""What must hold of every table, and slow obvious second implementations of what is computed cleverly."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chartline.counts.model import CountKey, CrossTab
from chartline.stats.proportions.agreement import estimate_kappa
from chartline.stats.proportions.chi_square import likelihood_ratio_test, pearson_test
from chartline.stats.proportions.fisher import fisher_test
from chartline.stats.proportions.odds_ratio import (
    exact_odds_ratio,
    mid_p_odds_ratio,
    miettinen_nurminen_odds_ratio,
    woolf,
)
from chartline.stats.proportions.proportion import INTERVALS, binomial_test, clopper_pearson, mid_p
from chartline.stats.proportions.standardised_difference import standardised_difference_of_levels
from chartline.stats.proportions.stratified import (
    breslow_day_test,
    exact_stratified_odds_ratio,
    mantel_haenszel,
    mantel_haenszel_test,
)
from chartline.stats.proportions.stratified_general import generalised_mantel_haenszel_test
from chartline.stats.proportions.table import table_of
from chartline.stats.proportions.trend import exact_trend_test, linear_by_linear_test, trend_test
from chartline.stats.proportions.two_proportions import (
    DIFFERENCES,
    RATIOS,
    miettinen_nurminen_difference,
    miettinen_nurminen_ratio,
)
from chartline.stats.proportions.unconditional import barnard_test, boschloo_test
from chartline.stats.statistic import NotEstimable

FEW = settings(max_examples=30, deadline=None)
LEVELS = st.sampled_from([0.5, 0.8, 0.95, 0.999])
KEY = CountKey(analysis="t", protocol_digest="")


@st.composite
def one(draw: st.DrawFn, most: int = 60) -> tuple[int, int]:
    total = draw(st.integers(1, most))
    return draw(st.integers(0, total)), total


@st.composite
def two(draw: st.DrawFn, most: int = 40) -> tuple[int, int, int, int]:
    return (*draw(one(most)), *draw(one(most)))


def tables(rows: int, columns: int, most: int) -> st.SearchStrategy[list[list[int]]]:
    line = st.lists(st.integers(0, most), min_size=columns, max_size=columns)
    return st.lists(line, min_size=rows, max_size=rows)


strata = st.lists(tables(2, 2, 9), min_size=1, max_size=4)


def tried(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    try:
        return function(*args, **kwargs)
    except NotEstimable:
        assume(False)


# one proportion ------------------------------------------------------------------------------------------------------


@FEW
@given(one(), LEVELS, st.sampled_from(sorted(INTERVALS)))
def test_an_interval_holds_the_estimate_and_mirrors(case: tuple[int, int], level: float, name: str) -> None:
    n, total = case
    i, mirror = INTERVALS[name](n, total, level), INTERVALS[name](total - n, total, level)
    assert 0 <= i.lower <= n / total + 1e-12 and n / total - 1e-12 <= i.upper <= 1
    assert (i.lower, i.upper) == pytest.approx((1 - mirror.upper, 1 - mirror.lower), abs=1e-12)
    wider = INTERVALS[name](n, total, (1 + level) / 2)
    assert wider.lower <= i.lower and i.upper <= wider.upper


@FEW
@given(one(), LEVELS)
def test_mid_p_lies_in_the_exact_interval(case: tuple[int, int], level: float) -> None:
    inner, outer = mid_p(*case, level), clopper_pearson(*case, level)
    assert outer.lower <= inner.lower and inner.upper <= outer.upper


@FEW
@given(one(25), st.fractions(Fraction(1, 20), Fraction(19, 20), max_denominator=20))
def test_the_binomial_test_is_the_sum_of_what_is_no_likelier(case: tuple[int, int], rate: Fraction) -> None:
    n, total = case
    pmf = [math.comb(total, k) * rate**k * (1 - rate) ** (total - k) for k in range(total + 1)]
    t = binomial_test(n, total, float(rate))
    assert t.p == pytest.approx(float(sum(p for p in pmf if p <= pmf[n])), rel=1e-10)
    assert (t.p_less, t.p_greater) == pytest.approx((float(sum(pmf[: n + 1])), float(sum(pmf[n:]))), rel=1e-10)


# two proportions -----------------------------------------------------------------------------------------------------


@FEW
@given(two(), LEVELS, st.sampled_from(sorted(DIFFERENCES)))
def test_a_difference_changes_sign_with_the_groups_and_with_the_outcome(
    case: tuple[int, int, int, int], level: float, name: str
) -> None:
    n1, total1, n2, total2 = case
    d = DIFFERENCES[name](*case, level)
    assert -1 <= d.lower <= d.upper <= 1
    if name != "agresti_caffo":  # whose centre is drawn towards 0
        assert d.lower - 1e-12 <= d.estimate <= d.upper + 1e-12
    for turned in ((n2, total2, n1, total1), (total1 - n1, total1, total2 - n2, total2)):
        other = DIFFERENCES[name](*turned, level)
        assert (d.lower, d.upper) == pytest.approx((-other.upper, -other.lower), abs=1e-9)


@FEW
@given(two(), LEVELS, st.sampled_from([*RATIOS.values(), exact_odds_ratio, mid_p_odds_ratio, woolf]))
def test_a_ratio_is_inverted_with_the_groups(
    case: tuple[int, int, int, int], level: float, function: Callable[..., Any]
) -> None:
    n1, total1, n2, total2 = case
    r, other = tried(function, *case, level), tried(function, n2, total2, n1, total1, level)
    assert 0 <= r.lower <= r.upper
    if not math.isnan(r.estimate):
        assert r.lower <= r.estimate * (1 + 1e-9) and r.estimate <= r.upper * (1 + 1e-9)
    for mine, its in ((r.lower, other.upper), (r.upper, other.lower)):
        assert mine == pytest.approx(1 / its if its else math.inf, rel=1e-9)


@FEW
@given(two(25))
def test_score_limits_solve_the_score_equation(case: tuple[int, int, int, int]) -> None:
    # the likeliest rates are looked for on a fine grid, refined around the best point
    n1, total1, n2, total2 = case
    p1, p2 = n1 / total1, n2 / total2
    z2 = 3.841458820694124 * (total1 + total2) / (total1 + total2 - 1)

    def loglik(r1: Any, r2: Any) -> Any:
        from scipy.special import xlogy

        return xlogy(n1, r1) + xlogy(total1 - n1, 1 - r1) + xlogy(n2, r2) + xlogy(total2 - n2, 1 - r2)

    def likeliest(of: Callable[[Any], tuple[Any, Any]], lo: float, hi: float) -> tuple[float, float]:
        for _ in range(8):
            grid = np.linspace(lo, hi, 401)
            best = int(np.nanargmax(loglik(*of(grid))))
            lo, hi = grid[max(0, best - 2)], grid[min(400, best + 2)]
        r1, r2 = of((lo + hi) / 2)
        return float(r1), float(r2)

    d = miettinen_nurminen_difference(*case)
    for limit in (d.lower, d.upper):
        if abs(limit) < 1:
            r1, r2 = likeliest(lambda r, at=limit: (r + at, r), max(0.0, -limit), min(1.0, 1 - limit))  # type: ignore[misc]
            variance = r1 * (1 - r1) / total1 + r2 * (1 - r2) / total2
            assert (p1 - p2 - limit) ** 2 == pytest.approx(z2 * variance, rel=1e-5)
    ratio = miettinen_nurminen_ratio(*case)
    for limit in (ratio.lower, ratio.upper):
        if 0 < limit < math.inf:
            r1, r2 = likeliest(lambda r, at=limit: (r * at, r), 0.0, min(1.0, 1 / limit))  # type: ignore[misc]
            variance = r1 * (1 - r1) / total1 + limit**2 * r2 * (1 - r2) / total2
            assert (p1 - limit * p2) ** 2 == pytest.approx(z2 * variance, rel=1e-5)


@FEW
@given(two(), LEVELS)
def test_mid_p_odds_ratio_lies_in_the_exact_interval(case: tuple[int, int, int, int], level: float) -> None:
    outer, inner = tried(exact_odds_ratio, *case, level), mid_p_odds_ratio(*case, level)
    assert outer.lower <= inner.lower * (1 + 1e-12) and inner.upper <= outer.upper * (1 + 1e-12)


@FEW
@given(two(12))
def test_exact_limits_are_where_the_tails_are_a_fortieth(case: tuple[int, int, int, int]) -> None:
    n1, total1, n2, total2 = case
    c = tried(exact_odds_ratio, *case)
    m = n1 + n2
    support = range(max(0, m - total2), min(total1, m) + 1)

    def share(odds: float, keep: Callable[[int], bool]) -> float:
        weight = {k: math.comb(total1, k) * math.comb(total2, m - k) * odds**k for k in support}
        return sum(w for k, w in weight.items() if keep(k)) / sum(weight.values())

    if c.lower > 0:
        assert share(c.lower, lambda k: k >= n1) == pytest.approx(0.025, rel=1e-9)
    if c.upper < math.inf:
        assert share(c.upper, lambda k: k <= n1) == pytest.approx(0.025, rel=1e-9)


@settings(max_examples=15, deadline=None)
@given(two(9))
def test_unconditional_tests_are_maxima_over_all_tables(case: tuple[int, int, int, int]) -> None:
    n1, total1, n2, total2 = case

    def z(x: int, y: int) -> float:
        p = (x + y) / (total1 + total2)
        v = p * (1 - p) * (1 / total1 + 1 / total2)
        return 0.0 if x * total2 == y * total1 else (x / total1 - y / total2) / math.sqrt(v)

    every = list(product(range(total1 + 1), range(total2 + 1)))
    fisher = {(x, y): _two_by_two(x, total1, y, total2) for x, y in every}
    extreme = {
        barnard_test: [c for c in every if abs(z(*c)) >= abs(z(n1, n2)) - 1e-9],
        boschloo_test: [c for c in every if fisher[c] <= fisher[n1, n2]],
    }
    rates = np.linspace(0, 1, 301)
    for test, cells in extreme.items():
        p = sum(
            math.comb(total1, x) * math.comb(total2, y) * rates ** (x + y) * (1 - rates) ** (total1 + total2 - x - y)
            for x, y in cells
        )
        found = test(*case).p  # type: ignore[operator]
        assert np.max(p) <= found + 1e-12 and found <= min(1.0, np.max(p) * 1.001)
    assert boschloo_test(*case).p <= float(fisher[n1, n2]) + 1e-12


def _two_by_two(n1: int, total1: int, n2: int, total2: int) -> Fraction:
    m = n1 + n2
    weight = {k: math.comb(total1, k) * math.comb(total2, m - k) for k in range(max(0, m - total2), min(total1, m) + 1)}
    return Fraction(sum(w for w in weight.values() if w <= weight[n1]), sum(weight.values()))


# tables --------------------------------------------------------------------------------------------------------------


def _fills(room: tuple[int, ...], total: int) -> Iterator[tuple[int, ...]]:
    if not room:
        if total == 0:
            yield ()
        return
    for k in range(min(room[0], total) + 1):
        for rest in _fills(room[1:], total - k):
            yield (k, *rest)


def _weights(rows: tuple[int, ...], columns: tuple[int, ...], so_far: int = 1) -> Iterator[int]:
    """n! / (product of all cells' factorials) up to a constant, of every table with these margins."""
    if not columns:
        yield so_far
        return
    for fill in _fills(rows, columns[0]):
        ways = math.factorial(columns[0]) // math.prod(math.factorial(k) for k in fill)
        yield from _weights(tuple(r - k for r, k in zip(rows, fill, strict=True)), columns[1:], so_far * ways)


@FEW
@given(st.sampled_from([(2, 2, 9), (2, 3, 6), (3, 3, 3), (3, 4, 2), (4, 2, 4)]).flatmap(lambda s: tables(*s)))
def test_fisher_is_the_sum_over_every_table(table: list[list[int]]) -> None:
    found = tried(fisher_test, table).p
    counts = np.array(table)
    ways = [math.factorial(int(c.sum())) // math.prod(math.factorial(int(k)) for k in c) for c in counts.T]
    rows, columns = tuple(counts.sum(axis=1).tolist()), tuple(counts.sum(axis=0).tolist())
    every = list(_weights(rows, columns))
    assert found == pytest.approx(float(Fraction(sum(w for w in every if w <= math.prod(ways)), sum(every))), rel=1e-9)


@FEW
@given(tables(3, 4, 9), st.randoms(use_true_random=False))
def test_order_of_rows_and_columns_is_nothing(table: list[list[int]], random: Any) -> None:
    mixed = [row[:] for row in table]
    random.shuffle(mixed)
    turned = [list(c) for c in zip(*mixed, strict=True)]
    for test in (pearson_test, likelihood_ratio_test):
        a, b = tried(test, table), tried(test, turned)
        assert (a.chisq, a.df, a.p) == (pytest.approx(b.chisq, rel=1e-9, abs=1e-12), b.df, pytest.approx(b.p, rel=1e-9))
        assert a.chisq >= 0


@FEW
@given(tables(3, 2, 9))
def test_fisher_knows_no_order_either(table: list[list[int]]) -> None:
    mirrored = [row[::-1] for row in table[::-1]]
    assert tried(fisher_test, table).p == pytest.approx(tried(fisher_test, mirrored).p, rel=1e-9)


@FEW
@given(tables(2, 2, 20))
def test_one_stratum_is_pearson_less_one_nth(table: list[list[int]]) -> None:
    chisq = tried(pearson_test, table).chisq
    n = sum(map(sum, table))
    expected = pytest.approx(chisq * (n - 1) / n, rel=1e-9, abs=1e-12)
    assert mantel_haenszel_test([table], continuity=False).chisq == expected
    for kind in ("general", "row_means", "correlation"):
        assert generalised_mantel_haenszel_test([table], kind).chisq == expected  # type: ignore[arg-type]
    assert linear_by_linear_test(table).chisq == expected
    assert trend_test([r[1] for r in table], [sum(r) for r in table]).chisq == pytest.approx(chisq, rel=1e-9, abs=1e-12)


@FEW
@given(strata)
def test_pooled_ratios_of_one_stratum_are_its_own(several: list[list[list[int]]]) -> None:
    (a, b), (c, d) = several[0]
    assume(a and b and c and d)
    pooled, alone = mantel_haenszel([several[0]]), woolf(a, a + b, c, c + d)
    assert (pooled.estimate, pooled.lower, pooled.upper) == pytest.approx((alone.estimate, alone.lower, alone.upper))
    exact, fisher = exact_stratified_odds_ratio([several[0]]), fisher_test(several[0])
    assert (exact.p, exact.p_less, exact.p_greater) == pytest.approx((fisher.p, fisher.p_less, fisher.p_greater))
    conditional = exact_odds_ratio(a, a + b, c, c + d)
    assert (exact.odds_ratio, exact.lower, exact.upper) == pytest.approx(
        (conditional.estimate, conditional.lower, conditional.upper), rel=1e-9
    )


@FEW
@given(strata)
def test_the_order_of_strata_is_nothing_and_groups_mirror(several: list[list[list[int]]]) -> None:
    turned = [table[::-1] for table in several[::-1]]
    p, q = tried(mantel_haenszel, several), tried(mantel_haenszel, turned)
    assert p.estimate == pytest.approx(1 / q.estimate, rel=1e-9) and p.std_error == pytest.approx(q.std_error, rel=1e-9)
    d, e = tried(mantel_haenszel, several, "risk_difference"), tried(mantel_haenszel, turned, "risk_difference")
    assert (d.lower, d.upper) == pytest.approx((-e.upper, -e.lower), rel=1e-9, abs=1e-12)
    h, i = tried(breslow_day_test, several), tried(breslow_day_test, turned)
    assert (h.chisq, h.chisq_tarone) == pytest.approx((i.chisq, i.chisq_tarone), rel=1e-6, abs=1e-9)
    assert 0 <= h.chisq_tarone <= h.chisq


@FEW
@given(st.lists(one(4), min_size=2, max_size=3))
def test_the_exact_trend_is_every_choice_of_the_events(groups: list[tuple[int, int]]) -> None:
    events, totals = [g[0] for g in groups], [g[1] for g in groups]
    scores = [1, 2, 4][: len(groups)]
    t = tried(exact_trend_test, events, totals, scores)
    patients = [s for s, n in zip(scores, totals, strict=True) for _ in range(n)]
    sums = [sum(c) for c in combinations(patients, sum(events))]
    seen, mean = sum(s * x for s, x in zip(scores, events, strict=True)), Fraction(sum(sums), len(sums))
    shares = [
        Fraction(sum(keep(s) for s in sums), len(sums))
        for keep in (lambda s: abs(s - mean) >= abs(seen - mean), lambda s: s >= seen, lambda s: s <= seen)
    ]
    assert (t.statistic, t.expected) == pytest.approx((seen, float(mean)))
    assert (t.p, t.p_rising, t.p_falling) == pytest.approx(tuple(map(float, shares)), rel=1e-9)


@FEW
@given(tables(3, 3, 12))
def test_kappa_is_symmetric_and_at_most_1(table: list[list[int]]) -> None:
    turned = [list(c) for c in zip(*table, strict=True)]
    for weights in ("none", "linear", "quadratic"):
        k, other = tried(estimate_kappa, table, weights), tried(estimate_kappa, turned, weights)
        assert k.estimate == pytest.approx(other.estimate, abs=1e-12) and k.estimate <= 1 + 1e-12
        assert k.std_error == pytest.approx(other.std_error, abs=1e-9)
    two_levels = [row[:2] for row in table[:2]]
    found = [tried(estimate_kappa, two_levels, w).estimate for w in ("none", "linear", "quadratic")]
    assert found == pytest.approx([found[0]] * 3, abs=1e-12)  # all weights are one for two levels


@FEW
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=2, max_size=5), st.randoms())
def test_a_standardised_difference_knows_no_order_of_levels(levels: list[tuple[int, int]], random: Any) -> None:
    mixed = levels[:]
    random.shuffle(mixed)
    d = tried(standardised_difference_of_levels, *zip(*levels, strict=True)).value
    assert abs(d) == pytest.approx(
        abs(standardised_difference_of_levels(*zip(*mixed, strict=True)).value), rel=1e-9, abs=1e-12
    )
    back = standardised_difference_of_levels(*(column for column in list(zip(*levels, strict=True))[::-1])).value
    assert abs(d) == pytest.approx(abs(back), rel=1e-9, abs=1e-12)


@FEW
@given(
    st.lists(
        st.tuples(st.sampled_from(["A", "B", ""]), st.sampled_from(["CR", "PD", ""]), st.booleans()),
        min_size=1,
        max_size=40,
    )
)
def test_pooled_hospitals_are_the_whole(subjects: list[tuple[str, str, bool]]) -> None:
    def counted(rows: list[tuple[str, str, bool]]) -> CrossTab:
        cells: dict[tuple[str, ...], int] = {}
        for arm, response, _ in rows:
            cells[arm, response] = cells.get((arm, response), 0) + 1
        return CrossTab(key=KEY, dims=("ARM", "RESP"), cells=cells)

    first, second = [s for s in subjects if s[2]], [s for s in subjects if not s[2]]
    whole, pooled = (
        table_of(counted(subjects), "ARM", "RESP"),
        table_of(counted(first) + counted(second), "ARM", "RESP"),
    )
    assert (whole.rows, whole.columns, whole.missing) == (pooled.rows, pooled.columns, pooled.missing)
    assert whole.counts.tolist() == pooled.counts.tolist()
    assert int(whole.counts.sum()) + whole.missing == len(subjects)


@FEW
@given(two(30))
def test_score_odds_ratio_interval_holds_the_estimate(case: tuple[int, int, int, int]) -> None:
    c = tried(miettinen_nurminen_odds_ratio, *case)
    assert c.lower <= c.estimate * (1 + 1e-9) and c.estimate <= c.upper * (1 + 1e-9)
    without = miettinen_nurminen_odds_ratio(*case, correction=False)
    assert c.lower <= without.lower * (1 + 1e-9) and without.upper <= c.upper * (1 + 1e-9)
