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
from chartline.checks.context import SUBJECT, Context, Whole
from chartline.checks.laboratory import (
    at_stake,
    is_unit_ratio,
    laboratory_test,
    laboratory_tests,
    nearest_unit,
    other_units,
)
from chartline.checks.model import Finding, Group, Rule, Scope, Seen
from chartline.checks.tallies import added, medians, tally
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
_OF = ["CENTRE", "LBTESTCD"]
_TESTS = tuple(code for code in laboratory_tests() if other_units(code))


def gather(context: Context, *, values: float, **_: float) -> Seen:
    """Gather how many patients have each median, and one row a patient: the median of each test that has other units,
    where the patient has enough values of it."""
    of_patient = _believed(context).group_by(*SUBJECT, "LBTESTCD")
    by_patient = of_patient.agg(known_median("VALUE").alias("MIDDLE"), pl.len().alias("N"))
    middle = pl.col("MIDDLE")
    judged = by_patient.filter((pl.col("N") >= values) & middle.is_not_null() & pl.col("LBTESTCD").is_in(_TESTS))
    of_test = (middle.filter(pl.col("LBTESTCD") == code).first().alias(code) for code in _TESTS)
    return {"medians": tally(by_patient, [*_OF, "MIDDLE"]), "patients": judged.group_by(SUBJECT).agg(of_test)}


def find(whole: Whole, seen: Seen, *, within: float, apart: float, values: float, patients: float) -> list[Finding]:
    """Return one finding a subject and test whose median is another unit's distance from the centre's patients."""
    odd = run(_odd_medians(seen["medians"], within, apart, patients))
    if odd.is_empty():
        return []
    found = run(
        pl.concat(
            seen["patients"].select(*SUBJECT, pl.col(code).alias("MIDDLE")).join(rows.lazy(), on=["CENTRE", "MIDDLE"])
            for (code,), rows in odd.partition_by("LBTESTCD", as_dict=True).items()
        )
    )
    return _findings(whole.of(found["USUBJID"].unique().sort().to_list()), found) if found.height else []


def _findings(context: Context, found: pl.DataFrame) -> list[Finding]:
    """Return one finding for each row found, from the records of these subjects."""
    value, one = pl.col("VALUE"), [*SUBJECT, "LBTESTCD"]
    believed = _believed(context).with_columns(pl.col(SUBJECT).cast(pl.String))
    rows = believed.join(found.lazy(), on=one, maintain_order="left")
    each = rows.group_by(*one, "MIDDLE", "USUAL", maintain_order=True).agg(
        pl.len().alias("N"), value.min().alias("LEAST"), value.max().alias("MOST"),
        *(pl.col(c).head(_SHOWN) for c in ("VALUE", "VALUE_OP", "BLOCK", "ROW")),
    )  # fmt: skip
    return [_finding(r) for r in run(each).iter_rows(named=True)]


def _believed(context: Context) -> pl.LazyFrame:
    return context.laboratory.lazy().filter(pl.col("BELIEVABLE") & (pl.col("VALUE") > 0))


def _odd_medians(tallies: pl.LazyFrame, within: float, apart: float, patients: float) -> pl.LazyFrame:
    """Return the medians of a test that are another unit's distance from the USUAL one of the centre's patients."""
    counts = added(tallies, [*_OF, "MIDDLE"]).with_columns(
        pl.col("MIDDLE").log().alias("LEVEL"), pl.col("N").sum().over(_OF).alias("PATIENTS")
    )
    usual = medians(counts, _OF, "LEVEL").select(*_OF, pl.col("LEVEL").alias("USUAL"))
    away = counts.join(usual, on=_OF).with_columns((pl.col("LEVEL") - pl.col("USUAL")).abs().alias("AWAY"))
    spread = (1.4826 * pl.col("AWAY")).clip(lower_bound=_LEAST)
    spreads = medians(away, _OF, "AWAY").select(*_OF, spread.alias("SPREAD"))
    rows = away.join(spreads, on=_OF).with_columns(pl.col("USUAL").exp())
    return rows.filter(
        (pl.col("PATIENTS") >= patients) & (pl.col("AWAY") / pl.col("SPREAD") >= apart)
        & is_unit_ratio(pl.col("MIDDLE") / pl.col("USUAL"), within)
    ).select(*_OF, "MIDDLE", "USUAL")  # fmt: skip


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
