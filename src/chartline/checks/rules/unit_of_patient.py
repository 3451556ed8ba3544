"""A patient's laboratory values of a test are in the same unit as those of the centre's other patients.

Judged is the patient's median: it is `apart` robust standard deviations (1.4826 x the median absolute deviation of the
logarithms) from the median patient of the centre, and its distance is, within `within`, exactly the factor of
another unit of that test (`mapping/units.py`). Needs `values` values of the patient and `patients` patients of the
centre, so that one patient does not move the centre's median. A single value is `isolated_jump`'s or `unit_mismatch`'s;
values outside the possible are `lab_implausible`'s, a whole centre `unit_of_centre`'s.

The limits are ours: with 4 robust deviations a lognormal patient is taken for another unit once in 16,000, before the
factor is looked at. The median absolute deviation as a yardstick: Rousseeuw and Croux, J Am Stat Assoc 1993;88:1273.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.bounds import known_median
from chartline.checks.context import SUBJECT, Context
from chartline.checks.laboratory import at_stake, is_unit_ratio, laboratory_test, nearest_unit
from chartline.checks.model import Finding, Group, Rule, Scope
from chartline.checks.wording import value_words
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="unit_of_patient",
    group=Group.LABORATORY,
    scope=Scope.STUDY,
    sentence="A patient's values of a test are in the unit of the centre's other patients.",
    severity=Severity.WARN,
    topics=frozenset({Topic.BLOOD_COUNTS}),
    asks="Please give the unit of these results as the laboratory report shows it.",
    parameters={"within": 1.5, "apart": 4, "values": 3, "patients": 6},
)
_LEAST = 0.1  # a spread on the logarithmic scale, 10 %, below which no centre's patients are taken to lie
_SHOWN = 5


def find(context: Context, *, within: float, apart: float, values: float, patients: float) -> list[Finding]:
    """Return one finding a subject and test whose median is another unit's distance from the centre's patients."""
    value, centre = pl.col("VALUE"), ["CENTRE", "LBTESTCD"]
    believed = context.laboratory.lazy().filter(pl.col("BELIEVABLE") & (value > 0))
    by_patient = believed.group_by(*SUBJECT, "LBTESTCD", maintain_order=True).agg(
        known_median("VALUE").alias("MIDDLE"), pl.len().alias("N"),
        value.min().alias("LEAST"), value.max().alias("MOST"),
        *(pl.col(c).head(_SHOWN) for c in ("VALUE", "VALUE_OP", "BLOCK", "ROW")),
    )  # fmt: skip
    level = pl.col("MIDDLE").log()
    usual = level.median().over(centre)
    spread = (1.4826 * (level - usual).abs().median().over(centre)).clip(lower_bound=_LEAST)
    rows = by_patient.with_columns(
        usual.exp().alias("USUAL"), ((level - usual).abs() / spread).alias("APART"),
        pl.len().over(centre).alias("PATIENTS"),
    )  # fmt: skip
    rows = rows.filter(
        (pl.col("PATIENTS") >= patients) & (pl.col("N") >= values) & (pl.col("APART") >= apart)
        & is_unit_ratio(pl.col("MIDDLE") / pl.col("USUAL"), within)
    )  # fmt: skip
    return [_finding(r) for r in run(rows).iter_rows(named=True)]


def _finding(r: dict[str, Any]) -> Finding:
    test = laboratory_test(r["LBTESTCD"])
    times, sentence = nearest_unit(test.code, r["MIDDLE"] / r["USUAL"])
    cells = test.cells(r)
    usual = float(f"{r['USUAL']:.2g}")
    would = float(f"{r['MIDDLE'] / times:.3g}")
    message = (
        f"{test.label}: the {r['N']} values of this patient ({value_words(r['LEAST'])} to "
        f"{value_words(r['MOST'], test.unit)}) are far from those of the centre's other patients (usually about "
        f"{value_words(usual)}). They would fit if {sentence} (a median of {value_words(would, test.unit)})."
    )
    return Finding(r["CENTRE"], r["USUBJID"], cells, message, topics=at_stake(test.code))
