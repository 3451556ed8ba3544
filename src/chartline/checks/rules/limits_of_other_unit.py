"""Upper limits of normal are in the unit of the values.

Where at least `patients` patients of a centre have a test, the median patient lies around the normal range even in
illness; a median value more than `high` (10) times its upper limit of normal, or less than a `low`th (1/30) of it, says
that values and limits are in different units (both ours; the nearest factors of units are 10 and 1/17.1 for tests that
can be abnormal in most patients, and those patients are within threefold of the limit). Blood cells may be as low as
that and are judged above only. One question a centre and test.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.bounds import known_median
from chartline.checks.context import SUBJECT, Context, Whole
from chartline.checks.laboratory import at_stake, laboratory_test, laboratory_tests
from chartline.checks.model import Cell, Finding, Group, Rule, Scope, Seen
from chartline.checks.tallies import first_rows, medians, tally
from chartline.checks.wording import value_words
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="limits_of_other_unit",
    group=Group.LABORATORY,
    scope=Scope.STUDY,
    sentence="Upper limits of normal are in the unit of the values.",
    severity=Severity.WARN,
    topics=frozenset({Topic.BLOOD_COUNTS}),
    asks="Please send the laboratory's reference range (lower and upper limit, with the unit).",
    parameters={"high": 10, "low": 30, "patients": 5},
)
_SHOWN = 3
_OF = ["CENTRE", "LBTESTCD"]
_WHICH = ("SHARE", "LBSTRESN", "LIMIT")  # of which the medians over patients are taken
_BLOOD_CELLS = tuple(code for code, test in laboratory_tests().items() if test.unit == "10^9/L")


def gather(context: Context, **_: float) -> Seen:
    """Gather how many patients have each median SHARE of the limit and each median value, LBSTRESN, and how many each
    LIMIT; and the first limits of the first patients."""
    rows = context.data["LB"].lazy().filter((pl.col("LBSTNRHI") > 0) & (pl.col("LBSTRESN") > 0))
    rows = rows.with_columns(SHARE=pl.col("LBSTRESN") / pl.col("LBSTNRHI"), SHARE_OP="LBSTRESN_OP")
    by_patient = rows.group_by(*SUBJECT, "LBTESTCD", maintain_order=True).agg(
        known_median("SHARE").alias("SHARE"),
        known_median("LBSTRESN").alias("LBSTRESN"),
        *(pl.col(c).first() for c in ("BLOCK", "ROW", "LBSTNRHI")),
    )
    long = by_patient.with_columns(LIMIT="LBSTNRHI").unpivot(
        _WHICH, index=_OF, variable_name="WHICH", value_name="VALUE"
    )
    shown = by_patient.select(*_OF, "LBSTNRHI", "BLOCK", "ROW")
    return {"patients": tally(long, [*_OF, "WHICH", "VALUE"]), "first": first_rows(shown, _OF, _SHOWN)}


def find(whole: Whole, seen: Seen, *, high: float, low: float, patients: float) -> list[Finding]:
    """Return one finding a centre and test whose median patient is impossibly far from the upper limit of normal."""
    middles = medians(seen["patients"], [*_OF, "WHICH"])
    tests = middles.group_by(_OF, maintain_order=True).agg(
        *(pl.col("VALUE").filter(pl.col("WHICH") == which).first().alias(which) for which in _WHICH),
        pl.col("ALL").filter(pl.col("WHICH") == "LIMIT").first().alias("PATIENTS"),
    )
    small = (pl.col("SHARE") < 1 / low) & ~pl.col("LBTESTCD").is_in(_BLOOD_CELLS)
    known = (pl.col("PATIENTS") >= patients) & pl.col("LBSTRESN").is_not_null()
    tests = tests.filter(known & ((pl.col("SHARE") > high) | small))
    first = first_rows(seen["first"], _OF, _SHOWN).group_by(_OF).agg("LBSTNRHI", "BLOCK", "ROW")
    told = tests.join(first, on=_OF, nulls_equal=True, maintain_order="left")
    return [_finding(r) for r in run(told).iter_rows(named=True)]


def _finding(r: dict[str, Any]) -> Finding:
    test = laboratory_test(r["LBTESTCD"])
    cells = tuple(
        Cell("LB", "LBSTNRHI", block, row, limit, unit=test.unit)
        for limit, block, row in zip(r["LBSTNRHI"], r["BLOCK"], r["ROW"], strict=True)
    )
    middle = value_words(float(f"{r['LBSTRESN']:.3g}"), test.unit)
    message = (
        f"{test.label}: the median of {r['PATIENTS']} patients is {middle}, "
        f"but the upper limit of normal is {value_words(r['LIMIT'])}: values and limits seem to be in different units."
    )
    return Finding(r["CENTRE"], "", cells, message, topics=at_stake(test.code))
