"""Numbers that may be bounds or ranges, as a check may read them: only by what is so of every number they can mean.

In: the name of a number X of a frame, with X_OP beside it ("<", "<=", ">" or ">="; null where the number is exact)
and, of a variable that may be a range, X_HI. Out: expressions. A comparison with a limit is `holds()` of
`core/compare.py`: true or false where it is so of every number that X can mean, null where it depends. Here are the
ends between which X lies, for comparing two such numbers, and a median that is known although some values are bounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any

import polars as pl

from chartline.checks.wording import value_words
from chartline.core.clinical import ranged


def is_exact(*names: str) -> pl.Expr:
    """Return whether each of the numbers is neither a bound nor a range (a missing one is no bound)."""
    return pl.all_horizontal(pl.col(f"{n}_OP").is_null() for n in names)


def least(name: str) -> pl.Expr:
    """Return the lower end of what a number can mean: 5 of "5", ">5" and "5-10"; null of "<5"."""
    return pl.when(~_is_below(name)).then(pl.col(name))


def most(name: str) -> pl.Expr:
    """Return the upper end of what a number can mean: 5 of "5" and "<5", 10 of "5-10"; null of ">5"."""
    end = pl.when(pl.col(f"{name}_OP").is_null() | _is_below(name)).then(pl.col(name))
    return pl.coalesce(f"{name}_HI", end) if name in ranged() else end


def known_median(name: str) -> pl.Expr:
    """Return the median, to be aggregated, where it is the same whatever the bounds mean; null where it is not.

    Three values 2, 3 and "<1" have the median 2; 2 and "<1" have none that is known.
    """
    given = pl.col(name).is_not_null()
    low = least(name).fill_null(-inf).filter(given).median()
    high = most(name).fill_null(inf).filter(given).median()
    return pl.when(low == high).then(low)


def recorded(r: Mapping[str, Any], name: str, suffix: str = "") -> object:
    """Return a value of a record as it is quoted: itself, or "<5", or "5-10"."""
    value, high = r[f"{name}{suffix}"], r.get(f"{name}_HI{suffix}")
    if high is None:
        return quoted(value, r.get(f"{name}_OP{suffix}"))
    return f"{value_words(value)}-{value_words(high)}"


def quoted(value: object, sign: str | None) -> object:
    """Return a value, with its sign where it is a bound: "<5"."""
    return value if sign is None else f"{sign}{value_words(value)}"


def _is_below(name: str) -> pl.Expr:
    return pl.col(f"{name}_OP").fill_null("").str.starts_with("<")
