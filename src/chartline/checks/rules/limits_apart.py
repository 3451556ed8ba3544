"""The upper limits of normal that a centre gives for one test are of one kind.

Limits differ with sex, age and laboratory, for alkaline phosphatase of children up to threefold; a limit `ratio` (4,
ours) times the centre's median limit, or a quarter of it, is in another unit or of another test. Compared
among values reported in one unit: a value whose own unit is in doubt takes its limit along, and is asked for itself.
One question a centre, test and unit.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.context import Context
from chartline.checks.laboratory import at_stake, laboratory_test
from chartline.checks.model import Cell, Finding, Group, Rule, Scope
from chartline.checks.wording import value_words
from chartline.core.plans import run
from chartline.core.query import Severity, Topic
from chartline.core.sentences import counted

RULE = Rule(
    id="limits_apart",
    group=Group.LABORATORY,
    scope=Scope.STUDY,
    sentence="The upper limits of normal of one test at one centre are alike.",
    severity=Severity.WARN,
    topics=frozenset({Topic.BLOOD_COUNTS}),
    asks="Please check these upper limits of normal and their unit.",
    parameters={"ratio": 4},
)
_SHOWN = 3


def find(context: Context, *, ratio: float) -> list[Finding]:
    """Return one finding a centre, test and unit with an upper limit far from the centre's median limit."""
    limit, test = pl.col("LBSTNRHI"), ["CENTRE", "LBTESTCD", "LBORRESU"]
    rows = context.data["LB"].lazy().filter(limit > 0).with_columns(limit.median().over(test).alias("USUAL"))
    far = rows.filter((limit >= ratio * pl.col("USUAL")) | (limit <= pl.col("USUAL") / ratio))
    tests = far.group_by(test, maintain_order=True).agg(
        pl.len().alias("N"), pl.col("USUAL").first(), *(pl.col(c).head(_SHOWN) for c in ("LBSTNRHI", "BLOCK", "ROW"))
    )
    return [_finding(r) for r in run(tests).iter_rows(named=True)]


def _finding(r: dict[str, Any]) -> Finding:
    test = laboratory_test(r["LBTESTCD"] or "")
    cells = tuple(
        Cell("LB", "LBSTNRHI", block, row, limit, unit=test.unit)
        for limit, block, row in zip(r["LBSTNRHI"], r["BLOCK"], r["ROW"], strict=True)
    )
    message = (
        f"{test.label}: {counted(r['N'], 'value')} {'has' if r['N'] == 1 else 'have'} an upper limit of normal of "
        f"{value_words(r['LBSTNRHI'][0], test.unit)}, where the centre's usual limit is {value_words(r['USUAL'])}."
    )
    return Finding(r["CENTRE"], "", cells, message, topics=at_stake(test.code))
