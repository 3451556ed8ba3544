"""Dates at their true precision.

At rest a date is ISO 8601 text as in SDTM `--DTC`: `2022-04-15`, `2022-04`, `2022`, or an interval
`2022-04-01/2022-04-20`. A partial date is the interval of days it can mean, [lo, hi]; nothing finer is ever
invented without a declared policy and a flag. All expressions here are Polars expressions on such text.
Times are end - start in whole days, and a month is 30.4375 days (365.25 / 12).
"""

from __future__ import annotations

from enum import StrEnum

import polars as pl

DAYS_PER_MONTH = 30.4375


class PartialPolicy(StrEnum):
    """Which day of its interval stands for a partial date where one day is needed."""

    MID = "mid"  # day 15 of a known month; 1 July of a known year
    FIRST = "first"  # the interval's first day
    LAST = "last"  # day 28 of a known month; 31 December of a known year
    LATEST = "latest"  # the interval's last day


def _as_expr(column: str | pl.Expr) -> pl.Expr:
    return pl.col(column) if isinstance(column, str) else column


def _day(text: pl.Expr) -> pl.Expr:
    return text.str.to_date("%Y-%m-%d", strict=False)


def first_day(column: str | pl.Expr) -> pl.Expr:
    """Return the first day that an ISO partial date or interval can mean (pl.Date; null stays null)."""
    start = _as_expr(column).str.split("/").list.get(0, null_on_oob=True)
    n = start.str.len_chars()
    return (
        pl.when(n == 10)
        .then(_day(start))
        .when(n == 7)
        .then(_day(start + "-01"))
        .when(n == 4)
        .then(_day(start + "-01-01"))
    )


def last_day(column: str | pl.Expr) -> pl.Expr:
    """Return the last day that an ISO partial date or interval can mean (pl.Date; null stays null)."""
    end = _as_expr(column).str.split("/").list.get(-1, null_on_oob=True)
    n = end.str.len_chars()
    return (
        pl.when(n == 10)
        .then(_day(end))
        .when(n == 7)
        .then(_day(end + "-01").dt.month_end())
        .when(n == 4)
        .then(_day(end + "-12-31"))
    )


def is_partial(column: str | pl.Expr) -> pl.Expr:
    """True where the text means more than one day; null where it is null."""
    text = _as_expr(column)
    return text.str.len_chars() != 10


def one_day(column: str | pl.Expr, policy: PartialPolicy = PartialPolicy.MID) -> pl.Expr:
    """Return the day that stands for a date under `policy`; a complete date is itself under every policy."""
    text = _as_expr(column)
    n = text.str.len_chars()
    lo, hi = first_day(text), last_day(text)
    if policy is PartialPolicy.FIRST:
        return lo
    if policy is PartialPolicy.LATEST:
        return hi
    month_day, year_day = ("-15", "-07-01") if policy is PartialPolicy.MID else ("-28", "-12-31")
    interval = lo + (hi - lo) / 2 if policy is PartialPolicy.MID else hi
    return (
        pl.when(n == 10)
        .then(_day(text))
        .when(n == 7)
        .then(_day(text + month_day))
        .when(n == 4)
        .then(_day(text + year_day))
        .otherwise(interval.cast(pl.Date))
    )


def age_in_years(birth: str | pl.Expr, on: str | pl.Expr) -> pl.Expr:
    """Return completed years of age on a day, both pl.Date (born 29 February: a year older on 1 March)."""
    b, o = _as_expr(birth), _as_expr(on)
    before_birthday = (o.dt.month().cast(pl.Int32) * 100 + o.dt.day()) < (
        b.dt.month().cast(pl.Int32) * 100 + b.dt.day()
    )
    return (o.dt.year() - b.dt.year() - before_birthday.cast(pl.Int32)).cast(pl.Int64)
