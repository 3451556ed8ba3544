"""A centre's living patients were not all last seen on one day.

Where half of them (`share`) or more, and at least `patients` (4), have the same date last known alive, it is most
often the day on which the file was made, and nobody was seen on it: survival is then censored too late. Both are our
choice. The cut-off of the study is no exception: that a patient was alive then must be known of each. A centre that
counts days is not judged.
"""

from __future__ import annotations

import polars as pl

from chartline.checks.columns import DATE, column_finding, first_dates, with_dates
from chartline.checks.context import Context, Whole
from chartline.checks.model import Finding, Group, Rule, Scope, Seen
from chartline.checks.tallies import added, tally
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
_DAY = [*DATE, "VALUE"]


def gather(context: Context, **_: float) -> Seen:
    """Gather how many living patients of a centre were last known alive on each day, and the first of them."""
    real = ~pl.col("CENTRE").is_in(list(context.study_days.events))
    rows = context.living.lazy().filter(real & (pl.col("VALUE").str.len_chars() == 10))
    rows = rows.with_columns(DOMAIN=pl.lit("SS"), VARIABLE=pl.lit("LKADTC"))
    return {"days": tally(rows, _DAY), "first": first_dates(rows, _DAY)}


def find(whole: Whole, seen: Seen, *, share: float, patients: float) -> list[Finding]:
    """Return one finding a centre and shared day."""
    days = added(seen["days"], _DAY).with_columns(pl.col("N").sum().over("CENTRE").alias("LIVING"))
    shared = days.filter((pl.col("N") >= patients) & (pl.col("N") >= share * pl.col("LIVING")))
    return [
        column_finding(
            r, f"{r['N']} of {r['LIVING']} living patients have the same date last known alive, {r['VALUE']}."
        )
        for r in run(with_dates(shared, seen["first"], _DAY)).iter_rows(named=True)
    ]
