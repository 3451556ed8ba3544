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
    different = Counter((t, k) for t, k in cells if t)
    there = {(t, k): n for (t, k), n in different.items() if t is not None and t.lower() not in missing}
    for (t, k), n in different.items():
        if t is not None and (t, k) not in there:
            out.missing[t] = out.missing.get(t, 0) + n
    counts: Counter[str] = Counter()
    for (t, _), n in there.items():
        counts[t] += n
    out.counts = dict(counts.most_common())
    total = counts.total()
    if not total:
        return out
    out.verdict = judge(there)
    found = [(m, n) for (t, k), n in there.items() if k != "d" and (m := _NUMBER.fullmatch(t))]
    numbers = sum(n for _, n in found)
    if out.verdict.like >= _ENOUGH * total and not _only_numbers(out.verdict, numbers, total):
        out.kind = "date"
    elif numbers >= _ENOUGH * total:
        out.kind = "number"
        out.comma = any(m[1] == "," for m, _ in found)
        out.numbers = [x for m, n in found for x in [float(_digits(m[0]))] * n]
    elif len(out.counts) <= _CODES and all(len(v) <= 60 for v in out.counts):
        out.kind = "code"
    elif len(out.counts) == total and total > 3 and all(" " not in v and len(v) <= 40 for v in out.counts):
        out.kind = "id"
    else:
        out.kind = "text"
    return out


def _only_numbers(verdict: Verdict, numbers: int, cells: int) -> bool:
    """Years and month numbers alone (`1997`, `12.2019` is no number) are numbers until the heading says date."""
    return numbers >= _ENOUGH * cells and verdict.partial + verdict.compact + verdict.other >= cells


def _digits(text: str) -> str:
    return re.sub(r"[<>≤≥~=%\s]", "", text).replace(",", ".")
