"""Spreadsheets to SourceTables, one per declared sheet.

In: an xlsx, xlsm, xls, xlsb or ods file and where each sheet's headings are. Out: typed text with the kind
of every cell, and notes. Values come from calamine (`grid`), which knows both Excel epochs (1900 and 1904) and which
number formats are dates; `workbook_xml` adds what calamine cannot see. Hidden rows, columns and sheets are
read like any other and noted: hiding is how a centre tidies its screen, not how it withdraws a patient.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from xml.etree.ElementTree import ParseError
from xml.parsers.expat import ExpatError

import polars as pl

from chartline.errors import MappingError, SourceError
from chartline.sources.archive import DAMAGE, repacked, unpacked
from chartline.sources.base import SourceData, SourceNote, SourceTable, add_table
from chartline.sources.cell_text import CellText, ErrorCell, PerCent, cell_text
from chartline.sources.extent import extent
from chartline.sources.folder import CentreFolder, SourceFile, seems
from chartline.sources.grid import Book, BookTooLarge, Grid, UnreadableBook, open_apart, open_book
from chartline.sources.headings import Heading, column_letter, explain, name_columns
from chartline.sources.limits import SHEET_CELLS, named, too_many_cells
from chartline.sources.spec import SheetSpec, SourceSpec
from chartline.sources.workbook_xml import Place, SheetFacts, inspect_workbook, sheet_parts

ENDINGS = (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods")
SPREADSHEETS = (
    "an Excel workbook",
    "a binary Excel workbook",
    "an OpenDocument spreadsheet",
    "an old Office file (xls, doc)",
)


def read_workbook(centre: CentreFolder, spec: SourceSpec) -> SourceData:
    """Read the declared sheets of each workbook that `spec.path` means.

    Raises SourceError where a file is not a readable spreadsheet or larger than `limits` allow, MappingError where a
    sheet is there but neither declared nor listed in `other_sheets`, or declared but not there.
    """
    tables: dict[str, SourceTable] = {}
    notes: list[SourceNote] = []
    for file in centre.find(spec.path or ".", ENDINGS):
        data = file.read()
        looks = _check_kind(file, data)
        with _faults(file, looks):
            book, facts = _open(file, data, looks, spec.sheets)
            _check_sheets(file, book, spec)
            for sheet in book.sheets:
                if sheet.name not in spec.sheets:
                    continue
                own = facts.get(sheet.name, SheetFacts())
                reader = _SheetReader(file.name, sheet.name, spec.sheets[sheet.name], own)
                add_table(tables, reader.read(book.grid(sheet.name)))
                if sheet.hidden:
                    notes.append(SourceNote("hidden_sheet", f"{file.name}!{sheet.name}", _HIDDEN))
                notes.extend(reader.notes)
        if looks != _XLSX:
            notes.append(SourceNote("not_inspected", file.name, _NOT_INSPECTED))
    return SourceData(tables, tuple(notes))


@dataclass(frozen=True)
class Survey:
    """One sheet as it stands, before anybody said where its headings are. Places are counted from 0.

    The cells of `rows` are typed by calamine, "" where blank.
    """

    rows: list[list[Any]]
    merged: Sequence[tuple[Place, Place]]
    visible: bool


def open_sheets(file: SourceFile) -> tuple[dict[str, Survey], Mapping[str, SheetFacts]]:
    """Return every worksheet of a spreadsheet from its first row and column on, and what only its XML shows.

    Raises SourceError where the file is not a readable spreadsheet, or larger than `limits` allow.
    """
    data = file.read()
    looks = _check_kind(file, data)
    with _faults(file, looks):
        names = sheet_parts(unpacked(file, data)) if looks == _XLSX else [s.name for s in open_apart(data, []).sheets]
        book, facts = _open(file, data, looks, list(names))
        grids = {sheet: book.grid(sheet.name) for sheet in book.sheets if sheet.worksheet}
        return {s.name: Survey(grid.rows, grid.merged, not s.hidden) for s, grid in grids.items()}, facts


def survey_sheets(file: SourceFile) -> dict[str, Survey]:
    """Return every worksheet with its cells as (text, kind). Raises SourceError as `open_sheets` does."""
    sheets, facts = open_sheets(file)
    for name, sheet in sheets.items():
        lay_over(sheet.rows, facts.get(name, SheetFacts()))
    return {
        name: replace(sheet, rows=[[cell_text(value) for value in row] for row in sheet.rows])
        for name, sheet in sheets.items()
    }


@contextmanager
def _faults(file: SourceFile, looks: str) -> Iterator[None]:
    """Say what is wrong with a file that cannot be read, or is too large."""
    try:
        yield
    except (UnreadableBook, ParseError, ExpatError, *DAMAGE) as error:
        raise _damaged(file, looks, error) from error
    except BookTooLarge as error:
        raise SourceError(
            f"{file.name} is too large to read: {error}", where=str(file.path), expected=_AT_MOST, do=_SMALLER
        ) from error


_XLSX = "an Excel workbook"
_HIDDEN = "This sheet is hidden. It was read."
_AT_MOST = f"at most {SHEET_CELLS:,} cells from the first to the last of a sheet"
_SMALLER = "ask the centre to copy the data into a new workbook, or to save them as delimited text (CSV)"
_NOT_INSPECTED = (
    "Hidden rows, comments, formulas without a value and error cells cannot be seen in this file format; an error "
    "cell reads as blank. Ask for an xlsx file if that matters."
)


def _check_kind(file: SourceFile, data: bytes) -> str:
    """Return what the file looks like. Raises SourceError if that is no spreadsheet."""
    looks = seems(data)
    if looks not in SPREADSHEETS:
        raise SourceError(
            f"{file.name} is not a spreadsheet: it seems to be {looks}",
            where=str(file.path),
            expected="xlsx, xlsm, xls, xlsb or ods",
            do="ask the centre to save it as an Excel workbook (xlsx), or declare what it is",
        )
    return looks


def _open(file: SourceFile, data: bytes, looks: str, wanted: Collection[str]) -> tuple[Book, Mapping[str, SheetFacts]]:
    """Return the workbook and what only its XML shows, which is nothing where it is not xlsx."""
    if looks != _XLSX:
        return open_apart(data, list(wanted)), {}
    parts = unpacked(file, data)
    declared = {name: part for name, part in sheet_parts(parts).items() if name in wanted}
    for name, part in declared.items():
        _check_extent(file, name, parts[part])
    read = set(declared.values())
    # calamine sees what was measured, and no sheet beside it
    seen = {part: xml for part, xml in parts.items() if part in read or b"sheetData" not in xml}
    return open_book(repacked(seen)), inspect_workbook(parts, wanted)


def _check_extent(file: SourceFile, sheet: str, xml: bytes) -> None:
    rows, columns = extent(xml, SHEET_CELLS)
    if rows * columns > SHEET_CELLS:
        what = f"{file.name}, sheet {sheet!r} reaches to row {rows:,} and column {column_letter(columns - 1)}: it"
        raise too_many_cells(what, f"{file.name}!{sheet}", rows * columns, SHEET_CELLS, _SMALLER)


def _damaged(file: SourceFile, looks: str, error: Exception) -> SourceError:
    return SourceError(
        f"{file.name} cannot be read: it looks like {looks}, but is damaged ({str(error)[:200]})",
        where=str(file.path),
        do="open it in a spreadsheet program, save it again as xlsx, and send that",
    )


def lay_over(grid: list[list[Any]], facts: SheetFacts) -> None:
    """Put error texts, formulas without a value and per cent numbers over calamine's values."""
    overlay = {**facts.errors, **facts.formulas}
    height = max([len(grid), *(row + 1 for row, _ in overlay)])
    width = max([len(grid[0]) if grid else 0, *(column + 1 for _, column in overlay)])
    grid.extend([] for _ in range(height - len(grid)))
    for row in grid:
        row.extend([""] * (width - len(row)))
    for (top, left), text in overlay.items():
        grid[top][left] = ErrorCell(text)
    for top, left in facts.percents:
        if isinstance(grid[top][left], float):
            grid[top][left] = PerCent(grid[top][left])


def _check_sheets(file: SourceFile, book: Book, spec: SourceSpec) -> None:
    there = [sheet.name for sheet in book.sheets if sheet.worksheet]
    where = f"{file.name} (sheets: {named(there)})"
    missing = [name for name in spec.sheets if name not in there]
    if missing:
        raise MappingError(
            f"{file.name} has no sheet called {named([*map(repr, missing)])}",
            where=where,
            expected=f"one of: {named(there)}",
            do="correct the sheet's name in the mapping; capitals and blanks count",
        )
    extra = [name for name in there if name not in spec.sheets and name not in spec.other_sheets]
    if extra:
        raise MappingError(
            f"{file.name} has sheet(s) that the mapping does not know: {named([*map(repr, extra)])}",
            where=where,
            expected="every sheet is read, or is listed in other_sheets with a reason",
            do="map the sheet or list it in other_sheets",
        )


@dataclass
class _SheetReader:
    """Reads one sheet. Rows and columns are counted from 0 inside, from 1 in addresses."""

    file: str
    sheet: str
    spec: SheetSpec
    facts: SheetFacts

    def __post_init__(self) -> None:
        self.notes: list[SourceNote] = []

    def read(self, cells: Grid) -> SourceTable:
        grid, merged = cells.rows, cells.merged
        lay_over(grid, self.facts)
        first = self.spec.data_row - 1
        rows = _without_blank_tail(grid[first:])
        headings = self._headings(grid, rows, merged)
        columns = {head.name: [cell_text(row[head.index]) for row in rows] for head in headings}
        self._note_cells(headings, range(first, first + len(rows)), merged)
        return SourceTable(
            file=self.file,
            name=self.sheet,
            frame=_frame(columns, 0),
            places={head.name: column_letter(head.index) for head in headings},
            row_labels=[str(first + i + 1) for i in range(len(rows))],
            kinds=_frame(columns, 1),
            grid=True,
            hidden_rows=frozenset(i for i in range(len(rows)) if first + i in self.facts.hidden_rows),
        )

    def _headings(
        self, grid: list[list[Any]], rows: list[list[Any]], merged: Sequence[tuple[Place, Place]]
    ) -> list[Heading]:
        head_row = self.spec.header_row - 1
        if head_row >= len(grid):
            raise MappingError(
                f"Sheet {self.sheet!r} has no row {self.spec.header_row} to take headings from",
                where=f"{self.file}!{self.sheet}",
                expected=f"a heading row among its {len(grid)} row(s)",
                do="correct header_row, or list the sheet in other_sheets if it is empty",
            )
        has_data = [any(row[i] != "" for row in rows) for i in range(len(grid[0]))]
        groups = _carried(grid, self.spec.group_row - 1, merged) if self.spec.group_row else []
        headings = name_columns(_carried(grid, head_row, merged), has_data, groups)
        for head in headings:
            if head.problem:
                self._note(head.problem, (head_row, head.index), explain(head))
        return headings

    def _note_cells(self, headings: list[Heading], rows: range, merged: Sequence[tuple[Place, Place]]) -> None:
        """Note everything about the table's own cells that a plain value does not tell."""
        columns = {head.index for head in headings}
        facts = self.facts
        self._note_hidden(headings, rows)
        self._by_column("error_cell", facts.errors, rows, columns, "holds an error, not a value")
        self._by_column("formula_without_value", facts.formulas, rows, columns, _NO_VALUE)
        self._by_column("percent_format", dict.fromkeys(facts.percents, "%"), rows, columns, _PER_CENT)
        for (top, left), (bottom, right) in merged:
            if top in rows and left in columns and (bottom, right) != (top, left):
                span = f"{_cell(top, left)}:{_cell(bottom, right)}"
                self._note("merged_cells", (top, left), f"{span} are merged: only the first holds the value.")
        for place, text in sorted(facts.comments.items()):
            if place[0] in rows:
                self._note("comment", place, f"This cell has a comment: {text!r}.")

    def _note_hidden(self, headings: list[Heading], rows: range) -> None:
        for start, end in _runs(sorted(self.facts.hidden_rows.intersection(rows))):
            which = f"Row {start + 1} is" if start == end else f"Rows {start + 1} to {end + 1} are"
            address = f"{self.file}!{self.sheet}!row {start + 1}"
            message = f"{which} hidden in the spreadsheet, and read like any other."
            self.notes.append(SourceNote("hidden_row", address, message))
        for head in headings:
            if any(first <= head.index <= last for first, last in self.facts.hidden_columns):
                where = (self.spec.header_row - 1, head.index)
                self._note("hidden_column", where, f"Column {head.name!r} is hidden, and read like any other.")

    def _by_column(self, rule: str, cells: dict[Place, str], rows: range, columns: set[int], what: str) -> None:
        """One note per column, at its first cell, naming up to five of the cells."""
        for column in sorted(columns):
            found = sorted(place for place in cells if place[1] == column and place[0] in rows)
            if found:
                named = ", ".join(f"{_cell(*place)} ({cells[place]})" for place in found[:5])
                more = f" and {len(found) - 5} more" if len(found) > 5 else ""
                self._note(rule, found[0], f"{named}{more}: {what}.")

    def _note(self, rule: str, place: Place, message: str) -> None:
        self.notes.append(SourceNote(rule, f"{self.file}!{self.sheet}!{_cell(*place)}", message))


_NO_VALUE = "a formula was saved without its result; open the file in a spreadsheet program and save it again"
_PER_CENT = "the number is shown as per cent, and read as shown"


def _cell(row: int, column: int) -> str:
    return f"{column_letter(column)}{row + 1}"


def _without_blank_tail(rows: list[list[Any]]) -> list[list[Any]]:
    """Drop the blank rows that follow the last row with anything in it; blank rows between stay."""
    last = next((i for i in range(len(rows), 0, -1) if any(cell != "" for cell in rows[i - 1])), 0)
    return rows[:last]


def _carried(grid: list[list[Any]], row: int, merged: Sequence[tuple[Place, Place]]) -> list[str | None]:
    """Return a heading row as text, each merged range showing its first cell's text in every column."""
    texts = [cell_text(cell)[0] for cell in grid[row]]
    for (top, left), (bottom, right) in merged:
        if top <= row <= bottom:
            texts[left : right + 1] = [cell_text(grid[top][left])[0]] * len(texts[left : right + 1])
    return texts


def _runs(numbers: list[int]) -> Iterator[tuple[int, int]]:
    """Yield the runs of consecutive numbers: [3, 4, 5, 9] -> (3, 5), (9, 9)."""
    start = previous = None
    for number in numbers:
        if start is None or previous is None or number != previous + 1:
            if start is not None and previous is not None:
                yield start, previous
            start = number
        previous = number
    if start is not None and previous is not None:
        yield start, previous


def _frame(columns: dict[str, list[CellText]], part: int) -> pl.DataFrame:
    return pl.DataFrame(
        [pl.Series(name, [cell[part] for cell in cells], dtype=pl.String) for name, cells in columns.items()]
    )
