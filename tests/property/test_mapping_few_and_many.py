"""A cell means the same in a column of ten and in one of a million: few cells and many are read on two ways."""

from __future__ import annotations

import itertools

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chartline.mapping import values
from chartline.mapping.model import DateOrder
from chartline.mapping.values import Reading, read_cells

TEXTS = (
    *(None, "", " ", "NA", "na", "999", "Y", "y", "Yes", "x y", "Patient/1", "Patient/ ", "#N/A", "a:b 10:00"),
    *("12-03-2020", " 12-03-2020 ", "12-03-2020 08:30", "12-03-2020 8:30 PM", "12-03-2020 08:30 08:30", "31-02-2020"),
    *("2020-05-06", "2020-05-06T08:30:00Z", "2020-13-06", "3 Jan 2020", "jan 2020", "2020", "12-03", "1/2/20"),
    *("1", "1.5", "0.10", "-2", "+3", "2.", ".5", "1,5", "1.234,5", "<5", "<= 0.01", "=3", "5 %", "1e5", "1e999"),
    *("12345678901234567", "9007199254740993", "٣"),
)
CELLS = st.lists(st.tuples(st.sampled_from(TEXTS), st.sampled_from((None, "t", "n", "d", "e", "a"))), min_size=1)
NA = frozenset({"na", "999"})
READINGS = (
    *(Reading("text", NA), Reading("text", extract="Patient/(.*)"), Reading("text", lookup=("t", "k", "v"))),
    Reading("text", NA, extract="Patient/(.*)", extract_optional=True),
    *(Reading("number", NA), Reading("number", decimal=","), Reading("number", percent=True), Reading("integer")),
    Reading("number", extract="([0-9.]+)"),
    *(Reading("code", NA, codes=(("y", "Y"), ("na", "N")), terms=("Y", "N")), Reading("flag", terms=("Y", "N"))),
    *(
        Reading("date", order=order, swap=swap, partial=partial)
        for order, swap, partial in itertools.product(DateOrder, (True, False), (True, False))
    ),
)


@pytest.mark.parametrize("reading", READINGS, ids=[f"reading {i}" for i in range(len(READINGS))])
@settings(max_examples=30, deadline=None)
@given(cells=CELLS, kinds=st.booleans())
def test_many_cells_read_as_few(reading: Reading, cells: list[tuple[str | None, str | None]], kinds: bool) -> None:
    text = pl.Series([t for t, _ in cells], dtype=pl.String)
    kind = pl.Series([k for _, k in cells], dtype=pl.String) if kinds else None
    lookup = {"1": "S1", "x y": "S2"} if reading.lookup else None
    few = read_cells(reading, text, kind, lookup)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(values, "MANY", 0)
        many = read_cells(reading, text, kind, lookup)
    assert many.value.dtype == few.value.dtype
    assert many.value.to_list() == few.value.to_list()
    assert many.present.to_list() == few.present.to_list()
    assert many.problems == few.problems
    blank = [None] * len(text)
    assert (blank if many.op is None else many.op.to_list()) == (blank if few.op is None else few.op.to_list())
