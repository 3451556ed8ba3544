"""A procedure recorded as after the index treatment is dated after the first dose, one before it before.

The side is what the source says (`PRTIMING`, from a column group, a section of the form or a code); the date is
read by itself. Where they disagree one of them is a slip, and whether the patient was transplanted after treatment
is in doubt.
"""

from __future__ import annotations

import polars as pl

from chartline.checks.context import SUBJECT, Context, days
from chartline.checks.model import Cell, Finding, Rule, cell
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="procedure_timing",
    sentence="A procedure's date lies on the side of the first dose that the record says.",
    severity=Severity.BLOCK,
    topics=frozenset({Topic.TRANSPLANT}),
    asks="Please check the date of the procedure, and whether it was before or after the index treatment.",
)


def find(context: Context) -> list[Finding]:
    """Return one finding a procedure whose date contradicts its recorded timing."""
    frame = context.data["PR"].filter(pl.col("PRSTDTC").is_not_null() & pl.col("PRTIMING").is_not_null())
    rows = days(frame.select(*SUBJECT, "BLOCK", "ROW", "PRTIMING", "PRTRT", pl.col("PRSTDTC").alias("VALUE")))
    rows = rows.join(context.first_dose, on=SUBJECT, suffix="_DOSE", maintain_order="left")
    early = (pl.col("PRTIMING") == "AFTER") & (pl.col("HI") < pl.col("LO_DOSE"))
    late = (pl.col("PRTIMING") == "BEFORE") & (pl.col("LO") > pl.col("LO_DOSE"))
    return [
        Finding(
            r["CENTRE"],
            r["USUBJID"],
            (
                cell(r, "PR", "PRSTDTC"),
                Cell("PR", "PRTIMING", r["BLOCK"], r["ROW"], r["PRTIMING"]),
                cell(r, "EX", "EXSTDTC", "_DOSE", label="First dose"),
            ),
            f"{(r['PRTRT'] or 'The procedure').capitalize()} is recorded as {r['PRTIMING'].lower()} the index "
            f"treatment, but its date is {'before' if r['PRTIMING'] == 'AFTER' else 'after'} the first dose.",
        )
        for r in rows.filter(early | late).iter_rows(named=True)
    ]
