"""A finished run as the four formats read it. Small things are in memory; a derived table is read as it is needed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from chartline.errors import StudyError
from chartline.protocol.model import Protocol
from chartline.results.model import Results


class ExchangeError(StudyError):
    """A folder is not the out folder of a finished run, or holds what a format cannot say."""

    code = "exchange"
    exit_code = 10


@dataclass(frozen=True)
class DerivedTable:
    """One ADaM-named table: its Parquet files, in order, and the labels of its columns."""

    name: str  # "ADSL"
    files: tuple[Path, ...]
    labels: dict[str, str]

    @property
    def in_parts(self) -> bool:
        return len(self.files) != 1 or self.files[0].stem.lower() != self.name.lower()

    def scan(self) -> pl.LazyFrame:
        """Return the table, read as far as a query needs it."""
        return pl.scan_parquet(list(self.files), glob=False)


@dataclass(frozen=True)
class FinishedRun:
    """What an out folder holds."""

    folder: Path
    version: str  # of chartline, which made it
    protocol: Protocol
    protocol_digest: str
    data_digest: str
    results: Results
    headline: dict[str, dict[str, Any]]
    definitions: dict[str, Any]
    tables: dict[str, DerivedTable]
    smallest_cell: int  # the least number of patients that a result may show

    @property
    def study(self) -> str:
        return self.protocol.study.id

    @property
    def day_counting(self) -> tuple[str, ...]:
        """The centres whose dates are fictitious, because they count days."""
        return tuple(self.definitions.get("days_from", {}))
