"""How sure a proposal is: the words of the heading, the values below it, and what stands around it.

No single kind of evidence makes a proposal sure. Exact words over values that could be anything (a free text, a bare
number) stay at `WORDS_ALONE`; a finding that is measured again and again and whose day nothing says stays at `UNDATED`,
for it may be the one of any day; so does a transplantation of which nothing says whether it came before or after the
index treatment. What a person signed for another centre is a decision, and is not weighed again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from chartline.draft.centre import Centre
from chartline.draft.codes import type_of
from chartline.draft.flat.model import FlatTable
from chartline.draft.flat.records import Used
from chartline.draft.flat.values import unit_fit
from chartline.draft.model import WORDS_ALONE, Column, Target
from chartline.draft.words import DRUG
from chartline.mapping import units

UNDATED = 0.8
NO_VALUE = 0.8  # of a column without any value
SIGNED = 0.93  # what a signed mapping of the study says of the same heading
_MOST = 0.97
_RECOGNISED = 0.5  # share of the words that the vocabulary knows for a target
_DAY = {"LB": ("LBDTC",), "RS": ("RSDTC", "RSCYCLE", "RSVISIT")}  # what says when a repeated finding was made


@dataclass
class Candidate:
    """What a heading may mean. `words` and `values` say from 0 to 1 how well each fits."""

    target: Target
    words: float
    values: float
    recognised: float
    phrase: str
    modifiers: frozenset[str]
    score: float = 0.0

    @property
    def fit(self) -> float:
        return self.words * self.values


def by_words(best: Candidate, others: Sequence[Candidate], also: Mapping[Target, Target]) -> tuple[float, str]:
    """Return how sure the best candidate is beside the others, and why, in words."""
    phrase = best.phrase.replace(DRUG, "drug")
    said = f"the heading is `{phrase}`" if best.words >= 0.95 else f"the heading resembles `{phrase}`"
    sure = _MOST * best.fit
    rival = next((o for o in others if also.get(best.target) != o.target and also.get(o.target) != best.target), None)
    if best.values < 1 and type_of(best.target) == "date":
        said += (
            "; its cells are numbers: days counted from an event (see `days_from`), or day numbers of a spreadsheet?"
        )
    elif best.values < 1:
        said += "; its values are not quite of that kind"
    if rival is None or rival.fit < 0.9 * best.fit:
        return round(min(sure, _MOST), 2), said
    gap = best.score - rival.score
    sure = min(sure, WORDS_ALONE, 0.5 + 2.5 * gap)
    return round(sure, 2), f"{said}; {rival.target.said} is called so too, and the columns around it decide"


def temper(flat: FlatTable, used: Sequence[Used], centre: Centre) -> None:
    """Lower the confidence of proposals that the values or the columns around them do not bear out, in place."""
    dated = {_moment(u) for u in used if u.target.variable in _DAY.get(u.target.domain, ())}
    by_column: dict[str, list[Used]] = {}
    for u in used:
        by_column.setdefault(u.column, []).append(u)
    for c in flat.columns:
        if c.role != "value" or c.reason.startswith("as in "):
            continue
        most, why = _most(c, by_column.get(c.name, ()), dated, flat, centre)
        if c.confidence > most:
            c.confidence, c.reason = most, f"{c.reason}; {why}"
            c.proposals = [replace(p, confidence=min(p.confidence, most), reason=c.reason) for p in c.proposals]


def _most(
    c: Column, used: Iterable[Used], dated: set[tuple[object, ...]], flat: FlatTable, centre: Centre
) -> tuple[float, str]:
    for u in used:
        if u.target.domain in _DAY and not _says_when(u, dated):
            return UNDATED, "nothing says on which day it was found"
        if u.target.domain == "PR" and not _says_timing(c, flat, centre):
            return UNDATED, "nothing says whether before or after the index treatment"
        if not _borne_out(c, u, flat, centre):
            return WORDS_ALONE, "its words say so, and its values could be anything"
    return 1.0, ""


def _moment(u: Used) -> tuple[object, ...]:
    return u.target.domain, u.head.group, u.head.modifiers & {"baseline", "repeat"}


def _says_when(u: Used, dated: set[tuple[object, ...]]) -> bool:
    """Whether the heading (`baseline`, `peak`, cycle) or a column of the same group says when a finding was made."""
    said = u.head.modifiers & {"baseline", "worst"} or "cycle" in u.head.index
    return bool(said) or u.target.variable in _DAY[u.target.domain] or _moment(u) in dated


def _says_timing(c: Column, flat: FlatTable, centre: Centre) -> bool:
    timing = Target("PR", "", "PRTIMING")
    texts = (c.heading, c.name, flat.titles.get(c.name, ""), flat.name)
    words = {w for text in texts for w in centre.study.words.canonical(text)}
    return any(centre.codes.recognised(timing, {w: 1}) for w in words)


def _borne_out(c: Column, u: Used, flat: FlatTable, centre: Centre) -> bool:
    """Whether values are of a kind that few other variables have: dates, known words, numbers with a fitting unit."""
    target, of, unit = u.target, type_of(u.target), flat.heads[c.name].unit
    if not c.profile.counts or c.name in flat.box:
        return bool(c.profile.counts)
    if target.variable == "LBORRESU":
        return any(units.is_known(v) for v in c.profile.values)
    if of == "date":
        return c.profile.kind == "date"
    if of == "flag" and c.profile.kind == "number" and c.name not in flat.choices:
        return False  # 0 and 1 are those of any flag
    if centre.codes.coded(target):
        return centre.codes.recognised(target, c.profile.counts, flat.choices.get(c.name)) >= _RECOGNISED
    if c.unit is not None:
        return bool(c.unit.unit)  # stated and not contradicted, or told by the distribution of the values
    return c.profile.kind == "number" and bool(unit) and unit_fit(target, unit) == 1.0
