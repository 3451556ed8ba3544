"""Files that are small and ask for everything: each is refused in words, in a moment, before memory runs out."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import polars as pl
import pytest

from chartline.errors import SourceError
from chartline.sources import archive, limits
from chartline.sources.base import SourceData
from chartline.sources.read import read_centre
from chartline.sources.spec import SheetSpec, SourceSpec

SHEET = "xl/worksheets/sheet1.xml"
Change = Callable[[bytes], bytes]


def workbook() -> bytes:
    made = openpyxl.Workbook()
    made.active.title = "S"
    for row in (["id", "v"], [1, 2]):
        made.active.append(row)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def changed(part: str, change: Change) -> bytes:
    """The workbook with one part rewritten."""
    source, out = zipfile.ZipFile(io.BytesIO(workbook())), io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, change(source.read(name)) if name == part else source.read(name))
    return out.getvalue()


def added(name: str, data: bytes) -> bytes:
    out = io.BytesIO(workbook())
    with zipfile.ZipFile(out, "a") as target:
        target.writestr(name, data)
    return out.getvalue()


def read(folder: Path, data: bytes, name: str = "b.xlsx") -> SourceData:
    (folder / name).write_bytes(data)
    return read_centre(folder, [SourceSpec(kind="xlsx", path=name, sheets={"S": SheetSpec()})], {})


def before_end(xml: bytes) -> Change:
    return lambda sheet: sheet.replace(b"</sheetData>", xml + b"</sheetData>")


# ---------------------------------------------------------------- a sheet that reaches to the end of the world


def test_two_cells_in_opposite_corners(tmp_path: Path) -> None:
    """calamine would make room for 1,048,576 x 16,384 cells, which ends the process."""
    far = before_end(b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')
    with pytest.raises(SourceError, match="reaches to row 1,048,576 and column XFD") as error:
        read(tmp_path, changed(SHEET, far))
    assert error.value.what.endswith("it has 17,179,869,184 cells")  # 1,048,576 x 16,384
    assert error.value.where == "b.xlsx!S"


def test_cells_that_hide_where_they_are(tmp_path: Path) -> None:
    """A '>' in an attribute, and rows without a number, mislead whoever looks at the text alone."""
    far = before_end(b'<row r="1048575"/><row><c s=">" r="XFD1048576"><v>1</v></c></row>')
    with pytest.raises(SourceError, match="reaches to row 1,048,576"):
        read(tmp_path, changed(SHEET, far))


def test_a_formula_without_a_result_far_away_makes_no_room_either(tmp_path: Path) -> None:
    far = before_end(b'<row r="1048576"><c r="XFD1048576"><f>A1</f></c></row>')
    with pytest.raises(SourceError, match="reaches to row 1,048,576"):
        read(tmp_path, changed(SHEET, far))


def test_formatted_cells_without_content_do_no_harm(tmp_path: Path) -> None:
    """Whole columns are formatted in many workbooks: that is no bomb."""
    far = before_end(b'<row r="1048576"><c r="XFD1048576" s="0"/></row>')
    assert read(tmp_path, changed(SHEET, far)).tables["S"].frame.rows() == [("1", "2")]


def test_a_declared_size_is_only_words(tmp_path: Path) -> None:
    def declare(sheet: bytes) -> bytes:
        assert b'<dimension ref="A1:B2"' in sheet
        return sheet.replace(b'<dimension ref="A1:B2"', b'<dimension ref="A1:XFD1048576"')

    assert read(tmp_path, changed(SHEET, declare)).tables["S"].frame.rows() == [("1", "2")]


@pytest.mark.parametrize("place", ["AAAAAAAAAAAAA99999999999", "XFD99999999", "XFE1", "B0", "", "2B", "B-2", "&#66;2"])
def test_a_cell_that_stands_nowhere(tmp_path: Path, place: str) -> None:
    with pytest.raises(SourceError, match="is damaged"):
        read(tmp_path, changed(SHEET, lambda sheet: sheet.replace(b'r="B2"', f'r="{place}"'.encode())))


def test_merged_over_the_whole_sheet(tmp_path: Path) -> None:
    merge = b'</sheetData><mergeCells count="1"><mergeCell ref="A1:XFD1048576"/></mergeCells>'
    data = read(tmp_path, changed(SHEET, lambda sheet: sheet.replace(b"</sheetData>", merge)))
    assert data.tables["S"].frame.rows() == [("1", "2")]


@pytest.mark.parametrize(
    ("rows", "columns", "words"),
    [(5_000, 4_002, "b.ods is too large to read: sheet 'S' has"), (1_048_576, 16_384, "b.ods cannot be read")],
)
def test_an_old_format_is_read_by_a_process_of_its_own(tmp_path: Path, rows: int, columns: int, words: str) -> None:
    """An OpenDocument sheet may repeat what it holds: thousands of millions of cells in some hundred bytes."""
    cell = f'<table:table-cell office:value-type="float" office:value="1" table:number-columns-repeated="{columns}"/>'
    ns = "urn:oasis:names:tc:opendocument:xmlns"
    content = (
        f'<office:document-content xmlns:office="{ns}:office:1.0" xmlns:table="{ns}:table:1.0">'
        '<office:body><office:spreadsheet><table:table table:name="S">'
        f'<table:table-row table:number-rows-repeated="{rows}">{cell}</table:table-row>'
        "</table:table></office:spreadsheet></office:body></office:document-content>"
    )
    with zipfile.ZipFile(tmp_path / "b.ods", "w") as book:
        book.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        book.writestr("content.xml", content)
        book.writestr("META-INF/manifest.xml", "<m/>")
    with pytest.raises(SourceError, match=words):
        read(tmp_path, (tmp_path / "b.ods").read_bytes(), "b.ods")


# ---------------------------------------------------------------- archives


def test_a_sheet_that_unpacks_to_a_thousand_times_its_size(tmp_path: Path) -> None:
    data = changed(SHEET, before_end(b" " * (40 << 20)))
    assert len(data) < 100_000
    with pytest.raises(SourceError, match="unpacks to 40 MB"):
        read(tmp_path, data)


def test_a_workbook_larger_than_the_limit_whatever_its_ratio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = workbook()
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        size = sum(entry.file_size for entry in book.infolist())
    monkeypatch.setattr(archive, "UNPACKED_BYTES", size)
    assert read(tmp_path, data).tables["S"].frame.height == 1
    monkeypatch.setattr(archive, "UNPACKED_BYTES", size - 1)
    with pytest.raises(SourceError, match="unpacks to"):
        read(tmp_path, data)


def test_a_part_that_says_it_is_smaller_than_it_is(tmp_path: Path) -> None:
    """The directory of the archive lies about the size: what is read no longer has the checksum that it gives."""
    data = bytearray(changed(SHEET, before_end(b" " * 1_000_000)))
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as book:
        size = book.getinfo(SHEET).file_size.to_bytes(4, "little")
    data = bytearray(bytes(data).replace(size, (1000).to_bytes(4, "little")))
    with pytest.raises(SourceError, match="damaged"):
        read(tmp_path, bytes(data))


def test_an_archive_in_the_archive_is_not_unpacked(tmp_path: Path) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("zeros.xml", bytes(50 << 20))
    data = read(tmp_path, added("xl/embeddings/inner.zip", inner.getvalue()))
    assert data.tables["S"].frame.rows() == [("1", "2")]


def test_an_archive_of_archives_is_no_workbook(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as outer:
        outer.writestr("lib 0.zip", workbook())
    with pytest.raises(SourceError, match=r"a zip archive of something else \(lib 0.zip\)"):
        read(tmp_path, out.getvalue())


@pytest.mark.parametrize("name", ["../../etc/passwd.xml", "/etc/passwd.xml", "xl/../../x.xml", "..\\..\\x\\..\\y.xml"])
def test_parts_with_a_path_out_of_the_archive(tmp_path: Path, name: str) -> None:
    before = sorted(tmp_path.parent.iterdir())
    if "\\" in name:  # a name to Linux, a path to Windows: a part that nobody asks for, and nothing is written
        assert read(tmp_path, added(name, b"<a/>")).tables["S"].frame.height == 1
    else:
        with pytest.raises(SourceError, match="names lead out of it"):
            read(tmp_path, added(name, b"<a/>"))
    assert sorted(tmp_path.parent.iterdir()) == before


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_parts_of_one_name(tmp_path: Path) -> None:
    """Two programs could read two different sheets."""
    with pytest.raises(SourceError, match=r"parts of the same name: xl/worksheets/sheet1.xml"):
        read(tmp_path, added(SHEET, b"<worksheet/>"))


def test_a_hundred_thousand_sheets(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as book:
        book.writestr("xl/workbook.xml", "<workbook/>")
        for number in range(limits.PARTS):
            book.writestr(f"xl/worksheets/sheet{number}.xml", b"")
    with pytest.raises(SourceError, match=r"has 10,001 parts"):
        read(tmp_path, out.getvalue())


def test_an_encrypted_part(tmp_path: Path) -> None:
    data = bytearray(workbook())
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the flag of each entry, here and in the directory
        at = data.find(magic)
        while at >= 0:
            data[at + offset] |= 1
            at = data.find(magic, at + 4)
    with pytest.raises(SourceError, match="holds parts that are encrypted"):
        read(tmp_path, bytes(data))


# ---------------------------------------------------------------- entities that expand


LAUGHS = "<!DOCTYPE x [" + '<!ENTITY a0 "ha">' + "".join(
    f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 12)
) + "]>"  # fmt: skip
EXTERNAL = '<!DOCTYPE x [<!ENTITY a11 SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize("declared", [LAUGHS, EXTERNAL])
def test_a_workbook_with_entities(tmp_path: Path, declared: str) -> None:
    def declare(sheet: bytes) -> bytes:
        xml = sheet[sheet.index(b"<worksheet") :].replace(b"<v>2</v>", b"<v>&a11;</v>")
        return declared.encode() + xml

    with pytest.raises(SourceError, match=r"declares a document type in xl/worksheets/sheet1.xml"):
        read(tmp_path, changed(SHEET, declare))


def test_a_part_in_another_encoding_hides_no_entities(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="not in UTF-8"):
        read(tmp_path, changed(SHEET, lambda sheet: sheet.decode().encode("utf-16")))


@pytest.mark.parametrize("declared", [LAUGHS, EXTERNAL])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_odm_with_entities(tmp_path: Path, declared: str, encoding: str) -> None:
    xml = f'<?xml version="1.0" encoding="{encoding}"?>{declared}<ODM>&a11;</ODM>'
    (tmp_path / "p.xml").write_bytes(xml.encode(encoding))
    with pytest.raises(SourceError, match="declares a document type"):
        read_centre(tmp_path, [SourceSpec(kind="redcap", odm="p.xml")], {})


# ---------------------------------------------------------------- JSON and Parquet


def fhir(folder: Path, *lines: str) -> SourceData:
    (folder / "p.ndjson").write_text("\n".join(lines), encoding="utf-8")
    return read_centre(folder, [SourceSpec(kind="fhir", path="p.ndjson")], {})


def test_every_resource_with_a_column_of_its_own(tmp_path: Path) -> None:
    """20,000 resources and 20,000 columns: 400 million cells from 1 MB."""
    lines = [json.dumps({"resourceType": "Patient", f"a{i}": "x"}) for i in range(20_000)]
    with pytest.raises(SourceError, match="Patient needs 2,501 columns for 20,000 resources"):  # 50 million cells
        fhir(tmp_path, *lines)


@pytest.mark.parametrize("levels", [100, 980, 100_000])
def test_json_nested_without_end(tmp_path: Path, levels: int) -> None:
    line = '{"resourceType": "Patient", "id": "x", "a": ' + "[" * levels + "1" + "]" * levels + "}"
    try:
        fhir(tmp_path, line, line)
    except SourceError as error:
        assert "nested too deeply" in error.what
    else:
        assert levels == 100


def test_a_name_that_stands_twice_in_an_object_hides_no_value(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="'birthDate' stands twice in one object"):
        fhir(tmp_path, '{"resourceType": "Patient", "birthDate": "1960", "birthDate": "1990"}')


def test_half_of_a_character(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="line 2 holds half of a character") as error:
        fhir(tmp_path, '{"resourceType": "Patient", "id": "a"}', '{"resourceType": "Patient", "id": "\\ud800"}')
    assert error.value.where == "p.ndjson!line 2!id"


def test_a_number_that_no_computer_holds_stays_as_it_is_written(tmp_path: Path) -> None:
    assert fhir(tmp_path, '{"resourceType": "Patient", "a": 1e999, "b": -1e999}').tables["Patient"].frame.rows() == [
        ("1e999", "-1e999")
    ]


def test_a_parquet_table_of_a_thousand_million_equal_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chartline.sources.cdm_duckdb.TABLE_CELLS", 2_000_000)
    pl.DataFrame({"person_id": pl.repeat(1, 2_000_001, eager=True)}).write_parquet(tmp_path / "person.parquet")
    assert (tmp_path / "person.parquet").stat().st_size < 50_000
    with pytest.raises(SourceError, match="2,000,001 cells"):
        read_centre(tmp_path, [SourceSpec(kind="omop", path=".")], {})


def test_a_view_of_a_database_that_never_ends(tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    with duckdb.connect(str(tmp_path / "cdm.duckdb")) as made:
        made.execute("CREATE VIEW person AS SELECT range AS person_id FROM range(100000000000)")
    with pytest.raises(SourceError, match="250,000,001 cells"):
        read_centre(tmp_path, [SourceSpec(kind="omop", path="cdm.duckdb")], {})
