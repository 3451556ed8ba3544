"""Grade 5 and a fatal outcome go together.

CTCAE: death related to the event is grade 5, and grade 5 is nothing else. An event that was fatal with a lower grade,
or of grade 5 with the outcome recovered or ongoing, has one of the two wrong.
"""

from __future__ import annotations

import polars as pl

from chartline.checks.context import Context
from chartline.checks.model import Cell, Finding, Group, Rule
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="fatal_outcome_grade",
    group=Group.TOXICITY,
    sentence="An adverse event of grade 5 has a fatal outcome, and a fatal one has grade 5.",
    severity=Severity.WARN,
    topics=frozenset({Topic.ADVERSE_EVENTS}),
    asks="Please check the grade and the outcome of the event.",
)


def find(context: Context) -> list[Finding]:
    """Return one finding an event whose grade and outcome disagree about death."""
    low = pl.col("FATAL") & pl.col("AETOXGR").is_between(1, 4)
    survived = (pl.col("AETOXGR") == 5) & (pl.col("RECOVERED") | pl.col("ONGOING"))
    rows = context.adverse_events.filter(low | survived)
    return [
        Finding(
            r["CENTRE"],
            r["USUBJID"],
            tuple(Cell("AE", n, r["BLOCK"], r["ROW"], r[n]) for n in ("AETOXGR", "AEOUT")),
            f"{r['AETERM']} has grade {r['AETOXGR']}, but its outcome is {r['AEOUT'].lower()}.",
        )
        for r in rows.iter_rows(named=True)
    ]
