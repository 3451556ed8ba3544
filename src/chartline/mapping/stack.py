"""Cells that are read the same way, from all tables of a centre, stacked and read at once.

In: requests (table, columns, rows, reading). Out: for each a Chunk of values; equal requests share one. This keeps
the cost at a few vector operations per reading, whether a block is one of three or one of three hundred.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from chartline.mapping.blocks import CellSpec
from chartline.mapping.lookups import Lookups
from chartline.mapping.values import Read, Reading, read_cells
from chartline.mapping.views import Columns, TableView


@dataclass
class Request:
    """The cells of one variable of one (or several) blocks. `users` are (block number, variable)."""

    view: TableView
    table: str
    cell: CellSpec
    rows: pl.Series
    rows_key: object  # equal for equal sets of rows of one table
    users: list[tuple[int, str]] = field(default_factory=list)
    offset: int = 0

    def text(self, taken: Columns) -> pl.Series:
        """Return the cells, given the columns of this request's rows."""
        return self._parts() if self.cell.date_parts else self._column(taken)

    def kind(self, kinds: Columns | None) -> pl.Series | None:
        return None if kinds is None or self.cell.date_parts else self._column(kinds)

    def _column(self, columns: Columns) -> pl.Series:
        found = columns.get(self.cell.columns[0])
        return pl.Series([None], dtype=pl.String).new_from_index(0, len(self.rows)) if found is None else found

    def _parts(self) -> pl.Series:
        """Join year, month and day to ISO text; a missing part makes the date partial."""
        year, *rest = (self.view.text(c).gather(self.rows) for c in self.cell.columns)
        text, known = year, year.is_not_null()
        for part in rest:
            known = known & part.is_not_null()
            text = (text + "-" + part.str.zfill(2)).zip_with(known, text)
        return text


class Stack:
    """Collects requests, reads them reading by reading, hands back chunks."""

    def __init__(self, lookups: Lookups) -> None:
        self.requests: dict[Reading, list[Request]] = {}
        self._by_key: dict[tuple[object, ...], Request] = {}
        self._lookups = lookups
        self._read: dict[Reading, Read] = {}

    def ask(
        self, view: TableView, table: str, cell: CellSpec, rows: pl.Series, rows_key: object, user: tuple[int, str]
    ) -> Request:
        """Register a request; `rows_key` is equal for equal sets of rows of one table."""
        key = (table, cell.columns, rows_key, cell.reading)
        request = self._by_key.get(key)
        if request is None:
            request = Request(view, table, cell, rows, rows_key)
            self._by_key[key] = request
            self.requests.setdefault(cell.reading, []).append(request)
        request.users.append(user)
        return request

    def run(self) -> None:
        """Read everything that was asked for."""
        taken = self._take()
        for reading, requests in self.requests.items():
            offset = 0
            for request in requests:
                request.offset = offset
                offset += len(request.rows)
            frames = [taken[r.table, r.rows_key] for r in requests]
            text = pl.concat([r.text(f).alias("text") for r, (f, _) in zip(requests, frames, strict=True)])
            kinds = _kinds(requests, [r.kind(k) for r, (_, k) in zip(requests, frames, strict=True)])
            lookup = self._lookups[reading.lookup] if reading.lookup else None
            self._read[reading] = read_cells(reading, text, kinds, lookup)

    def _take(self) -> dict[tuple[str, object], tuple[Columns, Columns | None]]:
        """Gather, once for each set of rows, all columns that are asked of it."""
        asked: dict[tuple[str, object], tuple[Request, dict[str, None]]] = {}
        for request in self._by_key.values():
            _, columns = asked.setdefault((request.table, request.rows_key), (request, {}))
            columns.update(dict.fromkeys(request.cell.columns))
        return {k: r.view.taken(list(columns), r.rows) for k, (r, columns) in asked.items()}

    def read(self, request: Request) -> Read:
        """Return one request's part of what was read (problems excluded, see `problems`)."""
        whole = self._read[request.cell.reading]
        at, n = request.offset, len(request.rows)
        op = None if whole.op is None else whole.op.slice(at, n)
        high = None if whole.high is None else whole.high.slice(at, n)
        return Read(whole.value.slice(at, n), op, whole.present.slice(at, n), high=high)

    def problems(self) -> list[tuple[Request, int, str]]:
        """Return (request, position within it, code) of every cell that did not fit."""
        out = []
        for reading, requests in self.requests.items():
            owner = iter(requests)
            request = next(owner)
            for position, code in self._read[reading].problems:
                while position >= request.offset + len(request.rows):
                    request = next(owner)
                out.append((request, position - request.offset, code))
        return out


def _kinds(requests: list[Request], kinds: list[pl.Series | None]) -> pl.Series | None:
    if all(k is None for k in kinds):
        return None
    unknown = pl.Series("kind", [None], dtype=pl.String)
    filled = [unknown.new_from_index(0, len(r.rows)) if k is None else k for r, k in zip(requests, kinds, strict=True)]
    return pl.concat([k.cast(pl.String).alias("kind") if k.dtype != pl.String else k.alias("kind") for k in filled])
