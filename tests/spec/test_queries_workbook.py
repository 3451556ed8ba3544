"""What a data manager gets: one workbook a centre, one row a question, only the answers open."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from openpyxl import load_workbook

from chartline.core.query import Query, Severity, Topic
from chartline.queries.workbook import readable_places, write_queries_csv, write_query_workbooks


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


def test_a_row_is_a_question_in_words(tmp_path: Path) -> None:
    q = query()
    sheet = written(tmp_path, q)["Queries"]
    head, row = (list(r) for r in sheet.iter_rows(values_only=True))
    assert head[:7] == ["Query", "Weight", "Patient", "Where", "What we saw", "What is wrong", "What we ask"]
    assert head[7:] == ["Corrected value", "Unit", "Right as it stands?", "Reason", "Answered by", "Date"]
    where = "Book.xlsx\n  sheet InO doses, cell E6\n  sheet Patients, cell E6"
    assert row[:5] == [q.id, "Please check", "A-01", where, "Dose: 8 mg/m²\nBody surface area: 1.82 m²"]
    assert row[5:] == [q.message, q.ask, *[None] * 6]


def test_what_holds_back_results_comes_first_and_says_which(tmp_path: Path) -> None:
    note, block = (
        query("A-01", Severity.NOTE),
        query("A-09", Severity.BLOCK, topics=frozenset({Topic.COUNTS, Topic.MRD})),
    )
    sheet = written(tmp_path, note, query("A-05"), block)["Queries"]
    assert [c.value for c in sheet["B"][1:]] == [
        "Holds back results: MRD, blood counts at response",
        "Please check",
        "For information",
    ]
    assert len({c.fill.fgColor.rgb for c in sheet["B"][1:]}) == 3


def test_only_answer_cells_are_open(tmp_path: Path) -> None:
    book = written(tmp_path, query())
    sheet = book["Queries"]
    assert all(s.protection.sheet and not s.protection.password for s in book)
    assert [c.protection.locked for c in sheet[2]] == [True] * 7 + [False] * 6
    assert all(c.protection.locked for c in sheet[1])
    assert all(c.alignment.wrap_text for c in sheet[2])


def test_the_sheet_is_ready_to_use_and_to_print(tmp_path: Path) -> None:
    book = written(tmp_path, query(), query("A-02"))
    sheet = book["Queries"]
    assert book.sheetnames == ["Read me", "Queries"]
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("D2", "A1:M3")
    assert (sheet.page_setup.orientation, sheet.page_setup.fitToHeight) == ("landscape", 0)  # one page wide, n high
    assert sheet.sheet_properties.pageSetUpPr.fitToPage
    assert sheet.print_title_rows == "$1:$1"
    kinds = {v.type: str(v.sqref) for v in sheet.data_validations.dataValidation}
    assert kinds == {"list": "J2:J3", "date": "M2:M3"}
    assert sum(bool(c.value) for c in book["Read me"]["B"]) == 2 + 3  # title, tally, three sentences


def test_what_a_chart_says_is_never_a_formula_or_a_link(tmp_path: Path) -> None:
    nasty = query(saw="=HYPERLINK(1)", message="http://example.invalid/", ask="+1", subject="007")
    row = written(tmp_path, nasty)["Queries"][2]
    assert [row[i].value for i in (2, 4, 5, 6)] == ["007", "=HYPERLINK(1)", "http://example.invalid/", "+1"]
    assert all(c.data_type == "s" and c.hyperlink is None for c in row[:7])


@pytest.mark.parametrize("text", ["tab\tbell\x07", "x" * 40_000, "हेमोग्लोबिन 🩸"])
def test_odd_text_survives(tmp_path: Path, text: str) -> None:
    value = written(tmp_path, query(saw=text))["Queries"]["E2"].value
    assert value == text.replace("\x07", "_x0007_") or value.endswith("(shortened; see queries.csv)")


def test_the_same_queries_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_query_workbooks([query(), query("A-02", Severity.BLOCK)], tmp_path / name, "STUDY-1")
    assert (tmp_path / "one/A.xlsx").read_bytes() == (tmp_path / "two/A.xlsx").read_bytes()


@pytest.mark.parametrize(
    ("addresses", "words"),
    [
        (("data.csv!row 258!dth_date",), "data.csv\n  row 258, column dth_date"),
        (("Observation.ndjson!line 5!valueQuantity.value",), "Observation.ndjson\n  line 5, valueQuantity.value"),
        (("m.csv!measurement_id=619!unit_concept_id",), "m.csv\n  measurement_id=619, column unit_concept_id"),
        (("Book.xlsx!Doses!row 9",), "Book.xlsx\n  sheet Doses, row 9"),
        (("a.csv!row 1!x", "b.csv!row 2!y"), "a.csv\n  row 1, column x\nb.csv\n  row 2, column y"),
        (("data.csv",), "data.csv"),
        ((), ""),
    ],
)
def test_addresses_read_as_words(addresses: tuple[str, ...], words: str) -> None:
    assert readable_places(addresses) == words


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
