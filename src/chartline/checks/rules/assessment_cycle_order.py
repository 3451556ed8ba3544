"""Assessments after later cycles are dated later, and none after a cycle of treatment is dated before the first dose.

A marrow "after cycle 2" that is dated before the one "after cycle 1", or before treatment began, has a slip in its date
or in its cycle. Compared by the days a partial date can mean.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.context import SUBJECT, Context, days
from chartline.checks.model import Cell, Finding, Group, Rule
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="assessment_cycle_order",
    group=Group.RESPONSE,
    sentence="Assessments after later cycles are dated later, and after the first dose.",
    severity=Severity.WARN,
    topics=frozenset({Topic.RESPONSE}),
    asks="Please check the date of this assessment, and the cycle it belongs to.",
)


def find(context: Context) -> list[Finding]:
    """Return one finding an assessment that is dated before the first dose or before that of the cycle before."""
    dated = context.data["RS"].lazy().filter((pl.col("RSCYCLE") >= 1) & pl.col("RSDTC").is_not_null())
    rows = days(dated.select(*SUBJECT, "RSCYCLE", pl.col("RSDTC").alias("VALUE"), "BLOCK", "ROW"))
    dose = context.first_dose.lazy().select(*SUBJECT, pl.col("LO").alias("DAY0"), *_named("DOSE"))
    rows = rows.join(dose, on=SUBJECT, how="left", maintain_order="left").sort(
        *SUBJECT, "RSCYCLE", "LO", maintain_order=True
    )
    earlier = rows.group_by(*SUBJECT, "RSCYCLE", maintain_order=True).agg(
        pl.col("LO").first().alias("EARLIER"),
        *(e.first() for e in _named("EARLIER")),
        pl.col("VALUE").first().alias("WAS"),
    )
    next_cycle = earlier.with_columns(pl.col("RSCYCLE").alias("AFTER"), pl.col("RSCYCLE") + 1).sort(*SUBJECT, "RSCYCLE")
    rows = rows.join(next_cycle, on=[*SUBJECT, "RSCYCLE"], how="left", maintain_order="left")
    before = pl.col("HI") < pl.col("DAY0")
    crossed = pl.col("HI") < pl.col("EARLIER")
    rows = rows.with_columns(before.fill_null(False).alias("BEFORE"), crossed.fill_null(False).alias("CROSSED"))
    return [_finding(context, r) for r in run(rows.filter(pl.col("BEFORE") | pl.col("CROSSED"))).iter_rows(named=True)]


def _named(suffix: str) -> list[pl.Expr]:
    return [pl.col(c).alias(f"{c}_{suffix}") for c in ("BLOCK", "ROW", "VALUE")]


def _finding(context: Context, r: dict[str, Any]) -> Finding:
    cells = [
        Cell("RS", "RSDTC", r["BLOCK"], r["ROW"], r["VALUE"]),
        Cell("RS", "RSCYCLE", r["BLOCK"], r["ROW"], r["RSCYCLE"]),
    ]
    said = []
    if r["BEFORE"]:
        cells.append(context.day_zero(r, "_DOSE"))
        said.append(f"the {context.protocol.index_rows.event}")
    if r["CROSSED"]:
        cells.append(Cell("RS", "RSDTC", r["BLOCK_EARLIER"], r["ROW_EARLIER"], r["WAS"], label="The earlier cycle's"))
        said.append(f"that after cycle {r['AFTER']} ({r['WAS']})")
    message = f"The assessment after cycle {r['RSCYCLE']} is dated {r['VALUE']}, before {' and before '.join(said)}."
    return Finding(r["CENTRE"], r["USUBJID"], tuple(cells), message)
