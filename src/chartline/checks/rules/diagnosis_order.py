"""The diagnosis is not dated after the treatment it was made for: lines of therapy, transplantation, the first dose.

The diagnosis is the first history item of the category DIAGNOSIS. `days` (14, our choice) are allowed, for a prephase
of steroids or cytoreduction may begin before the biopsy is reported, and the report's date is what is written down.
Compared by the days that partial dates can mean. Where day 0 is the diagnosis itself only what was given before it is
asked.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl

from chartline.checks.context import SUBJECT, Context
from chartline.checks.dates import likely_slip
from chartline.checks.model import Cell, Finding, Group, Rule, cell
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="diagnosis_order",
    group=Group.DATES,
    sentence="The diagnosis is not dated after the treatment of the disease.",
    severity=Severity.WARN,
    topics=frozenset({Topic.BASELINE}),
    asks="Please check the date of diagnosis against the pathology report, and the dates of the treatments before it.",
    parameters={"days": 14},
)
_SHOWN = 4


def find(context: Context, *, days: float) -> list[Finding]:
    """Return one finding a subject with a treatment that ended before the diagnosis, by more than `days`."""
    late = pl.col("LO") - pl.duration(days=int(days))
    diagnosis = context.diagnosis.lazy().select(*SUBJECT, late.alias("FROM"))
    begun = _treatments(context).join(diagnosis, on=SUBJECT, maintain_order="left")
    early = run(begun.filter(pl.col("HI") < pl.col("FROM"))).lazy()
    columns = ("WHAT", "DOMAIN", "VARIABLE", "VALUE", "BLOCK", "ROW")
    listed = early.sort("HI", maintain_order=True).group_by(SUBJECT, maintain_order=True)
    of_subject = listed.agg(*columns, pl.col("HI").min().alias("EARLIEST"))
    rows = context.diagnosis.lazy().join(of_subject, on=SUBJECT, suffix="_AT", maintain_order="left")
    return [_finding(r) for r in run(rows).iter_rows(named=True)]


def _treatments(context: Context) -> pl.LazyFrame:
    """The first dose, the starts of earlier lines, and transplantations, with WHAT they are and their cells."""
    domain, variable = context.protocol.index_rows.source
    where = {"DOMAIN": pl.lit(domain), "VARIABLE": pl.lit(variable)}
    zero = context.first_dose.lazy().with_columns(**where, WHAT=pl.lit(context.protocol.index_rows.event))
    if context.protocol.treatment is None:
        zero = zero.filter(pl.lit(False))
    lines = context.lines.lazy().with_columns(VARIABLE="START_AT", WHAT="NAME")
    transplants = context.transplants.lazy().with_columns(
        DOMAIN=pl.lit("PR"), VARIABLE=pl.lit("PRSTDTC"), WHAT=pl.lit("transplantation")
    )
    kept = (*SUBJECT, "WHAT", "DOMAIN", "VARIABLE", "VALUE", "HI", "BLOCK", "ROW")
    return pl.concat([f.select(kept) for f in (zero, lines, transplants)])


def _finding(r: dict[str, Any]) -> Finding:
    at = list(zip(*(r[c] for c in ("WHAT", "DOMAIN", "VARIABLE", "VALUE_AT", "BLOCK_AT", "ROW_AT")), strict=True))
    said = ", ".join(f"{what or 'a line of therapy'} {value}" for what, _, _, value, _, _ in at[:_SHOWN])
    more = f" and {len(at) - _SHOWN} more" if len(at) > _SHOWN else ""
    earliest = r["EARLIEST"]
    assert isinstance(earliest, dt.date)
    slip = likely_slip(str(r["VALUE"]), earliest - dt.timedelta(days=60), earliest)
    message = f"The diagnosis is dated {r['VALUE']}, after treatment had begun: {said}{more}. {slip}".rstrip()
    cells = [Cell(d, v, b, row, value) for _, d, v, value, b, row in at[:_SHOWN]]
    first = cell(r, "MH", "MHSTDTC", label="Date of diagnosis")
    return Finding(str(r["CENTRE"]), str(r["USUBJID"]), (first, *cells), message)
