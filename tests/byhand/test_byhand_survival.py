"""Kaplan-Meier worked on paper: each expected value is a fraction whose working stands beside it."""

from __future__ import annotations

import math
from fractions import Fraction as F

import pytest

from chartline.counts.model import CountKey, EventTable
from chartline.stats.survival.follow_up import reverse
from chartline.stats.survival.kaplan_meier import Estimate, IntervalKind, estimate_curve

KEY = CountKey(analysis="os", protocol_digest="", unit="day")
Z = 1.959963984540054  # normal quantile at 0.975, from tables to 16 digits


def table(**days: tuple[int, int, int]) -> EventTable:
    """d12=(enter, censored, events) -> EventTable."""
    return EventTable(key=KEY, rows={((), int(d[1:])): row for d, row in days.items()})


TIES = table(d0=(6, 0, 0), d2=(0, 0, 1), d3=(0, 1, 1), d5=(0, 0, 2), d7=(0, 1, 0))


def test_ties_and_censorings_on_the_day_of_an_event() -> None:
    curve = estimate_curve(TIES)
    # day 2: 6 at risk, 1 event                       S = 5/6
    # day 3: 5 at risk, 1 event; the censored stays   S = 5/6 x 4/5 = 2/3
    # day 5: 3 at risk, 2 events                      S = 2/3 x 1/3 = 2/9
    # day 7: 1 at risk, censored                      S = 2/9
    assert curve.times_days == (2, 3, 5, 7) and curve.at_risk == (6, 5, 3, 1)
    assert curve.survival == pytest.approx([5 / 6, 2 / 3, 2 / 9, 2 / 9], rel=1e-15)
    assert curve.censor_days == (3, 7)


def test_greenwood() -> None:
    curve = estimate_curve(TIES)
    # day 3: (2/3)^2 x (1/(6x5) + 1/(5x4)) = 4/9 x 1/12 = 1/27
    # day 5: (2/9)^2 x (1/30 + 1/20 + 2/(3x1)) = 4/81 x 3/4 = 1/27
    assert [e and e * e for e in curve.std_error] == pytest.approx([F(25, 36) / 30, F(1, 27), F(1, 27), F(1, 27)])


@pytest.mark.parametrize("interval", ["plain", "log", "log-log"])
def test_the_three_intervals(interval: IntervalKind) -> None:
    # day 3: S = 2/3, variance of log S = 1/12
    half = Z * math.sqrt(1 / 12)
    s = 2 / 3
    expected = {
        "plain": (s - s * half, 1.0),  # 2/3 + 0.377 is above 1: cut
        "log": (s * math.exp(-half), 1.0),  # 2/3 x 1.76 is above 1: cut
        "log-log": (s ** math.exp(half / -math.log(s)), s ** math.exp(-half / -math.log(s))),
    }[interval]
    curve = estimate_curve(TIES, interval)
    assert (curve.lower[1], curve.upper[1]) == pytest.approx(expected, rel=1e-14)


def test_where_s_is_1_or_0_the_formulas_have_no_value() -> None:
    curve = estimate_curve(table(d0=(3, 0, 0), d1=(0, 1, 0), d4=(0, 0, 2)))
    assert curve.survival == (1.0, 0.0)
    assert curve.lower == curve.upper == (None, None)
    assert curve.std_error == (0.0, None)
    plain = estimate_curve(table(d0=(3, 0, 0), d1=(0, 1, 0), d4=(0, 0, 2)), "plain")
    assert (plain.lower, plain.upper) == ((1.0, None), (1.0, None))


def test_a_flat_part_at_exactly_one_half_gives_its_middle() -> None:
    # 4 patients, events on days 10, 20, 30, 40: S = 3/4, 1/2, 1/4, 0; flat at 1/2 from 20 to 30
    curve = estimate_curve(table(d0=(4, 0, 0), d10=(0, 0, 1), d20=(0, 0, 1), d30=(0, 0, 1), d40=(0, 0, 1)))
    assert curve.quantile(0.5).value == 25
    assert curve.first_time(0.5) == 20
    assert curve.quantile(0.25).value == 15  # flat at 3/4 from 10 to 20
    # S is not 0.7 anywhere: the first day below it
    assert curve.quantile(0.3).value == 20


def test_one_half_reached_in_thirds_and_quarters_is_one_half() -> None:
    # 6 at risk: 5/6 x 4/5 x 3/4 = 1/2 exactly; in doubles the product need not be 0.5
    curve = estimate_curve(table(d0=(6, 0, 0), d1=(0, 0, 1), d2=(0, 0, 1), d3=(0, 0, 1), d9=(0, 0, 1), d12=(0, 2, 0)))
    assert curve.first_time(0.5) == 3 and curve.quantile(0.5).value == 6


def test_one_half_until_the_end_of_follow_up() -> None:
    # S = 1/2 from day 2 to the last censoring on day 20: R takes the middle, 11
    curve = estimate_curve(table(d0=(4, 0, 0), d1=(0, 0, 1), d2=(0, 0, 1), d20=(0, 2, 0)))
    assert curve.quantile(0.5).value == 11 and curve.first_time(0.5) == 2


def test_a_median_that_is_not_reached() -> None:
    curve = estimate_curve(table(d0=(4, 0, 0), d1=(0, 0, 1), d20=(0, 3, 0)))
    assert curve.quantile(0.5).value is None and curve.first_time(0.5) is None


def test_late_entry_counts_those_who_have_entered_and_not_left() -> None:
    # A enters 0 leaves 2 (event); B enters 0 leaves 5 (event); C enters 3 leaves 6 (event)
    # day 2: A, B at risk    S = 1/2
    # day 5: B, C at risk    S = 1/4
    # day 6: C at risk       S = 0
    curve = estimate_curve(table(d0=(2, 0, 0), d2=(0, 0, 1), d3=(1, 0, 0), d5=(0, 0, 1), d6=(0, 0, 1)))
    assert curve.at_risk == (2, 2, 1) and curve.survival == (0.5, 0.25, 0.0)
    # C is at risk from the day after its entry
    assert [curve.n_risk(t) for t in (0, 2, 2.5, 3, 3.5, 5, 6, 7)] == [2, 2, 1, 1, 2, 2, 1, 0]


def test_an_entry_on_the_day_of_an_event_is_not_at_risk_for_it() -> None:
    # A 0 to 4 (event), B enters on 4 and leaves on 8 (event)
    curve = estimate_curve(table(d0=(1, 0, 0), d4=(1, 0, 1), d8=(0, 0, 1)))
    assert curve.at_risk == (1, 1) and curve.survival == (0.0, 0.0)  # S stays 0


def test_leaving_on_the_day_of_entry_after_day_0_is_refused() -> None:
    with pytest.raises(ValueError, match="on day 4 1 leave and only 0 are at risk"):
        estimate_curve(table(d4=(1, 0, 1)))


def test_an_event_on_day_0() -> None:
    # 3 patients, one dies on day 0: S(0) = 2/3
    curve = estimate_curve(table(d0=(3, 0, 1), d9=(0, 2, 0)))
    assert curve.survival[0] == 2 / 3 and curve.n_risk(0) == 3 and curve.n_risk(1) == 2
    assert curve.quantile(0.25).value == 0


def test_landmarks() -> None:
    curve = estimate_curve(TIES)
    # censored on day 3 and 7: strictly before day 3: none; before day 7: one; before day 8: two
    assert [curve.n_censored_before(t) for t in (3, 3.5, 7, 8)] == [0, 1, 1, 2]
    assert [curve.n_events(t) for t in (1.9, 2, 3, 5, 100)] == [0, 1, 2, 4, 4]
    assert curve.survival_at(2.9).value == 5 / 6 and curve.survival_at(1) == Estimate(1.0)
    assert curve.reaches(7) and not curve.reaches(7.5)
    assert estimate_curve(table(d0=(1, 0, 0), d5=(0, 0, 1))).reaches(999)  # S is 0 and stays it


def test_nobody() -> None:
    curve = estimate_curve(EventTable(key=KEY))
    assert (curve.n, curve.times_days, curve.n_risk(5), curve.n_events(5)) == (0, (), 0, 0)
    assert curve.quantile(0.5) == Estimate(None) and not curve.reaches(0)


def test_reverse_kaplan_meier() -> None:
    # Events become censorings. TIES: censored on 3 (5 at risk) and on 7 (1 at risk): S = 4/5, then 0
    curve = estimate_curve(reverse(TIES))
    assert [s for s, e in zip(curve.survival, curve.events, strict=True) if e] == [4 / 5, 0.0]
    assert curve.quantile(0.5).value == 7


def test_causes_are_one_event_for_kaplan_meier() -> None:
    two = EventTable(key=KEY, causes=("relapse", "death"), rows={((), 0): (2, 0, 0, 0), ((), 5): (0, 0, 1, 1)})
    assert estimate_curve(two).survival == (0.0,)
