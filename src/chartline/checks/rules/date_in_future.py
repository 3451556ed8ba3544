"""Without a cut-off, no date lies long after those of all other patients.

A study that declares no last day (`data.cut_off`) cannot say of a date that it is in the future; but nobody can have
been seen `days` (365) or more after the last date of every other patient of the study, from `patients` (5) patients
on. Both are our choice. What lies after the last contact or the death of the patient alone is asked by
`alive_too_early` and `after_death`. Centres that count days are not judged: their dates are fictitious.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.context import SUBJECT, Context, Whole
from chartline.checks.dates import at_stake
from chartline.checks.model import Finding, Group, Rule, Scope, Seen, cell
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="date_in_future",
    group=Group.DATES,
    scope=Scope.STUDY,
    sentence="In a study without a cut-off no date lies a year after those of all other patients.",
    severity=Severity.WARN,
    topics=frozenset({Topic.FOLLOW_UP}),
    asks="Please check the date (day, month and year) and give the right one.",
    parameters={"days": 365, "patients": 5},
)


def gather(context: Context, **_: float) -> Seen:
    """Gather how many patients have dates, the two with the latest one, and the dates of the last of all."""
    judged = context.protocol.data.cut_off is None
    real = ~pl.col("CENTRE").is_in(list(context.study_days.events))
    every = context.dated.lazy().filter(real & judged)
    last = every.group_by(SUBJECT, maintain_order=True).agg(pl.col("LO").max().alias("LAST"))
    latest = last.sort("LAST", descending=True, nulls_last=True, maintain_order=True)
    own = every.join(latest.head(1), on=SUBJECT, how="semi", maintain_order="left")
    return {
        "patients": latest.select(pl.len().cast(pl.Int64).alias("N")),
        "latest": latest.head(2),
        "dates": own.select(*SUBJECT, "DOMAIN", "VARIABLE", "VALUE", "LO", "BLOCK", "ROW"),
    }


def find(whole: Whole, seen: Seen, *, days: float, patients: float) -> list[Finding]:
    """Return one finding a subject and variable; the latest date is shown."""
    if run(seen["patients"].sum())["N"][0] < patients:
        return []
    latest = run(seen["latest"].sort("LAST", descending=True, nulls_last=True, maintain_order=True))
    others = latest["LAST"][1]
    rows = seen["dates"].join(latest.head(1).lazy(), on=SUBJECT, how="semi", maintain_order="left")
    late = rows.filter((pl.col("LO") - pl.lit(others, pl.Date)).dt.total_days() >= days)
    late = late.sort("LO", descending=True, maintain_order=True)
    first = late.unique([*SUBJECT, "DOMAIN", "VARIABLE"], keep="first", maintain_order=True)
    return [_finding(r, str(others)) for r in run(first).iter_rows(named=True)]


def _finding(r: dict[str, Any], others: str) -> Finding:
    domain, variable = r["DOMAIN"], r["VARIABLE"]
    severity, topics = at_stake(domain, variable)
    message = f"The date {r['VALUE']} lies long after the last date of every other patient of the study, {others}."
    cells = (cell(r, domain, variable),)
    return Finding(r["CENTRE"], r["USUBJID"], cells, message, severity=severity, topics=topics)
