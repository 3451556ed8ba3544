"""The verdict on a date column: which order of day and month its cells allow, and what they cannot be.

In: the cells of a column as text, with the kind of each (a true date of a spreadsheet, or text). Out: counts, and one
sentence for the reviewer. Nothing is decided by a majority: an order is proposed only where at least one cell proves
it and none contradicts it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields

from chartline.mapping.date_text import read_date
from chartline.mapping.model import DateOrder

_PARTS = re.compile(r"(\d{1,4})[-/. ](\d{1,2})(?:[-/. ](\d{1,4}))?(?:[T ].*)?")
_NAMED = re.compile(r"[A-Za-zäéû]{3,}")
_SHORT_YEAR = re.compile(r"(\d{1,2})[-/. ](\d{1,2})[-/. ](\d{2})")
_SHORT_NAMED = re.compile(r"\d{1,2}[-/. ]?[A-Za-z]{3,9}[-/. ,]+\d{2}")
_CHANCE = 0.01
_COMPACT = re.compile(r"(19|20)\d{6}")


@dataclass
class Verdict:
    """How many cells say what. `either` could be day/month or month/day; `serial` are day numbers of a spreadsheet."""

    iso: int = 0
    dmy: int = 0
    mdy: int = 0
    either: int = 0
    named: int = 0
    partial: int = 0
    true: int = 0
    true_low: int = 0  # of the true dates, those whose day of the month is 12 or less
    short_year: int = 0
    compact: int = 0
    impossible: int = 0
    other: int = 0

    def __add__(self, more: Verdict) -> Verdict:
        return Verdict(*(getattr(self, f.name) + getattr(more, f.name) for f in fields(self)))

    @property
    def readable(self) -> int:
        """Cells that are dates, whatever their order."""
        return self.iso + self.dmy + self.mdy + self.either + self.named + self.partial + self.true

    @property
    def like(self) -> int:
        """Cells that are meant as dates."""
        return self.readable + self.short_year + self.compact + self.impossible

    @property
    def order(self) -> DateOrder | None:
        """The order that text cells prove; None where they prove none, or two."""
        proved = [o for o, n in ((DateOrder.DMY, self.dmy), (DateOrder.MDY, self.mdy)) if n]
        if len(proved) == 2 or (not proved and self.either):
            return None
        return proved[0] if proved else DateOrder.DMY if self.named else DateOrder.ISO

    @property
    def mangled(self) -> bool:
        """True dates with days up to 12 beside text with days above 12: the trace of another locale."""
        text = self.dmy + self.mdy
        alike = self.true > 0 and self.true == self.true_low and text > 0 and self.either == 0
        return alike and self.by_chance < _CHANCE

    @property
    def by_chance(self) -> float:
        """How often days of the month would fall so by chance: 12 of 30 days are 12 or less."""
        return 0.4**self.true * 0.6 ** (self.dmy + self.mdy)

    @property
    def mixed(self) -> bool:
        """True dates beside dates as text, which is how a file looks that was opened under two locales."""
        return self.true > 0 and self.dmy + self.mdy + self.either > 0

    def sentence(self) -> str:
        """Say it in words: `27 of 32 unambiguous day/month; 3 ambiguous; 0 impossible`."""
        ordered = self.dmy + self.mdy + self.either
        said: list[str] = []
        if self.true:
            said.append(f"{self.true} true date cell{'s' * (self.true > 1)}")
        if self.iso:
            said.append(f"{self.iso} ISO (year-month-day)")
        if ordered:
            word = "month/day" if self.mdy > self.dmy else "day/month"
            said.append(f"{max(self.dmy, self.mdy)} of {ordered} unambiguous {word}")
            if self.dmy and self.mdy:
                said.append(f"{min(self.dmy, self.mdy)} the other way round")
            said.append(f"{self.either} ambiguous")
        if self.named:
            said.append(f"{self.named} with the month's name")
        if self.partial:
            said.append(f"{self.partial} month or year alone")
        if self.short_year:
            said.append(f"{self.short_year} with a two-digit year")
        if self.compact:
            said.append(f"{self.compact} without separators (yyyymmdd)")
        said.append(f"{self.impossible} impossible")
        if self.other:
            said.append(f"{self.other} not a date")
        return "; ".join(said)


def judge(cells: Mapping[tuple[str, str | None], int]) -> Verdict:
    """Return the verdict on cells: (text, kind of cell) -> how many there are."""
    out = Verdict()
    for (text, kind), n in cells.items():
        name = "true" if kind == "d" else judge_text(text)
        setattr(out, name, getattr(out, name) + n)
        if kind == "d" and int(text[8:10] or 0) <= 12:
            out.true_low += n
    return out


def judge_text(text: str) -> str:
    """Return which count of a `Verdict` one text belongs to."""
    text = text.strip()
    iso, problem = read_date(text, DateOrder.ISO)
    if iso is not None:
        return "iso" if len(iso) == 10 else "partial" if len(iso) == 7 or 1900 <= int(iso) <= 2100 else "other"
    if problem == "impossible_date":
        return "impossible"
    if _COMPACT.fullmatch(text):
        return "compact" if read_date(f"{text[:4]}-{text[4:6]}-{text[6:]}", DateOrder.ISO)[0] else "other"
    if _SHORT_YEAR.fullmatch(text) or _SHORT_NAMED.fullmatch(text):
        return "short_year"
    day_first, month_first = read_date(text, DateOrder.DMY), read_date(text, DateOrder.MDY)
    if _NAMED.search(text) and day_first[0]:
        return "named" if len(day_first[0]) == 10 else "partial"
    if day_first[0] and month_first[0]:
        return "partial" if len(day_first[0]) < 10 else "either" if day_first[0] != month_first[0] else "dmy"
    if day_first[0]:
        return "dmy" if len(day_first[0]) == 10 else "partial"
    if month_first[0]:
        return "mdy" if len(month_first[0]) == 10 else "partial"
    year_first = read_date(text, DateOrder.YMD)[0]
    if year_first:
        return "iso" if len(year_first) == 10 else "partial"
    return "impossible" if _PARTS.fullmatch(text) and day_first[1] == "impossible_date" else "other"
