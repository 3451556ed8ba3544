"""The shipped endpoints, one patient each: dates on paper, times by counting days. Day 0 is 1 January 2020."""

from __future__ import annotations

import datetime as dt
from importlib import import_module
from typing import Any

import polars as pl
import pytest
from ruamel.yaml import YAML

from chartline.core.query import Topic
from chartline.counts.members import members
from chartline.derive.endpoint import Endpoint, check_endpoints, resolve_endpoint, shipped_endpoints
from chartline.derive.model import Adam
from chartline.errors import ProtocolError
from derive_cases import because, block, derive, protocol, row

EX = "USUBJID|EXSTDTC|EXCYCLE\nP1|2020-01-01|1\n"
TWO_CYCLES = EX + "P1|2020-02-01|2\n"
SS = "USUBJID|RELAPSE|RELDTC|LKADTC|DTHFL|DTHDTC\nP1|"
RS = "USUBJID|RSDTC|RSCYCLE|BMBLAST|PBBLAST|EMD|INVRESP\n"
REMISSION = RS + "P1|2020-01-31|1|1|0|ABSENT|CRi\n"  # day 30
NO_REMISSION = RS + "P1|2020-01-31|1|40|5|ABSENT|NR\n"
ALIVE = "N||2020-12-31|N|"  # day 365
TRANSPLANT = "USUBJID|PRTRT|PROCCUR|PRTIMING|PRSTDTC\nP1|ALLOGENEIC HSCT|Y|AFTER|2020-03-31"  # day 90
THERAPY = "USUBJID|CMCAT|CMTRT|CMSTDTC\nP1|SUBSEQUENT THERAPY|CAR-T|2020-03-01"  # day 60
FAILED = {"label": "treatment failure", "no_response_by": {"days": 60}}


def needs(use: str) -> dict[str, Any]:
    """The milestones that a shipped endpoint asks the protocol to declare, as its page writes them."""
    module = import_module(f"chartline.derive.endpoints.{use}")
    return {name: YAML(typ="safe").load(text) for name, text in getattr(module, "MILESTONES", {}).items()}


def time(use: str, status: str = ALIVE, *, milestones: dict[str, Any] | None = None, **tables: str) -> tuple[Any, ...]:
    """(AVAL, CNSR, CAUSE) of the endpoint as shipped, of a patient with this status and these tables."""
    return row(study(use, status, milestones=milestones, **tables)["ADTTE"], "AVAL", "CNSR", "CAUSE", PARAMCD="X")


def study(
    use: str, status: str = ALIVE, *, milestones: dict[str, Any] | None = None, over: Any = None, **tables: str
) -> Adam:
    asked = {"EX": EX, "SS": SS + status} | tables
    endpoint = {"id": "X", "use": use} | (over or {})
    return derive(asked, endpoints=[endpoint], analyses=[], milestones=milestones or needs(use), **_BARE)


_BARE: dict[str, Any] = {"headline": {}, "published": (), "report": {}, "multiverse": None}


def test_what_is_shipped() -> None:
    assert shipped_endpoints() == (
        "cumulative_incidence_of_relapse", "duration_of_response", "event_free_survival",
        "event_free_survival_eln2022", "gvhd_relapse_free_survival", "neutrophil_recovery_to_0_5",
        "neutrophil_recovery_to_1", "non_relapse_mortality", "overall_survival", "platelet_recovery_to_100",
        "platelet_recovery_to_50", "progression_free_survival", "relapse_free_survival", "time_to_next_treatment",
        "time_to_response", "time_to_transplant", "treatment_free_interval",
    )  # fmt: skip


# --- response, relapse, death ---


def test_time_to_response_runs_to_the_marrow_and_death_competes() -> None:
    assert time("time_to_response", RS=REMISSION) == (30, 0, "first_response")
    assert time("time_to_response", "N||2020-01-11|Y|2020-01-11") == (10, 0, "death")
    assert time("time_to_response") == (365, 1, None)


def test_incidence_of_relapse_ends_at_the_last_assessment_and_mortality_at_the_last_contact() -> None:
    later = REMISSION + "P1|2020-07-01|0|1|0|ABSENT|CRi\n"  # day 182: 31 Jan to 1 July are 152 days
    assert time("cumulative_incidence_of_relapse", RS=later) == (152, 1, None)
    assert time("non_relapse_mortality", RS=later) == (335, 1, None)  # 365 - 30
    dead = "N||2020-12-31|Y|2020-12-31"
    assert time("cumulative_incidence_of_relapse", dead, RS=later) == (335, 0, "death")
    assert time("non_relapse_mortality", "Y|2020-03-01|2020-12-31|N|", RS=later) == (30, 0, "relapse")


def test_last_assessed_is_the_first_dose_where_nobody_assessed_after_it() -> None:
    before = RS + "P1|2019-12-20|0|80|20|ABSENT|BASELINE\n"
    adam = study("overall_survival", RS=before, over={"last": "last_assessed"})
    assert row(adam["ADTTE"], "AVAL", "CNSR", "CNSDTDSC", "SRCDOM", "SRCVAR") == (
        0,
        1,
        "last assessed",
        "EX",
        "EXSTDTC",
    )
    adam = study("overall_survival", RS=REMISSION, over={"last": "last_assessed"})
    assert row(adam["ADTTE"], "AVAL", "SRCDOM", "SRCVAR", "SRCSEQ") == (30, "RS", "RSDTC", 1)


# --- event-free survival: which landmark, and on which day ---


@pytest.mark.parametrize(
    ("dated", "day"),
    [("assessment", 30), ("landmark", 60), ("first_dose", 0)],
)
def test_a_failure_counts_on_the_day_that_the_protocol_says(dated: str, day: int) -> None:
    failed = {"failed": FAILED | {"dated": dated}}
    assert time("event_free_survival", milestones=failed, RS=NO_REMISSION) == (day, 0, "failed")


@pytest.mark.parametrize(
    ("response", "failed"),
    # the landmark is day 60, 1 March 2020: 30 days of January, 29 of February, one of March
    [("2020-02-29", False), ("2020-03-01", False), ("2020-03-02", True)],
)
def test_a_response_up_to_the_landmark_is_no_failure(response: str, failed: bool) -> None:
    adam = study("event_free_survival", milestones={"failed": FAILED}, RS=REMISSION.replace("2020-01-31", response))
    assert row(adam["ADSL"], "FAILEDFL") == ("Y" if failed else "N",)
    assert row(adam["ADTTE"], "CNSR") == (0 if failed else 1,)


@pytest.mark.parametrize(
    ("status", "flag", "ends"),
    [
        ("N||2020-02-29|Y|2020-02-29", "N", (59, 0, "death")),  # dead before the landmark
        ("N||2020-03-01|Y|2020-03-01", "N", (60, 0, "death")),  # on it
        ("N||2020-03-02|Y|2020-03-02", "Y", (60, 0, "failed")),  # alive on it
        ("N||2020-02-29|N|", None, (59, 1, None)),  # lost before it: nobody knows
        ("N||2020-03-01|N|", "Y", (60, 0, "failed")),
    ],
)
def test_who_did_not_live_to_the_landmark_did_not_fail_and_who_was_lost_is_censored(
    status: str, flag: str | None, ends: tuple[Any, ...]
) -> None:
    failed = {"failed": FAILED | {"dated": "landmark"}}
    adam = study("event_free_survival", status, milestones=failed, RS=NO_REMISSION)
    assert row(adam["ADSL"], "FAILEDFL") == (flag,)
    assert row(adam["ADTTE"], "AVAL", "CNSR", "CAUSE") == ends


def test_eln_2022_counts_failures_and_early_deaths_on_day_1() -> None:
    use = "event_free_survival_eln2022"
    by_60 = {"faild1": FAILED | {"dated": "first_dose"}}
    assert time(use, milestones=by_60, RS=NO_REMISSION) == (0, 0, "faild1")
    assert time(use, "N||2020-02-01|Y|2020-02-01", milestones=by_60) == (0, 0, "faild1")  # died, never assessed
    assert time(use, milestones=by_60) == (0, 1, None)  # alive, never assessed: censored on day 1
    later = REMISSION + "P1|2020-07-01|0|1|0|ABSENT|CRi\n"
    assert time(use, milestones=by_60, RS=later) == (182, 1, None)  # in response: until last assessed
    assert time(use, "Y|2020-07-01|2020-12-31|N|", milestones=by_60, RS=later) == (182, 0, "relapse")


def test_a_landmark_by_cycle_is_day_1_of_the_next_or_42_days_after_the_last_dose() -> None:
    by_1 = {"failed": {"label": "failure", "no_response_by": {"cycle": 1}, "dated": "landmark"}}
    assert time("event_free_survival", milestones=by_1, EX=TWO_CYCLES, RS=NO_REMISSION)[0] == 31  # 1 February
    assert time("event_free_survival", milestones=by_1, RS=NO_REMISSION)[0] == 42  # one dose only, on day 0
    adam = study("event_free_survival", milestones=by_1, EX=TWO_CYCLES, RS=NO_REMISSION)
    assert because(adam, "ADSL.FAILEDFL") == ["failure on 2020-02-01: no response by the landmark on 2020-02-01"]


def test_an_assessment_that_could_not_be_judged_establishes_nothing() -> None:
    unread = RS + "P1|2020-01-31|1||0|ABSENT|\n"
    assert time("event_free_survival", milestones={"failed": FAILED}, RS=unread) == (60, 0, "failed")


# --- progression-free survival ---


def test_progression_and_other_therapy_without_response_are_events() -> None:
    use = "progression_free_survival"
    progressed = NO_REMISSION + "P1|2020-02-20|2|60|20|ABSENT|PD\n"
    assert time(use, RS=progressed) == (50, 0, "pd")
    assert time(use, RS=NO_REMISSION, PR=TRANSPLANT) == (90, 0, "switch")
    assert time(use, RS=NO_REMISSION, PR=TRANSPLANT, CM=THERAPY) == (60, 0, "switch")  # the first of the two
    assert time(use, "Y|2020-06-01|2020-12-31|N|", RS=REMISSION, PR=TRANSPLANT) == (152, 0, "relapse")  # in response


def test_a_therapy_on_the_day_of_the_response_is_a_therapy_in_response() -> None:
    same = THERAPY.replace("2020-03-01", "2020-01-31")
    adam = study("progression_free_survival", RS=RS + "P1|2020-01-30|1|1|0|ABSENT|CRi\n", CM=same)
    assert row(adam["ADSL"], "SWITCHFL", "SWITCHDT") == ("N", None)


def test_the_source_of_a_first_of_others_is_the_row_that_was_first() -> None:
    adam = study("progression_free_survival", RS=NO_REMISSION, PR=TRANSPLANT, CM=THERAPY)
    cells = adam.trace.filter(pl.col("ITEM") == "ADTTE.X").select("SRCDOM", "SRCSEQ", "SRCVAR").rows()
    assert cells == [("CM", 1, "CMSTDTC"), ("EX", 1, "EXSTDTC")]


# --- on the way, and after treatment ---


def test_time_to_transplantation_and_to_next_treatment() -> None:
    assert time("time_to_transplant", PR=TRANSPLANT) == (90, 0, "transplant")
    assert time("time_to_transplant", "N||2020-02-01|Y|2020-02-01") == (31, 0, "death")
    assert time("time_to_next_treatment", CM=THERAPY) == (60, 0, "new_therapy")
    assert time("time_to_next_treatment", PR=TRANSPLANT) == (365, 1, None)  # a transplantation only where asked


def test_the_treatment_free_interval_begins_with_the_last_dose() -> None:
    assert time("treatment_free_interval", EX=TWO_CYCLES, CM=THERAPY) == (29, 0, "new_therapy")  # 1 Feb to 1 March
    adam = study("treatment_free_interval", EX=TWO_CYCLES, CM=THERAPY.replace("2020-03-01", "2020-01-20"))
    out = adam.withheld.filter(pl.col("ITEM") == "ADTTE.X")["REASON"].to_list()
    assert out == ["new therapy on 2020-01-20 is before last dose on 2020-02-01"]


# --- recovery of counts: at the threshold, one step below, one step above; the threshold written here by hand ---

LB = "USUBJID|LBTESTCD|LBDTC|LBSTRESN|LBGCSF|LBPLTTX\n"


@pytest.mark.parametrize(
    ("use", "test", "below", "at", "above"),
    [
        ("neutrophil_recovery_to_0_5", "ANC", 0.49, 0.5, 0.51),
        ("neutrophil_recovery_to_1", "ANC", 0.99, 1.0, 1.01),
        ("platelet_recovery_to_50", "PLT", 49, 50, 51),
        ("platelet_recovery_to_100", "PLT", 99, 100, 101),
    ],
)
def test_a_count_has_recovered_at_its_threshold(use: str, test: str, below: float, at: float, above: float) -> None:
    (name,) = needs(use)
    for value, ends in ((below, (365, 1, None)), (at, (20, 0, name)), (above, (20, 0, name))):
        assert time(use, LB=f"{LB}P1|{test}|2020-01-21|{value}||\n") == ends
    assert time(use, "N||2020-01-11|Y|2020-01-11") == (10, 0, "death")


def test_a_value_before_the_first_dose_or_without_a_day_is_no_recovery() -> None:
    values = f"{LB}P1|ANC|2020-01-01|3||\nP1|ANC||3||\nP1|ANC|2020-01|3||\nP1|ANC|2020-02-10|2||\n"
    assert time("neutrophil_recovery_to_0_5", LB=values) == (40, 0, "anc05")


@pytest.mark.parametrize(
    ("end", "day"),
    # G-CSF until so many days before the value of 21 January: 8 days are enough, 7 are not
    [("2020-01-13", 20), ("2020-01-14", 31), ("", 31)],
)
def test_a_supported_value_is_no_recovery(end: str, day: int) -> None:
    values = f"{LB}P1|ANC|2020-01-21|2||\nP1|ANC|2020-02-01|2||\n"
    given = f"USUBJID|CMCAT|CMTRT|CMSTDTC|CMENDTC\nP1|G-CSF|Filgrastim|2020-01-10|{end}"
    if not end:  # no end recorded: it went on, until nothing proves recovery but a value without it
        assert time("neutrophil_recovery_to_0_5", LB=values, CM=given) == (365, 1, None)
        return
    assert time("neutrophil_recovery_to_0_5", LB=values, CM=given)[0] == day


def test_a_transfusion_without_an_end_is_one_day_and_the_flag_beside_the_value_counts() -> None:
    values = f"{LB}P1|PLT|2020-01-21|80||\nP1|PLT|2020-01-22|80||Y\nP1|PLT|2020-01-23|80||\n"
    given = "USUBJID|CMCAT|CMTRT|CMSTDTC|CMENDTC\nP1|PLATELET TRANSFUSION|Platelets|2020-01-15|"
    # 21 January is 6 days after the transfusion, 22 is 7 and flagged, 23 is 8
    assert time("platelet_recovery_to_50", LB=values, CM=given) == (22, 0, "plt50")


def test_recovery_after_a_fall_is_a_milestone_after_a_milestone() -> None:
    milestones = {
        "low": {"label": "neutropenia", "from": "LB", "where": "LBTESTCD == 'ANC' and LBSTRESN < 0.5"},
        "anc05": {
            "label": "recovery", "from": "LB", "where": "LBTESTCD == 'ANC' and LBSTRESN >= 0.5", "after": "low"
        },
    }  # fmt: skip
    values = f"{LB}P1|ANC|2020-01-05|3||\nP1|ANC|2020-01-12|0.2||\nP1|ANC|2020-01-31|0.9||\n"
    assert time("neutrophil_recovery_to_0_5", LB=values, milestones=milestones) == (30, 0, "anc05")
    assert time("neutrophil_recovery_to_0_5", milestones=milestones, LB=f"{LB}P1|ANC|2020-01-05|3||\n")[1] == 1


def test_a_value_that_cannot_be_read_leaves_it_unknown() -> None:
    adam = study("neutrophil_recovery_to_0_5", LB=f"{LB}P1|ANC|2020-01-21|||\n")
    assert row(adam["ADSL"], "ANC05FL", "ANC05DT") == (None, None)
    assert because(adam, "ADSL.ANC05FL") == ["not known whether recovery of neutrophils to 0.5 happened"]


# --- GVHD-free, relapse-free survival ---


@pytest.mark.parametrize(("grade", "ends"), [("2", (275, 1, None)), ("3", (30, 0, "agvhd")), ("4", (30, 0, "agvhd"))])
def test_acute_gvhd_counts_from_grade_3_and_from_transplantation(grade: str, ends: tuple[Any, ...]) -> None:
    events = f"USUBJID|AETERM|AESTDTC|AETOXGR\nP1|acute GVHD|2020-02-01|4\nP1|acute GVHD|2020-04-30|{grade}"
    assert time("gvhd_relapse_free_survival", PR=TRANSPLANT, AE=events) == ends


def test_chronic_gvhd_relapse_and_death_end_it_and_gvhd_goes_first() -> None:
    use = "gvhd_relapse_free_survival"
    treated = "USUBJID|CMCAT|CMTRT|CMSTDTC|CMINDC\nP1|OTHER|Prednisolone|2020-06-29|chronic GVHD"  # 90 days after
    assert time(use, PR=TRANSPLANT, CM=treated) == (90, 0, "cgvhd")
    assert time(use, "Y|2020-06-29|2020-06-29|Y|2020-06-29", PR=TRANSPLANT, CM=treated) == (90, 0, "cgvhd")
    assert time(use, "Y|2020-06-29|2020-06-29|Y|2020-06-29", PR=TRANSPLANT) == (90, 0, "relsct")
    assert time(use, "N||2020-06-29|Y|2020-06-29", PR=TRANSPLANT) == (90, 0, "death")


BEFORE = "Y|2020-03-01|2020-12-31|N|"  # relapse 30 days before transplantation; alive 275 days after it
AFTER_TRANSPLANT = [  # marrow and blood blasts, extramedullary disease on 30 April, 30 days after transplantation
    ("1|0|ABSENT", (275, 1, None)),
    ("4|0|ABSENT", (275, 1, None)),
    ("5|0|ABSENT", (30, 0, "relsct")),  # it came back, or it never went away
    ("1|1|ABSENT", (30, 0, "relsct")),
    ("1|0|PRESENT", (30, 0, "relsct")),
    ("1||", (275, 1, None)),  # not known, so no event
]


@pytest.mark.parametrize(("found", "ends"), AFTER_TRANSPLANT)
def test_a_relapse_before_transplantation_is_no_event_and_leukaemia_after_it_is(
    found: str, ends: tuple[Any, ...]
) -> None:
    rs = f"{REMISSION}P1|2020-03-01|2|40|5|ABSENT|\nP1|2020-04-30|0|{found}|\n"
    assert time("gvhd_relapse_free_survival", BEFORE, PR=TRANSPLANT, RS=rs) == ends


def test_of_a_relapse_recorded_after_transplantation_the_first_day_that_shows_it_counts() -> None:
    use, seen = "gvhd_relapse_free_survival", f"{REMISSION}P1|2020-05-20|0|30|2|ABSENT|\n"
    assert time(use, "Y|2020-05-10|2020-12-31|N|", PR=TRANSPLANT, RS=seen) == (40, 0, "relsct")  # 31 March + 40
    assert time(use, "Y|2020-06-29|2020-12-31|N|", PR=TRANSPLANT, RS=seen) == (50, 0, "relsct")
    assert time(use, "Y|2020-03-31|2020-12-31|N|", PR=TRANSPLANT) == (275, 1, None)  # on the day of it: not after
    assert time(use, "Y|2020-04-01|2020-12-31|N|", PR=TRANSPLANT) == (1, 0, "relsct")


def test_whether_a_relapse_came_after_transplantation_is_known_only_of_a_dated_one_and_of_the_transplanted() -> None:
    use = "gvhd_relapse_free_survival"
    for status, tables, flag in (
        ("Y|2020-06-29|2020-12-31|N|", {"PR": TRANSPLANT}, "Y"),
        (BEFORE, {"PR": TRANSPLANT}, "N"),
        ("Y||2020-12-31|N|", {"PR": TRANSPLANT}, None),
        ("|||N|", {"PR": TRANSPLANT}, None),
        (BEFORE, {}, "N"),  # never transplanted
        ("Y||2020-12-31|N|", {}, "N"),
        (BEFORE, {"PR": TRANSPLANT.replace("2020-03-31", "")}, None),  # transplanted, day not known
    ):
        assert row(study(use, status, **tables)["ADSL"], "RELSCTFL") == (flag,), (status, tables)


def test_an_undated_event_of_its_own_is_left_out_and_an_ungraded_one_unknown() -> None:
    use, head = "gvhd_relapse_free_survival", "USUBJID|AETERM|AESTDTC|AETOXGR\n"
    adam = study(use, PR=TRANSPLANT, AE=f"{head}P1|acute GVHD||3")
    assert adam.withheld.filter(pl.col("ITEM") == "ADTTE.X")["REASON"].to_list() == [
        "acute GVHD of grade 3-4 is recorded without a date"
    ]
    adam = study(use, PR=TRANSPLANT, AE=f"{head}P1|acute GVHD|2020-04-30|")
    assert row(adam["ADSL"], "AGVHDFL") == (None,)


# --- a milestone of the study's own ---


def test_an_own_milestone_is_a_variable_with_a_reason_and_follows_the_policy_for_partial_dates() -> None:
    adam = study(
        "gvhd_relapse_free_survival", PR=TRANSPLANT, AE="USUBJID|AETERM|AESTDTC|AETOXGR\nP1|acute GVHD|2020-05|3"
    )
    assert row(adam["ADSL"], "AGVHDFL", "AGVHDDT", "AGVHDDTF") == ("Y", dt.date(2020, 5, 15), "D")
    assert because(adam, "ADSL.AGVHDDT") == ["acute GVHD of grade 3-4 recorded as 2020-05, taken as 2020-05-15"]
    assert adam.labels["AGVHDFL"] == "Acute GVHD of grade 3-4"
    assert row(adam["ADTTE"], "AVAL", "ADTF", "EVNTDESC") == (45, "D", "acute GVHD of grade 3-4")


def test_an_open_query_about_an_own_milestone_withholds() -> None:
    asked = {"EX": EX, "SS": SS + ALIVE, "PR": TRANSPLANT}
    use = "gvhd_relapse_free_survival"
    adam = derive(
        asked, [block("P1", Topic.ADVERSE_EVENTS)], endpoints=[{"id": "X", "use": use}], analyses=[],
        milestones=needs(use), **_BARE,
    )  # fmt: skip
    assert adam["ADTTE"].is_empty()
    assert row(adam["ADSL"], "AGVHDFL", "HSCTFL") == (None, "Y")


def test_a_shipped_endpoint_says_which_milestone_it_needs() -> None:
    p = protocol(endpoints=[{"id": "GRFS", "use": "gvhd_relapse_free_survival"}], analyses=[], **_BARE)
    with pytest.raises(ProtocolError) as e:
        check_endpoints(p, "")
    assert "GRFS needs the milestone `agvhd`" in e.value.what
    assert "agvhd: {label: acute GVHD of grade 3-4, from: AE" in e.value.do


def test_the_strategy_for_an_event_on_the_way_is_part_of_the_definition() -> None:
    p = protocol(endpoints=[{"id": "X", "use": "relapse_free_survival", "censor_at": ["transplant"]}], analyses=[])
    e: Endpoint = resolve_endpoint(p.endpoints[0], p)
    assert [e.strategy(m) for m in ("transplant", "new_therapy", "relapse")] == [
        "hypothetical", "treatment policy", "composite"
    ]  # fmt: skip


# --- missed assessments: one was due every 60 days, the last one was on day 30 ---


@pytest.mark.parametrize(
    ("relapse", "missed", "middle"),
    [
        ("2020-05-29", None, 119),  # 119 days after: those of day 90 missed, of day 150 not yet due
        ("2020-05-30", None, 120),  # 120 days: found on the very day of the second
        ("2020-05-31", "Y", 60),  # 121 days: two missed; half of 121, rounded down
    ],
)
def test_two_missed_assessments_put_the_day_of_a_relapse_in_doubt(
    relapse: str, missed: str | None, middle: int
) -> None:
    status = f"Y|{relapse}|2020-12-31|N|"
    found = (dt.date.fromisoformat(relapse) - dt.date(2020, 1, 31)).days
    for rule, day in (("detection", found), ("midpoint", middle), ("interval", found)):
        over = {"assessed_every_days": 60, "missed_assessments": rule}
        adam = study("relapse_free_survival", status, RS=REMISSION, over=over)
        assert row(adam["ADTTE"], "AVAL", "MISSFL", "SEENDT") == (day, missed, dt.date(2020, 1, 31))
    told = because(study("relapse_free_survival", status, RS=REMISSION, over=over | {"missed_assessments": "midpoint"}),
                   "ADTTE.X")  # fmt: skip
    assert ("the day is the middle" in told[0]) is (missed == "Y")


def test_a_death_is_known_to_the_day_however_many_assessments_were_missed() -> None:
    over = {"assessed_every_days": 30, "missed_assessments": "midpoint"}
    adam = study("relapse_free_survival", "N||2020-12-31|Y|2020-12-31", RS=REMISSION, over=over)
    assert row(adam["ADTTE"], "AVAL", "CAUSE", "MISSFL", "SEENDT") == (335, "death", None, None)


@pytest.mark.parametrize(
    ("endpoint", "kind", "says"),
    [
        ({"missed_assessments": "midpoint"}, "survival", "does not say how often"),
        (
            {"missed_assessments": "interval", "assessed_every_days": 60},
            "survival",
            "only known to lie between two days",
        ),
    ],
)
def test_what_missed_assessments_need(endpoint: dict[str, Any], kind: str, says: str) -> None:
    p = protocol(
        endpoints=[{"id": "X", "use": "relapse_free_survival"} | endpoint],
        analyses=[{"id": "x", "kind": kind, "label": "x", "endpoint": "X"}], **_BARE,
    )  # fmt: skip
    with pytest.raises(ProtocolError) as e:
        check_endpoints(p, "")
    assert says in e.value.what


@pytest.mark.parametrize(
    ("rule", "intervals"),
    # P1 relapsed 119 days after the last assessment, P2 after 121, P3 died; days count from the response
    [
        ("detection", {"P1": ("0", "119"), "P2": ("0", "121"), "P3": ("335", "335")}),
        ("interval", {"P1": ("119", "119"), "P2": ("0", "121"), "P3": ("335", "335")}),
    ],
)
def test_an_interval_is_every_gap_or_only_one_with_missed_assessments(
    rule: str, intervals: dict[str, tuple[str, str]]
) -> None:
    people = ("P1", "P2", "P3")
    tables = {
        "EX": "USUBJID|EXSTDTC|EXCYCLE\n" + "".join(f"{p}|2020-01-01|1\n" for p in people),
        "RS": RS + "".join(f"{p}|2020-01-31|1|1|0|ABSENT|CRi\n" for p in people),
        "SS": SS.removesuffix("P1|") + "P1|Y|2020-05-29|2020-12-31|N|\nP2|Y|2020-05-31|2020-12-31|N|\n"
        "P3|N||2020-12-31|Y|2020-12-31",
    }
    endpoint = {"id": "X", "use": "relapse_free_survival", "assessed_every_days": 60, "missed_assessments": rule}
    analysis = {"id": "x", "kind": "interval_censored", "label": "x", "endpoint": "X"}
    over = {"endpoints": [endpoint], "analyses": [analysis]} | _BARE
    found = members(derive(tables, **over), protocol(**over), protocol(**over).analyses[0])
    assert {r["USUBJID"]: tuple(r["LEVEL"].split("\x1f")) for r in found.iter_rows(named=True)} == intervals
