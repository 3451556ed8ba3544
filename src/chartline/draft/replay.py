"""A new version of a centre's files against the mapping it has: what is new, what is gone, what changed.

In: a draft of the new files and the mapping. Out: differences, each with what is proposed for it. Columns and words
that the mapping already decides are not proposed again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

import polars as pl

from chartline.draft.codes import type_of
from chartline.draft.find.discover import discover
from chartline.draft.find.found import Found
from chartline.draft.known import target_of
from chartline.draft.model import EMPTY, Column, Draft
from chartline.mapping.blocks import Block, Plan, plan
from chartline.mapping.model import Mapping
from chartline.mapping.views import TableView, wild
from chartline.sources.folder import CentreFolder


@dataclass
class Difference:
    """One difference. `kind`: new, gone or no longer empty file, table, column; new word; changed kind or dates."""

    kind: str
    table: str
    column: str
    text: str
    proposal: str = ""

    @property
    def line(self) -> str:
        place = ", ".join(x for x in (self.table, f"`{self.column}`" if self.column else "") if x)
        return f"{self.kind}: {place}{': ' if place and self.text else ''}{self.text}" + (
            f" (proposed: {self.proposal})" if self.proposal else ""
        )


def differences_of(draft: Draft, mapping: Mapping, root: Path, names: list[str] | None) -> list[Difference]:
    """Return how the files differ from what the mapping says of them, in the order of the mapping."""
    found = discover(root, names, table_names(mapping))
    made = plan(mapping)
    columns = {(c.table, c.name): c for c in draft.columns}
    out = [*_files(root, names, mapping), *_tables(found, mapping), *_layout(found, mapping)]
    views: dict[str, TableView] = {}
    views |= {n: TableView(found.tables[n], mapping.missing, views) for n in mapping.tables if n in found.tables}
    for name, whole in views.items():
        view = _kept(whole, mapping, name, views)
        out += _columns(name, view, mapping, made, columns)
        seen: set[tuple[str, str]] = set()
        for block in (b for b in made.blocks if b.table == name):
            out += _words(block, view, draft, seen)
            out += _kinds(block, columns, seen)
    return out


def table_names(mapping: Mapping) -> dict[str, str]:
    """Return the names that the mapping gives the tables of delimited files: path -> table."""
    return {s.path: s.table for s in mapping.sources if s.path and s.table}


def _kept(view: TableView, mapping: Mapping, name: str, views: dict[str, TableView]) -> TableView:
    """Return a table without the rows that the mapping leaves out."""
    keep = pl.Series([True] * view.height, dtype=pl.Boolean)
    for exclusion in mapping.tables[name].exclude_rows:
        if set(exclusion.where) <= view.columns:
            keep = keep & ~view.holds(tuple(exclusion.where.items()))
    table = view.table
    kinds = table.kinds.filter(keep) if table.kinds is not None else None
    rows = [label for label, kept in zip(table.row_labels, keep, strict=True) if kept]
    return TableView(
        replace(table, frame=table.frame.filter(keep), kinds=kinds, row_labels=rows), mapping.missing, views
    )


def _files(root: Path, names: list[str] | None, mapping: Mapping) -> Iterator[Difference]:
    there = [f.name for f in CentreFolder(root).all_files() if names is None or f.name in names]
    used = [p for s in mapping.sources for p in (s.path, s.records, s.dictionary, s.odm) if p]
    for path in used:
        if not any(fnmatchcase(n, path) or path == "." or n.startswith(f"{path}/") for n in there):
            yield Difference("gone file", "", path, "the mapping reads it, and it is not here")
    whole = any(p == "." or (root / p).is_dir() for p in used)
    for name in there:
        ignored = any(fnmatchcase(name, p) for p in mapping.ignore_files)
        if not ignored and not whole and not any(fnmatchcase(name, p) for p in used):
            yield Difference("new file", "", name, "the mapping does not speak of it")


def _tables(found: Found, mapping: Mapping) -> Iterator[Difference]:
    passed = wild(mapping.ignore_tables)
    for name in found.tables:
        if name not in mapping.tables and not passed.fullmatch(name) and not _left_sheet(name, mapping):
            n = found.tables[name].frame.height
            yield Difference("new table", name, "", f"{n} row{'s' * (n != 1)}; the whole of it is proposed below")
    for pattern, reason in mapping.ignore_tables.items():
        for name in found.tables if reason == EMPTY else ():
            if wild([pattern]).fullmatch(name) and found.tables[name].frame.height:
                n = found.tables[name].frame.height
                yield Difference(
                    "no longer empty", name, "", f"{n} rows; the mapping leaves the table, which was empty"
                )
    for name, table in mapping.tables.items():
        if name not in found.tables and not table.optional:
            yield Difference("gone table", name, "", "the mapping reads it, and it is not here")


def _left_sheet(name: str, mapping: Mapping) -> bool:
    return any(name in s.other_sheets for s in mapping.sources)


def _layout(found: Found, mapping: Mapping) -> Iterator[Difference]:
    for source in mapping.sources:
        for sheet, spec in source.sheets.items():
            yield from _heading(sheet, spec.header_row, found)
        if source.kind == "delimited":
            for file in (s["path"] for s in found.sources if fnmatchcase(s.get("path", ""), source.path or "")):
                yield from _heading(source.table or PurePosixPath(file).stem, source.header_row, found)


def _heading(table: str, row: int, found: Found) -> Iterator[Difference]:
    now = found.layouts.get(table)
    if now is not None and now.header_row != row:
        text = f"headings stand in row {now.header_row}, the mapping says row {row}"
        yield Difference("changed layout", table, "", text, f"header_row: {now.header_row}")


def _columns(
    name: str, view: TableView, mapping: Mapping, made: Plan, columns: dict[tuple[str, str], Column]
) -> Iterator[Difference]:
    table = mapping.tables[name]
    used = made.used[name]
    passed, optional = wild(table.ignore), wild(table.optional_columns)
    for column in view.table.columns:
        if column not in used and not passed.fullmatch(column):
            c = columns.get((name, column))
            said = f"{c.profile.filled} of {c.profile.rows} filled, {c.profile.kind}" if c else ""
            yield Difference("new column", name, column, said, _proposed(c))
    empty = wild([pattern for pattern, reason in table.ignore.items() if reason == EMPTY])
    for column in view.table.columns:
        c = columns.get((name, column))
        if column not in used and empty.fullmatch(column) and c is not None and c.profile.filled:
            said = f"{c.profile.filled} of {c.profile.rows} filled, {c.profile.kind}; the mapping leaves it out"
            yield Difference("no longer empty", name, column, said, _proposed(c))
    for column in sorted(used - view.columns):
        if not optional.fullmatch(column):
            yield Difference("gone column", name, column, "the mapping reads it, and it is not here")


def _proposed(c: Column | None) -> str:
    if c is None:
        return ""
    if c.role == "value" and c.proposals:
        return f"{' and '.join(p.target.said for p in c.proposals)}, {c.confidence:.2f}: {c.reason}"
    return f"not read: {c.reason}" if c.role == "ignored" else f"open: {c.reason}"


def _words(block: Block, view: TableView, draft: Draft, seen: set[tuple[str, str]]) -> Iterator[Difference]:
    for variable, cell in block.cells.items():
        column = cell.columns[0]
        if cell.reading.codes is None or "#" in variable or column not in view.columns:
            continue
        known = {w for w, _ in cell.reading.codes}
        rows = view.holds(block.where) if block.where else None
        text = view.raw(column).filter(rows) if rows is not None else view.raw(column)
        for value in text.drop_nulls().str.strip_chars().unique(maintain_order=True).to_list():
            found = re.search(cell.reading.extract, value) if cell.reading.extract else None
            word = (found[1] if found else "" if cell.reading.extract else value).strip()
            if not word or word.lower() in known | cell.reading.missing or (column, word) in seen:
                continue
            if _is_number(word) and type_of(target_of(block, variable)) in ("number", "integer"):
                continue
            seen.add((column, word))
            n = int((text.str.strip_chars() == value).sum())
            yield Difference(
                "new word",
                block.table,
                column,
                f"`{word}` ({n} cell{'s' * (n != 1)})",
                _term(word, block.table, column, draft),
            )


def _is_number(word: str) -> bool:
    return bool(re.fullmatch(r"[<>]?=?\s*[-+]?\d+(?:[.,]\d+)?\s*%?", word))


def _term(word: str, table: str, column: str, draft: Draft) -> str:
    for coded in (c for c in draft.coded if (c.table, c.column) == (table, column)):
        for w in coded.words:
            if w.word.strip().lower() == word.lower() and w.term:
                return f"{w.term}, {w.confidence:.2f}: {w.reason}"
    return ""


def _kinds(block: Block, columns: dict[tuple[str, str], Column], seen: set[tuple[str, str]]) -> Iterator[Difference]:
    for variable, cell in block.cells.items():
        c = columns.get((block.table, cell.columns[0]))
        if (
            c is None
            or "#" in variable
            or cell.reading.extract
            or block.where
            or cell.date_parts
            or not c.profile.counts
        ):
            continue
        kind, key = c.profile.kind, (cell.columns[0], "#kind")
        if key in seen:
            continue
        of = cell.reading.type
        wrong = (of == "date" and kind not in ("date",) and cell.reading.day_zero is None and not _years(c)) or (
            of in ("number", "integer") and kind not in ("number",) and cell.reading.codes is None
        )
        if wrong:
            seen.add(key)
            shown = ", ".join(c.profile.samples[:3])
            yield Difference("changed kind", block.table, c.name, f"is read as {of}, and holds {kind} ({shown})")
        elif of == "date" and _other_order(c, cell.reading.order.value):
            seen.add(key)
            text = f"dates are read as {cell.reading.order.value}; {c.profile.verdict.sentence()}"
            yield Difference("changed dates", block.table, c.name, text)


def _years(c: Column) -> bool:
    return c.profile.kind == "number" and all(1900 <= n <= 2100 for n in c.profile.numbers)


def _other_order(c: Column, order: str) -> bool:
    """Whether some cell proves an order that the mapping does not read."""
    v = c.profile.verdict
    text = {"DMY": v.mdy + v.iso, "MDY": v.dmy + v.iso, "ISO": v.dmy + v.mdy + v.either, "YMD": v.dmy + v.mdy}
    return text[order] > 0
