"""What a kind of analysis is computed from: the counts of the study, its protocol, and the rows computed before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from chartline.counts.model import Counts
from chartline.results.model import Result

if TYPE_CHECKING:
    from chartline.protocol.model import Protocol

DAYS_PER_MONTH = 30.4375  # 365.25 / 12, as core/dates.py, which is left of the wall
FEW = 5  # an estimate resting on fewer patients at risk carries a warning (shared rule for mature data)
Table = TypeVar("Table")


@dataclass(frozen=True)
class Source:
    """`rows` are the results of the analyses declared before, by id of the analysis."""

    counts: Counts
    protocol: Protocol
    rows: Mapping[str, list[Result]] = field(default_factory=dict)

    def table(self, name: str, of: type[Table]) -> Table:
        """Return the counts of that name. Raises `KeyError` if they were not made, `TypeError` if of another type."""
        table = self.counts[name]
        if not isinstance(table, of):
            raise TypeError(f"{name} needs a {of.__name__}, not a {type(table).__name__}")
        return table


def months(days: float | None) -> float | None:
    """Return days as months; None stays None."""
    return None if days is None else days / DAYS_PER_MONTH
