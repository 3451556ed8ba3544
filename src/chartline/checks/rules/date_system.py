"""A centre's samples, marrows and adverse events lie around the treatment, not four years and a day from it.

Spreadsheets number days from 1900 or from 1904; a file that was copied from one system to the other has every date
1,462 days too early or too late. Judged for each kind of these dates of a centre, from `patients` (3) patients on: at
least `share` (0.9) of them lie outside one year before to three years after day 0, and would lie within 60 days before
to two years after it were they 1,462 days away. The share and the spans are our choice.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.columns import DATE, column_finding, columns_of, dates_of, first_dates, with_dates
from chartline.checks.context import SUBJECT, Context, Whole
from chartline.checks.model import Finding, Group, Rule, Scope, Seen
from chartline.checks.tallies import added
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="date_system",
    group=Group.DATES,
    scope=Scope.STUDY,
    sentence="A centre's samples, marrows and adverse events are not four years and a day from the treatment.",
    severity=Severity.WARN,
    topics=frozenset({Topic.FOLLOW_UP}),
    asks="Please check whether this file was copied between spreadsheets that count days from 1900 and from 1904, and "
    "send it again with the right dates.",
    parameters={"share": 0.9, "patients": 3},
)
_SHIFT = (
    1462  # days from 1900-01-01 to 1904-01-02, the two systems' day 1, as spreadsheets count (1900 with 29 February)
)
_NEAR, _ANY = (-60, 730), (-365, 1095)


def gather(context: Context, **_: float) -> Seen:
    """Gather of each column of dates how many there are, of how many patients, how many lie so far off, and the
    first."""
    zero = context.first_dose.lazy().select(*SUBJECT, pl.col("LO").alias("ZERO"))
    of_course = context.calendar.lazy().filter(pl.col("VARIABLE").is_in(["LBDTC", "RSDTC", "AESTDTC"]))
    away = (pl.col("LO") - pl.col("ZERO")).dt.total_days()
    rows = of_course.join(zero, on=SUBJECT, maintain_order="left")
    shifted = {
        name: (~away.is_between(*_ANY) & (away + sign * _SHIFT).is_between(*_NEAR)).sum().cast(pl.Int64)
        for name, sign in (("EARLY", 1), ("LATE", -1))
    }
    return {"columns": columns_of(rows, **shifted), "first": first_dates(rows)}


def find(whole: Whole, seen: Seen, *, share: float, patients: float) -> list[Finding]:
    """Return one finding a centre and kind of date."""
    columns = added(seen["columns"], DATE, "PATIENTS", "EARLY", "LATE")
    odd = columns.filter((pl.col("PATIENTS") >= patients) & (pl.max_horizontal("EARLY", "LATE") >= share * pl.col("N")))
    return [_finding(whole, r) for r in run(with_dates(odd, seen["first"])).iter_rows(named=True)]


def _finding(whole: Whole, r: dict[str, Any]) -> Finding:
    side = "before" if float(r["EARLY"]) > float(r["LATE"]) else "after"
    words = dates_of(r, int(str(r["N"])))
    message = (
        f"{words.capitalize()} lie about {_SHIFT:,} days {side} the {whole.protocol.index_rows.event}, the "
        "difference between the two date systems of spreadsheets."
    )
    return column_finding(r, message)
