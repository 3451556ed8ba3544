"""A remission has no Auer rods in the marrow and no leukaemic blasts in the cerebrospinal fluid.

ELN 2017 and 2022 (AML) exclude blasts with Auer rods from CR, CRh, CRi and MLFS; every criterion of remission excludes
extramedullary leukaemia, and the central nervous system is extramedullary.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.context import SUBJECT, Context
from chartline.checks.model import Cell, Finding, Group, Rule
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="signs_in_remission",
    group=Group.RESPONSE,
    sentence="A recorded remission has neither Auer rods nor blasts in the cerebrospinal fluid.",
    severity=Severity.WARN,
    topics=frozenset({Topic.RESPONSE}),
    asks="Please check the finding, and the recorded response.",
)
_SIGNS = {"CSFBLAST": "leukaemic blasts in the cerebrospinal fluid", "AUERROD": "Auer rods in the marrow"}


def find(context: Context) -> list[Finding]:
    """Return one finding an assessment day with a recorded remission and a sign of leukaemia."""
    day = [*SUBJECT, "DAY"]
    rows = context.assessments.lazy()
    called = rows.filter(pl.col("INVRESP").is_in(context.responses)).select(*day, "INVRESP", "BLOCK", "ROW")
    called = called.unique(day, keep="first", maintain_order=True)
    findings = []
    for sign, words in _SIGNS.items():
        seen = rows.filter(pl.col(sign) == "Y").select(*day, sign, "RSDTC", "BLOCK", "ROW")
        both = seen.join(called, on=day, suffix="_CALLED", maintain_order="left").unique(day, keep="first")
        findings += [_finding(r, sign, words) for r in run(both.sort(day)).iter_rows(named=True)]
    return findings


def _finding(r: dict[str, Any], sign: str, words: str) -> Finding:
    cells = (
        Cell("RS", sign, r["BLOCK"], r["ROW"], r[sign]),
        Cell("RS", "INVRESP", r["BLOCK_CALLED"], r["ROW_CALLED"], r["INVRESP"]),
    )
    on = f" on {r['RSDTC']}" if r["RSDTC"] else ""
    return Finding(r["CENTRE"], r["USUBJID"], cells, f"{r['INVRESP']} was recorded{on} with {words}.")
