"""A centre's dates are as complete as those of the others.

For each patient the share of dates that are a month or a year alone; the centre against all others by Wilcoxon's rank
sum. Told is where the chance is below `chance` (0.01) after Bonferroni over the centres and a patient of this centre
has the more partial dates in `higher` (0.75) of all pairs; from `patients` (10) patients on each side. Dates of birth
are left out (a year may be all that is allowed), and centres that count days have no partial dates. Limits ours.
"""

from __future__ import annotations

import polars as pl

from chartline.checks.comparisons import apart
from chartline.checks.context import SUBJECT, Context
from chartline.checks.model import Finding, Group, Rule, Scope, cell
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="centre_partial_dates",
    group=Group.CENTRES,
    scope=Scope.STUDY,
    sentence="A centre's dates are as complete as those of the others.",
    severity=Severity.NOTE,
    topics=frozenset({Topic.FOLLOW_UP}),
    asks="Please give the day where the chart has it.",
    parameters={"chance": 0.01, "higher": 0.75, "patients": 10},
)
_SHOWN = 3


def find(context: Context, *, chance: float, higher: float, patients: float) -> list[Finding]:
    """Return one finding a centre whose patients have far more partial dates than all others."""
    counted = ~pl.col("CENTRE").is_in(list(context.data.study_days.events))
    partial = pl.col("LO") != pl.col("HI")
    rows = context.dated.lazy().filter(counted & pl.col("LO").is_not_null())
    shares = rows.group_by(SUBJECT).agg(partial.mean().alias("VALUE")).with_columns(pl.lit("dates").alias("NAME"))
    odd = [c for c in apart(shares, patients=patients, chance=chance, higher=higher) if c.higher > 0.5]
    if not odd:
        return []
    sums = run(rows.group_by("CENTRE").agg(partial.sum().alias("K"), pl.len().alias("N")))
    findings = []
    for c in odd:
        is_here = pl.col("CENTRE") == c.centre
        (k, n), (b, m) = (sums.filter(f).select(pl.col("K", "N").sum()).row(0) for f in (is_here, ~is_here))
        first = run(rows.filter(is_here & partial).head(_SHOWN))
        cells = tuple(cell(r, r["DOMAIN"], r["VARIABLE"]) for r in first.iter_rows(named=True))
        message = f"{k} of {n} dates of this centre are a month or a year alone, elsewhere {b} of {m}."
        findings.append(Finding(c.centre, "", cells, message))
    return findings
