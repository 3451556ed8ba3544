"""A heading taken apart: its unit, its place in a repeated group, its modifiers, and the words that are left.

    C2 D8 mg/m2                 cycle 2, day 8, words `mg m2`
    Platelets (repeat) (lakh/uL) unit lakh/uL, repeat, word `platelet`
    AE3 onset                   number 3 of group AE, word `onset`

A number is a place in a repeated group only where another heading of the table is the same but for it: `CD22 %` stays.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from chartline.draft.words import Words
from chartline.mapping import units

MODIFIERS = ("repeat", "baseline", "worst", "lln", "uln")
_NUMBER = re.compile(r"(?<![\d.,^*])(\d{1,2})(?![\d.,]*\d|\^)")
_BEFORE = re.compile(r"([^\W\d_]+)[ _.-]*$")  # the word before a number
_TO_CYCLE = re.compile(r"(?<![^\W_])(?:end of|after|post)[ _.-]*$", re.IGNORECASE)  # after C1
_STEM = re.compile(r"^([A-Za-z]{1,5})(\d{1,2})(?=[ _.:-])")
_BRACKETS = re.compile(r"\(([^()]*)\)|\[([^\]]*)\]")
_FEWEST = 3  # headings that share a first word with a number are a group, though its only one
_SHORT = frozenset({"s", "a", "y", "1", "l", "g"})  # units that are letters of any text


@dataclass
class Head:
    """A heading taken apart. `index` is in the order of the heading; `template` has its names in braces."""

    text: str
    words: tuple[str, ...] = ()
    alternatives: tuple[tuple[str, ...], ...] = ()  # without what stands in brackets, with the unit's letters
    unit: str = ""
    modifiers: frozenset[str] = frozenset()
    index: dict[str, int] = field(default_factory=dict)
    stem: str = ""
    template: str = ""

    @property
    def group(self) -> tuple[str, tuple[tuple[str, int], ...]]:
        return self.stem, tuple(self.index.items())


def take_apart(texts: Sequence[str], words: Words) -> list[Head]:
    """Return the headings of one table taken apart, in their order."""
    varying = _varying(texts, words)
    stems = Counter(m[0] for text in texts if (m := _STEM.match(text)))
    groups = frozenset(stem for stem, n in stems.items() if n >= _FEWEST)
    return [_head(text, varying[i], groups, words) for i, text in enumerate(texts)]


def groups_of(heads: Sequence[Head]) -> list[str]:
    """Say in words which columns are repeated groups: `cycle 1 to 6: 24 columns, as C1 D1 date`."""
    found: dict[tuple[str, ...], list[Head]] = defaultdict(list)
    for head in heads:
        if head.index:
            found[(head.stem, *head.index)].append(head)
    out = []
    for (stem, *names), mine in found.items():
        spans = []
        for name in names:
            numbers = sorted({h.index[name] for h in mine})
            whole = numbers == list(range(numbers[0], numbers[-1] + 1)) and len(numbers) > 1
            shown = f"{numbers[0]} to {numbers[-1]}" if whole else ", ".join(map(str, numbers))
            spans.append(f"{name if name.rstrip('2') != 'n' else stem.removesuffix('n').strip() or 'number'} {shown}")
        out.append(f"repeated columns, {' and '.join(spans)}: {len(mine)}, as `{mine[0].text}`")
    return out


def _varying(texts: Sequence[str], words: Words) -> dict[int, list[re.Match[str]]]:
    """Return heading -> its numbers that other headings of the table have otherwise, and those counted beside them.

    `C1 D1 date` and `C2 D1 date` are of day 1, though no heading is of another day.
    """
    seen: dict[str, set[str]] = defaultdict(set)
    at: list[list[tuple[re.Match[str], str]]] = []
    for text in texts:
        found = [(m, f"{text[: m.start()]}\0{text[m.end() :]}") for m in _NUMBER.finditer(text)]
        for m, key in found:
            seen[key].add(m[1])
        at.append(found)
    counted = {
        text[: m.start()] for text, found in zip(texts, at, strict=True) for m, key in found if len(seen[key]) > 1
    }  # `C` of `C1 BM date` counts, so it counts in `C1 D8 date` too
    out: dict[int, list[re.Match[str]]] = {}
    for i, found in enumerate(at):
        mine = [m for m, key in found if len(seen[key]) > 1 or texts[i][: m.start()] in counted]
        out[i] = [m for m, _ in found if m in mine or (mine and _counts(texts[i], m, words) != "n")]
    return _with_cycles(texts, at, out, words)


def _with_cycles(
    texts: Sequence[str],
    at: Sequence[Sequence[tuple[re.Match[str], str]]],
    out: dict[int, list[re.Match[str]]],
    words: Words,
) -> dict[int, list[re.Match[str]]]:
    """Add the cycle of several headings that all name the same one: `Response after C1`, `MRD C1`."""
    cycles = {
        i: [m for m, _ in found if _counts(texts[i], m, words) == "cycle"] for i, found in enumerate(at) if not out[i]
    }
    named = Counter(m[1] for found in cycles.values() for m in found)
    return out | {i: mine for i, found in cycles.items() if (mine := [m for m in found if named[m[1]] > 1])}


def _counts(text: str, number: re.Match[str], words: Words) -> str:
    """Return what a number counts by the word before it: cycle, day, line; n where that says nothing."""
    before = _BEFORE.search(text[: number.start()])
    return _counter(before[1], words.canonical(before[1]), words) if before else "n"


def _head(text: str, numbers: list[re.Match[str]], groups: frozenset[str], words: Words) -> Head:
    head = Head(text, template=text)
    rest = _take_numbers(head, text, numbers, words)
    unit, without = find_unit(rest)
    head.unit = unit
    if not head.index and (stem := _STEM.match(without)) and stem[0] in groups:
        head.stem, without = stem[0], without[stem.end() :]  # the only one of its group: `SUP1 start` alone
        rest = rest[stem.end() :]
    head.words = words.canonical(without) if without.strip() else ()
    head.alternatives = tuple(
        w for t in (_BRACKETS.sub(" ", without), rest) if (w := words.canonical(t)) and w != head.words
    )
    if (short := without_window(head.words)) != head.words:
        head.alternatives += (short,)
    if not head.words and head.alternatives:
        head.words, head.alternatives = head.alternatives[-1], head.alternatives[:-1]
    head.modifiers = frozenset(m for m in MODIFIERS if _modified(head.words, words.marks[m]))
    return head


def _take_numbers(head: Head, text: str, numbers: list[re.Match[str]], words: Words) -> str:
    """Note the numbers of a heading by name; return it without them and without what they count."""
    rest, stems = text, []
    for m in reversed(numbers):
        before = _BEFORE.search(text[: m.start()])
        name = _counts(text, m, words)
        while name in head.index:
            name += "2"
        head.index[name] = int(m[1])
        head.template = f"{head.template[: m.start()]}{{{name}}}{head.template[m.end() :]}"
        leads = before is not None and not re.search(r"[^\W_]", text[: before.start()].replace(before[1], ""))
        if before is not None and (name.rstrip("2") != "n" or leads):
            stems.append(name if name.rstrip("2") != "n" else before[1])
            lead = _TO_CYCLE.sub("", rest[: before.start()]) if name == "cycle" else rest[: before.start()]
            rest = f"{lead} {rest[m.end() :]}"
        else:
            rest = f"{rest[: m.start()]} {rest[m.end() :]}"
    head.index = dict(reversed(head.index.items()))
    head.stem = " ".join(reversed(stems)) or ("n" if numbers else "")
    return rest.strip(" _.:-")


def _counter(raw: str, canonical: tuple[str, ...], words: Words) -> str:
    for name in ("cycle", "day", "line"):
        if canonical in words.marks[name] or (raw.lower(),) in words.marks[name]:
            return name
    return "n"


def without_window(words: tuple[str, ...]) -> tuple[str, ...]:
    """Leave out how far back is asked: `RBC transfusion 7 day` is `RBC transfusion`, and `day 8` stays."""
    for i in range(1, len(words) - 1):
        if words[i].isdigit() and words[i + 1] == "day":
            return words[:i] + words[i + 2 :]
    return words


def _modified(words: tuple[str, ...], phrases: list[tuple[str, ...]]) -> bool:
    return any(_inside(p, words) for p in phrases)


def _inside(phrase: tuple[str, ...], words: tuple[str, ...]) -> bool:
    return any(words[i : i + len(phrase)] == phrase for i in range(len(words) - len(phrase) + 1))


def without_modifiers(head: Head, words: Words) -> tuple[str, ...]:
    """Return the words of a heading without those that modify (repeat, peak, LLN)."""
    rest = list(head.words)
    for name in head.modifiers:
        for phrase in sorted(words.marks[name], key=len, reverse=True):
            for i in range(len(rest) - len(phrase) + 1):
                if tuple(rest[i : i + len(phrase)]) == phrase:
                    del rest[i : i + len(phrase)]
                    break
    return without_window(tuple(rest))


def find_unit(text: str) -> tuple[str, str]:
    """Return the unit that stands in a heading ("" if none) and the heading without it."""
    for m in _BRACKETS.finditer(text):
        inside = (m[1] or m[2] or "").strip()
        unit = _as_unit(inside.removeprefix("in ").strip())
        if unit:
            return unit, (text[: m.start()] + " " + text[m.end() :]).strip()
    parts = text.split()
    for i, part in enumerate(parts):
        bare = part.strip("(),;:")
        last = i == len(parts) - 1 and len(parts) > 1
        unit = _as_unit(bare)
        if unit and (last or "/" in bare or bare == "%") and bare.lower() not in _SHORT:
            return unit, " ".join(parts[:i] + parts[i + 1 :]).removesuffix(" in")
    return "", text


def _as_unit(text: str) -> str:
    """Return the text where it is a unit, in a spelling that a mapping may use; "" where it is none."""
    if not text or text.lower() in _SHORT - {"1"}:
        return ""
    for spelling in (text, text.replace("lacs", "lakh").replace("lac", "lakh"), f"/{text.removeprefix('per ')}"):
        if units.is_known(spelling):
            return spelling
    return ""
