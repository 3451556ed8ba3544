"""A centre's dates are as complete as those of the others.

For each patient the share of dates that are a month or a year alone; the centre against all others by Wilcoxon's rank
sum. Told is where the chance is below `chance` (0.01) after Bonferroni over the centres and a patient of this centre
has the more partial dates in `higher` (0.75) of all pairs; from `patients` (10) patients on each side. Dates of birth
are left out (a year may be all that is allowed), and centres that count days have no partial dates. Limits ours.
"""

from __future__ import annotations

import polars as pl

from chartline.checks.comparisons import apart
from chartline.checks.context import SUBJECT, Context, Whole
from chartline.checks.model import Finding, Group, Rule, Scope, Seen, cell
from chartline.checks.tallies import added, first_rows
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


def gather(context: Context, **_: float) -> Seen:
    """Gather how many patients have each share of partial dates, and the first of these dates."""
    counted = ~pl.col("CENTRE").is_in(list(context.study_days.events))
    partial = pl.col("LO") != pl.col("HI")
    rows = context.dated.lazy().filter(counted & pl.col("LO").is_not_null())
    of_patient = rows.group_by(SUBJECT).agg(
        partial.mean().alias("VALUE"), partial.sum().alias("PARTIAL"), pl.len().alias("DATES")
    )  # fmt: skip
    named = of_patient.with_columns(pl.lit("dates").alias("NAME"))
    shares = named.group_by("CENTRE", "NAME", "VALUE").agg(
        pl.len().cast(pl.Int64).alias("N"), pl.col("PARTIAL", "DATES").cast(pl.Int64).sum()
    )
    shown = rows.filter(partial).select("CENTRE", "DOMAIN", "VARIABLE", "VALUE", "BLOCK", "ROW")
    return {"shares": shares, "first": first_rows(shown, ["CENTRE"], _SHOWN)}


def find(whole: Whole, seen: Seen, *, chance: float, higher: float, patients: float) -> list[Finding]:
    """Return one finding a centre whose patients have far more partial dates than all others."""
    shares = run(added(seen["shares"], ["CENTRE", "NAME", "VALUE"], "PARTIAL", "DATES"))
    odd = [c for c in apart(shares.lazy(), patients=patients, chance=chance, higher=higher) if c.higher > 0.5]
    findings = []
    for c in odd:
        is_here = pl.col("CENTRE") == c.centre
        (k, n), (b, m) = (shares.filter(f).select(pl.col("PARTIAL", "DATES").sum()).row(0) for f in (is_here, ~is_here))
        first = run(first_rows(seen["first"].filter(is_here), ["CENTRE"], _SHOWN))
        cells = tuple(cell(r, r["DOMAIN"], r["VARIABLE"]) for r in first.iter_rows(named=True))
        message = f"{k} of {n} dates of this centre are a month or a year alone, elsewhere {b} of {m}."
        findings.append(Finding(c.centre, "", cells, message))
    return findings
