"""An assessment recorded as relapse shows leukaemia.

Marrow blasts below 5 %, no blast known in the blood and no extramedullary disease known are no relapse by any
criterion (the thresholds of `docs/rules/`). Without a marrow count nothing is asked, and nothing of an
extramedullary relapse.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.assessments import first_of_day
from chartline.checks.bounds import recorded
from chartline.checks.context import SUBJECT, Context
from chartline.checks.model import Cell, Finding, Group, Rule
from chartline.checks.wording import value_words
from chartline.core.compare import holds
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="relapse_without_blasts",
    group=Group.RESPONSE,
    sentence="An assessment recorded as relapse shows blasts or extramedullary disease.",
    severity=Severity.WARN,
    topics=frozenset({Topic.RELAPSE}),
    asks="Please check the blast count against the marrow report, and whether this was a relapse.",
    parameters={"blasts": 5},
)
_DISEASE = ("PRESENT", "PERSISTENT")


def find(context: Context, *, blasts: float) -> list[Finding]:
    """Return one finding an assessment day that is called a relapse and shows none."""
    called = pl.when(pl.col("INVRESP") == "RELAPSE").then("INVRESP")
    few = holds("BMBLAST", "<", blasts).filter(pl.col("BMBLAST").is_not_null()).fill_null(False)
    other = holds("PBBLAST", ">", 0) | pl.col("EMD").is_in(_DISEASE) | (pl.col("CSFBLAST") == "Y")
    rows = (
        context.assessments.lazy()
        .with_columns(called.alias("INVRESP"))
        .group_by(*SUBJECT, "DAY", maintain_order=True)
        .agg(
            *first_of_day(("INVRESP", "BMBLAST")),
            pl.col("RSDTC").first(),
            few.all().alias("FEW"),
            other.any().alias("OTHER"),
        )
        .filter(pl.col("INVRESP").is_not_null() & pl.col("BMBLAST").is_not_null() & pl.col("FEW") & ~pl.col("OTHER"))
    )
    return [_finding(r, blasts) for r in run(rows).iter_rows(named=True)]


def _finding(r: dict[str, Any], blasts: float) -> Finding:
    cells = [
        Cell("RS", name, r[f"{name}BLOCK"], r[f"{name}ROW"], recorded(r, name), unit=unit)
        for name, unit in (("BMBLAST", "%"), ("INVRESP", ""))
    ]
    on = f" on {r['RSDTC']}" if r["RSDTC"] else ""
    shown = value_words(recorded(r, "BMBLAST"))
    message = (
        f"A relapse was recorded{on} with {shown} % marrow blasts (below {blasts:g} %) and no other sign of leukaemia."
    )
    return Finding(r["CENTRE"], r["USUBJID"], tuple(cells), message)
