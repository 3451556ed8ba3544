"""Two results of one test on one day are not many times each other.

Two samples of a day differ, and the same result typed in two places does not; `ratio` (5, ours) is more than a
transfusion, an infusion or a second sample does to one test within a day.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.bounds import is_exact
from chartline.checks.context import SUBJECT, Context
from chartline.checks.laboratory import at_stake, laboratory_test
from chartline.checks.model import Finding, Group, Rule
from chartline.checks.wording import unit_words, value_words
from chartline.core.plans import run
from chartline.core.query import Severity, Topic
from chartline.core.sentences import joined

RULE = Rule(
    id="same_day_apart",
    group=Group.LABORATORY,
    sentence="Results of one test on one day are of one size.",
    severity=Severity.WARN,
    topics=frozenset({Topic.BLOOD_COUNTS}),
    asks="Please say which result is right, and give its unit as the laboratory report shows it.",
    parameters={"ratio": 5},
)


def find(context: Context, *, ratio: float) -> list[Finding]:
    """Return one finding a subject, test and day whose highest value is `ratio` times the lowest or more."""
    value, day = pl.col("VALUE"), ["SERIES", "LO"]
    rows = context.series.lazy().filter((value > 0) & is_exact("VALUE"))
    apart = rows.group_by(day).agg(value.max().alias("MOST"), value.min().alias("LEAST"))
    apart = apart.filter(pl.col("MOST") >= ratio * pl.col("LEAST"))
    found = rows.join(apart, on=day, how="semi", maintain_order="left")
    days = found.group_by(day, maintain_order=True).agg(
        pl.col(*SUBJECT, "LBTESTCD").first(), "VALUE", "VALUE_OP", "BLOCK", "ROW"
    )
    return [_finding(r) for r in run(days).iter_rows(named=True)]


def _finding(r: dict[str, Any]) -> Finding:
    test = laboratory_test(r["LBTESTCD"])
    values = joined([value_words(v) for v in sorted(set(r["VALUE"]))])
    return Finding(
        r["CENTRE"],
        r["USUBJID"],
        test.cells(r),
        f"{test.label} on {r['LO']}: the results {f'{values} {unit_words(test.unit)}'.rstrip()} are far apart.",
        topics=at_stake(test.code),
    )
