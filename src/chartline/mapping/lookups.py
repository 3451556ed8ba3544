"""Cells that are keys into other tables. In: a centre's tables, the look-ups of its mapping. Out: key -> value.

A look-up may lead on from table to table; a key that leads nowhere on the way has no value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import polars as pl

from chartline.errors import MappingError
from chartline.mapping.model import Lookup, Match

if TYPE_CHECKING:
    from chartline.mapping.views import TableView

Where = tuple[tuple[str, object], ...]  # column, test
Step = tuple[str, str, str, Where]  # table, key column, value column, its rows
Steps = tuple[Step, ...]
Lookups = dict[Steps, dict[str, str]]


def steps_of(lookup: Lookup | tuple[Lookup, ...]) -> Steps:
    """Return the steps of a declared look-up, in order."""
    path = lookup if isinstance(lookup, tuple) else (lookup,)
    return tuple((one.table, one.key, one.value, tuple(one.where.items())) for one in path)


def steps_of_test(test: object) -> Steps | None:
    """Return the steps of the look-up in a test of `where`; None where the test is of the cell itself."""
    return steps_of(test.lookup) if isinstance(test, Match) and test.lookup is not None else None


def read_lookups(views: Mapping[str, TableView], asked: Iterable[Steps]) -> Lookups:
    """Return key -> value of each look-up; a key that leads to two values is a fault of the file."""
    return {steps: read_lookup(views, steps) for steps in set(asked)}


def read_lookup(views: Mapping[str, TableView], steps: Steps) -> dict[str, str]:
    """Return key -> value of one look-up. A table that may be absent, and is, leads nowhere."""
    first, *others = (_read_step(views, step) for step in steps)
    for values in others:
        first = {key: values[value] for key, value in first.items() if value in values}
    return first


def _read_step(views: Mapping[str, TableView], step: Step) -> dict[str, str]:
    table, key, value, where = step
    if table not in views:
        return {}
    pairs = pl.DataFrame({"k": views[table].text(key), "v": views[table].text(value)})
    pairs = pairs.filter(views[table].holds(where)).drop_nulls().unique()
    twice = pairs.filter(pl.col("k").is_duplicated())["k"].to_list()
    if twice:
        raise MappingError(
            f"`{twice[0]}` stands for two values of `{value}`.",
            where=f"{views[table].table.sheet}, column {key}",
            expected="a look-up key leads to one value",
            do="ask the centre which row is right",
        )
    return dict(zip(pairs["k"].to_list(), pairs["v"].to_list(), strict=True))
