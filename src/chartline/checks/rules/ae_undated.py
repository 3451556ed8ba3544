"""An adverse event has an onset date.

One without it can be placed neither on treatment nor off it: it stands in no table of events on treatment, and a
safety flag that could rest on it is unknown. A partial date is enough: a day stands for it under the protocol's
policy.
"""

from __future__ import annotations

import polars as pl

from chartline.checks.context import SUBJECT, Context
from chartline.checks.model import Cell, Finding, Group, Rule
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="ae_undated",
    group=Group.COMPLETENESS,
    sentence="An adverse event has an onset date.",
    severity=Severity.WARN,
    topics=frozenset({Topic.ADVERSE_EVENTS}),
    asks="Please give the onset date; the month or the year alone is a help.",
)


def find(context: Context) -> list[Finding]:
    """Return one finding an adverse event without an onset date."""
    rows = context.data["AE"].filter(pl.col("AETERM").is_not_null() & pl.col("AESTDTC").is_null())
    return [
        Finding(
            r["CENTRE"],
            r["USUBJID"],
            (Cell("AE", "AESTDTC", r["BLOCK"], r["ROW"]), Cell("AE", "AETERM", r["BLOCK"], r["ROW"], r["AETERM"])),
            f"The adverse event {r['AETERM']} has no onset date, so it cannot be placed.",
        )
        for r in rows.select(*SUBJECT, "AETERM", "BLOCK", "ROW").iter_rows(named=True)
    ]
