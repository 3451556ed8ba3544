"""Who has an adverse event of grade 5, or with a fatal outcome, has died.

CTCAE: grade 5 is death related to the event. Without any record of the death (a date, a cause or a yes) one of the two
is missing or wrong, and survival is in doubt where grade and outcome both say so: it blocks. One of them alone may be
a slip of a digit or a word, and is asked.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.context import SUBJECT, Context
from chartline.checks.model import Cell, Finding, Group, Rule
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="fatal_ae_alive",
    group=Group.TOXICITY,
    sentence="A patient with a fatal adverse event has died.",
    severity=Severity.WARN,
    topics=frozenset({Topic.DEATH}),
    asks="Please say whether the patient died (with the date), or correct the grade and outcome of the event.",
)


def find(context: Context) -> list[Finding]:
    """Return one finding a fatal event of a subject of whom no death is recorded."""
    died = [context.death.select(SUBJECT), context.stated("SS", "DTHCAUS").select(SUBJECT)]
    died.append(context.stated("SS", "DTHFL").filter(pl.col("VALUE") == "Y").select(SUBJECT))
    rows = context.adverse_events.lazy().filter((pl.col("AETOXGR") == 5) | pl.col("FATAL"))
    rows = rows.join(pl.concat(died).unique().lazy(), on=SUBJECT, how="anti", maintain_order="left")
    flag = context.stated("SS", "DTHFL").lazy().select(
        *SUBJECT, *(pl.col(c).alias(f"{c}_FLAG") for c in ("VALUE", "BLOCK", "ROW"))
    )  # fmt: skip
    return [
        _finding(r) for r in run(rows.join(flag, on=SUBJECT, how="left", maintain_order="left")).iter_rows(named=True)
    ]


def _finding(r: dict[str, Any]) -> Finding:
    named = [n for n, fatal in (("AETOXGR", r["AETOXGR"] == 5), ("AEOUT", r["FATAL"])) if fatal]
    cells = [Cell("AE", n, r["BLOCK"], r["ROW"], r[n]) for n in named]
    if r["VALUE_FLAG"] is not None:
        cells.append(Cell("SS", "DTHFL", r["BLOCK_FLAG"], r["ROW_FLAG"], r["VALUE_FLAG"]))
    said = "has grade 5" if "AETOXGR" in named else "has a fatal outcome"
    said += " and a fatal outcome" if len(named) == 2 else ""
    return Finding(
        r["CENTRE"],
        r["USUBJID"],
        tuple(cells),
        f"{r['AETERM']} {said}, but no death is recorded.",
        severity=Severity.BLOCK if len(named) == 2 else Severity.WARN,
    )
