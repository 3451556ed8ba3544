"""The index drug is not given before the patient's consent.

Where a centre gives a date of consent, the first dose does not lie more than `days` (0) before it. The days are a
window for a study whose consent may follow the treatment (a registry that asks within four weeks: 28). Where consent
was waived no date is recorded, and nothing is asked. Compared by the days that a partial date can mean. A study whose
consent is to the use of data alone switches the check off.

Source: ICH E6(R1) 4.8.8, which asks for a consent form that is signed and personally dated before a subject takes part
in the trial (read in a reprint). E6(R2) holds the same: 4.8 is not among the sections that its document history lists
as changed (read). In E6(R3) it is 2.8.7, before participation still, with an exception for emergencies (read).
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl

from chartline.checks.context import SUBJECT, Context
from chartline.checks.dates import likely_slip
from chartline.checks.model import Finding, Group, Rule, cell
from chartline.core.plans import run
from chartline.core.query import Severity, Topic
from chartline.core.sentences import counted

RULE = Rule(
    id="drug_before_consent",
    group=Group.TREATMENT,
    sentence="The index drug is not given before the patient's consent.",
    severity=Severity.WARN,
    topics=frozenset({Topic.ELIGIBILITY}),
    asks="Please check the date of consent and that of the first dose, or say that consent was waived.",
    parameters={"days": 0},
)
_USUAL = dt.timedelta(days=60)  # how long before the first dose a consent is looked for when a slip is named


def find(context: Context, *, days: float) -> list[Finding]:
    """Return one finding a subject whose first dose lies more than `days` before every day the consent can mean."""
    if context.protocol.treatment is None:
        return []
    consent = context.stated("DM", "RFICDTC").lazy()
    both = consent.join(context.first_dose.lazy(), on=SUBJECT, suffix="_DOSE", maintain_order="left")
    before = (pl.col("LO") - pl.col("HI_DOSE")).dt.total_days()
    rows = both.with_columns(before.alias("BEFORE")).filter(pl.col("BEFORE") > max(days, 0))
    return [_finding(context, r) for r in run(rows).iter_rows(named=True)]


def _finding(context: Context, r: dict[str, Any]) -> Finding:
    zero: dt.date = r["HI_DOSE"]
    least = "" if r["LO"] == r["HI"] else "at least "
    message = (
        f"The first dose was given on {r['VALUE_DOSE']}, {least}{counted(r['BEFORE'], 'day')} before the consent of "
        f"{r['VALUE']}."
    )
    slip = likely_slip(r["VALUE"], zero - _USUAL, zero)
    cells = (cell(r, "DM", "RFICDTC"), context.day_zero(r, "_DOSE"))
    return Finding(r["CENTRE"], r["USUBJID"], cells, f"{message} {slip}".rstrip())
