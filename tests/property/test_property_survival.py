"""What must hold of every statistic of one group over time, against slow and obvious second implementations."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction as F
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chartline.counts.model import CountKey, EventTable
from chartline.stats import (
    Episodes,
    bound_by_lost,
    compare_restricted_means,
    estimate_cumulative_hazard,
    estimate_curve,
    estimate_follow_up_rates,
    estimate_hazard_survival,
    estimate_landmark_curve,
    estimate_leave_one_out,
    estimate_piecewise_hazard,
    estimate_restricted_mean,
    estimate_smoothed_hazard,
    find_tipping_point,
)
from chartline.stats.statistic import NotEstimable
from chartline.stats.survival.exits import Exits

KEY = CountKey(analysis="os", protocol_digest="", unit="day")
FEW = settings(max_examples=40, deadline=None)
Row = tuple[int, int, int, int]  # entry, exit, status, count
SCALES = st.sampled_from(["log-log", "log", "plain", "logit", "arcsin"])


@st.composite
def rows(draw: st.DrawFn, late: bool = True, size: int = 14, statuses: int = 1) -> list[Row]:
    out = []
    one = st.tuples(st.sampled_from([0, 0, 0, 2, 9]), st.integers(0, 15), st.integers(0, statuses), st.integers(1, 3))
    for entry, stay, status, count in draw(st.lists(one, min_size=1, max_size=size)):
        start = entry if late else 0
        out.append((start, start + max(stay, start > 0), status, count))
    return out


def episodes(rows: list[Row], unit: float = 1, **more: Any) -> Episodes:
    entry, exit_, status, count = (np.array(c) for c in zip(*rows, strict=True))
    return Episodes.of(exit_ * unit, status, entry=entry * unit, count=count, **more)


def table(rows: list[Row], pattern: Any = ()) -> EventTable:
    out: Counter[tuple[int, int]] = Counter()
    for entry, exit_, status, count in rows:
        out[entry, 0] += count
        out[exit_, 1 + status] += count
    days = sorted({d for d, _ in out})
    return EventTable(key=KEY, rows={(pattern, d): (out[d, 0], out[d, 1], out[d, 2]) for d in days})


def same(a: Any, b: Any) -> bool:
    return bool(np.allclose(np.asarray(a, float), np.asarray(b, float), rtol=1e-12, atol=1e-14, equal_nan=True))


def slow_curve(rows: list[Row]) -> dict[int, tuple[F, F | None]]:
    """S and Greenwood's variance of log S as fractions, patient by patient."""
    patients = [r[:3] for r in rows for _ in range(r[3])]
    s, variance, out = F(1), F(0), {}
    for t in sorted({exit_ for _, exit_, _ in patients}):
        n = sum((entry < t or entry == 0) and t <= exit_ for entry, exit_, _ in patients)
        d = sum(exit_ == t and status > 0 for _, exit_, status in patients)
        s *= F(n - d, n)
        variance = None if variance is None or n == d else variance + F(d, n * (n - d))
        out[t] = (s, variance)
    return out


@FEW
@given(rows())
def test_a_curve_is_the_product_limit_of_fractions(rows: list[Row]) -> None:
    curve, slow = estimate_curve(episodes(rows)), slow_curve(rows)
    assert list(curve.times_days) == list(slow)
    assert same(curve.survival, [float(s) for s, _ in slow.values()])
    assert same(
        [math.nan if e is None else e for e in curve.std_error],
        [math.nan if v is None else float(s) * math.sqrt(v) for s, v in slow.values()],
    )


@FEW
@given(rows(), SCALES, st.integers(0, 5))
def test_counts_pooled_from_centres_are_the_whole_and_the_patients(rows: list[Row], scale: Any, seed: int) -> None:
    r = np.random.default_rng(seed)
    centres = r.integers(0, 3, len(rows))
    pooled = EventTable(key=KEY)
    for c in range(3):
        pooled = pooled + table([row for row, at in zip(rows, centres, strict=True) if at == c], (("SITEID", str(c)),))
    one_by_one = [(*row[:3], 1) for row in rows for _ in range(row[3])]
    r.shuffle(one_by_one)
    curves = [estimate_curve(x, scale) for x in (pooled, table(rows), episodes(rows), episodes(one_by_one))]
    first = curves[0]
    for other in curves[1:]:
        assert (first.times_days, first.at_risk, first.events, first.censored, first.entries) == (
            other.times_days, other.at_risk, other.events, other.censored, other.entries
        )  # fmt: skip
        assert first.survival == other.survival and same(first.low, other.low) and same(first.high, other.high)
        assert [first.quantile(p) for p in (0.1, 0.5, 0.8)] == [other.quantile(p) for p in (0.1, 0.5, 0.8)]


@FEW
@given(rows(), SCALES)
def test_limits_lie_around_the_estimate_and_a_wider_level_is_wider(rows: list[Row], scale: Any) -> None:
    wide, narrow = (estimate_curve(episodes(rows), scale, level) for level in (0.99, 0.8))
    known = ~np.isnan(wide.low)
    for curve in (wide, narrow):
        assert np.all(curve.low[known] <= curve.steps[known] + 1e-12)
        assert np.all(curve.high[known] >= curve.steps[known] - 1e-12)
        assert np.all(curve.low[known] >= 0) and np.all(curve.high[known] <= 1)
    assert np.all(wide.low[known] <= narrow.low[known] + 1e-12)
    assert np.all(wide.high[known] >= narrow.high[known] - 1e-12)


@FEW
@given(rows(), st.sampled_from([7.0, 1 / 30.4375, 1e-3]))
def test_the_unit_of_time_is_irrelevant(rows: list[Row], unit: float) -> None:
    days, other = episodes(rows), episodes(rows, unit)
    assert same(estimate_curve(days).survival, estimate_curve(other).survival)
    median, scaled = (estimate_curve(x).quantile(0.5).value for x in (days, other))
    assert (median is None and scaled is None) or scaled == pytest.approx(median * unit)  # type: ignore[operator]
    tau = max(r[1] for r in rows)
    if tau:
        a, b = estimate_restricted_mean(days, tau), estimate_restricted_mean(other, tau * unit)
        assert same([a.mean * unit, a.std_error * unit, a.lost * unit], [b.mean, b.std_error, b.lost])
        h, g = estimate_piecewise_hazard(days, [tau]), estimate_piecewise_hazard(other, [tau * unit])
        assert same(h.rate / unit, g.rate) and same(h.upper / unit, g.upper)
        if any(r[2] for r in rows):
            h2, g2 = (estimate_smoothed_hazard(x, 4 * u, tau * u) for x, u in ((days, 1.0), (other, unit)))
            assert np.allclose(h2.hazard / unit, g2.hazard, rtol=1e-9, atol=1e-9 * h2.hazard.max() / unit)


@FEW
@given(rows(), st.integers(1, 12))
def test_cutting_a_subjects_time_changes_nothing(rows: list[Row], at: int) -> None:
    cut = []
    for entry, exit_, status, count in rows:
        cut += (
            [(entry, at, 0, count), (at, exit_, status, count)]
            if entry < at < exit_
            else [(entry, exit_, status, count)]
        )
    whole, parts = estimate_curve(episodes(rows)), estimate_curve(episodes(cut))
    for t in range(26):
        a, b = whole.survival_at(t), parts.survival_at(t)
        assert a.value == pytest.approx(b.value, rel=1e-13)
        assert whole.n_risk(t) == parts.n_risk(t) and whole.n_events(t) == parts.n_events(t)
    assert same(
        [estimate_cumulative_hazard(episodes(rows)).at(t).value for t in range(26)],
        [estimate_cumulative_hazard(episodes(cut)).at(t).value for t in range(26)],
    )
    ends = [5, 11, 30]
    assert same(*(estimate_piecewise_hazard(episodes(x), ends).person_time for x in (rows, cut)))


@FEW
@given(rows())
def test_restricted_mean_is_the_area_under_the_steps(rows: list[Row]) -> None:
    curve, tau = slow_curve(rows), max(r[1] for r in rows)
    if not tau:
        with pytest.raises(ValueError, match="above 0"):
            estimate_restricted_mean(episodes(rows))
        return

    def s(t: int) -> F:
        return next((s for d, (s, _) in reversed(curve.items()) if d <= t), F(1))

    area = {t: sum((s(u) for u in range(t, tau)), F(0)) for t in range(tau + 1)}  # whole days
    patients = [r[:3] for r in rows for _ in range(r[3])]
    variance = F(0)
    for t in curve:
        n = sum((entry < t or entry == 0) and t <= exit_ for entry, exit_, _ in patients)
        d = sum(exit_ == t and status > 0 for _, exit_, status in patients)
        variance += area[t] ** 2 * F(d, n * (n - d)) if n > d else 0
    for data in (episodes(rows), table(rows)):
        got = estimate_restricted_mean(data, tau)
        assert same([got.mean, got.std_error**2], [float(area[0]), float(variance)])
        assert got.mean + got.lost == pytest.approx(tau)


@FEW
@given(rows(), rows())
def test_groups_exchanged_turn_the_comparison_round(a: list[Row], b: list[Row]) -> None:
    def compared(groups: list[str]) -> Any:
        return compare_restricted_means(episodes(a + b, group=[groups[0]] * len(a) + [groups[1]] * len(b)), 1)

    try:
        one, other = compared(["x", "y"]), compared(["y", "x"])
    except NotEstimable:
        return
    assert one.difference.value == pytest.approx(-other.difference.value, abs=1e-15)
    assert one.difference.p == other.difference.p
    if one.lost_ratio.value is not None:
        assert one.lost_ratio.lower == pytest.approx(1 / other.lost_ratio.upper)


@FEW
@given(rows())
def test_product_limit_is_below_the_exponential_of_either_hazard(rows: list[Row]) -> None:
    data = episodes(rows)
    km = estimate_curve(data).steps
    breslow, harrington = (estimate_hazard_survival(data, x).steps for x in ("nelson-aalen", "fleming-harrington"))
    assert np.all(km <= harrington + 1e-15) and np.all(harrington <= breslow + 1e-15)
    one_by_one = estimate_cumulative_hazard(data, "fleming-harrington")
    slow = np.cumsum([
        sum(1 / (n - k) for k in range(int(d))) for n, d in zip(one_by_one.at_risk, one_by_one.events, strict=True)
    ])  # fmt: skip
    assert same(one_by_one.hazard, slow)


@FEW
@given(rows(), st.integers(0, 15))
def test_survival_after_a_landmark_is_the_ratio_of_survivals(rows: list[Row], at: int) -> None:
    whole = estimate_curve(episodes(rows))
    try:
        later = estimate_landmark_curve(table(rows), at)
    except NotEstimable:
        assert max(r[1] for r in rows) <= at
        return
    assert later.start == at and later.n == sum(r[3] for r in rows if r[1] > at)
    for t in later.times_days:
        if whole.survival_at(at).value:
            ratio = whole.survival_at(t).value / whole.survival_at(at).value  # type: ignore[operator]
            assert later.survival_at(t).value == pytest.approx(ratio, rel=1e-12)
        assert later.n_risk(t) == whole.n_risk(t)


@FEW
@given(rows(), st.integers(1, 15))
def test_follow_up_rates_lie_between_nothing_and_everything(rows: list[Row], horizon: int) -> None:
    try:
        r = estimate_follow_up_rates(episodes(rows), horizon)
    except NotEstimable:
        assert all(r[0] >= horizon or (r[1] == 0 and r[2]) for r in rows)
        return
    person_days = sum(max(0, min(b, horizon) - min(a, horizon)) * c for a, b, _, c in rows)
    assert r.observed == pytest.approx(person_days)
    assert 0 <= r.percentage <= 1
    assert 0 <= r.clark <= r.simplified + 1e-12 <= 1 + 1e-11
    assert Exits.of(episodes(rows)).person_time(0, 100) == pytest.approx(sum((b - a) * c for a, b, _, c in rows))


@FEW
@given(rows(statuses=2), st.integers(1, 15))
def test_worst_is_below_observed_and_best_is_above(rows: list[Row], at: int) -> None:
    data = episodes(rows, causes=["event", "lost"])
    try:
        b = bound_by_lost(data, at, 40)
    except NotEstimable:
        return
    assert b.best.value is not None
    if b.observed.value is not None and b.worst.value is not None:
        assert b.worst.value <= b.observed.value + 1e-12
        assert b.observed.value <= b.best.value + 1e-12
    if not b.lost:
        assert b.worst == b.observed == b.best


@FEW
@given(rows(late=False, size=7), st.integers(1, 12), st.sampled_from([0.2, 0.4, 0.61, 0.83]))
def test_no_smaller_number_of_events_tips_the_survival(rows: list[Row], at: int, threshold: float) -> None:
    rows = [(*r[:3], 1) for r in rows]
    try:
        tip = find_tipping_point(episodes(rows), at, threshold)
    except NotEstimable:
        return
    censored = [i for i, r in enumerate(rows) if not r[2] and r[1] < at]
    assert tip.censored_before == len(censored)

    def tips(chosen: tuple[int, ...]) -> bool:
        changed = [(*r[:2], 1, 1) if i in chosen else r for i, r in enumerate(rows)]
        at_landmark = next((s for t, (s, _) in reversed(slow_curve(changed).items()) if t <= at), F(1))
        return at_landmark < threshold - 1e-7

    fewest = next((k for k in range(len(censored) + 1) if any(map(tips, combinations(censored, k)))), None)
    assert tip.events == fewest


@FEW
@given(rows(), st.integers(1, 12), st.sampled_from(["survival", "lower", "upper"]), st.booleans())
def test_each_step_to_the_tipping_point_is_a_curve_of_its_own(rows: list[Row], at: int, of: Any, early: bool) -> None:
    patients = [(*r[:3], 1) for r in rows for _ in range(r[3])]
    try:
        tip = find_tipping_point(table(rows), at, 0.5, of, "earliest first" if early else "latest first")
    except NotEstimable:
        return
    order = sorted((i for i, r in enumerate(patients) if not r[2] and r[1] < at), key=lambda i: patients[i][1])
    order = order if early else order[::-1]

    def value(k: int) -> float:
        changed = [(*r[:2], 1, 1) if i in order[:k] else r for i, r in enumerate(patients)]
        e = estimate_curve(episodes(changed)).survival_at(at)
        limit = {"survival": e.value, "lower": e.lower, "upper": e.upper}[of]
        return float(e.value if limit is None else limit)  # type: ignore[arg-type]

    assert tip.observed == pytest.approx(value(0), rel=1e-9) and tip.censored_before == len(order)
    assert tip.all_events == pytest.approx(value(len(order)), rel=1e-9, abs=1e-12)
    if tip.events is not None:
        assert tip.tipped == pytest.approx(value(tip.events), rel=1e-9, abs=1e-12)
        assert all(value(k) >= 0.5 - 1e-6 for k in range(tip.events))


@FEW
@given(st.lists(rows(size=5), min_size=2, max_size=4))
def test_without_one_centre_are_the_others_added_up(centres: list[list[Row]]) -> None:
    parts = [table(rows, (("SITEID", str(i)),)) for i, rows in enumerate(centres)]
    whole = parts[0]
    for part in parts[1:]:
        whole = whole + part
    out = estimate_leave_one_out(whole, "SITEID", lambda t: estimate_curve(t).survival_at(6).value)
    for i, part in enumerate(centres):
        rest = [r for j, rows in enumerate(centres) if j != i for r in rows]
        assert out.values[str(i)] == estimate_curve(episodes(rest)).survival_at(6).value
        assert part
    assert out.lowest is not None and out.highest is not None and out.lowest <= out.highest
