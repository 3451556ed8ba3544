"""What a data manager gets: one workbook a centre, a row for each cell in question, only the answers open."""

from __future__ import annotations

import csv
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from openpyxl import load_workbook

from chartline.core.query import Query, Severity, Topic
from chartline.queries.lines import lines_of, place_words
from chartline.queries.words import Says
from chartline.queries.workbook import write_queries_csv, write_query_workbooks


def query(subject: str = "A-01", severity: Severity = Severity.WARN, centre: str = "A", **change: object) -> Query:
    values = {
        "rule": "dose_amount",
        "severity": severity,
        "centre": centre,
        "subject": subject,
        "addresses": ("Book.xlsx!InO doses!E6", "Book.xlsx!Patients!E6"),
        "saw": "Dose: 8 mg/m²; Body surface area: 1.82 m²",
        "message": "The dose of 8 mg/m² is above the maximum of 0.8 mg/m².",
        "ask": "Please check the dose against the drug chart.",
        "topics": frozenset({Topic.EXPOSURE}),
    }
    return Query(**(values | change))  # type: ignore[arg-type]


def written(tmp_path: Path, *queries: Query, centre: str = "A"):
    write_query_workbooks(queries, tmp_path, "STUDY-1")
    return load_workbook(tmp_path / f"{centre}.xlsx")


def test_one_workbook_a_centre(tmp_path: Path) -> None:
    write_query_workbooks(
        [query(centre="A"), query(centre="B/2"), query(centre="B:2"), query(centre="")], tmp_path, "S"
    )
    assert sorted(p.name for p in tmp_path.iterdir()) == ["A.xlsx", "B_2.xlsx", "B_2_.xlsx", "study.xlsx"]


def test_a_query_has_a_row_for_each_of_its_cells_and_the_question_stands_once(tmp_path: Path) -> None:
    q = query()
    head, first, second = (list(r) for r in written(tmp_path, q)["Queries"].iter_rows(values_only=True))
    assert head[:6] == ["Query", "Patient", "Urgency", "Question", "Where", "What stands there"]
    assert head[6:12] == ["Answer", "Corrected value", "Unit", "Reason or remark", "Answered by", "Date"]
    assert head[12] == "Reference"
    asked = f"{q.message}\n{q.ask}"
    assert first[:6] == [q.id, "A-01", "Please check", asked, "Book.xlsx, sheet InO doses, cell E6", "Dose: 8 mg/m²"]
    where = "Book.xlsx, sheet Patients, cell E6"
    assert second[:6] == [q.id, "A-01", "", "", where, "Body surface area: 1.82 m²"]
    assert first[6:12] == second[6:12] == [None] * 6


def test_a_reference_names_the_query_the_cell_and_what_stood_there(tmp_path: Path) -> None:
    q = query()
    first, second = (str(r[12].value).split("/") for r in list(written(tmp_path, q)["Queries"].iter_rows())[1:])
    assert (first[:2], second[:2]) == ([q.id, "1"], [q.id, "2"])
    assert first[2] != second[2]
    assert lines_of(q, None)[0].seal == first[2]  # the same cell, the same reference
    other = replace(lines_of(q, None)[0], content="0.8")
    assert other.seal != first[2]


def test_rows_are_sorted_by_patient_and_then_by_urgency(tmp_path: Path) -> None:
    block = query("A-2", Severity.BLOCK, topics=frozenset({Topic.COUNTS, Topic.MRD}), addresses=())
    centre = query("", addresses=("a.csv",))
    queries = (query("A-10", addresses=("b.csv",)), centre, query("A-2", addresses=("c.csv",)), block)
    sheet = written(tmp_path, *queries)["Queries"]
    assert [(r[1].value, r[2].value) for r in list(sheet.iter_rows())[1:]] == [
        ("A-2", "Holds back results: MRD, blood counts at response"),
        ("A-2", "Please check"),
        ("A-10", "Please check"),
        ("–", "Please check"),  # a question about a file
    ]
    assert len({c.fill.fgColor.rgb for c in sheet["A"][1:]}) == 2


def test_what_is_only_told_stands_on_a_sheet_of_its_own_without_answers(tmp_path: Path) -> None:
    note = query("A-03", Severity.NOTE, message="One row was left out as declared.")
    book = written(tmp_path, query(), note)
    assert book.sheetnames == ["Read me", "Queries", "For information"]
    head, row = (list(r) for r in book["For information"].iter_rows(values_only=True))
    assert head == ["Query", "Patient", "What we did", "Where"]
    assert row[:3] == [note.id, "A-03", "One row was left out as declared."]
    assert note.id not in [c.value for c in book["Queries"]["A"]]


def test_only_answer_cells_are_open(tmp_path: Path) -> None:
    book = written(tmp_path, query())
    sheet = book["Queries"]
    assert all(s.protection.sheet and not s.protection.password for s in book)
    assert [c.protection.locked for c in sheet[2]] == [True] * 6 + [False] * 6 + [True]
    assert all(c.protection.locked for c in sheet[1])
    assert all(c.alignment.wrap_text for c in sheet[2])


def test_a_typed_value_stays_the_text_that_was_typed(tmp_path: Path) -> None:
    row = written(tmp_path, query())["Queries"][2]
    assert [row[i].number_format for i in (7, 11)] == ["@", "yyyy-mm-dd"]


def test_the_sheet_is_ready_to_use_and_to_print(tmp_path: Path) -> None:
    book = written(tmp_path, query(), query("A-02"))
    sheet = book["Queries"]
    assert book.sheetnames == ["Read me", "Queries"]
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("C2", "A1:M5")
    assert (sheet.page_setup.orientation, sheet.page_setup.fitToHeight) == ("landscape", 0)  # one page wide, n high
    assert sheet.sheet_properties.pageSetUpPr.fitToPage
    assert sheet.print_title_rows == "$1:$1"
    rules = {str(v.sqref): v for v in sheet.data_validations.dataValidation}
    assert (rules["G2:G5"].type, rules["L2:L5"].type) == ("list", "date")
    assert rules["G2:G5"].formula1 == f'"{",".join(Says)}"'
    assert len(rules["G2:G5"].formula1) <= 257  # 255 characters and their quotes: a longer list is dropped by Excel
    missing = {str(r.sqref): r.rules[0].formula[0] for r in sheet.conditional_formatting}
    assert missing["H2:H5"] == 'AND(OR($G2="Correct to ..."),LEN($H2)=0)'
    assert set(missing) == {"H2:H5", "J2:J5"}
    said = [str(c.value) for c in book["Read me"]["B"] if c.value]
    assert {*Says} <= {*said}  # every answer has a line
    assert not any("For information" in text for text in said)  # there is no such sheet


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", "http://", "{="])
def test_what_a_chart_says_is_never_a_formula_or_a_link(tmp_path: Path, start: str) -> None:
    text = f"{start}HYPERLINK(1)"
    names = ("saw", "message", "ask", "subject", "rule")
    for severity in (Severity.BLOCK, Severity.NOTE):
        nasty = query(severity=severity, addresses=(f"{text}!row 1!{text}",), **dict.fromkeys(names, text))
        for sheet in written(tmp_path, nasty, centre="A"):
            cells = [c for row in sheet.iter_rows() for c in row if c.value is not None]
            assert {c.data_type for c in cells} == {"s"}
            assert all(c.hyperlink is None for c in cells)
    with zipfile.ZipFile(tmp_path / "A.xlsx") as parts:
        sheets = [parts.read(n) for n in parts.namelist() if n.startswith("xl/worksheets/sheet")]
    assert len(sheets) == 2
    assert not any(b"<f>" in xml for xml in sheets)


@pytest.mark.parametrize("text", ["tab\tbell\x07", "x" * 40_000, "हेमोग्लोबिन 🩸"])
def test_odd_text_survives(tmp_path: Path, text: str) -> None:
    value = written(tmp_path, query(saw=text, addresses=()))["Queries"]["F2"].value
    assert value == text.replace("\x07", "_x0007_") or value.endswith("(shortened; see queries.csv)")


def test_the_same_queries_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_query_workbooks([query(), query("A-02", Severity.BLOCK)], tmp_path / name, "STUDY-1")
    assert (tmp_path / "one/A.xlsx").read_bytes() == (tmp_path / "two/A.xlsx").read_bytes()


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("data.csv!row 258!dth_date", "data.csv, row 258, column dth_date"),
        ("Observation.ndjson!line 5!valueQuantity.value", "Observation.ndjson, line 5, valueQuantity.value"),
        ("m.csv!measurement_id=619!unit_concept_id", "m.csv, measurement_id=619, column unit_concept_id"),
        ("Book.xlsx!Doses!row 9", "Book.xlsx, sheet Doses, row 9"),
        ("Book.xlsx!Follow up!C13", "Book.xlsx, sheet Follow up, cell C13"),
        ("data.csv", "data.csv"),
    ],
)
def test_addresses_read_as_words(address: str, words: str) -> None:
    assert place_words(address) == words


def test_queries_csv(tmp_path: Path) -> None:
    q = query(topics=frozenset({Topic.MRD, Topic.COUNTS}), message='A "quoted", word.')
    write_queries_csv([q], tmp_path / "queries.csv")
    rows = list(csv.DictReader((tmp_path / "queries.csv").read_text("utf-8").splitlines()))
    assert rows == [
        {
            "query_id": q.id,
            "severity": "warn",
            "centre": "A",
            "subject": "A-01",
            "rule": "dose_amount",
            "addresses": "Book.xlsx!InO doses!E6 | Book.xlsx!Patients!E6",
            "saw": q.saw,
            "message": 'A "quoted", word.',
            "ask": q.ask,
            "topics": "counts;mrd",
        }
    ]


def test_no_query_gives_a_list_with_its_heading_only(tmp_path: Path) -> None:
    write_query_workbooks([], tmp_path, "S")
    write_queries_csv([], tmp_path / "queries.csv")
    assert [p.name for p in tmp_path.iterdir()] == ["queries.csv"]
    assert (tmp_path / "queries.csv").read_text().count("\n") == 1
