"""Rule, Group, Scope, Finding and Cell: what a check declares, and what it hands to the engine.

In: nothing. Out: the small types every module of `checks/rules/` is written in. A rule finds and says;
it never changes a value, never decides which of two values is right, and never raises for a data problem.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import polars as pl

from chartline.core.query import Severity, Topic

# What a rule of scope STUDY gathered, by names of its own: of parts of the subjects, the rows of one name together.
Seen = Mapping[str, pl.LazyFrame]


class Group(StrEnum):
    """What a rule is about; the register (`docs/checks.md`) has one table a group, in this order."""

    DATES = "Dates"
    IDENTITY = "Identity and statements"
    TREATMENT = "Treatment"
    RESPONSE = "Response"
    LABORATORY = "Laboratory"
    TOXICITY = "Toxicity"
    COMPLETENESS = "Completeness"
    CENTRES = "Between centres"
    OWN = "Rules of the study"


class Scope(StrEnum):
    """How far a rule looks for one finding.

    A rule of scope SUBJECT finds the same whatever other subjects there are, so it may be run on any part of them (a
    partition of a large study); one of scope STUDY holds subjects or centres against each other, or asks a centre once
    for all of its patients. It gathers what it must know of each part, and finds in what was gathered of all of them.
    """

    SUBJECT = "subject"
    STUDY = "study"


@dataclass(frozen=True)
class Rule:
    """One data check, as people read it.

    `sentence` says what must hold in sound data; `asks` what the centre is asked when it does not; `severity` and
    `topics` are those of a finding that states none of its own. `parameters` are the thresholds that a protocol
    may change (`checks: {<id>: {<parameter>: value}}`), with their defaults. `scope` says whether the records of one
    subject are all that it looks at.
    """

    id: str
    group: Group
    sentence: str
    severity: Severity
    topics: frozenset[Topic]
    asks: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    scope: Scope = Scope.SUBJECT


@dataclass(frozen=True)
class Cell:
    """One value in doubt: where it is (domain, variable, mapping block, source row) and how chartline reads it."""

    domain: str
    variable: str
    block: int
    row: int
    value: object = None
    label: str = ""  # instead of the variable's own label, e.g. the laboratory test
    unit: str = ""


@dataclass(frozen=True)
class Finding:
    """One breach of a rule: whose, in which cells (the one most in doubt first), in one sentence."""

    centre: str
    subject: str
    cells: tuple[Cell, ...]
    message: str
    asks: str = ""
    severity: Severity | None = None
    topics: frozenset[Topic] | None = None


def cell(
    record: Mapping[str, Any], domain: str, variable: str, suffix: str = "", *, label: str = "", unit: str = ""
) -> Cell:
    """Make a Cell from one row of a rule's frame, whose columns are VALUE, BLOCK and ROW (with `suffix`)."""
    block, row, value = (record[f"{name}{suffix}"] for name in ("BLOCK", "ROW", "VALUE"))
    return Cell(domain, variable, block, row, value, label, unit)
