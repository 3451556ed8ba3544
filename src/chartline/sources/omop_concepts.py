"""A protocol's concept sets, resolved in a database's own vocabulary, and how many records each concept has there.

In: the concept sets, an open database. Out: the concept ids of every set, and a line a concept for the report: what it
resolved to (nothing, perhaps), with how many descendants, in how many records of how many persons. A set by ids needs
no vocabulary; a code or a name is looked up in `concept`, descendants in `concept_ancestor`. Where that table is absent
or empty the concept stands alone, and the line says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import polars as pl

from chartline.errors import SourceError
from chartline.protocol.selection import EVENT_COLUMNS, Concept, ConceptSet, Selection
from chartline.sources.base import NOT_IN_VOCABULARY, SOURCE_VALUE, ConceptLine
from chartline.sources.cdm import CdmDatabase


@dataclass(frozen=True)
class ResolvedSet:
    """The concept ids of one set; `by_concept` holds them for each declared concept that is not excluded, in order."""

    ids: frozenset[int]
    by_concept: tuple[frozenset[int], ...]


@dataclass(frozen=True)
class Resolved:
    """Every set that was asked for, and a line for each of its concepts and source values."""

    sets: Mapping[str, ResolvedSet]
    lines: tuple[ConceptLine, ...]


def used_sets(selection: Selection) -> dict[str, set[str]]:
    """Return the concept sets that a selection names -> the tables in which it looks for them."""
    found: dict[str, set[str]] = {}
    rules = [(selection.index.concepts, selection.index.table)]
    rules += [(rule.concepts, rule.table) for rule in (*selection.require, *selection.exclude)]
    if selection.prior_lines is not None:
        lines = selection.prior_lines
        rules.append((lines.concepts, "drug_exposure" if lines.count == "drugs" else "episode"))
    for name, table in rules:
        found.setdefault(name, set()).add(table)
    return found


def resolve_concepts(database: CdmDatabase, sets: Mapping[str, ConceptSet], names: Iterable[str]) -> Resolved:
    """Resolve these sets. Raises SourceError where a code must be looked up and there is no vocabulary."""
    asked = {name: sets[name] for name in names}
    concepts = [concept for one in asked.values() for concept in one.concepts]
    known, codes = _look_up(database, concepts)
    family = _descendants(database, {i for c in concepts if c.descendants for i in _ids_of(c, codes)})
    resolved, lines = {}, []
    for name, one in asked.items():
        members = [(c, frozenset().union(*(_members(i, c, family) for i in _ids_of(c, codes)))) for c in one.concepts]
        gone = frozenset().union(*(ids for c, ids in members if c.exclude))
        kept = tuple(ids - gone for c, ids in members if not c.exclude)
        resolved[name] = ResolvedSet(frozenset().union(*kept), kept)
        lines += list(_lines(name, one, members, known, codes, family))
    return Resolved(resolved, tuple(lines))


def count_records(
    database: CdmDatabase, sets: Mapping[str, ConceptSet], resolved: Resolved, tables: Mapping[str, set[str]]
) -> tuple[ConceptLine, ...]:
    """Return the lines of resolved sets with their records and persons, one line a table in which a set is looked for;
    as they are where it is looked for in none.

    Counted for each declared concept with its descendants; a record of two declared concepts counts at both.
    """
    out: list[ConceptLine] = []
    for name, one in sets.items():
        mine = [line for line in resolved.lines if line.concept_set == name]
        out += [] if tables.get(name) else mine
        for table in sorted(tables.get(name, ())):
            out += _counted_in(database, table, one, mine, resolved.sets[name]) if mine else []
    return tuple(out)


def _counted_in(
    database: CdmDatabase, table: str, one: ConceptSet, lines: list[ConceptLine], resolved: ResolvedSet
) -> Iterator[ConceptLine]:
    columns = EVENT_COLUMNS[table]
    patterns = one.source_values if columns.source_value else ()
    asked = ["person_id", columns.concept, *([columns.source_value] if patterns and columns.source_value else [])]
    events = database.part_of(database.table(table, f"concept set {one.label}"), asked, f"concept set {one.label}")
    pairs = [(i, n) for n, ids in enumerate(resolved.by_concept) for i in sorted(ids)]
    found = database.query(
        f"SELECT w.n AS n, COUNT(*) AS records, COUNT(DISTINCT e.person_id) AS persons FROM {events} e "
        f"JOIN {database.pairs(pairs)} w ON w.id = e.{columns.concept} GROUP BY w.n"
    )
    counted = {int(n): (int(records), int(persons)) for n, records, persons in found.iter_rows()}
    for n, pattern in enumerate(patterns, len(resolved.by_concept)):
        sql = f"SELECT COUNT(*) AS r, COUNT(DISTINCT e.person_id) AS p FROM {events} e WHERE "
        records, persons = database.query(sql + like(f"e.{columns.source_value}", pattern)).row(0)
        counted[n] = (int(records), int(persons))
    kept = [line for line in lines if not line.excluded]
    for n, line in enumerate(kept[: len(resolved.by_concept) + len(patterns)]):
        records, persons = counted.get(n, (0, 0))
        yield replace(line, table=table, records=records, persons=persons)
    yield from (line for line in lines if line.excluded)


def like(column: str, pattern: str) -> str:
    """`LIKE` with an escape that the pattern does not hold: the databases do not agree on the one they presume."""
    escape = next(mark for mark in "!#~^|@" if mark not in pattern)
    quoted = pattern.replace("'", "''")
    return f"{column} LIKE '{quoted}' ESCAPE '{escape}'"


Codes = dict[tuple[str, str, str], list[int]]  # vocabulary, code or "", name or "" -> ids


class _Known(NamedTuple):
    """What the vocabulary says of a concept."""

    name: str
    vocabulary: str
    code: str
    standard: bool


Known = dict[int, _Known]  # by concept id


def _look_up(database: CdmDatabase, concepts: list[Concept]) -> tuple[Known | None, Codes]:
    """Return what is known of concepts by id, None where there is no vocabulary, and the ids of codes and names."""
    coded = [c for c in concepts if c.id is None]
    if "concept" not in database.tables and not coded:
        return None, {}
    table = database.table("concept", declared_as(coded[0]) if coded else "concepts")
    tests = [database.one_of("c.concept_id", [c.id for c in concepts if c.id is not None])]
    said: dict[tuple[str | None, str], set[str]] = {}
    for c in coded:
        kind, text = ("concept_name", c.name) if c.code is None else ("concept_code", c.code)
        said.setdefault((c.vocabulary, kind), set()).add(_text(text))
    for (vocabulary, column), texts in sorted(said.items(), key=str):
        tests.append(f"(c.vocabulary_id = {_text(vocabulary)} AND c.{column} IN ({', '.join(sorted(texts))}))")
    columns = ("concept_id", "concept_name", "vocabulary_id", "concept_code", "standard_concept")
    place = database.part_of(table, columns, "concept sets")
    found = database.query(f"SELECT {', '.join(f'c.{c}' for c in columns)} FROM {place} c WHERE {' OR '.join(tests)}")
    known: Known = {}
    codes: Codes = {}
    for concept_id, name, vocabulary, code, standard in found.sort("concept_id").iter_rows():
        known[int(concept_id)] = _Known(name or "", vocabulary or "", str(code or ""), standard == "S")
        for key in ((vocabulary, str(code), ""), (vocabulary, "", name or "")):
            codes.setdefault(key, []).append(int(concept_id))
    if coded and not codes and not database.query(f"SELECT c.concept_id FROM {place} c LIMIT 1").height:
        raise SourceError(
            f"The table concept of {database.name} is empty, so no code can be looked up",
            where=declared_as(coded[0]),
            expected="the vocabulary of the database, or concepts by `id`",
            do="load the vocabulary, or name the concepts by their OMOP ids",
        )
    return known, codes


def _text(value: str | None) -> str:
    quoted = (value or "").replace("'", "''")
    return f"'{quoted}'"


def _ids_of(concept: Concept, codes: Codes) -> list[int]:
    if concept.id is not None:
        return [concept.id]
    return codes.get((concept.vocabulary or "", concept.code or "", "" if concept.code else concept.name), [])


def declared_as(concept: Concept) -> str:
    """Return how a protocol names a concept."""
    return str(concept.id) if concept.id is not None else f"{concept.vocabulary} {concept.code or concept.name}"


def _descendants(database: CdmDatabase, ancestors: set[int]) -> dict[int, set[int]] | None:
    """Return ancestor -> descendants; None where the database has no table of them, or an empty one."""
    if not ancestors:
        return {}
    if "concept_ancestor" not in database.tables:
        return None
    columns = ("ancestor_concept_id", "descendant_concept_id")
    place = database.part_of(database.tables["concept_ancestor"], columns, "concept sets")
    sql = f"SELECT a.ancestor_concept_id, a.descendant_concept_id FROM {place} a"
    found = database.query(f"{sql} WHERE {database.one_of('a.ancestor_concept_id', ancestors)}")
    if not found.height and not database.query(f"{sql} LIMIT 1").height:
        return None
    family: dict[int, set[int]] = {}
    for ancestor, descendant in found.iter_rows():
        family.setdefault(int(ancestor), set()).add(int(descendant))
    return family


def _members(concept_id: int, concept: Concept, family: dict[int, set[int]] | None) -> set[int]:
    return {concept_id, *(family or {}).get(concept_id, ())} if concept.descendants else {concept_id}


def _lines(
    name: str, one: ConceptSet, members: list[tuple[Concept, frozenset[int]]],
    known: Known | None, codes: Codes, family: dict[int, set[int]] | None,
) -> Iterator[ConceptLine]:  # fmt: skip
    for concept, ids in members:
        own = _ids_of(concept, codes)
        said = _Known(concept.name, concept.vocabulary or "", concept.code or "", True)
        found = (known or {}).get(own[0], said) if own else said
        notes = ["excluded"] if concept.exclude else []
        if not own:
            notes.append(f"{NOT_IN_VOCABULARY}: it stands for nothing")
        elif known is not None and own[0] not in known:
            notes.append(f"{NOT_IN_VOCABULARY}: taken as it is written")
        elif len(own) > 1:
            notes.append(f"{len(own)} concepts are called so: all are taken")
        elif not found.standard:
            notes.append("not a standard concept")
        if concept.descendants and family is None:
            notes.append("no concept_ancestor: without descendants")
        yield ConceptLine(
            name, declared_as(concept), own[0] if own else None, found.name, "; ".join(notes), len(ids),
            found.vocabulary, found.code, concept.descendants, concept.exclude,
        )  # fmt: skip
    for pattern in one.source_values:
        yield ConceptLine(name, pattern, None, SOURCE_VALUE, "", 0)


def told_lines(lines: Iterable[ConceptLine]) -> Iterator[str]:
    """Return the lines as a person reads them on a terminal."""
    for line in lines:
        named = f" ({line.name})" if line.name and not line.declared.endswith(line.name) else ""
        what = f"{line.concept_set}: {line.declared}{named}"
        more = f", {line.concepts:,} concepts" if line.concepts > 1 else ""
        seen = (
            "not looked for"
            if line.records is None
            else (f"{line.records:,} records of {line.persons:,} persons in {line.table}")
        )
        yield f"{what}{more}: {seen}{f' [{line.note}]' if line.note else ''}"


def concept_frame(found: Mapping[str, Iterable[ConceptLine]]) -> pl.DataFrame:
    """Return the lines of all centres as a table, for `concepts.csv`."""
    names = ("concept_set", "declared", "concept_id", "name", "concepts", "table", "records", "persons", "note")
    types = {"concept_id": pl.Int64, "concepts": pl.Int64, "records": pl.Int64, "persons": pl.Int64}
    rows = [[centre, *(getattr(line, name) for name in names)] for centre, lines in found.items() for line in lines]
    schema = {"centre": pl.String, **{n: types.get(n, pl.String) for n in names}}
    return pl.DataFrame(rows, schema=schema, orient="row")
