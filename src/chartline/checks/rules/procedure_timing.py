"""A procedure recorded as after the index treatment is dated after the first dose, one before it before.

The side is what the source says (`PRTIMING`, from a column group, a section of the form or a code); the date is
read by itself. Where they disagree one of them is a slip, and whether the patient was transplanted after treatment
is in doubt. A procedure 'before' that lies between the first and the second dose speaks against the first dose
rather than against itself where those two are `long_gap` days apart or more (`dose_gap` asks for that dose); it is
asked and does not block.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.context import SUBJECT, Context, days
from chartline.checks.dates import slip_since
from chartline.checks.model import Cell, Finding, Group, Rule, cell
from chartline.checks.wording import term_words
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="procedure_timing",
    group=Group.DATES,
    sentence="A procedure's date lies on the side of the first dose that the record says.",
    severity=Severity.BLOCK,
    topics=frozenset({Topic.TRANSPLANT}),
    asks="Please check the date of the procedure, and whether it was before or after the index treatment.",
    parameters={"long_gap": 90},
)


def find(context: Context, *, long_gap: float) -> list[Finding]:
    """Return one finding a procedure whose date contradicts its recorded timing."""
    frame = context.data["PR"].lazy().filter(pl.col("PRSTDTC").is_not_null() & pl.col("PRTIMING").is_not_null())
    rows = days(frame.select(*SUBJECT, "BLOCK", "ROW", "PRTIMING", "PRTRT", pl.col("PRSTDTC").alias("VALUE")))
    rows = rows.join(context.first_dose.lazy(), on=SUBJECT, suffix="_DOSE", maintain_order="left").join(
        context.second_dose.lazy(), on=SUBJECT, how="left", maintain_order="left"
    )
    early = (pl.col("PRTIMING") == "AFTER") & (pl.col("HI") < pl.col("LO_DOSE"))
    late = (pl.col("PRTIMING") == "BEFORE") & (pl.col("LO") > pl.col("LO_DOSE"))
    stranded = (pl.col("DAY") > pl.col("HI")) & ((pl.col("DAY") - pl.col("LO_DOSE")).dt.total_days() > long_gap)
    rows = rows.filter(early | late).with_columns((late & stranded).fill_null(False).alias("DOSE_IN_DOUBT"))
    return [_finding(context, r) for r in run(rows).iter_rows(named=True)]


def _finding(context: Context, r: dict[str, Any]) -> Finding:
    event = context.protocol.index_rows.event
    what = "the index treatment" if context.protocol.treatment else event
    cells = [
        cell(r, "PR", "PRSTDTC"),
        Cell("PR", "PRTIMING", r["BLOCK"], r["ROW"], r["PRTIMING"]),
        context.day_zero(r, "_DOSE"),
    ]
    message = (
        f"{term_words(r['PRTRT'] or 'The procedure')} is recorded as {r['PRTIMING'].lower()} {what}, but "
        f"its date is {'before' if r['PRTIMING'] == 'AFTER' else 'after'} the {event}."
    )
    if r["PRTIMING"] == "AFTER":
        message = f"{message} {slip_since(r['VALUE'], r['LO_DOSE'], context.protocol.data.cut_off)}".rstrip()
    if not r["DOSE_IN_DOUBT"]:
        return Finding(r["CENTRE"], r["USUBJID"], tuple(cells), message)
    message += " The first dose itself is in doubt: the next one is far from it."
    return Finding(r["CENTRE"], r["USUBJID"], (cells[2], *cells[:2]), message, severity=Severity.WARN)
