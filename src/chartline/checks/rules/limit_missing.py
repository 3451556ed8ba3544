"""A liver test that a centre sends has an upper limit of normal somewhere.

The grades of liver chemistry are multiples of the upper limit of normal (CTCAE v4.03 and v5.0, Investigations).
Without any limit none of the centre's values can be graded, and the grade table would only show fewer tested
patients. One question a centre and test; a limit missing on some rows only is no finding.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.context import Context, Whole
from chartline.checks.laboratory import LIVER_TESTS, laboratory_test
from chartline.checks.model import Finding, Group, Rule, Scope, Seen
from chartline.checks.tallies import first_rows
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

_SHOWN = 3
_OF = ["CENTRE", "LBTESTCD"]

RULE = Rule(
    id="limit_missing",
    group=Group.COMPLETENESS,
    scope=Scope.STUDY,
    sentence="A liver test that a centre sends has an upper limit of normal.",
    severity=Severity.WARN,
    topics=frozenset({Topic.LIVER}),
    asks="Please send the laboratory's reference range (lower and upper limit, with the unit).",
)


def gather(context: Context) -> Seen:
    """Gather of each centre and liver test how many values, patients and limits there are, and the first values."""
    rows = context.data["LB"].lazy().filter(pl.col("LBSTRESN").is_not_null() & pl.col("LBTESTCD").is_in(LIVER_TESTS))
    numbers = {"VALUES": pl.len(), "PATIENTS": pl.col("USUBJID").n_unique(), "LIMITS": pl.col("LBSTNRHI").count()}
    shown = rows.select(*_OF, "BLOCK", "ROW", VALUE="LBSTRESN", VALUE_OP="LBSTRESN_OP")
    return {
        "tests": rows.group_by(_OF).agg(n.cast(pl.Int64).alias(name) for name, n in numbers.items()),
        "first": first_rows(shown, _OF, _SHOWN),
    }


def find(whole: Whole, seen: Seen) -> list[Finding]:
    """Return one finding a centre and liver test of which no value has an upper limit."""
    tests = seen["tests"].group_by(_OF).agg(pl.col("VALUES", "PATIENTS", "LIMITS").sum()).sort(_OF)
    first = first_rows(seen["first"], _OF, _SHOWN).group_by(_OF).agg("VALUE", "VALUE_OP", "BLOCK", "ROW")
    without = tests.filter(pl.col("LIMITS") == 0).join(first, on=_OF, maintain_order="left")
    return [_finding(r) for r in run(without).iter_rows(named=True)]


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
