"""Whose a row is: the column of subject ids, the shape of an id, and rows that are of nobody (totals, notes).

Rows of totals, repeated headings and notes are found before the columns are judged, so that they spoil no column's
kind.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import polars as pl

from chartline.draft.centre import Centre
from chartline.draft.flat.model import FlatTable
from chartline.sources.base import SourceTable

_SHAPE = re.compile(r"[A-Za-z]+|\d+|[^A-Za-z\d]+")


def find_subject(flat: FlatTable, centre: Centre) -> str | None:
    """Return the column of the subject's id: named so, and different from row to row or known from other tables."""
    named = centre.study.words.marks["subject"]
    best: tuple[float, str] | None = None
    for i, c in enumerate(flat.columns):
        words = centre.study.words.canonical(c.heading)
        score = 1.0 if words in named else 0.0
        if not score and c.name != c.heading and centre.study.words.canonical(c.name) in named:
            score = 0.9
        if not score and c.profile.kind == "id" and c.name.lower().endswith(("id", "no", "nr", "code", "key")):
            score = 0.5  # called an id of something, and different in every row
        if c.profile.kind == "date" or (not c.profile.counts and c.profile.rows):
            continue
        counts = c.profile.counts
        known = sum(v in centre.ids for v in counts) / len(counts) if centre.ids and counts else 0.0
        score += known
        if score < 0.5:
            continue
        score += 0.2 * (len(counts) > 0.5 * c.profile.filled) - 0.01 * i
        if best is None or score > best[0]:
            best = (score, c.name)
    return None if best is None else best[1]


def note_ids(flat: FlatTable, subject: str | None, centre: Centre) -> None:
    """Remember the subject ids of a table, so that other tables' columns of them are known."""
    if subject is not None:
        column = next(c for c in flat.columns if c.name == subject)
        centre.ids.update({v: 1 for v in column.profile.counts})


def id_pattern(ids: Counter[str]) -> str:
    """Return a regular expression that nearly all subject ids match; "" where they have no common shape."""
    shapes = Counter(_shape(v) for v in ids.elements() if re.search(r"\d", v))  # `Total` and notes are no ids
    if not shapes or sum(shapes.values()) < 4:
        return ""
    shape, n = shapes.most_common(1)[0]
    if n < 0.8 * sum(shapes.values()) or shape == r"[0-9]{1}" or not re.search(r"\[0-9\]", shape):
        return ""
    return f"^{shape}$"


def _shape(value: str) -> str:
    out = ""
    for part in _SHAPE.findall(value):
        out += f"[0-9]{{{len(part)}}}" if part.isdigit() else re.escape(part).replace(r"\-", "-")
    return out


# rows that are no data ----------------------------------------------------------------------------------------------


def strange_rows(table: SourceTable, subject: str, centre: Centre) -> tuple[list[dict[str, Any]], pl.Series]:
    """Return the exclusions proposed for rows that are no patients, and which rows they leave."""
    ids = table.frame[subject].str.strip_chars()
    blank = ids.is_null() | (ids == "")
    keep = pl.Series([True] * len(ids), dtype=pl.Boolean)
    out: list[dict[str, Any]] = []
    left: dict[tuple[str, str], pl.Series] = {}
    for column, cells in _where_said(table, subject, ids, blank, centre):
        for value in cells.drop_nulls().unique(maintain_order=True).to_list():
            reason, pattern = _why_strange(value, column, centre) if value else ("", "")
            if not reason:
                continue
            there = (cells == value).fill_null(False) & keep
            keep = keep & ~there
            if (column, pattern) not in left:
                out.append({"where": {column: {"matches": pattern}}, "reason": reason})
            left[column, pattern] = left.get((column, pattern), there) | there
    for exclusion, rows in zip(out, left.values(), strict=True):
        first = table.address(int(rows.arg_true()[0]))
        centre.draft.saw(table.name, f"{exclusion['reason']}, left out: {rows.sum()}, first at {first}")
    nobody = blank & keep & table.frame.select(pl.any_horizontal(pl.all().is_not_null())).to_series()
    n = int(nobody.sum())
    if n:
        at = int(nobody.arg_true()[0])
        centre.draft.ask(
            table.name, subject, f"{n} row(s) have values and no subject, first {table.address(at)}: whose are they?"
        )
    return out, keep & ~blank


def _where_said(
    table: SourceTable, subject: str, ids: pl.Series, blank: pl.Series, centre: Centre
) -> list[tuple[str, pl.Series]]:
    """Return the columns that may say what a row is, with their cells where it may be of nobody: the id, and the first
    column of rows without an id or with one of another shape (`Total` before the number of patients)."""
    known = ids.str.contains(centre.pattern).fill_null(False) if centre.pattern else ~blank
    said = [(subject, pl.select(pl.when(~known).then(ids)).to_series())]
    first = table.columns[0]
    if first != subject:
        cells = table.frame[first].str.strip_chars()
        said.append((first, pl.select(pl.when(~known).then(cells)).to_series()))
    return said


def _why_strange(value: str, subject: str, centre: Centre) -> tuple[str, str]:
    words = centre.study.words
    first = words.canonical(re.split(r"[\s:=(]", value.strip())[0])
    if first in words.marks["total"] and not re.fullmatch(r"[A-Za-z]{0,3}[-_ ]?\d+", value):
        start = re.match(r"[^\W\d_]+", value)
        return "row of totals", f"^{re.escape(start[0] if start else value)}"
    if value.strip() == subject.strip():
        return "the headings again", f"^{re.escape(value)}$"
    if first in words.marks["note"] or value.startswith(("*", "†", "#", "(")) or len(value) > 40:
        start = re.match(r"[^\W\d_]+:?|\W{1,2}", value)
        return "note under the table", f"^{_regex(start[0] if start else value)}"
    return "", ""


def _regex(text: str) -> str:
    return "".join(f"[{c}]" if c in "*.+?()" else re.escape(c) if not c.isspace() else " " for c in text)
