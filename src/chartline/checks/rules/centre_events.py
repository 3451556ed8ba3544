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
from chartline.checks.context import SUBJECT, Context
from chartline.checks.model import Finding, Group, Rule, Scope
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


def find(context: Context, *, chance: float, higher: float, patients: float) -> list[Finding]:
    """Return one finding a centre whose patients have far fewer or far more events than all others."""
    events = context.adverse_events.lazy().group_by(SUBJECT).agg(pl.len().alias("VALUE"))
    treated = context.first_dose.lazy().join(events, on=SUBJECT, how="left", suffix="_N", maintain_order="left")
    counts = treated.select(*SUBJECT, pl.lit("events").alias("NAME"), pl.col("VALUE_N").fill_null(0).alias("VALUE"))
    means = dict(run(counts.group_by("CENTRE").agg(pl.col("VALUE").mean())).iter_rows())
    total = run(counts.select(pl.col("VALUE").sum(), pl.len().alias("N"))).row(0)
    findings = []
    for c in apart(counts, patients=patients, chance=chance, higher=higher):
        first = context.first_dose.filter(pl.col("CENTRE") == c.centre).head(_SHOWN)
        cells = tuple(context.day_zero(r) for r in first.iter_rows(named=True))
        here = means[c.centre]
        there = (total[0] - here * c.patients) / c.others
        message = (
            f"The {c.patients} treated patients of this centre have {here:.1f} adverse events each, those "
            f"elsewhere {there:.1f} ({c.others} patients)."
        )
        findings.append(Finding(c.centre, "", cells, message))
    return findings
