"""A liver test that a centre sends has an upper limit of normal somewhere.

The grades of liver chemistry are multiples of the upper limit of normal (CTCAE v4.03 and v5.0, Investigations).
Without any limit none of the centre's values can be graded, and the grade table would only show fewer tested
patients. One question a centre and test; a limit missing on some rows only is no finding.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.context import Context
from chartline.checks.laboratory import LIVER_TESTS, laboratory_test
from chartline.checks.model import Finding, Group, Rule, Scope
from chartline.core.query import Severity, Topic

_SHOWN = 3

RULE = Rule(
    id="limit_missing",
    group=Group.COMPLETENESS,
    scope=Scope.STUDY,
    sentence="A liver test that a centre sends has an upper limit of normal.",
    severity=Severity.WARN,
    topics=frozenset({Topic.LIVER}),
    asks="Please send the laboratory's reference range (lower and upper limit, with the unit).",
)


def find(context: Context) -> list[Finding]:
    """Return one finding a centre and liver test of which no value has an upper limit."""
    rows = context.data["LB"].filter(pl.col("LBSTRESN").is_not_null() & pl.col("LBTESTCD").is_in(LIVER_TESTS))
    shown = {"VALUE": "LBSTRESN", "VALUE_OP": "LBSTRESN_OP", "BLOCK": "BLOCK", "ROW": "ROW"}
    first = (pl.col(c).head(_SHOWN).alias(name) for name, c in shown.items())
    tests = rows.group_by("CENTRE", "LBTESTCD", maintain_order=True).agg(
        pl.len().alias("VALUES"),
        pl.col("USUBJID").n_unique().alias("PATIENTS"),
        pl.col("LBSTNRHI").count().alias("LIMITS"),
        *first,
    )
    return [_finding(r) for r in tests.filter(pl.col("LIMITS") == 0).iter_rows(named=True)]


def _finding(r: dict[str, Any]) -> Finding:
    test = laboratory_test(r["LBTESTCD"])
    values = "1 value" if r["VALUES"] == 1 else f"{r['VALUES']} values"
    patients = "1 patient" if r["PATIENTS"] == 1 else f"{r['PATIENTS']} patients"
    have, they = ("has", "it") if r["VALUES"] == 1 else ("have", "they")
    return Finding(
        r["CENTRE"],
        "",
        test.cells(r),
        f"{test.code}: {values} of {patients} {have} no upper limit of normal, so {they} cannot be graded.",
    )
