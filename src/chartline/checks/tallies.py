"""Tallies: how many patients, or records, have each value; what adds over patients, and the medians of it.

In: rows of some patients. Out: frames with a column N, of which those of parts of the patients together say what one of
all patients says (`added`), and the first rows of each group. A rule that looks at all patients gathers these and not
the rows: they stay small, however many patients there are.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from chartline.core.plans import run


def tally(rows: pl.LazyFrame, by: Sequence[str]) -> pl.LazyFrame:
    """Return how many rows, N, have each combination of the columns `by`."""
    return rows.group_by(by).agg(pl.len().cast(pl.Int64).alias("N"))


def added(tallies: pl.LazyFrame, by: Sequence[str], *sums: str) -> pl.LazyFrame:
    """Return the tallies of all parts together, in the order of `by`: N and other `sums` added."""
    return tallies.group_by(by).agg(pl.col("N", *sums).sum()).sort(by)


def medians(tallies: pl.LazyFrame, by: Sequence[str], value: str = "VALUE") -> pl.LazyFrame:
    """Return the median of `value`, weighted by N, and ALL, the sum of N, of each group, in the order of `by`. A
    missing value is left out. Of an even number it is the middle of the two middle ones (R: median)."""
    known = tallies.filter(pl.col(value).is_not_null()).sort(*by, value)
    upto = known.with_columns(pl.col("N").cum_sum().over(by).alias("UPTO"), pl.col("N").sum().over(by).alias("ALL"))
    low, high = (
        pl.col(value).filter(pl.col("UPTO") > at).first() for at in ((pl.col("ALL") - 1) // 2, pl.col("ALL") // 2)
    )
    return upto.group_by(by, maintain_order=True).agg((low + (high - low) / 2).alias(value), pl.col("ALL").first())


def median(tallies: pl.LazyFrame, value: str = "VALUE") -> float:
    """Return the median of all values of tallies, of which there is at least one."""
    one = medians(tallies.with_columns(pl.lit(0).alias("OF")), ["OF"], value)
    return float(run(one)[value][0])


def first_rows(rows: pl.LazyFrame, by: Sequence[str], n: int) -> pl.LazyFrame:
    """Return the first `n` rows of each group, in the order of their cells (BLOCK, ROW): those of parts of the patients
    together hold those of all."""
    return rows.sort("BLOCK", "ROW", maintain_order=True).group_by(by, maintain_order=True).head(n)


def with_lists(groups: pl.LazyFrame, rows: pl.LazyFrame, by: Sequence[str]) -> pl.LazyFrame:
    """Return the groups, in their order, with the other columns of their rows as lists; null where there is no row."""
    lists = rows.group_by(by, maintain_order=True).agg(pl.all())
    return groups.join(lists, on=by, how="left", nulls_equal=True, maintain_order="left")


def tally_true(rows: pl.LazyFrame, by: Sequence[str], flag: str) -> pl.LazyFrame:
    """Return how many rows, N, have each combination of the columns `by`, and under its name of how many `flag` is
    true."""
    return rows.group_by(by).agg(pl.col(flag).sum().cast(pl.Int64), pl.len().cast(pl.Int64).alias("N"))
