"""What the days of a syndrome are counted from: a milestone, each dose, or each day on which an item was so.

Out: occurrences, one row a day 0 of a subject,

    CENTRE USUBJID OCC  the subject, and the number of its day 0
    ANCHOR FROM         that day (null: not known when) and what it is in words
    END                 day of death
    SUMMARY             whether day 0 is a source's summary of a cycle, which has no date
    TRIGGER             null where it is not known whether this is a day 0 at all
    DOM SEQ VAR         its cell
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from chartline.derive.milestones import KEY, WORDS
from chartline.derive.syndrome_evidence import Charts, judged_values
from chartline.derive.syndrome_rules import LabValue, SyndromeRules
from chartline.protocol.base import Milestone


def occurrences_of(
    rules: SyndromeRules, counted_from: Sequence[Milestone], treated: pl.DataFrame, adex: pl.DataFrame, charts: Charts
) -> pl.LazyFrame:
    """Return the days 0 of every treated subject (columns above). `counted_from`: where the set counts from one."""
    end = treated.lazy().select(*KEY, pl.col("death").alias("END"))
    if rules.each in ("dose", "later_cycle"):
        doses = adex.lazy().filter(pl.col("ASTDT").is_not_null()).sort(*KEY, "ASTDT", "SEQ")
        if rules.each == "later_cycle":
            firsts = doses.group_by(*KEY, "CYCLE", maintain_order=True).agg(pl.col("ASTDT", "SEQ").first())
            doses = firsts.filter(pl.col("ASTDT") > pl.col("ASTDT").min().over(KEY))
        word = "dose" if rules.each == "dose" else "first dose of the cycle"
        rows = doses.select(
            *KEY, pl.col("ASTDT").alias("ANCHOR"), pl.lit(word).alias("FROM"), pl.lit(False).alias("SUMMARY"),
            pl.lit(True).alias("TRIGGER"), pl.lit("EX").alias("DOM"), "SEQ", pl.lit("EXSTDTC").alias("VAR"),
        )  # fmt: skip
    elif rules.each:
        rows = _days_of_item(rules, charts)
    else:
        rows = _milestone_days(counted_from, treated.lazy())
    numbered = rows.join(end, on=KEY).sort(*KEY, "ANCHOR", "SEQ", nulls_last=True)
    return numbered.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).over(KEY).alias("OCC"))


def _milestone_days(of: Sequence[Milestone], treated: pl.LazyFrame) -> pl.LazyFrame:
    """The first of the milestones that a subject has; one that happened without a date is day 0, not known when."""
    has = [pl.col(f"{m}_KNOWN").fill_null(False) for m in of]

    def first(values: list[pl.Expr]) -> pl.Expr:
        out: pl.Expr = pl.lit(None)
        for known, value in zip(reversed(has), reversed(values), strict=True):
            out = pl.when(known).then(value).otherwise(out)
        return out

    day = {m: pl.col(m) for m in of}
    return treated.filter(pl.any_horizontal(has)).select(
        *KEY,
        first([day[m] for m in of]).alias("ANCHOR"),
        first([pl.lit(WORDS[m]) for m in of]).alias("FROM"),
        pl.lit(False).alias("SUMMARY"),
        pl.lit(True).alias("TRIGGER"),
        pl.lit(None, pl.String).alias("DOM"),
        pl.lit(None, pl.Int64).alias("SEQ"),
        pl.lit(None, pl.String).alias("VAR"),
    )


def _days_of_item(rules: SyndromeRules, charts: Charts) -> pl.LazyFrame:
    """Every day on treatment on which the item is so, or may be so; a summary without a date is one of its own."""
    rows = _trigger_values(rules, charts).filter(pl.col("IS").fill_null(True))
    undated = pl.when(pl.col("ADT").is_null()).then("SEQ")
    days = rows.group_by(*KEY, "ADT", undated.alias("ALONE")).agg(
        pl.when(pl.col("IS").any()).then(True).first().alias("TRIGGER"),
        pl.col("SEQ").sort_by("IS", nulls_last=True).first(),
    )
    label = rules.items[rules.each].label
    return days.select(
        *KEY, pl.col("ADT").alias("ANCHOR"), pl.lit(label).alias("FROM"), pl.col("ADT").is_null().alias("SUMMARY"),
        "TRIGGER", pl.lit("LB").alias("DOM"), "SEQ", pl.lit("LBSTRESN").alias("VAR"),
    )  # fmt: skip


def _trigger_values(rules: SyndromeRules, charts: Charts) -> pl.LazyFrame:
    values = [e for e in rules.items[rules.each].any_of if isinstance(e, LabValue)]
    return pl.concat([judged_values(e, charts.adlb).filter(pl.col("ANL01FL") == "Y") for e in values])


def without_any_day(rules: SyndromeRules, treated: pl.DataFrame, charts: Charts) -> pl.LazyFrame:
    """Return KEY, ABSENT, WHY: what it means where a subject has no day 0 (false: not met; null: not assessable)."""
    who = treated.lazy().select(KEY)
    if rules.each == "later_cycle":
        return who.with_columns(ABSENT=pl.lit(False), WHY=pl.lit("no later cycle was begun"))
    if rules.each in ("", "dose"):
        return who.with_columns(ABSENT=pl.lit(None, pl.Boolean), WHY=pl.lit("not assessable: no day to count from"))
    label = rules.items[rules.each].label
    seen = _trigger_values(rules, charts).group_by(KEY).agg(pl.len().alias("N"))
    rows = who.join(seen, on=KEY, how="left", maintain_order="left")
    never = pl.format(f"not met: never {label} in {{}} values on treatment", "N")
    return rows.with_columns(
        pl.when(pl.col("N").is_not_null()).then(pl.lit(False)).alias("ABSENT"),
        never.fill_null(f"not assessable: not known: {label}").alias("WHY"),
    ).drop("N")
