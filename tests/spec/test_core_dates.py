"""Dates keep the precision they were written with; a partial date is the interval of days that it can mean."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from chartline.core.dates import (
    PartialPolicy,
    age_in_years,
    first_day,
    is_partial,
    last_day,
    one_day,
)

D = dt.date


def one(expr: pl.Expr, text: str | None) -> object:
    return pl.DataFrame({"d": [text]}, schema={"d": pl.String}).select(expr).item()


@pytest.mark.parametrize(
    ("text", "lo", "hi", "mid", "last"),
    [
        ("2022-04-03", D(2022, 4, 3), D(2022, 4, 3), D(2022, 4, 3), D(2022, 4, 3)),
        ("2022-04", D(2022, 4, 1), D(2022, 4, 30), D(2022, 4, 15), D(2022, 4, 28)),
        ("2024-02", D(2024, 2, 1), D(2024, 2, 29), D(2024, 2, 15), D(2024, 2, 28)),
        ("2022", D(2022, 1, 1), D(2022, 12, 31), D(2022, 7, 1), D(2022, 12, 31)),
        ("2022-01-01/2022-01-11", D(2022, 1, 1), D(2022, 1, 11), D(2022, 1, 6), D(2022, 1, 11)),
        (None, None, None, None, None),
    ],
)
def test_a_partial_date_is_an_interval(text: str, lo: D, hi: D, mid: D, last: D) -> None:
    assert one(first_day("d"), text) == lo
    assert one(last_day("d"), text) == hi
    assert one(one_day("d"), text) == mid
    assert one(one_day("d", PartialPolicy.FIRST), text) == lo
    assert one(one_day("d", PartialPolicy.LAST), text) == last
    assert one(is_partial("d"), text) == (None if text is None else len(text) != 10)


@pytest.mark.parametrize(
    ("birth", "on", "age"),
    [
        (D(2000, 5, 10), D(2018, 5, 9), 17),
        (D(2000, 5, 10), D(2018, 5, 10), 18),
        (D(2004, 2, 29), D(2022, 2, 28), 17),
        (D(2004, 2, 29), D(2022, 3, 1), 18),
    ],
)
def test_age_is_in_completed_years(birth: D, on: D, age: int) -> None:
    assert pl.DataFrame({"b": [birth], "o": [on]}).select(age_in_years("b", "o")).item() == age
