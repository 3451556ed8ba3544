"""A new therapy has a start date.

Without one it neither ends the window of response nor censors; a patient treated again would count as untreated. What
stands in the cell and could not be read is asked already.
"""

from __future__ import annotations

import polars as pl

from chartline.checks.context import Context
from chartline.checks.model import Cell, Finding, Group, Rule
from chartline.checks.wording import term_words
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="therapy_undated",
    group=Group.COMPLETENESS,
    sentence="A new therapy has a start date.",
    severity=Severity.WARN,
    topics=frozenset({Topic.NEW_THERAPY}),
    asks="Please give the date on which it was begun; the month alone is a help.",
)


def find(context: Context) -> list[Finding]:
    """Return one finding a new therapy without a start."""
    undated = context.new_therapy.filter(pl.col("VALUE").is_null())
    return [
        Finding(
            r["CENTRE"],
            r["USUBJID"],
            (Cell(r["DOMAIN"], r["START_AT"], r["BLOCK"], r["ROW"]),),
            f"{term_words(r['NAME']) if r['NAME'] else 'A new therapy'} is recorded without a start date.",
        )
        for r in undated.iter_rows(named=True)
        if not context.is_filled(r["DOMAIN"], r["START_AT"], r["BLOCK"], r["ROW"])
    ]
