"""Two records of one day's assessment do not contradict each other.

Two responses, two states of extramedullary disease, or two marrow blast counts of which one is below and one at or
above 5 % cannot both be the finding of that day. Two counts on the same side (an aspirate and a biopsy) are not asked.
The same finding in two places is one.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.context import SUBJECT, Context
from chartline.checks.model import Cell, Finding, Group, Rule
from chartline.checks.wording import value_words
from chartline.core.clinical import variables
from chartline.core.compare import holds, value_text
from chartline.core.plans import run
from chartline.core.query import Severity, Topic
from chartline.core.sentences import joined

RULE = Rule(
    id="assessments_differ",
    group=Group.RESPONSE,
    sentence="Records of one day's assessment agree.",
    severity=Severity.WARN,
    topics=frozenset({Topic.RESPONSE}),
    asks="Please say which is right.",
    parameters={"blasts": 5},
)
_SAME_WORDS = {"INVRESP": (), "EMD": ("NOT ASSESSED",)}  # and what contradicts nothing


def find(context: Context, *, blasts: float) -> list[Finding]:
    """Return one finding a subject, day and finding that is recorded in two ways."""
    dated = context.data["RS"].lazy().filter(pl.col("RSDTC").str.len_chars() == 10)
    value = pl.col("VALUE")
    findings = []
    for name, says_nothing in _SAME_WORDS.items():
        findings += _differing(dated.filter(~pl.col(name).is_in(says_nothing)), name, value.n_unique() > 1)
    findings += _differing(dated, "BMBLAST", holds("BMBLAST", "<", blasts).any() & holds("BMBLAST", ">=", blasts).any())
    return findings


def _differing(rows: pl.LazyFrame, name: str, differ: pl.Expr) -> list[Finding]:
    days = (
        rows.filter(pl.col(name).is_not_null())
        .with_columns((value_text(name) if name == "BMBLAST" else pl.col(name)).alias("VALUE"))
        .group_by(*SUBJECT, "RSDTC", maintain_order=True)
        .agg(differ.alias("DIFFER"), "VALUE", "BLOCK", "ROW")
        .filter("DIFFER")
    )
    return [_finding(r, name) for r in run(days).iter_rows(named=True)]


def _finding(r: dict[str, Any], name: str) -> Finding:
    variable = variables()["RS"][name]
    unit = "%" if name == "BMBLAST" else ""
    values = joined([value_words(v, unit) for v in dict.fromkeys(r["VALUE"])])
    at = zip(r["VALUE"], r["BLOCK"], r["ROW"], strict=True)
    return Finding(
        r["CENTRE"],
        r["USUBJID"],
        tuple(Cell("RS", name, block, row, value, unit=unit) for value, block, row in at),
        f"Records of {r['RSDTC']} differ in {variable.label[:1].lower()}{variable.label[1:]}: {values}.",
    )
