"""A record of an adverse event says what the event was.

A grade, a date or a relation without a name is counted nowhere, because nobody knows what it was.
"""

from __future__ import annotations

import polars as pl

from chartline.checks.context import Context
from chartline.checks.model import Cell, Finding, Group, Rule
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="ae_unnamed",
    group=Group.TOXICITY,
    sentence="A record of an adverse event names the event.",
    severity=Severity.WARN,
    topics=frozenset({Topic.ADVERSE_EVENTS}),
    asks="Please give the name of the adverse event, or say that the record is to be deleted.",
)
_DETAILS = ("AETOXGR", "AESTDTC", "AEENDTC", "AEOUT")


def find(context: Context) -> list[Finding]:
    """Return one finding a record with a grade, a date or an outcome and no name."""
    filled = pl.any_horizontal(pl.col(c).is_not_null() for c in _DETAILS)
    rows = context.data["AE"].filter(pl.col("AETERM").is_null() & filled)
    return [
        Finding(
            r["CENTRE"],
            r["USUBJID"],
            (
                Cell("AE", "AETERM", r["BLOCK"], r["ROW"]),
                *(Cell("AE", n, r["BLOCK"], r["ROW"], r[n]) for n in _DETAILS if r[n] is not None),
            ),
            "An adverse event is recorded without its name.",
        )
        for r in rows.iter_rows(named=True)
    ]
