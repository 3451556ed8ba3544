"""A patient is not older than `oldest` years at day 0.

100 years is our choice: the oldest patients of trials in acute leukaemia are in their nineties. A birth in the wrong
century (a year of two digits, completed by a spreadsheet) gives such an age. Where a recorded age and a date of birth
disagree `age_mismatch` asks; where most dates are before birth, `before_birth`.
"""

from __future__ import annotations

import polars as pl

from chartline.checks.ages import is_older, is_younger
from chartline.checks.bounds import recorded
from chartline.checks.context import SUBJECT, Context
from chartline.checks.dates import FIRST_POSSIBLE
from chartline.checks.model import Cell, Finding, Group, Rule, cell
from chartline.checks.wording import value_words
from chartline.core.compare import holds
from chartline.core.dates import age_in_years
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="age_implausible",
    group=Group.IDENTITY,
    sentence="A patient is at most 100 years old, and a recorded age is not below zero.",
    severity=Severity.WARN,
    topics=frozenset({Topic.BASELINE}),
    asks="Please check the date of birth (day, month and year) and the age, and give the right ones.",
    parameters={"oldest": 100},
)


def find(context: Context, *, oldest: float) -> list[Finding]:
    """Return one finding a subject whose age cannot be right, by the date of birth or as recorded."""
    event = context.protocol.index_rows.event
    stated = context.stated("DM", "AGE").lazy()
    zero = context.first_dose.lazy().select(*SUBJECT, pl.col("LO").alias("ZERO"))
    births = context.birth.lazy().filter(pl.col("HI") >= FIRST_POSSIBLE).join(zero, on=SUBJECT, maintain_order="left")
    aged = births.with_columns(age_in_years("HI", "ZERO").alias("YEARS"), age_in_years("LO", "ZERO").alias("MOST"))
    aged = aged.join(
        stated.select(*SUBJECT, SAID="VALUE", SAID_OP="VALUE_OP"), on=SUBJECT, how="left", maintain_order="left"
    )
    agree = ~(is_younger("SAID", "YEARS") | is_older("SAID", "MOST")).fill_null(False)
    old = run(aged.filter((pl.col("YEARS") > oldest) & agree))
    said = run(
        stated.join(births, on=SUBJECT, how="anti", maintain_order="left").filter(
            holds("VALUE", ">", oldest) | holds("VALUE", "<", 0)
        )
    )
    by_birth = [
        Finding(
            r["CENTRE"],
            r["USUBJID"],
            (cell(r, "DM", "BRTHDTC"),),
            f"Born {r['VALUE']}, the patient would have been {r['YEARS']} years old at {event}.",
        )
        for r in old.iter_rows(named=True)
    ]
    by_record = [
        Finding(
            r["CENTRE"],
            r["USUBJID"],
            (Cell("DM", "AGE", r["BLOCK"], r["ROW"], recorded(r, "VALUE"), unit="years"),),
            f"The recorded age is {value_words(recorded(r, 'VALUE'))} years.",
        )
        for r in said.iter_rows(named=True)
    ]
    return [*by_birth, *by_record]
