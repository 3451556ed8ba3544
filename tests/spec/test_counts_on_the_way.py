"""A milestone on the way to an endpoint: whose time is cut where, who is left out, and what the counts add up to.

Every subject starts on day 0 (1 January 2020); a course is written by the days on which things happened.
"""

from __future__ import annotations

from typing import Any

import pytest

from chartline.counts.count import count_analyses, members
from chartline.counts.model import Counts, CrossTab, EventTable, Pattern, ValueTable
from chartline.derive.model import Adam
from chartline.trace.build import members_of
from counts_cases import DIGEST, Row, adam, attrition, subject, time
from kinds_cases import course, day, every_kind

PROTOCOL = every_kind()
BEFORE: Pattern = (("STATE", "before"),)
AFTER: Pattern = (("STATE", "after"),)
QUERY = {"ITEM": "ADSL.HSCTDT", "QUERY": "Q1"}


def parts(of: Adam, analysis: str = "transplant", **over: Any) -> list[tuple[Any, ...]]:
    """(subject, from day, to day, role, state, cause) of every member."""
    protocol = every_kind(**over) if over else PROTOCOL
    frame = members(of, protocol, protocol.analysis(analysis))
    return [
        (r["USUBJID"], r["ENTRY"] or 0, r["VALUE"], r["ROLE"], r["LEVEL"], r["CAUSE"])
        for r in frame.iter_rows(named=True)
    ]


def count(of: Adam, **over: Any) -> Counts:
    return count_analyses(of, attrition(of), every_kind(**over), DIGEST)


def one(day_of_transplant: int | None, end: int, cause: str | None = "death", **values: Any) -> Adam:
    """One subject whose endpoint ends on a day."""
    return adam([course("1", transplant=day_of_transplant, seen=end, **values)], [time("1", end, cause)])


# --- where the time of a subject is cut ---


def test_a_transplant_on_the_way_cuts_the_time_in_two() -> None:
    assert parts(one(40, 100)) == [
        ("1", 0, 40, "moved", "before", "transplant"),
        ("1", 40, 100, "event", "after", "death"),
    ]


@pytest.mark.parametrize("day_of_transplant", [0, -30])
def test_a_transplant_by_day_0_is_a_state_from_the_start(day_of_transplant: int) -> None:
    assert parts(one(day_of_transplant, 100)) == [("1", 0, 100, "event", "after", "death")]


def test_a_transplant_by_day_0_of_a_subject_who_leaves_on_day_0() -> None:
    assert parts(one(-5, 0)) == [("1", 0, 0, "event", "after", "death")]


@pytest.mark.parametrize("cause", ["death", None])
def test_a_transplant_on_the_last_day_changes_nothing(cause: str | None) -> None:
    role = "event" if cause else "censored"
    assert parts(one(100, 100, cause)) == [("1", 0, 100, role, "before", cause)]


def test_a_transplant_after_the_end_or_after_censoring_is_not_on_the_way() -> None:
    assert parts(one(101, 100, "relapse")) == [("1", 0, 100, "event", "before", "relapse")]
    assert parts(one(101, 100, None)) == [("1", 0, 100, "censored", "before", None)]


def test_a_transplant_on_an_unknown_date_leaves_the_subject_out_as_missing() -> None:
    of = adam([course("1", seen=100) | {"HSCTFL": "Y"}], [time("1", 100, "death")])
    assert [p[3] for p in parts(of)] == ["missing"]
    table = count(of)["transplant"]
    assert isinstance(table, EventTable) and (table.n, table.missing, table.withheld) == (0, 1, 0)


def test_an_open_query_about_the_transplant_withholds() -> None:
    of = adam([course("1", transplant=40, seen=100)], [time("1", 100, "death")], withheld=[{"USUBJID": "1", **QUERY}])
    assert [p[3] for p in parts(of)] == ["withheld"]
    assert [p[3] for p in parts(of, "cox_transplant")] == ["withheld"]
    assert [p[3] for p in parts(of, "rfs")] == ["event"]  # the endpoint does not rest on it
    table = count(of)["transplant"]
    assert isinstance(table, EventTable) and (table.n, table.missing, table.withheld) == (0, 0, 1)


def test_who_is_missing_from_the_endpoint_is_so_whatever_happened_on_the_way() -> None:
    left_out = [{"USUBJID": "1", "ITEM": "ADTTE.RFS", "QUERY": None, "REASON": "relapse without a date"}]
    of = adam([course("1", transplant=40, seen=100)], [], withheld=left_out)
    assert [p[3] for p in parts(of)] == ["missing"]


def test_the_parts_are_counted_where_they_begin_and_end() -> None:
    of = adam(
        [course("1", transplant=40, seen=100), course("2", seen=60), course("3", transplant=0, seen=90)],
        [time("1", 100, "death"), time("2", 60), time("3", 90, "relapse")],
    )
    table = count(of)["transplant"]
    assert isinstance(table, EventTable)
    assert table.causes == ("relapse", "death", "transplant")
    # (enter, censored, relapse, death, transplant)
    assert table.rows == {
        (AFTER, 0): (1, 0, 0, 0, 0), (AFTER, 40): (1, 0, 0, 0, 0), (AFTER, 90): (0, 0, 1, 0, 0),
        (AFTER, 100): (0, 0, 0, 1, 0),
        (BEFORE, 0): (2, 0, 0, 0, 0), (BEFORE, 40): (0, 0, 0, 0, 1), (BEFORE, 60): (0, 1, 0, 0, 0),
    }  # fmt: skip


def test_a_time_dependent_covariate_keeps_the_others_beside_the_state() -> None:
    of = one(40, 100, SEX="F")
    assert [p[4].split("\x1f") for p in parts(of, "cox_transplant")] == [["F", "before"], ["F", "after"]]


# --- the landmark, and who ever had it ---


def at_landmark(months: float, *people: tuple[int | None, int]) -> tuple[EventTable, EventTable]:
    """The table at a landmark, and that of everyone's whole time."""
    of = adam(
        [course(str(i), transplant=t, seen=end) for i, (t, end) in enumerate(people)],
        [time(str(i), end, "death") for i, (_, end) in enumerate(people)],
    )
    analysis = {
        "id": "x", "label": "x", "kind": "intercurrent", "endpoint": "RFS", "event": "transplant",
        "landmark_months": [months],
    }  # fmt: skip
    counts = count(of, analyses=[analysis])
    table, ever = counts[f"x.landmark_{months:g}"], counts["x.ever"]
    assert isinstance(table, EventTable) and isinstance(ever, EventTable)
    return table, ever


def test_the_landmark_has_those_still_at_risk_after_it() -> None:
    # 16 months are day 487 exactly: who leaves on that day is not at risk after it
    table, _ = at_landmark(16, (None, 486), (None, 487), (None, 488))
    assert table.rows == {(BEFORE, 487): (1, 0, 0, 0), (BEFORE, 488): (0, 0, 0, 1)}


def test_the_state_at_the_landmark_is_that_of_its_own_day() -> None:
    table, _ = at_landmark(16, (486, 600), (487, 600), (488, 600))
    assert {p: table.select(p).n for p in table.patterns} == {AFTER: 2, BEFORE: 1}


def test_a_landmark_between_two_days() -> None:
    # 3 months are day 91.3125
    table, _ = at_landmark(3, (91, 92), (92, 93), (None, 91))
    assert table.rows == {
        (AFTER, 91): (1, 0, 0, 0), (AFTER, 92): (0, 0, 0, 1), (BEFORE, 91): (1, 0, 0, 0), (BEFORE, 93): (0, 0, 0, 1)
    }  # fmt: skip


def test_ever_is_the_whole_time_by_what_happened_in_it() -> None:
    _, ever = at_landmark(3, (50, 100), (100, 100), (None, 30))
    assert ever.rows == {
        (AFTER, 0): (1, 0, 0, 0), (AFTER, 100): (0, 0, 0, 1),
        (BEFORE, 0): (2, 0, 0, 0), (BEFORE, 30): (0, 0, 0, 1), (BEFORE, 100): (0, 0, 0, 1),
    }  # fmt: skip


# --- multistate ---


def states(*people: Row, **over: Any) -> list[tuple[Any, ...]]:
    """(subject, from day, to day, state, state that it goes to) of every part of time."""
    analyses = [
        {
            "id": "course", "label": "Course", "kind": "multistate", "population": "all", "initial": "Start",
            "states": ["transplant", "relapse"], **over,
        }
    ]  # fmt: skip
    return [(p[0], p[1], p[2], p[4], p[5]) for p in parts(adam(list(people)), "course", analyses=analyses)]


def test_a_state_is_entered_when_its_milestone_happens() -> None:
    assert states(course("1", transplant=30, relapse=70, death=100)) == [
        ("1", 0, 30, "Start", "transplant"),
        ("1", 30, 70, "transplant", "relapse"),
        ("1", 70, 100, "relapse", "death"),
    ]


def test_a_state_may_come_in_another_order_than_declared() -> None:
    assert [p[3:] for p in states(course("1", transplant=70, relapse=30, seen=100))] == [
        ("Start", "relapse"), ("relapse", "transplant"), ("transplant", None)
    ]  # fmt: skip


def test_of_two_milestones_on_one_day_the_last_declared_is_entered() -> None:
    assert states(course("1", transplant=30, relapse=30, seen=100)) == [
        ("1", 0, 30, "Start", "relapse"), ("1", 30, 100, "relapse", None)
    ]  # fmt: skip
    assert states(course("1", transplant=30, death=30)) == [("1", 0, 30, "Start", "death")]


def test_a_state_held_by_day_0_is_where_the_subject_begins() -> None:
    assert states(course("1", transplant=0, seen=100)) == [("1", 0, 100, "transplant", None)]
    assert states(course("1", transplant=-5, death=100)) == [("1", 0, 100, "transplant", "death")]
    # of two, the later, whatever the order of declaration
    both = course("1", transplant=-20, relapse=-5, seen=100)
    assert states(both) == [("1", 0, 100, "relapse", None)]
    assert states(both, states=["relapse", "transplant"]) == [("1", 0, 100, "relapse", None)]


def test_whoever_leaves_on_day_0_was_at_risk_on_it() -> None:
    assert states(course("1", death=0)) == [("1", 0, 0, "Start", "death")]
    assert states(course("1", seen=0)) == [("1", 0, 0, "Start", None)]
    assert states(course("1", transplant=0, seen=0)) == [("1", 0, 0, "transplant", None)]


def test_who_is_last_seen_on_entering_a_state_spends_no_time_there() -> None:
    assert states(course("1", transplant=30, seen=30)) == [("1", 0, 30, "Start", "transplant")]


def test_nothing_happens_after_an_absorbing_state() -> None:
    # a relapse recorded after the death is a contradiction that a check asks about; the death ends the time
    assert states(course("1", transplant=90, relapse=80, death=50)) == [("1", 0, 50, "Start", "death")]
    two = {"states": ["transplant"], "absorbing": ["relapse", "death"]}
    assert states(course("1", transplant=30, relapse=60, death=100), **two) == [
        ("1", 0, 30, "Start", "transplant"), ("1", 30, 60, "transplant", "relapse")
    ]  # fmt: skip


def test_a_milestone_after_the_last_contact_shows_that_the_patient_was_alive() -> None:
    of = course("1", transplant=30, relapse=70) | {"LKADT": day(50)}
    assert states(of) == [("1", 0, 30, "Start", "transplant"), ("1", 30, 70, "transplant", "relapse")]
    assert states(course("1", death=70) | {"LKADT": day(50)}) == [("1", 0, 70, "Start", "death")]


def test_who_has_no_dates_is_missing_and_who_has_an_open_query_withheld() -> None:
    undated = course("1", seen=50) | {"HSCTFL": "Y"}
    unseen = course("2") | {"LKADT": None}
    fine, asked = course("3", seen=50), course("4", transplant=10, seen=50)
    of = adam([undated, unseen, fine, asked], withheld=[{"USUBJID": "4", **QUERY}])
    assert {p[0]: p[3] for p in parts(of, "course")} == {
        "1": "missing", "2": "missing", "3": "censored", "4": "withheld"
    }  # fmt: skip
    table = count(of)["course"]
    assert isinstance(table, EventTable) and (table.n, table.missing, table.withheld) == (1, 2, 1)


# --- lost to follow-up, and events between two assessments (the cut-off is 31 December 2020, day 365) ---


def test_lost_is_who_was_censored_long_before_the_cut_off() -> None:
    of = adam(
        [course(i, seen=int(d)) for i, d in [("1", 334), ("2", 335), ("3", 100)]],
        [time("1", 334), time("2", 335), time("3", 100, "death")],
    )
    # more than 30 days before: day 334 is 31 days before, day 335 is 30
    assert [(p[0], p[3], p[5]) for p in parts(of, "lost")] == [
        ("1", "lost", "lost"), ("2", "censored", None), ("3", "event", "death")
    ]  # fmt: skip
    table = count(of)["lost"]
    assert isinstance(table, EventTable) and table.causes == ("relapse", "death", "lost")


def test_follow_up_knows_the_days_that_the_censored_were_not_seen() -> None:
    of = adam([course("1", seen=300), course("2", death=100)], [time("1", 300), time("2", 100, "death")])
    table = count(of)["followup.lost_days"]
    assert isinstance(table, ValueTable) and table.select(()) == {0.0: 1, 65.0: 1}


def test_a_relapse_lies_after_the_assessment_before_it_and_a_death_on_its_day() -> None:
    of = adam(
        [course(i, seen=0) for i in "12345"],
        [time("1", 100, "relapse"), time("2", 100, "death"), time("3", 100), time("4", 100, "relapse"),
         time("5", 100, "relapse")],
        assessed={"1": [-10, 40, 70, 100, 120], "2": [70], "5": [-3]},
    )  # fmt: skip
    assert {p[0]: tuple(p[4].split("\x1f")) for p in parts(of, "interval")} == {
        "1": ("70", "100"), "2": ("100", "100"), "3": ("100", ""), "4": ("0", "100"), "5": ("0", "100")
    }  # fmt: skip


def test_a_transplant_is_known_to_the_day() -> None:
    endpoint = {"id": "HSCT", "label": "x", "population": "all", "origin": "first_dose", "events": ["transplant"]}
    analysis = {"id": "x", "label": "x", "kind": "interval_censored", "endpoint": "HSCT"}
    of = adam([course("1", transplant=50, seen=90)], [time("1", 50, "transplant") | {"PARAMCD": "HSCT"}])
    assert [p[4] for p in parts(of, "x", endpoints=[endpoint], analyses=[analysis])] == ["50\x1f50"]


# --- two classifications ---


def test_agreement_is_of_those_with_both_and_says_who_lacks_one() -> None:
    of = adam(
        [subject("1", RESPFL="Y", MRDFL="N"), subject("2", RESPFL="Y"), subject("3", RESPFL="Y", MRDFL="Y")],
        withheld=[{"USUBJID": "3", "ITEM": "ADSL.MRDFL", "QUERY": "Q1"}],
    )
    assert {p[0]: p[3] for p in parts(of, "agreement")} == {"1": "counted", "2": "missing", "3": "withheld"}
    table = count(of)["agreement"]
    assert isinstance(table, CrossTab) and table.cells == {("Y", "N"): 1, ("Y", ""): 1} and table.withheld == 1


# --- leaving levels out, and the trace ---


def test_leaving_a_level_out_counts_the_same_subjects_by_level() -> None:
    people = [subject(str(i), SITEID="AAB"[i], RESPFL="YNY"[i]) for i in range(3)]
    counts = count(adam(people, [time(str(i), 10 * i) for i in range(3)]))
    whole, by_level = counts["response"], counts["without"]
    assert isinstance(whole, CrossTab) and isinstance(by_level, CrossTab)
    assert by_level.dims == ("outcome", "SITEID")
    assert by_level.cells == {("counted", "A"): 1, ("counted", "B"): 1, ("not_counted", "A"): 1}
    assert all(by_level.where(outcome=o) == whole.where(outcome=o) for o in ("counted", "not_counted", "missing"))
    curves, rfs = counts["rfs_without"], counts["rfs"]
    assert isinstance(curves, EventTable) and isinstance(rfs, EventTable)
    assert curves.select(()).rows == rfs.select(()).rows


def test_each_subject_has_one_role_in_the_trace() -> None:
    of = adam(
        [course("1", transplant=40, relapse=80, death=100, SEX="F"), course("2", seen=60, SEX="M")],
        [time("1", 80, "relapse"), time("2", 60)],
    )
    listed = members_of(of, PROTOCOL)
    assert listed.group_by("ANALYSIS", "USUBJID").len()["len"].max() == 1
    of_one = {a: (role, value) for a, u, role, value in listed.select("ANALYSIS", "USUBJID", "ROLE", "VALUE").rows()
              if u == "1"}  # fmt: skip
    assert of_one["transplant"] == of_one["cox_transplant"] == of_one["rfs"] == ("event", "80")
    assert of_one["course"] == ("event", "100")
