"""Why a syndrome is met, not met or not assessable, as one sentence."""

from __future__ import annotations

import polars as pl

from chartline.derive.syndrome_rules import SyndromeRules


def sentence_of(rules: SyndromeRules) -> pl.Expr:
    """Return the sentence of a day 0; of one that is met, what comes after "met (by which pathway), ".

    Reads VERDICT, CAT, FROM, ANCHOR, ADT, SYNMISS, SYNSEV, and SHOWN, DENIED, BESIDE: the items that are so, that are
    not, and that are told beside the result, each with its cell in words.
    """
    from_ = pl.format("{} {}", "FROM", pl.col("ANCHOR").cast(pl.String).fill_null("without a date"))
    if rules.each:
        since = pl.format("{}: ", from_)
    else:
        since = pl.format("day {} from {}: ", (pl.col("ADT") - pl.col("ANCHOR")).dt.total_days(), from_).fill_null(
            pl.format("from {}: ", from_)
        )
    severity = pl.format("; severity: {}", "SYNSEV").fill_null("")
    beside = pl.when(pl.col("BESIDE") != "").then(pl.format("; beside it: {}", "BESIDE")).otherwise(pl.lit(""))
    met = pl.format("{}{}{}{}", since, "SHOWN", severity, beside)
    known = pl.when(pl.col("SHOWN") != "").then(pl.format("; so: {}", "SHOWN")).otherwise(pl.lit(""))
    denied = pl.when(pl.col("DENIED") != "").then(pl.format("; not so: {}", "DENIED")).otherwise(pl.lit(""))
    unknown = pl.format("not assessable, {}not known: {}{}{}", since, pl.col("SYNMISS"), known, denied)
    undone = pl.when(pl.col("DENIED") != "").then("DENIED").otherwise(pl.lit("no window was open"))
    return (
        pl.when("VERDICT").then(met).when(pl.col("VERDICT").is_null()).then(unknown)
        .otherwise(pl.format("not met, {}not so: {}", since, undone))
    )  # fmt: skip
