"""read_selected: a database chooses the persons by the protocol's selection, and their rows alone are read."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from chartline.sources.asked import Asked
from chartline.sources.base import Selected, SourceData
from chartline.sources.cdm import CdmDatabase
from chartline.sources.omop_concepts import ConceptLine, Resolved, count_records, resolve_concepts, used_sets
from chartline.sources.omop_persons import read_persons
from chartline.sources.omop_select import Candidates, Part, select_persons


def read_selected(
    database: CdmDatabase, asked: Asked, part: Part | None = None, listed: Collection[str] = ()
) -> SourceData:
    """Return the rows of the selected persons, and how they were selected; of one part of all persons if given.

    `asked.selection` must be given; `listed` as in `read_persons`. Raises SourceError.
    """
    candidates, resolved = choose_persons(database, asked, part)
    data = read_persons(database, candidates.persons["person_id"], asked.tables, listed)
    unknown = tuple(f"{line.concept_set}: {line.declared} {line.note}" for line in resolved.nothing)
    return replace(data, selected=Selected(candidates.screened, candidates.steps, unknown))


def choose_persons(database: CdmDatabase, asked: Asked, part: Part | None = None) -> tuple[Candidates, Resolved]:
    """Return who is selected, and the concept sets as the database knows them."""
    selection = asked.selection
    assert selection is not None
    resolved = resolve_concepts(database, asked.concept_sets, used_sets(selection))
    return select_persons(database, selection, asked.concept_sets, resolved, part), resolved


def look_up_concepts(database: CdmDatabase, asked: Asked) -> tuple[ConceptLine, ...]:
    """Return every concept of the sets that the selection uses, with its records in this database."""
    selection = asked.selection
    assert selection is not None
    tables = used_sets(selection)
    resolved = resolve_concepts(database, asked.concept_sets, tables)
    return count_records(database, {n: asked.concept_sets[n] for n in tables}, resolved, tables)
