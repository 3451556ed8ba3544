"""Parquet tables: read whole, written anew with the same columns and types, without statistics or foreign metadata."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl

from chartline.deidentify.grid import Grid, Row
from chartline.errors import SourceError

Scrub = Callable[[Grid, int, Row], Row]


class Columns:
    """One Parquet file."""

    def __init__(self, name: str, path: Path) -> None:
        try:
            self._frame = pl.read_parquet(path)
        except pl.exceptions.PolarsError as e:
            raise SourceError(f"{name} is no Parquet file that can be read: {e}", where=name) from None
        headings = tuple(self._frame.columns)
        self.grids = [
            Grid(name, Path(name).stem, headings, 0, self._records, lambda r, c: f"row {r + 1}!{headings[c]}")
        ]

    def _records(self) -> Iterator[Row]:
        for row in self._frame.iter_rows():
            yield list(row)

    def write(self, to: Path, scrub: Scrub) -> None:
        """Write the copy. A column of numbers whose pseudonyms are no numbers becomes text."""
        grid = self.grids[0]
        rows = [scrub(grid, r, row) for r, row in enumerate(grid.rows())]
        columns = []
        for i, (name, dtype) in enumerate(self._frame.schema.items()):
            values = [row[i] for row in rows]
            wanted = pl.Int64() if dtype.is_integer() else dtype
            try:
                columns.append(pl.Series(name, values, dtype=wanted, strict=True))
            except (TypeError, pl.exceptions.PolarsError):
                columns.append(pl.Series(name, [None if v is None else str(v) for v in values], dtype=pl.String))
        pl.DataFrame(columns).write_parquet(to, statistics=False)
