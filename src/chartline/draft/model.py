"""What a draft is made of: proposals with their reasons, and the questions that are left.

A `Target` is what a column can mean: a variable of a domain, and the item it is about (`LB HB LBORRES`, `MH ECOG
MHORRES`). A `Proposal` is one target for one column, with a reason in words and a confidence from 0 to 1. Confidence
below `SURE` makes a question of it, and nothing reads the column until a person decides.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from chartline.core.clinical import variables
from chartline.draft.profile import Profile
from chartline.mapping.blocks import RANGE_VARIABLES
from chartline.mapping.words import tests

SURE = 0.6
EMPTY = "empty"  # why a column or table without a value is not read
WORDS_ALONE = 0.88  # most of a proposal that rests on words and on nothing else
# Items that are abbreviations or longer than their name, as a reader knows them.
_ITEMS = {
    "DIAGNOSIS": "Diagnosis",
    "PHENOTYPE": "Immunophenotype",
    "BCRABL1": "BCR::ABL1",
    "EMD": "Extramedullary disease before treatment",
    "EMD SITE": "Site of extramedullary disease",
    "KARYOTYPE": "Karyotype",
    "STATUS": "Disease status",
    "CR1DUR": "Duration of first remission",
    "LINES": "Number of earlier lines",
    "PRIOR HSCT": "Earlier transplantation",
    "PRIOR BLINATUMOMAB": "Earlier blinatumomab",
    "PRIOR LINE": "Earlier line",
    "BEFORE": "Transplantation before the index treatment",
    "AFTER": "Transplantation after the index treatment",
    "BILI_MGDL": "Bilirubin at VOD/SOS",
    "HEPATOMEG": "Hepatomegaly",
    "RUQPAIN": "Right upper quadrant pain",
    "WTGAIN": "Weight gain",
    "ASCITES": "Ascites",
    "DOPPLER": "Reversed portal flow",
    "DAYS_HSCT": "Days from transplantation to VOD/SOS",
    "DAYS_INO": "Days from the last dose to VOD/SOS",
    "SETTING": "Setting of VOD/SOS",
    "DEFIBROTIDE": "Defibrotide",
}
IDENTIFIER = "direct identifier"


class Target(NamedTuple):
    """A variable of a domain and the item it is about ("" where there is none)."""

    domain: str
    item: str
    variable: str

    @property
    def label(self) -> str:
        return " ".join(x for x in self if x)

    @property
    def said(self) -> str:
        """Return it in words, with chartline's names behind: `Date of birth [DM BRTHDTC]`."""
        known = RANGE_VARIABLES if self.domain == "RANGE" else variables()[self.domain]
        what = known[self.variable].label
        about = tests()[self.item][0] if self.item in tests() else _ITEMS.get(self.item, self.item)
        facts = ("MHORRES", "MHTERM", "FAORRES", "LBORRES")
        words = about if self.variable in facts and self.item not in ("", "PRIOR LINE") else what
        if self.item and words != about:
            words = f"{about}: {what[:1].lower()}{what[1:]}"
        return f"{words} [{self.label}]"

    @property
    def context(self) -> str:
        """What decides between equal words: the domain, and lines of therapy apart from the rest of the history."""
        return "MH PRIOR LINE" if (self.domain, self.item) == ("MH", "PRIOR LINE") else self.domain


@dataclass
class Proposal:
    """One meaning of one column. `rows` says which rows it is about where a table holds several kinds."""

    target: Target
    confidence: float
    reason: str
    rows: str = ""

    @property
    def sure(self) -> bool:
        return self.confidence >= SURE


@dataclass
class Word:
    """One value of a coded column: the term proposed for it, or "" where that is a question."""

    word: str
    count: int
    term: str
    confidence: float
    reason: str
    label: str = ""  # what the data dictionary calls it

    @property
    def sure(self) -> bool:
        return bool(self.term) and self.confidence >= SURE


@dataclass
class Coded:
    """The words of one column and what they are proposed to mean."""

    table: str
    column: str
    target: Target
    words: list[Word]


@dataclass
class Unit:
    """The unit proposed for a number; "" where that is a question."""

    unit: str
    confidence: float
    reason: str


@dataclass
class Column:
    """One column as a reviewer meets it. `role`: value, subject, selector, ignored or open."""

    table: str
    name: str
    place: str
    heading: str
    profile: Profile
    role: str = "open"
    proposals: list[Proposal] = field(default_factory=list)
    reason: str = ""
    confidence: float = 0.0
    unit: Unit | None = None
    verdict: str = ""

    @property
    def samples(self) -> list[str]:
        """Values to show a reviewer; none of a column that names people."""
        return ["not shown"] if self.reason.startswith(IDENTIFIER) else self.profile.samples

    def ignore(self, reason: str, confidence: float) -> None:
        self.role, self.reason, self.confidence, self.proposals = "ignored", reason, confidence, []


@dataclass
class Question:
    """Something that a person must decide before signing."""

    table: str
    column: str
    text: str
    proposal: str = ""


@dataclass
class Draft:
    """A proposed mapping (plain data, as its YAML holds it) and everything a reviewer needs beside it."""

    centre: str
    mapping: dict[str, Any]
    columns: list[Column] = field(default_factory=list)
    coded: list[Coded] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)  # place, what a reader saw or could not read
    layout: list[tuple[str, str]] = field(default_factory=list)  # table, what was recognised of how it is laid out
    unused: dict[str, str] = field(default_factory=dict)  # table -> why nothing of it is read
    dates: str = ""  # the verdict over all date columns of the centre

    def saw(self, table: str, text: str) -> None:
        """Note how a table is laid out: its headings, groups of columns, rows that are no data."""
        self.layout.append((table, text))

    def ask(self, table: str, column: str, text: str, proposal: str = "") -> None:
        self.questions.append(Question(table, column, text, proposal))
