"""The cells of a spreadsheet as calamine reads them: xlsx here, the older formats in a process of their own.

In: the bytes of a workbook. Out: its sheets, and the grid of each. An xlsx file was unpacked and measured before it
comes here (`archive`, `extent`). The inside of xls, xlsb and ods cannot be looked at first, and a hostile one makes
calamine ask for more memory than there is, which ends the process: so such a file is read by another process, with a
limit to its memory and time. It is started with `python -m`, for multiprocessing would run the caller's script again.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, TypeVar

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from chartline.sources.limits import SHEET_CELLS

Place = tuple[int, int]
T = TypeVar("T")
_MEMORY = 4 << 30  # bytes that the other process may have
_SECONDS = 300


class UnreadableBook(Exception):
    """calamine cannot read the file; the text says why."""


class BookTooLarge(Exception):
    """A sheet has more cells than are read; the text says how many."""


@dataclass(frozen=True)
class Sheet:
    """What the workbook says of a sheet. `worksheet` is False for a chart or a macro."""

    name: str
    worksheet: bool
    hidden: bool


@dataclass(frozen=True)
class Grid:
    """The cells of a sheet from A1 on, "" where blank, as calamine types them; merged ranges as (first, last) cell,
    rows and columns from 0."""

    rows: list[list[Any]]
    merged: Sequence[tuple[Place, Place]]


@dataclass(frozen=True)
class Book:
    """A workbook; `grid` reads a sheet by its name and may raise UnreadableBook or BookTooLarge."""

    sheets: list[Sheet]
    grid: Callable[[str], Grid]


def open_book(data: bytes) -> Book:
    """Open an xlsx file that was measured. Raises UnreadableBook."""
    book = _guarded(lambda: CalamineWorkbook.from_filelike(BytesIO(data)))
    return Book(_sheets(book), lambda name: _guarded(lambda: _grid(book.get_sheet_by_name(name))))


def open_apart(data: bytes, wanted: Sequence[str]) -> Book:
    """Open a file of an older format in another process, which reads the `wanted` sheets. Raises UnreadableBook or
    BookTooLarge."""
    command = [sys.executable, "-m", "chartline.sources.grid"]
    try:
        done = subprocess.run(
            command, input=pickle.dumps((data, tuple(wanted))), capture_output=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise BookTooLarge(f"it takes more than {_SECONDS} seconds to read") from None
    if done.returncode < 0 or not done.stdout:
        raise BookTooLarge(f"it needs more than {_MEMORY >> 30} GB of memory to read")
    answer = pickle.loads(done.stdout)
    if isinstance(answer, Exception):
        raise answer
    sheets, grids = answer
    return Book(sheets, grids.__getitem__)


def _guarded(read: Callable[[], T]) -> T:
    """Call calamine; what it says of a damaged file, and where it gives up on one, becomes UnreadableBook."""
    try:
        return read()
    except (CalamineError, ValueError, OverflowError) as error:
        raise UnreadableBook(str(error)) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # a Rust library that gives up; no subclass of Exception
            raise
        raise UnreadableBook(str(error)) from error


def _sheets(book: CalamineWorkbook) -> list[Sheet]:
    return [
        Sheet(one.name, one.typ is SheetTypeEnum.WorkSheet, one.visible is not SheetVisibleEnum.Visible)
        for one in book.sheets_metadata
    ]


def _grid(sheet: CalamineSheet) -> Grid:
    cells = sheet.total_height * sheet.total_width
    if cells > SHEET_CELLS:
        raise BookTooLarge(f"sheet {sheet.name!r} has {cells:,} cells")
    return Grid(sheet.to_python(skip_empty_area=False), sheet.merged_cell_ranges or [])


def _answer() -> None:
    """The other process: one pickled (bytes, sheets) in, one pickled (sheets, grids) or exception out."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        pass
    else:
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    data, wanted = pickle.load(sys.stdin.buffer)
    try:
        book = open_book(data)
        there = {sheet.name for sheet in book.sheets}
        answer: Any = (book.sheets, {name: book.grid(name) for name in wanted if name in there})
    except (UnreadableBook, BookTooLarge) as error:
        answer = error
    pickle.dump(answer, sys.stdout.buffer)


if __name__ == "__main__":
    # Under its own name, so that what is pickled here is known where it is read.
    from chartline.sources.grid import _answer as answer

    answer()
