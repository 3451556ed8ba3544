"""The laboratory values of a centre's patients are of the size of those elsewhere.

One value a patient and test, its median; the centre against all others by Wilcoxon's rank sum. Told is where the chance
is below `chance` (0.01) after Bonferroni over all centres and tests, and a patient of this centre has the higher (or
the lower) value in `higher` (0.8) of all pairs with patients elsewhere; from `patients` (10) patients on each side. It
may be the patients, the laboratory's method, or the unit (`unit_of_centre` looks for that). Central statistical
monitoring: Venet et al., Clin Trials 2012;9:705; the limits are ours.
"""

from __future__ import annotations

import polars as pl

from chartline.checks.bounds import known_median
from chartline.checks.comparisons import Compared, apart
from chartline.checks.context import SUBJECT, Context, Whole
from chartline.checks.laboratory import at_stake, cells_of_first, first_results, laboratory_test
from chartline.checks.model import Finding, Group, Rule, Scope, Seen
from chartline.checks.tallies import tally
from chartline.checks.wording import value_words
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="centre_values_apart",
    group=Group.CENTRES,
    scope=Scope.STUDY,
    sentence="Laboratory values of a centre's patients are of the size of those elsewhere.",
    severity=Severity.NOTE,
    topics=frozenset({Topic.BLOOD_COUNTS}),
    asks="Please check the unit and the method of this test at your laboratory.",
    parameters={"chance": 0.01, "higher": 0.8, "patients": 10},
)


def gather(context: Context, **_: float) -> Seen:
    """Gather how many patients have each median, and the first results of each test."""
    rows = context.laboratory.lazy().filter(pl.col("BELIEVABLE"))
    medians = rows.group_by(*SUBJECT, NAME="LBTESTCD").agg(known_median("VALUE").alias("VALUE"))
    return {"medians": tally(medians, ["CENTRE", "NAME", "VALUE"]), "first": first_results(context.laboratory.lazy())}


def find(whole: Whole, seen: Seen, *, chance: float, higher: float, patients: float) -> list[Finding]:
    """Return one finding a centre and test whose patients lie far from those of all other centres."""
    odd = apart(seen["medians"], patients=patients, chance=chance, higher=higher)
    return [_finding(seen, c) for c in odd]


def _finding(seen: Seen, c: Compared) -> Finding:
    test = laboratory_test(c.name)
    side = "higher" if c.higher > 0.5 else "lower"
    here, there = (float(f"{v:.3g}") for v in (c.middle, c.middle_others))
    message = (
        f"{test.label} is {side} at this centre than elsewhere: a median of {value_words(here, test.unit)} in "
        f"{c.patients} patients, against {value_words(there)} in {c.others}."
    )
    return Finding(c.centre, "", cells_of_first(seen["first"], c.centre, c.name), message, topics=at_stake(test.code))
