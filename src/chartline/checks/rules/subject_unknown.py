"""Every subject that a table speaks of is in demographics, with a sex.

Records of a subject whom demographics do not know may be another subject's, mistyped; who the patient is, is in
doubt. A missing sex is asked.
"""

from __future__ import annotations

import polars as pl

from chartline.checks.context import SUBJECT, Context
from chartline.checks.model import Cell, Finding, Group, Rule
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="subject_unknown",
    group=Group.IDENTITY,
    sentence="Every subject is in demographics, with a sex.",
    severity=Severity.WARN,
    topics=frozenset({Topic.BASELINE}),
    asks="Please check the patient's number in this record, or send the patient's demographics.",
)


def find(context: Context) -> list[Finding]:
    """Return one finding a subject without demographics, or without a stated sex."""
    known = context.data["DM"]
    unknown = context.subjects.join(known, on=SUBJECT, how="anti", maintain_order="left")
    sex = context.statements("DM", "SEX").filter(pl.col("VALUE") != "U")
    unsexed = known.unique(SUBJECT, keep="first", maintain_order=True).join(
        sex, on=SUBJECT, how="anti", maintain_order="left"
    )
    return [
        *(_stranger(r) for r in unknown.iter_rows(named=True)),
        *(
            Finding(
                r["CENTRE"],
                r["USUBJID"],
                (Cell("DM", "SEX", r["BLOCK"], r["ROW"], r["SEX"]),),
                "The sex of this patient is not recorded.",
                "Please give the patient's sex.",
            )
            for r in unsexed.iter_rows(named=True)
        ),
    ]


def _stranger(r: dict[str, object]) -> Finding:
    return Finding(
        str(r["CENTRE"]),
        str(r["USUBJID"]),
        (Cell(str(r["DOMAIN"]), "USUBJID", r["BLOCK"], r["ROW"], r["USUBJID"], label="Subject"),),  # type: ignore[arg-type]
        "Records name this patient, but demographics do not.",
        severity=Severity.BLOCK,
        topics=frozenset({Topic.IDENTITY}),
    )
