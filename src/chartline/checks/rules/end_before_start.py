"""Nothing ends before it starts (adverse events, other treatments, history).

Compared by the days that partial dates can mean: an end in 2021-06 is not before a start on 2021-06-20.
"""

from __future__ import annotations

import polars as pl

from chartline.checks.context import Context, days
from chartline.checks.model import Finding, Rule, cell
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="end_before_start",
    sentence="An end date is not before its start date.",
    severity=Severity.WARN,
    topics=frozenset({Topic.ADVERSE_EVENTS}),
    asks="Please check both dates and give the right ones.",
)
_SPANS = (
    ("AE", "AESTDTC", "AEENDTC", "AETERM", Topic.ADVERSE_EVENTS),
    ("CM", "CMSTDTC", "CMENDTC", "CMTRT", Topic.NEW_THERAPY),
    ("MH", "MHSTDTC", "MHENDTC", "MHTERM", Topic.BASELINE),
)


def find(context: Context) -> list[Finding]:
    """Return one finding a record whose end lies before its start."""
    return [f for span in _SPANS for f in _of_domain(context, *span)]


def _of_domain(context: Context, domain: str, start: str, end: str, what: str, topic: Topic) -> list[Finding]:
    frame = context.data[domain].filter(pl.col(start).is_not_null() & pl.col(end).is_not_null())
    kept = ("CENTRE", "USUBJID", "BLOCK", "ROW", pl.col(what).alias("WHAT"))
    rows = days(frame.select(*kept, pl.col(end).alias("VALUE"), pl.col(start)))
    begun = days(rows.select(pl.col(start).alias("VALUE")))
    rows = rows.with_columns(
        begun["VALUE"].alias("VALUE_START"), begun["LO"].alias("BEGUN"), BLOCK_START="BLOCK", ROW_START="ROW"
    ).filter(pl.col("HI") < pl.col("BEGUN"))
    return [
        Finding(
            r["CENTRE"],
            r["USUBJID"],
            (cell(r, domain, end), cell(r, domain, start, "_START")),
            f"{r['WHAT'] or 'The record'} ends on {r['VALUE']}, before it starts on {r['VALUE_START']}.",
            topics=frozenset({topic}),
        )
        for r in rows.iter_rows(named=True)
    ]
