"""Cells scrubbed: identifiers dropped or replaced, free text searched, dates shifted by their patient.

What is known of a person anywhere in the folder is searched for everywhere in it: a name that stands in one sheet
is removed from a remark in another, a hospital number in a remark becomes its pseudonym. Only what is too short to
be searched for without harm (numbers of fewer than five digits, names of fewer than four letters) is left to its
own column.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from chartline.core.identifiers import Kind, find_in_text, like_identifiers
from chartline.deidentify.dates import holds_date, shift_day, shift_text
from chartline.deidentify.grid import Cell, as_text
from chartline.deidentify.key import Key
from chartline.deidentify.model import Action, Decision, Done, Options
from chartline.errors import StudyError
from chartline.mapping.model import DateOrder as Order

_NUMBER, _NAME = 5, 4  # shortest digits and letters that are searched for
_WORD = re.compile(r"[^\W_]+(?:[-/][^\W_]+)*")
_PART = re.compile(r"[A-Za-z0-9]+")
_TITLE = frozenset({"mr", "mrs", "ms", "miss", "shri", "smt", "sri", "dr", "prof", "master", "baby", "kumari", "late"})
_MONTH_ALONE = re.compile(r"\d{4}-\d{2}|\d{1,2}[-/]\d{4}|[A-Za-z]+\.?[-/. ,]+\d{4}|\d{4}[-/]\d{1,2}")
_MOSTLY = 0.8  # of a column's values are known, so that it is taken for the same
_KEPT = 100_000  # texts
_NOT_SHIFTED = "a date that was not shifted"
_NOBODYS = f"{_NOT_SHIFTED}: no column of the table names patients"
_GROUPS = (4, 3, 2, 1)  # words of an identifier, the longest first
Where = tuple[str, str, str, str]  # file, table, column, place


class IdentifierRemains(StudyError):
    """An identifier would leave the centre."""

    code = "identifier"
    exit_code = 15


class Scrubber:
    """Scrubs the cells of one folder, and counts what it does."""

    def __init__(self, key: Key, options: Options, done: Done) -> None:
        self._key, self._options, self._done = key, options, done
        self._numbers: dict[str, str] = {}  # what is searched for -> its pseudonym
        self._names: set[str] = set()  # words of names, in small letters
        self._texts: dict[str, Kind] = {}  # whole values of dropped columns, in small letters
        self._pseudonyms: dict[str, str] = {}  # pseudonym -> the number it stands for
        self._patient: dict[str, str] = {}  # number -> the number by which its patient is known
        self._scrubbed = lru_cache(_KEPT)(self._read)  # most cells of a chart say what others say

    # What is known ----------------------------------------------------------------------------------------------

    def know(self, decision: Decision, text: str) -> None:
        """Remember a value of an identifying column, to search for it elsewhere."""
        if not text or decision.action is Action.KEEP:
            return
        if decision.action is Action.PSEUDONYM:
            pseudonym = self.pseudonym(text)
            if _worth_searching(text):
                self._numbers[_words(text)] = pseudonym
        elif decision.kind in (Kind.NAME, Kind.STAFF):
            words = [w.lower() for w in _WORD.findall(text)]
            self._names.update(w for w in words if len(w) >= _NAME and w not in _TITLE and not w.isdigit())
            if len(words) > 1:
                self._texts[" ".join(words)] = decision.kind
        elif _worth_searching(text) or " " in text:
            self._texts[_words(text)] = decision.kind or Kind.NAME

    def knows(self, values: Sequence[str]) -> Kind | None:
        """Return what a column holds whose values are mostly identifiers of other columns, None for another."""
        said = [_words(v) for v in values]
        for kind, known in ((Kind.HOSPITAL, self._numbers), (Kind.NAME, self._texts)):
            if said and sum(s in known for s in said) >= _MOSTLY * len(said):
                return kind
        return None

    def link(self, numbers: Iterable[str]) -> None:
        """Remember that numbers of one row are of one patient."""
        known = [self._root(n) for n in numbers if n]
        for n in known[1:]:
            first, other = sorted((self._root(known[0]), self._root(n)))
            self._patient[other] = first

    def _root(self, number: str) -> str:
        while (parent := self._patient.setdefault(number, number)) != number:
            number = parent
        return number

    def pseudonym(self, number: str) -> str:
        """Return what stands for a number. Raises `IdentifierRemains` where two numbers would get the same."""
        made = self._key.pseudonym(number)
        if self._pseudonyms.setdefault(made, number) != number:
            raise IdentifierRemains("Two numbers would get the same pseudonym", do="use another key")
        return made

    # What is done -----------------------------------------------------------------------------------------------

    def cell(self, cell: Cell, decision: Decision | None, patient: str | None, where: Where) -> Cell:
        """Return a cell as it may leave. `patient` is the row's, "" where a row of patients names none, None where the
        table is not of patients."""
        if decision is not None and decision.action is not Action.KEEP and not _total(cell, decision):
            return self._decided(cell, decision)
        if isinstance(cell, dt.datetime | dt.date):
            return self._day(cell, patient, where)
        if not isinstance(cell, str) or cell.strip().isdigit():
            self._number(cell, where)
            return cell
        if self._options.shift_days and patient is not None:
            shifted = self._date(cell, patient, self._options.order_in(where[1], where[2]))
            if shifted is not None:
                return shifted
        return self.text(cell, where, nobodys=patient is None)

    def text(self, text: str, where: Where, told: bool = True, nobodys: bool = False) -> str:
        """Return a free text (or any other) without the identifiers that are known or have their shape.

        `told` is whether what looks like another one is reported: of headings and coded texts it is not. `nobodys` is
        whether the table names no patients, so that no date of it could be shifted.
        """
        out, kinds, looks = self._scrubbed(text)
        for kind in kinds:
            self._done.in_text[(*where[:3], kind)] += 1
        for look in looks if told else ():
            self._done.remains(*where[:3], _NOBODYS if nobodys and look == _NOT_SHIFTED else look, where[3])
        return out

    def _read(self, text: str) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
        """The text as it may leave, the kinds that were removed, and what may remain."""
        kinds: list[str] = []
        out, at = "", 0
        for f in find_in_text(text):
            before, known = self._known(text[at : f.start])
            piece = text[f.start : f.end]
            kinds += [*known, str(f.kind)]
            out += before + self._numbers.get(_words(piece), f"[{f.kind} removed]")
            at = f.end
        rest, known = self._known(text[at:])
        kinds += known
        out += rest
        own = _PART.sub(lambda m: "" if m[0] in self._pseudonyms else m[0], out)
        looks = tuple(like_identifiers(own)) if " " in out.strip() else ()
        if self._options.shift_days and holds_date(out):
            looks = (*looks, _NOT_SHIFTED)
        return out, tuple(kinds), looks

    def code(self, text: str) -> str:
        """Return an id, a reference or an address of a resource with the numbers that are known in it replaced."""
        return _PART.sub(lambda m: self._numbers.get(m[0].lower(), m[0]), text)

    def _decided(self, cell: Cell, decision: Decision) -> Cell:
        text = as_text(cell)
        if cell is None or cell == "":
            return cell
        decision.cells += 1
        if decision.action is Action.DROP:
            return None
        made = self.pseudonym(text)
        return made if isinstance(cell, str) or not made.isdigit() else int(made)

    def _known(self, text: str) -> tuple[str, list[str]]:
        """The text with the known identifiers replaced, the longest first, and their kinds."""
        words = list(_WORD.finditer(text))
        out, kinds, at, i = "", [], 0, 0
        while i < len(words):
            size, stands, kind = self._match(words, i)
            if not size:
                i += 1
                continue
            out += text[at : words[i].start()] + stands
            kinds.append(kind)
            at = words[i + size - 1].end()
            i += size
        return out + text[at:], kinds

    def _match(self, words: list[re.Match[str]], i: int) -> tuple[int, str, str]:
        """How many words from the i-th are an identifier, what stands for it, and its kind."""
        for size in _GROUPS:
            said = " ".join(w[0].lower() for w in words[i : i + size])
            if i + size <= len(words) and said in self._texts:
                kind = str(self._texts[said])
                return size, f"[{kind} removed]", kind
            if i + size <= len(words) and said in self._numbers:
                return size, self._numbers[said], str(Kind.HOSPITAL)
        word = words[i][0].lower()
        # A word alone in its cell is a code or a finding more often than a name.
        if word in self._names and len(words) > 1:
            return 1, f"[{Kind.NAME} removed]", str(Kind.NAME)
        return 0, "", ""

    def _number(self, cell: Cell, where: Where) -> None:
        """A number that equals an identifier is not changed, for it may be a finding; it is told."""
        if self._numbers and _words(as_text(cell)) in self._numbers:
            self._done.remains(*where[:3], "equals a hospital number", where[3])

    def _day(self, day: dt.date, patient: str | None, where: Where) -> Cell:
        if not self._options.shift_days:
            return day
        if patient is None:
            self._done.remains(*where[:3], _NOBODYS, where[3])
            return day
        if not patient:
            self._done.undated += 1
            return None
        try:
            shifted = shift_day(day, self.shift_of(patient), self._options.is_swapped(where[1], where[2]))
        except OverflowError:  # 9999-12-31, which programs write for "no end"
            self._done.remains(*where[:3], _NOT_SHIFTED, where[3])
            return day
        self._done.shifted += 1
        return shifted

    def _date(self, text: str, patient: str, order: Order) -> str | None:
        """A date as text, shifted; "" where the row names no patient; None where the text is no date."""
        days = self.shift_of(patient) if patient else 1
        shifted = shift_text(text, days, order)
        if shifted is None:
            return None
        if not patient:
            self._done.undated += 1
            return ""
        self._done.shifted += 1
        self._done.partial += bool(_MONTH_ALONE.fullmatch(text.strip()))
        return shifted

    def shift_of(self, patient: str) -> int:
        """Return the shift of a patient, by whichever of its numbers."""
        return self._key.shift(self._root(patient), self._options.shift_days)

    def check_name(self, name: str, what: str) -> None:
        """Raise `IdentifierRemains` where the name of a file or sheet holds an identifier: it cannot be changed, for a
        mapping reads by it."""
        if self._read(name)[1]:
            raise IdentifierRemains(
                f"The name of {what} holds an identifier",
                do="rename it at the centre, and in the mapping, then run again",
            )


def _total(cell: Cell, decision: Decision) -> bool:
    """Whether what stands among patient numbers is none: a total, a note below the table."""
    return decision.kind is Kind.SUBJECT and isinstance(cell, str) and not any(map(str.isdigit, cell))


def _words(text: str) -> str:
    return " ".join(w.lower() for w in _WORD.findall(text))


def _worth_searching(text: str) -> bool:
    digits = sum(c.isdigit() for c in text)
    return digits >= _NUMBER or (digits > 0 and len(text) > _NUMBER)
