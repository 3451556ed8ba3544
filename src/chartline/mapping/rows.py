"""Which rows of a table are data, and whose. In: TableView, its declaration. Out: Rows and queries.

Rows are left out only by a declared exclusion, or with a query: no subject, an unknown subject, a second row of
a subject where one was declared.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from chartline.core.query import Query, Severity, Topic
from chartline.mapping.blocks import CellSpec
from chartline.mapping.model import Mapping, Table
from chartline.mapping.values import read_cells
from chartline.mapping.views import TableView, wild

_SHOWN = 20  # addresses or cells listed in one query


@dataclass(frozen=True)
class Rows:
    """`kept`: positions of the rows that are mapped; `data`: those and second copies; `subject`: id of every row."""

    kept: pl.Series
    data: pl.Series
    subject: pl.Series


Touches = Callable[[str], tuple[frozenset[Topic], Severity]]  # column -> what it bears on


def select_rows(
    view: TableView, name: str, mapping: Mapping, cell: CellSpec | None, lookup: dict[str, str] | None, touches: Touches
) -> tuple[Rows, list[Query]]:
    """Return the rows that are data, and the queries of those that cannot be used."""
    spec = mapping.tables[name]
    queries: list[Query] = []
    data = pl.Series([True]).new_from_index(0, view.height)
    for exclusion in spec.exclude_rows:
        out = view.holds(exclusion.where.items())
        queries += _excluded(view, mapping, out & data, exclusion.reason)
        data = data & ~out
    if cell is None:
        nobody = pl.Series([None], dtype=pl.String).new_from_index(0, view.height)
        at = data.arg_true()
        return Rows(at, at, nobody), queries
    subject, more = _subjects(view, mapping, cell, lookup, data)
    queries += more
    at = subject.is_not_null().arg_true()
    kept = at
    if spec.one_row_per_subject or spec.repeated_rows is not None:
        first = subject.gather(at).is_first_distinct()
        kept, later = at.filter(first), at.filter(~first)
        if spec.repeated_rows is not None:
            repeats = _repeats(view, spec, subject, kept, later)
            queries += _excluded(view, mapping, repeats, f"{spec.repeated_rows}; the subject's first row is used")
            later = later.filter(~repeats.gather(later))
        queries += _second_rows(view, mapping, spec, subject, later, touches)
    return Rows(kept, at, subject), queries


def _excluded(view: TableView, mapping: Mapping, out: pl.Series, reason: str) -> list[Query]:
    at = out.arg_true().to_list()
    if not at:
        return []
    rows = f"{len(at)} row{'s' if len(at) > 1 else ''}"
    places = tuple(view.table.address(r) for r in at[:_SHOWN])
    return [
        Query(
            "rows_excluded",
            Severity.NOTE,
            mapping.centre,
            "",
            places,
            rows,
            f"{rows} left out as declared: {reason}.",
            "",
        )
    ]


def _subjects(
    view: TableView, mapping: Mapping, cell: CellSpec, lookup: dict[str, str] | None, data: pl.Series
) -> tuple[pl.Series, list[Query]]:
    """Return the subject of every row (null where there is none) and the queries of rows without one."""
    column = cell.columns[0]
    read = read_cells(cell.reading, view.raw(column), view.kind(column), lookup)
    subject = read.value if data.all() else read.value.set(~data, None)
    queries: list[Query] = []
    unknown: dict[str, list[int]] = {}
    for row, _ in read.problems:
        if data[row]:
            unknown.setdefault(view.shown(row, cell.columns), []).append(row)
    for shown, rows in unknown.items():
        queries.append(_unknown_subject(view, mapping, cell, shown, rows))
    if mapping.subject_pattern is not None:
        odd = ~subject.str.contains(mapping.subject_pattern)
        if odd.any():
            queries += [_odd_subject(view, mapping, cell, row) for row in odd.arg_true().to_list()]
            subject = subject.set(odd.fill_null(False), None)
    blank = data & ~read.present
    if blank.any():
        cells = functools.reduce(operator.or_, (view.text(c).is_not_null() for c in view.table.columns))
        queries += [_no_subject(view, mapping, cell, row) for row in (blank & cells).arg_true().to_list()]
    return (mapping.subject_prefix + subject if mapping.subject_prefix else subject), queries


def _unknown_subject(view: TableView, mapping: Mapping, cell: CellSpec, shown: str, rows: list[int]) -> Query:
    places = tuple(view.address(r, cell.columns) for r in rows[:_SHOWN])
    count = f"{len(rows)} row{'s' if len(rows) > 1 else ''}"
    return Query(
        "unknown_subject_lookup",
        Severity.WARN,
        mapping.centre,
        "",
        places,
        f"{cell.columns[0]}: {shown}",
        f"`{shown}` leads to no subject; {count} cannot be used.",
        "Please say whose row this is.",
        frozenset({Topic.IDENTITY}),
    )


def _odd_subject(view: TableView, mapping: Mapping, cell: CellSpec, row: int) -> Query:
    shown = view.shown(row, cell.columns)
    return Query(
        "not_a_subject_id",
        Severity.WARN,
        mapping.centre,
        "",
        (view.address(row, cell.columns),),
        f"{cell.columns[0]}: {shown}",
        f"`{shown}` does not have the form of a subject id; the row is not used.",
        "Please say whose row this is, or that it is not a patient's.",
        frozenset({Topic.IDENTITY}),
    )


def _no_subject(view: TableView, mapping: Mapping, cell: CellSpec, row: int) -> Query:
    filled = [c for c, text in view.row(row).items() if text is not None][:5]
    saw = "; ".join(f"{c}: {view.table.raw(row, c)}" for c in filled)
    return Query(
        "row_without_subject",
        Severity.WARN,
        mapping.centre,
        "",
        (view.address(row, cell.columns),),
        saw,
        "The row has values but no subject; it is not used.",
        "Please say whose row this is.",
        frozenset({Topic.IDENTITY}),
    )


def _repeats(view: TableView, spec: Table, subject: pl.Series, first: pl.Series, later: pl.Series) -> pl.Series:
    """Return, for every row, whether it is a later row that says what its subject's first row says."""
    columns = _read_columns(view, spec)
    cells = pl.DataFrame({str(i): view.text(c) for i, c in enumerate(columns)})
    mine = cells[later].with_columns(subject.gather(later).alias("who"), later.alias("row"))
    theirs = cells[first].with_columns(subject.gather(first).alias("who"))
    same = mine.join(theirs, on=mine.drop("row").columns, how="semi", nulls_equal=True)["row"]
    return pl.Series([False]).new_from_index(0, view.height).scatter(same, True)


def _read_columns(view: TableView, spec: Table) -> list[str]:
    ignored = wild(spec.ignore)
    return [c for c in view.table.columns if not ignored.fullmatch(c)]


def _second_rows(
    view: TableView, mapping: Mapping, spec: Table, subject: pl.Series, later: pl.Series, touches: Touches
) -> list[Query]:
    if not len(later):
        return []
    columns = _read_columns(view, spec)
    first = {s: i for i, s in reversed(list(enumerate(subject.to_list()))) if s is not None}
    return [_second_row(view, mapping, subject[r], first[subject[r]], r, columns, touches) for r in later.to_list()]


def _second_row(
    view: TableView, mapping: Mapping, subject: str, first: int, row: int, columns: list[str], touches: Touches
) -> Query:
    """Name the cells in which a later copy differs from the first; words for 'no value' do not differ from blank."""
    mine, theirs = view.row(row), view.row(first)
    differ = [c for c in columns if mine[c] != theirs[c]]
    told = differ[:_SHOWN]
    later, earlier = ([view.table.address(r, c) for c in told] for r in (row, first))
    saw = "; ".join(
        f"{c}: {view.table.raw(row, c) or '(blank)'} here, {view.table.raw(first, c) or '(blank)'} there" for c in told
    )
    bears_on = [touches(c) for c in differ]
    topics = frozenset().union(*(t for t, _ in bears_on))
    blocks = any(s is Severity.BLOCK for _, s in bears_on)
    cells = f"differ in {len(differ)} cell{'s' if len(differ) > 1 else ''}" if differ else "are equal"
    return Query(
        "duplicate_subject_row",
        Severity.BLOCK if blocks else Severity.WARN,
        mapping.centre,
        subject,
        (*later, *earlier) or (view.table.address(row), view.table.address(first)),
        saw or "two equal rows",
        f"Subject {subject} stands on two rows of a table with one row a subject; they {cells}. The first is used.",
        "Please say which row is right; the other will be left out.",
        topics,
    )
