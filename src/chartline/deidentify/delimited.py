"""Delimited text: read and written record by record, in the centre's own encoding and with its delimiter.

A file of any size costs the memory of a few records.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from chartline.deidentify.grid import FIRST, Grid, Row, as_text, header_row, is_form
from chartline.errors import SourceError

_ENCODINGS = ("utf-8", "cp1252", "latin-1")
_DELIMITERS = ",;\t|"
_LOOKED_AT = 1 << 20  # bytes by which the encoding is told
Scrub = Callable[[Grid, int, Row], Row]


class Delimited:
    """One delimited file."""

    def __init__(self, name: str, path: Path) -> None:
        csv.field_size_limit(1 << 27)
        self._path, self._name = path, name
        self._encoding = _encoding(path)
        self._delimiter = self._told_delimiter()
        first: list[Row] = list(islice(self._records(), FIRST))
        head = header_row(first)
        headings = tuple(as_text(c) for c in first[head]) if first else ()

        def place(r: int, c: int) -> str:
            return f"row {r + 1}!{headings[c]}"

        self.grids = [Grid(name, Path(name).stem, headings, head + 1, self._records, place, is_form(first))]

    def _records(self) -> Iterator[Row]:
        with self._path.open(encoding=self._encoding, newline="") as f:
            try:
                for record in csv.reader(f, delimiter=self._delimiter):
                    yield list(record)
            except (csv.Error, UnicodeDecodeError) as e:
                raise SourceError(f"{self._name} cannot be read as delimited text: {e}", where=self._name) from None

    def _told_delimiter(self) -> str:
        with self._path.open(encoding=self._encoding, newline="") as f:
            start = f.read(4096)
        line = next((line for line in start.splitlines() if line.strip()), "")
        return max(_DELIMITERS, key=line.count)

    def write(self, to: Path, scrub: Scrub) -> None:
        """Write the copy, every record scrubbed."""
        grid = self.grids[0]
        with to.open("w", encoding=self._encoding, newline="") as f:
            writer = csv.writer(f, delimiter=self._delimiter, lineterminator="\n")
            for r, row in enumerate(grid.rows()):
                writer.writerow(["" if c is None else c for c in scrub(grid, r, row)])


def _encoding(path: Path) -> str:
    """Return how the file is written: by its mark, else the first of the usual ones in which it can be read whole."""
    with path.open("rb") as f:
        start = f.read(4)
    if start.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    for encoding in _ENCODINGS:
        try:
            with path.open(encoding=encoding, newline="") as f:
                while f.read(_LOOKED_AT):
                    pass
            return encoding
        except UnicodeDecodeError:
            continue
    return _ENCODINGS[-1]


def read_text(data: bytes) -> str:
    """Return a small text file's content, in whichever of the usual encodings it is."""
    for encoding in ("utf-8-sig", *_ENCODINGS[1:]):
        try:
            return io.BytesIO(data).read().decode(encoding)
        except UnicodeDecodeError:
            continue
    return ""
