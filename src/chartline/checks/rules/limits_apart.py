"""The upper limits of normal that a centre gives for one test are of one kind.

Limits differ with sex, age and laboratory, for alkaline phosphatase of children up to threefold; a limit `ratio` (4,
ours) times the centre's median limit, or a quarter of it, is in another unit or of another test. Compared
among values reported in one unit: a value whose own unit is in doubt takes its limit along, and is asked for itself.
One question a centre, test and unit.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.context import Context, Whole
from chartline.checks.laboratory import at_stake, laboratory_test
from chartline.checks.model import Cell, Finding, Group, Rule, Scope, Seen
from chartline.checks.tallies import added, first_rows, medians, tally
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
_OF = ["CENTRE", "LBTESTCD", "LBORRESU"]


def gather(context: Context, **_: float) -> Seen:
    """Gather how many values have each upper limit, and the first of them."""
    rows = context.data["LB"].lazy().filter(pl.col("LBSTNRHI") > 0).select(*_OF, "LBSTNRHI", "BLOCK", "ROW")
    each = [*_OF, "LBSTNRHI"]
    return {"limits": tally(rows, each), "first": first_rows(rows, each, _SHOWN)}


def find(whole: Whole, seen: Seen, *, ratio: float) -> list[Finding]:
    """Return one finding a centre, test and unit with an upper limit far from the centre's median limit."""
    limit, usual = pl.col("LBSTNRHI"), pl.col("USUAL")
    middles = medians(seen["limits"], _OF, "LBSTNRHI").select(*_OF, limit.alias("USUAL"))

    def far(rows: pl.LazyFrame) -> pl.LazyFrame:
        held = rows.join(middles, on=_OF, nulls_equal=True, maintain_order="left")
        return held.filter((limit >= ratio * usual) | (limit <= usual / ratio))

    first = first_rows(far(seen["first"]), _OF, _SHOWN).group_by(_OF).agg("LBSTNRHI", "BLOCK", "ROW")
    tests = added(far(seen["limits"]), [*_OF, "USUAL"]).join(first, on=_OF, nulls_equal=True, maintain_order="left")
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
