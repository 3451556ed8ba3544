"""A patient's number is spelled in one way.

Two numbers of a centre's demographics that differ only in case, leading zeros, spaces or signs (`A-1`, `a 01`) are most
often one patient. Where only one of the two is in demographics `subject_unknown` asks.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.context import Context, Whole
from chartline.checks.model import Cell, Finding, Group, Rule, Scope, Seen
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="subject_spelled_twice",
    group=Group.IDENTITY,
    scope=Scope.STUDY,
    sentence="A patient's number is spelled in one way.",
    severity=Severity.WARN,
    topics=frozenset({Topic.IDENTITY}),
    asks="Please say whether these numbers are one patient and, if so, how the number is spelled.",
)


def gather(context: Context) -> Seen:
    """Gather the numbers of demographics, and how each reads."""
    plain = (
        pl.col("USUBJID").cast(pl.String).str.to_uppercase().str.replace_all(r"[^\p{L}\p{N}]+", " ").str.strip_chars()
    )
    plain = (
        plain.str.replace_all(r"(\p{L})(\p{N})", "$1 $2").str.replace_all(r"\b0+(\p{N})", "$1").str.replace_all(" ", "")
    )
    known = context.data["DM"].lazy().unique(["CENTRE", "USUBJID"], keep="first", maintain_order=True)
    return {"numbers": known.select("CENTRE", "USUBJID", "BLOCK", "ROW", plain.alias("PLAIN"))}


def find(whole: Whole, seen: Seen) -> list[Finding]:
    """Return one finding a later number that reads as an earlier one does."""
    numbers = seen["numbers"].sort("BLOCK", "ROW", maintain_order=True)
    pairs = numbers.with_columns(
        pl.col(c).first().over("CENTRE", "PLAIN").alias(f"{c}_OLD") for c in ("USUBJID", "BLOCK", "ROW")
    ).filter(pl.col("USUBJID") != pl.col("USUBJID_OLD"))
    return [_finding(r) for r in run(pairs).iter_rows(named=True)]


def _finding(r: dict[str, Any]) -> Finding:
    cells = tuple(
        Cell("DM", "USUBJID", r["BLOCK" + s], r["ROW" + s], r["USUBJID" + s], label="Subject") for s in ("", "_OLD")
    )
    message = f"The number {r['USUBJID']} differs from {r['USUBJID_OLD']} only in its spelling."
    return Finding(str(r["CENTRE"]), str(r["USUBJID"]), cells, message)
