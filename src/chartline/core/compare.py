"""Comparisons with values that may be censored at source, in three-valued logic.

A value is a number, a bound with a sign beside it ("<0.01"), or a range (">=5" with its upper end beside it).
`holds()` says True where every number it can mean satisfies the comparison, False where none does, null where it
depends, or where the value or the limit is missing. Both sides are rounded to 12 significant digits first, so that
5 x 40.2 is 201 and not 201.00000000000003.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from chartline.core.clinical import ranged
from chartline.core.reasons import number_text

SIGNIFICANT = 12
OPERATORS = ("<", "<=", ">", ">=", "==")


def exactly(number: pl.Expr) -> pl.Expr:
    """Return a float rounded to 12 significant digits: equal decimals are then equal floats."""
    return number.cast(pl.Float64).round_sig_figs(SIGNIFICANT)


def holds(value: str, operator: str, limit: pl.Expr | float) -> pl.Expr:
    """Return whether `value operator limit`, with the sign of a censored value in the column `<value>_OP` and, of a
    variable that may be a range, its upper end in `<value>_HI`."""
    v, sign = exactly(pl.col(value)), pl.col(f"{value}_OP")
    high = exactly(pl.col(f"{value}_HI")) if value in ranged() else None
    bound = exactly(limit) if isinstance(limit, pl.Expr) else pl.lit(float(limit))
    known = v.is_not_null() & bound.is_not_null()
    if operator in (">", ">="):
        return ~_below(v, sign, bound, strict=operator == ">=", known=known, high=high)
    if operator in ("<", "<="):
        return _below(v, sign, bound, strict=operator == "<", known=known, high=high)
    if operator == "==":
        low = _below(v, sign, bound, strict=True, known=known, high=high)
        high = ~_below(v, sign, bound, strict=False, known=known, high=high)
        return pl.when(sign.is_null()).then(v == bound).when(low | high).then(pl.lit(False))
    raise ValueError(f"not an operator: {operator}")


def value_text(value: str) -> pl.Expr:
    """Return the value as a sentence shows it: "104", "<0.01", "5-10"."""
    low = number_text(value)
    bounded = pl.concat_str([pl.col(f"{value}_OP").fill_null(""), low])
    if value not in ranged():
        return bounded
    return pl.coalesce(pl.format("{}-{}", low, number_text(f"{value}_HI")), bounded)


def _below(v: pl.Expr, sign: pl.Expr, bound: pl.Expr, *, strict: bool, known: pl.Expr, high: pl.Expr | None) -> pl.Expr:
    """value < bound (strict) or value <= bound. "<5" is below 5; "<=5" is so only when equality is allowed."""
    under = pl.lit(False) if high is None else high < bound if strict else high <= bound
    exact = v < bound if strict else v <= bound
    at_most_v = v < bound if strict else v <= bound  # every number up to and including v
    above_v = v >= bound  # no number above v can be below (or equal to) the bound
    from_v = v >= bound if strict else v > bound
    return (
        pl.when(~known)
        .then(pl.lit(None, dtype=pl.Boolean))
        .when(sign.is_null())
        .then(exact)
        .when(under)
        .then(pl.lit(True))
        .when((sign == "<") & (v <= bound))
        .then(pl.lit(True))
        .when((sign == "<=") & at_most_v)
        .then(pl.lit(True))
        .when((sign == ">") & above_v)
        .then(pl.lit(False))
        .when((sign == ">=") & from_v)
        .then(pl.lit(False))
    )


_NOT = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}


def limits_text(value: str, limits: Iterable[tuple[str, float]]) -> pl.Expr:
    """Say between which of some limits (operator, threshold) a value lies: ` (<5)`, ` (>=5, <=25)`.

    Of several that hold the nearest on either side is told; nothing (an empty text) where none can be decided. A value
    that is not 0 where 0 was asked for is told as ` (>0)`.
    """
    above: list[tuple[float, bool, pl.Expr]] = []
    below: list[tuple[float, bool, pl.Expr]] = []
    for operator, limit in dict.fromkeys(limits):
        shown = holds(value, operator, limit)
        if operator == "==":
            above += [(limit, True, pl.when(~shown).then(pl.lit(f">{limit:g}")))] if limit == 0 else []
            continue
        for sign, true in ((operator, shown), (_NOT[operator], ~shown)):
            side = below if sign.startswith("<") else above
            side.append((limit, "=" not in sign, pl.when(true).then(pl.lit(f"{sign}{limit:g}"))))
    nothing = pl.lit(None, dtype=pl.String)
    # The nearest: the highest below the value, the lowest above it; of equal ones the strict one.
    low = pl.coalesce([*(e for *_, e in sorted(above, key=lambda x: (-x[0], not x[1]))), nothing])
    high = pl.coalesce([*(e for *_, e in sorted(below, key=lambda x: (x[0], not x[1]))), nothing])
    told = pl.concat_str([low, high], separator=", ", ignore_nulls=True)
    return pl.when(told == "").then(pl.lit("")).otherwise(pl.format(" ({})", told))
