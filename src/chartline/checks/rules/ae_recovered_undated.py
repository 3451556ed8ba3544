"""An adverse event that has recovered has an end date.

Its duration is unknown otherwise. Asked of centres that record ends at all: one that keeps none says so in its mapping.
"""

from __future__ import annotations

import polars as pl

from chartline.checks.context import Context
from chartline.checks.model import Cell, Finding, Group, Rule, Scope
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="ae_recovered_undated",
    group=Group.TOXICITY,
    scope=Scope.STUDY,
    sentence="An adverse event that has recovered has an end date.",
    severity=Severity.WARN,
    topics=frozenset({Topic.ADVERSE_EVENTS}),
    asks="Please give the end date, or correct the outcome.",
)


def find(context: Context) -> list[Finding]:
    """Return one finding a recovered event without an end, at a centre that records ends."""
    keeps_ends = pl.col("AEENDTC").is_not_null().any().over("CENTRE")
    rows = context.adverse_events.filter(keeps_ends & pl.col("RECOVERED") & pl.col("AEENDTC").is_null())
    return [
        Finding(
            r["CENTRE"],
            r["USUBJID"],
            (
                Cell("AE", "AEENDTC", r["BLOCK"], r["ROW"]),
                Cell("AE", "AEOUT", r["BLOCK"], r["ROW"], r["AEOUT"]),
            ),
            f"{r['AETERM']}{' of ' + r['AESTDTC'] if r['AESTDTC'] else ''} has recovered, but has no end date.",
        )
        for r in rows.iter_rows(named=True)
    ]
