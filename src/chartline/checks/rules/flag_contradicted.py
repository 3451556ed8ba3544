"""A 'no' is not followed by the details of a 'yes'.

Procedure not done, no relapse, not dead: with a date (or, for the living, a cause of death) filled in, either the
flag or the details are wrong. A filled date is in conflict and blocks; a detail without a date is asked.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.context import SUBJECT, Context
from chartline.checks.model import Cell, Finding, Group, Rule, cell
from chartline.checks.wording import term_words
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="flag_contradicted",
    group=Group.IDENTITY,
    sentence="Where a flag says no, no date or detail of a yes is filled in.",
    severity=Severity.BLOCK,
    topics=frozenset({Topic.TRANSPLANT}),
    asks="Please say whether it happened, and correct the flag or remove the details.",
)
_PROCEDURE = ("PRSTDTC", "PRDONOR", "PRCOND")
_STATED = (
    ("RELAPSE", "RELDTC", Severity.BLOCK, Topic.RELAPSE, "No relapse is recorded, but a date of relapse is filled in."),
    ("RELAPSE", "RELTYPE", Severity.WARN, Topic.RELAPSE, "No relapse is recorded, but a site of relapse is filled in."),
    (
        "DTHFL",
        "DTHDTC",
        Severity.BLOCK,
        Topic.DEATH,
        "The patient is recorded as alive, but a date of death is filled in.",
    ),
    (
        "DTHFL",
        "DTHCAUS",
        Severity.WARN,
        Topic.DEATH,
        "The patient is recorded as alive, but a cause of death is filled in.",
    ),
)


def find(context: Context) -> list[Finding]:
    """Return one finding a contradicted flag."""
    return [*_procedures(context), *(f for one in _STATED for f in _statements(context, *one))]


def _procedures(context: Context) -> list[Finding]:
    filled = pl.any_horizontal(pl.col(c).is_not_null() for c in _PROCEDURE)
    rows = context.data["PR"].filter((pl.col("PROCCUR") == "N") & filled)
    return [_procedure(r) for r in rows.iter_rows(named=True)]


def _procedure(r: dict[str, Any]) -> Finding:
    names = ("PROCCUR", *(c for c in _PROCEDURE if r[c] is not None))
    what = term_words(r["PRTRT"] or "The procedure")
    details = "its date is" if r["PRSTDTC"] else "details of it are"
    return Finding(
        r["CENTRE"],
        r["USUBJID"],
        tuple(Cell("PR", n, r["BLOCK"], r["ROW"], r[n]) for n in names),
        f"{what} is recorded as not done, but {details} filled in.",
        severity=Severity.BLOCK if r["PRSTDTC"] else Severity.WARN,
    )


def _statements(
    context: Context, flag: str, detail: str, severity: Severity, topic: Topic, message: str
) -> list[Finding]:
    no = context.stated("SS", flag).filter(pl.col("VALUE") == "N")
    rows = no.join(context.stated("SS", detail), on=SUBJECT, suffix="_DETAIL", maintain_order="left")
    return [
        Finding(
            r["CENTRE"],
            r["USUBJID"],
            (cell(r, "SS", flag), cell(r, "SS", detail, "_DETAIL")),
            message,
            severity=severity,
            topics=frozenset({topic}),
        )
        for r in rows.iter_rows(named=True)
    ]
