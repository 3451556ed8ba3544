"""Reviewers' overrides: what may be set, what follows, what stays beside it, and what is asked again.

A small study: P1 has a marrow in remission (CRi: no blood counts), and a relapse later; P2 is never overridden.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chartline.cohort.select import select_cohort
from chartline.core.overrides import Override
from chartline.derive.derive import derive_all
from chartline.derive.model import Adam
from chartline.derive.override_file import check_overrides, read_overrides
from chartline.derive.reviewed import DOMAIN, override_queries
from chartline.errors import OverrideError
from derive_cases import because, eligible, lean, protocol, row
from truth_data import tiny

HEADER = "subject,item,date,term,derived,value,by,on,reason"
TABLES = {
    "EX": "USUBJID|EXSTDTC|EXDOSM2|EXCYCLE\nP1|2020-01-01|0.8|1\nP2|2020-01-01|0.8|1",
    "RS": "USUBJID|RSDTC|RSCYCLE|BMBLAST|PBBLAST|EMD\n"
    "P1|2020-01-28|1|2|0|ABSENT\nP1|2020-02-20|2|30|0|ABSENT\nP2|2020-01-28|1|2|0|ABSENT",
    "SS": "USUBJID|RELAPSE|RELDTC|DTHFL|DTHDTC|LKADTC\nP1|Y|2020-04-01|Y|2020-06-01|2020-06-01\nP2|N||N||2020-12-31",
    "AE": "USUBJID|AETERM|AESTDTC|AETOXGR|AEREL\nP1|Veno-occlusive disease|2020-01-10|4|Y",
}
DATA = eligible(tiny(**TABLES))


def override(item: str, value: str, **more: Any) -> Override:
    of: dict[str, Any] = {
        "subject": "P1", "date": "2020-01-28" if item.startswith("OVR") else "", "term": "", "derived": "",
        "by": "A. Reviewer", "on": "2024-01-05", "reason": "smear seen", "line": 2, "file": "overrides.csv",
        "rules": "ino_vate" if item == "OVR" else "",
    }  # fmt: skip
    return Override(item=item, value=value, **(of | more))


def derive(*overrides: Override, **over: Any) -> Adam:
    p, data = protocol(**lean() | over), replace(DATA, overrides=overrides)
    return derive_all(data, select_cohort(data, p, (), "digest"), p, ())


# --- the file -------------------------------------------------------------------------------------------------------

GOOD = "P1,OVR,2020-01-28,,CRi,CR,A. Reviewer,2024-01-05,smear seen"


def read(tmp_path: Path, *lines: str, header: str = HEADER) -> tuple[Override, ...]:
    file = tmp_path / "overrides.csv"
    file.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return read_overrides(file, protocol())


def test_a_line_is_read(tmp_path: Path) -> None:
    assert read(tmp_path, GOOD) == (override("OVR", "CR", derived="CRi"),)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (",OVR,2020-01-28,,,CR,A,2024-01-05,why", "no `subject`"),
        ("P1,OVR,2020-01-28,,,CR,,2024-01-05,why", "nobody can tell who"),
        ("P1,OVR,2020-01-28,,,CR,A,,why", "nobody can tell when"),
        ("P1,OVR,2020-01-28,,,CR,A,2024-01-05,", "nobody can tell why"),
        ("P1,OVR,2020-01-28,,,,A,2024-01-05,why", "nobody can tell to what"),
        ("P1,OVR,2020-01-28,,,CR,A,5 Jan,why", "no date"),
        ("P1,OVR,2020-01-28,,,CRX,A,2024-01-05,why", "did you mean `CR`"),
        ("P1,OVR,,,,CR,A,2024-01-05,why", "needs the date"),
        ("P1,OVR_XX,2020-01-28,,,CR,A,2024-01-05,why", "cannot be overridden"),
        ("P1,BOR,,,,CR,A,2024-01-05,why", "set OVR of an assessment"),
        ("P1,ELIGFL,,,,Y,A,2024-01-05,why", "answers.csv"),
        ("P1,RELDT,,,,June,A,2024-01-05,why", "yyyy-mm-dd, or none"),
        ("P1,RELDT,2020-01-28,,,none,A,2024-01-05,why", "takes no date"),
        ("P1,AETOXGR,2020-01-10,Veno-occlusive disease,,6,A,2024-01-05,why", "`6` is no AETOXGR"),
        ("P1,AEREL,2020-01-10,,,N,A,2024-01-05,why", "needs `term`"),
        ("P1,OVR,2020-01-28,,,CR,A,2024-01-05", "one value for each heading"),
    ],
)
def test_a_fault_is_an_error_with_its_line(tmp_path: Path, line: str, says: str) -> None:
    with pytest.raises(OverrideError) as e:
        read(tmp_path, GOOD.replace("2020-01-28", "2020-02-20"), line)
    assert says in str(e.value)
    assert "overrides.csv, line 3" in str(e.value)


def test_two_overrides_of_one_value_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(OverrideError, match="lines 2 and 3"):
        read(tmp_path, GOOD, GOOD.replace(",CR,", ",CRi,"))


def test_other_headings_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(OverrideError, match="line 1"):
        read(tmp_path, header=HEADER.replace("reason", "why"))


def test_a_file_saved_with_semicolons_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(OverrideError, match="separated by ';'"):
        read(tmp_path, GOOD.replace(",", ";"), header=HEADER.replace(",", ";"))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (override("OVR", "CR", subject="P11"), "did you mean"),
        (override("OVR", "CR", date="2020-01-29"), "2020-01-28; 2020-02-20"),
        (override("AEREL", "N", date="2020-01-10", term="Rash"), "Veno-occlusive disease 2020-01-10"),
    ],
)
def test_what_the_charts_do_not_have_is_an_error_that_names_what_they_have(wrong: Override, says: str) -> None:
    with pytest.raises(OverrideError, match=says) as e:
        check_overrides((wrong,), DATA)
    assert "overrides.csv, line 2" in str(e.value)


# --- what follows ---------------------------------------------------------------------------------------------------


def test_without_overrides_there_is_no_table_of_them() -> None:
    assert DOMAIN not in derive().tables


def test_the_category_of_an_assessment_carries_everything_that_rests_on_it() -> None:
    adam = derive(override("OVR", "NR"))
    adsl = adam["ADSL"]
    # The marrow of cycle 2 has 30 %: no response either, so there is no responder left.
    assert row(derive()["ADSL"], "BOR", "RESPFL", "FRSPDT", USUBJID="P1") == ("CRi", "Y", dt.date(2020, 1, 28))
    assert row(adsl, "BOR", "RESPFL", "FRSPDT", "TTRESP", USUBJID="P1") == ("NR", "N", None, None)
    assert "P1" in set(derive()["ADTTE"].filter(PARAMCD="DOR")["USUBJID"])
    assert "P1" not in set(adam["ADTTE"].filter(PARAMCD="DOR")["USUBJID"])
    assert row(adsl, "BOR", USUBJID="P2") == ("CRi",)  # another patient


def test_the_derived_value_stays_beside_the_one_that_was_set() -> None:
    table = derive(override("OVR", "CR"))[DOMAIN]
    item = "ADRS.OVR 2020-01-28"
    assert row(table, "KIND", "VALUE", "DERIVED", "SETBY", "SETON", "REASON", ITEM=item) == (
        "set", "CR", "CRi", "A. Reviewer", "2024-01-05", "smear seen",
    )  # fmt: skip
    assert row(table, "KIND", "VALUE", "DERIVED", ITEM="ADSL.BOR") == ("follows", "CR", "CRi")
    assert "ADSL.RESPFL" not in set(table["ITEM"])  # a response before and after: nothing changed


def test_the_sentence_has_both() -> None:
    assert because(derive(override("OVR", "CR")), "ADSL.BOR") == [
        "Counted as CR: set by A. Reviewer on 2024-01-05: smear seen; derived CRi because marrow 2020-01-28 with 2 % "
        "blasts (<5), no blood blasts, no extramedullary disease; no blood counts from 0 to 14 days after the marrow"
    ]


def test_an_override_of_a_variant_leaves_the_main_response_alone() -> None:
    adam = derive(override("OVR_CIBMTR", "NR", rules="cibmtr"))
    assert row(adam["ADSL"], "BOR", "BOR_CIBMTR", USUBJID="P1") == ("CRi", "NR")


def test_a_category_holds_only_under_the_rule_set_it_belongs_to() -> None:
    under: dict[str, Any] = {"response": {"criteria": "eln_2024"}, "response_variants": {}}
    plain = row(derive(**under)["ADSL"], "BOR", USUBJID="P1")
    assert plain != ("NR",)
    assert row(derive(override("OVR", "NR", rules="ino_vate"), **under)["ADSL"], "BOR", USUBJID="P1") == plain
    held = derive(override("OVR", "CR", rules="eln_2024"), **under)
    assert row(held["ADSL"], "BOR", USUBJID="P1") == ("CR",)


def test_the_relapse_carries_the_times() -> None:
    before, after = derive(), derive(override("RELDT", "2020-03-01"))
    # RFS from the first dose on 2020-01-01: 31 + 29 + 31 days to 1 April, 31 + 29 to 1 March.
    assert row(before["ADTTE"], "AVAL", "CNSR", USUBJID="P1", PARAMCD="RFS") == (91, 0)
    assert row(after["ADTTE"], "AVAL", "CNSR", USUBJID="P1", PARAMCD="RFS") == (60, 0)
    assert row(after["ADSL"], "RELFL", "RELDT", "RECRELDT", USUBJID="P1") == (
        "Y", dt.date(2020, 3, 1), dt.date(2020, 4, 1),
    )  # fmt: skip
    assert because(after, "ADSL.RELDT") == [
        "2020-03-01, set by A. Reviewer on 2024-01-05: smear seen; derived 2020-04-01 because relapse on 2020-04-01"
    ]
    assert because(after, "ADTTE.RFS") == [
        "Event: relapse on 2020-03-01, 60 days after first dose on 2020-01-01; follows from a value set by A. Reviewer "
        "on 2024-01-05: smear seen; without it derived 91 because event: relapse on 2020-04-01, 91 days after first "
        "dose on 2020-01-01"
    ]


def test_a_relapse_that_was_none() -> None:
    adam = derive(override("RELDT", "none"))
    assert row(adam["ADSL"], "RELFL", "RELDT", USUBJID="P1") == ("N", None)
    # The event of RFS is then the death on 1 June: 31 + 29 + 31 + 30 + 31 days.
    assert row(adam["ADTTE"], "AVAL", "EVNTDESC", USUBJID="P1", PARAMCD="RFS") == (152, "death")


@pytest.mark.parametrize(("item", "value", "flag"), [("AEREL", "N", "Y"), ("AETOXGR", "2", "N"), ("AETOXGR", "3", "Y")])
def test_an_adverse_event_carries_its_flags(item: str, value: str, flag: str) -> None:
    adam = derive(override(item, value, date="2020-01-10", term="Veno-occlusive disease"))
    assert str(row(adam["ADAE"], item, USUBJID="P1")[0]) == value
    assert row(adam["ADSL"], "VODFL", USUBJID="P1") == (flag,)  # grade 3 or more, whatever its cause


def test_a_sentence_names_the_reviewer_who_called_an_event_unrelated() -> None:
    tables = TABLES | {
        "LB": "USUBJID|LBTESTCD|LBDTC|LBSTRESN|LBSTNRHI\nP1|ALT|2019-12-31|30|40\nP1|ALT|2020-01-20|300|40",
        "AE": "USUBJID|AETERM|AESTDTC|AETOXGR|AEREL\nP1|ALT increased|2020-01-20|3|Y\nP1|AST increased||3|N",
    }
    p, told = protocol(), override("AEREL", "N", date="2020-01-20", term="ALT increased", reason="voriconazole")
    data = replace(eligible(tiny(**tables)), overrides=(told,))
    adam = derive_all(data, select_cohort(data, p, (), "digest"), p, ())
    assert row(adam["ADSL"], "LIVTOXFL", "LIVTOXFL_V4", USUBJID="P1") == ("N", "N")
    both = (
        "; ALT increased was judged unrelated by A. Reviewer on 2024-01-05: voriconazole; "
        "AST increased was called unrelated by the treating team"
    )
    for flag in ("LIVTOXFL", "LIVTOXFL_V4"):
        sentence = because(adam, f"ADSL.{flag}")[0]
        assert both in sentence
        assert "without it derived Y" in sentence


def test_of_two_overrides_a_value_follows_from_the_one_about_its_topic() -> None:
    two = (
        override("RELDT", "2020-03-01", by="First"),
        override("AETOXGR", "2", by="Second", date="2020-01-10", term="Veno-occlusive disease", line=3),
    )
    table = derive(*two)[DOMAIN]
    assert row(table, "SETBY", ITEM="ADTTE.RFS") == ("First",)
    assert row(table, "SETBY", ITEM="ADSL.VODFL") == ("Second",)


def test_a_value_leads_to_the_line_of_the_override() -> None:
    trace = derive(override("OVR", "CR")).trace.filter(ITEM="ADSL.BOR", SRCDOM=DOMAIN)
    assert trace.select("SRCSEQ", "SRCVAR").rows() == [(2, "value")]


# --- what is asked again --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("of", "rule"),
    [
        (override("OVR", "CR", derived="CRi"), None),  # as the reviewer saw it
        (override("OVR", "CR"), None),  # it was not written down what the reviewer saw
        (override("OVR", "CR", derived="NR"), "override_outdated"),
        (override("OVR", "CRi", derived="NR"), "override_needless"),
        (override("OVR", "CRi"), "override_needless"),
        (override("RELDT", "2020-03-01", derived="2020-04-01"), None),
        (override("RELDT", "2020-03-01", derived="none"), "override_outdated"),
        (override("RELDT", "2020-04-01"), "override_needless"),
    ],
)
def test_an_override_whose_derived_value_moved_is_asked_again(of: Override, rule: str | None) -> None:
    assert [q.rule for q in override_queries(derive(of)[DOMAIN])] == ([rule] if rule else [])


def test_an_assessment_that_the_protocol_does_not_count_is_told() -> None:
    adam = derive(override("OVR", "CR"), response={"criteria": "ino_vate", "assessments": "RSCYCLE >= 2"})
    assert [(q.rule, q.addresses) for q in override_queries(adam[DOMAIN])] == [
        ("override_without_effect", ("overrides.csv!line 2!value",))
    ]
