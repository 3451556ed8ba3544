"""Rows for the levels of a category, and for bands of a number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chartline.counts.model import CrossTab
from chartline.protocol.names import levels_in_order
from chartline.results.model import Result
from chartline.stats.groups import NOBODY, group_of, groups_by, in_group, in_order, levels_of
from chartline.stats.kinds.source import Source

SHARE = "share of all patients of the set, those with a missing value included"


def estimate(source: Source, analysis: Any) -> Iterator[Result]:
    """Yield n and the share of each level, for everyone and by group."""
    order = levels_in_order(source.protocol, analysis.variable)
    table = source.table(analysis.id, CrossTab)
    yield from estimate_categories(table, analysis.id, analysis.label, analysis.by, order)


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
