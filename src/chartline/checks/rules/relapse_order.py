"""A relapse comes after the first dose and after the first response.

A relapse that is recorded *before* either is a slip of the date (often of the year), or the relapse for which the
treatment was given. Compared by the days a partial date can mean. The first response is the earliest on-treatment
assessment that the treating team called a response.
"""

from __future__ import annotations

import datetime as dt

import polars as pl

from chartline.checks.context import SUBJECT, Context
from chartline.checks.dates import slip_since
from chartline.checks.model import Finding, Group, Rule, cell
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="relapse_order",
    group=Group.DATES,
    sentence="A relapse is dated after the first dose and after the first response.",
    severity=Severity.BLOCK,
    topics=frozenset({Topic.RELAPSE}),
    asks="Please check the date of relapse (day, month and year) and give the right one.",
)


def find(context: Context) -> list[Finding]:
    """Return one finding a subject whose relapse ends before the first dose or the first response."""
    rows = (
        context.relapse.lazy()
        .join(context.first_dose.lazy(), on=SUBJECT, how="left", suffix="_DOSE", maintain_order="left")
        .join(context.first_response.lazy(), on=SUBJECT, how="left", suffix="_RESPONSE", maintain_order="left")
        .with_columns(
            (pl.col("HI") < pl.col("LO_DOSE")).fill_null(False).alias("BEFORE_DOSE"),
            (pl.col("HI") < pl.col("LO_RESPONSE")).fill_null(False).alias("BEFORE_RESPONSE"),
        )
        .filter(pl.col("BEFORE_DOSE") | pl.col("BEFORE_RESPONSE"))
    )
    return [_finding(context, r) for r in run(rows).iter_rows(named=True)]


def _finding(context: Context, r: dict[str, object]) -> Finding:
    cells = [cell(r, "SS", "RELDTC")]
    before = []
    if r["BEFORE_DOSE"]:
        cells.append(context.day_zero(r, "_DOSE"))
        before.append(f"the {context.protocol.index_rows.event}")
    if r["BEFORE_RESPONSE"]:
        cells.append(cell(r, "RS", "RSDTC", "_RESPONSE", label="First response"))
        before.append("the first response")
    since = max(d for d in (r["LO_DOSE"], r["LO_RESPONSE"]) if isinstance(d, dt.date))
    slip = slip_since(str(r["VALUE"]), since, context.protocol.data.cut_off)
    message = f"The relapse is dated before {' and before '.join(before)}. {slip}".rstrip()
    return Finding(str(r["CENTRE"]), str(r["USUBJID"]), tuple(cells), message)
