"""What Table 1 of the protocol prints is recorded of every treated patient.

Asked are the characteristics of `report.table1` that at least `share` (0.95, our choice) of the treated patients have
at the centres that record them at all: what fewer have is often not there to be had (the duration of a first
remission of a refractory patient). What eligibility needs is `eligibility_unknown`'s. One query a patient. What a
centre never records is told, not asked: Table 1 counts it as missing.
"""

from __future__ import annotations

import polars as pl

from chartline.checks.completeness import characteristics, gather_needed, lacking
from chartline.checks.context import Context, Whole
from chartline.checks.model import Finding, Group, Rule, Scope, Seen
from chartline.checks.tallies import added, tally_true
from chartline.core.condition import parse_condition
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="baseline_missing",
    group=Group.COMPLETENESS,
    scope=Scope.STUDY,
    sentence="What Table 1 of the protocol prints is recorded of every treated patient.",
    severity=Severity.WARN,
    topics=frozenset({Topic.BASELINE}),
    asks="Please give what is missing, or say that it is not known.",
    parameters={"share": 0.95},
)


def gather(context: Context, **_: float) -> Seen:
    """Gather what patients do not have, and how many of a centre's have it."""
    decided = {v for c in context.protocol.eligibility for v in parse_condition(c.require).variables}
    names = [n for n in context.protocol.report.table1 if n not in decided]
    needed = characteristics(context, names)
    if "PRESENT" not in needed.collect_schema():
        return {}
    return {**gather_needed(context, needed), "recorded": tally_true(needed, ["CENTRE", "WHAT"], "PRESENT")}


def find(whole: Whole, seen: Seen, *, share: float) -> list[Finding]:
    """Return one finding a patient, or a centre where no patient has it."""
    if not seen:
        return []
    here = added(seen["recorded"], ["CENTRE", "WHAT"], "PRESENT").filter(pl.col("PRESENT") > 0)
    of_all = added(here, ["WHAT"], "PRESENT")
    usual = of_all.filter(pl.col("PRESENT") / pl.col("N") >= share)
    return lacking(
        {**seen, "absent": seen["absent"].join(usual, on="WHAT", how="semi", maintain_order="left")},
        lambda what, _: f"Not recorded at baseline: {what}.",
        lambda what, r: f"No patient of this centre ({r['N']} treated) has at baseline: {what}.",
        "If it is known, please send it for every patient.",
        habit=Severity.NOTE,
    )
