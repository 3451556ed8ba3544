"""Nothing ends before it starts (adverse events, other treatments, history).

Compared by the days that partial dates can mean: an end in 2021-06 is not before a start on 2021-06-20.
"""

from __future__ import annotations

import polars as pl

from chartline.checks.context import Context, days
from chartline.checks.model import Finding, Group, Rule, cell
from chartline.core.dates import first_day
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="end_before_start",
    group=Group.DATES,
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
    if frame.is_empty():
        return []
    kept = ("CENTRE", "USUBJID", "BLOCK", "ROW", pl.col(what).alias("WHAT"))
    ended = days(frame.lazy().select(*kept, pl.col(end).alias("VALUE"), pl.col(start).alias("VALUE_START")))
    begun = ended.with_columns(first_day("VALUE_START").alias("BEGUN"), BLOCK_START="BLOCK", ROW_START="ROW")
    rows = run(begun.filter(pl.col("HI") < pl.col("BEGUN")))
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
