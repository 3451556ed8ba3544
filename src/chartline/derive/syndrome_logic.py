"""Requirements of a syndrome in Kleene's three-valued logic, as expressions over the items of a day 0.

An item is a column that is true, false or null (not known). What can no longer be reached whatever the unknown items
are is not met; what is reached already is met; everything else is not assessable. So knowing less never turns met
into not met, nor the reverse.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from chartline.derive.syndrome_rules import AllOf, AtLeast, Requirement, parts_of

_NO_DAY = pl.lit(None, dtype=pl.Date)


def truth_of(requirement: Requirement, items: Mapping[str, pl.Expr]) -> pl.Expr:
    """Return whether a requirement holds (null: not assessable). `items`: name -> whether it is so."""
    if isinstance(requirement, str):
        return items[requirement]
    parts = [truth_of(part, items) for part in parts_of(requirement)]
    if isinstance(requirement, AllOf):
        return pl.all_horizontal(parts) if parts else pl.lit(True)
    if isinstance(requirement, AtLeast):
        return at_least(requirement.at_least, parts)
    return ~pl.any_horizontal(parts)


def at_least(k: int, parts: list[pl.Expr]) -> pl.Expr:
    """Return whether at least k of the parts are true."""
    sure = pl.sum_horizontal([p.fill_null(False).cast(pl.Int32) for p in parts])
    possible = pl.sum_horizontal([p.fill_null(True).cast(pl.Int32) for p in parts])
    return pl.when(sure >= k).then(True).when(possible < k).then(pl.lit(False))


def day_of(requirement: Requirement, items: Mapping[str, pl.Expr], days: Mapping[str, pl.Expr]) -> pl.Expr:
    """Return the first day on which a requirement that holds was met: when the last of what it needs was so.

    `days`: name -> the first day on which the item was so. What must not be so has no day.
    """
    if isinstance(requirement, str):
        return pl.when(items[requirement]).then(days[requirement])
    parts = [pl.when(truth_of(p, items)).then(day_of(p, items, days)) for p in parts_of(requirement)]
    if isinstance(requirement, AllOf) and parts:
        return pl.max_horizontal(parts)
    if isinstance(requirement, AtLeast):
        return pl.concat_list(parts).list.drop_nulls().list.sort().list.get(requirement.at_least - 1, null_on_oob=True)
    return _NO_DAY
