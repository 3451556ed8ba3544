"""A cut, and the difference of two: plain values that the three writers print.

A cut is the out folder of a finished run. A difference names the cells, the patients and the numbers; it decides
nothing about which of two values is right.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from chartline.derive.model import Adam
from chartline.errors import StudyError
from chartline.protocol.model import Protocol


class CutError(StudyError):
    """A folder is not the out folder of a finished run, or two cuts are not of one study."""

    code = "cut"
    exit_code = 10


@dataclass(frozen=True)
class Cut:
    """What one run left."""

    folder: Path
    version: str
    study: str
    protocol_digest: str
    data_digest: str
    inputs: dict[str, str]  # file -> sha256
    protocol: Protocol
    headline: dict[str, dict[str, Any]]
    labels: dict[str, str]  # ADSL.BOR -> "Best response"
    charted: pl.DataFrame  # every mapped value with its cell (trace/charted.py)
    trace: pl.DataFrame
    adam: Adam
    queries: dict[str, dict[str, str]]  # id -> the row of queries.csv

    @property
    def name(self) -> str:
        return self.folder.name


@dataclass(frozen=True)
class Declared:
    """One key of the protocol, an input file, or the version, in both cuts; None where there is none."""

    kind: str  # version, protocol, file
    name: str
    old: str | None
    new: str | None


@dataclass(frozen=True)
class PatientChange:
    """A patient who is new, gone, or whose eligibility changed."""

    centre: str
    subject: str
    what: str  # new, gone, eligibility
    old: str
    new: str


@dataclass(frozen=True)
class ValueChange:
    """One value of a chart that was added, changed or removed."""

    centre: str
    subject: str
    domain: str
    record: str  # "Laboratory: Haemoglobin, 2021-03-04"
    record_is: str  # added, changed, removed
    variable: str
    label: str
    what: str  # added, changed, removed
    old: str | None
    new: str | None
    old_place: str | None
    new_place: str | None
    reread: bool  # the cell says the same, but it is read otherwise (another mapping, or another answer)


@dataclass(frozen=True)
class DerivedChange:
    """A derived value of a patient of both cuts that is another now, with the reason now."""

    centre: str
    subject: str
    item: str
    label: str
    old: str | None
    new: str | None
    because: str


@dataclass(frozen=True)
class Mover:
    """A patient who is counted otherwise in a number, and the number with this patient as in the old cut.

    `without` is None where it could not be computed. `moved` is whether the number is another without the change.
    """

    centre: str
    subject: str
    old: str  # how the patient stood: "event on day 83"; "not in it"
    new: str
    because: str
    without: str | None
    moved: bool | None


@dataclass(frozen=True)
class NumberChange:
    """A headline number in both cuts; `old` or `new` is None where a cut has no such number."""

    key: str
    label: str
    old: str | None
    new: str | None
    moved: bool
    movers: tuple[Mover, ...]  # who is counted otherwise; without effect on the number as well
    note: str = ""


@dataclass(frozen=True)
class QueryChange:
    """A query that was opened or closed."""

    centre: str
    subject: str
    id: str
    what: str  # opened, closed
    message: str


@dataclass(frozen=True)
class Difference:
    """All that is different between two cuts."""

    old: Cut
    new: Cut
    declared: tuple[Declared, ...]
    patients: tuple[PatientChange, ...]
    values: tuple[ValueChange, ...]
    derived: tuple[DerivedChange, ...]
    numbers: tuple[NumberChange, ...]
    queries: tuple[QueryChange, ...]

    @property
    def nothing(self) -> bool:
        """Whether the two cuts say the same of every patient and every number."""
        parts = (self.declared, self.patients, self.values, self.derived, self.queries)
        return not any(parts) and not any(n.moved for n in self.numbers)
