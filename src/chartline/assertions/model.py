"""What an assertion is, what it compares in a study, and what it found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from chartline.counts.model import Counts
from chartline.derive.endpoint import Endpoint
from chartline.derive.model import Adam
from chartline.protocol.model import Protocol


@dataclass(frozen=True)
class Assertion:
    """An invariant: `sentence` says what holds, as a reader would check it.

    `of` says of what: of each subject's own rows, so that any part of the subjects can be judged alone, or of the
    counts of the whole study.
    """

    id: str
    sentence: str
    of: Literal["subject", "study"] = "subject"


@dataclass(frozen=True)
class Case:
    """One comparison of an assertion, named by what it is `on`.

    `rows` has USUBJID ("" on counts and curves), HOLDS (null: not known, so not compared) and NUMBERS, the two sides in
    words. Where the assertion does not apply, `why` says so and there are no rows.
    """

    on: str
    rows: pl.LazyFrame | None = None
    why: str = ""


@dataclass(frozen=True)
class Breach:
    """Whom an assertion does not hold for ("" on counts and curves), and the numbers that contradict each other."""

    subject: str
    numbers: str


@dataclass(frozen=True)
class Verdict:
    """What one comparison found: `n` were compared, `breaches` are those for whom it does not hold."""

    assertion: Assertion
    on: str
    verdict: Literal["held", "breached", "not applicable"]
    n: int = 0
    breaches: tuple[Breach, ...] = ()
    why: str = ""


@dataclass(frozen=True)
class Evidence:
    """What assertions read: the derived tables, the counts, and the endpoints with their shipped defaults."""

    adam: Adam
    counts: Counts
    protocol: Protocol
    endpoints: Mapping[str, Endpoint]

    def subjects(self) -> pl.LazyFrame:
        """Return ADSL of the eligible: whoever is not makes no number."""
        return self.adam["ADSL"].lazy().filter(pl.col("ELIGFL") == "Y")

    def times(self, code: str) -> pl.LazyFrame:
        """Return the rows of ADTTE of an endpoint."""
        return self.adam["ADTTE"].lazy().filter(pl.col("PARAMCD") == code)

    def pairs(self) -> Iterator[tuple[str, Endpoint, str, Endpoint]]:
        """Yield every ordered pair of endpoints (code, endpoint, code, endpoint)."""
        for a, first in self.endpoints.items():
            for b, second in self.endpoints.items():
                if a != b:
                    yield a, first, b, second

    def analyses(self, *kinds: str) -> list[Any]:
        """Return the analyses of these kinds that were counted."""
        return [a for a in self.protocol.analyses if a.kind in kinds and a.id in self.counts]

    def named(self, code: str) -> str:
        """Return an endpoint as readers see it."""
        return f"{self.endpoints[code].label} ({code})"


def ends(endpoint: Endpoint) -> frozenset[str]:
    """Return every milestone that ends a time, as an event or by censoring."""
    return frozenset(str(m) for m in (*endpoint.events, *endpoint.censor_at))


def dated_alike(a: Endpoint, b: Endpoint) -> bool:
    """Whether two endpoints date what they share alike, and both see a patient until last known alive.

    Not so where a relapse is moved to the middle of a gap, which an event of the other endpoint may lie within.
    """
    same = (a.last, a.partial_dates) == (b.last, b.partial_dates)
    return same and a.last == "last_alive" and "midpoint" not in (a.missed_assessments, b.missed_assessments)


def day(column: str) -> pl.Expr:
    """Return a date as text for NUMBERS."""
    return pl.col(column).cast(pl.String)
