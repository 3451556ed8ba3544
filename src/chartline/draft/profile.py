"""A column -> what it holds. In: one column of a SourceTable. Out: kind, share filled, samples, verdict on its dates.

Kinds are what a reviewer calls them: empty, date, number, code (few different words), text, id (one per row).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

import polars as pl

from chartline.draft.dates import Verdict, judge
from chartline.sources.base import SourceTable

_NUMBER = re.compile(r"[<>≤≥~]?\s*[<>=]?\s*[-+]?\d+(?:([.,])\d+)?(?:[eE][-+]?\d+)?\s*%?")
_ENOUGH = 0.8  # share of the cells that gives a column its kind
_CODES = 15  # most different words of a code
SAMPLES = 5


@dataclass
class Profile:
    """What a column holds. `counts` are its different values, the most frequent first."""

    rows: int
    counts: dict[str, int] = field(default_factory=dict)
    kind: str = "empty"
    verdict: Verdict = field(default_factory=Verdict)
    numbers: list[float] = field(default_factory=list)
    comma: bool = False  # numbers with a decimal comma
    missing: dict[str, int] = field(default_factory=dict)  # words that mean 'no value', in a column of something else

    @property
    def filled(self) -> int:
        return sum(self.counts.values()) + sum(self.missing.values())

    @property
    def values(self) -> list[str]:
        return list(self.counts)

    @property
    def samples(self) -> list[str]:
        return self.values[:SAMPLES]

    @property
    def share(self) -> float:
        return self.filled / self.rows if self.rows else 0.0


def profile_column(table: SourceTable, column: str, missing: Collection[str]) -> Profile:
    """Return the profile of one column; `missing` are the words that mean 'no value' anywhere."""
    text = table.frame[column].str.strip_chars()
    kinds = table.kinds[column] if table.kinds is not None else pl.Series([None] * len(text), dtype=pl.String)
    return profile_cells(list(zip(text.to_list(), kinds.to_list(), strict=True)), missing)


def profile_cells(cells: list[tuple[str | None, str | None]], missing: Collection[str]) -> Profile:
    """Return the profile of cells (text, kind of cell)."""
    out = Profile(len(cells))
    gone = Counter(t for t, _ in cells if t and t.lower() in missing)
    there = [(t, k) for t, k in cells if t and t.lower() not in missing]
    out.missing, out.counts = dict(gone), dict(Counter(t for t, _ in there).most_common())
    if not there:
        return out
    out.verdict = judge(there)
    found = [m for t, k in there if k != "d" and (m := _NUMBER.fullmatch(t))]
    if out.verdict.like >= _ENOUGH * len(there) and not _only_numbers(out.verdict, len(found), len(there)):
        out.kind = "date"
    elif len(found) >= _ENOUGH * len(there):
        out.kind = "number"
        out.comma = any(m[1] == "," for m in found)
        out.numbers = [float(_digits(m[0])) for m in found]
    elif len(out.counts) <= _CODES and all(len(v) <= 60 for v in out.counts):
        out.kind = "code"
    elif len(out.counts) == len(there) and len(there) > 3 and all(" " not in v and len(v) <= 40 for v in out.counts):
        out.kind = "id"
    else:
        out.kind = "text"
    return out


def _only_numbers(verdict: Verdict, numbers: int, cells: int) -> bool:
    """Years and month numbers alone (`1997`, `12.2019` is no number) are numbers until the heading says date."""
    return numbers >= _ENOUGH * cells and verdict.partial + verdict.compact + verdict.other >= cells


def _digits(text: str) -> str:
    return re.sub(r"[<>≤≥~=%\s]", "", text).replace(",", ".")
