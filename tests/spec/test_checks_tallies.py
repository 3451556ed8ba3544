"""Tallies of parts of the patients add to that of all, and medians taken from them are those of the values."""

from __future__ import annotations

from statistics import median

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chartline.checks.tallies import added, first_rows, medians, tally, tally_true, with_lists

OF = ["CENTRE"]
ROWS = st.lists(st.tuples(st.sampled_from("AB"), st.none() | st.sampled_from([0.5, 1.0, 2.5, 40.0, 1e6])), max_size=40)


def frame(rows: list[tuple[str, float | None]]) -> pl.LazyFrame:
    return pl.LazyFrame(rows, schema={"CENTRE": pl.String, "VALUE": pl.Float64}, orient="row")


@given(ROWS, st.integers(0, 40))
def test_tallies_of_two_parts_add_to_that_of_all_and_have_its_medians(
    rows: list[tuple[str, float | None]], at: int
) -> None:
    by = [*OF, "VALUE"]
    parts = pl.concat(tally(frame(some), by) for some in (rows[:at], rows[at:]))
    assert added(parts, by).collect().equals(added(tally(frame(rows), by), by).collect())
    found = {centre: (value, n) for centre, value, n in medians(parts, OF).collect().iter_rows()}
    known = {c: [v for centre, v in rows if centre == c and v is not None] for c in "AB"}
    assert found == {c: (pytest.approx(median(values)), len(values)) for c, values in known.items() if values}


def test_how_many_are_true_is_told_beside_how_many_there_are() -> None:
    rows = pl.LazyFrame({"CENTRE": ["A", "A", "B"], "SEEN": [True, False, False]})
    assert tally_true(rows, OF, "SEEN").sort("CENTRE").collect().rows() == [("A", 1, 2), ("B", 0, 1)]


def test_the_first_rows_of_parts_hold_those_of_all_in_the_order_of_their_cells() -> None:
    rows = [("A", 1, 7), ("B", 0, 2), ("A", 0, 9), ("A", 1, 3), ("A", 0, 4)]
    every = pl.LazyFrame(rows, schema={"CENTRE": pl.String, "BLOCK": pl.UInt32, "ROW": pl.UInt32}, orient="row")
    parts = pl.concat(first_rows(every.slice(*cut), OF, 2) for cut in ((0, 2), (2, 3)))
    groups = pl.LazyFrame({"CENTRE": ["B", "A", "C"]})
    for some in (every, parts):
        shown = with_lists(groups, first_rows(some, OF, 2), OF).collect().rows()
        assert shown == [("B", [0], [2]), ("A", [0, 0], [4, 9]), ("C", None, None)]
