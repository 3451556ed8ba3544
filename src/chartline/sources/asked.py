"""Asked: what a study wants of an OMOP database, so that a reader reads no more."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from chartline.protocol.selection import AnySelection, ConceptSet
from chartline.sources.base import Selected


@dataclass(frozen=True)
class Wanted:
    """The columns of a table that a mapping reads: all but those that it ignores, and of these the ones that it uses
    all the same."""

    ignored: re.Pattern[str] | None = None
    used: frozenset[str] = frozenset()

    def takes(self, column: str) -> bool:
        """Whether the values of a column are wanted; of the others the heading alone."""
        return column in self.used or self.ignored is None or not self.ignored.fullmatch(column)


@dataclass(frozen=True)
class Chosen:
    """Who is read of a database, by `person_id` (Int64, rising), and how they were selected, if they were."""

    persons: pl.Series
    selected: Selected | None = None

    def part(self, number: int, parts: int) -> Chosen:
        """Return one of so many parts of the persons, whose ids follow each other: a database that has the rows of a
        person together need not be looked through for each of them. How they were selected is told with the first."""
        first, last = (len(self.persons) * n // parts for n in (number, number + 1))
        selected = self.selected if number == 0 or self.selected is None else self.selected.of_nobody()
        return Chosen(self.persons[first:last], selected)


@dataclass(frozen=True)
class Asked:
    """The protocol's selection (None: everybody) with its concept sets, and the tables that the mapping reads (None:
    all) with their columns; of the others the headings alone are wanted. `chosen`: the persons, where they are
    known."""

    selection: AnySelection | None = None
    concept_sets: Mapping[str, ConceptSet] = field(default_factory=dict)
    tables: Mapping[str, Wanted] | None = None
    chosen: Chosen | None = None
