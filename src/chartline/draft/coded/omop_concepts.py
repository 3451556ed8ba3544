"""The concepts of an OMOP source: what each id is called, by the centre's concept table or by the ids that we know."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from chartline.draft.centre import Centre
from chartline.draft.coded.kinds import Kind, kinds_of
from chartline.draft.coded.table import KeyedTable
from chartline.draft.model import Target
from chartline.draft.words import vocabulary
from chartline.protocol.selection import Concept
from chartline.sources.base import SourceTable

NO_CONCEPT = "0"  # OHDSI: No matching concept
_WORD = re.compile(r"[A-Za-z]{4}")
_ANCESTOR, _DESCENDANT = "ancestor_concept_id", "descendant_concept_id"


@dataclass
class Cdm:
    """The tables of a centre and the names of its concepts."""

    tables: dict[str, SourceTable]
    centre: Centre
    names: dict[str, tuple[str, str, str]] = field(default_factory=dict)  # id -> name, vocabulary, code
    person: str = ""  # column of person with the id that the centre uses
    looked_up: bool = False  # whether names are looked up in `concept`
    index_drug: frozenset[str] = frozenset()  # concepts of products that hold the index drug
    index_event: frozenset[str] = frozenset()  # concepts of the selection's index event, in its table

    def __post_init__(self) -> None:
        known = {r["code"]: (r["display"], "", "") for r in vocabulary("codes.csv") if r["system"] == "OMOP"}
        self.names.update(known)
        concepts = self.tables.get("concept")
        wanted = ("concept_id", "concept_name", "vocabulary_id", "concept_code")
        if concepts is not None and set(wanted) <= set(concepts.columns):
            for i, name, system, code in concepts.frame.select(wanted).iter_rows():
                if i and name:
                    self.names[i] = (name, system or "", code or "")
        self.index_drug = self._products()
        index = self.centre.study.index
        self.index_event = self._resolved(index.concepts) if index is not None else frozenset()
        person = self.tables.get("person")
        if person is not None and "person_source_value" in person.columns:
            ids = person.frame["person_source_value"]
            self.person = "person_source_value" if ids.null_count() == 0 and ids.is_unique().all() else ""

    def _products(self) -> frozenset[str]:
        """Return the descendants of the index drug's ingredient, where the centre has OMOP's hierarchy."""
        code = self.centre.study.rxnorm
        if not code:
            return frozenset()
        return self._below(
            {i for i, (_, system, c) in self.names.items() if (system[:6].lower(), c) == ("rxnorm", code)}
        )

    def _below(self, ids: set[str]) -> frozenset[str]:
        """Return the descendants of concepts; none where the centre has no hierarchy."""
        table = self.tables.get("concept_ancestor")
        if table is None or not {_ANCESTOR, _DESCENDANT} <= set(table.columns):
            return frozenset()
        found = table.frame.filter(table.frame[_ANCESTOR].is_in(list(ids)))
        return frozenset(found[_DESCENDANT].drop_nulls().to_list())

    def _resolved(self, concepts: Sequence[Concept]) -> frozenset[str]:
        """Return the ids of a concept set, as far as the centre's own tables know them."""
        inside: set[str] = set()
        outside: set[str] = set()
        for c in concepts:
            ids = {str(c.id)} if c.id is not None else {i for i, known in self.names.items() if _is(c, known)}
            (outside if c.exclude else inside).update(ids, self._below(ids) if c.descendants else ())
        return frozenset(inside - outside)

    def subject(self, k: KeyedTable) -> Any:
        """Return how a mapping reads whose a row is: the person's id, looked up where the centre has its own."""
        if "person_id" not in k.columns:
            return None
        k.name_subject("person_id", "the patient's id")
        if "person" not in self.tables or not self.person:
            return "person_id"
        return {"column": "person_id", "lookup": {"table": "person", "key": "person_id", "value": self.person}}

    def named(self, k: KeyedTable, key: str, source: str, rows: pl.Series) -> Any:
        """Return how a mapping reads what rows are called: as the source wrote it in words, else the concept's name.

        Sources often write a code of their own (`00093-1712`); the names are then looked up in `concept`.
        """
        written = k.profile(source, rows).counts if k.has(source) else {}
        in_words = sum(n for text, n in written.items() if _WORD.search(text))
        keys = k.table.frame[key].gather(rows).drop_nulls().unique().to_list() if key in k.columns else []
        known = [i for i in keys if self.names.get(i, ("", "", ""))[1]]
        if "concept" not in self.tables or 2 * len(known) <= len(keys) or 2 * in_words > len(rows):
            return source if written else None
        self.looked_up = True
        return {"column": key, "lookup": {"table": "concept", "key": "concept_id", "value": "concept_name"}}

    def kinds(self, k: KeyedTable, key: str, source: str) -> list[Kind]:
        """Return the kinds of rows of a table by concept, each with the concept's name before what the source wrote."""
        out = []
        index = self.centre.study.index
        for kind in kinds_of(k.table.frame, key, (source,)):
            name, system, code = self.names.get(kind.key, ("", "", ""))
            kind.know(code, system)
            here = index is not None and index.table == k.table.name
            kind.is_index = kind.key in self.index_drug or (here and kind.key in self.index_event)
            said = [t.split("|")[0] for t in kind.texts[1:]]
            if kind.key == NO_CONCEPT and len(set(said)) > 1:
                said = []  # what has no concept is of many kinds; no word speaks for all of them
            kind.texts = list(dict.fromkeys([kind.key, *([name] if name else []), *said]))
            out.append(kind)
        return out


def _is(c: Concept, known: tuple[str, str, str]) -> bool:
    """Whether a concept of a protocol is the one with this name, vocabulary and code."""
    name, system, code = known
    return system == c.vocabulary and (code == c.code if c.code is not None else name == c.name)


def use(k: KeyedTable, name: str, target: Target, rows: str = "", confidence: float = 0.93) -> str:
    """Note that a column is read as the CDM says, and return its name."""
    k.use(name, target, confidence, "OMOP says what this column is", rows)
    return name
