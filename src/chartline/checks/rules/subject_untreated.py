"""Every subject has a dose of the index drug.

A subject without any has no time origin and fails 'treated'; that may be true (screened only), or the doses are
elsewhere.
"""

from __future__ import annotations

from chartline.checks.context import SUBJECT, Context
from chartline.checks.model import Cell, Finding, Group, Rule
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="subject_untreated",
    group=Group.TREATMENT,
    sentence="Every subject has at least one dose of the index drug, or the index event.",
    severity=Severity.WARN,
    topics=frozenset({Topic.FIRST_DOSE}),
    asks="Please say whether this patient received the drug and, if so, give the doses and their dates.",
)


def find(context: Context) -> list[Finding]:
    """Return one finding a subject without a dose record of the index drug."""
    treatment, index = context.protocol.treatment, context.protocol.index_rows
    lacking = f"No dose of {treatment.label} is recorded" if treatment else f"No {index.event} is recorded"
    asks = "" if treatment else f"Please give the date of {index.event}."
    rows = context.subjects.join(run(index.of(context.data)), on=SUBJECT, how="anti", maintain_order="left")
    return [
        Finding(
            r["CENTRE"],
            r["USUBJID"],
            (Cell(r["DOMAIN"], "USUBJID", r["BLOCK"], r["ROW"], r["USUBJID"], label="Subject"),),
            f"{lacking} for this patient.",
            asks,
        )
        for r in rows.iter_rows(named=True)
    ]
