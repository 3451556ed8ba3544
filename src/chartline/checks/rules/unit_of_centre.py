"""A test at one centre is in the unit in which the other centres have it.

The centre's median patient is, within `within` (1.5), exactly the factor of another unit (`mapping/units.py`) away
from the middle of all centres' medians: a whole column was read in the wrong unit. Needs `centres` (3) centres with
`patients` (5) patients each, so that one centre does not move the middle (limits ours). Values outside the possible,
as haemoglobin in g/dL is, are left out here and asked by `lab_implausible`.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.bounds import known_median
from chartline.checks.context import SUBJECT, Context, Whole
from chartline.checks.laboratory import at_stake, is_unit_ratio, laboratory_test, nearest_unit
from chartline.checks.model import Finding, Group, Rule, Scope, Seen
from chartline.checks.tallies import added, first_rows, medians, tally
from chartline.checks.wording import value_words
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="unit_of_centre",
    group=Group.CENTRES,
    scope=Scope.STUDY,
    sentence="A test at one centre is in the unit of the other centres.",
    severity=Severity.WARN,
    topics=frozenset({Topic.BLOOD_COUNTS}),
    asks="Please give the unit of this test at your laboratory.",
    parameters={"within": 1.5, "patients": 5, "centres": 3},
)
_SHOWN = 3
_OF = ["CENTRE", "LBTESTCD"]


def gather(context: Context, **_: float) -> Seen:
    """Gather how many patients have each median, and the first results of the first patients of each test."""
    value = pl.col("VALUE")
    believed = context.laboratory.lazy().filter(pl.col("BELIEVABLE") & (value > 0))
    by_patient = believed.group_by(*SUBJECT, "LBTESTCD", maintain_order=True).agg(
        known_median("VALUE").alias("MIDDLE"), *(pl.col(c).first() for c in ("VALUE", "VALUE_OP", "BLOCK", "ROW"))
    )
    shown = by_patient.select(*_OF, "VALUE", "VALUE_OP", "BLOCK", "ROW")
    return {"medians": tally(by_patient, [*_OF, "MIDDLE"]), "first": first_rows(shown, _OF, _SHOWN)}


def find(whole: Whole, seen: Seen, *, within: float, patients: float, centres: float) -> list[Finding]:
    """Return one finding a centre and test whose median is another unit's distance from the other centres'."""
    first = first_rows(seen["first"], _OF, _SHOWN).group_by(_OF).agg("VALUE", "VALUE_OP", "BLOCK", "ROW")
    middles = medians(seen["medians"], _OF, "MIDDLE")
    tests = added(seen["medians"], _OF).join(middles, on=_OF, how="left", maintain_order="left")
    tests = tests.join(first, on=_OF, maintain_order="left")
    rows = tests.filter(pl.col("N") >= patients).with_columns(
        pl.col("MIDDLE").log().median().over("LBTESTCD").exp().alias("USUAL"),
        pl.len().over("LBTESTCD").alias("CENTRES"),
    )
    odd = rows.filter((pl.col("CENTRES") >= centres) & is_unit_ratio(pl.col("MIDDLE") / pl.col("USUAL"), within))
    return [_finding(r) for r in run(odd).iter_rows(named=True)]


def _finding(r: dict[str, Any]) -> Finding:
    test = laboratory_test(r["LBTESTCD"])
    cells = test.cells(r)
    _, sentence = nearest_unit(test.code, r["MIDDLE"] / r["USUAL"])
    here, there = (float(f"{v:.3g}") for v in (r["MIDDLE"], r["USUAL"]))
    message = (
        f"{test.label}: the median of the {r['N']} patients of this centre is {value_words(here, test.unit)}, that of "
        f"the centres together {value_words(there)}, as if at this centre {sentence}."
    )
    return Finding(r["CENTRE"], "", cells, message, topics=at_stake(test.code))
