"""Statistics of one group over time at the edge: what cannot be computed says why, what is left of it is right."""

from __future__ import annotations

import math

import numpy as np
import pytest

from chartline.counts.model import CountKey, CrossTab, EventTable, ValueTable
from chartline.stats import (
    Episodes,
    best_case,
    bound_by_lost,
    censor_lost,
    compare_restricted_means,
    estimate_completeness,
    estimate_conditional_survival,
    estimate_cumulative_hazard,
    estimate_curve,
    estimate_curves_by_group,
    estimate_follow_up_rates,
    estimate_hazard_survival,
    estimate_landmark_curve,
    estimate_leave_one_out,
    estimate_piecewise_hazard,
    estimate_restricted_mean,
    estimate_smoothed_hazard,
    find_tipping_point,
    leave_one_out,
    reverse,
    worst_case,
)
from chartline.stats.statistic import NotEstimable
from chartline.stats.survival.kaplan_meier import Estimate, IntervalKind

KEY = CountKey(analysis="os", protocol_digest="", unit="day")
NOBODY = EventTable(key=KEY)
NO_EVENT = Episodes.of([4, 9], [0, 0])
ONE_EVENT = Episodes.of([7], [1])
ALL_AT_ONCE = Episodes.of([6, 6, 6], [1, 1, 1])
DAY_ZERO = Episodes.of([0, 0, 3], [1, 0, 1])


# --- curves -----------------------------------------------------------------------------------------------------------


def test_nobody_has_an_empty_curve() -> None:
    for data in (NOBODY, Episodes.of([], [])):
        curve = estimate_curve(data)
        assert (curve.n, curve.times_days, curve.n_risk(0)) == (0, (), 0)
        assert curve.quantile(0.5) == Estimate(None) and curve.first_time(0.5) is None and not curve.reaches(0)


@pytest.mark.parametrize("interval", ["log-log", "log", "plain", "logit", "arcsin"])
def test_an_interval_has_no_value_where_its_formula_has_none(interval: IntervalKind) -> None:
    curve = estimate_curve(Episodes.of([1, 4, 4, 9], [0, 1, 0, 1]), interval)  # S = 1, 2/3, 0
    at_one = (1.0, 1.0) if interval in ("log", "plain") else (None, None)
    assert (curve.lower[0], curve.upper[0]) == at_one
    assert curve.lower[1] is not None and curve.upper[1] is not None
    assert (curve.lower[2], curve.upper[2], curve.std_error[2]) == (None, None, None)
    assert curve.survival_at(0.5) == Estimate(1.0, *at_one)


def test_tsiatis_has_an_error_of_0_where_survival_is_0() -> None:
    curve = estimate_curve(ONE_EVENT, "plain", variance="tsiatis")
    assert curve.std_error == (0.0,) and (curve.lower, curve.upper) == ((0.0,), (0.0,))


def test_an_unknown_interval_level_or_share_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no interval cloglog; there are log-log, log, plain, logit, arcsin"):
        estimate_curve(ONE_EVENT, "cloglog")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="not a confidence level"):
        estimate_curve(ONE_EVENT, level=1.5)
    with pytest.raises(ValueError, match="not a share: 50"):
        estimate_curve(ONE_EVENT).quantile(50)


def test_the_quantile_of_nothing_is_the_start_once_anybody_has_the_event() -> None:
    assert estimate_curve(ONE_EVENT).quantile(0).value == 0
    assert estimate_curve(NO_EVENT).quantile(0).value is None  # as R has it


def test_days_of_counts_are_whole_numbers_and_times_of_arrays_are_decimals() -> None:
    table = EventTable(key=KEY, rows={((), 0): (1, 0, 0), ((), 7): (0, 0, 1)})
    assert repr(estimate_curve(table).times_days) == "(7,)" and repr(estimate_curve(table).first_time(0.5)) == "7"
    assert repr(estimate_curve(ONE_EVENT).times_days) == "(7.0,)"


def test_rows_that_count_nobody_are_no_step() -> None:
    curve = estimate_curve(Episodes.of([3, 7], [1, 1], count=[0, 2]))
    assert curve.times_days == (7,) and curve.n == 2
    assert estimate_curve(Episodes.of([3], [1], count=[0])).n == 0


def test_a_group_without_patients_has_an_empty_curve() -> None:
    data = Episodes.of([3, 7], [1, 1], group=["a", "b"]).select(np.array([True, False]))
    assert [c.n for c in estimate_curves_by_group(data).values()] == [1, 0]


def test_ten_million_patients_on_ten_thousand_days() -> None:
    days = np.arange(1, 10_001)
    curve = estimate_curve(Episodes.of(days, days % 2, count=np.full(10_000, 1000)))
    assert curve.n == 10**7 and curve.survival[-1] > 0
    assert curve.quantile(0.5).value is not None


# --- restricted mean --------------------------------------------------------------------------------------------------


def test_a_restricted_mean_stops_at_the_last_censoring() -> None:
    data = Episodes.of([2, 9], [1, 0])
    assert estimate_restricted_mean(data).tau == 9
    with pytest.raises(NotEstimable, match="the last patient was censored at 9, before the restriction time 10"):
        estimate_restricted_mean(data, 10)


def test_a_restricted_mean_beyond_the_last_event_says_so() -> None:
    m = estimate_restricted_mean(Episodes.of([2, 9], [1, 1]), 20)
    assert m.mean == 2 + 7 / 2 and m.warnings == ("everyone had the event by 9, before the restriction time 20",)


def test_no_event_before_the_restriction_time() -> None:
    m = estimate_restricted_mean(NO_EVENT, 8)
    assert (m.mean, m.std_error, m.lower, m.upper, m.lost, m.events) == (8, 0, 8, 8, 0, 0)
    assert m.warnings == ("the standard error is 0, because nobody had the event before it",)


def test_all_events_at_one_time() -> None:
    m = estimate_restricted_mean(ALL_AT_ONCE, 10)
    assert (m.mean, m.std_error) == (6, 0)
    assert "the standard error is 0, because all at risk had the event at one time" in m.warnings


def test_an_event_on_day_0_lowers_the_mean() -> None:
    assert estimate_restricted_mean(DAY_ZERO, 3).mean == pytest.approx(2)  # S = 2/3 from day 0 until day 3


def test_restricted_means_need_patients_and_a_time() -> None:
    with pytest.raises(NotEstimable, match=r"^no patients$"):
        estimate_restricted_mean(NOBODY, 10)
    for tau in (0, -1, math.nan):
        with pytest.raises(ValueError, match="must be above 0"):
            estimate_restricted_mean(NO_EVENT, tau)


def test_two_groups_without_an_event_have_a_difference_of_0_and_no_p() -> None:
    c = compare_restricted_means(Episodes.of([5, 6], [0, 0], group=["a", "b"]), 5)
    assert (c.difference.value, c.difference.p, c.lost_ratio.value, c.ratio.value, c.ratio.p) == (
        0,
        None,
        None,
        1,
        None,
    )
    assert "both standard errors are 0, so that there is no p-value" in c.warnings
    assert "a group lost no time, so that the ratio of the time lost has no value" in c.warnings
    assert "group a: the standard error is 0, because nobody had the event before it" in c.warnings


def test_a_comparison_needs_two_groups_with_patients() -> None:
    with pytest.raises(ValueError, match="two groups are compared; there are 3"):
        compare_restricted_means(Episodes.of([1, 2, 3], [1, 1, 1], group=list("abc")))
    only_a = Episodes.of([1, 2], [1, 1], group=list("ab")).select(np.array([True, False]))
    with pytest.raises(NotEstimable, match="no patients in group b"):
        compare_restricted_means(only_a)
    with pytest.raises(NotEstimable, match="group b: the last patient was censored at 4"):
        compare_restricted_means(Episodes.of([9, 4], [1, 0], group=list("ab")), 6)


# --- hazards ----------------------------------------------------------------------------------------------------------


def test_a_cumulative_hazard_of_0_has_no_log_interval() -> None:
    log = estimate_cumulative_hazard(NO_EVENT)
    assert log.hazard.tolist() == [0, 0] and np.all(np.isnan(log.lower)) and log.at(4) == Estimate(0.0)
    plain = estimate_cumulative_hazard(NO_EVENT, interval="plain")
    assert (plain.lower.tolist(), plain.upper.tolist()) == ([0, 0], [0, 0])


def test_a_cumulative_hazard_takes_tied_events_together_or_one_by_one() -> None:
    assert estimate_cumulative_hazard(ALL_AT_ONCE).hazard.tolist() == [1]
    assert estimate_cumulative_hazard(ALL_AT_ONCE, "fleming-harrington").at(6).value == pytest.approx(1 / 3 + 1 / 2 + 1)
    assert estimate_hazard_survival(ALL_AT_ONCE).survival == (pytest.approx(math.exp(-1)),)
    for call in (estimate_cumulative_hazard, estimate_hazard_survival):
        with pytest.raises(ValueError, match="there is no treatment of ties efron"):
            call(ALL_AT_ONCE, "efron")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="there is no interval log-log"):
        estimate_cumulative_hazard(ALL_AT_ONCE, interval="log-log")  # type: ignore[arg-type]
    assert estimate_cumulative_hazard(NOBODY).times.size == 0


def test_a_smoothed_hazard_needs_an_event_and_ten_at_risk() -> None:
    with pytest.raises(NotEstimable, match="no events"):
        estimate_smoothed_hazard(NO_EVENT, 2)
    with pytest.raises(NotEstimable, match="fewer than 10 patients are at risk"):
        estimate_smoothed_hazard(ALL_AT_ONCE)
    with pytest.raises(NotEstimable, match="fewer than 10 patients are at risk"):
        estimate_smoothed_hazard(Episodes.of([0], [1], count=[20]))
    with pytest.raises(ValueError, match="both must be above 0"):
        estimate_smoothed_hazard(ALL_AT_ONCE, 0, 10)
    with pytest.raises(ValueError, match="a time is before 0 or after 10"):
        estimate_smoothed_hazard(ALL_AT_ONCE, 2, 10, [11])


def test_a_smoothed_hazard_far_from_every_event_is_0_without_interval() -> None:
    h = estimate_smoothed_hazard(Episodes.of([5, 50], [1, 0]), 2, 50, [20])
    assert h.hazard[0] == 0 and np.isnan(h.lower[0]) and np.isnan(h.upper[0]) and h.warnings == ()


def test_a_wide_bandwidth_is_warned_of_and_the_default_is_the_pilot() -> None:
    data = Episodes.of(np.arange(1, 41), [1] * 32 + [0] * 8)
    assert "more than half of the time until 20" in estimate_smoothed_hazard(data, 15, 20).warnings[0]
    h = estimate_smoothed_hazard(data)  # 10 at risk on day 31
    assert h.times[-1] == 31 and h.times.size == 101 and h.bandwidth == pytest.approx(31 / 8 / 32**0.2)


def test_an_interval_in_which_nobody_is_at_risk_has_no_hazard() -> None:
    h = estimate_piecewise_hazard(ALL_AT_ONCE, [6, 12])
    assert h.rate[0] == 3 / 18 and np.isnan(h.rate[1]) and np.isnan(h.upper[1])
    assert h.warnings == ("nobody was at risk from 6 to 12",)
    for ends in ([], [0, 5], [5, 5]):
        with pytest.raises(ValueError, match="must ascend from above 0"):
            estimate_piecewise_hazard(ALL_AT_ONCE, ends)


def test_an_event_on_day_0_belongs_to_the_first_interval() -> None:
    assert estimate_piecewise_hazard(DAY_ZERO, [3]).events.tolist() == [2]


# --- landmark ---------------------------------------------------------------------------------------------------------


def test_who_leaves_on_the_landmark_is_not_alive_at_it() -> None:
    c = estimate_conditional_survival(Episodes.of([5, 5, 8, 9], [1, 0, 1, 0]), 5, 8)
    assert (c.n, c.events, c.value) == (2, 1, 0.5)


def test_survival_at_the_landmark_itself_is_1_without_interval() -> None:
    c = estimate_conditional_survival(Episodes.of([5, 8, 9], [1, 1, 0]), 5, 5)
    assert c.value == 1 and c.lower is None
    assert c.warnings == ("the log-log interval has no value where the estimate is 1",)


def test_who_enters_after_the_landmark_enters_then() -> None:
    late = Episodes.of([5, 9, 12], [1, 1, 1], entry=[0, 0, 7])
    curve = estimate_landmark_curve(late, 5)
    assert curve.entries == ((5, 1), (7, 1)) and curve.at_risk == (2, 1)


def test_nobody_beyond_the_landmark_or_followed_to_the_time() -> None:
    with pytest.raises(NotEstimable, match="nobody was followed beyond 9"):
        estimate_landmark_curve(NO_EVENT, 9)
    with pytest.raises(NotEstimable, match="nobody was followed to 20"):
        estimate_conditional_survival(NO_EVENT, 5, 20)
    with pytest.raises(ValueError, match="must not be negative"):
        estimate_landmark_curve(NO_EVENT, -1)
    with pytest.raises(ValueError, match="the curve starts at 5 and says nothing of 3"):
        estimate_conditional_survival(NO_EVENT, 5, 3)


# --- follow-up --------------------------------------------------------------------------------------------------------


def test_follow_up_turns_events_of_every_cause_into_censorings() -> None:
    data = reverse(Episodes.of([3, 5, 8], [1, 2, 0]))
    assert data.status.tolist() == [0, 0, 1] and data.causes == ("end of follow-up",)


def test_completeness_is_a_share_of_what_was_possible() -> None:
    assert estimate_completeness(0, 10).ratio == 0
    with pytest.raises(NotEstimable, match="no follow-up was possible"):
        estimate_completeness(0, 0)
    with pytest.raises(ValueError, match="is not between 0 and the potential"):
        estimate_completeness(11, 10)
    with pytest.raises(ValueError, match="missing or negative"):
        estimate_completeness([1, math.nan], 10)


def test_the_formal_rate_needs_a_common_start_and_follow_up_to_the_horizon() -> None:
    late = estimate_follow_up_rates(Episodes.of([5, 9], [1, 0], entry=[2, 0]), 8)
    assert late.formal is None and late.warnings == ("the formal rate has no value where patients enter late",)
    short = estimate_follow_up_rates(NO_EVENT, 12)
    assert short.formal is None and "the last patient was censored at 9" in short.warnings[0]
    assert short.clark == short.simplified == 13 / 24 and short.percentage == 0
    with pytest.raises(NotEstimable, match="no follow-up was possible"):
        estimate_follow_up_rates(Episodes.of([0], [1]), 5)
    with pytest.raises(NotEstimable, match="no patients"):
        estimate_follow_up_rates(NOBODY, 5)
    with pytest.raises(ValueError, match="must be above 0"):
        estimate_follow_up_rates(NO_EVENT, 0)


# --- sensitivity ------------------------------------------------------------------------------------------------------


def test_the_lost_need_a_name_and_an_end_after_them() -> None:
    data = Episodes.of([3, 8], [2, 1], causes=["event", "lost"])
    with pytest.raises(KeyError, match="there is no cause gone; there are event, lost"):
        worst_case(data, "gone")
    with pytest.raises(KeyError, match="lost is the only cause"):
        worst_case(Episodes.of([3], [1], causes=["lost"]))
    with pytest.raises(ValueError, match="somebody was lost after the end of the study, 2"):
        best_case(data, 2)
    table = EventTable(key=KEY, causes=("event", "lost"), rows={((), 0): (1, 0, 0, 0), ((), 3): (0, 0, 0, 1)})
    with pytest.raises(ValueError, match="somebody was lost after the end of the study, 2"):
        best_case(table, 2)
    assert best_case(table, 30.5).rows[(), 31] == (0, 1, 0)  # a table has whole days
    with pytest.raises(NotEstimable, match="nobody was followed to 50"):
        bound_by_lost(table, 50, 20)
    assert censor_lost(table).rows[(), 3] == (0, 1, 0)


def test_the_lost_are_bounded_where_the_plain_estimate_does_not_reach() -> None:
    # both lost on day 3: nothing is known of day 10 but that it lies between 0 and 1
    b = bound_by_lost(Episodes.of([3, 3], [2, 2], causes=["event", "lost"]), 10, 20)
    assert (b.observed.value, b.worst.value, b.best.value) == (None, 0, 1)


def test_the_lost_may_be_given_one_of_several_events() -> None:
    data = Episodes.of([3, 5, 8], [3, 1, 2], causes=["relapse", "death", "lost"])
    assert worst_case(data).status.tolist() == [1, 1, 2]
    assert worst_case(data, event="death").status.tolist() == [2, 1, 2]


def test_a_tipping_point_without_anybody_censored() -> None:
    tip = find_tipping_point(Episodes.of([3, 9], [1, 1]), 5, 0.4)
    assert (tip.censored_before, tip.events, tip.share, tip.observed, tip.all_events) == (0, None, None, 0.5, 0.5)
    assert find_tipping_point(Episodes.of([3, 9], [1, 1]), 5, 0.6).events == 0


def test_survival_at_the_threshold_is_not_below_it() -> None:
    data = Episodes.of([2, 3, 9, 9], [1, 0, 0, 0])  # S = 3/4; with one more 1/2
    assert find_tipping_point(data, 5, 0.75).events == 1 and find_tipping_point(data, 5, 0.5).events is None


def test_a_tipping_point_needs_follow_up_to_the_landmark() -> None:
    with pytest.raises(NotEstimable, match="nobody was followed to 20"):
        find_tipping_point(NO_EVENT, 20, 0.5)
    with pytest.raises(ValueError, match="the threshold is 50"):
        find_tipping_point(NO_EVENT, 5, 50)
    with pytest.raises(ValueError, match="there is no value middle"):
        find_tipping_point(NO_EVENT, 5, 0.5, "middle")  # type: ignore[arg-type]


def test_a_limit_at_survival_1_is_1() -> None:
    tip = find_tipping_point(NO_EVENT, 5, 0.5, "lower")  # the one censored on day 4 dies: S = 1/2
    assert tip.observed == 1 and tip.events == 1 and tip.tipped is not None and tip.tipped < 0.5


def test_leave_one_out_of_every_table() -> None:
    a, b = (("SITEID", "A"),), (("SITEID", "B"),)
    values = ValueTable(key=KEY, values={(a, 3.5): 2, (b, 4.0): 1}, missing={a: 1, b: 2}, withheld=3)
    parts = dict(leave_one_out(values, "SITEID"))
    assert parts["A"].values == {(b, 4.0): 1} and parts["A"].missing == {b: 2} and parts["A"].withheld == 0
    events = EventTable(key=KEY, rows={(a, 0): (1, 0, 0), (a, 4): (0, 0, 1), (b, 0): (2, 0, 0), (b, 6): (0, 2, 0)})
    assert dict(leave_one_out(events, "SITEID"))["B"].rows == {(a, 0): (1, 0, 0), (a, 4): (0, 0, 1)}
    for table in (values, events, CrossTab(key=KEY, dims=("x",), cells={("1",): 1})):
        with pytest.raises(KeyError, match="COUNTRY"):
            list(leave_one_out(table, "COUNTRY"))  # type: ignore[type-var]


def test_the_centre_that_moves_a_statistic_most_and_one_that_cannot_be_missed() -> None:
    a, b = (("SITEID", "A"),), (("SITEID", "B"),)
    events = EventTable(
        key=KEY, rows={(a, 0): (2, 0, 0), (a, 4): (0, 0, 1), (a, 9): (0, 1, 0), (b, 0): (2, 0, 0), (b, 6): (0, 2, 0)}
    )

    def mean(table: EventTable) -> float:
        return estimate_restricted_mean(table, 8).mean

    out = estimate_leave_one_out(events, "SITEID", mean)
    assert out.base == 7 and out.values == {"A": None, "B": 6} and out.moves_most == "B"
    assert out.reasons == {"A": "the last patient was censored at 6, before the restriction time 8"}
    nothing = estimate_leave_one_out(events, "SITEID", lambda t: 1.0 if t.n == 4 else None)
    assert nothing.lowest is None and nothing.moves_most is None and nothing.reasons["B"] == "no value"
    with pytest.raises(NotEstimable, match="the statistic of everyone has no value"):
        estimate_leave_one_out(events, "SITEID", lambda t: None)
