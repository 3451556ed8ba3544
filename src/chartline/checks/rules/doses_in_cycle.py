"""A recorded cycle has no more doses than a cycle of the protocol (`treatment.cycle.max_doses`).

More days with a dose under one cycle number: a cycle number that was carried on into the next cycle, or a dose
recorded twice under two dates. Asked only where the protocol declares how many doses a cycle has. A dose recorded
twice on one day is `duplicate_dose`'s.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.context import SUBJECT, Context
from chartline.checks.model import Cell, Finding, Group, Rule
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="doses_in_cycle",
    group=Group.TREATMENT,
    sentence="A recorded cycle has no more doses than a cycle of the protocol.",
    severity=Severity.WARN,
    topics=frozenset({Topic.EXPOSURE}),
    asks="Please check the cycle numbers and dates of these doses and give the right ones.",
)


def find(context: Context) -> list[Finding]:
    """Return one finding a subject and cycle; its dated doses are shown."""
    treatment = context.protocol.treatment
    if treatment is None or "cycle" not in treatment.model_fields_set:
        return []
    full = (pl.col("EXSTDTC").str.len_chars() == 10) & pl.col("EXCYCLE").is_not_null()
    days = context.doses.filter(full).unique([*SUBJECT, "EXSTDTC"], keep="first", maintain_order=True)
    cycles = days.sort(*SUBJECT, "EXSTDTC").group_by(*SUBJECT, "EXCYCLE", maintain_order=True)
    rows = cycles.agg("EXSTDTC", "BLOCK", "ROW").filter(pl.col("EXSTDTC").list.len() > treatment.cycle.max_doses)
    return [_finding(r, treatment.cycle.max_doses) for r in run(rows).iter_rows(named=True)]


def _finding(r: dict[str, Any], most: int) -> Finding:
    at = list(zip(r["BLOCK"], r["ROW"], r["EXSTDTC"], strict=True))[::-1]
    cells = tuple(Cell("EX", "EXSTDTC", block, row, day) for block, row, day in at)
    message = f"Cycle {r['EXCYCLE']} has {len(at)} doses, from {at[-1][2]} to {at[0][2]}; a cycle has at most {most}."
    return Finding(str(r["CENTRE"]), str(r["USUBJID"]), cells, message)
