"""Rows of the width of an interval for planned numbers of patients; no data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chartline.results.model import Result
from chartline.stats.kinds.rows import Rows
from chartline.stats.kinds.source import Source
from chartline.stats.planning.precision import interval_precision, upper_bound_of_none


def estimate(source: Source, analysis: Any) -> Iterator[Result]:
    """Yield for each n the expected width, the interval at the expected count, and what no event would rule out."""
    for n in analysis.n:
        found = interval_precision(n, analysis.expected, method=analysis.interval, level=analysis.level)
        rows = Rows(analysis.id, analysis.label, f"N={n}", {"N": n, "unit": "proportion"})
        method = f"{analysis.interval.replace('_', '-').title()} interval, {analysis.expected:g} expected"
        yield rows.value("expected_width", found.width, f"Width expected over the binomial distribution; {method}")
        ends = (found.lower, found.upper)
        yield rows.value(
            "expected_interval", found.count / n, f"At the count expected; {method}", ends, n=found.count,
            level=analysis.level,
        )  # fmt: skip
        none = upper_bound_of_none(n, level=analysis.level)
        yield rows.value("upper_bound_of_none", none, "Rate that no event in n patients rules out (exact, two-sided)")
