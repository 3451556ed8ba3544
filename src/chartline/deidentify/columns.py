"""Tables with typed columns, of Parquet and DuckDB files: read whole, written anew with the same columns and types.

The copy of a Parquet file has no statistics and no foreign metadata; that of a database has its tables, and of a view
what it showed, and nothing else (no index, no view, no free page with deleted rows).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl

from chartline.deidentify.grid import Grid, Row
from chartline.sources.cdm_duckdb import DatabaseTable, quoted, read_database
from chartline.sources.folder import SourceFile
from chartline.sources.omop import read_parquet

Scrub = Callable[[Grid, int, Row], Row]


class Columns:
    """One Parquet file."""

    def __init__(self, file: SourceFile) -> None:
        """Read the table. Raises SourceError where the file is none, or larger than is read."""
        name = Path(file.name).stem
        self._frame = read_parquet(file, name)
        self.grids = [_grid(file, name, self._frame)]

    def write(self, to: Path, scrub: Scrub) -> None:
        """Write the copy. A column of numbers whose pseudonyms are no numbers becomes text."""
        _scrubbed(self._frame, self.grids[0], scrub).write_parquet(to, statistics=False)


class Database:
    """One DuckDB file."""

    def __init__(self, file: SourceFile) -> None:
        """Read the tables. Raises SourceError where the file is none, or larger than is read."""
        self._tables = list(read_database(file))
        self.grids = [_grid(file, _title(t), t.frame) for t in self._tables]

    def write(self, to: Path, scrub: Scrub) -> None:
        """Write the copy, table by table."""
        import duckdb

        step = to.with_name(f"{to.name}.table")  # a table on its way: of the copy already, beside it, and gone after
        with duckdb.connect(str(to)) as database:
            for table, grid in zip(self._tables, self.grids, strict=True):
                frame = _scrubbed(table.frame, grid, scrub)
                frame.write_parquet(step)
                database.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(table.schema)}")
                wanted = ", ".join(map(_column, table.types, table.frame, frame))
                place = f"{quoted(table.schema)}.{quoted(table.name)}"
                database.execute(f"CREATE TABLE {place} AS SELECT {wanted} FROM read_parquet(?)", [str(step)])
        step.unlink(missing_ok=True)


def _title(table: DatabaseTable) -> str:
    return table.name if table.schema == "main" else f"{table.schema}.{table.name}"


def _column(type_: str, before: pl.Series, after: pl.Series) -> str:
    """A column as SQL takes it from the copy: in its own type, unless pseudonyms made it another."""
    name = quoted(after.name)
    if before.dtype == after.dtype:
        return f"CAST({name} AS {type_}) AS {name}"
    if not (before.dtype.is_integer() and after.dtype.is_integer()):
        return name
    try:  # a whole number of the copy is 64 bits wide; a pseudonym needs them, another fits where it came from
        after.cast(before.dtype)
    except pl.exceptions.PolarsError:
        return name
    return f"CAST({name} AS {type_}) AS {name}"


def _grid(file: SourceFile, table: str, frame: pl.DataFrame) -> Grid:
    headings = tuple(frame.columns)

    def records() -> Iterator[Row]:
        for row in frame.iter_rows():
            yield list(row)

    return Grid(file.name, table, headings, 0, records, lambda r, c: f"row {r + 1}!{headings[c]}")


def _scrubbed(frame: pl.DataFrame, grid: Grid, scrub: Scrub) -> pl.DataFrame:
    rows = [scrub(grid, r, row) for r, row in enumerate(grid.rows())]
    columns = []
    for i, (name, dtype) in enumerate(frame.schema.items()):
        values = [row[i] for row in rows]
        wanted = pl.Int64() if dtype.is_integer() else dtype
        try:
            columns.append(pl.Series(name, values, dtype=wanted, strict=True))
        except (TypeError, OverflowError, pl.exceptions.PolarsError):
            columns.append(pl.Series(name, [None if v is None else str(v) for v in values], dtype=pl.String))
    return pl.DataFrame(columns)
