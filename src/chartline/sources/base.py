"""SourceTable: one sheet, instrument, resource type or database table, exactly as the centre sent it.

A source reader turns a file into SourceTables and SourceNotes and interprets nothing: all values are text as
the source shows them (numbers in shortest form, true dates as ISO), beside them the kind of each cell.
Whatever a reader saw and could not hand on as a plain value (a hidden row, an error cell, a formula without a
value, a resource it does not know) is a note, never silence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import overload

import polars as pl

from chartline.counts.model import AttritionStep
from chartline.errors import MappingError


class Kind(StrEnum):
    """What a cell held. Blank cells are null in the frame and have kind null."""

    TEXT = "t"
    NUMBER = "n"
    DATE = "d"  # a true date cell (spreadsheets), whatever its format
    BOOL = "b"
    ERROR = "e"  # '#N/A', '#REF!', or a formula without a cached value
    AMENDED = "a"  # laid over by an answer: read in chartline's own words first


@dataclass(frozen=True, eq=False)
class RowLabels(Sequence[str]):
    """The labels of numbered rows ('row 258'), made when they are asked for: a large file has millions of them."""

    prefix: str
    numbers: range

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        found = self.numbers[index]
        return RowLabels(self.prefix, found) if isinstance(found, range) else f"{self.prefix}{found}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)


@dataclass(frozen=True, eq=False)
class KeyLabels(Sequence[str]):
    """The labels of rows as a column of texts: those of many rows are taken at once."""

    texts: pl.Series

    def __len__(self) -> int:
        return len(self.texts)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        found: str | pl.Series = self.texts[index]
        return KeyLabels(found) if isinstance(found, pl.Series) else found

    def __iter__(self) -> Iterator[str]:
        return iter(self.texts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)


@dataclass(frozen=True)
class SourceTable:
    """One table of one file.

    `frame` has one column per source column, all pl.String; `columns` are unique names (a repeated header
    gets its place appended); `places` gives each column's place in the source ('C' in a sheet, the path in
    FHIR, the name elsewhere); `row_labels` gives each row's place ('13' in a sheet, 'row 258', 'line 525',
    'measurement_id=619'); `kinds` is a frame of `Kind` values of the same shape, or None where all is text.
    `file` is "" where the rows come from several files: then each row label starts with its file.
    `hidden_rows` are positions in `frame`.
    """

    file: str
    name: str
    frame: pl.DataFrame
    places: dict[str, str]
    row_labels: Sequence[str]
    kinds: pl.DataFrame | None = None
    grid: bool = False  # a spreadsheet: place and row label join to 'C13'
    hidden_rows: frozenset[int] = frozenset()
    stated_units: Mapping[tuple[int, str], str] = field(default_factory=dict)  # units that answers stated, by cell

    @property
    def columns(self) -> list[str]:
        return self.frame.columns

    @property
    def sheet(self) -> str:
        """`file!table`, or `file` where the file is the table."""
        return f"{self.file}!{self.name}" if self.grid else self.file

    def address(self, row: int, column: str = "") -> str:
        """Return the canonical address: `book.xlsx!Sheet!C13`, `data.csv!row 258!dth_date`,
        `Observation.ndjson!line 525!valueQuantity.value`,
        `measurement.csv!measurement_id=619!unit_concept_id`; without a column, that of the row."""
        before, after = self._around(column)
        return f"{before}{self.row_labels[row]}{after}"

    def addresses(self, rows: pl.Series, column: str = "") -> pl.Series:
        """Return `address` of many rows of one column, in their order."""
        before, after = self._around(column)
        if isinstance(self.row_labels, KeyLabels):
            own = pl.lit(self.row_labels.texts[rows])
            return pl.select(pl.concat_str(pl.lit(before), own, pl.lit(after))).to_series()
        return pl.Series([f"{before}{self.row_labels[row]}{after}" for row in rows.to_list()], dtype=pl.String)

    def _around(self, column: str) -> tuple[str, str]:
        """What stands before and after a row's label in the address of a cell."""
        if self.grid:
            return f"{self.sheet}!{self.places[column] if column else 'row '}", ""
        return f"{self.sheet}!" if self.file else "", f"!{self.places[column]}" if column else ""

    def raw(self, row: int, column: str) -> str | None:
        value: str | None = self.frame[column][row]
        return value

    def raws(self, rows: pl.Series, column: str) -> pl.Series:
        """Return `raw` of many rows of one column, in their order."""
        return self.frame[column][rows]

    def with_frame(self, frame: pl.DataFrame, kinds: pl.DataFrame | None) -> SourceTable:
        return replace(self, frame=frame, kinds=kinds)


@dataclass(frozen=True)
class SourceNote:
    """Something a reader saw that a person should know. `rule` names it for the query list."""

    rule: str  # hidden_row, error_cell, formula_without_value, merged_cells, duplicate_header, ...
    address: str
    message: str


@dataclass(frozen=True)
class SourceData:
    """All tables of one centre, and the files they came from. Table names are unique within a centre.

    `files` maps the name of each file that was read to the sha256 of its bytes, and a database of which some rows were
    read to the sha256 of these. `selected` tells how a database chose its persons, where a protocol asked for that."""

    tables: dict[str, SourceTable]
    notes: tuple[SourceNote, ...] = field(default=())
    files: Mapping[str, str] = field(default_factory=dict)
    selected: Selected | None = None


@dataclass(frozen=True)
class Selected:
    """Who was chosen in a database: of how many persons, by which steps, and by which concepts."""

    screened: int
    steps: tuple[AttritionStep, ...]
    concepts: tuple[ConceptLine, ...] = ()

    def of_nobody(self) -> Selected:
        """Return the same selection with nobody in it: what is added where the whole is told elsewhere."""
        return Selected(0, tuple(replace(s, n_in=0, n_no=0, n_unknown=0, n_out=0, n_open=0) for s in self.steps))

    @property
    def unknown_concepts(self) -> tuple[str, ...]:
        """Sentences about the concepts that its vocabulary does not know."""
        return tuple(f"{line.concept_set}: {line.declared} {line.note}" for line in self.concepts if line.unknown)


NOT_IN_VOCABULARY = "not in the vocabulary"
SOURCE_VALUE = "source value"  # in the place of a name


@dataclass(frozen=True)
class ConceptLine:
    """One declared concept or source value of a set, as the database knows it. `table` is where its records were
    counted; `records` and `persons` are None where nobody counted. Vocabulary and code are "" where they are not known,
    as of a source value."""

    concept_set: str
    declared: str
    concept_id: int | None
    name: str
    note: str
    concepts: int  # how many ids it stands for, itself and its descendants
    vocabulary: str = ""
    code: str = ""
    descendants: bool = False
    excluded: bool = False
    table: str = ""
    records: int | None = None
    persons: int | None = None

    @property
    def is_source_value(self) -> bool:
        """Whether it is a pattern of the site's own code, and no concept."""
        return self.concept_id is None and self.name == SOURCE_VALUE

    @property
    def unknown(self) -> bool:
        """Whether the vocabulary does not know it: a code, or an id that may be misspelt."""
        return NOT_IN_VOCABULARY in self.note


def add_table(tables: dict[str, SourceTable], table: SourceTable) -> None:
    """Put a table among those of its centre. Raises MappingError if its name is taken."""
    first = tables.setdefault(table.name, table)
    if first is not table:
        raise MappingError(
            f"Two tables of the centre are called {table.name!r}",
            where=f"{first.sheet} and {table.sheet}",
            expected="names that are unique within a centre",
            do="give a delimited file another `table` name, or list one of the two as not read",
        )
