"""Values that are bounds or ranges: a comparison says only what every number in the interval says."""

from __future__ import annotations

import math
import operator

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chartline.core.compare import OPERATORS, holds

TEST = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq}
NUMBERS = st.integers(0, 12).map(float)
Value = tuple[float, str | None, float | None]  # number, sign, upper end


def values() -> st.SearchStrategy[Value]:
    """A number, a bound or a range of blasts."""
    signs = st.sampled_from([None, "<", "<=", ">", ">="])
    plain = st.tuples(NUMBERS, signs, st.none())
    ranges = st.tuples(NUMBERS, NUMBERS).filter(lambda e: e[0] < e[1]).map(lambda e: (e[0], ">=", e[1]))
    return st.one_of(plain, ranges)


def truth(value: Value, sign: str, limit: float) -> bool | None:
    number, op, high = value
    frame = pl.DataFrame(
        {"BMBLAST": [number], "BMBLAST_OP": [op], "BMBLAST_HI": [high]},
        schema={"BMBLAST": pl.Float64, "BMBLAST_OP": pl.String, "BMBLAST_HI": pl.Float64},
    )
    answer: bool | None = frame.select(holds("BMBLAST", sign, limit)).item()
    return answer


def meant(value: Value) -> list[float]:
    """Numbers that the value can mean, on a grid of quarters beyond every limit of the test, with the ends.

    As limits are whole numbers, every answer that the whole interval gives is given by some number of the grid.
    """
    number, op, high = value
    grid = [i / 4 for i in range(-8, 80)]
    if op is None:
        return [number]
    return [g for g in grid if TEST[op](g, number) and (high is None or g <= high)]


@given(values(), st.sampled_from(OPERATORS), NUMBERS)
def test_an_answer_is_that_of_every_number_in_the_interval(value: Value, sign: str, limit: float) -> None:
    answers = {TEST[sign](x, limit) for x in meant(value)}
    assert truth(value, sign, limit) is (answers.pop() if len(answers) == 1 else None)


def _ends(value: Value) -> tuple[float, bool, float, bool]:
    """Lower end, whether it belongs to the value, upper end, whether it does."""
    number, op, high = value
    if op is None:
        return number, True, number, True
    if op in ("<", "<="):
        return -math.inf, False, number, op == "<="
    return number, op == ">=", math.inf if high is None else high, high is not None


def _wider(a: Value, b: Value) -> bool:
    """Whether `a` holds every number of `b`."""
    (lo, lo_in, hi, hi_in), (l2, l2_in, h2, h2_in) = _ends(a), _ends(b)
    return (lo < l2 or (lo == l2 and (lo_in or not l2_in))) and (hi > h2 or (hi == h2 and (hi_in or not h2_in)))


@given(values(), values(), st.sampled_from(OPERATORS), NUMBERS)
def test_widening_an_interval_never_flips_an_answer(a: Value, b: Value, sign: str, limit: float) -> None:
    wide, narrow = (a, b) if _wider(a, b) else (b, a)
    if not _wider(wide, narrow):
        return
    answer = truth(wide, sign, limit)
    assert answer is None or answer is truth(narrow, sign, limit)


@pytest.mark.parametrize(
    ("value", "sign", "limit", "answer"),
    [
        ((5, ">=", 10), "<", 5, False),  # no number from 5 to 10 is below 5
        ((5, ">=", 10), "<", 10, None),
        ((5, ">=", 10), "<=", 10, True),
        ((5, ">=", 10), "<", 11, True),
        ((5, ">=", 10), ">=", 5, True),
        ((5, ">=", 10), ">", 5, None),
        ((5, ">=", 10), ">", 10, False),
        ((5, ">=", 10), "==", 7, None),
        ((5, ">=", 10), "==", 11, False),
        ((5, "<", None), "<", 5, True),
        ((90, ">=", None), "<", 5, False),
    ],
)
def test_by_hand(value: Value, sign: str, limit: float, answer: bool | None) -> None:
    assert truth(value, sign, limit) is answer
