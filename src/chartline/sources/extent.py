"""How far a sheet reaches, found before anything makes room for it: calamine holds a sheet as one block from its
first to its last cell, and two cells in opposite corners would be 17 thousand million.

In: the XML of a sheet. Out: rows and columns up to the last cell that holds something. Formatted cells without
content do not count, as in calamine.
"""

from __future__ import annotations

import re
from xml.parsers import expat

from chartline.sources.workbook_xml import place_of

_REFERENCE = re.compile(rb"""(?<![\w:.-])r\s*=\s*["']([^"']*)["']""")
_CELL = re.compile(rb"<(?:\w+:)?c[\s/>]")
_ROW = re.compile(rb"<(?:\w+:)?row[\s/>]")
_PLACE = re.compile(r"[A-Z]{1,3}[1-9][0-9]{0,6}")
_ROWS, _COLUMNS = 1_048_576, 16_384  # of any sheet (ECMA-376: XFD1048576 is its last cell)


def extent(data: bytes, enough: int) -> tuple[int, int]:
    """Return (rows, columns) of a sheet; a quick look where that shows fewer than `enough` cells, else exactly.

    Raises ValueError or ExpatError for a reference that is none, or lies outside of any sheet.
    """
    rows, columns = _quick(data)
    return (rows, columns) if rows * columns <= enough else _exact(data)


def _quick(data: bytes) -> tuple[int, int]:
    """An upper bound, from all that looks like a reference anywhere in the sheet."""
    places = _REFERENCE.findall(data)
    cells = [place for place in places if not place.isdigit()]
    unnamed = (len(_CELL.findall(data)) - len(cells), len(_ROW.findall(data)) - (len(places) - len(cells)))
    if any(count > 0 for count in unnamed):  # cells that do not say where they are follow on
        return _ROWS, _COLUMNS
    letters = {place.rstrip(b"0123456789") for place in cells}
    columns = max((_place(f"{letter.decode('ascii', 'replace')}1")[1] for letter in letters), default=-1) + 1
    rows = max((int(place[len(place.rstrip(b"0123456789")) :] or 0) for place in places), default=0)
    if rows > _ROWS:
        raise ValueError(f"row {rows} is outside of any sheet")
    return rows, columns


def _place(ref: str) -> tuple[int, int]:
    if not _PLACE.fullmatch(ref):
        raise ValueError(f"{ref[:40]!r} is no place in a sheet")
    row, column = place_of(ref)
    if row >= _ROWS or column >= _COLUMNS:
        raise ValueError(f"{ref} is outside of any sheet")
    return row, column


def _exact(data: bytes) -> tuple[int, int]:
    walk = _Walk()
    parser = expat.ParserCreate()
    parser.StartElementHandler = walk.start
    parser.Parse(data, True)
    return walk.rows, walk.columns


class _Walk:
    """Follows the cells of a sheet; a cell counts once it has a value, a text or a formula."""

    def __init__(self) -> None:
        self.rows = self.columns = 0
        self._row, self._column = -1, -1

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        tag = tag.rpartition(":")[2]
        if tag == "row":
            self._row, self._column = (int(attributes["r"]) - 1 if "r" in attributes else self._row + 1), -1
        elif tag == "c":
            self._row, self._column = _place(attributes["r"]) if "r" in attributes else (self._row, self._column + 1)
        elif tag in ("v", "is", "f"):
            self.rows, self.columns = max(self.rows, self._row + 1), max(self.columns, self._column + 1)
