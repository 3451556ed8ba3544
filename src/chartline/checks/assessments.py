"""The findings of one assessment day, which may stand in several rows (marrow, blood, sites, response).

In: the rows of `Context.assessments`, grouped by subject and DAY. Out: expressions for one row a day.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from chartline.core.clinical import ranged, variables


def first_of_day(names: Iterable[str]) -> list[pl.Expr]:
    """Return, of each variable, the first value of the day and its cell: X, XBLOCK and XROW; of a number X_OP and X_HI
    as well."""
    return [
        pl.col(column)
        .filter(pl.col(name).is_not_null())
        .first()
        .alias(column if column.startswith(name) else name + column)
        for name in names
        for column in (name, *_signs(name), "BLOCK", "ROW")
    ]


def _signs(name: str) -> list[str]:
    signs = [f"{name}_OP"] if variables()["RS"][name].type == "number" else []
    return [*signs, f"{name}_HI"] if name in ranged() else signs
