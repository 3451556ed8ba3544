"""Time to event: origins, events, censoring, partial dates, and who is left out and why."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from chartline.core.query import Topic
from chartline.derive.endpoint import shipped_endpoints
from chartline.derive.model import Adam
from chartline.errors import ProtocolError
from chartline.protocol.names import adsl_types
from derive_cases import because, block, derive, lean, protocol, row, variants

EX = "USUBJID|EXSTDTC|EXCYCLE\nP1|2020-01-01|1"
RS = "USUBJID|RSDTC|RSCYCLE|BMBLAST|PBBLAST|EMD\nP1|2020-01-31|1|1|0|ABSENT"
SS = "USUBJID|RELAPSE|RELDTC|LKADTC|DTHFL|DTHDTC\nP1|"


def follow(status: str, over: dict[str, object] | None = None, **more: str) -> Adam:
    """A patient first dosed on 1 January 2020, in CRi on 31 January; `status` is the rest of the SS row."""
    return derive({"EX": EX, "RS": RS, "SS": SS + status} | more, **(over or {}))


# Duration of response under each policy for partial dates.
POLICIES: dict[str, object] = {
    "endpoints": [
        {"id": f"D_{p.upper()}", "use": "duration_of_response", "population": "responders", "partial_dates": p}
        for p in ("first", "mid", "last", "latest")
    ],
    "analyses": [],
}


def time(adam: Adam, code: str) -> tuple[object, ...]:
    return row(adam["ADTTE"], "AVAL", "CNSR", "CAUSE", PARAMCD=code)


def left_out(adam: Adam, code: str) -> list[str]:
    return adam.withheld.filter(pl.col("ITEM") == f"ADTTE.{code}")["REASON"].to_list()


def test_time_is_end_minus_start_in_whole_days() -> None:
    adam = follow("N||2020-03-01|Y|2020-03-01")
    assert time(adam, "OS") == (60, 0, "death")  # 2020 is a leap year: 31 + 29
    assert time(adam, "DOR") == (30, 0, "death")
    assert time(adam, "RFS") == (60, 0, "death")  # this study counts it from the first dose
    assert time(adam, "RFSCR") == (30, 0, "death")
    assert time(adam, "DORREL") == (30, 1, None)  # relapse only: the death censors
    assert because(adam, "ADTTE.OS") == ["Event: death on 2020-03-01, 60 days after first dose on 2020-01-01"]


def test_without_an_event_the_time_ends_when_last_known_alive() -> None:
    adam = follow("N||2020-07-01|N|")
    assert time(adam, "OS") == (182, 1, None)
    assert because(adam, "ADTTE.DOR") == [
        "Censored when last known alive on 2020-07-01, 152 days after first response on 2020-01-31: "
        "no relapse or death recorded"
    ]
    cells = adam.trace.filter(pl.col("ITEM") == "ADTTE.DOR").select("SRCDOM", "SRCSEQ", "SRCVAR").rows()
    assert cells == [("SS", 1, "LKADTC"), ("RS", 1, "RSDTC")]


def test_nobody_is_dead_by_default() -> None:
    adam = follow("||2020-07-01||")
    assert time(adam, "OS") == (182, 1, None)
    assert row(adam["ADSL"], "DTHFL", "RELFL") == (None, None)


def test_death_on_the_day_of_the_first_dose_is_a_time_of_zero() -> None:
    adam = derive({"EX": EX, "SS": SS + "N||2020-01-01|Y|2020-01-01"})
    assert time(adam, "OS") == (0, 0, "death")


def test_death_before_the_first_dose_is_left_out_and_never_clamped() -> None:
    adam = derive({"EX": EX, "SS": SS + "N||2019-12-30|Y|2019-12-30"})
    assert adam["ADTTE"].filter(pl.col("PARAMCD") == "OS").is_empty()
    assert left_out(adam, "OS") == ["death on 2019-12-30 is before first dose on 2020-01-01"]


def test_what_happened_without_a_date_is_left_out_and_never_censored() -> None:
    adam = follow("Y||2020-07-01|N|")
    assert left_out(adam, "DOR") == ["relapse is recorded without a date"]
    assert time(adam, "OS") == (182, 1, None)
    adam = derive({"EX": EX, "SS": SS + "N||2020-07-01|Y|"})
    assert left_out(adam, "OS") == ["death is recorded without a date"]


def test_without_any_follow_up_there_is_no_time() -> None:
    assert left_out(derive({"EX": EX}), "OS") == ["no event, and no date of last known alive"]


@pytest.mark.parametrize(
    ("status", "day", "flag"),
    [
        ("Y|2020-06|2020-12-01|N|", dt.date(2020, 6, 15), "D"),  # a month: its 15th
        ("Y|2020|2020-12-01|N|", dt.date(2020, 7, 1), "M"),  # a year: 1 July
        ("Y|2020-06|2020-06-10|Y|2020-06-10", dt.date(2020, 6, 10), "D"),  # not after death
        ("Y|2020-06-20|2020-12-01|N|", dt.date(2020, 6, 20), None),
    ],
)
def test_a_partial_relapse_date(status: str, day: dt.date, flag: str | None) -> None:
    adam = follow(status)
    assert row(adam["ADTTE"], "ADT", "ADTF", "CAUSE", PARAMCD="DOR") == (day, flag, "relapse")


def test_the_policy_for_partial_dates_belongs_to_the_endpoint() -> None:
    adam = follow("Y|2020-06|2020-12-01|N|", POLICIES)
    assert {c: d.day for c, d in adam["ADTTE"].select("PARAMCD", "ADT").iter_rows()} == {
        "D_FIRST": 1, "D_MID": 15, "D_LAST": 28, "D_LATEST": 30
    }  # fmt: skip


def test_an_imputed_day_never_falls_before_the_origin() -> None:
    """After a response on 10 February, a relapse "in February" is on the 10th at the earliest."""
    adam = follow("Y|2020-02|2020-12-01|N|", POLICIES, RS=RS.replace("2020-01-31", "2020-02-10"))
    assert row(adam["ADTTE"], "ADT", "AVAL", PARAMCD="D_MID") == (dt.date(2020, 2, 15), 5)
    assert row(adam["ADTTE"], "ADT", "AVAL", PARAMCD="D_FIRST") == (dt.date(2020, 2, 10), 0)


def test_transplant_and_new_therapy_censor_only_where_asked() -> None:
    more = {
        "PR": "USUBJID|PRTRT|PROCCUR|PRTIMING|PRSTDTC\nP1|ALLOGENEIC HSCT|Y|BEFORE|2018-01-01\n"
        "P1|ALLOGENEIC HSCT|Y|AFTER|2020-03-31",
        "CM": "USUBJID|CMCAT|CMTRT|CMSTDTC\nP1|SUBSEQUENT THERAPY|CAR-T|2020-03-01",
    }
    adam = follow("Y|2020-06-01|2020-12-01|N|", **more)
    assert time(adam, "DOR") == (122, 0, "relapse")
    assert time(adam, "DORHSCT") == (60, 2, None)
    assert time(adam, "DORNTX") == (30, 3, None)  # the second milestone of censor_at
    assert row(adam["ADTTE"], "CNSDTDSC", "SRCDOM", "SRCVAR", PARAMCD="DORHSCT") == ("transplantation", "PR", "PRSTDTC")
    assert row(adam["ADSL"], "HSCTFL", "HSCTDT", "HSCTINT", "HSCTRESP") == ("Y", dt.date(2020, 3, 31), 90, "Y")


def test_an_event_on_the_day_of_an_intercurrent_event_is_an_event() -> None:
    more = {"PR": "USUBJID|PRTRT|PROCCUR|PRSTDTC\nP1|ALLOGENEIC HSCT|Y|2020-06-01"}
    assert time(follow("Y|2020-06-01|2020-12-01|N|", **more), "DORHSCT") == (122, 0, "relapse")


def test_relapse_and_death_on_one_day_go_by_the_declared_order() -> None:
    adam = follow("Y|2020-06-01|2020-06-01|Y|2020-06-01")
    assert time(adam, "DOR") == (122, 0, "relapse")


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ("Y|AFTER|2020-03-31", ("Y", dt.date(2020, 3, 31))),
        ("N|AFTER|2020-03-31", ("N", None)),  # flagged as not done
        ("Y|BEFORE|2019-01-01", ("N", None)),
        ("Y|AFTER|", ("Y", None)),  # done, date not recorded
        ("Y||", ("N", None)),  # neither date nor timing: not known to be after
        ("Y|AFTER|2020-01", ("Y", dt.date(2020, 1, 15))),  # straddles the first dose: the timing decides
        ("Y|BEFORE|2020-01", ("N", None)),
    ],
)
def test_which_transplant_counts(record: str, expected: tuple[str, dt.date | None]) -> None:
    pr = "USUBJID|PRTRT|PROCCUR|PRTIMING|PRSTDTC\nP1|ALLOGENEIC HSCT|" + record
    assert row(follow("N||2020-12-01|N|", PR=pr)["ADSL"], "HSCTFL", "HSCTDT") == expected


def test_a_blocking_query_withholds_the_endpoints_it_touches_and_no_other() -> None:
    query = block("P1", Topic.RELAPSE)
    adam = derive({"EX": EX, "RS": RS, "SS": SS + "Y|2020-06-01|2020-12-01|N|"}, [query])
    assert set(adam["ADTTE"]["PARAMCD"]) == {"OS", "HSCT"}
    assert row(adam.withheld, "QUERY", ITEM="ADTTE.DOR") == (query.id,)
    assert row(adam["ADSL"], "RELFL", "RELDT", "RESPFL") == (None, None, "Y")


def test_an_unknown_eligibility_is_an_exclusion_by_name() -> None:
    query = block("P1", Topic.ELIGIBILITY)
    adam = derive({"EX": EX, "SS": SS + "N||2020-12-01|N|"}, [query])
    assert row(adam.withheld, "QUERY", "REASON", ITEM="ADTTE.OS") == (
        query.id,
        "not known whether in the set 'Eligible and treated'",
    )


def test_a_doubtful_first_dose_hides_everything_counted_from_it() -> None:
    tables = {"EX": EX, "RS": RS, "SS": SS + "N||2020-07-01|N|"}
    adam = derive(tables, [block("P1", Topic.FIRST_DOSE)], **variants())
    hidden = ("TRTSDT", "AGE", "RESPFL", "BOR_W28", "NCYC", "HSCTFL", "LIVTOXFL", "MYELOFL", "ELIGFL")
    assert row(adam["ADSL"], *hidden) == (None,) * len(hidden)
    assert row(adam["ADSL"], "LKADT", "DTHFL") == (dt.date(2020, 7, 1), "N")
    assert adam["ADTTE"].is_empty()


def test_adsl_has_every_variable_that_a_protocol_may_name() -> None:
    adam = follow("N||2020-07-01|N|", variants())
    names = adsl_types(protocol(**lean()))
    assert [n for n in names if n not in adam["ADSL"].columns] == []
    assert [n for n in names if n not in adam.labels] == []
    assert adam.topics["BOR"] >= {Topic.RESPONSE, Topic.COUNTS}
    assert adam.topics["OS"] == {Topic.FIRST_DOSE, Topic.DEATH, Topic.FOLLOW_UP}


def test_every_member_has_one_row_or_one_exclusion() -> None:
    adam = follow("Y||2020-07-01|N|")
    for code in adam["ADTTE"]["PARAMCD"].unique():
        assert adam["ADTTE"].filter(pl.col("PARAMCD") == code).height + len(left_out(adam, code)) == 1


def test_an_endpoint_of_its_own_and_a_wrong_name() -> None:
    own = {
        "id": "TTHSCT",
        "label": "Time to transplant",
        "origin": "first_dose",
        "events": ["transplant"],
        "last": "death",
    }
    adam = derive(
        {"EX": EX, "SS": SS + "N||2020-03-01|Y|2020-03-01"},
        endpoints=[own],
        analyses=[],
        report={},
        headline={},
        published=[],
    )
    assert time(adam, "TTHSCT") == (60, 1, None)
    with pytest.raises(ProtocolError, match="no endpoint `overall_survivall`"):
        derive({"EX": EX}, endpoints=[{"id": "OS", "use": "overall_survivall"}])
    assert "overall_survival" in shipped_endpoints()


def born(**more: object) -> Adam:
    """Everyone is born on 1 January 1980; dies on 1 March 2020."""
    endpoint = {"id": "AGEDTH", "label": "Age at death", "origin": "birth", "events": ["death"]} | more
    return derive({"EX": EX, "SS": SS + "Y|2020|2020-03-01|Y|2020-03-01"}, endpoints=[endpoint], analyses=[])


def test_time_can_start_at_birth() -> None:
    adam = born()
    assert time(adam, "AGEDTH") == (14670, 0, "death")  # 40 x 365 + 10 leap days + 31 + 29
    assert because(adam, "ADTTE.AGEDTH") == ["Event: death on 2020-03-01, 14670 days after birth on 1980-01-01"]
    cells = adam.trace.filter(pl.col("ITEM") == "ADTTE.AGEDTH").select("SRCDOM", "SRCVAR").rows()
    assert cells == [("SS", "DTHDTC"), ("DM", "BRTHDTC")]
    early = born(events=["relapse"], partial_dates="first")
    assert row(early["ADTTE"], "ADT", PARAMCD="AGEDTH") == (dt.date(2020, 1, 1),)  # not before the first dose


@pytest.mark.parametrize("more", [{"events": ["birth"]}, {"censor_at": ["birth"]}, {"last": "birth"}])
def test_birth_ends_no_time(more: dict[str, object]) -> None:
    with pytest.raises(ProtocolError, match="Birth cannot end a time"):
        born(**more)
