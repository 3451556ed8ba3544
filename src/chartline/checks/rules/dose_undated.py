"""Every dose of the index drug has a full date.

The first dose is never imputed. A subject whose doses have no full date at all has no time origin, and one whose
undated dose may be the first (recorded as cycle 1 day 1, or partial and reaching before the first dated one) has a
doubtful one: both block. Another undated dose is asked.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.context import SUBJECT, Context, days
from chartline.checks.model import Cell, Finding, Group, Rule
from chartline.checks.wording import term_words
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="dose_undated",
    group=Group.COMPLETENESS,
    sentence="Every dose of the index drug has a full date.",
    severity=Severity.WARN,
    topics=frozenset({Topic.EXPOSURE}),
    asks="Please give the day on which this dose was given.",
)


def find(context: Context) -> list[Finding]:
    """Return one finding a dose of the index drug without a full date."""
    partial = pl.col("EXSTDTC").is_null() | (pl.col("EXSTDTC").str.len_chars() != 10)
    doses = run(context.doses.filter(partial))
    rows = days(doses.with_columns(pl.col("EXSTDTC").alias("VALUE"))).join(
        context.first_dose.select(*SUBJECT, pl.col("LO").alias("FIRST")), on=SUBJECT, how="left", maintain_order="left"
    )
    start = ((pl.col("EXCYCLE") == 1) & (pl.col("EXCYDAY") == 1)).fill_null(False)
    doubtful = pl.col("FIRST").is_null() | start | (pl.col("LO") < pl.col("FIRST")).fill_null(False)
    return [_finding(r) for r in rows.with_columns(doubtful.alias("DOUBTFUL")).iter_rows(named=True)]


def _finding(r: dict[str, Any]) -> Finding:
    what = f"has only a partial date ({r['EXSTDTC']})" if r["EXSTDTC"] else "has no date"
    first = " The date of the first dose is not known." if r["FIRST"] is None else ""
    if r["DOUBTFUL"] and not first:
        first = " It may be the first dose."
    return Finding(
        r["CENTRE"],
        r["USUBJID"],
        (Cell("EX", "EXSTDTC", r["BLOCK"], r["ROW"], r["EXSTDTC"]),),
        f"A dose of {term_words(r['EXTRT'])} {what}.{first}",
        severity=Severity.BLOCK if r["DOUBTFUL"] else Severity.WARN,
        topics=frozenset({Topic.FIRST_DOSE}) if r["DOUBTFUL"] else None,
    )
