"""An adverse event that goes on has no end date.

"Not recovered", "ongoing" or "recovering" beside an end date is a contradiction, unless the end is the death or the
data cut-off, on which some centres close everything.
"""

from __future__ import annotations

import polars as pl

from chartline.checks.context import SUBJECT, Context
from chartline.checks.model import Cell, Finding, Group, Rule
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="ae_ongoing_ended",
    group=Group.TOXICITY,
    sentence="An adverse event that goes on has no end date.",
    severity=Severity.WARN,
    topics=frozenset({Topic.ADVERSE_EVENTS}),
    asks="Please correct the outcome, or remove the end date.",
)


def find(context: Context) -> list[Finding]:
    """Return one finding an ongoing event with an end before the death and the cut-off."""
    death = context.death.lazy().select(*SUBJECT, pl.col("LO").alias("DIED"))
    rows = context.adverse_events.lazy().filter(pl.col("ONGOING") & pl.col("AEENDTC").is_not_null())
    rows = rows.join(death, on=SUBJECT, how="left", maintain_order="left")
    closed = pl.min_horizontal(pl.col("DIED"), pl.lit(context.protocol.data.cut_off, pl.Date))
    return [
        Finding(
            r["CENTRE"],
            r["USUBJID"],
            tuple(Cell("AE", n, r["BLOCK"], r["ROW"], r[n]) for n in ("AEENDTC", "AEOUT")),
            f"{r['AETERM']} ended on {r['AEENDTC']}, but its outcome is {r['AEOUT'].lower()}.",
        )
        for r in run(rows.filter((pl.col("END_HI") < closed).fill_null(True))).iter_rows(named=True)
    ]
