"""Spreadsheets: read as `sources/workbook.py` reads them, written anew by xlsxwriter, sheet by sheet and cell by cell.

The copy holds what the cells hold and nothing else: no comment, author, name of a saver, header, footer, picture,
formula, macro or link to another file, each of which can name a person. Positions, sheet names and their order,
merged ranges, hidden rows, columns and sheets, true dates, per cent formats and error texts stay, so that a mapping
and its addresses still fit.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from chartline.deidentify.grid import Cell, Grid, Row, as_text, header_row, is_form
from chartline.errors import SourceError
from chartline.sources.folder import SourceFile
from chartline.sources.workbook import open_sheets
from chartline.sources.workbook_xml import SheetFacts

_WIDTH = 14  # letters of a column, so that a date can be seen
_FIXED_DAY = dt.datetime(2000, 1, 1)  # a creation date that tells nothing
_DAY, _MOMENT, _TIME, _PER_CENT = "yyyy-mm-dd", "yyyy-mm-dd hh:mm:ss", "hh:mm:ss", "0.00%"
_FIRST_YEAR = 1900  # before it a spreadsheet has no dates, and people write text
_ERRORS = {"#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A", "#GETTING_DATA"}  # ECMA-376 18.17.3
Scrub = Callable[[Grid, int, Row], Row]


class Workbook:
    """One xlsx file. Sheets without cells are copied empty."""

    def __init__(self, file: SourceFile) -> None:
        """Read the cells. Raises SourceError where the file is damaged or larger than is read."""
        self._file = file
        self._sheets, self._facts = open_sheets(file)
        cells = {name: [[None if c == "" else c for c in row] for row in s.rows] for name, s in self._sheets.items()}
        self.grids = [self._grid(file.name, sheet, rows) for sheet, rows in cells.items()]
        self.comments = sum(len(f.comments) for f in self._facts.values())

    def _grid(self, file: str, sheet: str, rows: list[Row]) -> Grid:
        head = header_row(rows)
        headings = tuple(as_text(c) for c in rows[head]) if rows else ()

        def again() -> Iterator[Row]:
            yield from rows

        return Grid(file, sheet, headings, head + 1, again, lambda r, c: f"{_letters(c)}{r + 1}", is_form(rows))

    def write(self, to: Path, scrub: Scrub) -> None:
        """Write the copy, every row scrubbed. Raises SourceError for what no xlsx file can hold."""
        from xlsxwriter.exceptions import XlsxWriterException

        try:
            self._write(to, scrub)
        except XlsxWriterException as error:  # the name of a sheet, ranges merged twice over
            raise self._refused(f"holds what an xlsx file cannot: {error}") from error

    def _write(self, to: Path, scrub: Scrub) -> None:
        import xlsxwriter

        book = xlsxwriter.Workbook(
            str(to), {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
        )
        book.set_properties({"author": "", "company": "", "created": _FIXED_DAY})
        formats = {f: book.add_format({"num_format": f}) for f in (_DAY, _MOMENT, _TIME, _PER_CENT)}
        for grid in self.grids:
            sheet = book.add_worksheet(grid.table)
            facts = self._facts.get(grid.table, SheetFacts())
            if grid.headings:
                sheet.set_column(0, len(grid.headings) - 1, _WIDTH)
            self._merge(sheet, grid.table)
            for r, row in enumerate(grid.rows()):
                for c, cell in enumerate(scrub(grid, r, row)):
                    if _write_cell(sheet, r, c, cell, formats, (r, c) in facts.percents):
                        raise self._refused(f"holds what an xlsx file cannot, in {grid.table}!{_letters(c)}{r + 1}")
            self._lay_out(sheet, facts)
            if not self._sheets[grid.table].visible:
                sheet.hide()
        book.close()

    def _refused(self, what: str) -> SourceError:
        return SourceError(
            f"{self._file.name} {what}",
            where=str(self._file.path),
            expected="cells of up to 32,767 letters, sheets named as Excel allows",
            do="open it in a spreadsheet program, mend that, and save it again as xlsx",
        )

    def _merge(self, sheet: Any, name: str) -> None:
        """Merge the ranges before their cells are written, for merging writes blanks."""
        for (top, left), (bottom, right) in self._sheets[name].merged:
            if (top, left) != (bottom, right):
                sheet.merge_range(top, left, bottom, right, "")

    def _lay_out(self, sheet: Any, facts: SheetFacts) -> None:
        for place, text in facts.errors.items():
            if text in _ERRORS:
                sheet.write_formula(*place, f"={text}", None, text)  # as Excel keeps an error: a formula that gives it
            else:
                sheet.write_string(*place, text)  # a file may say that anything is an error: it is no formula of ours
        for row in facts.hidden_rows:
            sheet.set_row(row, None, None, {"hidden": True})
        for first, last in facts.hidden_columns:
            sheet.set_column(first, last, None, None, {"hidden": True})


def _write_cell(sheet: Any, r: int, c: int, cell: Cell, formats: dict[str, Any], per_cent: bool) -> int:
    """Write one cell; return what xlsxwriter says of it: 0, or another number where it wrote nothing."""
    if cell is None or cell == "":
        return 0
    if isinstance(cell, bool):
        return int(sheet.write_boolean(r, c, cell))
    if isinstance(cell, int | float):
        if not math.isfinite(cell):  # 1e400: no number to Excel, and a text that is queried to chartline
            return int(sheet.write_string(r, c, repr(cell)))
        return int(sheet.write_number(r, c, cell, formats[_PER_CENT] if per_cent else None))
    if isinstance(cell, dt.date):
        if cell.year < _FIRST_YEAR:
            return int(sheet.write_string(r, c, cell.isoformat()[:10]))
        whole = not isinstance(cell, dt.datetime) or cell.time() == dt.time()
        return int(sheet.write_datetime(r, c, cell, formats[_DAY if whole else _MOMENT]))
    if isinstance(cell, dt.time | dt.timedelta):
        return int(sheet.write_datetime(r, c, cell, formats[_TIME]))
    return int(sheet.write_string(r, c, cell))


def _letters(column: int) -> str:
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters
