"""Answers of the centres, laid over the data. In: amendments, SourceData. Out: amended SourceData, what was applied.

An amendment changes a copy in memory, never a file. It quotes what it saw (`was`): if the file says something else
by now, the answer was about another file. Of a line of answers.csv that is an error; one that the study's state keeps
(`kept`) is set aside as outdated, so that a new file is asked about again and stops nobody. Later lines win over
earlier ones about the same cell, and say so; the list is append-only.

Columns: amendment_id, centre, subject, address, was, action, value, unit, reason, answered_by, answered_on.
Actions: `set` (to `value`, in `unit` if given), `clear` (no value), `confirm` (the value is right as it stands),
`delete_row` (`was` quotes at least one cell of the row: `column=content; column=content`).
"""

from __future__ import annotations

import csv
import difflib
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import polars as pl

from chartline.core.decisions import is_day, read_decisions
from chartline.core.inert import as_written
from chartline.errors import AmendmentError
from chartline.sources.base import Kind, SourceData, SourceTable

_QUERY_ID = re.compile(r"Q-.*-[0-9A-F]{8}")
COLUMNS = (
    *("amendment_id", "centre", "subject", "address", "was", "action"),
    *("value", "unit", "reason", "answered_by", "answered_on"),
)


class Action(StrEnum):
    SET = "set"
    CLEAR = "clear"
    DELETE_ROW = "delete_row"
    CONFIRM = "confirm"


@dataclass(frozen=True)
class Amendment:
    """One line of answers.csv."""

    amendment_id: str
    centre: str
    subject: str
    address: str
    was: str
    action: Action
    value: str
    unit: str
    reason: str
    answered_by: str
    answered_on: str
    line: int = 0
    file: str = ""
    kept: bool = False  # by the study's state; not a line of answers.csv

    @property
    def where(self) -> str:
        """Where it stands, for messages."""
        if self.kept:
            return f"{self.amendment_id} (kept in the study's state)"
        return f"{self.amendment_id} (line {self.line} of {self.file or 'the answers'})"


@dataclass(frozen=True)
class Applied:
    """What an amendment did, as the report prints it; `superseded_by` where a later line spoke of the same cell."""

    amendment: Amendment
    was: str
    now: str
    superseded_by: str = ""
    table: str = ""  # the cell: its table, the label of its row, its column ('' for a row); '' for no cell
    label: str = ""
    column: str = ""


def query_answered(a: Amendment) -> str:
    """Return the id of the query that an amendment is about as a whole; "" where it is about a cell.

    Ids: `Q-A-12AB34CD` is about that query, `Q-A-12AB34CD.2` about the second cell that it names; `#2` and so on
    follow where the same was answered again.
    """
    name = a.amendment_id.partition("#")[0]
    return name if _QUERY_ID.fullmatch(name) else ""


def amendment_of(fields: Mapping[str, str], *, line: int = 0, file: str = "", kept: bool = False) -> Amendment:
    """Return the amendment of its values by the headings of answers.csv."""
    name, centre, subject, address, was, action, value, unit, reason, by, on = (fields[c] for c in COLUMNS)
    return Amendment(name, centre, subject, address, was, Action(action), value, unit, reason, by, on, line, file, kept)


class Outdated(NamedTuple):
    """An amendment that the study keeps and that is not about what the files hold now, with the reason."""

    amendment: Amendment
    why: str
    owners: tuple[str, ...] = ()  # whose cell it is, where it is another patient's than the answer says


class Overlaid(NamedTuple):
    """Amended data, what was applied, and what no longer could be."""

    data: SourceData
    applied: list[Applied]
    outdated: list[Outdated]


def format_amendments(amendments: Iterable[Amendment], cell: Callable[[str], str] = str) -> str:
    """Return amendments as the text of an answers.csv, a line each in their order; `read_amendments` reads it back.

    `cell` is what becomes of each text: `inert` where people will open the file.
    """
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([cell(getattr(a, name)) for name in COLUMNS] for a in amendments)
    return out.getvalue()


def digest_amendments(amendments: Iterable[Amendment]) -> str:
    """Return the sha256 of amendments, that of the file in which they are written down."""
    return hashlib.sha256(format_amendments(amendments).encode()).hexdigest()


def read_amendments(path: Path) -> tuple[Amendment, ...]:
    """Read answers.csv; raise AmendmentError with the line of the first fault."""
    rows = read_decisions(path, COLUMNS, AmendmentError, "answers")
    out = tuple(_amendment({k: as_written(v) for k, v in fields.items()}, path, line) for line, fields in rows)
    seen: dict[str, int] = {}
    for a in out:
        if a.amendment_id in seen:
            raise AmendmentError(
                f"Two amendments are called `{a.amendment_id}`.",
                where=f"{path}, lines {seen[a.amendment_id]} and {a.line}",
                do="give each its own amendment_id",
            )
        seen[a.amendment_id] = a.line
    return out


def _amendment(fields: dict[str, str], path: Path, line: int) -> Amendment:
    where = f"{path}, line {line}"
    if fields["action"] not in list(Action):
        raise AmendmentError(f"`{fields['action']}` is not an action.", where=where, expected=", ".join(Action))
    for must in ("amendment_id", "centre", "address"):
        if not fields[must]:
            raise AmendmentError(f"The line has no {must}.", where=where, do=f"fill in {must}")
    action = Action(fields["action"])
    if action is Action.SET and not fields["value"]:
        raise AmendmentError("`set` without a value.", where=where, do="give the value, or use `clear`")
    if action is not Action.SET and (fields["value"] or fields["unit"]):
        raise AmendmentError(f"`{action}` takes no value and no unit.", where=where, do="empty them, or use `set`")
    if action is Action.DELETE_ROW and not fields["was"]:
        raise AmendmentError(
            "`delete_row` must quote what stands in the row.", where=where, expected="column=content; column=content"
        )
    if fields["answered_on"] and not is_day(fields["answered_on"]):
        raise AmendmentError(
            f"answered_on is `{fields['answered_on']}`, which is not a date.",
            where=where,
            expected="yyyy-mm-dd, or nothing",
            do="write the day as yyyy-mm-dd",
        )
    return amendment_of(fields, line=line, file=str(path))


def apply_amendments(data: SourceData, amendments: Sequence[Amendment]) -> Overlaid:
    """Lay amendments (of this centre) over its tables; row labels, and so all addresses, stay as they were.

    Raise AmendmentError where an address does not exist, or `was` is not what stands there; an amendment that is
    `kept` is outdated then. `was` may also be the value an earlier amendment of the same list gave the cell. A kept
    one whose value the file itself holds by now is applied: the centre has corrected its file.
    """
    overlay = _Overlay(data)
    applied: list[Applied] = []
    outdated: list[Outdated] = []
    for a in amendments:
        try:
            applied.append(overlay.apply(a))
        except AmendmentError as e:
            if not a.kept:
                raise
            outdated.append(Outdated(a, e.what))
    done = [
        replace(x, superseded_by=overlay.last[x.amendment.address])
        if overlay.last.get(x.amendment.address, x.amendment.amendment_id) != x.amendment.amendment_id
        else x
        for x in applied
    ]
    return Overlaid(overlay.data(), done, outdated)


class Places:
    """Where an address is among the tables of a centre."""

    def __init__(self, data: SourceData) -> None:
        self.tables = data.tables
        self._labels: dict[str, dict[str, int]] = {}

    def find(self, address: str) -> tuple[SourceTable, int, str] | None:
        """Return (table, row, column) of an address; column is '' for a row. None where there is no such place."""
        for table in self.tables.values():
            place = _within(table, address)
            if place is None:
                continue
            found = self.within(table, place)
            if found is not None:
                return table, *found
        return None

    def within(self, table: SourceTable, place: str) -> tuple[int, str] | None:
        """Resolve what follows `file!` or `file!sheet!` to (row, column); column is '' for a row."""
        labels = self._labels.setdefault(table.name, {})
        if not labels:
            labels.update({label: i for i, label in enumerate(table.row_labels)})
        columns = {p: c for c, p in table.places.items()}
        if table.grid:
            if place.startswith("row "):
                row = labels.get(place[4:])
                return None if row is None else (row, "")
            letters = place.rstrip("0123456789")
            row, column = labels.get(place[len(letters) :]), columns.get(letters)
        else:
            label, _, last = place.partition("!")
            row = labels.get(label)
            if not last:
                return None if row is None else (row, "")
            column = columns.get(last)
        return None if row is None or column is None else (row, column)


class _Overlay:
    """Amended cells and deleted rows, collected before any frame is touched."""

    def __init__(self, data: SourceData) -> None:
        self._data = data
        self._places = Places(data)
        self._cells: dict[str, dict[tuple[int, str], str | None]] = {}  # table -> cell -> text
        self._units: dict[str, dict[tuple[int, str], str]] = {}
        self._deleted: dict[str, set[int]] = {}
        self.last: dict[str, str] = {}  # address -> amendment that spoke last

    def apply(self, a: Amendment) -> Applied:
        found = self._places.find(a.address)
        if found is None and a.action is Action.CONFIRM and query_answered(a) and not a.was:
            return Applied(a, "", "")  # a question about no cell: a whole column, a file
        if found is None:
            raise self._no_such_place(a)
        table, row, column = found
        done = self._apply(a, table, row, column)
        self.last[a.address] = a.amendment_id
        return replace(done, table=table.name, label=table.row_labels[row], column=column)

    def _apply(self, a: Amendment, table: SourceTable, row: int, column: str) -> Applied:
        name = table.name
        if a.action is Action.DELETE_ROW:
            self._check_row(a, table, row)
            self._deleted.setdefault(name, set()).add(row)
            return Applied(a, a.was, "(row left out)")
        if not column and a.action is Action.CONFIRM and query_answered(a):
            self._check_row(a, table, row)
            return Applied(a, a.was, a.was)
        if not column:
            raise AmendmentError(
                f"`{a.action}` needs the address of a cell.", where=a.where, expected=f"{a.address}!column"
            )
        raw = table.raw(row, column)
        now = self._cells.get(name, {}).get((row, column), raw)
        if a.was not in {_shown(raw), _shown(now)} and not _fulfilled(a, raw):
            raise _changed(a, now)
        if a.action is Action.CONFIRM:
            return Applied(a, _shown(raw), _shown(now))
        value = a.value if a.action is Action.SET else None
        self._cells.setdefault(name, {})[row, column] = value
        units = self._units.setdefault(name, {})
        units.pop((row, column), None)
        if a.unit:
            units[row, column] = a.unit
        return Applied(a, _shown(raw), f"{value or '(no value)'}{' ' + a.unit if a.unit else ''}")

    def _no_such_place(self, a: Amendment) -> AmendmentError:
        """Say which part of an address the centre's files do not have."""
        where, do = f"{a.where}: {a.address}", "correct the address"
        for table in self._data.tables.values():
            column = a.address.rsplit("!", 1)[-1]
            place = _within(table, a.address)
            if place is not None and table.frame.is_empty():
                return AmendmentError(
                    f"{table.sheet} has no rows, only its headings.",
                    where=where,
                    expected="the rows that it had when the answer was given",
                    do="put the centre's whole file back, or take the answer out of answers.csv",
                )
            if place is None or table.grid or self._places.within(table, place.rpartition("!")[0]) is None:
                continue
            columns = list(table.places.values())
            near = difflib.get_close_matches(column, columns, 1, 0.5)
            hint = f" (nearest in the file: `{near[0]}`)" if near else ""
            return AmendmentError(
                f"{table.sheet} has no column `{column}`{hint}.", where=where, expected=", ".join(columns), do=do
            )
        return AmendmentError(
            "There is no such cell or row.", where=where, expected="an address as in the query list", do=do
        )

    def _check_row(self, a: Amendment, table: SourceTable, row: int) -> None:
        for part in a.was.split(";"):
            column, _, content = (x.strip() for x in part.partition("="))
            if column not in table.columns:
                raise AmendmentError(
                    f"The row has no column `{column}`.", where=a.where, expected="column=content; column=content"
                )
            if _shown(table.raw(row, column)) != content:
                raise _changed(a, f"{column}={_shown(table.raw(row, column))}")

    def data(self) -> SourceData:
        names = {*self._cells, *self._deleted}
        tables = {n: self._amended(t) if t.name in names else t for n, t in self._data.tables.items()}
        return replace(self._data, tables=tables)

    def _amended(self, table: SourceTable) -> SourceTable:
        cells, units = self._cells.get(table.name, {}), self._units.get(table.name, {})
        frame = table.frame
        kinds = table.kinds
        if cells:
            if kinds is None:
                unknown = pl.Series([None], dtype=pl.String).new_from_index(0, frame.height)
                kinds = pl.DataFrame([unknown.alias(c) for c in frame.columns])
            columns: dict[str, list[int]] = {}
            for row, column in cells:
                columns.setdefault(column, []).append(row)
            texts, marks = ({c.name: c for c in f.get_columns()} for f in (frame, kinds))
            for column, rows in columns.items():
                now = [cells[r, column] for r in rows]
                texts[column] = texts[column].scatter(rows, now)
                marks[column] = marks[column].scatter(rows, [None if t is None else Kind.AMENDED.value for t in now])
            frame, kinds = pl.DataFrame(list(texts.values())), pl.DataFrame(list(marks.values()))
        amended = replace(table, frame=frame, kinds=kinds, stated_units=units)
        deleted = self._deleted.get(table.name)
        return _without(amended, deleted) if deleted else amended


def _without(table: SourceTable, deleted: set[int]) -> SourceTable:
    """Leave rows out; labels go with their rows, so no address shifts."""
    kept = [i for i in range(table.frame.height) if i not in deleted]
    new = {old: i for i, old in enumerate(kept)}
    return replace(
        table,
        frame=table.frame[kept],
        kinds=None if table.kinds is None else table.kinds[kept],
        row_labels=[table.row_labels[i] for i in kept],
        hidden_rows=frozenset(new[i] for i in table.hidden_rows if i in new),
        stated_units={(new[r], c): u for (r, c), u in table.stated_units.items() if r in new},
    )


def _within(table: SourceTable, address: str) -> str | None:
    if not table.file:
        return address
    prefix = table.sheet + "!"
    return address[len(prefix) :] if address.startswith(prefix) else None


def _shown(text: str | None) -> str:
    return "" if text is None else text.strip()


def _fulfilled(a: Amendment, raw: str | None) -> bool:
    """Whether the file itself holds by now what an amendment that the study keeps says."""
    if not a.kept or a.unit:  # with a unit of its own the same number may mean another value
        return False
    return (a.action is Action.SET and _shown(raw) == a.value) or (a.action is Action.CLEAR and not _shown(raw))


def _changed(a: Amendment, now: str | None) -> AmendmentError:
    return AmendmentError(
        f"{a.address} holds `{_shown(now) or '(blank)'}`, but the answer was given about `{a.was or '(blank)'}`: "
        "the file has changed since the answer.",
        where=a.where,
        expected=f"`{a.was or '(blank)'}` in the cell",
        do="ask the centre again about the new content, and remove this line",
    )
