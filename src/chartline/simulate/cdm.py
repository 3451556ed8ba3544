"""The tables of the OMOP CDM 5.4 as they are written: every column of the specification, in its order and type.

In: the columns that somebody filled. Out: Polars frames of the whole table; a column nobody filled is null, a required
one is refused. Source: OHDSI Common Data Model 5.4, field-level specification (`vocabulary/omop_cdm.csv`).
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import polars as pl

VERSION = "5.4"
_TYPES: dict[str, pl.DataType] = {
    "integer": pl.Int64(),  # person ids and local concept ids need 64 bits
    "date": pl.Date(),
    "datetime": pl.Datetime("us"),
    "float": pl.Float64(),
    "text": pl.String(),
}


@cache
def columns_of(table: str) -> dict[str, tuple[pl.DataType, bool]]:
    """Return column -> (type, whether it is required) of a table of CDM 5.4, in the specification's order."""
    with (files("chartline") / "vocabulary" / "omop_cdm.csv").open(encoding="utf-8") as f:
        rows = [r for r in csv.DictReader(f) if r["table"] == table and VERSION in r["versions"].split()]
    return {r["column"]: (_TYPES[r["type"]], r["required"] == "Y") for r in rows}


def cdm_table(table: str, filled: Mapping[str, Any]) -> pl.DataFrame:
    """Return the whole table from the columns that are filled (arrays of one length).

    Raises `KeyError` for a column that the specification does not have or requires and does not get: a fault of ours.
    """
    columns = columns_of(table)
    odd = {*filled} - {*columns} | {c for c, (_, required) in columns.items() if required and c not in filled}
    if odd:
        raise KeyError(f"{table}: {', '.join(sorted(odd))}")
    frame = pl.DataFrame({c: filled[c] for c in columns if c in filled})
    return frame.select(
        (pl.col(c) if c in filled else pl.lit(None)).cast(kind).alias(c) for c, (kind, _) in columns.items()
    )


def cdm_rows(table: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Return the whole table from rows that each name the columns they fill."""
    columns = columns_of(table)
    names = [c for c in columns if any(c in r for r in rows)] if rows else list(columns)
    return cdm_table(table, {c: pl.Series(c, [r.get(c) for r in rows], dtype=columns[c][0]) for c in names})
