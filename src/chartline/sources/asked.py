"""Asked: what a study wants of an OMOP database, so that a reader reads no more."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from chartline.protocol.selection import AnySelection, ConceptSet


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
class Asked:
    """The protocol's selection (None: everybody) with its concept sets, and the tables that the mapping reads (None:
    all) with their columns; of the others the headings alone are wanted. `part` (which of how many) asks for the
    persons of one remainder of `person_id` alone."""

    selection: AnySelection | None = None
    concept_sets: Mapping[str, ConceptSet] = field(default_factory=dict)
    tables: Mapping[str, Wanted] | None = None
    part: tuple[int, int] | None = None
