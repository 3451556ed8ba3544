"""What a chart says is shown and never computed: no output of chartline holds a formula that came from a cell."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from chartline.core.inert import as_written, inert
from chartline.core.query import Query, Severity
from chartline.mapping.amendments import Action, Amendment, format_amendments, read_amendments
from chartline.publish import _write_csv
from chartline.queries.workbook import write_queries_csv, write_query_workbooks
from chartline.report.document import Cell, Document, Paragraph, Table
from chartline.report.docx import write_docx
from chartline.report.html import write_html

HOSTILE = [
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "=cmd|' /C calc'!A0",
    "-",
    "+49 30 123",
    "=-5",
]
PLAIN = ["", "a", " =1", "'=1", "5", "-5", "+5", "-0.5", "1e-9", "-1.5E+10", "A=B", "2020-01-01", "<5"]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_spreadsheet_program_would_compute_gets_an_apostrophe(text: str) -> None:
    assert inert(text) == "'" + text.replace("\r", "\n")


@pytest.mark.parametrize("text", PLAIN)
def test_all_other_text_and_every_number_stays_as_it_is(text: str) -> None:
    assert inert(text) == text


@pytest.mark.parametrize("text", [*HOSTILE, *(t for t in PLAIN if t != "'=1")])
def test_what_is_read_back_is_what_was_written(text: str) -> None:
    assert as_written(inert(text)) == text.replace("\r", "\n")


def test_a_list_of_answers_holds_no_formula_and_reads_back(tmp_path: Path) -> None:
    said = [t for t in HOSTILE if t == t.strip()]
    answers = [amendment(f"Q-{n}", text) for n, text in enumerate(said)]
    (tmp_path / "amendments.csv").write_text(format_amendments(answers, inert), encoding="utf-8")
    with (tmp_path / "amendments.csv").open(encoding="utf-8", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))]
    assert [a.value for a in read_amendments(tmp_path / "amendments.csv")] == said


def amendment(name: str, text: str) -> Amendment:
    return Amendment(name, "A", "A-01", "b.xlsx!S!A1", text, Action.SET, text, "", text, "Ana", "2024-01-31")


def query(text: str) -> Query:
    return Query(
        rule=text, severity=Severity.WARN, centre=text, subject=text, addresses=(f"{text}!S!A1",), saw=text,
        message=text, ask=text,
    )  # fmt: skip


def formulas(path: Path) -> list[Any]:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.load_workbook(path)
    return [cell.value for sheet in book for row in sheet.iter_rows() for cell in row if cell.data_type == "f"]


def test_every_column_of_the_query_list(tmp_path: Path) -> None:
    write_queries_csv([query(text) for text in HOSTILE], tmp_path / "queries.csv")
    with (tmp_path / "queries.csv").open(encoding="utf-8", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))]
    assert cells.count("'=1+1") == 6  # centre, subject, rule, saw, message, ask; the address goes on: '=1+1!S!A1


def test_every_query_workbook(tmp_path: Path) -> None:
    write_query_workbooks([query(text) for text in HOSTILE], tmp_path, "=1+1")
    assert {path.suffix for path in tmp_path.iterdir()} == {".xlsx"}
    assert [formulas(path) for path in sorted(tmp_path.iterdir())] == [[]] * len(HOSTILE)


def test_tables_of_results_keep_their_numbers(tmp_path: Path) -> None:
    table = pl.DataFrame({"level": HOSTILE, "value": [-0.5] * len(HOSTILE), "n": [-1] * len(HOSTILE)})
    _write_csv(table, tmp_path / "results.csv")
    with (tmp_path / "results.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    assert rows == [["'" + text, "-0.5", "-1"] for text in HOSTILE]


def test_the_report_runs_nothing(tmp_path: Path) -> None:
    script = "<script>alert(1)</script>"
    field = '{ DDEAUTO c:\\\\windows\\\\system32\\\\cmd.exe "/k calc" }\x00\x0b'
    cells = [*HOSTILE, script, field, "&xxe;", "]]>"]
    table = Table("Table 1", script, ("a",), tuple((Cell(cell),) for cell in cells), "l")
    document = Document(script, field, "", (Paragraph(field), table))
    assert script.encode() not in write_html(document, {})
    with zipfile.ZipFile(io.BytesIO(write_docx(document, {}))) as word:
        xml = word.read("word/document.xml").decode()
    assert "DDEAUTO" in xml
    fields = re.findall(r'instrText[^>]*>([^<]*)<|w:instr="([^"]*)"', xml)
    assert {"".join(one).split()[0] for one in fields} <= {"SEQ", "PAGE", "NUMPAGES"}  # our own numbering
    assert "<script" not in xml


SOURCE = Path(__file__).resolve().parents[2] / "src" / "chartline"
# Modules that write CSV without `inert`, and why none of them can write a formula that came from a chart.
UNGUARDED = {
    "capture/redcap.py": "a REDCap dictionary, whose texts get a blank in front: REDCap trims it",
    "simulate/charts/forms.py": "synthetic records, drawn from our own words",
    "simulate/charts/omop.py": "a synthetic database, drawn from our own words",
    "deidentify/delimited.py": "the copy of a centre's own file, value for value: it is read by its mapping",
}
CSV = re.compile(r"csv\.(?:Dict)?[wW]riter\(|\.write_csv\(")


def test_every_writer_of_csv_makes_text_inert() -> None:
    found = {p.relative_to(SOURCE).as_posix(): p.read_text(encoding="utf-8") for p in SOURCE.rglob("*.py")}
    writers = {name: text for name, text in found.items() if CSV.search(text)}
    assert {name for name, text in writers.items() if "core.inert import" not in text} == set(UNGUARDED)


WRITERS = sorted(path for path in SOURCE.rglob("*.py") if "import xlsxwriter" in path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", WRITERS, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_every_writer_of_workbooks_takes_text_as_text(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count('"strings_to_formulas": False') == text.count("xlsxwriter.Workbook(") > 0
    guarded = [
        "if text in _ERRORS" in before for before, line in pairwise(text.splitlines()) if "write_formula" in line
    ]
    assert all(guarded)  # the errors of a sheet, which are formulas to Excel: known ones alone


def test_an_error_that_is_none_does_not_become_a_formula_of_the_copy(tmp_path: Path) -> None:
    """A cell of type error that says no error; one that says a formula is refused by calamine."""
    openpyxl = pytest.importorskip("openpyxl")
    from chartline.deidentify.workbook import Workbook
    from chartline.sources.folder import SourceFile

    book = openpyxl.Workbook()
    book.active.append(["id", "v", "w"])
    book.active.append([1, "#N/A", "#REF!"])
    book.save(tmp_path / "b.xlsx")
    with zipfile.ZipFile(tmp_path / "b.xlsx") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    assert b"<v>#REF!</v>" in parts[sheet]
    parts[sheet] = parts[sheet].replace(b"<v>#REF!</v>", b"<v></v>")
    with zipfile.ZipFile(tmp_path / "b.xlsx", "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    Workbook(SourceFile("b.xlsx", tmp_path / "b.xlsx")).write(tmp_path / "copy.xlsx", lambda grid, r, row: list(row))
    assert formulas(tmp_path / "copy.xlsx") == ["=#N/A"]
    assert openpyxl.load_workbook(tmp_path / "copy.xlsx").active["C2"].value == "#ERROR"
