"""An adverse event that has recovered has an end date.

Its duration is unknown otherwise. Asked of centres that record ends at all: one that keeps none says so in its mapping.
"""

from __future__ import annotations

import polars as pl

from chartline.checks.context import SUBJECT, Context, Whole
from chartline.checks.model import Cell, Finding, Group, Rule, Scope, Seen
from chartline.checks.tallies import tally
from chartline.core.plans import run
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


def gather(context: Context) -> Seen:
    """Gather the recovered events without an end, and how many events of a centre have one."""
    events, ended = context.adverse_events.lazy(), pl.col("AEENDTC").is_not_null()
    endless = events.filter(pl.col("RECOVERED") & ~ended)
    return {
        "endless": endless.select(*SUBJECT, "AETERM", "AESTDTC", "AEOUT", "BLOCK", "ROW"),
        "ended": tally(events.filter(ended), ["CENTRE"]),
    }


def find(whole: Whole, seen: Seen) -> list[Finding]:
    """Return one finding a recovered event without an end, at a centre that records ends."""
    rows = run(seen["endless"].join(seen["ended"], on="CENTRE", how="semi", maintain_order="left"))
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
