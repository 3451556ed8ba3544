"""A lower limit of normal is below the upper one.

Limits that are equal or the wrong way round were typed in each other's column, or one of them is in another unit.
One question a centre and test, with the first cells: a laboratory's limits are usually copied down a whole column.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.context import Context, Whole
from chartline.checks.laboratory import at_stake, laboratory_test
from chartline.checks.model import Cell, Finding, Group, Rule, Scope, Seen
from chartline.checks.tallies import added, first_rows, tally, with_lists
from chartline.checks.wording import value_words
from chartline.core.plans import run
from chartline.core.query import Severity, Topic
from chartline.core.sentences import counted

RULE = Rule(
    id="limits_reversed",
    group=Group.LABORATORY,
    scope=Scope.STUDY,
    sentence="A lower limit of normal is below the upper one.",
    severity=Severity.WARN,
    topics=frozenset({Topic.BLOOD_COUNTS}),
    asks="Please send the laboratory's reference range (lower and upper limit, with the unit).",
)
_SHOWN = 3


def gather(context: Context) -> Seen:
    """Gather how many values of a centre and test have such limits, and the first of them."""
    of = ["CENTRE", "LBTESTCD"]
    rows = context.data["LB"].lazy().filter(pl.col("LBSTNRLO") >= pl.col("LBSTNRHI"))
    shown = rows.select(*of, "LBSTNRLO", "LBSTNRHI", "BLOCK", "ROW")
    return {"values": tally(rows, of), "first": first_rows(shown, of, _SHOWN)}


def find(whole: Whole, seen: Seen) -> list[Finding]:
    """Return one finding a centre and test with limits the wrong way round."""
    of = ["CENTRE", "LBTESTCD"]
    tests = with_lists(added(seen["values"], of), first_rows(seen["first"], of, _SHOWN), of)
    return [_finding(r) for r in run(tests).iter_rows(named=True)]


def _finding(r: dict[str, Any]) -> Finding:
    test = laboratory_test(r["LBTESTCD"] or "")
    cells = []
    for low, high, block, row in zip(r["LBSTNRLO"], r["LBSTNRHI"], r["BLOCK"], r["ROW"], strict=True):
        cells.append(Cell("LB", "LBSTNRLO", block, row, low, unit=test.unit))
        cells.append(Cell("LB", "LBSTNRHI", block, row, high, unit=test.unit))
    message = (
        f"{test.label}: of {counted(r['N'], 'value')} the lower limit of normal is not below the upper one "
        f"({value_words(r['LBSTNRLO'][0])} and {value_words(r['LBSTNRHI'][0], test.unit)})."
    )
    return Finding(r["CENTRE"], "", tuple(cells), message, topics=at_stake(test.code))
