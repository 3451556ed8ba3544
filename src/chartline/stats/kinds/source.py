"""What a kind of analysis is computed from: the counts of the study, its protocol, and the rows computed before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from chartline.counts.model import Counts
from chartline.protocol.names import adsl_types, level_label, levels_in_order
from chartline.results.model import Result
from chartline.stats.groups import in_order
from chartline.stats.lazy import lazy
from chartline.stats.statistic import NotEstimable

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

    @lazy
    def _types(self) -> dict[str, str]:
        return adsl_types(self.protocol)

    def is_number(self, variable: str) -> bool:
        """Return whether a variable is a number by its declaration, whatever its values look like."""
        return self._types[variable] == "number"

    def levels(self, variable: str, found: Iterable[str]) -> list[str]:
        """Return the levels that were found, as declared, then in the order of reports; missing ("") is none."""
        seen = set(found) - {""}
        return [x for x in in_order(seen, levels_in_order(self.protocol, variable)) if x in seen]

    def trend_over(self, variable: str, levels: Sequence[str], scores: Sequence[float] = ()) -> str:
        """Return the levels with their scores as a trend goes over them: "LOW 0, MID 1, HIGH 2".

        Raises `NotEstimable` where the levels have no order: none is declared and they are not numbers. The order of
        the alphabet is none.
        """
        declared = self.protocol.characteristics.get(variable)
        ordered = declared is not None and set(levels) <= {*declared.categories}
        if not ordered and not all(_is_number(level) for level in levels):
            raise NotEstimable(f"{variable} has no declared order of its levels (`categories`), so there is no trend")
        if scores and len(scores) != len(levels):
            raise NotEstimable(f"{len(scores)} scores are declared for {len(levels)} groups")
        numbers = scores or range(len(levels))
        named = (level_label(self.protocol, variable, level) for level in levels)
        return ", ".join(f"{name} {score:g}" for name, score in zip(named, numbers, strict=True))

    def against(self, variable: str, pair: Sequence[str]) -> str:
        """Return how a difference of two levels reads: "Refractory against Relapsed", the second against the first."""
        first, second = (level_label(self.protocol, variable, level) for level in pair)
        return f"{second} against {first}"

    def table(self, name: str, of: type[Table]) -> Table:
        """Return the counts of that name. Raises `KeyError` if they were not made, `TypeError` if of another type."""
        table = self.counts[name]
        if not isinstance(table, of):
            raise TypeError(f"{name} needs a {of.__name__}, not a {type(table).__name__}")
        return table


def _is_number(level: str) -> bool:
    try:
        float(level)
    except ValueError:
        return False
    return True


def months(days: float | None) -> float | None:
    """Return days as months; None stays None."""
    return None if days is None else days / DAYS_PER_MONTH
