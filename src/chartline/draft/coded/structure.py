"""What the structure of FHIR and OMOP says of a column (`vocabulary/structures.csv`), and of columns left over."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache

from chartline.core.identifiers import Kind, find_identifier
from chartline.draft.centre import Centre
from chartline.draft.model import EMPTY, IDENTIFIER, Column, Target
from chartline.draft.words import vocabulary

NO_CONCEPT = "0"  # OMOP CDM: "No matching concept"


def settle_rest(columns: Mapping[str, Column], table: str, dialect: str, centre: Centre, is_read: bool) -> None:
    """Say of every column that nothing reads why not; where nothing says it, it is a question.

    Of a table no row of which is read (`is_read`) the columns are no question: its rows are one.
    """
    read = {c.name for c in columns.values() if c.role in ("value", "selector", "subject")}
    families = {name.rpartition(".")[0]: name for name in sorted(read) if "." in name}
    for c in columns.values():
        if c.role != "open":
            continue
        known = _reason(dialect, table, c.name)
        who = find_identifier(c.name.split(".")[0], c.profile.values[:50])
        family = families.get(c.name.rpartition(".")[0])
        if not c.profile.filled:
            c.ignore(EMPTY, 0.9)
        elif known is not None:
            c.ignore(known, 0.9)
        elif dialect == "omop" and c.name.endswith("_concept_id") and set(c.profile.values) == {NO_CONCEPT}:
            c.ignore("0 alone: no concept", 0.9)
        elif c.name == f"{table}_id":
            c.ignore("id", 0.95)
        elif family is not None:
            c.ignore(f"see {family}", 0.85)
        elif _same_concept(c.name, read):
            c.ignore(f"see {_same_concept(c.name, read)}", 0.85)
        elif _spells(c.name, read):
            c.ignore(f"see {_spells(c.name, read)}", 0.85)
        elif who is not None and who.kind is not Kind.SUBJECT:
            c.ignore(f"{IDENTIFIER}: {who.reason}", who.confidence)
        else:
            shown = ", ".join(c.profile.samples[:2])
            if not is_read:
                c.ignore("no row of this table is read", 0.6)
                continue
            c.reason, c.confidence = f"nothing says what it is ({c.profile.filled} filled: {shown[:60]})", 0.2
            centre.draft.ask(
                table,
                c.name,
                f"what is it for? {c.profile.filled} cell{'s' * (c.profile.filled != 1)}, as {shown[:80]}",
            )


def _reason(dialect: str, table: str, column: str) -> str | None:
    """Return why a column of a known structure is not read; None where the structure does not say."""
    for row in _structures():
        about = row["dialect"] == dialect and row["reason"] and row["table"] in (table, "*")
        if about and fnmatchcase(column, row["column"].replace("[", "[[]")):
            return row["reason"]
    return None


@cache
def _structures() -> tuple[dict[str, str], ...]:
    return tuple(vocabulary("structures.csv"))


def known_columns(dialect: str, table: str) -> list[tuple[str, Target]]:
    """Return the columns that the structure itself gives a meaning."""
    return [
        (r["column"], Target(r["domain"], r["item"], r["variable"]))
        for r in _structures()
        if r["dialect"] == dialect and r["table"] == table and r["variable"]
    ]


def _spells(name: str, read: set[str]) -> str:
    """OMOP says a thing twice: as a concept and as the source wrote it."""
    stem = re.sub(r"_(source_value|concept_id)$", "", name)
    return next((r for r in sorted(read) if r != name and re.sub(r"_(source_value|concept_id)$", "", r) == stem), "")


def _same_concept(name: str, read: set[str]) -> str:
    """A code, its display and its text are one concept of FHIR; what one of them says the others repeat."""
    stem = name.split(".coding[")[0]
    if stem == name:
        return ""
    return next((r for r in sorted(read) if r == f"{stem}.text" or r.startswith(f"{stem}.coding[")), "")
