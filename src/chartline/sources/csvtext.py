"""Delimited text to a frame of text, shared by the readers of dialects that travel as CSV.

In: a file, its declared delimiter, encoding and heading record. Out: headings, a frame of text and the number of
every record, counted as a spreadsheet shows rows (a quoted line break does not start a new row, a blank line is a
row). Polars parses, block by block, so that reading takes no more memory than the table itself; before it does, the
shape of a block is checked (fields per record, RFC 4180 quoting), because Polars fills short rows with nulls without
a word. Files whose quoting is unusual go to the standard library's csv reader instead, which is slow but strict.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from chartline.errors import SourceError
from chartline.sources.base import RowLabels, SourceNote
from chartline.sources.csvblocks import QUOTED, BlockStream, text_blocks, whole_records
from chartline.sources.folder import SourceFile
from chartline.sources.headings import explain, name_columns
from chartline.sources.limits import MIB, RECORD_BYTES, TABLE_CELLS, too_many_cells

_RECORD = re.compile(rb'(?:[^"\n]++|"[^"]*+")*+\n')  # possessive: no backtracking
_SLOW_ROWS = 20_000  # records that the slow parser holds as Python lists at a time


@dataclass(frozen=True)
class Records:
    """The records under the headings. `frame` is all pl.String, blank is null; `first` is the number of its first
    record, counted from 1."""

    frame: pl.DataFrame
    first: int
    notes: tuple[SourceNote, ...]
    numbers: Sequence[int] | None = None  # of each record, where some were left out

    @property
    def labels(self) -> Sequence[str]:
        """The places of all records."""
        if self.numbers is not None:
            return [f"row {number}" for number in self.numbers]
        return RowLabels("row ", range(self.first, self.first + self.frame.height))

    def label(self, row: int) -> str:
        """The place of one record: 'row 258'."""
        return f"row {self.first + row if self.numbers is None else self.numbers[row]}"


@dataclass(frozen=True)
class Only:
    """Which records are wanted: those with one of these ids (Int64) in a column, whose heading stands here in small
    letters. An id may be written as a decimal ('8507.0')."""

    column: str
    ids: pl.Series


def read_records(
    file: SourceFile, delimiter: str = ",", encoding: str = "utf-8", header_row: int = 1, only: Only | None = None
) -> Records:
    """Read one delimited file; with `only`, of its records those that are wanted, in the memory that these need.

    Blank records inside are kept (all null), those at the end are dropped. Raises SourceError where the
    file is not text in the declared encoding, has no heading record, a record with another number of values
    than there are headings, a quotation mark that is never closed, or more than `limits` allow.
    """
    layout = _Layout(file, delimiter, header_row, only)
    rows = _parse(text_blocks(file, encoding), layout)
    if rows is None:
        layout = _Layout(file, delimiter, header_row, only)
        rows = _parse_slowly(text_blocks(file, encoding), layout)
    layout.check()
    _check_delimiter(file, rows, delimiter)
    cells, body = rows.row(0), rows.slice(1)
    body = body.slice(0, _to_last_filled(body))
    has_data = [series.null_count() < body.height for series in body]
    heads = name_columns(cells, has_data)
    notes = tuple(
        SourceNote(head.problem, f"{file.name}!row {header_row}!{head.name}", explain(head))
        for head in heads
        if head.problem
    )
    frame = pl.DataFrame([body.to_series(head.index).alias(head.name) for head in heads])
    return Records(frame, header_row + 1, notes, layout.numbers[: frame.height] if only is not None else None)


def _to_last_filled(body: pl.DataFrame) -> int:
    """Return how many records there are up to the last that holds a value."""
    if any(series.null_count() == 0 for series in body):
        return body.height
    filled = body.select(pl.any_horizontal(pl.all().is_not_null())).to_series().arg_true()
    return int(filled[-1]) + 1 if len(filled) else 0


class _Layout:
    """How many values each record of a file has, held against its heading record, block after block."""

    def __init__(self, file: SourceFile, delimiter: str, header_row: int, only: Only | None = None) -> None:
        self.file, self.delimiter, self.header_row, self.only = file, delimiter, header_row, only
        self.numbers: list[int] = []  # of the records that were wanted
        self._ids: str | None = None  # the column that says whether one is
        self.seen = 0  # records so far
        self.width = 0  # values of the heading record
        self.ragged = 0
        self._first: tuple[int, int] = (0, 0)  # the first ragged record and what it has

    def take(self, widths: Sequence[int]) -> int:
        """Note the widths of the next records (0: a blank line). Return how many of them come before the headings."""
        before = min(max(self.header_row - 1 - self.seen, 0), len(widths))
        for number, width in enumerate(widths[before:], self.seen + before + 1):
            if number == self.header_row:
                self.width = width
            if width not in (self.width, 0):
                self.ragged += 1
                self._first = self._first if self.ragged > 1 else (number, width)
        self.seen += len(widths)
        if self.only is None and (self.seen - self.header_row) * self.width > TABLE_CELLS:
            raise self._too_large()
        return before

    def wanted(self, frame: pl.DataFrame, first: int) -> pl.DataFrame:
        """Return of some records those that are wanted; `first` is the number of the first. The headings are."""
        if self.only is None:
            return frame
        if self._ids is None:
            names = [name for name in frame.columns if (frame[name][0] or "").strip().lower() == self.only.column]
            if not names:
                raise SourceError(f"{self.file.name} has no column {self.only.column}", where=str(self.file.path))
            self._ids = names[0]
            rest = self._picked(frame.slice(1), first + 1)
            return pl.concat([frame.slice(0, 1), rest])
        return self._picked(frame, first)

    def _picked(self, frame: pl.DataFrame, first: int) -> pl.DataFrame:
        assert self.only is not None and self._ids is not None
        ids = frame[self._ids].str.strip_chars().str.replace(r"\.0+$", "").cast(pl.Int64, strict=False)
        rows = ids.is_in(self.only.ids.implode()).fill_null(value=False).arg_true()
        self.numbers += (rows.cast(pl.Int64) + first).to_list()
        if len(self.numbers) * self.width > TABLE_CELLS:
            raise self._too_large()
        return frame[rows]

    def check(self) -> None:
        """Raise SourceError where the file has no heading record, or a record does not fit it."""
        if not self.width:
            raise SourceError(f"{self.file.name} has no headings in row {self.header_row}", where=str(self.file.path))
        if self.ragged:
            raise self._uneven()

    def check_length(self, record: int, size: int) -> None:
        """Raise SourceError where one record (counted from those seen) is longer than any table's."""
        if size > RECORD_BYTES:
            raise self.too_long(self.seen + record + 1)

    def too_long(self, number: int) -> SourceError:
        return SourceError(
            f"{self.file.name}, row {number} is longer than {RECORD_BYTES // MIB} MB",
            where=f"{self.file.name}!row {number}",
            expected="rows of a table",
            do="look for a quotation mark that is never closed, or a document in a cell; ask for a clean export",
        )

    def _too_large(self) -> SourceError:
        return too_many_cells(
            f"{self.file.name} is too large to hold: in its first {self.seen:,} rows it already",
            str(self.file.path),
            (self.seen - self.header_row) * self.width,
            TABLE_CELLS,
            "ask for the columns that the study needs, or for the file in parts",
        )

    def _uneven(self) -> SourceError:
        number, has = self._first
        more = f" ({self.ragged} such rows in all)" if self.ragged > 1 else ""
        return SourceError(
            f"{self.file.name}, row {number} has {has} values where the headings have {self.width}{more}",
            where=f"{self.file.name}!row {number}",
            expected=f"{self.width} values, separated as declared",
            do="a value that holds the delimiter must stand in quotation marks; ask for a clean export",
        )


def _parse(blocks: Iterator[bytes], layout: _Layout) -> pl.DataFrame | None:
    """Return the heading record and all below it as text; None where the quoting is unusual."""
    frames: list[pl.DataFrame] = []
    heading = b""
    for block in whole_records(blocks):
        widths = _widths(block, layout)
        if widths is None:
            return None
        before = layout.take(widths)
        if before == len(widths) or layout.ragged or not layout.width:
            continue
        records = block[_record_start(block, before) :]
        frame = _frame(heading + records, layout.delimiter)
        if frame.height != len(widths) - before + bool(heading):  # never seen; a shifted row would be worse than slow
            return None
        first = layout.seen - (len(widths) - before) + 1
        frames.append(layout.wanted(frame.slice(1) if heading else frame, first))
        heading = heading or records[: _record_start(records, 1)]  # before each block: its first line may be blank
    return pl.concat(frames, rechunk=False) if frames else pl.DataFrame()


def _frame(data: bytes, delimiter: str) -> pl.DataFrame:
    rows = pl.read_csv(io.BytesIO(data), separator=delimiter, has_header=False, infer_schema=False)
    if b'""' in data:  # an empty value in quotation marks is text to Polars
        rows = rows.with_columns(pl.when(pl.all() != "").then(pl.all()))
    return rows


def _widths(data: bytes, layout: _Layout) -> list[int] | None:
    """Return the number of fields of each record (0: a blank line), None where the quoting is unusual.

    A quoted value, its line breaks and delimiters with it, is first replaced by one zero byte (which no text
    holds). Quoting is unusual where a quotation mark is left over, or where a quoted value is not alone between
    two delimiters.
    """
    comma = layout.delimiter.encode()
    if b'"' in data:
        data = QUOTED.sub(b"\0", data)
        mark = re.escape(comma)
        if b'"' in data or re.search(rb"[^\0\r\n%b]\0|\0[^\0\r\n%b]" % (mark, mark), data):
            return None
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    layout.check_length(*max(enumerate(map(len, lines)), key=lambda one: one[1], default=(0, 0)))
    if data.count(b"\r") != data.count(b"\r\n") + data.endswith(b"\r"):
        raise _lone_return(layout, next(i for i, line in enumerate(lines) if b"\r" in line[:-1]))
    return [line.count(comma) + 1 if line and line != b"\r" else 0 for line in lines]


def _lone_return(layout: _Layout, record: int) -> SourceError:
    number = layout.seen + record + 1
    return SourceError(
        f"{layout.file.name}, row {number} holds a carriage return that ends no line",
        where=f"{layout.file.name}!row {number}",
        expected="one kind of line end in the whole file, and line breaks inside a value only in quotation marks",
        do="ask for a clean export; two files were perhaps joined",
    )


def _record_start(data: bytes, number: int) -> int:
    """Return where a record starts, counted from 0. The records before it may have any number of fields."""
    start = 0
    for _ in range(number):
        match = _RECORD.match(data, start)
        start = match.end() if match else len(data)
    return start


def _parse_slowly(blocks: Iterator[bytes], layout: _Layout) -> pl.DataFrame:
    """Parse with the csv module, strictly: for quotation marks inside unquoted values, and to name the
    fault."""
    csv.field_size_limit(RECORD_BYTES)
    text = io.TextIOWrapper(io.BufferedReader(BlockStream(blocks)), "utf-8", newline="")
    reader = csv.reader(text, delimiter=layout.delimiter, strict=True)
    frames: list[pl.DataFrame] = []
    records: list[list[str]] = []
    try:
        for record in reader:
            records.append(record)
            if len(records) == _SLOW_ROWS:
                frames.append(_slow_frame(records, layout))
                records.clear()
    except csv.Error as error:
        raise _misquoted(layout, layout.seen + len(records) + 1, reader.line_num, error) from error
    frames.append(_slow_frame(records, layout))
    return pl.concat([frame for frame in frames if frame.width] or [pl.DataFrame()], rechunk=False)


def _slow_frame(records: list[list[str]], layout: _Layout) -> pl.DataFrame:
    before = layout.take([len(record) for record in records])
    if layout.ragged or not layout.width:
        return pl.DataFrame()
    padded = [[cell or None for cell in record] or [None] * layout.width for record in records[before:]]
    frame = pl.DataFrame(padded, schema={str(i): pl.String for i in range(layout.width)}, orient="row")
    return layout.wanted(frame, layout.seen - len(padded) + 1)


def _misquoted(layout: _Layout, number: int, line: int, error: csv.Error) -> SourceError:
    if "field limit" in str(error):
        return layout.too_long(number)
    return SourceError(
        f"{layout.file.name} has a quotation mark that does not fit in row {number} ({error})",
        where=f"{layout.file.name}!row {number} (line {line} of the file)",
        expected="a value that holds quotation marks stands in quotation marks and doubles those inside",
        do="ask for a clean export",
    )


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
