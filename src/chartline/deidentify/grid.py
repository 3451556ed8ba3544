"""A table of a file as rows of cells, whatever the file is: what is recognised and scrubbed.

A reader gives grids whose rows can be read again and again; a writer gets them with every cell scrubbed. Cells are what
the file holds: text, numbers, true dates, None for a blank one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from chartline.core.identifiers import heading_kind, heading_words

Cell = str | int | float | bool | dt.date | dt.datetime | dt.time | dt.timedelta | None
Row = list[Cell]
FIRST = 15  # rows among which the headings are
_NEARLY = 0.6
SAMPLE = 2000  # rows by whose values a column is recognised


@dataclass(frozen=True)
class Grid:
    """One sheet, delimited file or Parquet table. `head` rows come before the data, the last of them the headings."""

    file: str
    table: str
    headings: tuple[str, ...]
    head: int
    rows: Callable[[], Iterator[Row]]  # every row, those of the head included
    place: Callable[[int, int], str]  # row and column, from 0, to what a person finds them by
    form: bool = False  # whether its headings stand in its first column
    subject: int | None = None  # the column by which the format itself tells whose a row is

    def sample(self) -> list[list[str]]:
        """Return, by column, the different texts of its first rows."""
        seen: list[dict[str, None]] = [{} for _ in self.headings]
        for i, row in enumerate(self.rows()):
            if i >= self.head + SAMPLE:
                break
            for values, cell in zip(seen, row, strict=False):
                if i >= self.head and (text := as_text(cell)):
                    values[text] = None
        return [list(values) for values in seen]


def as_text(cell: Cell) -> str:
    """Return a cell as its text, a whole number without decimals; "" for a blank one, a truth value or a date."""
    if isinstance(cell, str):
        return cell.strip()
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        return ""
    return str(int(cell)) if float(cell).is_integer() else repr(cell)


def header_row(rows: list[Row]) -> int:
    """Return which of the first rows holds the headings.

    It is the row with most cells that are headings of identifiers, for these must not be missed; where no row has two
    of them, the first that has nearly as many texts as the fullest.
    """
    texts = [[c for c in row if isinstance(c, str) and c.strip()] for row in rows[:FIRST]]
    known = [sum(heading_kind(c) is not None for c in row) for row in texts]
    if max(known, default=0) > 1:
        return known.index(max(known))
    fullest = max(map(len, texts), default=0)
    return next((i for i, row in enumerate(texts) if len(row) >= _NEARLY * fullest), 0)


def is_form(rows: list[Row]) -> bool:
    """Return whether a table has its headings in its first column: two of its first rows begin with one of an
    identifier."""
    firsts = {row[0] for row in rows[:FIRST] if row and isinstance(row[0], str)}
    return sum(heading_kind(c) is not None and heading_words(c) != "patient" for c in firsts) > 1
