"""A source table as the mapping sees it: trimmed cells, missing words, row filters, and its columns accounted for.

In: SourceTable and the mapping's Table. Out: a TableView, or MappingError where table and mapping do not fit: a
column that is neither mapped nor ignored, or a declared column that the file does not have.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from collections.abc import Mapping as Mapped
from functools import cached_property

import polars as pl

from chartline.errors import MappingError
from chartline.mapping.lookups import Steps, read_lookup, steps_of_test
from chartline.mapping.model import Mapping, Match, Table
from chartline.mapping.values import Reading, read_cells, trimmed
from chartline.sources.base import SourceTable
from chartline.sources.limits import cut

Columns = dict[str, pl.Series]


def wild(patterns: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern for names with * as wild card; every other character stands for itself."""
    return re.compile("|".join(re.escape(p).replace(r"\*", ".*") for p in patterns) or r"(?!)", re.DOTALL)


class TableView:
    """One table with its cells trimmed on demand. Columns that are declared optional and absent read as blank.

    `views` are all tables of the centre by name, where the keys of this one lead."""

    def __init__(self, table: SourceTable, missing: Iterable[str], views: Mapped[str, TableView]) -> None:
        self.table, self._views = table, views
        self._reading = Reading("text", missing=frozenset(w.strip().lower() for w in missing))
        self._text: dict[str, pl.Series] = {}
        self._stripped: dict[str, pl.Series] = {}
        self._led: dict[tuple[str, Steps], pl.Series] = {}

    @cached_property
    def height(self) -> int:
        return self.table.frame.height

    @cached_property
    def columns(self) -> frozenset[str]:
        return frozenset(self.table.columns)

    def raw(self, column: str) -> pl.Series:
        if column in self.columns:
            return self.table.frame[column]
        return pl.Series(column, [None], dtype=pl.String).new_from_index(0, self.height)

    def kind(self, column: str) -> pl.Series | None:
        kinds = self.table.kinds
        return kinds[column] if kinds is not None and column in self.columns else None

    def text(self, column: str) -> pl.Series:
        """Return the trimmed cells; blank is null, and so are the centre's missing words."""
        if column not in self._text:
            self._text[column] = read_cells(self._reading, self.raw(column), None).value
        return self._text[column]

    def stripped(self, column: str) -> pl.Series:
        """Return the trimmed cells; a missing word is a word like any other."""
        if column not in self._stripped:
            self._stripped[column] = self.raw(column).str.strip_chars()
        return self._stripped[column]

    def led_to(self, column: str, steps: Steps) -> pl.Series:
        """Return what the keys of a column lead to in other tables; null where one leads nowhere."""
        if (column, steps) not in self._led:
            found = read_lookup(self._views, steps)
            keys = self.stripped(column)
            self._led[column, steps] = keys.replace_strict(found, default=None, return_dtype=pl.String)
        return self._led[column, steps]

    def row(self, row: int) -> dict[str, str | None]:
        """Return one row's trimmed cells; blank and missing words are None."""
        cells = self.table.frame.row(row, named=True)
        return {c: trimmed(t, self._reading.missing) for c, t in cells.items()}

    def taken(self, columns: list[str], rows: pl.Series) -> tuple[Columns, Columns | None]:
        """Return some rows of some columns, and their kinds; an absent optional column is not in the result."""
        here = [c for c in columns if c in self.columns]
        kinds = self.table.kinds
        return self._taken(self.table.frame, here, rows), None if kinds is None else self._taken(kinds, here, rows)

    def _taken(self, frame: pl.DataFrame, columns: list[str], rows: pl.Series) -> Columns:
        cells = [frame[c] for c in columns]
        if cells and len(rows) < self.height:
            cells = pl.DataFrame(cells)[rows].get_columns()
        return dict(zip(columns, cells, strict=True))

    def holds(self, where: Iterable[tuple[str, object]]) -> pl.Series:
        """Return, for every row, whether all tests hold (never null)."""
        out = pl.Series([True]).new_from_index(0, self.height)
        for column, test in where:
            out = out & self._one(column, test)
        return out

    def _one(self, column: str, test: object) -> pl.Series:
        steps = steps_of_test(test)
        if steps is not None:
            value = self.led_to(column, steps)
            return _passed(value, value, test)
        return _passed(self.stripped(column), self.text(column) if _asks_presence(test) else None, test)

    def address(self, row: int, columns: Iterable[str]) -> str:
        return " + ".join(self.table.address(row, c) for c in columns if c in self.columns) or self.table.address(row)

    def shown(self, row: int, columns: Iterable[str]) -> str:
        return " + ".join(str(self.table.raw(row, c) or "(blank)") for c in columns if c in self.columns)


def _asks_presence(test: object) -> bool:
    return isinstance(test, Match) and (test.present is not None or _asks_presence(test.not_))


def _passed(cells: pl.Series, text: pl.Series | None, test: object) -> pl.Series:
    """Return where a test holds (never null). `text` is null where a cell has no value; needed for `present` alone."""
    if isinstance(test, str):
        return cells.eq_missing(test)
    if isinstance(test, tuple):
        return cells.is_in(list(test)).fill_null(False)
    assert isinstance(test, Match)
    if test.not_ is not None:
        return ~_passed(cells, text, test.not_)
    if test.is_ is not None:
        return _passed(cells, text, test.is_)
    if test.matches is not None:
        return cells.str.contains(test.matches).fill_null(False)
    assert text is not None
    return text.is_not_null() == bool(test.present)


def view_tables(tables: dict[str, SourceTable], mapping: Mapping, used: dict[str, set[str]]) -> dict[str, TableView]:
    """Match the mapping's tables with the centre's; raise MappingError where either has one the other lacks."""
    ignored = wild(mapping.ignore_tables)
    extra = [t for t in tables if t not in mapping.tables and not ignored.fullmatch(t)]
    lacking = [t for t, spec in mapping.tables.items() if t not in tables and not spec.optional]
    if lacking:
        raise _lacking("table", lacking, [*extra, *(t for t in tables if t not in extra)], f"centre {mapping.centre}")
    if extra:
        shown = [f"{_quoted(t)} ({tables[t].sheet or tables[t].address(0)})" for t in extra]
        raise MappingError(
            f"{_count(extra, 'table', 'the centre')} neither mapped nor ignored: {', '.join(shown)}.",
            where=f"mapping of centre {mapping.centre}",
            expected="every table under `tables` or `ignore_tables`",
            do="map each, or list it in `ignore_tables` with the reason",
        )
    out: dict[str, TableView] = {}
    for name, spec in mapping.tables.items():
        if name in tables:
            _check_columns(tables[name], spec, used[name])
            out[name] = TableView(tables[name], mapping.missing, out)
    return out


def _check_columns(table: SourceTable, spec: Table, used: set[str]) -> None:
    optional, ignored = wild(spec.optional_columns), wild(spec.ignore)
    have = set(table.columns)
    unmapped = [c for c in table.columns if c not in used and not ignored.fullmatch(c)]
    lacking = sorted(c for c in used if c not in have and not optional.fullmatch(c))
    if lacking:
        raise _lacking("column", lacking, [*unmapped, *(c for c in table.columns if c in used)], table.sheet)
    if unmapped:
        shown = ", ".join(map(_quoted, unmapped[:20])) + (
            f" and {len(unmapped) - 20} more" if len(unmapped) > 20 else ""
        )
        raise MappingError(
            f"{_count(unmapped, 'column', 'the file')} neither mapped nor ignored: {shown}.",
            where=table.sheet,
            expected="every column in `records` or under `ignore`",
            do="map each, or list it under `ignore` with the reason",
        )


def _lacking(what: str, lacking: list[str], have: list[str], where: str) -> MappingError:
    hints = []
    for name in lacking[:20]:
        near = difflib.get_close_matches(name, have, 1, 0.5)
        hints.append(_quoted(name) + (f" (nearest in the file: {_quoted(near[0])})" if near else ""))
    more = f" and {len(lacking) - 20} more" if len(lacking) > 20 else ""
    count = f"a {what}" if len(lacking) == 1 else f"{len(lacking)} {what}s"
    return MappingError(
        f"The mapping names {count} that the file does not have: {', '.join(hints)}{more}.",
        where=where,
        expected=f"the {what}s of the file, spelt as there: " + ", ".join(map(_quoted, have[:30])),
        do=f"correct the name in the mapping, or ask the centre whether the {what} was renamed",
    )


def _quoted(name: str) -> str:
    return f"`{cut(name, 200)}`"


def _count(items: list[str], what: str, of: str) -> str:
    return f"1 {what} of {of} is" if len(items) == 1 else f"{len(items)} {what}s of {of} are"
