"""A laboratory value lies within the bounds of what any person has lived with (`vocabulary/tests.csv`).

Outside them the number is a slip, and the message names the slip that would explain it (a count per uL carried as
10^9/L, a lakh column filled in 10^9/L, mg/dL and umol/L, a lost decimal point) where the patient's other values
say so. The slip is a question: nothing is ever corrected. The same value of one test and day in two places is one
finding with both cells.

A platelet or neutrophil value that may decide CR against CRi (inside the counts window of an on-treatment marrow)
blocks that; liver chemistry blocks the liver grades; anything else is asked while the analysis goes on.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.context import SUBJECT, Context
from chartline.checks.laboratory import (
    LIVER_TESTS,
    RECOVERY_TESTS,
    at_stake,
    laboratory_test,
    likely_slips,
    value_cells,
)
from chartline.checks.model import Finding, Group, Rule
from chartline.checks.wording import value_words
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="lab_implausible",
    group=Group.LABORATORY,
    sentence="A laboratory value lies within the bounds of the possible.",
    severity=Severity.WARN,
    topics=frozenset({Topic.BLOOD_COUNTS}),
    asks="Please give the result and its unit as the laboratory report shows them.",
)


def find(context: Context) -> list[Finding]:
    """Return one finding a subject, test, day and value outside its bounds."""
    values = context.laboratory
    rows = values.filter(~pl.col("BELIEVABLE"))
    if rows.is_empty():
        return []
    usual = (
        values.filter(pl.col("BELIEVABLE") & (pl.col("VALUE") > 0))
        .join(rows.select(SUBJECT).unique(), on=SUBJECT, how="semi")
        .group_by(*SUBJECT, "LBTESTCD")
        .agg(pl.col("VALUE").median().alias("USUAL"))
    )
    rows = _decisive(context, rows).join(usual, on=[*SUBJECT, "LBTESTCD"], how="left", maintain_order="left")
    slips = rows.group_by(*SUBJECT, "LBTESTCD", "LBDTC", "VALUE", maintain_order=True).agg(
        "BLOCK", "ROW", "LBORRESU", pl.col("DECISIVE").any(), *(pl.col(c).first() for c in ("LOW", "HIGH", "USUAL"))
    )
    return [_finding(r) for r in slips.iter_rows(named=True)]


def _decisive(context: Context, rows: pl.DataFrame) -> pl.DataFrame:
    """Add DECISIVE: a count inside the window in which it proves recovery after an on-treatment marrow."""
    marrow = context.assessments.filter("ON").select(
        *SUBJECT, pl.col("RSDTC").str.to_date("%Y-%m-%d", strict=False).alias("MARROW")
    )
    if context.counts_window is None:
        return rows.with_columns(pl.lit(False).alias("DECISIVE"))
    rows = rows.with_row_index("AT")
    after = (pl.col("LO") - pl.col("MARROW")).dt.total_days()
    inside = rows.join(marrow, on=SUBJECT).filter(after.is_between(*context.counts_window))["AT"].unique()
    count = pl.col("LBTESTCD").is_in(RECOVERY_TESTS)
    return rows.with_columns((count & pl.col("AT").is_in(inside.implode())).alias("DECISIVE"))


def _finding(r: dict[str, Any]) -> Finding:
    test = laboratory_test(r["LBTESTCD"])
    side = "above" if r["VALUE"] > r["HIGH"] else "below"
    bound = value_words(r["HIGH"] if side == "above" else r["LOW"], test.unit)
    on = f" on {r['LBDTC']}" if r["LBDTC"] else ""
    message = f"{test.label} of {value_words(r['VALUE'], test.unit)}{on} is {side} the possible ({bound})."
    slips = likely_slips(test, r["VALUE"], r["USUAL"])
    decisive = frozenset({Topic.COUNTS}) if r["DECISIVE"] else at_stake(test.code)
    blocks = r["DECISIVE"] or test.code in LIVER_TESTS
    return Finding(
        r["CENTRE"],
        r["USUBJID"],
        value_cells(r),
        f"{message} {slips}".rstrip(),
        severity=Severity.BLOCK if blocks else Severity.WARN,
        topics=decisive,
    )
