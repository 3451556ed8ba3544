"""Nothing is dated before birth.

Where most of a subject's dates lie before birth the date of birth is in doubt (and with it eligibility); where
only some do, those dates are. Compared by the days that partial dates can mean; a date that software writes for nothing
(`placeholder_date`) is asked there.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.context import SUBJECT, Context
from chartline.checks.dates import FIRST_POSSIBLE
from chartline.checks.model import Cell, Finding, Group, Rule, cell
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="before_birth",
    group=Group.DATES,
    sentence="No record of a subject is dated before birth.",
    severity=Severity.WARN,
    topics=frozenset({Topic.BASELINE}),
    asks="Please check the date of birth and the dates before it.",
)
_SHOWN = 5  # cells of records quoted; the count is in the message


def find(context: Context) -> list[Finding]:
    """Return one finding a subject with a record that ends before the first day the birth can mean."""
    birth = context.birth.lazy().select(*SUBJECT, pl.col("LO").alias("BORN"))
    dated = context.dated.lazy().join(birth, on=SUBJECT, maintain_order="left")
    early = (
        dated.with_columns(pl.len().over(SUBJECT).alias("ALL"))
        .filter((pl.col("HI") < pl.col("BORN")) & (pl.col("HI") >= FIRST_POSSIBLE))
        .group_by(SUBJECT, maintain_order=True)
        .agg(
            pl.col("ALL").first(),
            pl.len().alias("N"),
            *(pl.col(c) for c in ("DOMAIN", "VARIABLE", "VALUE", "BLOCK", "ROW")),
        )
    )
    rows = run(context.birth.lazy().join(early, on=SUBJECT, suffix="_AT", maintain_order="left"))
    return [_finding(r) for r in rows.iter_rows(named=True)]


def _finding(r: dict[str, Any]) -> Finding:
    at = zip(r["DOMAIN"], r["VARIABLE"], r["BLOCK_AT"], r["ROW_AT"], r["VALUE_AT"], strict=True)
    records = tuple(Cell(*one) for one in at)[:_SHOWN]
    message = f"{r['N']} of {r['ALL']} dates of this patient are before the date of birth, {r['VALUE']}."
    if 2 * r["N"] > r["ALL"]:
        return Finding(
            r["CENTRE"],
            r["USUBJID"],
            (cell(r, "DM", "BRTHDTC"), *records),
            message,
            severity=Severity.BLOCK,
            topics=frozenset({Topic.ELIGIBILITY}),
        )
    return Finding(r["CENTRE"], r["USUBJID"], (*records, cell(r, "DM", "BRTHDTC")), message)
