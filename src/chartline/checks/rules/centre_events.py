"""A centre records as many adverse events a patient as the others.

The number of events of each treated patient, none included; the centre against all others by Wilcoxon's rank sum. Told
is where the chance is below `chance` (0.01) after Bonferroni over the centres and a patient of this centre has the
fewer (or the more) events in `higher` (0.75) of all pairs; from `patients` (10) patients on each side. Under-reporting
is the usual cause (Kirkwood et al., Clin Trials 2013;10:783, on sites with too few adverse events); the limits are
ours.
"""

from __future__ import annotations

import polars as pl

from chartline.checks.comparisons import apart
from chartline.checks.context import SUBJECT, Context, Whole
from chartline.checks.model import Finding, Group, Rule, Scope, Seen
from chartline.checks.tallies import added, first_rows, tally
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="centre_events",
    group=Group.CENTRES,
    scope=Scope.STUDY,
    sentence="A centre records as many adverse events a patient as the others.",
    severity=Severity.NOTE,
    topics=frozenset({Topic.ADVERSE_EVENTS}),
    asks="Please check that all adverse events of all patients were sent.",
    parameters={"chance": 0.01, "higher": 0.75, "patients": 10},
)
_SHOWN = 3


def gather(context: Context, **_: float) -> Seen:
    """Gather how many treated patients have each number of events, and the first doses of the first of them."""
    events = context.adverse_events.lazy().group_by(SUBJECT).agg(pl.len().cast(pl.Int64).alias("EVENTS"))
    treated = context.first_dose.lazy().join(events, on=SUBJECT, how="left")
    counts = treated.select("CENTRE", pl.lit("events").alias("NAME"), pl.col("EVENTS").fill_null(0).alias("VALUE"))
    shown = context.first_dose.lazy().select("CENTRE", "VALUE", "BLOCK", "ROW")
    return {"counts": tally(counts, ["CENTRE", "NAME", "VALUE"]), "first": first_rows(shown, ["CENTRE"], _SHOWN)}


def find(whole: Whole, seen: Seen, *, chance: float, higher: float, patients: float) -> list[Finding]:
    """Return one finding a centre whose patients have far fewer or far more events than all others."""
    counts = run(added(seen["counts"], ["CENTRE", "NAME", "VALUE"]))
    events = counts["VALUE"] * counts["N"]
    findings = []
    for c in apart(counts.lazy(), patients=patients, chance=chance, higher=higher):
        first = run(first_rows(seen["first"].filter(pl.col("CENTRE") == c.centre), ["CENTRE"], _SHOWN))
        cells = tuple(whole.day_zero(r) for r in first.iter_rows(named=True))
        own = int(events.filter(counts["CENTRE"] == c.centre).sum())
        here, there = own / c.patients, (int(events.sum()) - own) / c.others
        message = (
            f"The {c.patients} treated patients of this centre have {here:.1f} adverse events each, those "
            f"elsewhere {there:.1f} ({c.others} patients)."
        )
        findings.append(Finding(c.centre, "", cells, message))
    return findings
