"""A person stands in a centre's file once.

Two numbers of one centre with the same full date of birth and sex, and the same first dose or the same diagnosis
date, are most often one person entered twice; counted twice they weigh double in every result. Two true patients may
agree in all that (twins): the centre says so. The same person at two centres is counted once by the protocol's
`duplicates`; records of two centres that nearly agree are asked by `same_person_elsewhere`. A centre that counts days
is not compared.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.context import Context, Whole
from chartline.checks.model import Cell, Finding, Group, Rule, Scope, Seen
from chartline.checks.persons import persons
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="same_person",
    group=Group.IDENTITY,
    scope=Scope.STUDY,
    sentence="A person stands in a centre's file once.",
    severity=Severity.WARN,
    topics=frozenset({Topic.IDENTITY}),
    asks="Please say whether these two numbers are one patient and, if so, which number is right.",
)
_SECOND = {"FIRST": "first dose", "DIAGNOSED": "date of diagnosis"}


def gather(context: Context) -> Seen:
    """Gather who is told apart by birth and sex."""
    known = pl.col("BORN").is_not_null() & pl.col("SEX").is_not_null()
    return {"persons": persons(context).lazy().filter(known)}


def find(whole: Whole, seen: Seen) -> list[Finding]:
    """Return one finding a later number that agrees with an earlier one of its centre."""
    everyone = seen["persons"].sort("BLOCK", "ROW", maintain_order=True)
    pairs = []
    for second in _SECOND:
        key = ["CENTRE", "BORN", "SEX", second]
        known = everyone.filter(pl.col(second).is_not_null())
        same = known.with_columns(
            *(pl.col(c).first().over(key).alias(f"{c}_OLD") for c in ("USUBJID", "BLOCK", "ROW")),
            pl.lit(second).alias("SECOND"),
        )
        pairs.append(same.filter(pl.col("USUBJID") != pl.col("USUBJID_OLD")))
    twins = pl.concat(pairs).unique(["CENTRE", "USUBJID", "USUBJID_OLD"], keep="first", maintain_order=True)
    return [_finding(whole, r) for r in run(twins).iter_rows(named=True)]


def _finding(whole: Whole, r: dict[str, Any]) -> Finding:
    second = whole.protocol.index_rows.event if r["SECOND"] == "FIRST" else _SECOND[str(r["SECOND"])]
    cells = tuple(
        Cell(
            "DM", "BRTHDTC", r["BLOCK" + s], r["ROW" + s], str(r["BORN"]), label=f"Date of birth of {r['USUBJID' + s]}"
        )
        for s in ("", "_OLD")
    )
    message = f"{r['USUBJID']} has the same date of birth, sex and {second} as {r['USUBJID_OLD']}."
    return Finding(str(r["CENTRE"]), str(r["USUBJID"]), cells, message)
