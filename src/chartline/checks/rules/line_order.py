"""Lines of earlier therapy began in the order of their numbers.

Line 2 does not begin before line 1. Compared by the days that partial dates can mean; lines without a number or a start
say nothing. Whether a line began before the diagnosis is asked by `diagnosis_order`, after day 0 by
`history_discordant`.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.context import SUBJECT, Context
from chartline.checks.model import Cell, Finding, Group, Rule
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="line_order",
    group=Group.TREATMENT,
    sentence="Lines of earlier therapy began in the order of their numbers.",
    severity=Severity.WARN,
    topics=frozenset({Topic.BASELINE}),
    asks="Please check the number and the start date of these lines, and give the right ones.",
)
_OLD = ("NUMBER", "NAME", "VALUE", "LO", "BLOCK", "ROW")


def find(context: Context) -> list[Finding]:
    """Return one finding a line that began before a line with a lower number; the merged query is the subject's."""
    lines = context.lines.lazy().filter(pl.col("NUMBER").is_not_null() & pl.col("LO").is_not_null())
    pairs = (
        lines.sort(*SUBJECT, "NUMBER", "LO", maintain_order=True)
        .with_columns(pl.col(c).shift(1).over(SUBJECT).alias(f"{c}_OLD") for c in _OLD)
        .filter((pl.col("NUMBER") > pl.col("NUMBER_OLD")) & (pl.col("HI") < pl.col("LO_OLD")))
    )
    return [_finding(r) for r in run(pairs).iter_rows(named=True)]


def _finding(r: dict[str, Any]) -> Finding:
    domain, start = str(r["DOMAIN"]), str(r["START_AT"])
    named = [
        f"Line {r['NUMBER' + s]} ({r['NAME' + s]})" if r["NAME" + s] else f"Line {r['NUMBER' + s]}"
        for s in ("", "_OLD")
    ]
    cells = [
        Cell(domain, start, r["BLOCK" + s], r["ROW" + s], r["VALUE" + s], label=f"Start of line {r['NUMBER' + s]}")
        for s in ("", "_OLD")
    ]
    later = named[1][:1].lower() + named[1][1:]
    message = f"{named[0]} began on {r['VALUE']}, before {later}, which began on {r['VALUE_OLD']}."
    return Finding(str(r["CENTRE"]), str(r["USUBJID"]), tuple(cells), message)
