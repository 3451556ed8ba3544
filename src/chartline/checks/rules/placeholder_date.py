"""No date is one that software writes for nothing, or that a spreadsheet made of a small number.

Nobody in a study was born, treated or seen before 1905: 1899-12-30 to 1900-01-31 are numbers or blanks in cells
formatted as dates, 1904-01-01 and the days after it the same under the other date system of spreadsheets, 1753-01-01
and 0001-01-01 the empty dates of databases. 1970-01-01 is the empty date of most programming languages; as a date of
birth it is left alone, for people were born that day. A centre that counts days has no such dates.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl

from chartline.checks.context import SUBJECT, Context
from chartline.checks.dates import FIRST_POSSIBLE, at_stake
from chartline.checks.model import Finding, Group, Rule, cell
from chartline.checks.wording import value_words
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="placeholder_date",
    group=Group.DATES,
    sentence="No date is one that software writes for nothing (before 1905, or 1970-01-01).",
    severity=Severity.WARN,
    topics=frozenset({Topic.FOLLOW_UP}),
    asks="Please give the right date (day, month and year), or leave the cell blank where it is not known.",
)
_EPOCH = dt.date(1970, 1, 1)


def find(context: Context) -> list[Finding]:
    """Return one finding a subject and variable with such a date; the first is shown."""
    births = context.birth.lazy().with_columns(DOMAIN=pl.lit("DM"), VARIABLE=pl.lit("BRTHDTC"))
    every = pl.concat([context.dated.lazy(), births])
    real = ~pl.col("CENTRE").is_in(list(context.data.study_days.events))
    epoch = (pl.col("LO") == _EPOCH) & (pl.col("HI") == _EPOCH) & (pl.col("VARIABLE") != "BRTHDTC")
    rows = every.filter(real & ((pl.col("HI") < FIRST_POSSIBLE) | epoch))
    keys = [*SUBJECT, "DOMAIN", "VARIABLE"]
    first = rows.group_by(keys, maintain_order=True).agg(
        pl.len().alias("N"), *(pl.col(c).first() for c in ("VALUE", "BLOCK", "ROW"))
    )
    return [_finding(r) for r in run(first).iter_rows(named=True)]


def _finding(r: dict[str, Any]) -> Finding:
    domain, variable = str(r["DOMAIN"]), str(r["VARIABLE"])
    severity, topics = at_stake(domain, variable)
    more = f" The patient has {r['N']} such dates here." if r["N"] != 1 else ""
    message = f"The date {value_words(r['VALUE'])} is one that software writes where there is none.{more}"
    cells = (cell(r, domain, variable),)
    return Finding(str(r["CENTRE"]), str(r["USUBJID"]), cells, message, severity=severity, topics=topics)
