"""The response that the treating team recorded and the marrow, blood and sites of the same day do not contradict.

A CR or CRi needs marrow blasts below 5 %, no blood blasts and no extramedullary disease (Kantarjian et al., N Engl
J Med 2016;375:740, INO-VATE). Blasts of `block_from` (2) times that threshold or more cannot be a matter of reading:
the number or the response is a slip, and whether there is a response is in doubt. A reading between the two is a
legitimate difference of opinion; it is asked, and the declared rule decides meanwhile. So are blood blasts and
extramedullary disease, which need no one's confirmation to be used as recorded. A recorded non-response is in
conflict where marrow, blood and sites all meet the criteria.
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
    id="response_discordant",
    group=Group.RESPONSE,
    sentence="The recorded response agrees with marrow blasts, blood blasts and extramedullary disease.",
    severity=Severity.WARN,
    topics=frozenset({Topic.RESPONSE}),
    asks="Please check the blast count against the marrow report, and the recorded response.",
    parameters={"blasts": 5, "block_from": 2},
)
_NOT = ("PR", "NR", "SD", "PD")
_SITES = ("PRESENT", "PERSISTENT")
_FREE = ("ABSENT", "RESOLVED")
_PARTS = {"INVRESP": "", "BMBLAST": "%", "PBBLAST": "%", "EMD": ""}


def find(context: Context, *, blasts: float, block_from: float) -> list[Finding]:
    """Return one finding an assessment whose recorded response its own findings contradict."""
    sites = pl.col("EMD")
    response = pl.col("INVRESP").is_in(context.responses)
    reasons = {
        "MARROW": response & holds("BMBLAST", ">=", blasts),
        "BLOOD": response & holds("PBBLAST", ">", 0),
        "SITES": response & sites.is_in(_SITES),
        "MET": pl.col("INVRESP").is_in(_NOT)
        & holds("BMBLAST", "<", blasts)
        & holds("PBBLAST", "==", 0)
        & sites.is_in(_FREE),
    }
    rows = _assessments(context).with_columns(e.fill_null(False).alias(n) for n, e in reasons.items())
    rows = rows.filter(pl.any_horizontal(*reasons))
    return [_finding(r, blasts, block_from) for r in run(rows).iter_rows(named=True)]


def _assessments(context: Context) -> pl.LazyFrame:
    """One row an assessment day: each finding with the cell it is from, though they may stand in several rows."""
    days = context.assessments.lazy().group_by(*SUBJECT, "DAY", maintain_order=True)
    return days.agg(first_of_day(_PARTS))


def _finding(r: dict[str, Any], blasts: float, block_from: float) -> Finding:
    said, doubtful = [], []
    if r["MARROW"] or r["MET"]:
        doubtful.append("BMBLAST")
    if r["MARROW"]:
        shown = value_words(recorded(r, "BMBLAST"))
        said.append(f"with {shown} % marrow blasts (a response needs less than {blasts:g} %)")
    if r["BLOOD"]:
        doubtful.append("PBBLAST")
        said.append(f"with {value_words(recorded(r, 'PBBLAST'))} % blood blasts")
    if r["SITES"]:
        doubtful.append("EMD")
        said.append("with extramedullary disease")
    if r["MET"]:
        said.append("although marrow, blood and extramedullary sites all meet the criteria of remission")
    severity = Severity.BLOCK if r["MARROW"] and r["BMBLAST"] >= blasts * block_from else Severity.WARN
    cells = [
        Cell("RS", v, r[f"{v}BLOCK"], r[f"{v}ROW"], recorded(r, v), unit=_PARTS[v]) for v in (*doubtful, "INVRESP")
    ]
    message = f"{r['INVRESP']} was recorded on {r['DAY']} {' and '.join(said)}."
    return Finding(r["CENTRE"], r["USUBJID"], tuple(cells), message, severity=severity)
