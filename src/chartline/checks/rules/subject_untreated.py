"""Every subject has a dose of the index drug.

A subject without any has no time origin and fails 'treated'; that may be true (screened only), or the doses are
elsewhere.
"""

from __future__ import annotations

from chartline.checks.context import SUBJECT, Context
from chartline.checks.model import Cell, Finding, Rule
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="subject_untreated",
    sentence="Every subject has at least one dose of the index drug.",
    severity=Severity.WARN,
    topics=frozenset({Topic.FIRST_DOSE}),
    asks="Please say whether this patient received the drug and, if so, give the doses and their dates.",
)


def find(context: Context) -> list[Finding]:
    """Return one finding a subject without a dose record of the index drug."""
    treatment = context.protocol.treatment
    doses = context.data["EX"].filter(context.data["EX"]["EXTRT"] == treatment.drug)
    rows = context.subjects.join(doses, on=SUBJECT, how="anti", maintain_order="left")
    return [
        Finding(
            r["CENTRE"],
            r["USUBJID"],
            (Cell(r["DOMAIN"], "USUBJID", r["BLOCK"], r["ROW"], r["USUBJID"], label="Subject"),),
            f"No dose of {treatment.label} is recorded for this patient.",
        )
        for r in rows.iter_rows(named=True)
    ]
