"""Assessments on treatment are dated after the first dose, after the first dose of their cycle, and in order.

An assessment that the source counts as on treatment and dates before day 0, one after cycle 2 that is dated before
cycle 2 was begun, and one after cycle 2 that is dated before the one after cycle 1: a slip of the date, or the wrong
cycle. Cycles are those the source recorded. Compared by the days that partial dates can mean.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl

from chartline.checks.context import SUBJECT, Context
from chartline.checks.dates import likely_slip
from chartline.checks.model import Cell, Finding, Group, Rule, cell
from chartline.core.dates import first_day, last_day
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="assessment_order",
    group=Group.DATES,
    sentence="Assessments on treatment are dated after the first dose of their cycle, in the order of the cycles.",
    severity=Severity.WARN,
    topics=frozenset({Topic.RESPONSE}),
    asks="Please check the date of the assessment (day, month and year) and the cycle it belongs to.",
)
_SHOWN = 5


def find(context: Context) -> list[Finding]:
    """Return one finding a subject whose assessments are out of order; the first of them is said."""
    marrows = _marrows(context)
    zero = context.first_dose.lazy().select(*SUBJECT, pl.col("LO").alias("ZERO"))
    cycles = (
        context.doses.filter(pl.col("EXSTDTC").str.len_chars() == 10)
        .group_by(*SUBJECT, pl.col("EXCYCLE").alias("RSCYCLE"))
        .agg(first_day("EXSTDTC").min().alias("BEGUN"))
    )
    earlier = pl.col("LO").shift(1).cum_max().over(SUBJECT)
    rows = (
        marrows.join(zero, on=SUBJECT, how="left", maintain_order="left")
        .join(cycles, on=[*SUBJECT, "RSCYCLE"], how="left", maintain_order="left")
        .sort(*SUBJECT, "RSCYCLE", nulls_last=True, maintain_order=True)
        .with_columns(pl.when(pl.col("RSCYCLE").is_not_null()).then(earlier).alias("EARLIER"))
    )
    why = (
        pl.when(pl.col("HI") < pl.col("ZERO"))
        .then(pl.lit("zero"))
        .when(pl.col("HI") < pl.col("BEGUN"))
        .then(pl.lit("cycle"))
        .when(pl.col("HI") < pl.col("EARLIER"))
        .then(pl.lit("order"))
    )
    since = pl.max_horizontal("ZERO", "BEGUN", "EARLIER")
    odd = rows.with_columns(why.alias("WHY"), since.alias("SINCE")).filter(pl.col("WHY").is_not_null())
    subjects = run(odd).partition_by(SUBJECT, maintain_order=True)
    return [_finding(context, s.to_dicts()) for s in subjects]


def _marrows(context: Context) -> pl.LazyFrame:
    """The first assessment of each subject and cycle on treatment (all of those without a cycle)."""
    rows = context.assessments.lazy().filter("ON").filter(pl.col("RSDTC").is_not_null())
    dated = rows.select(
        *SUBJECT, "RSCYCLE", "VALUE", "BLOCK", "ROW", first_day("VALUE").alias("LO"), last_day("VALUE").alias("HI")
    )
    return dated.sort("LO", maintain_order=True).filter(
        pl.col("RSCYCLE").is_null() | pl.struct(*SUBJECT, "RSCYCLE").is_first_distinct()
    )


def _finding(context: Context, rows: list[dict[str, Any]]) -> Finding:
    r = rows[0]
    event = context.protocol.index_rows.event
    which = f"The assessment after cycle {r['RSCYCLE']}" if r["RSCYCLE"] is not None else "An assessment on treatment"
    why = {
        "zero": f"before the {event} ({r['ZERO']})",
        "cycle": f"before cycle {r['RSCYCLE']} was begun ({r['BEGUN']})",
        "order": f"before the assessment of an earlier cycle ({r['EARLIER']})",
    }[str(r["WHY"])]
    since = r["SINCE"]
    assert isinstance(since, dt.date)
    slip = likely_slip(str(r["VALUE"]), since, since + dt.timedelta(days=60))
    more = f" So are {len(rows) - 1} more." if len(rows) > 2 else " So is one more." if len(rows) == 2 else ""
    message = f"{which} is dated {r['VALUE']}, {why}.{more} {slip}".rstrip()
    cells: list[Cell] = [cell(one, "RS", "RSDTC") for one in rows[:_SHOWN]]
    if r["WHY"] == "zero":
        cells += _zero(context, r)
    return Finding(str(r["CENTRE"]), str(r["USUBJID"]), tuple(cells), message)


def _zero(context: Context, r: dict[str, Any]) -> list[Cell]:
    mine = (pl.col("CENTRE") == r["CENTRE"]) & (pl.col("USUBJID") == r["USUBJID"])
    return [context.day_zero(d) for d in context.first_dose.filter(mine).to_dicts()]
