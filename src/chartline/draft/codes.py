"""Value by value: the words of a coded column -> chartline's terms.

In: a target, the different values of its column, and what the data dictionary calls them. Out: `Word`s, each with the
term proposed and why. A word that the vocabulary has is taken; one that is only near is a question; one of an open list
(no fixed terms) is kept as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from rapidfuzz import fuzz, process

from chartline.core.clinical import variables
from chartline.draft.model import Target, Word
from chartline.draft.study import Study
from chartline.draft.words import listed, vocabulary
from chartline.mapping.blocks import RANGE_VARIABLES
from chartline.mapping.words import terms, tests

_NEAR = 80.0
_SIGNS = re.compile(r"[<>+]|-(?![A-Za-z0-9])")  # signs that mean something: `MRD-`, `<0.01`, `Ph+`
# Variables whose words are those of another: the best response to a line is a response.
_SAME_WORDS = {("MH", "MHBESTRSP"): ("RS", "INVRESP")}


def type_of(target: Target) -> str:
    """Return the type of a target's variable: date, number, integer, flag, code or text."""
    known = RANGE_VARIABLES if target.domain == "RANGE" else variables()[target.domain]
    return known[target.variable].type


@dataclass
class Codes:
    """The words of values, for one study. `signed` are words that signed mappings already decided."""

    study: Study
    signed: Mapping[tuple[Target, str], tuple[str, str]] = field(default_factory=dict)  # word -> term, who

    def coded(self, target: Target) -> bool:
        """Whether the values of a target are words to be translated."""
        if target.variable in ("MHCAT", "EXTRT", "PRTRT", "FATESTCD"):
            return False
        kind = self.study.words.kinds.get(target, "")
        return type_of(target) in ("flag", "code") or kind in ("flag", "words")

    def closed(self, target: Target) -> tuple[str, ...] | None:
        """Return the fixed terms of a target, None where any text will do."""
        if self.study.words.kinds.get(target) == "flag":
            return ("Y", "N")
        return terms(target.domain, target.variable, type_of(target))

    @cached_property
    def _tables(self) -> dict[tuple[str, str, str], dict[str, str]]:
        """(domain, item, variable) -> word in small letters -> term."""
        out: dict[tuple[str, str, str], dict[str, str]] = {}
        for row in vocabulary("value_words.csv"):
            known = out.setdefault((row["domain"], row["item"], row["variable"]), {})
            for word in (row["term"], *listed(row["words"])):
                known.setdefault(_tidy(word), row["term"])
        return out

    def _known(self, target: Target) -> dict[str, str]:
        """Return the words of a target -> term, its own before those of every flag."""
        own: dict[str, str] = {}
        domain, variable = _SAME_WORDS.get((target.domain, target.variable), (target.domain, target.variable))
        item = next((v for v, p in self.study.renamed.items() if p == target.item), target.item)
        for key in ((domain, item, variable), (domain, "", variable)):
            for word, term in self._tables.get(key, {}).items():
                own.setdefault(word, term)
        if type_of(target) == "flag" or self.study.words.kinds.get(target) == "flag":
            for word, term in self._tables["*", "", "flag"].items():
                own.setdefault(word, term)
        if variable in ("LBTESTCD", "TESTCD"):
            own |= self._test_words
        if (domain, variable) == ("DM", "SEX") or (target.domain, variable) == ("RANGE", "SEX"):
            own |= self._tables["DM", "", "SEX"]
        for term in (*(self.closed(target) or ()), *self.study.categories.get(target.item, ())):
            own.setdefault(_tidy(term), term)
        return own

    @cached_property
    def _test_words(self) -> dict[str, str]:
        out: dict[str, str] = {}
        for row in vocabulary("synonyms.csv"):
            if row["variable"] == "LBORRES" and row["item"]:
                out |= {_tidy(w): row["item"] for w in listed(row["words"])}
        for row in vocabulary("tests.csv"):
            out |= {_tidy(row[k]): row["testcd"] for k in ("testcd", "label", "loinc") if row[k]}
        out |= {code: test for code, test in more_loinc().items() if test in tests()}
        return out

    def _canonical(self, known: Mapping[str, str]) -> dict[frozenset[str], str]:
        out: dict[frozenset[str], str] = {}
        for word, term in known.items():
            if not _SIGNS.search(word):
                out.setdefault(frozenset(self.study.words.canonical(word)), term)
        return out

    def translate(
        self, target: Target, values: Mapping[str, int], labels: Mapping[str, str] | None = None
    ) -> list[Word]:
        """Return one `Word` a value. `labels` are those of the data dictionary; values it lacks are questions."""
        known = self._known(target)
        canonical = self._canonical(known)
        closed = self.closed(target)
        words = dict(values) | {code: 0 for code in labels or {} if code not in values}
        out = [self._word(target, w, n, labels, known, canonical, closed) for w, n in words.items()]
        return _one_sense(out)

    def _word(
        self,
        target: Target,
        word: str,
        count: int,
        labels: Mapping[str, str] | None,
        known: Mapping[str, str],
        canonical: Mapping[frozenset[str], str],
        closed: tuple[str, ...] | None,
    ) -> Word:
        signed = self.signed.get((target, word.strip().lower()))
        if labels is None and signed is not None:
            return Word(word, count, signed[0], 0.97, f"as {signed[1]}")
        if labels is not None and word not in labels:
            return Word(word, count, "", 0.2, "the data dictionary has no such code")
        said = labels[word] if labels else _unnumbered(word)
        by = f"the dictionary calls it `{said}`" if labels else ""
        term = known.get(_tidy(said))
        if term is not None:
            sure = 0.97 if labels or not said.isdigit() else 0.8
            return Word(word, count, term, sure, by or f"`{said}` is a word for {term}", said if labels else "")
        term = canonical.get(frozenset(self.study.words.canonical(said))) if not _SIGNS.search(said) else None
        if term is not None:
            return Word(word, count, term, 0.9, by or f"`{said}` is a word for {term}", said if labels else "")
        near = process.extractOne(_tidy(said), list(known), scorer=fuzz.ratio, score_cutoff=_NEAR)
        if near is not None and not said.isdigit():
            return Word(word, count, known[near[0]], 0.5, f"`{said}` is near to `{near[0]}`; perhaps a slip of the pen")
        if closed is None and (labels or not said.isdigit()):
            return Word(word, count, said, 0.65, "not a known word; kept as it stands", said if labels else "")
        return Word(word, count, "", 0.2, "not a known word", said if labels else "")

    def recognised(self, target: Target, values: Mapping[str, int], labels: Mapping[str, str] | None = None) -> float:
        """Return the share of the different values that the vocabulary knows for a target."""
        said = [labels.get(v, v) for v in values] if labels else [_unnumbered(v) for v in values]
        if not said:
            return 0.0
        known = self._known(target)
        canonical = self._canonical(known)
        hits = sum(
            _tidy(s) in known or (not _SIGNS.search(s) and frozenset(self.study.words.canonical(s)) in canonical)
            for s in said
        )
        return hits / len(said)


def _one_sense(words: list[Word]) -> list[Word]:
    """Words are read in any case of letters: two spellings of one word must not mean two things."""
    senses: dict[str, str] = {}
    for w in words:
        if w.sure and senses.setdefault(w.word.strip().lower(), w.term) != w.term:
            w.term, w.confidence, w.reason = "", 0.2, "the same word in other letters has another meaning"
    return words


def _unnumbered(word: str) -> str:
    """`1:DECEASED` and `2 = female` carry their code before the word."""
    return re.sub(r"^\d{1,2} ?[:=] ?(?=[A-Za-z])", "", word.strip())


def _tidy(text: str) -> str:
    return " ".join(re.sub(r"[()\[\],;]", " ", text.lower().replace("≥", ">=")).split()).strip(" .:")


def more_loinc() -> dict[str, str]:
    """Return LOINC code -> test or RS variable, beyond the one code a test of `tests.csv`."""
    return {row["code"]: row["means"] for row in vocabulary("codes.csv") if row["system"] == "LOINC"}
