"""Restricted means, hazards, landmarks, follow-up and sensitivity worked on paper, and Freireich's 6-MP."""

from __future__ import annotations

import math
from fractions import Fraction as F

import pytest

from chartline.counts.model import CountKey, CrossTab, EventTable
from chartline.stats import (
    Episodes,
    best_case,
    bound_by_lost,
    compare_restricted_means,
    estimate_completeness,
    estimate_conditional_survival,
    estimate_cumulative_hazard,
    estimate_curve,
    estimate_curves_by_group,
    estimate_follow_up_rates,
    estimate_hazard_survival,
    estimate_piecewise_hazard,
    estimate_restricted_mean,
    estimate_smoothed_hazard,
    find_tipping_point,
    leave_one_out,
    worst_case,
)
from chartline.stats.survival.kaplan_meier import IntervalKind

KEY = CountKey(analysis="os", protocol_digest="", unit="day")
Z = 1.959963984540054  # normal quantile at 0.975
# Freireich 1963, 6-MP: weeks of remission; 0 = still in remission
SIX_MP = ((6, 1), (6, 1), (6, 1), (6, 0), (7, 1), (9, 0), (10, 1), (10, 0), (11, 0), (13, 1), (16, 1))
SIX_MP += ((17, 0), (19, 0), (20, 0), (22, 1), (23, 1), (25, 0), (32, 0), (32, 0), (34, 0), (35, 0))
MP = Episodes.of([t for t, _ in SIX_MP], [e for _, e in SIX_MP])
# A dies on day 2, B is last seen on day 3, C dies on day 5
THREE = Episodes.of([2, 3, 5], [1, 0, 1])


def near(value: float | None, expected: F | float) -> bool:
    return value == pytest.approx(float(expected), rel=1e-13)


def test_freireich_survival_is_the_product_in_the_textbooks() -> None:
    curve = estimate_curve(MP)
    at = {6: F(18, 21), 7: F(16, 17), 10: F(14, 15), 13: F(11, 12), 16: F(10, 11), 22: F(6, 7), 23: F(5, 6)}
    s = F(1)
    for week, factor in at.items():
        s *= factor
        assert near(curve.survival_at(week).value, s)
    # Greenwood after week 7: S^2 (3 / (21 x 18) + 1 / (17 x 16))
    error = math.sqrt(F(6, 7) ** 2 * F(16, 17) ** 2 * (F(3, 21 * 18) + F(1, 17 * 16)))
    assert near(dict(zip(curve.times_days, curve.std_error, strict=True))[7], error)


@pytest.mark.parametrize(("interval", "lower"), [("log-log", 13), ("log", 16)])
def test_freireich_median_is_23_and_its_limit_depends_on_the_scale(interval: IntervalKind, lower: float) -> None:
    median = estimate_curve(MP, interval).quantile(0.5)
    assert (median.value, median.lower, median.upper) == (23, lower, None)


def test_every_interval_of_one_step() -> None:
    # two patients, one dies on day 1: S = 1/2, Greenwood's variance of log S = 1 / (2 x 1) = 1/2
    data = Episodes.of([1, 2], [1, 0])
    half = Z * math.sqrt(0.5)
    expected = {
        "plain": (max(0, 0.5 - half / 2), min(1, 0.5 + half / 2)),
        "log": (0.5 * math.exp(-half), min(1.0, 0.5 * math.exp(half))),
        "log-log": (0.5 ** math.exp(half / math.log(2)), 0.5 ** math.exp(-half / math.log(2))),
        # logit: odds 1, error of the logit = sqrt(1/2) / (1 - S) = sqrt(2)
        "logit": (1 / (1 + math.exp(2 * half)), 1 / (1 + math.exp(-2 * half))),
        # arcsine: angle pi/4, error sqrt(1/2) / 2 x sqrt(S / (1 - S)) = sqrt(1/2) / 2
        "arcsin": (math.sin(math.pi / 4 - half / 2) ** 2, math.sin(min(math.pi / 2, math.pi / 4 + half / 2)) ** 2),
    }
    for interval, (lower, upper) in expected.items():
        got = estimate_curve(data, interval).survival_at(1)  # type: ignore[arg-type]
        assert near(got.lower, lower) and near(got.upper, upper)
    # Tsiatis: variance of log S = 1 / 2^2
    got = estimate_curve(data, "log", variance="tsiatis").survival_at(1)
    assert near(got.lower, 0.5 * math.exp(-Z / 2))


def test_quantiles_at_any_p_take_the_middle_of_the_flat_part() -> None:
    curve = estimate_curve(Episodes.of([10, 20, 30, 40], [1, 1, 1, 1]))  # S = 3/4, 1/2, 1/4, 0
    assert [curve.quantile(p).value for p in (0, 0.1, 0.25, 0.3, 0.5, 0.75, 1)] == [0, 10, 15, 20, 25, 35, 40]


def test_curves_of_decimals_and_of_groups() -> None:
    data = Episodes.of([0.5, 1.5, 1.5, 2.5], [1, 1, 0, 1], group=["a", "a", "b", "b"])
    curves = estimate_curves_by_group(data)
    assert curves["a"].times_days == (0.5, 1.5) and curves["a"].survival == (0.5, 0.0)
    assert curves["b"].quantile(0.5).value == 2.5


def test_restricted_mean_of_three() -> None:
    # S = 2/3 from day 2: until day 4 the area is 2 x 1 + 2 x 2/3; its variance (2 x 2/3)^2 x 1 / (3 x 2)
    m = estimate_restricted_mean(THREE, 4)
    assert near(m.mean, F(10, 3)) and near(m.lost, F(2, 3)) and near(m.std_error**2, F(8, 27))
    assert near(m.lower, 10 / 3 - Z * math.sqrt(8 / 27)) and near(m.lost_upper, 2 / 3 + Z * math.sqrt(8 / 27))
    # until day 5, the last event, at which all at risk have it and which adds no variance
    m = estimate_restricted_mean(THREE)
    assert m.tau == 5 and near(m.mean, 2 + 3 * F(2, 3)) and near(m.std_error**2, 2**2 * F(1, 6))


def test_restricted_means_of_two_groups() -> None:
    # first group THREE; second: one dies on day 1 of two, the other is last seen on day 4: area 1 + 3 x 1/2,
    # variance (3/2)^2 x 1 / (2 x 1)
    both = Episodes.of([2, 3, 5, 1, 4], [1, 0, 1, 1, 0], group=list("aaabb"))
    c = compare_restricted_means(both, 4)
    assert near(c.difference.value, F(5, 2) - F(10, 3))
    error = math.sqrt(F(8, 27) + F(9, 8))
    assert near(c.difference.upper, float(F(5, 2) - F(10, 3)) + Z * error)
    assert near(c.ratio.value, F(3, 4)) and near(c.lost_ratio.value, F(3, 2) / F(2, 3))
    log_error = math.sqrt(F(8, 27) / F(10, 3) ** 2 + F(9, 8) / F(5, 2) ** 2)
    assert near(c.ratio.lower, 0.75 * math.exp(-Z * log_error))
    assert near(c.ratio.p, math.erfc(abs(math.log(0.75)) / log_error / math.sqrt(2)))
    # nothing is known of the second group after day 4, of the first everything
    assert compare_restricted_means(both).tau == 4


def test_cumulative_hazard_of_freireich() -> None:
    h = estimate_cumulative_hazard(MP)
    assert near(h.at(10).value, F(3, 21) + F(1, 17) + F(1, 15)) and h.at(5.9).value == 0
    one_by_one = estimate_cumulative_hazard(MP, "fleming-harrington", "plain")
    assert near(one_by_one.at(6).value, F(1, 21) + F(1, 20) + F(1, 19))
    error = math.sqrt(F(1, 21**2) + F(1, 20**2) + F(1, 19**2))
    assert near(one_by_one.std_error[0], error)
    assert near(one_by_one.at(6).upper, float(F(1, 21) + F(1, 20) + F(1, 19)) + Z * error)
    log = h.at(6)  # variance of 3/21 by Aalen: 3 / 21^2
    assert near(log.upper, 3 / 21 * math.exp(Z * math.sqrt(3 / 21**2) / (3 / 21)))
    assert near(estimate_hazard_survival(MP).survival_at(10).value, math.exp(-float(F(3, 21) + F(1, 17) + F(1, 15))))


def test_hazard_by_interval() -> None:
    # days at risk: (0, 2]: 2 + 2 + 2; (2, 4]: A is gone, B 1, C 2; (4, 6]: C 1
    h = estimate_piecewise_hazard(THREE, [2, 4, 6])
    assert h.person_time.tolist() == [6, 3, 1] and h.events.tolist() == [1, 0, 1]
    assert near(h.rate[0], F(1, 6)) and h.rate[1] == 0
    # no event in 3 days: exp(-3 x) = 0.025; one in 6: 1 - exp(-6 x) = 0.025
    assert h.lower[1] == 0 and near(h.upper[1], -math.log(0.025) / 3) and near(h.lower[0], -math.log(0.975) / 6)


def test_hazard_by_interval_with_late_entry() -> None:
    # A is at risk from day 3 to day 7 (event), B from 0 to 5
    h = estimate_piecewise_hazard(Episodes.of([7, 5], [1, 0], entry=[3, 0]), [4, 8])
    assert h.person_time.tolist() == [1 + 4, 3 + 1] and h.events.tolist() == [0, 1]


def test_smoothed_hazard_of_one_event() -> None:
    # an event on day 5, two at risk: the increment 1/2 under a kernel of height 3/4 and half-width 2
    data = Episodes.of([5, 20], [1, 0])
    h = estimate_smoothed_hazard(data, 2, 20, [2.5, 4, 5, 6.5])
    kernel = [0, 0.75 * (1 - 0.25), 0.75, 0.75 * (1 - 0.75**2)]
    assert h.hazard.tolist() == pytest.approx([k / 2 / 2 for k in kernel])
    assert h.std_error.tolist() == pytest.approx([k / 2 / 2 for k in kernel])  # one event: the increment itself
    # at day 0 the kernel is 12 (1 + x) (1/2 + x), x = (0 - 1) / 4 for an event on day 1
    at_start = estimate_smoothed_hazard(Episodes.of([1, 20], [1, 0]), 4, 20, [0])
    assert at_start.hazard[0] == pytest.approx(12 * 0.75 * 0.25 / 2 / 4)
    # at the end it is the same, mirrored
    at_end = estimate_smoothed_hazard(Episodes.of([19, 20], [1, 0]), 4, 20, [20])
    assert at_end.hazard[0] == pytest.approx(12 * 0.75 * 0.25 / 2 / 4)


def test_survival_of_those_alive_at_a_landmark() -> None:
    # beyond week 10: 13 of the 21; until week 20: 11/12 on 13, 10/11 on 16 (one left on 11)
    c = estimate_conditional_survival(MP, 10, 20)
    assert c.n == 13 and c.events == 2 and near(c.value, F(11, 12) * F(10, 11))
    log_variance = F(1, 12 * 11) + F(1, 11 * 10)
    s = 10 / 12
    assert near(c.lower, s ** math.exp(-Z * math.sqrt(log_variance) / math.log(s)))


def test_completeness_of_follow_up() -> None:
    assert estimate_completeness(30, 40).ratio == 0.75
    assert estimate_completeness([10, 20], [20, 20]) == estimate_completeness({10.0: 1, 20.0: 1}, {20.0: 2})
    # until day 4: A dies on 2, B is lost on 3, C is followed: seen 2 + 3 + 4
    r = estimate_follow_up_rates(THREE, 4)
    assert r.observed == 9 and near(r.percentage, F(2, 3))
    assert near(r.clark, F(9, 2 + 4 + 4)) and near(r.simplified, F(4 + 3 + 4, 12))
    assert r.formal is not None and near(r.formal, F(9) / (3 * F(10, 3)))  # the restricted mean until 4 is 10/3


LOST = Episodes.of([2, 3, 5, 9], [1, 2, 1, 0], causes=["event", "lost"])  # the second is lost on day 3


def test_worst_and_best_case_for_the_lost() -> None:
    # day 6, censored: 3/4 x 1/2; worst: 3/4 x 2/3 x 1/2; best, followed to day 10: 3/4 x 2/3
    b = bound_by_lost(LOST, 6, 10)
    assert near(b.observed.value, F(3, 8)) and near(b.worst.value, F(1, 4)) and near(b.best.value, F(1, 2))
    assert (b.lost, b.lost_before) == (1, 1)
    assert worst_case(LOST).causes == ("event",) and worst_case(LOST).status.tolist() == [1, 1, 1, 0]
    assert best_case(LOST, 10).exit.tolist() == [2, 10, 5, 9]


def test_the_lost_of_a_table() -> None:
    days = {0: (4, 0, 0, 0), 2: (0, 0, 0, 1), 3: (0, 0, 1, 0), 5: (0, 0, 0, 1), 9: (0, 1, 0, 0)}
    table = EventTable(key=KEY, causes=("lost", "event"), rows={((), day): row for day, row in days.items()})
    assert worst_case(table).rows[(), 3] == (0, 0, 1)
    assert best_case(table, 9).rows == {
        ((), 0): (4, 0, 0), ((), 2): (0, 0, 1), ((), 3): (0, 0, 0), ((), 5): (0, 0, 1), ((), 9): (0, 2, 0)
    }  # fmt: skip
    assert bound_by_lost(table, 6, 10) == bound_by_lost(LOST, 6, 10)


def test_tipping_point_of_freireich() -> None:
    # one is censored in each of the weeks 11, 10, 9 and 6; of those at risk in that week and without the event (13;
    # 15 - 1; 16; 21 - 3) one fewer stays so
    s = F(6, 7) * F(16, 17) * F(14, 15) * F(11, 12) * F(10, 11)
    steps = [s]
    for left in (13, 14, 16, 18):
        steps.append(steps[-1] * F(left - 1, left))
    below = next(i for i, x in enumerate(steps) if x < F(53, 100))
    tip = find_tipping_point(MP, 16, 0.53)
    assert tip.censored_before == 4 and tip.events == below == 3 and tip.share == 0.75
    assert near(tip.tipped, steps[3]) and near(tip.all_events, steps[4]) and near(tip.observed, s)
    never = find_tipping_point(MP, 16, 0.3)
    assert never.events is None and never.share is None and never.tipped is None
    assert find_tipping_point(MP, 16, 0.7).events == 0


def test_leave_one_out_is_the_sum_of_the_others() -> None:
    tab = CrossTab(key=KEY, dims=("SITEID", "outcome"), cells={("A", "CR"): 3, ("B", "CR"): 1, ("B", "no"): 4})
    assert [(level, rest.cells) for level, rest in leave_one_out(tab, "SITEID")] == [
        ("A", {("B", "CR"): 1, ("B", "no"): 4}),
        ("B", {("A", "CR"): 3}),
    ]
