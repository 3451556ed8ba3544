"""A transplantation that was done after the index treatment has a date.

Without one it stands nowhere in the patient's course: it is neither an event nor a reason to censor. One before the
index treatment needs none. What stands in the cell and could not be read is asked already.
"""

from __future__ import annotations

import polars as pl

from chartline.checks.context import Context
from chartline.checks.model import Cell, Finding, Group, Rule
from chartline.checks.wording import term_words
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="procedure_undated",
    group=Group.COMPLETENESS,
    sentence="A transplantation after the index treatment has a date.",
    severity=Severity.BLOCK,
    topics=frozenset({Topic.TRANSPLANT}),
    asks="Please give the date of the infusion; the month alone is a help.",
)


def find(context: Context) -> list[Finding]:
    """Return one finding a transplantation without a date."""
    undated = context.transplants.filter(pl.col("VALUE").is_null() & (pl.col("PRTIMING") != "BEFORE").fill_null(True))
    said = undated.filter((pl.col("PROCCUR") == "Y") | pl.col("PRDONOR").is_not_null() | pl.col("PRCOND").is_not_null())
    return [
        Finding(
            r["CENTRE"],
            r["USUBJID"],
            (Cell("PR", "PRSTDTC", r["BLOCK"], r["ROW"]),),
            f"{term_words(r['PRTRT'] or 'The transplantation')} is recorded without a date.",
        )
        for r in said.iter_rows(named=True)
        if not context.is_filled("PR", "PRSTDTC", r["BLOCK"], r["ROW"])
    ]
