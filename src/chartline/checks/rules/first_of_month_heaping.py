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
from chartline.checks.columns import DATE, chance_words, column_finding, dates_of
from chartline.checks.context import SUBJECT, Context
from chartline.checks.model import Finding, Group, Rule, Scope
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


def find(context: Context, *, chance: float, dates: float) -> list[Finding]:
    """Return one finding a centre, kind of date and day of the month."""
    different = context.calendar.unique([*SUBJECT, "DOMAIN", "VARIABLE", "LO"], keep="first", maintain_order=True)
    day = pl.col("LO").dt.day()
    counts = (
        different.lazy()
        .group_by(DATE, maintain_order=True)
        .agg(pl.len().alias("N"), *((day == d).sum().alias(f"ON{d}") for d in _DAYS))
    )
    odd = [
        (r, d, chance_of_at_least(r[f"ON{d}"], r["N"], _SHARE))
        for r in run(counts.filter(pl.col("N") >= dates)).to_dicts()
        for d in _DAYS
        if r[f"ON{d}"] > r["N"] * _SHARE
    ]
    return [_finding(different, r, d, p) for r, d, p in odd if p < chance]


def _finding(different: pl.DataFrame, r: dict[str, Any], day: int, p: float) -> Finding:
    mine = pl.all_horizontal(pl.col(c) == r[c] for c in DATE) & (pl.col("LO").dt.day() == day)
    at = different.filter(mine).select("BLOCK", "ROW", DAY="LO").to_dict(as_series=False)
    message = (
        f"{r[f'ON{day}']} of {dates_of(r, r['N'])} are on the {_DAYS[day]} of a month; about "
        f"{max(1, round(r['N'] * _SHARE))} would be by chance, and so many {chance_words(p)}."
    )
    return column_finding({**r, **at}, message)
