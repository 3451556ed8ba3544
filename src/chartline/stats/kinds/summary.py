"""Rows for a number: n, missing, mean, standard deviation, median, quartiles, range."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chartline.counts.model import Pattern, ValueTable
from chartline.results.model import Result
from chartline.stats.groups import NOBODY, group_of, groups_by, in_group, left_out
from chartline.stats.kinds.source import Source
from chartline.stats.values.summary import summarise

_METHODS = {
    "mean": "arithmetic mean",
    "sd": "standard deviation (n - 1)",
    "median": "median (quantile type {kind})",
    "q1": "lower quartile (quantile type {kind})",
    "q3": "upper quartile (quantile type {kind})",
    "min": "smallest value",
    "max": "largest value",
}


def estimate(source: Source, analysis: Any) -> Iterator[Result]:
    """Yield the statistics of a number, for everyone and by group."""
    table = source.table(analysis.id, ValueTable)
    yield from estimate_summary(table, analysis.id, analysis.label, analysis.by, analysis.quantile_type)


def estimate_summary(table: ValueTable, analysis: str, label: str, by: str | None, kind: int = 7) -> Iterator[Result]:
    """Yield the statistics of a number for everyone and by group; n have a value, N are all."""
    for pattern in ((), *groups_by(table, by)):
        yield from _rows(table, analysis, label, pattern, kind)


def _rows(table: ValueTable, analysis: str, label: str, pattern: Pattern, kind: int) -> Iterator[Result]:
    s = summarise(table.select(pattern), table.n_missing(pattern), kind)
    group = group_of(pattern)
    withheld, warnings = in_group(table.withheld, group)
    shared: dict[str, Any] = {
        "group": group, "n": s.n, "N": s.n + s.missing, "missing": s.missing, "withheld": withheld, "label": label,
        "warnings": left_out(s.missing, withheld, "without a value left out") + warnings,
    }  # fmt: skip
    yield Result(analysis, "n", s.n, unit="patients", is_count=True, **shared)
    yield Result(analysis, "missing", s.missing, unit="patients", is_count=True, **shared)
    for statistic, method in _METHODS.items():
        value = getattr(s, statistic)
        reason = "" if value is not None else _reason(s.n, s.missing)
        yield Result(
            analysis, statistic, value, unit=table.key.unit, method=method.format(kind=kind), reason=reason, **shared
        )


def _reason(n: int, missing: int) -> str:
    if n == 1:
        return "only one patient has a value"
    return "no patient has a value" if missing else NOBODY
