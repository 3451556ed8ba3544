"""The share of responders at a centre is that of the other centres.

Patients with an on-treatment assessment, and among them those whom the treating team ever recorded as responders; the
centre against all others by Fisher's exact test. Told is where the chance is below `chance` (0.01) after Bonferroni
over the centres and the shares are `apart` (0.25) or more; from `patients` (10) patients on each side. It may be the
patients; it may be what a centre calls a response, or that only some were sent. Central statistical monitoring: Venet
et al., Clin Trials 2012;9:705; the limits are ours.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.comparisons import fisher
from chartline.checks.context import SUBJECT, Context, Whole
from chartline.checks.model import Cell, Finding, Group, Rule, Scope, Seen
from chartline.checks.tallies import added, first_rows
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="centre_responders",
    group=Group.CENTRES,
    scope=Scope.STUDY,
    sentence="The share of recorded responders at a centre is that of the other centres.",
    severity=Severity.NOTE,
    topics=frozenset({Topic.RESPONSE}),
    asks="Please check that all treated patients and all assessments were sent.",
    parameters={"chance": 0.01, "apart": 0.25, "patients": 10},
)
_SHOWN = 3


def gather(context: Context, **_: float) -> Seen:
    """Gather of how many patients of a centre the response is recorded, K responders among them, and the first
    recorded responses of the first patients."""
    rows = context.assessments.lazy().filter(pl.col("ON") & pl.col("INVRESP").is_not_null())
    each = rows.group_by(SUBJECT, maintain_order=True).agg(
        pl.col("INVRESP").is_in(context.responses).any().alias("RESPONDED"),
        *(pl.col(c).first() for c in ("INVRESP", "BLOCK", "ROW")),
    )
    centres = each.group_by("CENTRE").agg(
        pl.len().cast(pl.Int64).alias("N"), pl.col("RESPONDED").sum().cast(pl.Int64).alias("K")
    )
    shown = each.select("CENTRE", "INVRESP", "BLOCK", "ROW")
    return {"centres": centres, "first": first_rows(shown, ["CENTRE"], _SHOWN)}


def find(whole: Whole, seen: Seen, *, chance: float, apart: float, patients: float) -> list[Finding]:
    """Return one finding a centre whose share of responders is far from that of all others together."""
    first = first_rows(seen["first"], ["CENTRE"], _SHOWN).group_by("CENTRE").agg("INVRESP", "BLOCK", "ROW")
    centres = run(added(seen["centres"], ["CENTRE"], "K").join(first, on="CENTRE", maintain_order="left"))
    every, all_k = int(centres["N"].sum()), int(centres["K"].sum())
    judged = centres.filter((pl.col("N") >= patients) & (every - pl.col("N") >= patients))
    findings = []
    for r in judged.iter_rows(named=True):
        n, k, m, b = r["N"], r["K"], every - r["N"], all_k - r["K"]
        if abs(k / n - b / m) >= apart and fisher(k, n, b, m) * judged.height <= chance:
            findings.append(
                _finding(r, f"{k} of {n} patients ({100 * k / n:.0f} %)", f"{b} of {m} ({100 * b / m:.0f} %)")
            )
    return findings


def _finding(r: dict[str, Any], here: str, there: str) -> Finding:
    cells = tuple(
        Cell("RS", "INVRESP", block, row, value)
        for value, block, row in zip(r["INVRESP"], r["BLOCK"], r["ROW"], strict=True)
    )
    return Finding(r["CENTRE"], "", cells, f"A response is recorded of {here} at this centre, elsewhere of {there}.")
