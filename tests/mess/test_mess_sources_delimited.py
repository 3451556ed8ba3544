"""Ugly delimited files, each with what must become of it."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chartline.errors import SourceError
from chartline.sources.base import SourceData, SourceTable
from chartline.sources.read import read_centre
from chartline.sources.spec import SourceSpec


def read_all(folder: Path, content: bytes, **options: Any) -> SourceData:
    (folder / "d.csv").write_bytes(content)
    return read_centre(folder, [SourceSpec(kind="delimited", path="d.csv", **options)], {})


def read(folder: Path, content: bytes, **options: Any) -> SourceTable:
    return read_all(folder, content, **options).tables["d"]


@pytest.mark.parametrize(
    ("content", "options"),
    [
        (b"\xef\xbb\xbfid,name\r\n1,Zo\xc3\xab\r\n", {}),  # byte order mark, Windows line ends
        (b"id,name\r1,Zo\xc3\xab\r", {}),  # line ends of an old Macintosh
        (b"id;name\n1;Zo\xeb", {"delimiter": ";", "encoding": "cp1252"}),  # no line end at the end
        ("id\tname\n1\tZoë\n".encode("utf-16"), {"delimiter": "\t", "encoding": "utf-16"}),
        (b'"id","name"\n"1","Zo\xc3\xab"\n\n\n', {}),  # blank lines at the end
        (b"Centre X\n\nmade, by, hand, today\nid,name\n1,Zo\xc3\xab\n", {"header_row": 4}),
        (b'"a title\nof two lines, quoted"\nid,name\n1,Zo\xc3\xab\n', {"header_row": 2}),
        (b"id,name,,\n1,Zo\xc3\xab,,\n", {}),  # columns without heading and data
    ],
)
def test_the_same_table_in_many_hands(tmp_path: Path, content: bytes, options: dict[str, Any]) -> None:
    table = read(tmp_path, content, **options)
    assert table.columns == ["id", "name"]
    assert table.frame.rows() == [("1", "Zoë")]


def test_rows_are_counted_as_a_spreadsheet_shows_them(tmp_path: Path) -> None:
    table = read(tmp_path, b'id,remark\n1,"two\nlines"\n\n2,x\n')
    assert table.frame.rows() == [("1", "two\nlines"), (None, None), ("2", "x")]
    assert table.row_labels == ["row 2", "row 3", "row 4"]
    assert table.address(2, "remark") == "d.csv!row 4!remark"


def test_codes_stay_text(tmp_path: Path) -> None:
    table = read(tmp_path, b"id,v\n007,1.0\nNA,1e5\ntrue,2020-01-01\n")
    assert table.frame.rows() == [("007", "1.0"), ("NA", "1e5"), ("true", "2020-01-01")]


def test_empty_and_quoted_empty_are_blank_but_a_space_is_not(tmp_path: Path) -> None:
    assert read(tmp_path, b'a,b,c\n,"", \n1,2,3\n').frame.row(0) == (None, None, " ")


def test_an_inch_mark_inside_a_plain_value_is_kept(tmp_path: Path) -> None:
    assert read(tmp_path, b'id,v\n1,5" needle\n2,"a ""b"""\n').frame["v"].to_list() == ['5" needle', 'a "b"']


def test_two_inch_marks_that_look_like_quoting(tmp_path: Path) -> None:
    assert read(tmp_path, b'id,v\n1,5" and 6"\n').frame["v"].to_list() == ['5" and 6"']


def test_a_quotation_that_is_never_closed(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="quotation mark that does not fit in row 3"):
        read(tmp_path, b'id,v\n1,a\n2,"b\n3,c\n4,d\n')


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"id,v\n1,2\n3\n4,5\n", "row 3 has 1 values where the headings have 2$"),
        (b'id,v\n1,"x\ny"\n1,2,3\n3\n', r"row 3 has 3 values where the headings have 2 \(2 such rows in all\)"),
        (b'id,v\n1,5" x,3\n', "row 2 has 3 values"),  # found by the slow parser too
    ],
)
def test_a_ragged_row_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(SourceError) as error:
        read(tmp_path, content)
    error.match(words.replace("$", ""))
    assert error.value.where.startswith("d.csv!row ")


def test_the_wrong_encoding_names_byte_line_and_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as error:
        read(tmp_path, b"id,name\n1,a\n2,Zo\xeb\n")
    assert error.value.what == "d.csv is not utf-8: byte 16 (eb) on line 3 cannot be read"
    assert "cp1252" in error.value.do


def test_an_encoding_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no encoding called 'utf-9'"):
        read(tmp_path, b"id\n1\n", encoding="utf-9")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("id,v\n1,2\n".encode("utf-16"), "seems to be text in UTF-16"),
        ("id,v\n1,2\n".encode("utf-16-le"), "seems to be binary data"),
        (b"PK\x03\x04", "seems to be a zip archive"),
        (b"<!DOCTYPE html><p>Please log in", "seems to be a web page"),
        (b"\n\n\n", "has no headings in row 1"),
    ],
)
def test_a_file_that_is_no_delimited_text(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        read(tmp_path, content)


def test_a_heading_that_begins_like_an_archive_is_text(tmp_path: Path) -> None:
    assert read(tmp_path, b"PK_ID,PAR1\n1,2\n").columns == ["PK_ID", "PAR1"]


def test_the_wrong_delimiter_is_recognised(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="its heading holds ';'"):
        read(tmp_path, b"id;v\n1;2\n")


def test_repeated_and_missing_headings(tmp_path: Path) -> None:
    data = read_all(tmp_path, b"id,Date,Date,\n1,2,3,4\n")
    assert data.tables["d"].columns == ["id", "Date", "Date [C]", "[D]"]
    assert [(note.rule, note.address) for note in data.notes] == [
        ("duplicate_header", "d.csv!row 1!Date [C]"),
        ("blank_header", "d.csv!row 1![D]"),
    ]


def test_headings_without_data(tmp_path: Path) -> None:
    table = read(tmp_path, b"id,v\n")
    assert (table.columns, table.frame.height) == (["id", "v"], 0)


def test_ten_thousand_columns(tmp_path: Path) -> None:
    line = b",".join(b"%d" % i for i in range(10_000))
    assert read(tmp_path, line + b"\n" + line + b"\n").frame.shape == (1, 10_000)


CELLS = st.sampled_from(["", " ", "a", "Zoë", "x,y", 'q"q', '"', '""', "l\nm", "l\r\nm", "#N/A", "5;6", "\t"])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=6),
    line_end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    delimiter=st.sampled_from(",;\t"),
)
def test_whatever_the_csv_module_writes_is_read_back(
    tmp_path: Path, rows: list[tuple[str, ...]], line_end: str, quoting: Any, delimiter: str
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=line_end, quoting=quoting, delimiter=delimiter)
    writer.writerow(["h1", "h2", "h3"])
    writer.writerows(rows)
    expected = [tuple(cell or None for cell in row) for row in rows]
    while expected and not any(expected[-1]):
        expected.pop()
    assert read(tmp_path, text.getvalue().encode(), delimiter=delimiter).frame.rows() == expected


# ---------------------------------------------------------------- hostile text


@pytest.mark.parametrize("block", [7, 64, 1 << 20])
def test_a_file_in_blocks_is_the_file_in_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    """Whatever falls on the edge of a block: a quoted line break, a letter of two bytes, a blank first line."""
    monkeypatch.setattr("chartline.sources.csvblocks.BLOCK_BYTES", block)
    text = 'id,name\n\n1,"two\nlines, ""quoted"""\n2,Zoë\n\n\n3,\n'
    for encoding in ("utf-8", "utf-16"):
        table = read(tmp_path, text.encode(encoding), encoding=encoding)
        assert table.frame.rows() == [
            (None, None),
            ("1", 'two\nlines, "quoted"'),
            ("2", "Zoë"),
            *[(None, None)] * 2,
            ("3", None),
        ]
        assert table.address(5, "id") == "d.csv!row 7!id"


@pytest.mark.parametrize("block", [16, 1 << 20])
def test_a_ragged_row_in_a_late_block_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr("chartline.sources.csvblocks.BLOCK_BYTES", block)
    with pytest.raises(SourceError, match=r"row 52 has 1 values where the headings have 2 \(2 such rows in all\)"):
        read(tmp_path, b"id,v\n" + b"1,2\n" * 50 + b"3\n" + b"1,2\n" * 20 + b"4\n")


def test_a_wrong_byte_in_a_late_block_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chartline.sources.csvblocks.BLOCK_BYTES", 16)
    with pytest.raises(SourceError, match=r"byte 407 \(eb\) on line 102"):  # 5 + 100 * 4 + 2 bytes before it
        read(tmp_path, b"id,v\n" + b"1,2\n" * 100 + b"3,\xeb\n")


@pytest.mark.parametrize("content", [b"id,v\n1," + b"a" * (9 << 20) + b"\n", b'id,v\n1,"' + b"a,\n" * (3 << 20)])
def test_a_value_of_nine_megabytes_and_a_quotation_that_swallows_the_rest(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(SourceError, match="row 2 is longer than 8 MB") as error:
        read(tmp_path, content)
    assert "quotation mark that is never closed" in error.value.do


@pytest.mark.parametrize("where", [10, 5_000])
def test_a_nul_byte_wherever_it_stands(tmp_path: Path, where: int) -> None:
    with pytest.raises(SourceError, match=r"NUL character|seems to be binary data"):
        read(tmp_path, b"id,v\n" + b"1,2\n" * where + b"1,a\0b\n")


def test_mixed_line_ends(tmp_path: Path) -> None:
    assert read(tmp_path, b"id,v\r\n1,a\n2,b\r\n").frame.rows() == [("1", "a"), ("2", "b")]
    for lone in (b"id,v\r\n1,a\n2,b\r3,c\r\n", b"id\n1\r2\n3\n"):  # the second would be one value of two lines
        with pytest.raises(SourceError, match=r"row [23] holds a carriage return that ends no line"):
            read(tmp_path, lone)


def test_a_line_break_in_a_quoted_value_of_a_macintosh_file(tmp_path: Path) -> None:
    assert read(tmp_path, b'id,v\r"1","a\nb"\r').frame.rows() == [("1", "a\nb")]


@pytest.mark.parametrize("encoding", ["hex", "utf-7", "unicode_escape", "undefined", "rot13", "a\0b", ""])
def test_encodings_that_are_none_of_a_file(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(SourceError, match="no encoding"):
        read(tmp_path, b"id,v\n1,+2AA-\n", encoding=encoding)


def test_a_table_too_large_to_hold_is_refused_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chartline.sources.csvtext.TABLE_CELLS", 200)
    assert read(tmp_path, b"id,v\n" + b"1,2\n" * 100).frame.height == 100
    for late in (b"", b'5" needle,2\n'):  # by either parser
        with pytest.raises(SourceError, match=r"d.csv is too large to hold"):
            read(tmp_path, b"id,v\n" + late + b"1,2\n" * 101)
