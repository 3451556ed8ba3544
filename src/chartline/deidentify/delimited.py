"""Delimited text: read and written record by record, in the centre's own encoding and with its delimiter.

A file of any size costs the memory of a few records; a record that is longer than any table's is refused.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from chartline.deidentify.grid import FIRST, Grid, Row, as_text, header_row, is_form
from chartline.errors import SourceError
from chartline.sources.csvblocks import text_blocks
from chartline.sources.folder import SourceFile
from chartline.sources.limits import MIB, RECORD_BYTES

_ENCODINGS = ("utf-8", "cp1252", "latin-1")
_DELIMITERS = ",;\t|"
_LOOKED_AT = 1 << 20  # bytes by which the encoding is told
Scrub = Callable[[Grid, int, Row], Row]


class Delimited:
    """One delimited file."""

    def __init__(self, file: SourceFile) -> None:
        """Read the first records. Raises SourceError where the file is no delimited text."""
        self._file = file
        self._encoding = _encoding(file.path)
        self._delimiter = self._told_delimiter()
        first: list[Row] = list(islice(self._records(), FIRST))
        head = header_row(first)
        headings = tuple(as_text(c) for c in first[head]) if first else ()

        def place(r: int, c: int) -> str:
            return f"row {r + 1}!{headings[c]}"

        self.grids = [Grid(file.name, Path(file.name).stem, headings, head + 1, self._records, place, is_form(first))]

    def _records(self) -> Iterator[Row]:
        csv.field_size_limit(RECORD_BYTES)
        lines = _Lines(self._file, self._encoding)
        try:
            for number, record in enumerate(csv.reader(lines, delimiter=self._delimiter), 1):
                lines.next_record(number)
                yield list(record)
        except csv.Error as e:
            raise SourceError(
                f"{self._file.name} cannot be read as delimited text: {e}",
                where=self._file.name,
                do="look for a quotation mark that is never closed; ask for a clean export",
            ) from None

    def _told_delimiter(self) -> str:
        line = next((line for line in _Lines(self._file, self._encoding) if line.strip()), "")
        return max(_DELIMITERS, key=line.count)

    def write(self, to: Path, scrub: Scrub) -> None:
        """Write the copy, every record scrubbed."""
        grid = self.grids[0]
        with to.open("w", encoding=self._encoding, newline="") as f:
            writer = csv.writer(f, delimiter=self._delimiter, lineterminator="\n")
            for r, row in enumerate(grid.rows()):
                writer.writerow(["" if c is None else c for c in scrub(grid, r, row)])


class _Lines:
    """The lines of a file, with their ends, as the csv module takes them; it joins those of a quoted value."""

    def __init__(self, file: SourceFile, encoding: str) -> None:
        self._file, self._blocks, self._rest = file, text_blocks(file, encoding), b""
        self._ready: Iterator[bytes] = iter(())
        self._taken = self._record = 0  # bytes of the record so far; records so far

    def next_record(self, number: int) -> None:
        """Say that a record is whole: what comes now is of the next."""
        self._taken, self._record = 0, number

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._ready, None)
        while line is None:
            self._fill()
            line = next(self._ready, None)
        self._taken += len(line)
        if self._taken > RECORD_BYTES:
            raise self._too_long()
        return line.decode()

    def _fill(self) -> None:
        if len(self._rest) > RECORD_BYTES:
            raise self._too_long()
        block = next(self._blocks, None)
        if block is None and not self._rest:
            raise StopIteration
        *whole, self._rest = (self._rest + (block or b"")).split(b"\n")
        if block is None:
            whole, self._rest = [*whole, self._rest] if self._rest else whole, b""
            self._ready = iter(whole)
        else:
            self._ready = (line + b"\n" for line in whole)

    def _too_long(self) -> SourceError:
        return SourceError(
            f"{self._file.name}, row {self._record + 1} is longer than {RECORD_BYTES // MIB} MB",
            where=f"{self._file.name}!row {self._record + 1}",
            expected="rows of a table",
            do="look for a quotation mark that is never closed, or a document in a cell; ask for a clean export",
        )


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
