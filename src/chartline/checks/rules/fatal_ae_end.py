"""A fatal adverse event ends with the death.

An event of grade 5, or with a fatal outcome, that ended before the death did not cause it, or one of the dates is
wrong. `days` (1) allows for the night between them; an end after the death is `after_death`'s. Compared by the days
that partial dates can mean.
"""

from __future__ import annotations

import polars as pl

from chartline.checks.context import SUBJECT, Context
from chartline.checks.model import Cell, Finding, Group, Rule
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="fatal_ae_end",
    group=Group.TOXICITY,
    sentence="A fatal adverse event ends with the death.",
    severity=Severity.WARN,
    topics=frozenset({Topic.ADVERSE_EVENTS}),
    asks="Please check the end of the event, its outcome and the date of death.",
    parameters={"days": 1},
)


def find(context: Context, *, days: float) -> list[Finding]:
    """Return one finding a fatal event that ended more than `days` before the death."""
    death = context.death.lazy().select(
        *SUBJECT, pl.col("LO").alias("DIED"), *(pl.col(c).alias(f"{c}_DEATH") for c in ("VALUE", "BLOCK", "ROW"))
    )
    fatal = context.adverse_events.lazy().filter((pl.col("AETOXGR") == 5) | pl.col("FATAL"))
    rows = fatal.join(death, on=SUBJECT, maintain_order="left").with_columns(
        (pl.col("DIED") - pl.col("END_HI")).dt.total_days().alias("SINCE")
    )
    return [
        Finding(
            r["CENTRE"],
            r["USUBJID"],
            (
                Cell("AE", "AEENDTC", r["BLOCK"], r["ROW"], r["AEENDTC"]),
                Cell("SS", "DTHDTC", r["BLOCK_DEATH"], r["ROW_DEATH"], r["VALUE_DEATH"]),
            ),
            f"{r['AETERM']} is recorded as fatal, but ended on {r['AEENDTC']}, {r['SINCE']} days before the death on "
            f"{r['VALUE_DEATH']}.",
        )
        for r in run(rows.filter(pl.col("SINCE") > days)).iter_rows(named=True)
    ]
