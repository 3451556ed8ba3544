"""A sentence has the thresholds in sight: beside each value stand the nearest limits that it was held against."""

from __future__ import annotations

import polars as pl
import pytest

from chartline.core.compare import limits_text
from chartline.core.reasons import number_of

BLASTS = [("<", 5.0), ("<=", 25.0), ("<", 5.0)]  # a remission; a partial response; named by two categories


def told(limits: list[tuple[str, float]], value: float | None, sign: str | None = None) -> str:
    frame = pl.DataFrame({"V": [value], "V_OP": [sign]}, schema={"V": pl.Float64, "V_OP": pl.String})
    return str(frame.select(limits_text("V", limits).alias("T"))["T"][0])


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, " (<5)"), (4.9, " (<5)"), (5, " (>=5, <=25)"), (25, " (>=5, <=25)"), (25.1, " (>25)"), (90, " (>25)")],
)
def test_the_nearest_limit_on_either_side(value: float, expected: str) -> None:
    assert told(BLASTS, value) == expected


@pytest.mark.parametrize(("value", "expected"), [(0.9, " (<1)"), (1.0, " (>=1)"), (1.1, " (>=1)"), (None, "")])
def test_a_limit_from_below(value: float | None, expected: str) -> None:
    assert told([(">=", 1.0)], value) == expected


def test_a_bound_is_told_only_what_it_decides() -> None:
    assert told(BLASTS, 5, "<") == " (<5)"
    assert told(BLASTS, 10, "<") == " (<=25)"  # below 5 or not: nobody knows
    assert told(BLASTS, 50, ">") == " (>25)"


def test_what_should_be_none_and_is_some() -> None:
    assert told([("==", 0.0)], 3) == " (>0)"
    assert told([("==", 0.0)], 0) == ""
    assert told([], 3) == ""


def test_a_number_stands_with_its_noun() -> None:
    frame = pl.DataFrame({"N": [0, 1, 2, None]}).select(number_of("N", "day"), query=number_of("N", "query", "queries"))
    assert frame.rows() == [("0 days", "0 queries"), ("1 day", "1 query"), ("2 days", "2 queries"), (None, None)]
