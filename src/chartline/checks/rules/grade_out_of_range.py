"""The grade of an adverse event is 1 to 5 (CTCAE v5.0: 1 mild, 2 moderate, 3 severe, 4 life-threatening, 5 death)."""

from __future__ import annotations

import polars as pl

from chartline.checks.context import Context
from chartline.checks.model import Cell, Finding, Group, Rule
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="grade_out_of_range",
    group=Group.TOXICITY,
    sentence="The grade of an adverse event is 1 to 5.",
    severity=Severity.WARN,
    topics=frozenset({Topic.ADVERSE_EVENTS}),
    asks="Please give the CTCAE grade, 1 to 5.",
)


def find(context: Context) -> list[Finding]:
    """Return one finding an adverse event with a grade outside 1 to 5."""
    rows = context.data["AE"].filter(~pl.col("AETOXGR").is_between(1, 5))
    return [
        Finding(
            r["CENTRE"],
            r["USUBJID"],
            (Cell("AE", "AETOXGR", r["BLOCK"], r["ROW"], r["AETOXGR"]),),
            f"{r['AETERM'] or 'An adverse event'} has grade {r['AETOXGR']}; grades are 1 to 5.",
        )
        for r in rows.iter_rows(named=True)
    ]
