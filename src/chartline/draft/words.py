"""A heading -> what it may mean. In: text as a centre wrote it. Out: targets with how well the words fit.

The field's words are data: `vocabulary/synonyms.csv` (what headings are called), `spellings.csv` (spellings and
languages of single words), `value_words.csv` (what values are called), `drugs.csv` (RxNorm). Text and vocabulary are
brought to one spelling first (`Words.canonical`), so that `Plt (lakh/uL)`, `Platelets` and `Thrombozyten` are one
word. What is left is compared by rapidfuzz, and never trusted far.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from importlib.resources import files

from rapidfuzz import fuzz

from chartline.draft.model import Target

DRUG = "indexdrug"  # what the study's drug is called while words are compared
_STOP = frozenset(
    [
        "of",
        "the",
        "in",
        "at",
        "for",
        "a",
        "an",
        "by",
        "de",
        "du",
        "der",
        "die",
        "das",
        "am",
        "la",
        "le",
        "des",
        "und",
        "and",
        "with",
        "on",
        "is",
        "was",
        "if",
        "any",
        "as",
    ]
)
_DOTTED = re.compile(r"\b(?:[A-Za-z]\.){2,}[A-Za-z]?\b\.?")  # S.G.O.T.
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_VERSION = re.compile(r"v\d")  # CTCAE v5
_DAYS = re.compile(r"\b(\d{1,2})d\b")  # 7d
_FUZZY = 87.0
_OTHERS = frozenset({"MH PRIOR LINE", "CM", "AE"})  # contexts in which the study's own drug says that it is not they


def vocabulary(name: str) -> list[dict[str, str]]:
    """Return the rows of one file of `vocabulary/`."""
    with (files("chartline") / "vocabulary" / name).open(encoding="utf-8") as f:
        return list(csv.DictReader(f))


def listed(text: str) -> list[str]:
    """Return `a; b; c` as a list."""
    return [w.strip() for w in text.split(";") if w.strip()]


def plain(text: str) -> list[str]:
    """Return the lower-case words of a text, without accents and punctuation; `%` is a word."""
    text = _DOTTED.sub(lambda m: m[0].replace(".", ""), text)
    text = _CAMEL.sub(" ", text).lower().replace("ß", "ss").replace("::", "").replace("≥", ">=")
    text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return re.findall(r"[a-z0-9]+|%", _DAYS.sub(r"\1 day", text))


class Words:
    """The vocabulary, with the words of one study's drug in it."""

    def __init__(
        self,
        drug: Iterable[str] = (),
        more: Mapping[Target, Sequence[str]] | None = None,
        renamed: Mapping[str, str] | None = None,
    ) -> None:
        """`drug`: names of the study's drug; `more`: further phrases; `renamed`: what the protocol calls items."""
        self._more = dict(more or {})
        self._renamed = dict(renamed or {})
        self._spellings: dict[tuple[str, ...], tuple[str, ...]] = {}
        for row in vocabulary("spellings.csv"):
            word = tuple(plain(row["word"]))
            for spelling in listed(row["spellings"]):
                self._spellings[tuple(plain(spelling))] = word
        for name in drug:
            self._spellings[tuple(plain(name))] = (DRUG,)
        self._longest = max(map(len, self._spellings))
        self._fits: dict[tuple[str, ...], dict[Target, tuple[float, str]]] = {}
        self._cache: dict[str, tuple[str, ...]] = {}

    def canonical(self, text: str) -> tuple[str, ...]:
        """Return the words of a text in one spelling, stop words left out."""
        found = self._cache.get(text)
        if found is None:
            found = self._cache[text] = self._spelt(plain(text.replace("{drug}", DRUG)))
        return found

    def _spelt(self, tokens: list[str]) -> tuple[str, ...]:
        out: list[str] = []
        at = 0
        while at < len(tokens):
            for n in range(min(self._longest, len(tokens) - at), 0, -1):
                word = self._spellings.get(tuple(tokens[at : at + n]))
                if word is not None:
                    out += word
                    at += n
                    break
            else:
                out.append(_singular(tokens[at]))
                at += 1
        kept = [w for w in out if w not in _STOP and not _VERSION.fullmatch(w)]
        return tuple(dict.fromkeys(kept or out))

    @cached_property
    def _rows(self) -> list[dict[str, str]]:
        return [r | {"item": self._renamed.get(r["item"], r["item"])} for r in vocabulary("synonyms.csv")]

    @cached_property
    def phrases(self) -> dict[Target, list[tuple[str, ...]]]:
        """Target -> the phrases that name it."""
        out: dict[Target, list[tuple[str, ...]]] = {}
        for row in self._rows:
            if row["domain"] != "#" and row["variable"]:
                target = Target(row["domain"], row["item"], row["variable"])
                out.setdefault(target, []).extend(self.canonical(w) for w in listed(row["words"]))
                out[target].append(self.canonical(target.item if _named_by_item(target) else target.variable))
        for target, phrases in self._more.items():
            out.setdefault(target, []).extend(self.canonical(w) for w in phrases)
        return out

    @cached_property
    def kinds(self) -> dict[Target, str]:
        """Target -> what its values are where its variable is any text: number, flag, words or text."""
        return {Target(r["domain"], r["item"], r["variable"]): r["kind"] for r in self._rows if r["kind"]}

    @cached_property
    def also(self) -> dict[Target, Target]:
        """Targets that one column always feeds together with another."""
        return {
            Target(r["domain"], r["item"], r["variable"]): Target(*r["also"].split(":"))
            for r in self._rows
            if r["also"]
        }

    @cached_property
    def contexts(self) -> dict[str, list[tuple[str, ...]]]:
        """Context (see `Target.context`) -> what tables, sheets and groups of it are called."""
        out: dict[str, list[tuple[str, ...]]] = {}
        for row in self._rows:
            if row["domain"] != "#" and not row["variable"]:
                context = Target(row["domain"], row["item"], "").context
                out.setdefault(context, []).extend(self.canonical(w) for w in listed(row["words"]))
        return out

    @cached_property
    def marks(self) -> dict[str, list[tuple[str, ...]]]:
        """Words that are no target: counters (cycle, day, line), modifiers (repeat, worst, lln), notes, totals."""
        return {
            r["variable"]: [self.canonical(w) for w in listed(r["words"])] for r in self._rows if r["domain"] == "#"
        }

    def raw_marks(self, name: str) -> frozenset[str]:
        """The words of a mark as they are written, in small letters."""
        return frozenset(
            w.lower() for r in self._rows if (r["domain"], r["variable"]) == ("#", name) for w in listed(r["words"])
        )

    def written(self, target: Target, least: int) -> list[str]:
        """Return the phrases of a target as they are written, those of at least so many words."""
        mine = [r for r in self._rows if (r["domain"], r["item"], r["variable"]) == target]
        return [w for r in mine for w in listed(r["words"]) if len(w.split()) >= least]

    def fits(self, words: tuple[str, ...]) -> dict[Target, tuple[float, str]]:
        """Return every target that the words may name: how well (0-1), and the phrase they resemble."""
        out = self._fits.get(words)
        if out is not None:
            return out
        out = self._fits[words] = {}
        if not words:
            return out
        for target, phrases in self.phrases.items():
            about = self._about(target)
            best = max(((_fit(words, phrase, about), phrase) for phrase in phrases), key=lambda x: x[0])
            if best[0] > 0:
                out[target] = (best[0], " ".join(best[1]))
        return out

    def best(
        self, texts: Iterable[str], allowed: Callable[[Target], bool], least: float
    ) -> tuple[Target, float, str] | None:
        """Return the target that one of several texts names best, how well, and the phrase; None below `least`."""
        found: tuple[Target, float, str] | None = None
        for text in texts:
            for target, (fit, phrase) in self.fits(self.canonical(text)).items():
                if fit >= least and allowed(target) and (found is None or fit > found[1]):
                    found = (target, fit, phrase)
        return found

    def fits_exactly(self, text: str) -> bool:
        """Whether a text as a whole is a phrase of the vocabulary."""
        words = self.canonical(text)
        return any(words in phrases for phrases in self.phrases.values())

    def _about(self, target: Target) -> frozenset[str]:
        """Words that add nothing in a target's own context: `AE start` is `start` among adverse events."""
        about = frozenset(w for phrase in self.contexts.get(target.context, []) for w in phrase if w != "date")
        return about if target.context in _OTHERS else about | {DRUG}

    def context_of(self, text: str) -> dict[str, float]:
        """Return the contexts that a table's or group's name speaks of, each with a weight from 0 to 1."""
        words = self.canonical(text)
        out: dict[str, float] = {}
        for context, phrases in self.contexts.items():
            best = max((_named(words, phrase) for phrase in phrases), default=0.0)
            if best > 0:
                out[context] = best
        return out


def _named_by_item(target: Target) -> bool:
    """Whether chartline's own name of a target is its item: `WTGAIN`, `CR1DUR`, `ANC`."""
    return target.variable in ("MHORRES", "FAORRES", "LBORRES") and bool(target.item)


def _singular(token: str) -> str:
    return token[:-1] if len(token) > 3 and token.endswith("s") and not token.endswith(("ss", "us", "is")) else token


def _fit(words: tuple[str, ...], phrase: tuple[str, ...], about: frozenset[str]) -> float:
    if words == phrase:
        return 1.0
    mine, theirs = frozenset(words), frozenset(phrase)
    if mine == theirs:
        return 0.98
    rest = mine - theirs
    if theirs <= mine and rest <= about:
        return 0.95
    if "".join(words) == "".join(phrase):
        return 0.93
    if theirs <= mine:
        return 0.35 + 0.4 * len(theirs) / len(mine)
    if len("".join(words)) >= 5:
        ratio = fuzz.ratio(" ".join(words), " ".join(phrase))
        if ratio >= _FUZZY:
            return 0.8 * ratio / 100
    return 0.0


def _named(words: tuple[str, ...], phrase: tuple[str, ...]) -> float:
    if words == phrase:
        return 1.0
    if set(phrase) <= set(words):
        return 0.5 + 0.4 * len(phrase) / len(words)
    return 0.0
