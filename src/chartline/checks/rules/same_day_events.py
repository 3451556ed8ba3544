"""Facts that cannot fall on one day do not: birth and anything else, diagnosis and relapse, remission and relapse.

A date that stands in two cells for two such facts was copied into one of them (often the date of the form, or of the
line above). Asked are: birth with any other date; diagnosis with relapse; relapse with the first dose or with the first
response; a transplantation recorded as after the index treatment with the first dose. Only full dates are compared.
An observation period may begin at birth, as in a database it often does.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from chartline.checks.context import SUBJECT, Context
from chartline.checks.model import Cell, Finding, Group, Rule, cell
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="same_day_events",
    group=Group.DATES,
    sentence="Facts that cannot fall on one day do not: birth and anything, diagnosis, remission and relapse.",
    severity=Severity.WARN,
    topics=frozenset({Topic.BASELINE}),
    asks="Please check both dates: one of them was probably copied from the other.",
)
_At = tuple[str, str, str, Topic]  # domain, variable, what it is, what is at stake


def find(context: Context) -> list[Finding]:
    """Return one finding a subject and pair of facts with the same full date."""
    return [*_births(context), *_pairs(context)]


def _births(context: Context) -> list[Finding]:
    others = (
        context.dated.lazy()
        .filter(pl.col("VARIABLE") != "OBSSTDTC")
        .rename({c: f"{c}_OTHER" for c in ("BLOCK", "ROW")})
    )
    same = _full(context.birth).join(others, on=[*SUBJECT, "VALUE"], maintain_order="left")
    first = run(same.unique(SUBJECT, keep="first", maintain_order=True))
    out = []
    for r in first.iter_rows(named=True):
        other = Cell(r["DOMAIN"], r["VARIABLE"], r["BLOCK_OTHER"], r["ROW_OTHER"], r["VALUE"])
        message = f"The date of birth, {r['VALUE']}, is also the date of another record of this patient."
        out.append(Finding(r["CENTRE"], r["USUBJID"], (cell(r, "DM", "BRTHDTC"), other), message))
    return out


def _pairs(context: Context) -> Iterator[Finding]:
    zero: _At = (*context.protocol.index_rows.source, context.protocol.index_rows.event, Topic.FIRST_DOSE)
    relapse: _At = ("SS", "RELDTC", "relapse", Topic.RELAPSE)
    after = context.transplants.filter(pl.col("PRTIMING") == "AFTER")
    pairs = [
        (context.relapse, relapse, context.diagnosis, ("MH", "MHSTDTC", "diagnosis", Topic.BASELINE)),
        (context.relapse, relapse, context.first_dose, zero),
        (context.relapse, relapse, context.first_response, ("RS", "RSDTC", "first response", Topic.RESPONSE)),
        (after, ("PR", "PRSTDTC", "transplantation", Topic.TRANSPLANT), context.first_dose, zero),
    ]
    for one, (domain, variable, what, topic), other, (domain2, variable2, what2, _) in pairs:
        same = _full(one).join(_full(other), on=[*SUBJECT, "VALUE"], suffix="_OTHER", maintain_order="left")
        for r in run(same).iter_rows(named=True):
            cells = (
                cell(r, domain, variable),
                Cell(domain2, variable2, r["BLOCK_OTHER"], r["ROW_OTHER"], r["VALUE"], label=what2.capitalize()),
            )
            message = f"The {what} and the {what2} have the same date, {r['VALUE']}."
            yield Finding(r["CENTRE"], r["USUBJID"], cells, message, topics=frozenset({topic}))


def _full(frame: pl.DataFrame) -> pl.LazyFrame:
    kept = (*SUBJECT, "VALUE", "BLOCK", "ROW")
    return frame.lazy().filter(pl.col("VALUE").str.len_chars() == 10).select(kept)
