"""Rows for a proportion: n, the declared interval, and beside it the exact and the score interval."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chartline.counts.model import CrossTab, Pattern
from chartline.results.model import Result
from chartline.stats.groups import NOBODY, group_of, groups_by, in_group, left_out
from chartline.stats.kinds.source import Source
from chartline.stats.proportions.proportion import INTERVALS, METHODS

LEVEL = 0.95
_ALWAYS = ("clopper_pearson", "wilson")


def estimate(source: Source, analysis: Any) -> Iterator[Result]:
    """Yield n, the proportion with the declared interval, and beside it the other intervals, for everyone and by group.

    The missing stay in the denominator and are not counted.
    """
    table = source.table(analysis.id, CrossTab)
    yield from estimate_proportion(table, analysis.id, analysis.label, analysis.by, analysis.interval)


def estimate_proportion(table: CrossTab, analysis: str, label: str, by: str | None, interval: str) -> Iterator[Result]:
    """As `estimate`, of a table."""
    for pattern in ((), *groups_by(table, by)):
        yield _numerator(table, analysis, label, pattern)
        yield _proportion(table, analysis, label, pattern, "proportion", interval)
        for other in _ALWAYS:
            if other != interval:
                yield _proportion(table, analysis, label, pattern, f"proportion_{other}", other)


def _numerator(table: CrossTab, analysis: str, label: str, pattern: Pattern) -> Result:
    n, total, missing, withheld, warnings = _denominator(table, pattern)
    return Result(
        analysis, "n", n, group=group_of(pattern), unit="patients", n=n, N=total, missing=missing,
        withheld=withheld, is_count=True, label=label, warnings=warnings,
    )  # fmt: skip


def _proportion(table: CrossTab, analysis: str, label: str, pattern: Pattern, statistic: str, interval: str) -> Result:
    n, total, missing, withheld, warnings = _denominator(table, pattern)
    ends = INTERVALS[interval](n, total, LEVEL) if total else None
    return Result(
        analysis, statistic, n / total if total else None, group=group_of(pattern),
        lower=ends.lower if ends else None, upper=ends.upper if ends else None, level=LEVEL, unit="proportion",
        n=n, N=total, missing=missing, withheld=withheld, method=METHODS[interval], label=label,
        reason="" if total else NOBODY, warnings=warnings,
    )  # fmt: skip


def _denominator(table: CrossTab, pattern: Pattern) -> tuple[int, int, int, int, tuple[str, ...]]:
    cells = dict(pattern)
    n, total = table.where(outcome="counted", **cells), table.where(**cells)
    missing = table.where(outcome="missing", **cells)
    withheld, warnings = in_group(table.withheld, group_of(pattern))
    what = "cannot be judged: in the denominator, not in the numerator"
    return n, total, missing, withheld, left_out(missing, withheld, what) + warnings
