"""Dates of a centre fall on Saturdays and Sundays as often as such dates do.

What is planned (a dose, a marrow, a sample, a procedure, a visit) falls on weekends seldom; more often than by chance
(2 days in 7) is a sign of days that were filled in. A death knows no weekday: fewer at weekends than by chance says
that the day is that of the registration, more that it was filled in. Judged for each kind of date of a centre by the
exact binomial test against 2/7, below `chance` (0.001, for a death on either side), from `patients` (20) patients on;
both are our choice. Each patient counts once, with the first such date, for doses a week apart fall on one weekday. A
centre that counts days is not judged: its weekdays are fictitious.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.binomial import chance_of_at_least, chance_of_at_most
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
    id="weekend_heaping",
    group=Group.DATES,
    scope=Scope.STUDY,
    sentence="A centre's dates are not on weekends more often than chance allows, and its deaths not less often.",
    severity=Severity.WARN,
    topics=frozenset({Topic.FOLLOW_UP}),
    asks="Please say where these dates were taken from, and whether the days are the true ones.",
    parameters={"chance": 0.001, "patients": 20},
)
_SHARE = 2 / 7
_PLANNED = ("EXSTDTC", "RSDTC", "LBDTC", "PRSTDTC", "LKADTC")


def gather(context: Context, **_: float) -> Seen:
    """Gather of each column of first dates how many there are, how many at weekends, and the first of either kind."""
    rows, weekend = _first_dates(context), pl.col("LO").dt.weekday() >= 6
    return {
        "columns": columns_of(rows, K=weekend.sum().cast(pl.Int64)),
        "weekend": first_dates(rows.filter(weekend)),
        "working": first_dates(rows.filter(~weekend)),
    }


def find(whole: Whole, seen: Seen, *, chance: float, patients: float) -> list[Finding]:
    """Return one finding a centre and kind of date."""
    columns = added(seen["columns"], DATE, "K").filter(pl.col("N") >= patients)
    out = []
    for r in run(with_dates(columns, seen["weekend"])).iter_rows(named=True):
        if r["K"] > r["N"] * _SHARE and (p := chance_of_at_least(r["K"], r["N"], _SHARE)) < chance:
            out.append(_finding(r, "at weekends", r["K"], p))
    deaths = columns.filter(pl.col("VARIABLE") == "DTHDTC")
    for r in run(with_dates(deaths, seen["working"])).iter_rows(named=True):
        if r["K"] <= r["N"] * _SHARE and (p := chance_of_at_most(r["K"], r["N"], _SHARE)) < chance:
            out.append(_finding(r, "on working days", r["N"] - r["K"], p))
    return out


def _first_dates(context: Context) -> pl.LazyFrame:
    """The first date of each subject and kind; of last contacts those of the living, for others' are their deaths."""
    alive = context.living.select(SUBJECT).lazy()
    dates = context.calendar.lazy().filter(pl.col("VARIABLE").is_in([*_PLANNED, "DTHDTC"]))
    of_living = dates.filter(pl.col("VARIABLE") == "LKADTC").join(alive, on=SUBJECT, how="semi", maintain_order="left")
    every = pl.concat([dates.filter(pl.col("VARIABLE") != "LKADTC"), of_living])
    return every.sort("LO", maintain_order=True).unique(
        [*SUBJECT, "DOMAIN", "VARIABLE"], keep="first", maintain_order=True
    )


def _finding(r: dict[str, Any], when: str, n: int, p: float) -> Finding:
    usual = round(r["N"] * (_SHARE if when == "at weekends" else 1 - _SHARE))
    message = (
        f"{n} of {dates_of(r, r['N'])} (the first of each patient) are {when}; about {usual} would be by chance, and "
        f"so many {chance_words(p)}."
    )
    return column_finding(r, message)
