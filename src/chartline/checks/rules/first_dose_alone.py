"""The first dose has laboratory values or marrows within 30 days of it, where the subject has any at all.

A subject whose doses all stand away from every sample has, as a rule, the year of a date wrong. (A first dose that
is far from the *second* one is `dose_gap`'s.) Asked, not blocking: some centres keep few samples.
"""

from __future__ import annotations

import polars as pl

from chartline.checks.context import SUBJECT, Context
from chartline.checks.model import Finding, Group, Rule
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="first_dose_alone",
    group=Group.TREATMENT,
    sentence="Samples or marrows lie near the first dose where there are any.",
    severity=Severity.WARN,
    topics=frozenset({Topic.FIRST_DOSE}),
    asks="Please check the date of the first dose (day, month and year).",
    parameters={"near": 30, "long_gap": 90},
)


def find(context: Context, *, near: float, long_gap: float) -> list[Finding]:
    """Return one finding a subject with samples or marrows, none of them near the first dose."""
    event = context.protocol.index_rows.event
    first = context.first_dose.rename({"LO": "DAY"}).lazy()
    doses = context.statements("EX", "EXSTDTC").lazy().select(*SUBJECT, pl.col("LO").alias("OTHER"))
    gap = (pl.col("OTHER") - pl.col("DAY")).dt.total_days()
    stranded = first.join(doses, on=SUBJECT).filter(gap > 0).group_by(SUBJECT).agg(gap.min().alias("GAP"))
    records = context.dated.lazy().filter(pl.col("DOMAIN").is_in(["LB", "RS"])).select(*SUBJECT, "LO")
    away = (pl.col("LO") - pl.col("DAY")).dt.total_days().abs()
    nearest = first.join(records, on=SUBJECT).group_by(SUBJECT).agg(away.min().alias("AWAY"))
    rows = (
        first.join(nearest, on=SUBJECT, maintain_order="left")
        .join(stranded, on=SUBJECT, how="left", maintain_order="left")
        .filter((pl.col("AWAY") > near) & (pl.col("GAP").is_null() | (pl.col("GAP") <= long_gap)))
    )
    return [
        Finding(
            r["CENTRE"],
            r["USUBJID"],
            (context.day_zero(r),),
            f"The nearest laboratory value or marrow is {r['AWAY']} days from the {event}.",
            f"Please check the date of the {event} (day, month and year).",
        )
        for r in run(rows).iter_rows(named=True)
    ]
