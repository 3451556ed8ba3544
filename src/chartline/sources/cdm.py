"""CdmDatabase: an OMOP CDM as tables that answer SQL, wherever it lies; what every dialect must give.

In: a question in SQL that all dialects understand, or the persons whose rows are wanted. Out: Polars frames. Only what
differs is written per dialect (`cdm_duckdb.py`: files of DuckDB, Parquet and CSV; `cdm_postgres.py`), so that a
selection and the reading of persons are written once. A table is called by its name in small letters, whatever the
database calls it; ids are whole numbers of 64 bits with sign.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Self

import polars as pl

from chartline.errors import MappingError, SourceError
from chartline.sources.base import SourceNote
from chartline.sources.limits import named

Kind = Literal["integer", "number", "date", "datetime", "text", "other"]
_LISTED = 1000  # numbers that stand in a question as they are; a database plans long lists slowly
PERSON_COLUMN = {"cohort": "subject_id"}  # what `person_id` is called elsewhere in the CDM


@dataclass(frozen=True)
class CdmTable:
    """One table. `place` names it in SQL; `columns` are name in small letters -> name there, `kinds` -> its type;
    `file` is what an address begins with, and `inside` whether the table's own name follows."""

    name: str
    place: str
    columns: Mapping[str, str]
    kinds: Mapping[str, Kind]
    file: str
    inside: bool = True

    @property
    def person_column(self) -> str | None:
        """The column that holds the person, in small letters; None where the table speaks of no person."""
        name = PERSON_COLUMN.get(self.name, "person_id")
        return name if name in self.columns else None

    @property
    def key(self) -> str:
        """The column of the primary key, in small letters; the table need not have it."""
        return "person_id" if self.name == "death" else f"{self.name}_id"


@dataclass(frozen=True)
class Rows:
    """Rows of one table as text, under the database's own column names, each with its label ('row 12')."""

    frame: pl.DataFrame
    labels: Sequence[str]
    notes: tuple[SourceNote, ...] = field(default=())


class CdmDatabase(ABC):
    """An open OMOP database. Use it in `with`; every fault is a `SourceError`."""

    name: str  # as messages call it
    tables: Mapping[str, CdmTable]
    at_once: int = 1  # tables whose rows may be asked for at the same time

    @abstractmethod
    def query(self, sql: str) -> pl.DataFrame:
        """Return the rows of a question: integers, numbers, dates and text as such."""

    @abstractmethod
    def rows(self, table: CdmTable, keys: pl.Series | None, column: str, columns: Sequence[str]) -> Rows:
        """Return these `columns` (in small letters) of the rows whose `column` is one of `keys` (Int64); of all rows
        without keys.

        In the order of the primary key, or of the file where there is one."""

    def count(self, table: CdmTable, persons: pl.Series | None) -> int:
        """Return how many rows of a table of persons are of these; of everybody without."""
        assert table.person_column is not None
        place = self.part_of(table, [table.person_column], "the size of the database")
        where = "" if persons is None else f" WHERE {self.one_of(f't.{table.person_column}', persons)}"
        return int(self.query(f"SELECT COUNT(*) AS n FROM {place} t{where}")["n"][0])

    @abstractmethod
    def close(self) -> None:
        """Let go of the database."""

    def pairs(self, rows: Sequence[tuple[int, int]]) -> str:
        """Return SQL for `FROM`: pairs of whole numbers as rows of `id` and `n`. A dialect that reads a long list
        faster when it stands in one text says so."""
        listed = ", ".join(f"({number}, {n})" for number, n in rows)
        return f"(SELECT * FROM (VALUES {listed}) AS pairs (id, n))" if rows else "(SELECT 0 AS id, 0 AS n WHERE 1 = 0)"

    def one_of(self, column: str, numbers: Iterable[int]) -> str:
        """Return the SQL that a column is one of these numbers; a long list is a table of its own."""
        listed = sorted(set(numbers))
        if len(listed) <= _LISTED:
            return in_list(column, listed)
        return f"{column} IN (SELECT listed.id FROM {self.pairs([(number, 1) for number in listed])} listed)"

    def listed(self, table: CdmTable, columns: Iterable[str]) -> str:
        """Return columns (in small letters) of a table as SQL lists them, under the database's own names."""
        return ", ".join(self.quoted(table.columns[column]) for column in columns)

    def quoted(self, name: str) -> str:
        """Return a name as SQL writes it where it must be taken as it is."""
        return '"' + name.replace('"', '""') + '"'

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def table(self, name: str, why: str) -> CdmTable:
        """Return a table. Raises SourceError where it is not there, saying what needs it."""
        if name not in self.tables:
            raise SourceError(
                f"{self.name} has no table {name}",
                where=why,
                expected=f"among: {named(sorted(self.tables)) or 'no tables'}",
                do="add the table, or take out of the selection what needs it",
            )
        return self.tables[name]

    def part_of(self, table: CdmTable, columns: Iterable[str], why: str) -> str:
        """Return SQL for `FROM`: the table with these columns, called so, typed as the CDM means them.

        It is the bare table where nothing has to be translated. Dates as text must be ISO; the database refuses others.
        """
        wanted = list(dict.fromkeys(columns))
        lacking = [c for c in wanted if c not in table.columns]
        if lacking:
            raise SourceError(
                f"The table {table.name} of {self.name} has no column {named(lacking)}",
                where=why,
                expected=f"among: {named(sorted(table.columns))}",
                do="name another table, or add the column",
            )
        if all(self._as_meant(table, c) == c for c in wanted):
            return table.place
        return f"(SELECT {', '.join(f'{self._as_meant(table, c)} AS {c}' for c in wanted)} FROM {table.place})"

    def _as_meant(self, table: CdmTable, column: str) -> str:
        """One column in the CDM's type: an id or number of a date as an integer, a day as a date."""
        own, kind = table.columns[column], table.kinds[column]
        name = column if own == column else self.quoted(own)
        filled = f"NULLIF({name}, '')"
        if column.endswith("_date"):
            text = f"SUBSTRING({filled}, 1, 10)" if kind == "text" else name
            return name if kind == "date" else f"CAST({text} AS DATE)"
        if column.endswith(("_id", "_of_birth")) and kind != "integer" and column != "vocabulary_id":
            return f"CAST({filled if kind == 'text' else name} AS BIGINT)"
        return name


def in_list(column: str, numbers: Iterable[int]) -> str:
    """Return the SQL that a column is one of these numbers; false where there are none."""
    listed = ", ".join(map(str, sorted(set(numbers))))
    return f"{column} IN ({listed})" if listed else "1 = 0"


def check_tables(found: set[str], wanted: Sequence[str], where: str) -> None:
    """Raise MappingError where tables that a mapping lists are not there."""
    missing = [name for name in wanted if name not in found]
    if missing:
        raise MappingError(
            f"These OMOP tables are declared but not there: {named(missing)}",
            where=where,
            expected=f"among: {named(sorted(found)) or 'nothing'}",
            do="correct `tables` (in lower case) or add the files",
        )
