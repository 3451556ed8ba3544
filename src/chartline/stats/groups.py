"""Subgroups: their keys in the results, their order, and the warnings every row shares."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from chartline.counts.model import CrossTab, EventTable, Pattern, ValueTable

NOBODY = "no patients in the set"


def group_of(pattern: Pattern) -> str:
    """Return a covariate pattern as the key of a group: "SITEID=A;SEX=F", "" for everyone."""
    return ";".join(f"{name}={level}" for name, level in pattern)


def groups_by(table: EventTable | ValueTable | CrossTab, by: str | None) -> list[Pattern]:
    """Return one pattern per level of `by` that occurs, in order; none without `by`."""
    if by is None:
        return []
    return [((by, level),) for level in in_order(levels_of(table, by))]


def levels_of(table: EventTable | ValueTable | CrossTab, name: str) -> set[str]:
    """Return the levels of a dimension or covariate that occur in `table`."""
    if isinstance(table, CrossTab):
        at = table.dims.index(name)
        return {levels[at] for levels in table.cells}
    patterns: Iterable[Pattern] = [p for p, _ in (table.rows if isinstance(table, EventTable) else table.values)]
    if isinstance(table, ValueTable):
        patterns = [*patterns, *table.missing]
    return {dict(p)[name] for p in patterns}


def with_known(table: EventTable, names: Iterable[str]) -> tuple[EventTable, int]:
    """Return the part of a table whose patterns have a level of each of these variables, and how many are not in it."""
    asked = tuple(names)
    known = {p for p in table.patterns if all(dict(p)[name] != "" for name in asked)}
    part = replace(table, rows={at: row for at, row in table.rows.items() if at[0] in known})
    return part, table.n_subjects - part.n_subjects


def in_order(levels: Iterable[str], declared: tuple[str, ...] = ()) -> list[str]:
    """Return the levels as declared, then numbers by size, then texts; missing ("") comes last."""
    found = set(levels)
    return [*declared, *sorted(found - {*declared, ""}, key=_natural), *([""] if "" in found else [])]


def _natural(level: str) -> tuple[int, float, str]:
    try:
        return 0, float(level), level
    except ValueError:
        return 1, 0.0, level


def left_out(missing: int, withheld: int, what: str) -> tuple[str, ...]:
    """Return the warnings for patients without a value and for those withheld by open queries."""
    out = []
    if missing:
        out.append(f"{_patients(missing)} {what}")
    if withheld:
        out.append(f"{_patients(withheld)} withheld because of open blocking queries")
    return tuple(out)


def in_group(withheld: int, group: str) -> tuple[int, tuple[str, ...]]:
    """Return the number withheld to show in a group, and a warning: the withheld are known for everyone only."""
    if group and withheld:
        return 0, ("patients withheld because of open queries are not counted by group",)
    return withheld, ()


def _patients(n: int) -> str:
    return "1 patient" if n == 1 else f"{n} patients"
