"""The row of a number of patients."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chartline.counts.model import CrossTab
from chartline.results.model import Result
from chartline.stats.kinds.source import Source


def estimate(source: Source, analysis: Any) -> Iterator[Result]:
    """Yield n."""
    table = source.table(analysis.id, CrossTab)
    yield count(analysis.id, "n", table.where(outcome="counted"), analysis.label, withheld=table.withheld)


def count(analysis: str, statistic: str, n: int, label: str, group: str = "", withheld: int = 0) -> Result:
    """Return the row of a count of patients."""
    return Result(
        analysis, statistic, n, group=group, unit="patients", n=n, is_count=True, label=label, withheld=withheld
    )
