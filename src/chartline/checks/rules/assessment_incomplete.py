"""An assessment on treatment has what response criteria look at: marrow and blood blasts, extramedullary disease.

Without one of them a response may not be told from none; a value such as NOT ASSESSED is an answer. Findings of one
day in several rows are one assessment. Asked once a patient, or once a centre that never records it; not where the
protocol takes the response as recorded.
"""

from __future__ import annotations

import polars as pl

from chartline.checks.completeness import gather_needed, lacking
from chartline.checks.context import SUBJECT, Context, Whole
from chartline.checks.model import Finding, Group, Rule, Scope, Seen
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="assessment_incomplete",
    group=Group.COMPLETENESS,
    scope=Scope.STUDY,
    sentence="An assessment on treatment has marrow blasts, blood blasts and extramedullary disease.",
    severity=Severity.WARN,
    topics=frozenset({Topic.RESPONSE}),
    asks="Please give what is missing, or say that it was not looked at.",
)
_PARTS = {"BMBLAST": "marrow blasts", "PBBLAST": "blood blasts", "EMD": "extramedullary disease"}


def gather(context: Context) -> Seen:
    """Gather what assessments lack."""
    if context.protocol.response.criteria == "recorded":
        return {}
    of = [*SUBJECT, "DAY"]
    days = context.assessments.lazy().group_by(of, maintain_order=True)
    present = [pl.col(p).is_not_null().any().alias(p) for p in _PARTS]
    per_day = days.agg(pl.col("ON").any(), *present, pl.col("BLOCK", "ROW").first()).filter("ON")
    needed = pl.concat(
        per_day.select(
            *of, "BLOCK", "ROW", DOMAIN=pl.lit("RS"), VARIABLE=pl.lit(p), WHAT=pl.lit(words), PRESENT=pl.col(p)
        )
        for p, words in _PARTS.items()
    ).sort(of, maintain_order=True)
    return gather_needed(context, needed)


def find(whole: Whole, seen: Seen) -> list[Finding]:
    """Return one finding a patient, or a centre that never records it."""
    if not seen:
        return []
    return lacking(
        seen,
        _of_patient,
        lambda what, r: (
            f"No assessment of this centre ({r['N']} patients) has {what}, which the response criteria ask."
        ),
        "Please send it for every assessment, or say that it was not looked at.",
    )


def _of_patient(what: str, r: dict[str, str]) -> str:
    on = f" of {r['DAY']}" if r["DAY"][:1].isdigit() else ""
    return f"The assessment{on} lacks {what}."
