"""A treated patient who lived long enough has an assessment on treatment.

`days` (60, our choice: two cycles) after the first dose a patient known to be alive has had a marrow in any schedule;
without one there is no response to speak of, and the patient counts as not evaluable. Asked once a patient, or once a
centre that sends none; of a study that reads no assessment nobody is asked.
"""

from __future__ import annotations

import polars as pl

from chartline.checks.completeness import gather_needed, lacking, treated
from chartline.checks.context import SUBJECT, Context, Whole
from chartline.checks.model import Finding, Group, Rule, Scope, Seen
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="assessment_absent",
    group=Group.COMPLETENESS,
    scope=Scope.STUDY,
    sentence="A treated patient who lived for 60 days has an assessment on treatment.",
    severity=Severity.WARN,
    topics=frozenset({Topic.RESPONSE}),
    asks="Please give the first marrow or assessment after the first dose, or say that there was none.",
    parameters={"days": 60},
)


def gather(context: Context, *, days: float) -> Seen:
    """Gather the patients without an assessment."""
    if context.protocol.treatment is None or not context.reads.assessments:
        return {}
    zero = context.first_dose.lazy().select(*SUBJECT, pl.col("LO").alias("ZERO"))
    alive = pl.concat(f.lazy().select(*SUBJECT, "LO") for f in (context.last_alive, context.death))
    until = alive.group_by(SUBJECT).agg(pl.col("LO").max().alias("UNTIL"))
    lived = (pl.col("UNTIL") - pl.col("ZERO")).dt.total_days() >= days
    assessed = context.assessments.lazy().filter("ON").select(SUBJECT).unique().with_columns(PRESENT=pl.lit(True))
    patients = (
        treated(context)
        .join(zero, on=SUBJECT, maintain_order="left")
        .join(until, on=SUBJECT, maintain_order="left")
        .filter(lived)
        .join(assessed, on=SUBJECT, how="left", maintain_order="left")
    )
    here = {"WHAT": pl.lit("assessment"), "VARIABLE": pl.lit("USUBJID")}
    return gather_needed(
        context, patients.select(*SUBJECT, "DOMAIN", "BLOCK", "ROW", "ZERO", pl.col("PRESENT").fill_null(False), **here)
    )


def find(whole: Whole, seen: Seen, **_: float) -> list[Finding]:
    """Return one finding a patient, or a centre."""
    if not seen:
        return []
    return lacking(
        seen,
        lambda _, r: (
            f"No assessment on treatment is recorded, though the patient lived on after {r['ZERO']}, the first dose."
        ),
        lambda _, r: f"No patient of this centre ({r['N']} treated) has an assessment on treatment.",
        "Please send the marrows and assessments after the first dose.",
    )
