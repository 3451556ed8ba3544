"""One adverse event of a patient is recorded once at a time.

Two records of one term that begin on one day, or of which the second begins before the first has ended, are one event
written twice, or have a wrong date: both are counted. Records that follow each other (a new grade from the day on which
the last one ended) are not asked, nor is a second record while the first has no end.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.context import SUBJECT, Context
from chartline.checks.model import Cell, Finding, Group, Rule
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="ae_overlap",
    group=Group.TOXICITY,
    sentence="Records of one adverse event of a patient do not overlap.",
    severity=Severity.WARN,
    topics=frozenset({Topic.ADVERSE_EVENTS}),
    asks="Please say whether this was one event or two, and correct the dates or name the record to be deleted.",
)
_CARRIED = ("AESTDTC", "AEENDTC", "AETOXGR", "BLOCK", "ROW")


def find(context: Context) -> list[Finding]:
    """Return one finding a record that begins with, or during, an earlier record of the same term."""
    event = [*SUBJECT, "TERM"]
    rows = context.adverse_events.lazy().filter(pl.col("LO") == pl.col("HI")).sort(*event, "LO", "SEQ")
    before = rows.with_columns(
        pl.col("LO").shift(1).over(event).alias("LO_WAS"), pl.col("END_LO").shift(1).over(event).alias("END_WAS"),
        *(pl.col(c).shift(1).over(event).alias(f"{c}_WAS") for c in _CARRIED),
    )  # fmt: skip
    same = pl.col("LO") == pl.col("LO_WAS")
    during = pl.col("LO") < pl.col("END_WAS")
    return [_finding(r) for r in run(before.filter(same | during)).iter_rows(named=True)]


def _finding(r: dict[str, Any]) -> Finding:
    cells = [
        Cell("AE", "AESTDTC", r["BLOCK"], r["ROW"], r["AESTDTC"]),
        Cell("AE", "AESTDTC", r["BLOCK_WAS"], r["ROW_WAS"], r["AESTDTC_WAS"]),
    ]
    if r["AESTDTC"] == r["AESTDTC_WAS"]:
        alike = r["AETOXGR"] == r["AETOXGR_WAS"] and r["AEENDTC"] == r["AEENDTC_WAS"]
        how = "with the same grade and end" if alike else "with another grade or end"
        message = f"{r['AETERM']} is recorded twice from {r['AESTDTC']} on, {how}."
    else:
        cells.append(Cell("AE", "AEENDTC", r["BLOCK_WAS"], r["ROW_WAS"], r["AEENDTC_WAS"]))
        message = (
            f"{r['AETERM']} is recorded again from {r['AESTDTC']} on, while an earlier record of it lasts from "
            f"{r['AESTDTC_WAS']} to {r['AEENDTC_WAS']}."
        )
    return Finding(r["CENTRE"], r["USUBJID"], tuple(cells), message)
