"""An age as recorded against the years that a date of birth gives.

In: the name of an age (a number that may be a bound, see `bounds.py`) and of a column of whole years. Ages are counted
in years completed, so 39.5 is 39, "<18" is at most 17 and ">89" at least 90.
"""

from __future__ import annotations

import polars as pl

from chartline.checks.bounds import least, most


def whole_years(age: str) -> pl.Expr:
    """Return an age in years completed, of a bound the nearest that it can mean: 17 of "<18"."""
    number, sign = pl.col(age), pl.col(f"{age}_OP")  # a mistyped one may be larger than any whole number of eight bytes
    return (
        pl.when(sign == "<")
        .then(number.ceil() - 1)
        .when(sign == ">")
        .then(number.floor() + 1)
        .otherwise(number.floor())
    )


def is_older(age: str, years: str) -> pl.Expr:
    """Return whether an age can only be more than so many years; null where it has no lower end."""
    return pl.when(least(age).is_not_null()).then(whole_years(age) > pl.col(years))


def is_younger(age: str, years: str) -> pl.Expr:
    """Return whether an age can only be less than so many years; null where it has no upper end."""
    return pl.when(most(age).is_not_null()).then(whole_years(age) < pl.col(years))
