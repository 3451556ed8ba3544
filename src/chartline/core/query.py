"""A Query: one data problem, in words a centre can answer, with the cells it is about."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum


class Severity(StrEnum):
    """What an open query does to the study."""

    BLOCK = "block"  # the subject is withheld from every analysis that uses a touched topic, visibly
    WARN = "warn"  # asked, but the value is used as it stands
    NOTE = "note"  # handled by a declared rule; told, nothing is asked


class Topic(StrEnum):
    """What a blocking query can put in doubt. Derived variables declare which topics they rest on."""

    IDENTITY = "identity"
    ELIGIBILITY = "eligibility"
    BASELINE = "baseline"
    FIRST_DOSE = "first_dose"
    EXPOSURE = "exposure"
    RESPONSE = "response"  # whether there is a response at all (blasts, extramedullary disease, assessment dates)
    COUNTS = "counts"  # blood counts at response: CR against CRi only
    MRD = "mrd"
    TRANSPLANT = "transplant"
    NEW_THERAPY = "new_therapy"
    RELAPSE = "relapse"
    DEATH = "death"
    FOLLOW_UP = "follow_up"  # last known alive
    LIVER = "liver"  # liver chemistry and liver adverse events
    BLOOD_COUNTS = "blood_counts"  # graded blood counts after treatment
    ADVERSE_EVENTS = "adverse_events"


@dataclass(frozen=True)
class Query:
    """One question to one centre.

    `addresses` are the canonical places (`file!table!cell`) of every value in conflict, the one most in doubt
    first; `saw` quotes their contents. `id` is a hash of rule, subject and addresses, so the same data give the
    same ids.
    """

    rule: str
    severity: Severity
    centre: str
    subject: str  # "" where the problem is not one subject's (a column, a file)
    addresses: tuple[str, ...]
    saw: str  # "Relapse date 2020-06-10; first dose 2020-12-11"
    message: str  # what is wrong, one sentence
    ask: str  # what the centre is asked to do
    topics: frozenset[Topic] = field(default_factory=frozenset)
    confirmed: str = ""  # who said that the value is right as it stands, and when; "" while nobody has

    @property
    def id(self) -> str:
        text = "\x1f".join((self.rule, self.centre, self.subject, *self.addresses))
        return f"Q-{self.centre}-{hashlib.sha256(text.encode()).hexdigest()[:8].upper()}"

    @property
    def blocks(self) -> bool:
        return self.severity is Severity.BLOCK

    @property
    def asks(self) -> bool:
        """Whether a centre is asked anything; a note only tells."""
        return self.severity is not Severity.NOTE
