"""An adverse event begins on or after the first dose.

One that began before is history; it is in no table of events on treatment, by the protocol's rule, and that is told.
One that the treating team calls *related* to a treatment which had not begun is in conflict with itself, and asked.
Compared by the days that a partial date can mean.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.context import SUBJECT, Context
from chartline.checks.model import Cell, Finding, Group, Rule
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="ae_before_treatment",
    group=Group.TOXICITY,
    sentence="An adverse event begins on or after the first dose.",
    severity=Severity.NOTE,
    topics=frozenset({Topic.ADVERSE_EVENTS}),
    asks="Please check the onset (day, month and year), and whether the event is related to the treatment.",
)


def find(context: Context) -> list[Finding]:
    """Return one finding an adverse event whose onset lies wholly before the first dose."""
    dose = context.first_dose.lazy().select(
        *SUBJECT, pl.col("LO").alias("DAY0"), *(pl.col(c).alias(f"{c}_DOSE") for c in ("BLOCK", "ROW", "VALUE"))
    )
    rows = context.adverse_events.lazy().join(dose, on=SUBJECT, maintain_order="left")
    return [_finding(context, r) for r in run(rows.filter(pl.col("HI") < pl.col("DAY0"))).iter_rows(named=True)]


def _finding(context: Context, r: dict[str, Any]) -> Finding:
    event = context.protocol.index_rows.event
    cells = [Cell("AE", "AESTDTC", r["BLOCK"], r["ROW"], r["AESTDTC"]), context.day_zero(r, "_DOSE")]
    message = f"{r['AETERM']} began on {r['AESTDTC']}, before the {event}"
    if r["AEREL"] == "Y":
        cells.insert(1, Cell("AE", "AEREL", r["BLOCK"], r["ROW"], r["AEREL"]))
        said = f"{message}, but is recorded as related to the treatment."
        return Finding(r["CENTRE"], r["USUBJID"], tuple(cells), said, severity=Severity.WARN)
    return Finding(r["CENTRE"], r["USUBJID"], tuple(cells), f"{message}; it counts as no event on treatment.")
