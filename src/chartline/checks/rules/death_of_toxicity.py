"""A death of toxicity has its fatal adverse event.

A cause of death that names toxicity of treatment, with the death within `days` (42) of the last dose, and no event of
grade 5 or with a fatal outcome: the event was not sent, or not graded. Later deaths may be of other treatment. The
days are those in which this study counts events as on treatment (`laboratory.on_treatment_days` of the example; ours).
"""

from __future__ import annotations

import polars as pl

from chartline.checks.context import SUBJECT, Context
from chartline.checks.model import Cell, Finding, Group, Rule
from chartline.core.dates import last_day
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="death_of_toxicity",
    group=Group.TOXICITY,
    sentence="A death of toxicity has an adverse event of grade 5.",
    severity=Severity.WARN,
    topics=frozenset({Topic.ADVERSE_EVENTS}),
    asks="Please give the adverse event that led to death, with grade 5, or check the cause of death.",
    parameters={"days": 42},
)
_TOXIC = r"(?i)toxic|(treatment|drug)[- ]related|therapy[- ]related (death|mortality)|adverse (event|reaction|effect)"


def find(context: Context, *, days: float) -> list[Finding]:
    """Return one finding a death of toxicity soon after a dose that has no fatal event."""
    fatal = context.adverse_events.lazy().filter((pl.col("AETOXGR") == 5) | pl.col("FATAL")).select(SUBJECT).unique()
    cause = context.stated("SS", "DTHCAUS").lazy().filter(pl.col("VALUE").str.contains(_TOXIC))
    death = context.death.lazy().select(
        *SUBJECT, pl.col("LO").alias("DIED"), *(pl.col(c).alias(f"{c}_DEATH") for c in ("VALUE", "BLOCK", "ROW"))
    )
    last = context.doses.group_by(SUBJECT).agg(last_day("EXSTDTC").max().alias("LAST"))
    rows = cause.join(death, on=SUBJECT, maintain_order="left").join(last, on=SUBJECT, maintain_order="left")
    rows = rows.with_columns((pl.col("DIED") - pl.col("LAST")).dt.total_days().alias("SINCE"))
    rows = rows.filter(pl.col("SINCE").is_between(0, days)).join(fatal, on=SUBJECT, how="anti", maintain_order="left")
    return [
        Finding(
            r["CENTRE"],
            r["USUBJID"],
            (
                Cell("SS", "DTHCAUS", r["BLOCK"], r["ROW"], r["VALUE"]),
                Cell("SS", "DTHDTC", r["BLOCK_DEATH"], r["ROW_DEATH"], r["VALUE_DEATH"]),
            ),
            f"The cause of death is `{r['VALUE']}`, {r['SINCE']} days after the last dose, but no adverse event has "
            "grade 5 or a fatal outcome.",
        )
        for r in run(rows).iter_rows(named=True)
    ]
