"""No date lies after the study's data cut-off.

The cut-off is the last day that the data can speak of (`data.cut_off`); a later one is a slip of the year, or a
date that this study must not use. The same date in two cells of one subject (death and last contact) is one finding.
Dates on which endpoints rest block them; others are asked.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.context import SUBJECT, Context
from chartline.checks.dates import at_stake, rank
from chartline.checks.model import Cell, Finding, Group, Rule
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="after_cut_off",
    group=Group.DATES,
    sentence="No date is after the data cut-off.",
    severity=Severity.WARN,
    topics=frozenset({Topic.FOLLOW_UP}),
    asks="Please check the date (day, month and year) and give the right one.",
)


def find(context: Context) -> list[Finding]:
    """Return one finding a subject and date that begins after the cut-off."""
    cut_off = context.protocol.data.cut_off
    if cut_off is None:
        return []
    births = context.statements("DM", "BRTHDTC").lazy()
    births = births.with_columns(DOMAIN=pl.lit("DM"), VARIABLE=pl.lit("BRTHDTC"))
    dated = context.dated.lazy().filter(pl.col("VARIABLE") != "RFICDTC")  # consent to the use of data comes any time
    every = pl.concat([dated, births])
    late = run(every.filter(pl.col("LO") > cut_off))
    rows = late.group_by(*SUBJECT, "VALUE", maintain_order=True).agg("DOMAIN", "VARIABLE", "BLOCK", "ROW")
    return [_finding(r, str(cut_off)) for r in rows.iter_rows(named=True)]


def _finding(r: dict[str, Any], cut_off: str) -> Finding:
    at = sorted(zip(r["DOMAIN"], r["VARIABLE"], r["BLOCK"], r["ROW"], strict=True), key=lambda c: rank(c[0], c[1]))
    severity, topics = at_stake(*at[0][:2])
    if severity is Severity.BLOCK:
        topics = topics.union(*(t for s, t in (at_stake(*a[:2]) for a in at) if s is severity))
    return Finding(
        r["CENTRE"],
        r["USUBJID"],
        tuple(Cell(d, v, b, row, r["VALUE"]) for d, v, b, row in at),
        f"The date {r['VALUE']} is after the data cut-off, {cut_off}.",
        severity=severity,
        topics=topics,
    )
