"""Results: tidy Analysis Results Data, one statistic a row, typed and unrounded.

Formatting happens in the report only. A statistic that cannot be computed is a row with `value` None and the reason;
no column can hold a subject.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Result:
    """One number. Key: (analysis, group, statistic, at)."""

    analysis: str  # id of the analysis in the protocol, e.g. "os"
    statistic: str  # "proportion", "median", "survival", "n_risk", "mean", "n", ...
    value: float | None
    group: str = ""  # "" everyone; "SITEID=A" a subgroup; "TERM=ALT;GRADE=3" a cell
    at: float | None = None  # the time (in `at_unit`) or quantile it belongs to
    at_unit: str = ""
    lower: float | None = None
    upper: float | None = None
    level: float | None = None  # confidence level of lower and upper
    unit: str = ""  # "proportion", "months", "patients", ...
    n: int | None = None  # numerator; of a median, events; of survival at a landmark, patients still at risk
    N: int | None = None  # denominator, or number of subjects
    missing: int = 0  # subjects of the denominator with no value
    withheld: int = 0  # subjects left out by an open blocking query
    method: str = ""  # "Kaplan-Meier, log-log interval (Greenwood)"; "" only for counts
    is_count: bool = False  # a count of people, to be protected as such
    label: str = ""
    reason: str = ""  # why value is None
    warnings: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """`analysis/group/statistic@at`, empty parts left out."""
        parts = [self.analysis, *([self.group] if self.group else []), self.statistic]
        return "/".join(parts) + (f"@{self.at:g}" if self.at is not None else "")

    @property
    def title(self) -> str:
        """The number's name as a reader sees it: "Overall survival at 12 months", "Median follow-up"."""
        label = self.label or self.analysis
        if self.at is not None and self.at_unit == "months":
            return f"{label} at {self.at:g} months"
        if self.statistic == "median" and not label.lower().startswith("median"):
            return f"Median {label if label[:2].isupper() else label[:1].lower() + label[1:]}"
        return label

    def __post_init__(self) -> None:
        if self.value is None and not self.reason:
            raise ValueError(f"{self.id} has neither a value nor a reason")
        if not self.is_count and not self.method:
            raise ValueError(f"{self.id} has no method and is not a count")


RESULT_COLUMNS = ("result_id", *(f.name for f in fields(Result)), "protocol_digest", "data_digest")


class Results:
    """All results of a run, in order; a key occurs once."""

    def __init__(self, rows: Iterable[Result], protocol_digest: str, data_digest: str) -> None:
        self.protocol_digest, self.data_digest = protocol_digest, data_digest
        self._rows: dict[str, Result] = {}
        for row in rows:
            if row.id in self._rows:
                raise ValueError(f"two results have the id {row.id}")
            self._rows[row.id] = row

    def __iter__(self) -> Iterator[Result]:
        return iter(self._rows.values())

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, result_id: str) -> Result:
        return self._rows[result_id]

    def get(self, analysis: str, statistic: str, at: float | None = None, group: str = "") -> Result | None:
        """Return one result, or None."""
        for r in self._rows.values():
            if (r.analysis, r.statistic, r.at, r.group) == (analysis, statistic, at, group):
                return r
        return None

    def of(self, analysis: str) -> list[Result]:
        """Return every result of one analysis, in order."""
        return [r for r in self._rows.values() if r.analysis == analysis]
