"""Findings about a whole column of dates of a centre, not about a patient.

In: the full dates of `Context.calendar`. Out: a Finding without a subject that shows the first cells it speaks of. Such
a finding blocks nobody: it says that days were perhaps filled in, not which.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from chartline.checks.dates import column_words
from chartline.checks.model import Cell, Finding
from chartline.checks.tallies import first_rows, with_lists

DATE = ["CENTRE", "DOMAIN", "VARIABLE"]
_SHOWN = 5


def columns_of(rows: pl.LazyFrame, **sums: pl.Expr) -> pl.LazyFrame:
    """Return of each column of dates N, how many there are, PATIENTS, and other sums."""
    patients = pl.col("USUBJID").n_unique().cast(pl.Int64).alias("PATIENTS")
    return rows.group_by(DATE).agg(pl.len().cast(pl.Int64).alias("N"), patients, **sums)


def first_dates(rows: pl.LazyFrame, by: Sequence[str] = DATE) -> pl.LazyFrame:
    """Return the first dates of each group: what a finding shows."""
    return first_rows(rows.select(*by, "BLOCK", "ROW", DAY="LO"), by, _SHOWN)


def with_dates(columns: pl.LazyFrame, first: pl.LazyFrame, by: Sequence[str] = DATE) -> pl.LazyFrame:
    """Return the columns with the lists BLOCK, ROW and DAY of their `first_dates`."""
    return with_lists(columns, first_rows(first, by, _SHOWN), by)


def column_finding(r: Mapping[str, Any], message: str) -> Finding:
    """Make a finding from one row with CENTRE, DOMAIN, VARIABLE and lists BLOCK, ROW and DAY (a date)."""
    at = zip(r["BLOCK"], r["ROW"], r["DAY"], strict=True)
    cells = tuple(Cell(r["DOMAIN"], r["VARIABLE"], block, row, str(day)) for block, row, day in at)
    return Finding(r["CENTRE"], "", cells, message)


def dates_of(r: Mapping[str, Any], n: int) -> str:
    """Return 'the 24 dates of doses': what the finding speaks of."""
    return f"the {n} {column_words(r['DOMAIN'], r['VARIABLE'])}"


def chance_words(p: float) -> str:
    """Return a probability as a reader takes it in: 'one time in 2,000'."""
    return f"one time in {round(1 / p):,}" if p > 1e-6 else "less than one time in a million"
