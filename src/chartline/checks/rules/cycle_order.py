"""Doses are dated in the order of their cycles and days of the cycle.

A dose of cycle 1 that is dated after one of cycle 2, or a day 8 before day 1: a slip of the date or a wrong number.
Where the dose that comes first by date is not the first by number the day from which everything is counted is in
doubt, and it blocks. Doses without a full date or a cycle are not compared; two doses of one day are
`duplicate_dose`'s.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl

from chartline.checks.context import SUBJECT, Context
from chartline.checks.dates import likely_slip
from chartline.checks.model import Cell, Finding, Group, Rule
from chartline.core.dates import first_day
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="cycle_order",
    group=Group.TREATMENT,
    sentence="Doses are dated in the order of their cycles and days.",
    severity=Severity.WARN,
    topics=frozenset({Topic.EXPOSURE}),
    asks="Please check both dates and cycle numbers against the drug chart and give the right ones.",
)
_OLD = ("EXCYCLE", "EXCYDAY", "EXSTDTC", "BLOCK", "ROW", "ON")


def find(context: Context) -> list[Finding]:
    """Return one finding a pair of consecutive doses whose numbers go back."""
    doses = context.doses.filter((pl.col("EXSTDTC").str.len_chars() == 10) & pl.col("EXCYCLE").is_not_null())
    named = doses.select(
        *SUBJECT, "SEQ", "EXCYCLE", "EXCYDAY", "EXSTDTC", "BLOCK", "ROW", first_day("EXSTDTC").alias("ON")
    )
    cycle, day = pl.col("EXCYCLE"), pl.col("EXCYDAY")
    pairs = (
        named.sort(*SUBJECT, "ON", "SEQ")
        .with_columns(
            pl.int_range(pl.len()).over(SUBJECT).alias("NTH"),
            *(pl.col(c).shift(1).over(SUBJECT).alias(f"{c}_OLD") for c in _OLD),
        )
        .filter(pl.col("ON") > pl.col("ON_OLD"))
        .filter((cycle < pl.col("EXCYCLE_OLD")) | ((cycle == pl.col("EXCYCLE_OLD")) & (day < pl.col("EXCYDAY_OLD"))))
    )
    return [_finding(r) for r in run(pairs).iter_rows(named=True)]


def _finding(r: dict[str, Any]) -> Finding:
    later, earlier = (_named(r, s) for s in ("", "_OLD"))
    message = f"{later} is dated {r['EXSTDTC']}, after {earlier[0].lower()}{earlier[1:]} ({r['EXSTDTC_OLD']})."
    old = r["ON_OLD"]
    assert isinstance(old, dt.date)
    slip = likely_slip(str(r["EXSTDTC"]), old - dt.timedelta(days=60), old)
    first = r["NTH"] == 1
    if first:
        message += " The date of the first dose is in doubt."
    cells = tuple(
        Cell("EX", v, r["BLOCK" + s], r["ROW" + s], r[v + s])
        for s in ("_OLD", "")[:: 1 if first else -1]
        for v in ("EXSTDTC", "EXCYCLE")
    )
    severity, topics = (Severity.BLOCK, frozenset({Topic.FIRST_DOSE})) if first else (Severity.WARN, None)
    said = f"{message} {slip}".rstrip()
    return Finding(str(r["CENTRE"]), str(r["USUBJID"]), cells, said, severity=severity, topics=topics)


def _named(r: dict[str, Any], s: str) -> str:
    day = f" day {r['EXCYDAY' + s]}" if r["EXCYDAY" + s] is not None else ""
    return f"Cycle {r['EXCYCLE' + s]}{day}"
