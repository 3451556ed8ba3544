"""The cycles of a patient are 1, 2, 3 and so on, none left out.

A missing number in between is a cycle whose doses were not sent, or a cycle numbered wrong; a patient whose first
recorded cycle is 2 may have been treated before. Judged by the cycle numbers that the source recorded for the index
drug; days left out within a cycle are what exposure counts, and are not asked.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.context import SUBJECT, Context
from chartline.checks.model import Cell, Finding, Group, Rule
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="cycle_skipped",
    group=Group.TREATMENT,
    sentence="The recorded cycles of a patient are 1, 2, 3 and so on, none left out.",
    severity=Severity.WARN,
    topics=frozenset({Topic.EXPOSURE}),
    asks="Please say whether this cycle was given and, if so, give its doses; otherwise give the right cycle number.",
)


def find(context: Context) -> list[Finding]:
    """Return one finding a subject with a gap in the cycle numbers, at the dose after the first gap."""
    cycle = pl.col("EXCYCLE")
    before = cycle.shift(1).over(SUBJECT).fill_null(0)
    doses = context.doses.filter(cycle >= 1).sort(*SUBJECT, "EXCYCLE", "EXSTDTC", nulls_last=True, maintain_order=True)
    rows = (
        doses.select(*SUBJECT, "EXCYCLE", "EXSTDTC", "BLOCK", "ROW", before.alias("BEFORE"))
        .filter(cycle > pl.col("BEFORE") + 1)
        .unique(SUBJECT, keep="first", maintain_order=True)
    )
    return [_finding(r) for r in run(rows).iter_rows(named=True)]


def _finding(r: dict[str, Any]) -> Finding:
    before, cycle = int(str(r["BEFORE"])), int(str(r["EXCYCLE"]))
    missing = f"cycle {before + 1}" if cycle - before == 2 else f"cycles {before + 1} to {cycle - 1}"
    has = f"Doses of cycle {cycle} are recorded" + (f" after those of cycle {before}" if before else "")
    cells = (
        Cell("EX", "EXCYCLE", r["BLOCK"], r["ROW"], r["EXCYCLE"]),
        Cell("EX", "EXSTDTC", r["BLOCK"], r["ROW"], r["EXSTDTC"]),
    )
    return Finding(str(r["CENTRE"]), str(r["USUBJID"]), cells, f"{has}, but none of {missing}.")
