"""Among a centre's dates some have a day after the 12th.

A column whose days are never above 12 was read in the wrong order: its days are months, and the dates whose day is
above 12 could not be read (they were asked as days that do not exist). Judged for each kind of date of a centre, from
`patients` (3) patients on, where that many different months of patients would all fall on the first twelve days with
a probability below `chance` (0.001): 12/30.4375 for each, so 8 of them. Both are our choice. A column in which text
and true dates are mixed is told when it is read (`date_format_mixed`). A centre that counts days is not judged.
"""

from __future__ import annotations

from math import ceil, log

import polars as pl

from chartline.checks.columns import DATE, column_finding, columns_of, dates_of, first_dates, with_dates
from chartline.checks.context import Context, Whole
from chartline.checks.model import Finding, Group, Rule, Scope, Seen
from chartline.checks.tallies import added
from chartline.core.dates import DAYS_PER_MONTH
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="days_never_above_12",
    group=Group.DATES,
    scope=Scope.STUDY,
    sentence="Some of a centre's dates have a day after the 12th of the month.",
    severity=Severity.WARN,
    topics=frozenset({Topic.FOLLOW_UP}),
    asks="Please check whether day and month of these dates are swapped, and say how the column was filled.",
    parameters={"chance": 0.001, "patients": 3},
)


def gather(context: Context, **_: float) -> Seen:
    """Gather of each column of dates how many there are, of how many patients and months, on which days, and the
    first."""
    rows, day = context.calendar.lazy(), pl.col("LO").dt.day()
    months = pl.struct("USUBJID", pl.col("LO").dt.truncate("1mo")).n_unique().cast(pl.Int64)
    columns = columns_of(
        rows, HIGH=(day > 12).sum().cast(pl.Int64), FIRSTS=(day == 1).sum().cast(pl.Int64), MONTHS=months
    )
    return {"columns": columns, "first": first_dates(rows)}


def find(whole: Whole, seen: Seen, *, chance: float, patients: float) -> list[Finding]:
    """Return one finding a centre and kind of date."""
    least = ceil(log(chance) / log(12 / DAYS_PER_MONTH))
    firsts = pl.col("FIRSTS") > 0.5 * pl.col("N")  # `first_of_month_heaping` asks these
    low = (pl.col("HIGH") == 0) & ~firsts & (pl.col("PATIENTS") >= patients) & (pl.col("MONTHS") >= least)
    columns = added(seen["columns"], DATE, "PATIENTS", "HIGH", "FIRSTS", "MONTHS").filter(low)
    return [
        column_finding(r, f"None of {dates_of(r, r['N'])} has a day after the 12th of the month.")
        for r in run(with_dates(columns, seen["first"])).iter_rows(named=True)
    ]
