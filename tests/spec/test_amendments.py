"""Answers are laid over the data, never into a file; every one says what it saw and what it changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chartline.core.clinical import ClinicalData
from chartline.core.query import Query
from chartline.errors import AmendmentError
from chartline.mapping.amendments import Action, Amendment, apply_amendments, read_amendments
from chartline.mapping.answered_subjects import check_subjects
from chartline.mapping.apply import map_centre
from chartline.sources.base import SourceData
from mapping_tables import mapping, source, table, values

HEAD = "amendment_id,centre,subject,address,was,action,value,unit,reason,answered_by,answered_on\n"
TEXT = "id | day | mrd | v\nP1 | 03/04/2020 | NEGTIVE | 7.0\nP2 | 04/04/2020 | NEG | 0.5\nP2 | 05/04/2020 | NEG | 0.6"


def sheet() -> SourceData:
    return source(table("S", TEXT))


def amend(address: str, was: str, action: str = "set", value: str = "", unit: str = "", name: str = "A1") -> Amendment:
    return Amendment(
        name, "Z", "P1", f"book.xlsx!S!{address}", was, Action(action), value, unit, "typing error", "DM", "2024-02-01"
    )


def mapped(data: SourceData) -> tuple[ClinicalData, list[Query]]:
    records: list[dict[str, Any]] = [
        {"domain": "RS", "variables": {"RSDTC": "day", "MRDCLASS": {"column": "mrd", "codes": {"NEGATIVE": "NEG"}}}},
        {"domain": "LB", "variables": {"LBTESTCD": {"constant": "BILI"}, "LBORRES": {"column": "v", "unit": "mg/dL"}}},
    ]
    return map_centre(data, mapping({"S": {"subject": "id", "records": records}}, dates={"order": "DMY"}))


def test_an_answer_is_read_in_chartlines_own_words_first() -> None:
    before = sheet()
    data, applied, _ = apply_amendments(
        before,
        [
            amend("B2", "03/04/2020", value="2020-04-30", name="A1"),  # ISO, though the column is d/m/y
            amend("C2", "NEGTIVE", value="NEGATIVE", name="A2"),  # the term, though the list says NEG
            amend("D2", "7.0", value="11.97", unit="umol/L", name="A3"),  # a unit of its own
        ],
    )
    clinical, queries = mapped(data)
    assert values(clinical, "RS", "RSDTC", "MRDCLASS")[0] == ("2020-04-30", "NEGATIVE")
    assert values(clinical, "LB", "LBORRES", "LBORRESU", "LBSTRESN") == [
        ("11.97", "umol/L", 11.97),
        ("0.5", "mg/dL", 8.55),
        ("0.6", "mg/dL", 10.26),
    ]
    assert queries == []
    assert [(a.was, a.now) for a in applied] == [
        ("03/04/2020", "2020-04-30"),
        ("NEGTIVE", "NEGATIVE"),
        ("7.0", "11.97 umol/L"),
    ]
    assert before.tables["S"].frame["mrd"][0] == "NEGTIVE"  # the source is untouched


def test_then_in_the_sources_words() -> None:
    data, _, _ = apply_amendments(
        sheet(), [amend("B2", "03/04/2020", value="05/06/2020"), amend("C2", "NEGTIVE", value="NEG", name="A2")]
    )
    assert values(mapped(data)[0], "RS", "RSDTC", "MRDCLASS")[0] == ("2020-06-05", "NEGATIVE")


def test_without_a_unit_the_columns_unit_holds() -> None:
    data, _, _ = apply_amendments(sheet(), [amend("D2", "7.0", value="0.7")])
    assert values(mapped(data)[0], "LB", "LBORRESU", "LBSTRESN")[0] == ("mg/dL", 11.97)


def test_clear_leaves_no_value_and_confirm_changes_nothing() -> None:
    data, _, _ = apply_amendments(sheet(), [amend("C2", "NEGTIVE", "clear"), amend("D2", "7.0", "confirm", name="A2")])
    clinical, queries = mapped(data)
    assert values(clinical, "RS", "USUBJID", "MRDCLASS") == [("P2", "NEGATIVE"), ("P2", "NEGATIVE")]
    assert clinical["LB"]["LBORRES"][0] == "7.0"
    assert queries == []


def test_a_deleted_row_does_not_shift_the_addresses_of_the_others() -> None:
    row = amend("row 3", "id=P2; v=0.5", "delete_row")
    last = amend("D4", "0.6", value="0.9", unit="mg/dL", name="A2")
    data, applied, _ = apply_amendments(sheet(), [row, last])
    clinical, _ = mapped(data)
    assert values(clinical, "LB", "USUBJID", "LBSTRESN") == [("P1", 119.7), ("P2", 15.39)]
    assert clinical.locate("LB", 2, "LBORRES", "Z") == ("book.xlsx!S!D4", "0.9")
    assert applied[0].now == "(row left out)"


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (
            amend("B2", "01/01/1999", value="2020-01-01"),
            "holds `03/04/2020`, but the answer was given about `01/01/1999`",
        ),
        (amend("Z9", "", value="x"), "no such cell"),
        (amend("B99", "", value="x"), "no such cell"),
        (amend("row 3", "id=P9", "delete_row"), "the file has changed"),
        (amend("row 3", "idd=P2", "delete_row"), "no column `idd`"),
        (amend("row 3", "x", value="1"), "needs the address of a cell"),
    ],
)
def test_an_answer_about_another_file_is_refused(bad: Amendment, told: str) -> None:
    with pytest.raises(AmendmentError) as e:
        apply_amendments(sheet(), [bad])
    assert told in str(e.value)


def test_an_answer_about_a_file_that_has_only_its_headings_says_that_it_has_no_rows() -> None:
    empty = source(table("S", TEXT.splitlines()[0]))
    with pytest.raises(AmendmentError) as e:
        apply_amendments(empty, [amend("B2", "03/04/2020", value="2020-04-03")])
    assert e.value.what == "book.xlsx!S has no rows, only its headings."
    assert e.value.where.endswith(": book.xlsx!S!B2")
    assert e.value.expected == "the rows that it had when the answer was given"
    assert e.value.do == "put the centre's whole file back, or take the answer out of answers.csv"


def test_the_later_of_two_answers_wins_and_the_earlier_says_so() -> None:
    first = amend("D2", "7.0", value="0.8", name="A1")
    second = amend("D2", "7.0", value="0.7", name="A2")
    data, applied, _ = apply_amendments(sheet(), [first, second])
    assert values(mapped(data)[0], "LB", "LBSTRESN")[0] == (11.97,)
    assert [(a.amendment.amendment_id, a.superseded_by) for a in applied] == [("A1", "A2"), ("A2", "")]
    chain = amend("D2", "0.8", value="0.7", name="A2")  # or quoting what the first answer said
    assert values(mapped(apply_amendments(sheet(), [first, chain])[0])[0], "LB", "LBSTRESN")[0] == (11.97,)


def test_an_answer_in_a_file_without_cell_kinds() -> None:
    plain = sheet().tables["S"]
    plain = plain.with_frame(plain.frame, None)
    data, _, _ = apply_amendments(source(plain), [amend("B2", "03/04/2020", value="2020-04-30")])
    assert mapped(data)[0]["RS"]["RSDTC"].to_list() == ["2020-04-30", "2020-04-04", "2020-04-05"]


def answers(tmp_path: Path, body: str, head: str = HEAD) -> Path:
    file = tmp_path / "answers.csv"
    file.write_text(head + body, encoding="utf-8")
    return file


def test_the_file_is_read(tmp_path: Path) -> None:
    [a] = read_amendments(answers(tmp_path, 'A1,Z,P1,book.xlsx!S!B2,x,set,y,,"a, b",DM,2024-02-01\n'))
    assert (a.amendment_id, a.action, a.reason, a.line) == ("A1", Action.SET, "a, b", 2)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("A1,Z,P1,x,was,change,y,,r,DM,d\n", "`change` is not an action"),
        ("A1,Z,P1,x,was,set,,,r,DM,d\n", "without a value"),
        ("A1,Z,P1,x,was,clear,y,,r,DM,d\n", "takes no value"),
        ("A1,Z,P1,x,,delete_row,,,r,DM,d\n", "must quote"),
        ("A1,Z,P1,,was,clear,,,r,DM,d\n", "no address"),
        ("A1,Z,P1,x,was,clear,,,r,DM,\nA1,Z,P1,x,was,clear,,,r,DM,2024-02-01\n", "lines 2 and 3"),
        ("A1,Z,P1,x,was,clear,,,r,DM,1 Feb 2024\n", "`1 Feb 2024`, which is not a date"),
        ("A1,Z,P1,x,was,clear,,,r,DM,2024-02-30\n", "`2024-02-30`, which is not a date"),
        ("A1,Z,P1,x,was,clear,,,r,DM,2024-02\n", "`2024-02`, which is not a date"),
        ("A1,Z,P1,x,was,clear\n", "one value for each heading"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, body: str, told: str) -> None:
    with pytest.raises(AmendmentError) as e:
        read_amendments(answers(tmp_path, body))
    assert told in str(e.value)
    assert "line" in str(e.value)
    assert "answers.csv" in str(e.value)


def test_wrong_headings(tmp_path: Path) -> None:
    with pytest.raises(AmendmentError, match="note"):
        read_amendments(answers(tmp_path, "", HEAD.replace("reason", "note")))


def test_a_file_separated_by_semicolons_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(AmendmentError, match="separated by ';'"):
        read_amendments(answers(tmp_path, "", HEAD.replace(",", ";")))


def test_a_fault_of_an_answer_names_its_file_and_line(tmp_path: Path) -> None:
    read = read_amendments(answers(tmp_path, "A1,Z,P1,book.xlsx!S!B2,x,set,y,,,DM,2024-02-01\n"))
    with pytest.raises(AmendmentError, match=r"A1 \(line 2 of .*answers\.csv\)"):
        apply_amendments(sheet(), read)


def named(subject: str, *amendments: Amendment) -> None:
    """Apply amendments that all name one subject, map, and check whose rows they are."""
    data, applied, _ = apply_amendments(sheet(), [replace(a, subject=subject) for a in amendments])
    keys = {"subject": "id", "records": [{"domain": "AE", "variables": {"AETERM": "mrd"}}]}
    plan = mapping({"S": keys | {"ignore": {"day": "not used", "v": "not used"}}})
    check_subjects(applied, data, map_centre(data, plan)[0], plan)


def test_an_answer_that_names_another_patient_is_refused() -> None:
    named("P1", amend("C2", "NEGTIVE", value="NEG"))
    named("", amend("C2", "NEGTIVE", value="NEG"))  # names nobody
    named("P1", amend("row 3", "id=P2; v=0.5", "delete_row"))  # makes no row that could be checked
    for answer in (amend("C2", "NEGTIVE", value="NEG"), amend("C2", "NEGTIVE", "confirm"), amend("D2", "7.0", "clear")):
        with pytest.raises(AmendmentError, match="is a cell of P1, but the answer names P2"):
            named("P2", answer)


def test_an_answer_that_corrects_whose_row_it_is_may_name_either() -> None:
    for subject in ("P1", "P9"):
        named(subject, amend("A2", "P1", value="P9"), amend("C2", "NEGTIVE", value="NEG", name="A2"))
