"""A centre's living patients were not all last seen on one day.

Where half of them (`share`) or more, and at least `patients` (4), have the same date last known alive, it is most
often the day on which the file was made, and nobody was seen on it: survival is then censored too late. Both are our
choice. The cut-off of the study is no exception: that a patient was alive then must be known of each. A centre that
counts days is not judged.
"""

from __future__ import annotations

import polars as pl

from chartline.checks.columns import column_finding
from chartline.checks.context import Context
from chartline.checks.model import Finding, Group, Rule, Scope
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="last_contact_shared",
    group=Group.DATES,
    scope=Scope.STUDY,
    sentence="A centre's living patients were not all last known alive on the same day.",
    severity=Severity.WARN,
    topics=frozenset({Topic.FOLLOW_UP}),
    asks="Please say whether each of these patients was known to be alive on that day; if not, give the last day on "
    "which each of them was.",
    parameters={"share": 0.5, "patients": 4},
)


def find(context: Context, *, share: float, patients: float) -> list[Finding]:
    """Return one finding a centre and shared day."""
    real = ~pl.col("CENTRE").is_in(list(context.data.study_days.events))
    full = real & (pl.col("VALUE").str.len_chars() == 10)
    alive = context.living.lazy().filter(full).with_columns(pl.len().over("CENTRE").alias("LIVING"))
    days = alive.group_by("CENTRE", "VALUE", maintain_order=True).agg(
        pl.len().alias("N"), pl.col("LIVING").first(), "BLOCK", "ROW", pl.col("VALUE").alias("DAY")
    )
    shared = days.filter((pl.col("N") >= patients) & (pl.col("N") >= share * pl.col("LIVING")))
    return [
        column_finding(
            {**r, "DOMAIN": "SS", "VARIABLE": "LKADTC"},
            f"{r['N']} of {r['LIVING']} living patients have the same date last known alive, {r['VALUE']}.",
        )
        for r in run(shared).iter_rows(named=True)
    ]
