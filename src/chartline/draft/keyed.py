"""Tables whose rows say themselves what they are: FHIR resources by code, OMOP tables by concept.

In: a SourceTable and the meaning of its codes. Out: record blocks with a `where`, and columns with their proposals.
Here is what both dialects share: the bookkeeping of columns, what a code or its words mean, and texts that hold
several values.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

import polars as pl

from chartline.core.identifiers import Kind as Identified
from chartline.core.identifiers import find_identifier
from chartline.draft.blocks import fold_blocks
from chartline.draft.codes import more_loinc, type_of
from chartline.draft.composite import Part, split_text
from chartline.draft.flat import Centre, code_list, list_name, put_list
from chartline.draft.model import IDENTIFIER, OPEN, SURE, Coded, Column, Proposal, Target
from chartline.draft.profile import Profile, profile_cells, profile_column
from chartline.draft.words import vocabulary
from chartline.mapping.words import tests
from chartline.sources.base import SourceTable

# What a single coded value can be about; dates and other attributes belong to a record, not to a code.
_VALUES = {
    "DM": {"AGE", "BSA", "SEX"},
    "SS": {"RELAPSE", "LKADTC", "DTHFL", "DTHCAUS", "RELTYPE", "RELDTC", "DTHDTC"},
    "RS": {"BMBLAST", "PBBLAST", "EMD", "INVRESP", "MRDVAL", "MRDCLASS", "CSFBLAST", "BMCELLU"},
    "MH": {"MHORRES", "MHTERM"},
    "LB": {"LBORRES"},
}
_LEAST = 0.85


@cache
def loinc() -> dict[str, str]:
    """Return LOINC code -> laboratory test or RS variable."""
    return {r["loinc"]: r["testcd"] for r in vocabulary("tests.csv") if r["loinc"]} | more_loinc()


@dataclass
class Kind:
    """One kind of row: its code, the words that say it, and its rows."""

    key: str
    texts: list[str]
    rows: pl.Series  # positions
    loinc: str = ""
    rxnorm: str = ""
    concept: str = ""


@dataclass
class Meaning:
    """What a kind of row is about: one target, a laboratory test, or only a context (a panel, a category)."""

    target: Target | None
    context: str
    confidence: float
    reason: str


@dataclass
class KeyedTable:
    """The bookkeeping of one table: which column is read as what."""

    table: SourceTable
    dialect: str
    centre: Centre
    columns: dict[str, Column] = field(default_factory=dict)
    blocks: list[dict[str, Any]] = field(default_factory=list)
    exclusions: list[dict[str, Any]] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)  # columns that other tables look up

    def __post_init__(self) -> None:
        for name in self.table.columns:
            profile = profile_column(self.table, name, self.centre.missing)
            self.columns[name] = Column(self.table.name, name, self.table.places.get(name, name), name, profile)

    # columns --------------------------------------------------------------------------------------------------------

    def has(self, name: str) -> bool:
        return name in self.columns and bool(self.columns[name].profile.counts)

    def first(self, *names: str, rows: pl.Series | None = None) -> str | None:
        """Return the first of these columns that has a value in these rows."""
        return next((n for n in names if self.has(n) and (rows is None or self.filled(n, rows))), None)

    def filled(self, name: str, rows: pl.Series) -> int:
        return int(self.table.frame[name].gather(rows).is_not_null().sum())

    def profile(self, name: str, rows: pl.Series) -> Profile:
        """Return what a column holds in some rows."""
        cells = self.table.frame[name].gather(rows).str.strip_chars().to_list()
        return profile_cells([(c, None) for c in cells], self.centre.missing)

    def use(self, name: str, target: Target, confidence: float, reason: str, rows: str = "") -> None:
        """Note that a column is read as a target."""
        c = self.columns[name]
        if target not in {p.target for p in c.proposals} or rows:
            c.proposals.append(Proposal(target, confidence, reason, rows))
        c.role, c.reason = "value", reason
        c.confidence = min([p.confidence for p in c.proposals])
        if type_of(target) == "date":
            c.verdict = c.profile.verdict.sentence()

    def select(self, *names: str) -> None:
        """Note that columns say what a row is."""
        for name in names:
            if self.columns[name].role == "open":
                self.columns[name].role = "selector"
                self.columns[name].reason, self.columns[name].confidence = "says what the row is", 0.9

    def add(self, domain: str, variables: dict[str, Any], where: dict[str, Any] | None = None, **more: Any) -> None:
        self.blocks.append({"domain": domain, "variables": variables, "where": where or {}, **more})

    # words and codes ------------------------------------------------------------------------------------------------

    def codes(self, name: str, target: Target, rows: pl.Series, labels: dict[str, str] | None = None) -> dict[str, Any]:
        """Return `{codes: list}` for a coded target whose words stand in these rows; {} where it is not coded."""
        if not self.centre.codes.coded(target):
            return {}
        part = Column(self.table.name, name, name, name, self.profile(name, rows))
        found = code_list(part, target, self.centre, labels)
        return {"codes": found} if found else {}

    def part_codes(self, name: str, target: Target, part: Part) -> dict[str, Any]:
        """Return `{codes: list}` for the words that a part of a text holds."""
        if not self.centre.codes.coded(target):
            return {}
        column = Column(
            self.table.name, name, name, name, Profile(sum(part.values.values()), dict(part.values), "code")
        )
        found = code_list(column, target, self.centre, None)
        return {"codes": found} if found else {}

    def fixed(self, target: Target, name: str, words: dict[str, list[str]], reason: str, confidence: float) -> str:
        """Put words of a known code system into a code list and return its name."""
        from chartline.draft.model import Word

        listed = [Word(w, 1, term, confidence, reason) for term, ws in words.items() for w in ws]
        self.centre.draft.coded.append(Coded(self.table.name, name, target, listed))
        return put_list(list_name(target, self.centre), words, self.centre.lists)

    def kinds(self, key: str, texts: Sequence[str], system: str | None = None) -> list[Kind]:
        """Return the kinds of rows by the values of `key`; `texts` are columns with the words of it."""
        out: list[Kind] = []
        values = self.table.frame[key].str.strip_chars()
        for value in values.drop_nulls().unique(maintain_order=True).to_list():
            rows = (values == value).fill_null(False).arg_true()
            said = [value]
            for name in texts:
                if name in self.columns and name != key:
                    found = self.table.frame[name].gather(rows).drop_nulls().unique(maintain_order=True).to_list()
                    said += found[:6]
            kind = Kind(value, list(dict.fromkeys(said)), rows)
            if system is not None and system in self.columns:
                systems = " ".join(self.table.frame[system].gather(rows).drop_nulls().unique().to_list()).lower()
                kind.loinc = value if "loinc" in systems else ""
                kind.rxnorm = value if "rxnorm" in systems else ""
            out.append(kind)
        return out

    def meaning(self, kind: Kind, about: Iterable[str] = ()) -> Meaning | None:
        """Return what a kind of row means, by its code or by its words; None where neither says."""
        means = loinc().get(kind.loinc) if kind.loinc else None
        if means is not None:
            return Meaning(_of_code(means), "", 0.97, f"LOINC {kind.loinc}")
        best: tuple[float, Target, str] | None = None
        context: tuple[float, str, str] | None = None
        for text in kind.texts:
            words = self.centre.study.words.canonical(re.sub(r"\([^)]*\)", " ", text) or text)
            for target, (fit, phrase) in self.centre.study.words.fits(words).items():
                allowed = target.variable in _VALUES.get(target.domain, ()) and target.context != "MH PRIOR LINE"
                if allowed and fit >= _LEAST and (best is None or fit > best[0]):
                    best = (fit, target, phrase)
            for name, weight in self.centre.study.words.context_of(text).items():
                if (not about or name in about) and (context is None or weight > context[0]):
                    context = (weight, name, text)
        if best is not None:
            return Meaning(best[1], best[1].context, round(0.95 * best[0], 2), f"its words are `{best[2]}`")
        if context is not None:
            return Meaning(None, context[1], round(0.85 * context[0], 2), f"`{context[2]}` speaks of it")
        return None

    # texts with several values --------------------------------------------------------------------------------------

    def parts(self, name: str, rows: pl.Series) -> list[Part]:
        """Return the parts of a column's texts in some rows."""
        counts = Counter(t.strip() for t in self.table.frame[name].gather(rows).drop_nulls().to_list() if t.strip())
        return split_text(dict(counts)) if counts else []

    def name_part(self, part: Part, context: str, about: str = "") -> tuple[Target, float, str] | None:
        """Return what a named part of a text means in a context; `about` is said before it (`cells` of MRD)."""
        if not part.name or part.constant:
            return None
        best: tuple[float, Target, str] | None = None
        canonical = self.centre.study.words.canonical
        for words in (canonical(part.name), *([canonical(f"{about} {part.name}")] if about else [])):
            for target, (fit, phrase) in self.centre.study.words.fits(words).items():
                near = target.context == context or (context == "RS" and target.context == "LB" and _flag(target))
                if near and fit >= _LEAST and (best is None or fit > best[0]):
                    best = (fit, target, phrase)
        return (
            None if best is None else (best[1], round(0.92 * best[0], 2), f"`{part.name}` in the text is `{best[2]}`")
        )

    def extract(self, name: str, part: Part, target: Target) -> dict[str, Any]:
        """Return how a mapping reads a part of a text."""
        out: dict[str, Any] = {"column": name, "extract": part.pattern}
        if part.optional:
            out["extract_optional"] = True
        return out | self.part_codes(name, target, part)

    # the end --------------------------------------------------------------------------------------------------------

    def finish(self, subject: Any) -> dict[str, Any]:
        """Settle the columns that nothing reads, and return the mapping's entry for the table."""
        if subject is None and self.blocks:
            self._unread("whose the rows are cannot be told")
        self._drop_unused(subject)
        self._settle_rest()
        entry: dict[str, Any] = {"subject": subject} if subject is not None else {}
        ignored = {c.name: c.reason for c in self.columns.values() if c.role == "ignored"}
        ignored |= {c.name: f"{OPEN}{c.reason}" for c in self.columns.values() if c.role == "open"}
        if ignored:
            entry["ignore"] = ignored
        if self.exclusions:
            entry["exclude_rows"] = self.exclusions
        if self.blocks:
            entry["records"] = fold_blocks(self.blocks)
        self.centre.draft.columns += self.columns.values()
        return entry

    def _unread(self, why: str) -> None:
        self.blocks.clear()
        for c in self.columns.values():
            if c.role in ("value", "selector"):
                c.role, c.reason = "open", why

    def _drop_unused(self, subject: Any) -> None:
        """A column that was to say what a row is, in records that were not made after all, is not read."""
        used = {name for block in self.blocks for name in _named(block)} | set(_named({"subject": subject}))
        used |= {name for e in self.exclusions for name in e["where"]}
        for c in self.columns.values():
            if c.role in ("value", "selector") and c.name not in used and c.name not in self.keys:
                c.ignore("says what a row is, and no row of it is read", 0.6)

    def _settle_rest(self) -> None:
        read = {c.name for c in self.columns.values() if c.role in ("value", "selector", "subject")}
        families = {name.rpartition(".")[0]: name for name in sorted(read) if "." in name}
        for c in self.columns.values():
            if c.role != "open":
                continue
            known = _structure(self.dialect, self.table.name, c.name)
            who = find_identifier(c.name.split(".")[0], c.profile.values[:50])
            family = families.get(c.name.rpartition(".")[0])
            if known is not None:
                c.ignore(known, 0.9)
            elif c.name == f"{self.table.name}_id":
                c.ignore("id", 0.95)
            elif not c.profile.counts:
                c.ignore("empty", 0.9)
            elif family is not None:
                c.ignore(f"see {family}", 0.85)
            elif _same_concept(c.name, read):
                c.ignore(f"see {_same_concept(c.name, read)}", 0.85)
            elif _spells(c.name, read):
                c.ignore(f"see {_spells(c.name, read)}", 0.85)
            elif who is not None and who.kind is not Identified.SUBJECT:
                c.ignore(f"{IDENTIFIER}: {who.reason}", who.confidence)
            else:
                shown = ", ".join(c.profile.samples[:2])
                c.reason, c.confidence = f"nothing says what it is ({c.profile.filled} filled: {shown[:60]})", 0.2
                self.centre.draft.ask(
                    self.table.name, c.name, f"what is it for? {_cells(c.profile.filled)}, as {shown[:80]}"
                )

    def leave_rows(self, column: str, kinds: Sequence[Kind]) -> None:
        """Leave out kinds of rows that were not recognised, and ask about them."""
        if not kinds:
            return
        n = sum(len(k.rows) for k in kinds)
        said = "; ".join(f"{k.texts[-1][:40]} ({len(k.rows)})" for k in sorted(kinds, key=lambda k: -len(k.rows))[:6])
        more = f"; and {len(kinds) - 6} more kinds" if len(kinds) > 6 else ""
        asked = f"{_cells(n, 'row')} of kinds that the study may not need: {said}{more}."
        self.centre.draft.ask(self.table.name, column, f"{asked} They are left out until you decide")
        self.select(column)
        reason = f"{OPEN}{_cells(len(kinds), 'kind')} of rows not recognised"
        self.exclusions.append({"where": {column: [k.key for k in kinds]}, "reason": reason})


def _named(value: Any, key: str = "") -> Iterator[str]:
    """Yield every text of a block that can be the name of a column."""
    if isinstance(value, dict):
        for k, v in value.items():
            if key == "where":
                yield k
            yield from _named(v, k)
    elif isinstance(value, str):
        yield value


def _cells(n: int, what: str = "cell") -> str:
    return f"{n} {what}{'s' * (n != 1)}"


def _flag(target: Target) -> bool:
    return target.variable in ("LBGCSF", "LBPLTTX", "LBRBCTX")


def _of_code(means: str) -> Target:
    if means in tests():
        return Target("LB", means, "LBORRES")
    if means == "ECOG":
        return Target("MH", "ECOG", "MHORRES")
    return Target("DM", "", "BSA") if means == "BSA" else Target("RS", "", means)


def _structure(dialect: str, table: str, column: str) -> str | None:
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


def sure(meaning: Meaning | None) -> bool:
    """Whether a meaning is sure enough to be read."""
    return meaning is not None and meaning.confidence >= SURE
