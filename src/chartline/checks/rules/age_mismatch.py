"""The recorded age is the age that the date of birth gives at first dose.

A difference of one year is often the day on which age was written down; it is asked like any other. Where the two
ages decide an eligibility criterion differently (a criterion of the protocol on AGE alone), whether the subject is
in the study is in doubt, and the query blocks. A partial date of birth gives a range of ages.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.ages import is_older, is_younger, whole_years
from chartline.checks.bounds import recorded
from chartline.checks.context import SUBJECT, Context
from chartline.checks.model import Cell, Finding, Group, Rule, cell
from chartline.checks.wording import value_words
from chartline.core.dates import age_in_years
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="age_mismatch",
    group=Group.IDENTITY,
    sentence="The recorded age agrees with the date of birth at first dose.",
    severity=Severity.WARN,
    topics=frozenset({Topic.BASELINE}),
    asks="Please check the date of birth and the age at first dose, and correct the wrong one.",
)


def find(context: Context) -> list[Finding]:
    """Return one finding a subject whose recorded age lies outside the ages the date of birth can mean."""
    rows = (
        context.birth.join(context.stated("DM", "AGE"), on=SUBJECT, suffix="_AGE", maintain_order="left")
        .join(context.first_dose, on=SUBJECT, suffix="_DOSE", maintain_order="left")
        .with_columns(age_in_years("HI", "LO_DOSE").alias("YOUNGEST"), age_in_years("LO", "LO_DOSE").alias("OLDEST"))
    )
    rows = rows.rename({"VALUE_AGE": "AGE", "VALUE_OP": "AGE_OP"})
    nearest = pl.when(is_older("AGE", "OLDEST")).then("OLDEST").when(is_younger("AGE", "YOUNGEST")).then("YOUNGEST")
    rows = rows.with_columns(whole_years("AGE").alias("RECORDED"), nearest.cast(pl.Int64).alias("FROM_BIRTH"))
    rows = rows.filter(pl.col("FROM_BIRTH").is_not_null())
    decides = context.age_decides(rows, "RECORDED", "FROM_BIRTH")
    return [_finding(context, r, d) for r, d in zip(rows.iter_rows(named=True), decides, strict=True)]


def _finding(context: Context, r: dict[str, Any], decides: bool) -> Finding:
    birth, age = (
        cell(r, "DM", "BRTHDTC"),
        Cell("DM", "AGE", r["BLOCK_AGE"], r["ROW_AGE"], recorded(r, "AGE"), unit="years"),
    )
    dose, event = context.day_zero(r, "_DOSE"), context.protocol.index_rows.event
    years = abs(r["RECORDED"] - r["FROM_BIRTH"])
    message = (
        f"The date of birth gives an age of {r['FROM_BIRTH']} at {event}, {years:.0f} year{'s' * (years > 1)} from the "
        f"recorded {value_words(recorded(r, 'AGE'))}."
    )
    if not decides:
        return Finding(r["CENTRE"], r["USUBJID"], (age, birth, dose), message)
    return Finding(
        r["CENTRE"],
        r["USUBJID"],
        (birth, age, dose),
        f"{message} Eligibility depends on which is right.",
        severity=Severity.BLOCK,
        topics=frozenset({Topic.ELIGIBILITY}),
    )
