"""A negative MRD result does not stand on a marrow with 5 % blasts or more.

Flow cytometry that finds less than the usual limit of negativity and a morphology that finds overt leukaemia cannot be
the same sample (often it is another patient's, or another day's, result). Such a result never counts as MRD-negative
response, because it does not follow one; the centre is asked.
"""

from __future__ import annotations

import polars as pl

from chartline.checks.context import Context
from chartline.checks.model import Finding, Group, Rule, cell
from chartline.checks.wording import value_words
from chartline.core.compare import holds, value_text
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="mrd_without_remission",
    group=Group.RESPONSE,
    sentence="A marrow with a negative MRD result has fewer than 5 % blasts.",
    severity=Severity.WARN,
    topics=frozenset({Topic.MRD}),
    asks="Please check that the MRD report is this patient's and of this day, and give the right result.",
    parameters={"blasts": 5, "mrd_percent": 0.01},
)
_PAIR = ["CENTRE", "USUBJID", "DAY"]


def find(context: Context, *, blasts: float, mrd_percent: float) -> list[Finding]:
    """Return one finding a negative MRD result on the day (or row) of a marrow at or above the threshold."""
    by_class = pl.col("MRDCLASS").str.starts_with("NEGATIVE")
    negative = by_class.fill_null(holds("MRDVAL", "<", mrd_percent)).fill_null(False)
    result = pl.when(pl.col("MRDCLASS").is_not_null()).then(pl.lit("MRDCLASS")).otherwise(pl.lit("MRDVAL"))
    shown = pl.coalesce("MRDCLASS", value_text("MRDVAL"))
    results = context.assessments.filter(negative).select(
        *_PAIR, shown.alias("VALUE"), "BLOCK", "ROW", result.alias("RESULT")
    )
    marrows = context.assessments.filter(holds("BMBLAST", ">=", blasts)).select(
        *_PAIR, value_text("BMBLAST").alias("VALUE"), "BLOCK", "ROW"
    )
    rows = results.join(marrows, on=_PAIR, suffix="_MARROW", maintain_order="left")
    return [
        Finding(
            r["CENTRE"],
            r["USUBJID"],
            (cell(r, "RS", r["RESULT"]), cell(r, "RS", "BMBLAST", "_MARROW", unit="%")),
            f"MRD is recorded as negative on a marrow with {value_words(r['VALUE_MARROW'])} % blasts ({r['DAY']}).",
        )
        for r in rows.iter_rows(named=True)
    ]
