"""Hostile files at the centre's door: each refused in words or left out with its reason; nothing is written."""

from __future__ import annotations

import datetime as dt
import io
import json
import zipfile
from pathlib import Path

import openpyxl
import pytest

from chartline.deidentify import delimited
from chartline.deidentify.key import Key
from chartline.errors import SourceError
from chartline.pipeline import deidentify_centre
from chartline.sources import folder as folders
from chartline.sources import limits

SHEET = "xl/worksheets/sheet1.xml"


@pytest.fixture
def charts(tmp_path: Path) -> Path:
    (tmp_path / "charts").mkdir()
    return tmp_path / "charts"


def door(charts: Path) -> list[str]:
    """The report of a folder's copy."""
    return deidentify_centre(charts, charts.parent / "key", charts.parent / "out")[0]


def refused(charts: Path, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        door(charts)
    assert not (charts.parent / "out").exists()
    assert sorted(p.name for p in charts.parent.iterdir()) == ["charts", "key"]


def workbook(change: bytes = b"</sheetData>", more: dict[str, bytes] | None = None) -> bytes:
    made = openpyxl.Workbook()
    for row in (["MRN", "Hb"], [1, 2]):
        made.active.append(row)
    plain, out = io.BytesIO(), io.BytesIO()
    made.save(plain)
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            data = source.read(name)
            target.writestr(name, data.replace(b"</sheetData>", change) if name == SHEET else data)
        for name, data in (more or {}).items():
            target.writestr(name, data)
    return out.getvalue()


def test_a_zip_bomb(charts: Path) -> None:
    (charts / "b.xlsx").write_bytes(workbook(b" " * (40 << 20) + b"</sheetData>"))
    refused(charts, "unpacks to 40 MB")


def test_a_sheet_that_reaches_to_the_end_of_the_world(charts: Path) -> None:
    far = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    (charts / "b.xlsx").write_bytes(workbook(far))
    refused(charts, "17,179,869,184 cells")


def test_an_old_spreadsheet_that_repeats_a_cell_without_end(charts: Path) -> None:
    ns = "urn:oasis:names:tc:opendocument:xmlns"
    cell = '<table:table-cell office:value-type="float" office:value="1" table:number-columns-repeated="16384"/>'
    content = (
        f'<office:document-content xmlns:office="{ns}:office:1.0" xmlns:table="{ns}:table:1.0">'
        '<office:body><office:spreadsheet><table:table table:name="S">'
        f'<table:table-row table:number-rows-repeated="1048576">{cell}</table:table-row>'
        "</table:table></office:spreadsheet></office:body></office:document-content>"
    )
    with zipfile.ZipFile(charts / "b.ods", "w") as book:
        book.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        book.writestr("content.xml", content)
        book.writestr("META-INF/manifest.xml", "<m/>")
    refused(charts, "b.ods cannot be read|too large")


def test_a_part_with_a_path_out_of_the_archive(charts: Path) -> None:
    (charts / "b.xlsx").write_bytes(workbook(more={"../../evil.xml": b"<a/>"}))
    refused(charts, "names lead out of it")


def test_entities_of_a_workbook(charts: Path) -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>'
    (charts / "b.xlsx").write_bytes(workbook(more={"xl/more.xml": bomb}))
    refused(charts, "declares a document type")


def test_entities_of_odm(charts: Path) -> None:
    lol = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10 if i else "lol"}">' for i in range(12))
    (charts / "p.xml").write_text(f"<?xml version='1.0'?><!DOCTYPE ODM [{lol}]><ODM>&l11;</ODM>")
    refused(charts, "entities that expand without end")


def test_an_entity_of_odm_that_names_a_file(charts: Path) -> None:
    (charts / "p.xml").write_text('<!DOCTYPE ODM [<!ENTITY x SYSTEM "file:///etc/passwd">]><ODM>&x;</ODM>')
    refused(charts, "document type")


@pytest.mark.parametrize("deep", ["[" * 200_000, '{"a":' * 200_000])
def test_json_without_end(charts: Path, deep: str) -> None:
    (charts / "b.ndjson").write_text(deep)
    refused(charts, "nested too deeply")


@pytest.mark.parametrize("depth", [100, 850, 900, 930, 950, 970, 990, 1_010])
def test_json_of_any_depth_is_copied_or_refused(charts: Path, depth: int) -> None:
    """Reading, scrubbing and writing go deep each in its own way: wherever the first ends is said in words."""
    value = '{"a": ' * depth + "1" + "}" * depth
    text = f'{{"resourceType": "Basic", "x": {value}}}'
    (charts / "b.ndjson").write_text(text)
    try:
        door(charts)
    except SourceError as error:
        assert "nested too deeply" in error.what
        assert depth > 100
    else:
        assert json.loads((charts.parent / "out" / "files" / "b.ndjson").read_text()) == json.loads(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"resourceType": "Patient", "id": "1", "id": "2"}', "stands twice"),
        ('{"resourceType": "Observation", "valueDecimal": 1e999}', "too large for a computer"),
        ('{"resourceType": "Observation", "valueDecimal": NaN}', "not a JSON number"),
        ('{"resourceType": "Observation", "valueInteger": ' + "9" * 5_000 + "}", "too large for a computer"),
        ('{"resourceType": "Patient", "id": "\\ud800"}', "half of a character"),
        ('{"resourceType": "Bundle", "entry": 5}', "entry is not a list"),
        ('{"resourceType": "Bundle", "entry": [5]}', "entry 1 holds no FHIR resource"),
        ('{"resourceType": "Bundle", "entry": [{"resource": []}]}', "entry 1 holds no FHIR resource"),
    ],
)
def test_json_that_hides_or_breaks(charts: Path, text: str, words: str) -> None:
    (charts / "b.json").write_text(text)
    refused(charts, words)


def test_one_document_too_large(charts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "DOCUMENT_BYTES", 100)
    (charts / "b.json").write_text(json.dumps({"resourceType": "Basic", "x": "x" * 100}))
    refused(charts, "in a file that is read as a whole|MB")


def test_a_quotation_mark_that_is_never_closed(charts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "RECORD_BYTES", 1_000)
    (charts / "t.csv").write_text('MRN,Hb\n1,"2\n' + "3,4\n" * 1_000)
    refused(charts, "row 2 is longer|field larger than field limit")


def test_a_line_without_end(charts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "RECORD_BYTES", 1_000)
    (charts / "t.csv").write_text("MRN,Hb\n" + "," * 2_000)
    refused(charts, "row 2 is longer")


def test_a_nul_character(charts: Path) -> None:
    (charts / "t.csv").write_bytes(b"MRN,Hb\n" + b"1,2\n" * 2_000 + b"1,\0\n")
    refused(charts, "line 2002 holds a NUL character")


def test_a_parquet_table_of_more_cells_than_are_read(charts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import polars as pl

    from chartline.sources import cdm_duckdb

    monkeypatch.setattr(cdm_duckdb, "TABLE_CELLS", 3)
    pl.DataFrame({"a": [1, 2], "b": [1, 2]}).write_parquet(charts / "t.parquet")
    refused(charts, "4 cells")


def test_a_link_out_of_the_folder_is_left_out_and_told(charts: Path) -> None:
    secret = charts.parent / "secret.csv"
    secret.write_text("MRN\n20190017\n")
    (charts / "t.csv").symlink_to(secret)
    assert "  t.csv: not copied: a link that leads out of the centre's folder" in door(charts)
    assert not (charts.parent / "out" / "files" / "t.csv").exists()


def test_an_empty_file_is_left_out_and_told(charts: Path) -> None:
    (charts / "t.csv").write_bytes(b"")
    assert "  t.csv: not copied: it is empty (0 bytes)" in door(charts)


@pytest.mark.parametrize(("name", "data"), [("t.csv", b"PK\x03\x04"), ("b.xlsx", b"<html></html>")])
def test_a_file_that_is_not_what_its_name_says(charts: Path, name: str, data: bytes) -> None:
    (charts / name).write_bytes(data)
    if name == "t.csv":
        refused(charts, "not delimited text")
    else:
        assert any("b.xlsx: not copied: a web page (HTML)" in line for line in door(charts))


def test_a_name_of_a_file_that_leads_out_is_none_of_ours(charts: Path) -> None:
    """A copy has the place of its original below the folder, so no name can lead out of the copy's folder."""
    (charts / "a").mkdir()
    (charts / "a" / "..x.csv").write_text("ID,Hb\nA-01,9\n")
    (charts / "a" / "x..csv").write_text("ID,Hb\nA-01,9\n")
    door(charts)
    out = charts.parent / "out" / "files"
    assert [p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()] == ["a/x..csv"]
    assert {p.name for p in charts.parent.iterdir()} == {"charts", "key", "out"}
    assert folders.CentreFolder(charts).all_files()[0].name == "a/x..csv"  # a name with a dot before it: the system's


def book(charts: Path, rows: list[list[object]], name: str = "b.xlsx", merged: tuple[str, ...] = ()) -> None:
    made = openpyxl.Workbook()
    for row in rows:
        made.active.append(row)
    for cells in merged:
        made.active.merged_cells.ranges.add(cells)
    made.save(charts / name)


def test_a_number_beyond_all_numbers_is_text_in_the_copy(charts: Path) -> None:
    """Found by the fuzzer: 1e400 is infinity, which xlsxwriter does not write."""
    (charts / "b.xlsx").write_bytes(workbook(b'<row r="3"><c r="B3"><v>1e400</v></c></row></sheetData>'))
    door(charts)
    copy = openpyxl.load_workbook(charts.parent / "out" / "files" / "b.xlsx")
    assert (copy.active["B3"].value, copy.active["B3"].data_type) == ("inf", "s")


def shifted(charts: Path) -> list[str]:
    """The report of a copy under a known key, with dates shifted by up to 3,000 days."""
    key = charts.parent / "key"
    key.write_text("00" * 32 + "\n")
    key.chmod(0o600)
    return deidentify_centre(charts, key, charts.parent / "out", shift_days=3_000)[0]


def days_of(patient: str) -> int:
    return Key(bytes(32)).shift(patient, 3_000)


def test_a_date_without_end_is_not_shifted_and_told(charts: Path) -> None:
    late = next(p for p in (f"A-{n:02d}" for n in range(1, 99)) if days_of(p) > 0)
    book(charts, [["Patient ID", "Until"], [late, dt.date(9999, 12, 31)], [late, dt.date(2020, 1, 1)]])
    told = [line for line in shifted(charts) if "not shifted" in line]
    assert told == ["  b.xlsx!Sheet Until: a date that was not shifted, 1 cell (B2)"]


def test_a_date_before_the_first_of_a_spreadsheet_is_text_in_the_copy(charts: Path) -> None:
    book(charts, [["Patient ID", "DOB"], ["A-01", dt.date(1900, 3, 2)], ["A-02", dt.date(1900, 3, 2)]])
    shifted(charts)
    found = openpyxl.load_workbook(charts.parent / "out" / "files" / "b.xlsx").active
    for row, patient in ((2, "A-01"), (3, "A-02")):
        day = dt.date(1900, 3, 2) + dt.timedelta(days=days_of(patient))
        value = found.cell(row, 2).value
        assert (value if isinstance(value, str) else value.date().isoformat()) == day.isoformat()
        assert isinstance(value, str) == (day.year < 1900)


def test_a_text_that_no_cell_holds_is_refused_with_its_place(charts: Path) -> None:
    long = b'<row r="3"><c r="B3" t="inlineStr"><is><t>' + b"x" * 32_768 + b"</t></is></c></row></sheetData>"
    (charts / "b.xlsx").write_bytes(workbook(long))
    refused(charts, "Sheet!B3")


def test_ranges_merged_twice_over_are_refused(charts: Path) -> None:
    book(charts, [["MRN", "Hb"], [1, 2]], merged=("A1:B1", "B1:B2"))
    refused(charts, "holds what an xlsx file cannot")
