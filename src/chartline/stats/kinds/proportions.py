"""Rows for proportions, for the levels of a category, and for bands of a number."""

from __future__ import annotations

from collections.abc import Iterator

from chartline.counts.model import CrossTab, Pattern
from chartline.results.model import Result
from chartline.stats.groups import NOBODY, group_of, groups_by, in_group, in_order, left_out, levels_of
from chartline.stats.proportions.proportion import INTERVALS, METHODS

LEVEL = 0.95
SHARE = "share of all patients of the set, those with a missing value included"


def estimate_proportion(table: CrossTab, analysis: str, label: str, by: str | None, interval: str) -> Iterator[Result]:
    """Yield n, the proportion with the declared interval, and beside it the other interval, for everyone and by group.

    The missing stay in the denominator and are not counted. `interval` is "clopper_pearson" or "wilson".
    """
    other = "wilson" if interval == "clopper_pearson" else "clopper_pearson"
    for pattern in ((), *groups_by(table, by)):
        yield _numerator(table, analysis, label, pattern)
        yield _proportion(table, analysis, label, pattern, "proportion", interval)
        yield _proportion(table, analysis, label, pattern, f"proportion_{other}", other)


def estimate_categories(
    table: CrossTab, analysis: str, label: str, by: str | None, order: tuple[str, ...] = ()
) -> Iterator[Result]:
    """Yield n and the proportion of each level, for everyone and by group; a missing value is the level ""."""
    variable = table.dims[0]
    levels = in_order(levels_of(table, variable), order)
    for pattern in ((), *groups_by(table, by)):
        cells = dict(pattern)
        total = table.where(**cells)
        missing = table.where(**cells, **{variable: ""})
        for level in levels:
            n = table.where(**cells, **{variable: level})
            group = group_of((*pattern, (variable, level)))
            yield from _level(table, analysis, label, group, n, total, missing, bool(pattern))


def estimate_bands(
    table: CrossTab, analysis: str, label: str, by: str | None, bands: tuple[str, ...]
) -> Iterator[Result]:
    """Yield n and the proportion in each band of a number, for everyone and by group. Bands may overlap."""
    variable = table.dims[0]
    for pattern in ((), *groups_by(table, by)):
        for band in bands:
            cells = {variable: band, **dict(pattern)}
            n, total = table.where(outcome="counted", **cells), table.where(**cells)
            group = group_of((*pattern, (variable, band)))
            missing = table.where(outcome="missing", **cells)
            yield from _level(table, analysis, label, group, n, total, missing, bool(pattern))


def _level(
    table: CrossTab, analysis: str, label: str, group: str, n: int, total: int, missing: int, part: bool
) -> Iterator[Result]:
    withheld, warnings = in_group(table.withheld, group if part else "")
    yield Result(
        analysis, "n", n, group=group, unit="patients", n=n, N=total, missing=missing, withheld=withheld,
        is_count=True, label=label, warnings=warnings,
    )  # fmt: skip
    yield Result(
        analysis, "proportion", n / total if total else None, group=group, unit="proportion", n=n, N=total,
        missing=missing, withheld=withheld, method=SHARE, label=label, reason="" if total else NOBODY,
        warnings=warnings,
    )  # fmt: skip


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
