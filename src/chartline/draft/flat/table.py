"""A table with one heading a column (sheet, delimited file, REDCap form) -> its part of the mapping.

In: a SourceTable and what was found about its layout. Out: the table's entry, and columns, words and questions for the
reviewer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl

from chartline.core.identifiers import Kind
from chartline.draft.centre import Centre
from chartline.draft.find.layout import Layout
from chartline.draft.flat.columns import propose
from chartline.draft.flat.confidence import temper
from chartline.draft.flat.headings import groups_of
from chartline.draft.flat.model import FlatTable
from chartline.draft.flat.reading import columns_in_use
from chartline.draft.flat.records import build_records
from chartline.draft.flat.subject import strange_rows
from chartline.draft.model import IDENTIFIER, Column
from chartline.draft.profile import profile_column
from chartline.mapping.signed import OPEN_QUESTION as OPEN
from chartline.sources.base import SourceTable
from chartline.sources.instruments import RedcapTable

_ONE_ROW = 1.15  # rows a subject, below which a table is meant to have one row a subject


def profile_table(table: SourceTable, layout: Layout | None, centre: Centre) -> FlatTable:
    """Return a table's columns with their profiles; roles come later."""
    labels, boxes = _labels(table)
    places = list(table.places)
    columns = [
        Column(
            table.name,
            name,
            table.places.get(name, name),
            labels.get(name, name),
            profile_column(table, name, centre.missing),
        )
        for name in table.columns
    ]
    titles: dict[str, str] = {}
    stated: dict[str, str] = {}
    if layout is not None and table.grid:
        by_letter = {name: _index(place) for name, place in table.places.items()}
        titles = {n: layout.titles[i] for n, i in by_letter.items() if i in layout.titles}
        stated = {n: layout.units[i] for n, i in by_letter.items() if i in layout.units}
    elif layout is not None:
        stated = {n: layout.units[i] for i, n in enumerate(places) if i in layout.units}
    choices = _choices(table)
    return FlatTable(table.name, columns, choices, boxes, titles, stated)


def _index(letters: str) -> int:
    n = 0
    for c in letters:
        n = n * 26 + ord(c) - 64
    return n - 1


def _labels(table: SourceTable) -> tuple[dict[str, str], dict[str, str]]:
    """Return column -> what the form calls it, and check box -> the label of its choice."""
    if not isinstance(table, RedcapTable):
        return {}, {}
    labels: dict[str, str] = {}
    boxes: dict[str, str] = {}
    for name in table.columns:
        stem, _, code = name.partition("___")
        label = table.labels.get(stem, "")
        if code and label:
            boxes[name] = table.choices.get(stem, {}).get(code, code)
            labels[name] = f"{label}: {boxes[name]}"
        elif label:
            labels[name] = label
    return labels, boxes


def _choices(table: SourceTable) -> dict[str, dict[str, str]]:
    if not isinstance(table, RedcapTable):
        return {}
    out: dict[str, dict[str, str]] = {}
    for name in table.columns:
        stem, _, code = name.partition("___")
        if code:
            out[name] = {"1": "Yes", "0": "No"}
        elif stem in table.choices:
            out[name] = dict(table.choices[stem])
    return out


def draft_table(table: SourceTable, flat: FlatTable, subject: str | None, centre: Centre) -> dict[str, Any]:
    """Return the mapping's entry for a table, and put its columns, words and questions into the draft."""
    entry: dict[str, Any] = {}
    exclusions: list[dict[str, Any]] = []
    if subject is not None:
        exclusions, keep = strange_rows(table, subject, centre)
        if exclusions:
            _profile_again(table, flat, keep, centre)
    propose(flat, centre.study, centre.codes, centre.known, subject)
    for said in groups_of([flat.heads[c.name] for c in flat.columns]):
        centre.draft.saw(table.name, said)
    is_range = _range_table(flat)
    if subject is None and not is_range and any(c.role == "value" for c in flat.columns):
        _no_subject(flat, centre)
    used = columns_in_use(flat, centre)
    temper(flat, used, centre)
    records, lost = build_records(used, centre.study, lambda column, text: centre.draft.ask(table.name, column, text))
    for c in flat.columns:
        if c.name in lost and c.role == "value":
            c.role, c.reason = "open", f"{lost[c.name].said}, but no column of the table says of what"
    if subject is not None:
        entry["subject"] = subject
        column = next(c for c in flat.columns if c.name == subject)
        column.role, column.reason, column.confidence = "subject", "the patient's id", 0.95
        if _one_row(flat, column, records):
            entry["one_row_per_subject"] = True
    if exclusions:
        entry["exclude_rows"] = exclusions
    for c in flat.columns:
        if c.role == "open":
            centre.draft.ask(table.name, c.name, f"what is it, or why is it not needed? {_perhaps(c)}")
    ignored = _ignored(flat, records)
    if ignored:
        entry["ignore"] = ignored
    if records:
        entry["records"] = records
    centre.draft.columns += flat.columns
    return entry


def _range_table(flat: FlatTable) -> bool:
    targets = {p.target.domain for c in flat.columns for p in c.proposals if p.sure}
    return "RANGE" in targets and len(targets) == 1


def _no_subject(flat: FlatTable, centre: Centre) -> None:
    for c in flat.columns:
        if c.role == "value":
            c.role, c.reason = "open", f"{c.proposals[0].target.said}, but no column says whose the row is"
    numbers = [c.name for c in flat.columns if c.reason.startswith(IDENTIFIER) and Kind.HOSPITAL in c.reason]
    hint = f" `{numbers[0]}` is a hospital number: `chartline deidentify` puts a pseudonym there." if numbers else ""
    centre.draft.ask(flat.name, "", f"no column holds the patient's id: which one is it?{hint}")


def _profile_again(table: SourceTable, flat: FlatTable, keep: pl.Series, centre: Centre) -> None:
    kinds = table.kinds.filter(keep) if table.kinds is not None else None
    rows = [i for i, k in enumerate(keep) if k]
    part = replace(table, frame=table.frame.filter(keep), kinds=kinds, row_labels=[table.row_labels[i] for i in rows])
    for c in flat.columns:
        c.profile = profile_column(part, c.name, centre.missing)


def _one_row(flat: FlatTable, subject: Column, records: list[dict[str, Any]]) -> bool:
    domains = {r["domain"] for r in records}
    n = len(subject.profile.counts)
    return bool(domains & {"DM", "SS"}) and n > 0 and subject.profile.filled <= max(_ONE_ROW * n, n + 1)


def _ignored(flat: FlatTable, records: list[dict[str, Any]]) -> dict[str, str]:
    out: dict[str, str] = {}
    for c in flat.columns:
        if c.role == "ignored":
            key = "redcap_*" if c.name.startswith("redcap_") else c.name
            out[key] = c.reason
        elif c.role == "open":
            out[c.name] = f"{OPEN}{_perhaps(c)}"
    return out


def _perhaps(c: Column) -> str:
    """Say why a column is open, and what it may be."""
    return c.reason + (f" (perhaps {c.proposals[0].target.said}, {c.confidence:.2f})" if c.proposals else "")
