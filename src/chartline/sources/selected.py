"""read_selected: a database chooses the persons by the protocol's selection, and their rows alone are read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from chartline.protocol.selection import AtlasSelection, ConceptSet
from chartline.sources.asked import Asked, Chosen
from chartline.sources.base import ConceptLine, Selected, SourceData
from chartline.sources.cdm import CdmDatabase
from chartline.sources.omop_atlas import declared_sets, select_cohort, tables_of_sets
from chartline.sources.omop_concepts import Resolved, count_records, resolve_concepts, used_sets
from chartline.sources.omop_persons import read_persons
from chartline.sources.omop_select import Candidates, everybody, select_persons


def read_selected(database: CdmDatabase, asked: Asked, listed: Collection[str] = ()) -> SourceData:
    """Return the rows of the persons that are asked for, and how they were selected.

    `asked` has a selection, or says who was `chosen` before; `listed` as in `read_persons`. Raises SourceError.
    """
    chosen = asked.chosen or choose(database, asked)
    return replace(read_persons(database, chosen.persons, asked.tables, listed), selected=chosen.selected)


def choose(database: CdmDatabase, asked: Asked) -> Chosen:
    """Return who is read: the persons of the selection, everybody where there is none."""
    if asked.selection is None:
        return Chosen(everybody(database))
    candidates, resolved = choose_persons(database, asked)
    return Chosen(candidates.persons["person_id"], Selected(candidates.screened, candidates.steps, resolved.lines))


def choose_persons(database: CdmDatabase, asked: Asked) -> tuple[Candidates, Resolved]:
    """Return who is selected, and the concept sets as the database knows them."""
    selection = asked.selection
    assert selection is not None
    sets, tables = _sets_of(asked)
    resolved = resolve_concepts(database, sets, tables)
    if isinstance(selection, AtlasSelection):
        assert selection.definition is not None
        return select_cohort(database, selection.definition), resolved
    return select_persons(database, selection, sets, resolved), resolved


def look_up_concepts(database: CdmDatabase, asked: Asked) -> tuple[ConceptLine, ...]:
    """Return every concept of the sets that the selection uses, with its records in this database.

    Without a selection every set is resolved, and not looked for: nothing says in which table.
    """
    sets, tables = _sets_of(asked)
    used = {name: sets[name] for name in (sets if asked.selection is None else tables)}
    return count_records(database, used, resolve_concepts(database, sets, used), tables)


def _sets_of(asked: Asked) -> tuple[Mapping[str, ConceptSet], dict[str, set[str]]]:
    """Return the concept sets there are, and those that the selection uses -> the tables it looks for them in."""
    selection = asked.selection
    if not isinstance(selection, AtlasSelection):
        return asked.concept_sets, used_sets(selection) if selection is not None else {}
    assert selection.definition is not None
    sets = declared_sets(selection.definition)
    return sets, {name: tables for name, tables in tables_of_sets(selection.definition).items() if name in sets}
