"""Delimited text to a frame of text, shared by the readers of dialects that travel as CSV.

In: the bytes of a file, its declared delimiter, encoding and heading record. Out: headings, a frame of text
and the number of every record, counted as a spreadsheet shows rows (a quoted line break does not start a
new row, a blank line is a row). Polars parses; before it does, the shape of the file is checked
(fields per record, RFC 4180 quoting), because Polars fills short rows with nulls without a word. Files
whose quoting is unusual go to the standard library's csv reader instead, which is slow but strict.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from chartline.errors import SourceError
from chartline.sources.base import SourceNote
from chartline.sources.folder import SourceFile, seems
from chartline.sources.headings import explain, name_columns

_QUOTED = re.compile(rb'"[^"]*"')
_RECORD = re.compile(rb'(?:[^"\n]++|"[^"]*+")*+\n')  # possessive: no backtracking
_TEXTS = ("delimited text (CSV)", "plain text", "JSON")  # what a delimited file can look like from its start


@dataclass(frozen=True)
class Records:
    """The records under the headings. `frame` is all pl.String, blank is null; `numbers` counts from 1."""

    frame: pl.DataFrame
    numbers: Sequence[int]
    notes: tuple[SourceNote, ...]

    @property
    def labels(self) -> list[str]:
        """The places of all records."""
        return [f"row {number}" for number in self.numbers]

    def label(self, row: int) -> str:
        """The place of one record: 'row 258'."""
        return f"row {self.numbers[row]}"


def read_records(file: SourceFile, delimiter: str = ",", encoding: str = "utf-8", header_row: int = 1) -> Records:
    """Read one delimited file.

    Blank records inside are kept (all null), those at the end are dropped. Raises SourceError where the
    file is not text in the declared encoding, has no heading record, a record with another number of values
    than there are headings, or a quotation mark that is never closed.
    """
    data = _as_utf8(file, file.read(), encoding)
    rows, numbers = _parse(file, data, delimiter, header_row)
    _check_delimiter(file, rows, delimiter)
    cells, body = rows.row(0), rows.slice(1)
    kept = _to_last_filled(body)
    body = body.slice(0, kept)
    has_data = [series.null_count() < body.height for series in body]
    heads = name_columns(cells, has_data)
    notes = tuple(
        SourceNote(head.problem, f"{file.name}!row {header_row}!{head.name}", explain(head))
        for head in heads
        if head.problem
    )
    frame = pl.DataFrame([body.to_series(head.index).alias(head.name) for head in heads])
    return Records(frame, numbers[:kept], notes)


def _to_last_filled(body: pl.DataFrame) -> int:
    """Return how many records there are up to the last that holds a value."""
    if any(series.null_count() == 0 for series in body):
        return body.height
    filled = body.select(pl.any_horizontal(pl.all().is_not_null())).to_series().arg_true()
    return int(filled[-1]) + 1 if len(filled) else 0


def _as_utf8(file: SourceFile, raw: bytes, encoding: str) -> bytes:
    try:
        name = codecs.lookup(encoding).name
    except LookupError as error:
        raise SourceError(f"There is no encoding called {encoding!r}", where=file.name) from error
    looks = seems(raw)
    if looks not in _TEXTS and not (name.startswith("utf-16") and looks == "text in UTF-16"):
        raise SourceError(
            f"{file.name} is not delimited text in {encoding}: it seems to be {looks}",
            where=str(file.path),
            do="declare what it is, or ask the centre for a CSV file",
        )
    try:
        text = raw.decode("utf-8-sig" if name == "utf-8" else encoding)
    except UnicodeDecodeError as error:
        raise _wrong_encoding(file, raw, encoding, error) from error
    return text.encode()


def _wrong_encoding(file: SourceFile, raw: bytes, encoding: str, error: UnicodeDecodeError) -> SourceError:
    line = raw.count(b"\n", 0, error.start) + 1
    found = raw[error.start : error.start + 1]
    around = raw[max(0, error.start - 15) : error.start + 15].decode("cp1252", errors="replace")
    return SourceError(
        f"{file.name} is not {encoding}: byte {error.start} ({found.hex()}) on line {line} cannot be read",
        where=f"{file.name}, line {line}: ...{around!r}...",
        expected=f"text in {encoding}, as the mapping declares (or does not: utf-8 is the default)",
        do="try `encoding: cp1252` (Windows, Western Europe) and look at the accented letters of one name",
    )


def _parse(file: SourceFile, data: bytes, delimiter: str, header_row: int) -> tuple[pl.DataFrame, list[int]]:
    """Return the heading record and all below it as text, and the record numbers of those below."""
    if b"\n" not in data and b"\r" in data:
        data = data.replace(b"\r", b"\n")  # line ends of old Macintosh files
    widths = _widths(data, delimiter)
    if widths is None:
        return _parse_slowly(file, data, delimiter, header_row)
    _check_widths(file, widths, header_row)
    start = _record_start(data, header_row)
    rows = pl.read_csv(
        io.BytesIO(data[start:]),
        separator=delimiter,
        has_header=False,
        infer_schema=False,
    )
    if rows.height != len(widths) - header_row + 1:  # never seen; a shifted row number would be worse than slow
        return _parse_slowly(file, data, delimiter, header_row)
    if b'""' in data:  # an empty value in quotation marks is text to Polars
        rows = rows.with_columns(pl.when(pl.all() != "").then(pl.all()))
    return rows, list(range(header_row + 1, len(widths) + 1))


def _widths(data: bytes, delimiter: str) -> list[int] | None:
    """Return the number of fields of each record (0: a blank line), None where the quoting is unusual.

    A quoted value, its line breaks and delimiters with it, is first replaced by one zero byte. Quoting is
    unusual where a quotation mark is left over, or where a quoted value is not alone between two
    delimiters.
    """
    if b'"' in data:
        if b"\0" in data:
            return None
        data = _QUOTED.sub(b"\0", data)
        mark = re.escape(delimiter.encode())
        if b'"' in data or re.search(rb"[^\0\r\n%b]\0|\0[^\0\r\n%b]" % (mark, mark), data):
            return None
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    comma = delimiter.encode()
    return [line.count(comma) + 1 if line and line != b"\r" else 0 for line in lines]


def _record_start(data: bytes, number: int) -> int:
    """Return where a record starts, counted from 1. The records before it may have any number of fields."""
    start = 0
    for _ in range(number - 1):
        match = _RECORD.match(data, start)
        start = match.end() if match else len(data)
    return start


def _check_widths(file: SourceFile, widths: Sequence[int], header_row: int) -> None:
    width = widths[header_row - 1] if len(widths) >= header_row else 0
    if not width:
        raise SourceError(f"{file.name} has no headings in row {header_row}", where=str(file.path))
    ragged = [i for i in range(header_row, len(widths)) if widths[i] != width and widths[i] != 0]
    if ragged:
        raise _ragged(file, ragged[0] + 1, widths[ragged[0]], width, len(ragged))


def _ragged(file: SourceFile, number: int, has: int, expected: int, count: int) -> SourceError:
    more = f" ({count} such rows in all)" if count > 1 else ""
    return SourceError(
        f"{file.name}, row {number} has {has} values where the headings have {expected}{more}",
        where=f"{file.name}!row {number}",
        expected=f"{expected} values, separated as declared",
        do="a value that holds the delimiter must stand in quotation marks; ask for a clean export",
    )


def _parse_slowly(file: SourceFile, data: bytes, delimiter: str, header_row: int) -> tuple[pl.DataFrame, list[int]]:
    """Parse with the csv module, strictly: for quotation marks inside unquoted values, and to name the
    fault."""
    reader = csv.reader(io.StringIO(data.decode(), newline=""), delimiter=delimiter, strict=True)
    records: list[list[str]] = []
    try:
        records.extend(reader)
    except csv.Error as error:
        raise SourceError(
            f"{file.name} has a quotation mark that does not fit in row {len(records) + 1} ({error})",
            where=f"{file.name}!row {len(records) + 1} (line {reader.line_num} of the file)",
            expected="a value that holds quotation marks stands in quotation marks and doubles those inside",
            do="ask for a clean export",
        ) from error
    _check_widths(file, [len(record) for record in records], header_row)
    width = len(records[header_row - 1])
    padded = [[cell or None for cell in record] or [None] * width for record in records[header_row - 1 :]]
    schema = {str(i): pl.String for i in range(width)}
    return pl.DataFrame(padded, schema=schema, orient="row"), list(range(header_row + 1, len(records) + 1))


def _check_delimiter(file: SourceFile, rows: pl.DataFrame, delimiter: str) -> None:
    if rows.width > 1:
        return
    head = rows.item(0, 0) or ""
    other = next((mark for mark in ",;\t|" if mark != delimiter and mark in head), None)
    if other:
        raise SourceError(
            f"{file.name} has one column when split at {delimiter!r}, but its heading holds {other!r}",
            where=f"{file.name}: {head[:60]!r}",
            do=f"declare `delimiter: {other!r}` if that is what separates the values",
        )
