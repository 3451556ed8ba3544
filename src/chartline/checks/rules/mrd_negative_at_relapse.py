"""MRD is not negative in the marrow of a relapse.

A relapse in the marrow is leukaemia that the microscope sees; a method that finds one cell in ten thousand cannot
miss it there. An extramedullary relapse may leave the marrow free, and is not asked. A marrow with 5 % blasts or more
is `mrd_without_remission`'s.
"""

from __future__ import annotations

import polars as pl

from chartline.checks.context import Context
from chartline.checks.model import Cell, Finding, Group, Rule
from chartline.core.compare import holds
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="mrd_negative_at_relapse",
    group=Group.RESPONSE,
    sentence="MRD is not negative on the day of a marrow relapse.",
    severity=Severity.WARN,
    topics=frozenset({Topic.MRD}),
    asks="Please check the MRD result and whether this assessment showed a relapse in the marrow.",
    parameters={"blasts": 5},
)
_PAIR = ["CENTRE", "USUBJID", "DAY"]


def find(context: Context, *, blasts: float) -> list[Finding]:
    """Return one finding an assessment day that has both a relapse and a negative MRD result."""
    rows = context.assessments.lazy().filter(pl.col("RSDTC").is_not_null())
    overt = rows.filter(holds("BMBLAST", ">=", blasts)).select(_PAIR).unique()
    relapse = rows.filter(pl.col("INVRESP") == "RELAPSE").select(*_PAIR, "INVRESP", "BLOCK", "ROW")
    negative = rows.filter(pl.col("MRDCLASS") == "NEGATIVE").select(
        *_PAIR, "MRDCLASS", pl.col("BLOCK").alias("BLOCK_MRD"), pl.col("ROW").alias("ROW_MRD")
    )
    both = negative.join(relapse, on=_PAIR, maintain_order="left").join(
        overt, on=_PAIR, how="anti", maintain_order="left"
    )
    return [
        Finding(
            r["CENTRE"],
            r["USUBJID"],
            (
                Cell("RS", "MRDCLASS", r["BLOCK_MRD"], r["ROW_MRD"], r["MRDCLASS"]),
                Cell("RS", "INVRESP", r["BLOCK"], r["ROW"], r["INVRESP"]),
            ),
            f"MRD is recorded as negative on {r['DAY']}, the day of an assessment recorded as relapse.",
        )
        for r in run(both.unique(_PAIR, keep="first", maintain_order=True)).iter_rows(named=True)
    ]
