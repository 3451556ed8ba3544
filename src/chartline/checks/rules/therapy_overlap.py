"""The index drug is not given while an earlier line goes on, or after the next treatment was begun.

A line of earlier therapy that ended after the first dose, and a new therapy (`new_therapy`) that began on or before
the day of the last dose: a date is wrong, or the drugs were given together and the protocol wants to know. Lines that
began after day 0 are asked by `history_discordant`; a first dose `long_gap` (90) days from the second is in doubt
itself (`dose_gap`), and no line is held against it. Where one list holds the lines before and after day 0, what began
on or before the day of the first dose is no new therapy. Compared by the days that partial dates can mean.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.context import SUBJECT, Context
from chartline.checks.model import Cell, Finding, Group, Rule, cell
from chartline.checks.wording import term_words
from chartline.core.dates import first_day
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="therapy_overlap",
    group=Group.TREATMENT,
    sentence="The index drug overlaps neither an earlier line of therapy nor the next treatment.",
    severity=Severity.WARN,
    topics=frozenset({Topic.NEW_THERAPY}),
    asks="Please check both dates, or say that both treatments were given at the same time.",
    parameters={"long_gap": 90},
)


def find(context: Context, *, long_gap: float) -> list[Finding]:
    """Return one finding an overlapping line or new therapy."""
    if context.protocol.treatment is None:
        return []
    zero = context.first_dose.lazy()
    lines = context.lines.lazy().with_columns(first_day("END").alias("ENDED"), pl.col("HI").alias("BEGUN"))
    earlier = lines.drop("LO", "HI", "VALUE").join(zero, on=SUBJECT, suffix="_DOSE", maintain_order="left")
    late = earlier.filter((pl.col("ENDED") > pl.col("LO")) & (pl.col("BEGUN") <= pl.col("LO")).fill_null(True))
    second = context.second_dose.lazy().rename({"DAY": "SECOND"})
    stranded = (pl.col("SECOND") - pl.col("LO")).dt.total_days() > long_gap
    late = late.join(second, on=SUBJECT, how="left", maintain_order="left").filter(~stranded.fill_null(False))
    new = context.new_therapy.lazy().join(context.last_dose.lazy(), on=SUBJECT, suffix="_DOSE", maintain_order="left")
    early = new.filter(pl.col("HI") <= pl.col("LO_DOSE"))
    if context.lines_go_on:
        begun = zero.select(*SUBJECT, pl.col("HI").alias("DAY0"))
        early = early.join(begun, on=SUBJECT, how="left", maintain_order="left").filter(pl.col("LO") > pl.col("DAY0"))
    return [
        *(_earlier(r) for r in run(late).iter_rows(named=True)),
        *(_next(r) for r in run(early).iter_rows(named=True)),
    ]


def _earlier(r: dict[str, Any]) -> Finding:
    cells = (
        Cell(str(r["DOMAIN"]), str(r["END_AT"]), r["BLOCK"], r["ROW"], r["END"], label="End of the line"),
        Cell("EX", "EXSTDTC", r["BLOCK_DOSE"], r["ROW_DOSE"], r["VALUE"], label="First dose"),
    )
    message = f"{r['NAME'] or 'A line of earlier therapy'} ended on {r['END']}, after the first dose ({r['VALUE']})."
    topics = frozenset({Topic.BASELINE})
    return Finding(str(r["CENTRE"]), str(r["USUBJID"]), cells, message, topics=topics)


def _next(r: dict[str, Any]) -> Finding:
    cells = (cell(r, str(r["DOMAIN"]), str(r["START_AT"])), cell(r, "EX", "EXSTDTC", "_DOSE", label="Last dose"))
    what = term_words(str(r["NAME"])) if r["NAME"] else "A new therapy"
    message = f"{what} was begun on {r['VALUE']}, not after the last dose ({r['VALUE_DOSE']})."
    return Finding(str(r["CENTRE"]), str(r["USUBJID"]), cells, message)
