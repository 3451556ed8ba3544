"""Several values in one text: `grade=4|related=Y`, `donor MUD; cond Flu/Mel`, `C1D8 0.5 mg/m2`, `Hyper-CVAD | best CR`.

In: the different texts of one kind of row, and the context they stand in. Out: parts, each with the regular
expression that takes it out (one group, as a mapping's `extract` needs it), its values, and what names it in words.
Only what nearly every text has is a part; what some lack is optional.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

_MOST = 0.7  # share of the texts that must have a part
_PAIR = re.compile(r"^\s*([A-Za-z][\w .-]{0,24}?)\s*=\s*(.*?)\s*$")
_DOSE_DAY = re.compile(r"^C(\d{1,2}) ?D(\d{1,2})\b", re.IGNORECASE)
_PER_M2 = re.compile(r"(?:^|\s)([0-9.]+) ?mg/m2")
_ICD = re.compile(r"^[A-Z]\d\d(?:\.\d{1,2})? (.+)$")


@dataclass
class Part:
    """One part of a text. `name` are the words that name it ("" where only its place does), `place` counts from 0."""

    name: str
    pattern: str
    values: Counter[str]
    place: int
    optional: bool = False
    constant: bool = False  # the same in every text: it says what the row is, and is no value
    kind: str = ""  # dose_cycle, dose_day, dose_m2: shapes that name themselves


def split_text(counts: dict[str, int]) -> list[Part]:
    """Return the parts of texts (text -> how often); none where the texts are whole."""
    texts = list(counts)
    dose = _doses(texts, counts)
    if dose:
        return dose
    separator = next((s for s in ("|", ";") if sum(s in t for t in texts) >= _MOST * len(texts)), "")
    if separator:
        return _separated(texts, counts, separator)
    if len(texts) > 1 and sum(": " in t for t in texts) >= _MOST * len(texts):
        return _at_colon(texts, counts)
    return _prefixed(texts, counts)


def _doses(texts: Sequence[str], counts: dict[str, int]) -> list[Part]:
    out: list[Part] = []
    if all(_DOSE_DAY.match(t) for t in texts):
        for kind, pattern in (("dose_cycle", "^[Cc]([0-9]+)"), ("dose_day", "^[Cc][0-9]+ ?[Dd]([0-9]+)")):
            out.append(_part("", pattern, texts, counts, len(out), kind))
    if sum(bool(_PER_M2.search(t)) for t in texts) >= 0.5 * len(texts):
        pattern = "(?:^| )([0-9.]+) ?mg/m2"
        some = any(not re.search(pattern, t) for t in texts)
        part = _part("", pattern, texts, counts, len(out), "dose_m2")
        part.optional = some
        out.append(part)
    return out


def _part(name: str, pattern: str, texts: Sequence[str], counts: dict[str, int], place: int, kind: str = "") -> Part:
    values: Counter[str] = Counter()
    missing = False
    for t in texts:
        found = re.search(pattern, t)
        if found and found[1].strip():
            values[found[1].strip()] += counts[t]
        else:
            missing = True
    return Part(name, pattern, values, place, missing, kind=kind)


def _separated(texts: Sequence[str], counts: dict[str, int], mark: str) -> list[Part]:
    rows = [[p.strip() for p in t.split(mark)] for t in texts]
    out: list[Part] = []
    escaped = re.escape(mark)
    keys = Counter(m[1] for row in rows for p in row if (m := _PAIR.match(p)))
    for key, n in keys.items():
        if n >= 0.5 * len(texts):
            out.append(_part(key, rf"{re.escape(key)}=([^{escaped}]*)", texts, counts, len(out)))
    width = Counter(map(len, rows)).most_common(1)[0][0]
    for i in range(width):
        column = [row[i] for row in rows if len(row) > i]
        if sum(bool(_PAIR.match(p)) for p in column) > 0.5 * len(column):
            continue
        part = _place(column, i, mark, texts, counts)
        part.constant = len(set(column)) == 1 and len(texts) > 1
        out.append(part)
    return sorted(out, key=lambda p: p.place)


def _place(column: Sequence[str], i: int, mark: str, texts: Sequence[str], counts: dict[str, int]) -> Part:
    """The part at a place: named by the word that all begin with (`donor MUD`), or by its place alone."""
    e = re.escape(mark)
    before = "^" if i == 0 else rf"^(?:[^{e}]*{e}){{{i}}} *"
    first = {p.split(" ", 1)[0] for p in column if p}
    if len(first) == 1 and all(" " in p for p in column if p) and not next(iter(first))[0].isdigit():
        word = next(iter(first))
        return _part(word, rf"(?:^|{e}) *{re.escape(word)} ([^{e}]+)", texts, counts, i)
    return _part("", rf"{before}([^{e}]*[^{e} ])", texts, counts, i)


def _at_colon(texts: Sequence[str], counts: dict[str, int]) -> list[Part]:
    return [
        _part("", "^([^:]+):", texts, counts, 0),
        _part("", ": (.+)$", texts, counts, 1),
    ]


def _prefixed(texts: Sequence[str], counts: dict[str, int]) -> list[Part]:
    """`best response CR`: words that all begin with, and what follows."""
    if all(_ICD.match(t) for t in texts):
        ends = any(t.endswith("]") for t in texts)
        pattern = r"^[A-Z][0-9]{2}(?:[.][0-9]+)? (.*?)(?: \[.*\])?$" if ends else r"^[A-Z][0-9]{2}(?:[.][0-9]+)? (.+)$"
        return [_part("", pattern, texts, counts, 0)]
    words = [t.split() for t in texts]
    shared: list[str] = []
    for at in range(min(map(len, words)) - 1):
        if len({w[at] for w in words}) > 1:
            break
        shared.append(words[0][at])
    if not shared or len(texts) < 2:
        return []
    prefix = " ".join(shared)
    return [_part(prefix, rf"^{re.escape(prefix).replace(chr(92) + ' ', ' ')} (.+)$", texts, counts, 0)]
