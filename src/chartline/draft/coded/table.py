"""The bookkeeping of one table while it is drafted: which column is read as what, in which rows, by which code list.

In: a SourceTable. Out: record blocks with a `where`, columns with their proposals, and the table's mapping entry.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from chartline.draft.centre import Centre
from chartline.draft.coded.composite import Part, split_text
from chartline.draft.coded.kinds import LEAST, Kind
from chartline.draft.coded.structure import settle_rest
from chartline.draft.codes import type_of
from chartline.draft.fold import Block, Spec, folded
from chartline.draft.lists import code_list, list_name, put_list
from chartline.draft.model import Coded, Column, Proposal, Target, Word
from chartline.draft.profile import Profile, profile_cells, profile_column
from chartline.mapping.signed import OPEN_QUESTION as OPEN
from chartline.sources.base import SourceTable

SUPPORT = ("LBGCSF", "LBPLTTX", "LBRBCTX")  # what was given in the days before a count


@dataclass
class KeyedTable:
    """The bookkeeping of one table: which column is read as what."""

    table: SourceTable
    dialect: str
    centre: Centre
    columns: dict[str, Column] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)
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

    @property
    def all_rows(self) -> pl.Series:
        return pl.Series(range(self.table.frame.height), dtype=pl.UInt32)

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

    def add(self, domain: str, variables: Spec, where: Spec | None = None, anchor: tuple[str, ...] = ()) -> None:
        """Add a record that each row meant by `where` makes."""
        self.blocks.append(Block(domain, variables, {}, len(self.blocks), where or {}, anchor))

    def name_subject(self, name: str, reason: str) -> None:
        """Note which column says whose the rows are."""
        c = self.columns[name]
        c.role, c.reason, c.confidence = "subject", reason, 0.95

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
        listed = [Word(w, 1, term, confidence, reason) for term, ws in words.items() for w in ws]
        self.centre.draft.coded.append(Coded(self.table.name, name, target, listed))
        return put_list(list_name(target, self.centre), words, self.centre.lists)

    # texts with several values --------------------------------------------------------------------------------------

    def parts(self, name: str, rows: pl.Series) -> list[Part]:
        """Return the parts of a column's texts in some rows."""
        counts = Counter(t.strip() for t in self.table.frame[name].gather(rows).drop_nulls().to_list() if t.strip())
        return split_text(dict(counts)) if counts else []

    def name_part(self, part: Part, context: str, about: str = "") -> tuple[Target, float, str] | None:
        """Return what a named part of a text means in a context; `about` is said before it (`cells` of MRD)."""
        if not part.name or part.constant:
            return None

        def near(target: Target) -> bool:
            return target.context == context or (context == "RS" and target.variable in SUPPORT)

        texts = [part.name, *([f"{about} {part.name}"] if about else [])]
        best = self.centre.study.words.best(texts, near, LEAST)
        if best is None:
            return None
        return best[0], round(0.92 * best[1], 2), f"`{part.name}` in the text is `{best[2]}`"

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
        settle_rest(self.columns, self.table.name, self.dialect, self.centre, bool(self.blocks))
        entry: dict[str, Any] = {"subject": subject} if subject is not None else {}
        ignored = {c.name: c.reason for c in self.columns.values() if c.role == "ignored"}
        ignored |= {c.name: f"{OPEN}{c.reason}" for c in self.columns.values() if c.role == "open"}
        if ignored:
            entry["ignore"] = ignored
        if self.exclusions:
            entry["exclude_rows"] = self.exclusions
        if self.blocks:
            entry["records"] = folded(self.blocks)
        self.centre.draft.columns += self.columns.values()
        return entry

    def _unread(self, why: str) -> None:
        self.blocks.clear()
        for c in self.columns.values():
            if c.role in ("value", "selector"):
                c.role, c.reason = "open", why

    def _drop_unused(self, subject: Any) -> None:
        """A column that was to say what a row is, in records that were not made after all, is not read."""
        read = [{"variables": b.variables, "where": b.where} for b in self.blocks]
        used = set(_named([*read, {"subject": subject}]))
        used |= {name for e in self.exclusions for name in e["where"]}
        for c in self.columns.values():
            if c.role in ("value", "selector") and c.name not in used and c.name not in self.keys:
                c.ignore("says what a row is, and no row of it is read", 0.6)

    def leave_rows(self, column: str, kinds: Sequence[Kind]) -> None:
        """Leave out kinds of rows that were not recognised, and ask about them."""
        if not kinds:
            return
        n = sum(len(k.rows) for k in kinds)
        said = "; ".join(f"{k.label[:60]} ({len(k.rows)})" for k in sorted(kinds, key=lambda k: -len(k.rows))[:6])
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
    elif isinstance(value, list):
        for v in value:
            yield from _named(v)
    elif isinstance(value, str):
        yield value


def _cells(n: int, what: str = "cell") -> str:
    return f"{n} {what}{'s' * (n != 1)}"
