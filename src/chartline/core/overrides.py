"""A reviewer's override: a value that a person set in place of a derived or recorded one, with who, when and why.

Only that is overridden of which every consequence can be derived again: the category of an assessment (best and first
response, MRD response, duration and the rest follow), the relapse (every time to event follows), and the attribution or
grade of one adverse event (the safety flags follow). A number at the end of a derivation is never set.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

ASSESSMENT, RELAPSE = "OVR", "RELDT"
EVENT_ITEMS = ("AEREL", "AETOXGR")
NO_RELAPSE = "none"


@dataclass(frozen=True)
class Override:
    """One line of overrides.csv. `item` is OVR, OVR_<variant>, RELDT, AEREL or AETOXGR."""

    subject: str
    item: str
    date: str  # of the assessment; of the adverse event as it is recorded; "" for RELDT
    term: str  # of the adverse event
    derived: str  # what the reviewer saw
    value: str
    by: str
    on: str
    reason: str
    line: int
    file: str
    rules: str = ""  # the rule set whose category it is; under another one it does not hold

    @property
    def where(self) -> str:
        """Return its address, as that of a cell."""
        return f"{self.file}!line {self.line}!value"

    @property
    def said(self) -> str:
        """Return `set by A. Reviewer on 2024-01-05: reason`."""
        return f"set by {self.by} on {self.on}: {self.reason}"


def overrides_of(overrides: Iterable[Override], *items: str) -> tuple[Override, ...]:
    """Return those of some items."""
    return tuple(o for o in overrides if o.item in items)
