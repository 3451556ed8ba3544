"""Ugly spreadsheets, each with the exact note or error it must raise. Written by openpyxl, read by
chartline."""

from __future__ import annotations

import datetime as dt
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.comments import Comment
from openpyxl.utils.datetime import CALENDAR_MAC_1904
from openpyxl.worksheet.worksheet import Worksheet

from chartline.errors import MappingError, SourceError
from chartline.sources.base import SourceData, SourceTable
from chartline.sources.read import read_centre
from chartline.sources.spec import SheetSpec, SourceSpec

SPEC = SourceSpec(kind="xlsx", path="b.xlsx", sheets={"S": SheetSpec()})


def book(folder: Path, rows: list[list[Any]], change: Callable[[Worksheet], None] | None = None) -> Path:
    made = openpyxl.Workbook()
    sheet = made.active
    sheet.title = "S"
    for row in rows:
        sheet.append(row)
    if change:
        change(sheet)
    made.save(folder / "b.xlsx")
    return folder / "b.xlsx"


def read(folder: Path, sheet: SheetSpec | None = None) -> SourceData:
    spec = SourceSpec(kind="xlsx", path="b.xlsx", sheets={"S": sheet or SheetSpec()})
    return read_centre(folder, [spec], {})


def notes(data: SourceData) -> list[tuple[str, str]]:
    return [(note.rule, note.address) for note in data.notes]


def column(table: SourceTable, name: str) -> list[tuple[str | None, str | None]]:
    assert table.kinds is not None
    return list(zip(table.frame[name], table.kinds[name], strict=True))


# ---------------------------------------------------------------- what a cell says


def test_how_every_kind_of_cell_reads(tmp_path: Path) -> None:
    cells = [14.0, 0.1, 1e-7, True, "  x ", dt.date(2020, 4, 3), dt.datetime(2020, 4, 3, 8, 30), dt.time(8, 30)]
    book(tmp_path, [["v"], *([cell] for cell in cells), [dt.timedelta(hours=26, minutes=30)], [10**15 + 1]])
    assert column(read(tmp_path).tables["S"], "v") == [
        ("14", "n"),
        ("0.1", "n"),
        ("1e-07", "n"),
        ("TRUE", "b"),
        ("  x ", "t"),
        ("2020-04-03", "d"),
        ("2020-04-03T08:30:00", "d"),
        ("08:30:00", "t"),
        ("26:30:00", "t"),
        ("1000000000000001", "n"),
    ]


@pytest.mark.parametrize("epoch_1904", [False, True])
def test_both_excel_epochs_give_the_same_dates(tmp_path: Path, epoch_1904: bool) -> None:
    made = openpyxl.Workbook()
    if epoch_1904:
        made.epoch = CALENDAR_MAC_1904
    sheet = made.active
    sheet.title = "S"
    for row in (["d"], [dt.date(2021, 9, 13)], [dt.date(1904, 1, 2)], [dt.date(2000, 2, 29)]):
        sheet.append(row)
    made.save(tmp_path / "b.xlsx")
    assert ("date1904" in zipfile.ZipFile(tmp_path / "b.xlsx").read("xl/workbook.xml").decode()) is epoch_1904
    assert read(tmp_path).tables["S"].frame["d"].to_list() == ["2021-09-13", "1904-01-02", "2000-02-29"]


def test_a_number_is_a_date_only_if_the_sheet_shows_it_as_one(tmp_path: Path) -> None:
    def formats(sheet: Worksheet) -> None:
        for cell, code in zip(["A2", "A3", "A4", "A5"], ["dd/mm/yyyy", "General", "[Red]0.0", '0" d"'], strict=True):
            sheet[cell].number_format = code

    book(tmp_path, [["v"], [44452], [44452], [44452], [44452]], formats)  # 44452 = 13 September 2021
    shown = [("2021-09-13", "d"), ("44452", "n"), ("44452", "n"), ("44452", "n")]
    assert column(read(tmp_path).tables["S"], "v") == shown


def test_a_moment_one_breath_from_midnight_is_that_day(tmp_path: Path) -> None:
    def formats(sheet: Worksheet) -> None:
        sheet["A2"].number_format = sheet["A3"].number_format = "yyyy-mm-dd hh:mm"

    book(tmp_path, [["v"], [44451.9999999], [44452.0000001]], formats)  # rounding noise of a calculated date
    assert read(tmp_path).tables["S"].frame["v"].to_list() == ["2021-09-13", "2021-09-13"]


def test_per_cent_is_read_as_shown(tmp_path: Path) -> None:
    def formats(sheet: Worksheet) -> None:
        sheet["A2"].number_format = "0%"
        sheet["A3"].number_format = '0.00"%"'  # a per cent sign in quotes changes no number

    book(tmp_path, [["blasts"], [0.07], [7]], formats)
    data = read(tmp_path)
    assert column(data.tables["S"], "blasts") == [("7%", "t"), ("7", "n")]
    assert notes(data) == [("percent_format", "b.xlsx!S!A2")]


def test_an_error_cell_is_not_a_blank(tmp_path: Path) -> None:
    book(tmp_path, [["id", "v"], [1, "#N/A"], [2, "#DIV/0!"], [3, 4]])
    data = read(tmp_path)
    assert column(data.tables["S"], "v") == [("#N/A", "e"), ("#DIV/0!", "e"), ("4", "n")]
    assert notes(data) == [("error_cell", "b.xlsx!S!B2")]
    assert data.notes[0].message == "B2 (#N/A), B3 (#DIV/0!): holds an error, not a value."


def test_an_error_in_the_last_column_without_a_heading_is_still_seen(tmp_path: Path) -> None:
    book(tmp_path, [["id"], [1, "#REF!"]])
    data = read(tmp_path)
    assert data.tables["S"].raw(0, "[B]") == "#REF!"
    assert notes(data) == [("blank_header", "b.xlsx!S!B1"), ("error_cell", "b.xlsx!S!B2")]


def test_a_formula_saved_without_its_result_is_not_a_blank(tmp_path: Path) -> None:
    book(tmp_path, [["id", "v"], [1, "=A2*10"], [2, "=A3*10"]])  # openpyxl never calculates
    data = read(tmp_path)
    assert column(data.tables["S"], "v") == [("=A2*10", "e"), ("=A3*10", "e")]
    assert notes(data) == [("formula_without_value", "b.xlsx!S!B2")]


def rewrite_sheet(path: Path, old: str, new: str) -> None:
    """Change the XML of the sheet, for what openpyxl cannot write."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = "xl/worksheets/sheet1.xml"
    text = parts[name].decode()
    assert old in text
    parts[name] = text.replace(old, new).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for part, data in parts.items():
            archive.writestr(part, data)


def test_a_formula_with_an_empty_result_is_a_blank(tmp_path: Path) -> None:
    path = book(tmp_path, [["id", "v"], [1, '=IF(A2>0,"","x")'], [2, "y"]])
    rewrite_sheet(path, '<c r="B2">', '<c r="B2" t="str">')  # as Excel saves an empty text result
    data = read(tmp_path)
    assert column(data.tables["S"], "v") == [(None, None), ("y", "t")]
    assert data.notes == ()


def test_a_sheet_whose_xml_has_prefixes_is_inspected_too(tmp_path: Path) -> None:
    path = book(tmp_path, [["v"], ["#N/A"]])
    with zipfile.ZipFile(path) as archive:
        text = archive.read("xl/worksheets/sheet1.xml").decode()
    body = text[text.index("<worksheet") :]
    prefixed = body.replace("</", "</x:").replace("<", "<x:").replace("<x:/x:", "</x:")
    rewrite_sheet(path, body, prefixed.replace("xmlns=", "xmlns:x="))
    assert notes(read(tmp_path)) == [("error_cell", "b.xlsx!S!A2")]


def test_cells_that_do_not_say_where_they_are_follow_on(tmp_path: Path) -> None:
    path = book(tmp_path, [["a", "b"], [1, "#N/A"]])
    for ref in ("A1", "B1", "A2", "B2"):
        rewrite_sheet(path, f' r="{ref}"', "")
    data = read(tmp_path)
    assert data.tables["S"].frame.rows() == [("1", "#N/A")]
    assert notes(data) == [("error_cell", "b.xlsx!S!B2")]


# ---------------------------------------------------------------- what is hidden


def test_hidden_rows_are_read_and_noted(tmp_path: Path) -> None:
    def hide(sheet: Worksheet) -> None:
        for row in (3, 4, 6):
            sheet.row_dimensions[row].hidden = True

    book(tmp_path, [["id"], [1], [2], [3], [4], [5]], hide)
    data = read(tmp_path)
    assert data.tables["S"].frame["id"].to_list() == ["1", "2", "3", "4", "5"]
    assert data.tables["S"].hidden_rows == {1, 2, 4}
    assert notes(data) == [("hidden_row", "b.xlsx!S!row 3"), ("hidden_row", "b.xlsx!S!row 6")]
    assert data.notes[0].message == "Rows 3 to 4 are hidden in the spreadsheet, and read like any other."


def test_a_hidden_column_and_a_hidden_sheet_are_read_and_noted(tmp_path: Path) -> None:
    def hide(sheet: Worksheet) -> None:
        sheet.column_dimensions["B"].hidden = True
        sheet.parent.create_sheet("T").append(["x"])
        sheet.sheet_state = "hidden"

    book(tmp_path, [["id", "v"], [1, 2]], hide)
    spec = SPEC.model_copy(update={"other_sheets": {"T": "empty"}})
    data = read_centre(tmp_path, [spec], {})
    assert data.tables["S"].frame.rows() == [("1", "2")]
    assert notes(data) == [("hidden_sheet", "b.xlsx!S"), ("hidden_column", "b.xlsx!S!B1")]


def test_a_comment_is_passed_on(tmp_path: Path) -> None:
    def comment(sheet: Worksheet) -> None:
        sheet["B2"].comment = Comment("date from the GP,\nnot sure", "nurse")

    book(tmp_path, [["id", "v"], [1, 2]], comment)
    data = read(tmp_path)
    assert notes(data) == [("comment", "b.xlsx!S!B2")]
    assert data.notes[0].message == "This cell has a comment: 'date from the GP, not sure'."


# ---------------------------------------------------------------- merged cells and headings


def test_merged_data_cells_keep_their_value_once(tmp_path: Path) -> None:
    book(tmp_path, [["id", "v"], [1, "x"], [None, "y"]], lambda sheet: sheet.merge_cells("A2:A3"))
    data = read(tmp_path)
    assert data.tables["S"].frame["id"].to_list() == ["1", None]
    assert notes(data) == [("merged_cells", "b.xlsx!S!A2")]
    assert data.notes[0].message == "A2:A3 are merged: only the first holds the value."


def test_group_titles_tell_repeated_headings_apart(tmp_path: Path) -> None:
    def merge(sheet: Worksheet) -> None:
        sheet.merge_cells("B1:C1")
        sheet.merge_cells("D1:E1")

    rows = [[None, "Marrow", None, "Relapse", None], ["id", "Date", "Result", "Date", "Site"], [1, 2, 3, 4, 5]]
    book(tmp_path, rows, merge)
    data = read(tmp_path, SheetSpec(header_row=2, group_row=1))
    table = data.tables["S"]
    assert table.columns == ["id", "Marrow / Date", "Result", "Relapse / Date", "Site"]
    assert table.places["Relapse / Date"] == "D"
    assert notes(data) == [("duplicate_header", "b.xlsx!S!B2"), ("duplicate_header", "b.xlsx!S!D2")]


def test_a_heading_merged_over_two_rows_is_found_in_the_lower_one(tmp_path: Path) -> None:
    rows = [["Patient", "Marrow"], [None, "Date"], [1, 2]]
    book(tmp_path, rows, lambda sheet: sheet.merge_cells("A1:A2"))
    data = read(tmp_path, SheetSpec(header_row=2))
    assert data.tables["S"].columns == ["Patient", "Date"]
    assert data.notes == ()


def test_repeated_and_missing_headings_get_their_place(tmp_path: Path) -> None:
    book(tmp_path, [["id", "Date", "Date", None, "Date [C]", None], [1, 2, 3, 4, 5, None]])
    data = read(tmp_path)
    assert data.tables["S"].columns == ["id", "Date", "Date [C]", "[D]", "Date [C] [E]"]
    assert data.tables["S"].frame.rows() == [("1", "2", "3", "4", "5")]
    assert notes(data) == [
        ("duplicate_header", "b.xlsx!S!C1"),
        ("blank_header", "b.xlsx!S!D1"),
        ("duplicate_header", "b.xlsx!S!E1"),
    ]


def test_white_space_in_headings_is_made_plain(tmp_path: Path) -> None:
    book(tmp_path, [[" Date\nof  birth\u00a0"], [1]])
    assert read(tmp_path).tables["S"].columns == ["Date of birth"]


def test_blank_rows_inside_stay_and_at_the_end_go(tmp_path: Path) -> None:
    def tail(sheet: Worksheet) -> None:
        sheet["A9"].number_format = "0.00"  # formatted, never filled
        sheet["H1"].number_format = "0.00"

    book(tmp_path, [["id"], [1], [], [2]], tail)
    table = read(tmp_path).tables["S"]
    assert table.frame["id"].to_list() == ["1", None, "2"]
    assert table.row_labels == ["2", "3", "4"]
    assert table.columns == ["id"]


def test_a_sheet_that_starts_far_from_the_corner_keeps_its_addresses(tmp_path: Path) -> None:
    def far(sheet: Worksheet) -> None:
        sheet["D7"], sheet["D8"] = "id", 5

    book(tmp_path, [], far)
    table = read(tmp_path, SheetSpec(header_row=7)).tables["S"]
    assert (table.address(0, "id"), table.raw(0, "id")) == ("b.xlsx!S!D8", "5")


def test_headings_without_data_make_an_empty_table(tmp_path: Path) -> None:
    book(tmp_path, [["id", "v"]])
    table = read(tmp_path).tables["S"]
    assert (table.columns, table.frame.height) == (["id", "v"], 0)


def test_a_sheet_without_the_heading_row_is_an_error(tmp_path: Path) -> None:
    book(tmp_path, [["id"]])
    with pytest.raises(MappingError, match="has no row 5 to take headings from"):
        read(tmp_path, SheetSpec(header_row=5))


def test_ten_thousand_columns(tmp_path: Path) -> None:
    book(tmp_path, [[f"c{i}" for i in range(10_000)], list(range(10_000))])
    table = read(tmp_path).tables["S"]
    assert table.frame.shape == (1, 10_000)
    assert table.address(0, "c9999") == "b.xlsx!S!NTP2"


# ---------------------------------------------------------------- sheets and files that are not what they should be


def test_a_sheet_that_the_mapping_does_not_know(tmp_path: Path) -> None:
    book(tmp_path, [["id"]], lambda sheet: sheet.parent.create_sheet("Old"))
    with pytest.raises(MappingError, match=r"has sheet.s. that the mapping does not know: 'Old'"):
        read(tmp_path)


def test_a_sheet_that_is_not_there(tmp_path: Path) -> None:
    book(tmp_path, [["id"]])
    spec = SourceSpec(kind="xlsx", path="b.xlsx", sheets={"s": SheetSpec()})
    with pytest.raises(MappingError, match="has no sheet called 's'") as error:
        read_centre(tmp_path, [spec], {})
    assert error.value.expected == "one of: S"


def zip_of(path: Path, **parts: bytes) -> bytes:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name.replace("_", "/") + ".xml", data)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"id;v\n1;2\n", r"seems to be delimited text \(CSV\)"),
        (b"<html><table><tr><td>1</td></tr></table></html>", r"seems to be a web page \(HTML\)"),
        (b'<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet">', "an XML spreadsheet"),
        (b"%PDF-1.7", "seems to be a PDF document"),
        (b'{"a": 1}', "seems to be JSON"),
        (b"", r"is empty \(0 bytes\)"),
        (b"PK\x03\x04" + b"\0" * 50, "zip archive that is cut short or damaged"),
        (b"\xd0\xcf\x11\xe0" + b"\0" * 600, "cannot be read: it looks like an old Office file"),
        (b"\xd0\xcf\x11\xe0" + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le"), "protected by a password"),
    ],
)
def test_a_file_that_is_no_spreadsheet_says_what_it_seems_to_be(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "b.xlsx").write_bytes(content)
    with pytest.raises(SourceError, match=words):
        read(tmp_path)


def test_a_word_document_under_the_name_of_a_workbook(tmp_path: Path) -> None:
    zip_of(tmp_path / "b.xlsx", word_document=b"<w/>")
    with pytest.raises(SourceError, match="seems to be a Word document"):
        read(tmp_path)


def test_a_zip_of_something_else(tmp_path: Path) -> None:
    zip_of(tmp_path / "b.xlsx", photo=b"")
    with pytest.raises(SourceError, match=r"a zip archive of something else \(photo.xml\)"):
        read(tmp_path)


def test_a_truncated_workbook(tmp_path: Path) -> None:
    path = book(tmp_path, [["id"], [1]])
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(SourceError, match="cut short or damaged"):
        read(tmp_path)


def test_a_workbook_with_a_broken_sheet(tmp_path: Path) -> None:
    path = book(tmp_path, [["id"], ["#N/A"]])
    rewrite_sheet(path, "</sheetData>", "")
    with pytest.raises(SourceError, match=r"looks like an Excel workbook, but is damaged"):
        read(tmp_path)


def test_a_workbook_under_the_name_xls_is_read(tmp_path: Path) -> None:
    book(tmp_path, [["id"], [1]]).rename(tmp_path / "b.xls")
    spec = SourceSpec(kind="xlsx", path="b.xls", sheets={"S": SheetSpec()})
    assert read_centre(tmp_path, [spec], {}).tables["S"].frame.rows() == [("1",)]


def test_an_open_document_spreadsheet_is_read_with_less_insight(tmp_path: Path) -> None:
    cell = '<table:table-cell office:value-type="{}" {}><text:p>x</text:p></table:table-cell>'
    rows = [
        cell.format("string", ""),
        cell.format("float", 'office:value="14"'),
        cell.format("date", 'office:date-value="2020-04-03"'),
    ]
    content = (
        '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
        'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet>'
        '<table:table table:name="S">'
        + "".join(f"<table:table-row>{row}</table:table-row>" for row in rows)
        + "</table:table></office:spreadsheet></office:body></office:document-content>"
    )
    with zipfile.ZipFile(tmp_path / "b.ods", "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", content)
        archive.writestr("META-INF/manifest.xml", "<m/>")
    spec = SourceSpec(kind="xlsx", path="b.ods", sheets={"S": SheetSpec()})
    data = read_centre(tmp_path, [spec], {})
    assert column(data.tables["S"], "x") == [("14", "n"), ("2020-04-03", "d")]
    assert notes(data) == [("not_inspected", "b.ods")]
