"""What is captured: forms of items, and the records that a filled row of a form makes.

A `Capture` says the same for every way of writing it down: `workbook.py` makes sheets of it, `redcap.py` a data
dictionary, `reading.py` the mapping that reads either back.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Literal

from chartline.core.digest import digest_value

UnitOf = tuple[Literal["item", "constant"], str]  # the item that holds a unit, or the unit
ItemType = Literal["date", "number", "integer", "text", "choice"]


@dataclass(frozen=True)
class Choice:
    """One answer of a list: the term that the study reads, and the label that people see."""

    term: str
    label: str


@dataclass(frozen=True)
class Item:
    """One question. `name` is unique in the study and a valid name of a REDCap variable."""

    name: str
    label: str
    type: ItemType
    why: tuple[str, ...]
    help: str = ""
    unit: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[Choice, ...] = ()
    other: bool = False  # other words than those of the choices may be written
    required: bool = False
    partial: bool = False  # of a date: a month or a year alone will do
    bounds: bool = False  # of a number: "<5" and "5 to 10" may be written
    identifier: bool = False  # could tell who the patient is
    asked_if: tuple[str, tuple[str, ...]] | None = None  # only where that item has one of these terms

    @property
    def heading(self) -> str:
        """The heading of its column: label, unit, and a star where it is required."""
        unit = f" ({self.unit})" if self.unit else ""
        return " ".join(f"{self.label}{unit}{' *' if self.required else ''}".split())


@dataclass(frozen=True)
class Record:
    """A record of a domain that each row of a form makes: constants, and items by the variable they give."""

    domain: str
    constants: dict[str, str]
    items: dict[str, str]  # variable -> name of the item
    units: dict[str, UnitOf] = field(default_factory=dict)
    anchor: tuple[str, ...] = ()  # variables that make the record, where the usual ones of the domain do not fit


@dataclass(frozen=True)
class Form:
    """One sheet or instrument. `each` is what one row stands for, `when` at which time points it is filled."""

    name: str
    label: str
    each: str
    when: str
    repeats: bool
    items: tuple[Item, ...]
    records: tuple[Record, ...]
    of_centre: bool = False  # speaks of the centre and not of a patient

    def item(self, name: str) -> Item:
        return next(i for i in self.items if i.name == name)


@dataclass(frozen=True)
class Capture:
    """Everything that a study asks a centre to write down."""

    study: str
    title: str
    index: str  # what day 0 is, inside a sentence
    last_day: str  # the cut-off as ISO text, or blank
    forms: tuple[Form, ...]

    @property
    def digest(self) -> str:
        """Twelve digits that change with whatever is asked or how it is read back."""
        return digest_value(asdict(self))[:12]
