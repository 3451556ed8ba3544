"""What the quality report is written from: whole numbers by centre, and no patient.

Every number is a share `n` of `of` (patients, records, dates, person-days) or a median with how many it is of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from chartline.protocol.model import Protocol


@dataclass(frozen=True)
class Share:
    """`n` of `of`. `whom` says what is counted; shares of patients are subject to the rule of small cells."""

    n: int
    of: int

    @property
    def value(self) -> float | None:
        return self.n / self.of if self.of else None

    @staticmethod
    def sum(shares: Iterable[Share]) -> Share:
        each = tuple(shares)
        return Share(sum(s.n for s in each), sum(s.of for s in each))


@dataclass(frozen=True)
class Median:
    """A median in days with its quartiles, of `of` patients; None where there are none."""

    of: int
    days: float | None = None
    lower: float | None = None
    upper: float | None = None


@dataclass(frozen=True)
class Need:
    """Something that the protocol needs of each patient or record, and how often it is there, by centre."""

    group: str
    label: str
    of: str  # "patients", "doses", "adverse events": what the shares are of
    shares: Mapping[str, Share]

    @property
    def everyone(self) -> Share:
        return Share.sum(self.shares.values())


@dataclass(frozen=True)
class QueryCount:
    """How many queries one rule raised at each centre, and how many of them are open; notes are not counted."""

    kind: str
    rule: str
    sentence: str
    raised: Mapping[str, int]
    open: Mapping[str, int]


@dataclass(frozen=True)
class Quality:
    """The quality of a study's data. Mappings are by centre id, and have every centre of the protocol."""

    protocol: Protocol
    protocol_digest: str
    data_digest: str
    version: str
    labels: Mapping[str, str]  # centre -> label, in the protocol's order
    screened: Mapping[str, int]
    eligible: Mapping[str, int]
    needs: tuple[Need, ...]
    queries: tuple[QueryCount, ...]
    dates: Mapping[str, Share]  # known to the day, of all dates
    dates_by_variable: tuple[Need, ...]
    follow_up: Mapping[str, Share]  # person-days observed of those possible
    followed: str  # the endpoint whose follow-up it is; "" for none
    delay: Mapping[str, Median]

    @property
    def centres(self) -> tuple[str, ...]:
        return tuple(self.labels)

    @property
    def complete(self) -> dict[str, Share]:
        """By centre, all that is there of all that is needed."""
        return {c: Share.sum(n.shares[c] for n in self.needs) for c in self.centres}

    def raised(self, centre: str) -> int:
        return sum(q.raised[centre] for q in self.queries)

    def open(self, centre: str) -> int:
        return sum(q.open[centre] for q in self.queries)
