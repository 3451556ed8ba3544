"""What must hold of every curve, interval and quantile, whatever the counts."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from chartline.counts.model import CountKey, EventTable
from chartline.stats.distributions import beta_quantile, beta_tails
from chartline.stats.proportions.proportion import clopper_pearson, wilson
from chartline.stats.survival.follow_up import reverse
from chartline.stats.survival.kaplan_meier import IntervalKind, estimate_curve
from chartline.stats.values.summary import quantile, summarise

KEY = CountKey(analysis="os", protocol_digest="", unit="day")
KINDS = st.sampled_from(["log-log", "log", "plain"])
LEVELS = st.sampled_from([0.5, 0.8, 0.95, 0.999])


@st.composite
def event_tables(draw: st.DrawFn) -> EventTable:
    """Up to 40 subjects, some entering late."""
    rows: Counter[tuple[int, str]] = Counter()
    for entry, stay, event in draw(
        st.lists(st.tuples(st.sampled_from([0, 0, 0, 3, 30]), st.integers(0, 60), st.booleans()), max_size=40)
    ):
        rows[entry, "enter"] += 1
        # who enters after day 0 stays at least a day
        rows[entry + max(stay, entry > 0), "event" if event else "censor"] += 1
    days = {day for day, _ in rows}
    return EventTable(
        key=KEY, rows={((), d): (rows[d, "enter"], rows[d, "censor"], rows[d, "event"]) for d in sorted(days)}
    )


@given(event_tables(), KINDS, LEVELS)
def test_a_curve(table: EventTable, kind: IntervalKind, level: float) -> None:
    curve = estimate_curve(table, kind, level)
    assert all(0 <= s <= 1 for s in curve.survival)
    assert all(a >= b for a, b in pairwise((1.0, *curve.survival)))
    for s, lower, upper in zip(curve.survival, curve.lower, curve.upper, strict=True):
        assert (lower is None) == (upper is None)
        if lower is not None and upper is not None:
            assert 0 <= lower <= s + 1e-15 and s - 1e-15 <= upper <= 1
    assert sum(curve.events) + sum(curve.censored) == curve.n == table.n


@given(event_tables(), KINDS)
def test_quantiles_grow_with_p_and_lie_in_their_interval(table: EventTable, kind: IntervalKind) -> None:
    curve = estimate_curve(table, kind)
    times = [curve.quantile(p).value for p in (0.1, 0.25, 0.5, 0.75, 0.9)]
    reached = [t for t in times if t is not None]
    assert reached == sorted(reached) and all(t is None for t in times[len(reached) :])
    first, median = curve.first_time(0.5), curve.quantile(0.5).value
    assert (first is None) == (median is None)
    if first is not None and median is not None:
        assert first <= median
        assert curve.survival_at(first).value <= 0.5 + 1e-9  # type: ignore[operator]


@given(event_tables())
def test_turning_it_round_twice_is_the_table(table: EventTable) -> None:
    twice = reverse(reverse(table))
    assert twice.rows == table.rows


@given(st.integers(0, 10**7), st.integers(1, 10**7), LEVELS)
def test_intervals_contain_the_proportion(n: int, total: int, level: float) -> None:
    n = min(n, total)
    for interval in (clopper_pearson(n, total, level), wilson(n, total, level)):
        assert 0 <= interval.lower <= n / total <= interval.upper <= 1
    other = clopper_pearson(total - n, total, level)
    assert abs(clopper_pearson(n, total, level).upper - (1 - other.lower)) < 1e-12


@given(st.floats(1e-6, 1 - 1e-6), st.floats(0.1, 1e5), st.floats(0.1, 1e5), st.booleans())
def test_the_beta_quantile_inverts_the_tails(p: float, a: float, b: float, upper: bool) -> None:
    x = beta_quantile(p, a, b, upper=upper)
    assert 0 <= x <= 1
    if 1e-7 < x < 1 - 1e-7:  # nearer to 1 the double itself has too few digits of 1 - x
        assert abs(beta_tails(x, a, b)[1 if upper else 0] / p - 1) < 1e-7


@given(st.dictionaries(st.floats(-1e6, 1e6), st.integers(0, 5), max_size=12), st.integers(1, 9))
def test_quantiles_lie_between_the_smallest_and_the_largest(values: dict[float, int], kind: int) -> None:
    s = summarise(values)
    if s.min is None or s.max is None:
        assert s.n == 0
        return
    low, high = [quantile(values, p, kind) for p in (0.25, 0.75)]
    slack = 1e-15 * max(abs(s.min), abs(s.max))  # a mean of two nearly equal doubles may round past one of them
    assert s.min - slack <= low <= high + slack and high <= s.max + slack
    assert s.mean is not None and s.min - slack <= s.mean <= s.max + slack
