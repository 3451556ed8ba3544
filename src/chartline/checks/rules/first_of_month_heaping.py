"""Dates of a centre do not stand on the first (or the 15th) of a month more often than chance allows.

Where only the month is known a clerk, or a database that takes no partial date, writes the first or the 15th. Judged
for each kind of date of a centre by the exact binomial test of the share of firsts (and of 15ths) among its different
dates against 12/365.25, one-sided, below `chance` (0.001); from `dates` (10) dates on. Both are our choice: at 0.001
four firsts among ten dates are asked (0.0002) and three are not (0.004). Dates of birth are judged too. A centre that
counts days is not judged.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.binomial import chance_of_at_least
from chartline.checks.columns import (
    DATE,
    chance_words,
    column_finding,
    columns_of,
    dates_of,
    first_dates,
    with_dates,
)
from chartline.checks.context import SUBJECT, Context, Whole
from chartline.checks.model import Finding, Group, Rule, Scope, Seen
from chartline.checks.tallies import added
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="first_of_month_heaping",
    group=Group.DATES,
    scope=Scope.STUDY,
    sentence="A centre's dates are not on the first or the 15th of a month more often than chance allows.",
    severity=Severity.WARN,
    topics=frozenset({Topic.FOLLOW_UP}),
    asks="Please say whether these days are known. Where only the month is, please give the month alone (yyyy-mm).",
    parameters={"chance": 0.001, "dates": 10},
)
_SHARE = 12 / 365.25
_DAYS = {1: "first", 15: "15th"}


def gather(context: Context, **_: float) -> Seen:
    """Gather of each column how many different dates there are, how many of them on such a day, and the first of
    those."""
    kind = [*SUBJECT, "DOMAIN", "VARIABLE", "LO"]
    rows = context.calendar.lazy().unique(kind, keep="first", maintain_order=True)
    day = pl.col("LO").dt.day()
    on = {f"ON{d}": (day == d).sum().cast(pl.Int64) for d in _DAYS}
    shown = {f"first{d}": first_dates(rows.filter(day == d)) for d in _DAYS}
    return {"columns": columns_of(rows, **on), **shown}


def find(whole: Whole, seen: Seen, *, chance: float, dates: float) -> list[Finding]:
    """Return one finding a centre, kind of date and day of the month."""
    columns = added(seen["columns"], DATE, *(f"ON{d}" for d in _DAYS)).filter(pl.col("N") >= dates)
    out = []
    for d in _DAYS:
        for r in run(with_dates(columns, seen[f"first{d}"])).iter_rows(named=True):
            on = r[f"ON{d}"]
            if on > r["N"] * _SHARE and (p := chance_of_at_least(on, r["N"], _SHARE)) < chance:
                out.append(_finding(r, d, p))
    return out


def _finding(r: dict[str, Any], day: int, p: float) -> Finding:
    message = (
        f"{r[f'ON{day}']} of {dates_of(r, r['N'])} are on the {_DAYS[day]} of a month; about "
        f"{max(1, round(r['N'] * _SHARE))} would be by chance, and so many {chance_words(p)}."
    )
    return column_finding(r, message)
