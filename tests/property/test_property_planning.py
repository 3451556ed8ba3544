"""Precision and power against sums written out; Turnbull's estimate against its conditions and Kaplan-Meier."""

from __future__ import annotations

import math
from collections import Counter
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chartline.counts.model import CountKey, EventTable
from chartline.stats import (
    Recruitment,
    estimate_turnbull,
    event_probability,
    hazard_of_median,
    interval_precision,
    logrank_events,
    logrank_power,
    logrank_sample_size,
    n_for_interval_width,
    n_for_survival_width,
    one_arm_power,
    one_sample_logrank_power,
    one_sample_logrank_size,
    simon_two_stage,
    survival_precision,
    trial_power,
)
from chartline.stats.planning.one_arm import TwoStageDesign
from chartline.stats.proportions.proportion import clopper_pearson, wilson
from chartline.stats.sensitivity import turnbull
from chartline.stats.survival.kaplan_meier import estimate_curve

EXAMPLES = settings(max_examples=30, deadline=None)
RATES = st.floats(0.01, 0.99)


def binomial(n: int, p: float) -> list[float]:
    return [comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]


@given(st.integers(1, 60), RATES, st.sampled_from(["clopper_pearson", "wilson"]), st.sampled_from([0.8, 0.95]))
@EXAMPLES
def test_the_expected_width_is_a_sum_over_all_counts(n: int, rate: float, method: str, level: float) -> None:
    of = {"clopper_pearson": clopper_pearson, "wilson": wilson}[method]
    widths = [of(k, n, level).upper - of(k, n, level).lower for k in range(n + 1)]
    found = interval_precision(n, rate, method=method, level=level)  # type: ignore[arg-type]
    expected = math.fsum(p * w for p, w in zip(binomial(n, rate), widths, strict=True))
    assert found.width == pytest.approx(expected, rel=1e-12)
    at = of(found.count, n, level)
    assert (found.lower, found.upper) == pytest.approx((at.lower, at.upper), rel=1e-12)


@given(st.floats(0.05, 0.5), RATES)
@EXAMPLES
def test_the_smallest_n_is_enough_and_one_less_is_not(width: float, rate: float) -> None:
    n = n_for_interval_width(width, rate).n
    assert interval_precision(n, rate).width <= width
    assert n == 1 or interval_precision(n - 1, rate).width > width
    n = n_for_survival_width(width, rate, lost=0.1).n
    wide = survival_precision(max(1, n - 1), rate, lost=0.1)
    assert n == 1 or wide.upper - wide.lower > width


@given(st.floats(0.3, 3), st.floats(0.1, 0.9), st.floats(0.5, 0.99), st.sampled_from(["schoenfeld", "freedman"]))
@EXAMPLES
def test_events_give_the_power_that_was_asked_for(hr: float, allocation: float, power: float, formula: str) -> None:
    if abs(hr - 1) < 0.01:
        return
    options = {"allocation": allocation, "formula": formula}
    events = logrank_events(hr, power=power, **options).events  # type: ignore[arg-type]
    assert logrank_power(events, hr, **options).power == pytest.approx(power, rel=1e-9)  # type: ignore[arg-type]
    assert logrank_power(2 * events, hr, **options).power > power  # type: ignore[arg-type]


@given(
    st.floats(1, 60), st.floats(0.2, 0.9), st.floats(0, 48), st.floats(1, 48), st.floats(0, 0.1),
    st.sampled_from(["schoenfeld", "freedman", "lachin_foulkes"]), st.sampled_from([1 / 30.4375, 7.0]),
)  # fmt: skip
@EXAMPLES
def test_patients_give_the_power_whatever_the_unit_of_time(
    median: float, hr: float, accrual: float, follow_up: float, dropout: float, formula: str, unit: float
) -> None:
    r = Recruitment(accrual, follow_up, dropout)
    n = logrank_sample_size(median, hr, r, formula=formula)  # type: ignore[arg-type]
    assert trial_power(n.n, median, hr, r, formula=formula).power == pytest.approx(0.8, rel=1e-9)  # type: ignore[arg-type]
    other = logrank_sample_size(
        median / unit, hr, Recruitment(accrual / unit, follow_up / unit, dropout * unit),
        formula=formula,  # type: ignore[arg-type]
    )  # fmt: skip
    assert other.n == pytest.approx(n.n, rel=1e-9)


@given(st.floats(1e-4, 2), st.floats(0, 5), st.floats(0, 5), st.floats(0, 1))
@EXAMPLES
def test_the_probability_of_an_event_averages_over_entry(
    hazard: float, accrual: float, end: float, loss: float
) -> None:
    if accrual + end < 1e-3:
        return
    rate, steps = hazard + loss, 4000
    times = end + (np.arange(steps) + 0.5) / steps * accrual
    expected = hazard / rate * float(np.mean(-np.expm1(-rate * times)))
    found = event_probability(hazard, Recruitment(accrual, end, loss))
    assert found == pytest.approx(expected, rel=1e-5)
    without_loss = event_probability(hazard, Recruitment(accrual, end, 0))
    assert found <= without_loss * (1 + 1e-12) <= 1 + 1e-12  # equal but for rounding where nearly nobody is lost


@given(st.integers(1, 40), st.floats(0.05, 0.6), st.floats(0.05, 0.35), st.sampled_from([0.05, 0.1]))
@EXAMPLES
def test_one_arm_keeps_its_level_and_one_response_less_would_not(n: int, p0: float, more: float, alpha: float) -> None:
    d = one_arm_power(n, p0, p0 + more, alpha=alpha)
    null, hoped = binomial(n, p0), binomial(n, p0 + more)
    assert (d.alpha, d.power) == pytest.approx((math.fsum(null[d.r + 1 :]), math.fsum(hoped[d.r + 1 :])), rel=1e-11)
    assert d.alpha <= alpha + 1e-10 and (d.r == 0 or math.fsum(null[d.r :]) > alpha - 1e-10)


@pytest.mark.parametrize(("p0", "p1"), [(0.1, 0.5), (0.05, 0.4)])
def test_simons_designs_by_trying_all(p0: float, p1: float) -> None:
    most, found = 12, []
    for n in range(2, most + 1):
        for n1 in range(1, n):
            for r1 in range(n1 + 1):
                for r in range(r1, n + 1):

                    def reject(p: float, n1: int = n1, n: int = n, r1: int = r1, r: int = r) -> float:
                        a, b = binomial(n1, p), binomial(n - n1, p)
                        return sum(a[x] * sum(b[max(0, r + 1 - x) :]) for x in range(r1 + 1, n1 + 1))

                    alpha, power = reject(p0), reject(p1)
                    if alpha <= 0.1 and power >= 0.8:
                        stop = sum(binomial(n1, p0)[: r1 + 1])
                        found.append(TwoStageDesign(r1, n1, r, n, n1 + (1 - stop) * (n - n1), stop, alpha, power))
    designs = simon_two_stage(p0, p1, alpha=0.1, power=0.8, most=most)
    assert designs.optimal.expected_n == pytest.approx(min(d.expected_n for d in found), rel=1e-12)
    least = min(d.n for d in found)
    assert designs.minimax.n == least
    assert designs.minimax.expected_n == pytest.approx(min(d.expected_n for d in found if d.n == least), rel=1e-12)


@pytest.mark.parametrize("shape", [0.8, 1.0, 1.6])
def test_a_one_sample_logrank_size_gives_its_power(shape: float) -> None:
    r = Recruitment(24, 12, 0.01)
    n = one_sample_logrank_size(10, 0.6, r, shape=shape, power=0.9).n
    found = one_sample_logrank_power(n, 10, 0.6, r, shape=shape)
    assert found.power == pytest.approx(0.9, rel=1e-10)
    assert found.events_alternative == pytest.approx(0.6 * found.events_null, rel=1e-12)


def test_events_of_one_sample_are_those_of_the_closed_form() -> None:
    r = Recruitment(24, 12, 0.01)
    found = one_sample_logrank_power(100, 10, 0.6, r).events_alternative
    assert found == pytest.approx(100 * event_probability(0.6 * hazard_of_median(10), r), rel=1e-11)


@st.composite
def intervals(draw: st.DrawFn) -> list[tuple[float, float]]:
    """Visits on a coarse grid; exact times and open ends among them."""
    rows = draw(
        st.lists(st.tuples(st.integers(0, 12), st.sampled_from([0, 1, 1, 2, 3, 5, None])), min_size=1, max_size=25)
    )
    return [(float(a), math.inf if d is None else float(a + d)) for a, d in rows]


@given(intervals())
@EXAMPLES
def test_turnbull_meets_the_conditions_of_a_maximum(rows: list[tuple[float, float]]) -> None:
    found = estimate_turnbull(rows)
    # which innermost interval each observation may hold, by the plain rule
    inner = list(zip(found.left.tolist(), found.right.tolist(), strict=True))

    def holds_it(row: tuple[float, float], a: float, b: float) -> bool:
        return row[0] <= a and b <= row[1] and (a < b or row[0] < a or row == (a, a))

    holds = np.array([[holds_it(row, a, b) for a, b in inner] for row in rows], float)
    chances = holds @ found.mass
    gradient = holds.T @ (1 / chances)
    assert found.log_likelihood == pytest.approx(float(np.log(chances).sum()), rel=1e-12, abs=1e-12)
    assert np.all(gradient <= len(rows) * (1 + 1e-9))
    assert gradient[found.mass > 1e-9] == pytest.approx(len(rows), rel=1e-8)
    assert found.mass.sum() == pytest.approx(1, rel=1e-12) and np.all(found.mass >= 0)
    assert np.all(np.diff(found.survival) <= 1e-15)


@given(intervals(), st.sampled_from([1 / 30.4375, 7.0]), st.integers(2, 5))
@EXAMPLES
def test_turnbull_by_counts_order_and_unit(rows: list[tuple[float, float]], unit: float, times: int) -> None:
    found = estimate_turnbull(rows)
    counts = {k: n * times for k, n in Counter(reversed(rows)).items()}
    half = Counter(rows[::2]) + Counter(rows[1::2])
    scaled = [(a * unit, b * unit) for a, b in rows]
    for other in (counts, half, scaled):
        assert estimate_turnbull(other).survival.tolist() == pytest.approx(found.survival.tolist(), rel=1e-8, abs=1e-9)


@pytest.mark.parametrize("seed", [1, 2])
def test_turnbull_of_many_intervals_searches_only_where_mass_can_be_gained(seed: int) -> None:
    r = np.random.default_rng(seed)
    time, shift = r.exponential(300, 2000), r.integers(0, 90, 2000)
    look = np.floor((time - shift) / 90) * 90 + shift
    rows = np.column_stack([np.maximum(look, 0), np.where(look > 600, np.inf, look + 90)])
    found = estimate_turnbull(rows)
    assert found.mass.size > 200 and found.gap < 1e-10
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(turnbull, "_ALL_AT_ONCE", 10**6)
        assert estimate_turnbull(rows).mass == pytest.approx(found.mass, rel=1e-6, abs=1e-9)


@given(st.lists(st.tuples(st.integers(1, 15), st.booleans()), min_size=1, max_size=25))
@EXAMPLES
def test_turnbull_of_exact_times_is_kaplan_meier(rows: list[tuple[int, bool]]) -> None:
    found = estimate_turnbull([(t, t if event else math.inf) for t, event in rows])
    days = Counter((t, event) for t, event in rows)
    table = {((), 0): (len(rows), 0, 0)} | {((), t): (0, days[t, False], days[t, True]) for t in sorted(dict(rows))}
    curve = estimate_curve(EventTable(key=CountKey(analysis="x", protocol_digest="", unit="day"), rows=table))
    for t in range(0, 16):
        if curve.reaches(t):
            bounds, s = found.survival_at(t), curve.survival_at(t).value
            assert (bounds.lower, bounds.upper) == pytest.approx((s, s), rel=1e-9, abs=1e-12)
