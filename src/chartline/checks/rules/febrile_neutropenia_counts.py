"""Febrile neutropenia has neutrophils below 1.0 x 10^9/L around its onset.

CTCAE v4.03 and v5.0: neutrophils below 1,000/mm3 with fever. Asked is where counts within `days` (3) of the onset are
known and none is below; no count says nothing.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.bounds import recorded
from chartline.checks.context import SUBJECT, Context
from chartline.checks.laboratory import laboratory_test
from chartline.checks.model import Cell, Finding, Group, Rule
from chartline.checks.wording import value_words
from chartline.core.compare import holds
from chartline.core.plans import run
from chartline.core.query import Severity, Topic
from chartline.core.sentences import counted

RULE = Rule(
    id="febrile_neutropenia_counts",
    group=Group.TOXICITY,
    sentence="Febrile neutropenia has neutrophils below 1.0 around its onset.",
    severity=Severity.WARN,
    topics=frozenset({Topic.ADVERSE_EVENTS}),
    asks="Please check the event, its onset and the neutrophil counts of these days.",
    parameters={"anc": 1.0, "days": 3},
)
_TERMS = (
    "febrile neutropenia",
    "febrile neutropaenia",
    "neutropenic fever",
    "neutropaenic fever",
    "neutropenic sepsis",
)


def find(context: Context, *, anc: float, days: float) -> list[Finding]:
    """Return one finding a febrile neutropenia all of whose neutrophil counts are at or above the limit."""
    events = context.adverse_events.lazy().filter(pl.col("TERM").is_in(_TERMS) & (pl.col("LO") == pl.col("HI")))
    events = events.select(*SUBJECT, "AETERM", "AESTDTC", pl.col("LO").alias("ONSET"), "BLOCK", "ROW")
    counts = context.laboratory.lazy().filter((pl.col("LBTESTCD") == "ANC") & (pl.col("LO") == pl.col("HI")))
    near = events.with_row_index("EVENT").join(counts, on=SUBJECT, suffix="_ANC", maintain_order="left")
    near = near.filter((pl.col("LO") - pl.col("ONSET")).dt.total_days().abs() <= days)
    lowest = near.sort("VALUE", maintain_order=True).group_by("EVENT", maintain_order=True)
    enough = holds("VALUE", ">=", anc).fill_null(False).all()
    rows = lowest.agg(pl.len().alias("N"), enough.alias("ENOUGH"), pl.all().first()).filter("ENOUGH").sort("EVENT")
    return [_finding(r, days) for r in run(rows).iter_rows(named=True)]


def _finding(r: dict[str, Any], days: float) -> Finding:
    test = laboratory_test("ANC")
    cells = (
        Cell("AE", "AETERM", r["BLOCK"], r["ROW"], r["AETERM"]),
        test.cell(r["BLOCK_ANC"], r["ROW_ANC"], recorded(r, "VALUE")),
    )
    message = (
        f"{r['AETERM']} began on {r['AESTDTC']}, but the lowest of {counted(r['N'], 'neutrophil count')} within "
        f"{days:g} days is {value_words(recorded(r, 'VALUE'), test.unit)}."
    )
    return Finding(r["CENTRE"], r["USUBJID"], cells, message)
