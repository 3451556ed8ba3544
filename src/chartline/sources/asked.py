"""Asked: what a study wants of an OMOP database, so that a reader reads no more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from chartline.protocol.selection import AnySelection, ConceptSet


@dataclass(frozen=True)
class Asked:
    """The protocol's selection (None: everybody) with its concept sets, and the tables that the mapping reads (None:
    all); of the others the headings alone are wanted. `part` (which of how many) asks for the persons of one remainder
    of `person_id` alone."""

    selection: AnySelection | None = None
    concept_sets: Mapping[str, ConceptSet] = field(default_factory=dict)
    tables: frozenset[str] | None = None
    part: tuple[int, int] | None = None
