"""Who is counted, and as what: tables in, roles and counts out."""

from __future__ import annotations

from typing import Any

import pytest

from chartline.counts.count import count_analyses, members
from chartline.counts.model import Counts, CrossTab, EventTable, ValueTable
from chartline.derive.model import Adam
from chartline.errors import ProtocolError
from counts_cases import DIGEST, adam, attrition, subject, time, tiny_protocol

EVERYONE = ()


def roles(tables: Adam, analysis: str) -> dict[str, str]:
    protocol = tiny_protocol()
    frame = members(tables, protocol, protocol.analysis(analysis))
    return dict(frame.select("USUBJID", "ROLE").rows())


def count(tables: Adam, **over: Any) -> Counts:
    return count_analyses(tables, attrition(tables), tiny_protocol(**over), DIGEST)


def test_a_proportion_has_four_roles() -> None:
    tables = adam(
        [
            subject("1", RESPFL="Y"),
            subject("2", RESPFL="N"),
            subject("3", RESPFL=None),  # nobody knows: stays in the denominator
            subject("4", RESPFL="Y"),  # a blocking query is open
            subject("5", RESPFL="Y", ELIGFL="N"),  # not in the set
            subject("6", RESPFL="Y", ELIGFL=None),  # not known whether eligible: attrition shows it, no set has it
        ],
        withheld=[{"USUBJID": "4", "ITEM": "ADSL.RESPFL", "QUERY": "Q1"}],
    )
    assert roles(tables, "response") == {"1": "counted", "2": "not_counted", "3": "missing", "4": "withheld"}
    table = count(tables)["response"]
    assert isinstance(table, CrossTab)
    assert table.cells == {("counted", "A"): 1, ("missing", "A"): 1, ("not_counted", "A"): 1}
    assert table.withheld == 1


def test_a_withheld_value_withholds_only_where_it_matters() -> None:
    tables = adam(
        [subject("1", RESPFL="N", MRDFL="Y"), subject("2", RESPFL="Y", MRDFL="Y"), subject("3", RESPFL=None)],
        withheld=[
            {"USUBJID": "1", "ITEM": "ADSL.MRDFL", "QUERY": "Q1"},
            {"USUBJID": "2", "ITEM": "ADSL.MRDFL", "QUERY": "Q2"},
            {"USUBJID": "3", "ITEM": "ADSL.RESPFL", "QUERY": "Q3"},
        ],
    )
    # 1 did not respond, whatever the MRD value; 2 is a responder of unknown MRD; 3 may be a responder
    assert roles(tables, "deep") == {"1": "not_counted", "2": "withheld", "3": "withheld"}
    # the set of responders: 1 is not in it, 3 may be
    assert roles(tables, "mrd") == {"2": "withheld", "3": "withheld"}


def test_a_value_left_out_without_a_query_is_missing() -> None:
    tables = adam(
        [subject("1", RESPFL="Y")],
        withheld=[{"USUBJID": "1", "ITEM": "ADSL.RESPFL", "QUERY": None, "REASON": "the marrow has no date"}],
    )
    assert roles(tables, "response") == {"1": "missing"}


def test_a_number_keeps_its_values_and_the_missing_by_centre() -> None:
    tables = adam([subject("1", NDOSE=3), subject("2", NDOSE=3, SITEID="B"), subject("3", NDOSE=None, SITEID="B")])
    table = count(tables)["doses"]
    assert isinstance(table, ValueTable)
    assert table.values == {((("SITEID", "A"),), 3.0): 1, ((("SITEID", "B"),), 3.0): 1}
    assert table.missing == {(("SITEID", "B"),): 1}
    assert table.key.unit == "doses"


def test_categories_are_texts_and_missing_is_a_level() -> None:
    tables = adam([subject("1", NDOSE=3), subject("2", NDOSE=None), subject("3", NDOSE=10)])
    table = count(tables)["doses_by"]
    assert isinstance(table, CrossTab) and table.cells == {("",): 1, ("10",): 1, ("3",): 1}


def test_times_by_cause_in_the_order_of_the_endpoint() -> None:
    tables = adam(
        [subject("1"), subject("2"), subject("3", SITEID="B"), subject("4"), subject("5"), subject("6")],
        [time("1", 30, "death"), time("2", 30), time("3", 0, "relapse"), time("4", 12, "relapse")],
        withheld=[
            {"USUBJID": "5", "ITEM": "ADTTE.RFS", "QUERY": "Q1"},
            {"USUBJID": "6", "ITEM": "ADTTE.RFS", "QUERY": None, "REASON": "relapse is recorded without a date"},
        ],
    )
    assert roles(tables, "rfs") == {
        "1": "event", "2": "censored", "3": "event", "4": "event", "5": "withheld", "6": "missing"
    }  # fmt: skip
    table = count(tables)["rfs"]
    assert isinstance(table, EventTable)
    a, b = (("SITEID", "A"),), (("SITEID", "B"),)
    assert table.causes == ("relapse", "death")
    # (enter, censored, relapse, death)
    assert table.rows == {
        (a, 0): (3, 0, 0, 0), (a, 12): (0, 0, 1, 0), (a, 30): (0, 1, 0, 1), (b, 0): (1, 0, 1, 0)
    }  # fmt: skip
    assert (table.withheld, table.missing, table.n) == (1, 1, 4)


def test_an_event_of_a_cause_the_endpoint_does_not_have_is_never_lost() -> None:
    tables = adam([subject("1")], [time("1", 30, "new_therapy")])
    with pytest.raises(ValueError, match="entries and exits differ"):
        count(tables)


def test_tallies_and_attrition() -> None:
    tables = adam([subject("1"), subject("2", ELIGFL="N"), subject("3", ELIGFL=None), subject("4", NDOSE=0)])
    counts = count(tables)
    assert [counts[k].where(outcome="counted") for k in ("screened", "eligible", "treated")] == [4, 2, 1]
    assert counts["attrition"] == attrition(tables)
    wrong = attrition(adam([subject("1")]))
    with pytest.raises(ValueError, match="ADSL has 4 screened and 2 eligible, the attrition table 1 and 1"):
        count_analyses(tables, wrong, tiny_protocol(), DIGEST)


def test_table_1_has_numbers_categories_and_bands_by_centre() -> None:
    tables = adam([subject("1", WT=59.5, STAGE="LATE"), subject("2", WT=60.0, SITEID="B"), subject("3", SITEID="B")])
    counts = count(tables)
    weight, bands = counts["table1.wt"], counts["table1.wt.bands"]
    assert isinstance(weight, ValueTable) and weight.select(EVERYONE) == {59.5: 1, 60.0: 1}
    assert weight.n_missing() == 1 and weight.key.unit == "kg"
    assert counts["table1.stage"].cells == {("", "B"): 2, ("LATE", "A"): 1}
    assert [bands.where(WT=w, outcome="counted") for w in ("under 60", "60 and over")] == [1, 1]
    assert bands.where(WT="under 60", outcome="missing", SITEID="B") == 1


def test_worst_laboratory_grade_on_treatment_per_subject_and_test() -> None:
    alt = {"LBTESTCD": "ALT", "BTOXGR": 1}
    tables = adam(
        [subject("1"), subject("2"), subject("3", NDOSE=0)],
        labs=[
            alt | {"USUBJID": "1", "ATOXGR": 1},  # before treatment
            alt | {"USUBJID": "1", "ATOXGR": 3, "ANL01FL": "Y"},
            alt | {"USUBJID": "1", "ATOXGR": 2, "ANL01FL": "Y"},
            alt | {"USUBJID": "2", "BTOXGR": None, "ATOXGR": None, "ANL01FL": "Y"},
            alt | {"USUBJID": "3", "ATOXGR": 4, "ANL01FL": "Y"},  # no dose: not in the safety set
        ],
    )
    assert count(tables)["lab_grades"].cells == {("ALT", "", ""): 1, ("ALT", "1", "3"): 1, ("HB", "", ""): 2}


def test_worst_grade_of_a_treatment_emergent_term_whatever_its_case() -> None:
    tables = adam(
        [subject("1"), subject("2")],
        events=[
            {"USUBJID": "1", "AETERM": "ALT INCREASED", "AETOXGR": 2, "TRTEMFL": "Y"},
            {"USUBJID": "1", "AETERM": "Alt  increased ", "AETOXGR": 3, "TRTEMFL": "Y"},
            {"USUBJID": "2", "AETERM": "alt increased", "AETOXGR": None, "TRTEMFL": "Y"},
            {"USUBJID": "2", "AETERM": "Nausea", "AETOXGR": 1, "TRTEMFL": "N"},
        ],
    )
    assert count(tables)["ae_grades"].cells == {("ALT increased", ""): 1, ("ALT increased", "3"): 1}


def test_a_summary_of_a_text_is_a_fault_of_the_protocol() -> None:
    wrong = [{"id": "x", "kind": "summary", "label": "Stage", "population": "all", "variable": "STAGE"}]
    with pytest.raises(ProtocolError, match="The analysis x summarises STAGE, which is not a number"):
        count(adam([subject("1", STAGE="LATE")]), analyses=wrong, headline={})


def test_no_subject_at_all_gives_zero_counts() -> None:
    counts = count(adam([]))
    assert all(getattr(t, "n", 0) == 0 for t in counts.values())
    assert counts["rfs"] == EventTable(key=counts["rfs"].key, causes=("relapse", "death"))
