"""What is said to have happened has a date: a death, a relapse, a marrow; and a living subject a last contact.

A death or relapse without a date cannot be placed in any time to event, and blocks. An assessment or a laboratory
value without a date (unless it is a summary, such as a cycle's worst value) cannot be used; it is asked.
"""

from __future__ import annotations

import polars as pl

from chartline.checks.context import SUBJECT, Context
from chartline.checks.model import Cell, Finding, Group, Rule, cell
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="date_missing",
    group=Group.COMPLETENESS,
    sentence="A death, a relapse, an assessment and a last contact have their dates.",
    severity=Severity.BLOCK,
    topics=frozenset({Topic.FOLLOW_UP}),
    asks="Please give the date.",
)


def find(context: Context) -> list[Finding]:
    """Return one finding a subject and missing date."""
    return [
        *_undated(context, "DTHFL", "DTHDTC", Topic.DEATH, "The patient is recorded as dead without a date of death."),
        *_undated(context, "RELAPSE", "RELDTC", Topic.RELAPSE, "A relapse is recorded without its date."),
        *_never_seen(context),
        *_records(context),
    ]


def _undated(context: Context, flag: str, date: str, topic: Topic, message: str) -> list[Finding]:
    yes = context.stated("SS", flag).filter(pl.col("VALUE") == "Y")
    rows = yes.join(context.stated("SS", date), on=SUBJECT, how="anti", maintain_order="left")
    return [
        Finding(
            r["CENTRE"],
            r["USUBJID"],
            (Cell("SS", date, r["BLOCK"], r["ROW"]), cell(r, "SS", flag)),
            message,
            topics=frozenset({topic}),
        )
        for r in rows.iter_rows(named=True)
    ]


def _never_seen(context: Context) -> list[Finding]:
    """Subjects who are not said to have died and have no date last known alive.

    Where every endpoint ends with the observation period, as in a database, its end is as good as a last contact.
    """
    dead = pl.concat(
        [context.death.select(SUBJECT), context.stated("SS", "DTHFL").filter(pl.col("VALUE") == "Y").select(SUBJECT)]
    )
    rows = context.subjects.join(context.last_alive, on=SUBJECT, how="anti", maintain_order="left")
    rows = rows.join(dead, on=SUBJECT, how="anti", maintain_order="left")
    if context.protocol.ends_with_observation:
        rows = rows.join(context.stated("SS", "OBSENDTC"), on=SUBJECT, how="anti", maintain_order="left")
    return [
        Finding(
            r["CENTRE"],
            r["USUBJID"],
            (Cell(r["DOMAIN"], "USUBJID", r["BLOCK"], r["ROW"], r["USUBJID"], label="Subject"),),
            "Neither a death nor a date last known alive is recorded.",
            "Please give the date on which the patient was last known alive, or the date of death.",
            severity=Severity.WARN,
        )
        for r in rows.iter_rows(named=True)
    ]


def _records(context: Context) -> list[Finding]:
    marrow = context.data["RS"].filter(pl.col("RSDTC").is_null() & pl.col("BMBLAST").is_not_null())
    sample = context.data["LB"].filter(
        pl.col("LBDTC").is_null() & pl.col("LBSUMM").is_null() & pl.col("LBORRES").is_not_null()
    )
    kinds = (
        (marrow, "RS", "RSDTC", Topic.RESPONSE, "A marrow has no date, so it cannot be counted."),
        (sample, "LB", "LBDTC", Topic.BLOOD_COUNTS, "A laboratory value has no date, so it cannot be counted."),
    )
    return [
        Finding(
            r["CENTRE"],
            r["USUBJID"],
            (Cell(domain, date, r["BLOCK"], r["ROW"]),),
            message,
            severity=Severity.WARN,
            topics=frozenset({topic}),
        )
        for rows, domain, date, topic, message in kinds
        for r in rows.select(*SUBJECT, "BLOCK", "ROW").iter_rows(named=True)
    ]
