"""The index drug is given once a day.

The same dose twice on one day is most often one dose recorded twice (a row repeated); two different doses on one
day, one dose corrected without deleting the first. Both count twice in the number of doses and the cumulative dose.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.context import SUBJECT, Context
from chartline.checks.model import Cell, Finding, Group, Rule
from chartline.checks.wording import term_words
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="duplicate_dose",
    group=Group.TREATMENT,
    sentence="A drug is given at most once a day.",
    severity=Severity.WARN,
    topics=frozenset({Topic.EXPOSURE}),
    asks="Please say how many doses were given on this day and which record is to be deleted.",
)


def find(context: Context) -> list[Finding]:
    """Return one finding a subject, drug and full date with more than one dose."""
    doses = context.data["EX"].filter((pl.col("EXSTDTC").str.len_chars() == 10) & pl.col("EXTRT").is_not_null())
    same = pl.struct("EXDOSM2", "EXDOSM2_OP", "EXDOSE", "EXDOSE_OP").n_unique() == 1
    rows = (
        doses.group_by(*SUBJECT, "EXTRT", "EXSTDTC", maintain_order=True)
        .agg(pl.len().alias("N"), same.alias("SAME"), "BLOCK", "ROW")
        .filter(pl.col("N") > 1)
    )
    return [_finding(r) for r in rows.iter_rows(named=True)]


def _finding(r: dict[str, Any]) -> Finding:
    at = list(zip(r["BLOCK"], r["ROW"], strict=True))[::-1]  # the later record is the one in doubt
    what = "the same dose" if r["SAME"] else "different doses"
    return Finding(
        r["CENTRE"],
        r["USUBJID"],
        tuple(Cell("EX", "EXSTDTC", b, row, r["EXSTDTC"]) for b, row in at),
        f"{term_words(r['EXTRT'])} is recorded {r['N']} times on {r['EXSTDTC']}, with {what}.",
    )
