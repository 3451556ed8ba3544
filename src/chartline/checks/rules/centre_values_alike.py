"""The laboratory values of a centre's patients differ among themselves as much as those elsewhere.

Invented patients are too alike (Kirkwood et al., Clin Trials 2013;10:783, on values too close to the mean). A
patient's distance is that of the logarithm of the median value from the centre's median; the distances of the centre
are held against those of all others by Wilcoxon's rank sum. Told is where the chance is below `chance` (0.01) after
Bonferroni and a patient elsewhere is the more distant one in `higher` (0.8) of all pairs; from `patients` (10)
patients on each side (ours). One laboratory with one method explains some of it, a sample taken at one time point
more.
"""

from __future__ import annotations

from math import exp

import polars as pl

from chartline.checks.bounds import known_median
from chartline.checks.comparisons import Compared, apart
from chartline.checks.context import SUBJECT, Context, Whole
from chartline.checks.laboratory import at_stake, cells_of_first, first_results, laboratory_test
from chartline.checks.model import Finding, Group, Rule, Scope, Seen
from chartline.checks.tallies import medians, tally
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="centre_values_alike",
    group=Group.CENTRES,
    scope=Scope.STUDY,
    sentence="Laboratory values of a centre's patients are no more alike than those elsewhere.",
    severity=Severity.NOTE,
    topics=frozenset({Topic.BLOOD_COUNTS}),
    asks="Please check some of these results against the laboratory reports.",
    parameters={"chance": 0.01, "higher": 0.8, "patients": 10},
)


def gather(context: Context, **_: float) -> Seen:
    """Gather how many patients have each median, as a logarithm, and the first results of each test."""
    rows = context.laboratory.lazy().filter(pl.col("BELIEVABLE") & (pl.col("VALUE") > 0))
    levels = rows.group_by(*SUBJECT, NAME="LBTESTCD").agg(known_median("VALUE").log().alias("VALUE"))
    return {"levels": tally(levels, ["CENTRE", "NAME", "VALUE"]), "first": first_results(context.laboratory.lazy())}


def find(whole: Whole, seen: Seen, *, chance: float, higher: float, patients: float) -> list[Finding]:
    """Return one finding a centre and test whose patients differ less than those of all other centres."""
    of = ["CENTRE", "NAME"]
    middles = medians(seen["levels"], of).select(*of, pl.col("VALUE").alias("MIDDLE"))
    away = seen["levels"].join(middles, on=of).with_columns((pl.col("VALUE") - pl.col("MIDDLE")).abs().alias("VALUE"))
    odd = [c for c in apart(away, patients=patients, chance=chance, higher=higher) if c.higher < 0.5]
    return [_finding(seen, c) for c in odd]


def _finding(seen: Seen, c: Compared) -> Finding:
    test = laboratory_test(c.name)
    message = (
        f"{test.label} of the {c.patients} patients of this centre is unusually alike: the middle patient is "
        f"{_percent(c.middle)} away from the centre's median, elsewhere {_percent(c.middle_others)} "
        f"({c.others} patients)."
    )
    return Finding(c.centre, "", cells_of_first(seen["first"], c.centre, c.name), message, topics=at_stake(test.code))


def _percent(distance: float) -> str:
    """A distance of logarithms as people say it."""
    return f"{100 * (exp(distance) - 1):.0f} %"
