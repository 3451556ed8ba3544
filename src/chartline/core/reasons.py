"""The reason for a derived value: one row per source cell it rests on, with one English sentence.

Cohort and derive build their `trace` with `reason()`; `trace/` walks it back to the spreadsheet. A value
that rests on the *absence* of a row (never relapsed, no transfusion) has a reason too: its source columns
are null.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from chartline.core.plans import run

TRACE_SCHEMA: dict[str, pl.DataType] = {
    "CENTRE": pl.String(),
    "USUBJID": pl.String(),
    "ITEM": pl.String(),
    "VALUE": pl.String(),
    "BECAUSE": pl.String(),
    "SRCDOM": pl.String(),
    "SRCSEQ": pl.Int64(),
    "SRCVAR": pl.String(),
}

Text = str | pl.Expr


def _literal(text: Text | None) -> pl.Expr:
    return text if isinstance(text, pl.Expr) else pl.lit(text, dtype=pl.String)


def reason(
    frame: pl.DataFrame | pl.LazyFrame,
    item: Text,
    value: pl.Expr,
    because: Text,
    source: tuple[Text | None, pl.Expr | None, Text | None] = (None, None, None),
) -> pl.LazyFrame:
    """Return trace rows as a plan, one per row of `frame` (which has CENTRE and USUBJID).

    `source` is (domain, SEQ, variable); where SEQ is null the domain and variable are set null as well.
    """
    domain, seq, variable = source
    number = pl.lit(None, dtype=pl.Int64) if seq is None else seq.cast(pl.Int64)
    return frame.lazy().select(
        "CENTRE",
        "USUBJID",
        _literal(item).alias("ITEM"),
        value.cast(pl.String).alias("VALUE"),
        _literal(because).alias("BECAUSE"),
        pl.when(number.is_not_null()).then(_literal(domain)).alias("SRCDOM"),
        number.alias("SRCSEQ"),
        pl.when(number.is_not_null()).then(_literal(variable)).alias("SRCVAR"),
    )


def all_reasons(parts: Iterable[pl.LazyFrame]) -> pl.DataFrame:
    """Return the trace that `reason` planned, in that order."""
    return run(pl.concat([pl.LazyFrame(schema=TRACE_SCHEMA), *parts]))


def number_text(value: str | pl.Expr) -> pl.Expr:
    """Show a number as a person writes it: 104 and not 104.0, at most 6 significant digits, null stays
    null.
    """
    expr = pl.col(value) if isinstance(value, str) else value
    return expr.cast(pl.Float64).round_sig_figs(6).cast(pl.String).str.strip_suffix(".0")


def number_of(number: str | pl.Expr, one: str, many: str = "") -> pl.Expr:
    """Show a whole number with its noun: 1 dose, 2 doses; null stays null."""
    n = pl.col(number) if isinstance(number, str) else number
    noun = pl.when(n == 1).then(pl.lit(one)).otherwise(pl.lit(many or f"{one}s"))
    return pl.format("{} {}", n, noun)
