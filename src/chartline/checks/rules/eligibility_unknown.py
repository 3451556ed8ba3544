"""What decides whether a patient belongs to the study is there: what the eligibility criteria name.

A criterion that cannot be judged leaves the patient out. Asked of treated patients only: who has no dose of the index
drug is `subject_untreated`'s. A missing sex is `subject_unknown`'s.
"""

from __future__ import annotations

from chartline.checks.completeness import characteristics, gather_needed, lacking
from chartline.checks.context import Context, Whole
from chartline.checks.model import Finding, Group, Rule, Scope, Seen
from chartline.core.condition import parse_condition
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="eligibility_unknown",
    group=Group.COMPLETENESS,
    scope=Scope.STUDY,
    sentence="Whatever an eligibility criterion of the protocol needs is recorded of every treated patient.",
    severity=Severity.WARN,
    topics=frozenset({Topic.ELIGIBILITY}),
    asks="Please give it; without it the patient cannot be counted.",
)


def gather(context: Context) -> Seen:
    """Gather what patients do not have."""
    wanted = list(dict.fromkeys(v for c in context.protocol.eligibility for v in parse_condition(c.require).variables))
    needed = characteristics(context, sorted(wanted))
    if "PRESENT" not in needed.collect_schema():
        return {}
    return gather_needed(context, needed)


def find(whole: Whole, seen: Seen) -> list[Finding]:
    """Return one finding a patient, or a centre where no patient has it."""
    if not seen:
        return []
    return lacking(
        seen,
        lambda what, _: f"Whether this patient belongs to the study cannot be judged: {what} not recorded.",
        lambda what, r: f"No patient of this centre ({r['N']} treated) has {what}, which decides who is in the study.",
        "Please send it for every patient, or say in which column it stands.",
    )
