"""Lines of therapy rebuilt from single exposures: what begins a line, what belongs to it, what ends it.

The rule of these tests: drugs that begin within 28 days of a line's first day are one regimen; more than 120 days
without any drug end it.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
import pytest

from chartline.derive.lines import rebuild_lines
from chartline.errors import ProtocolError
from chartline.protocol.treatment import LineRule
from derive_cases import bare, because, derive, row

RULE = LineRule(combine_days=28, gap_days=120)
FIRST = dt.date(2019, 1, 1)


def lines(*exposures: tuple[str, int, int | None]) -> list[tuple[int, str, int, int]]:
    """(number, drugs, first and last day) of exposures (drug, first day, last day), in days from the first of all."""
    rows = [
        {
            "CENTRE": "A", "USUBJID": "P1", "SEQ": i, "DRUG": drug, "START": FIRST + dt.timedelta(start),
            "END": None if end is None else FIRST + dt.timedelta(end),
        }
        for i, (drug, start, end) in enumerate(exposures, 1)
    ]  # fmt: skip
    schema = {
        "CENTRE": pl.String,
        "USUBJID": pl.String,
        "SEQ": pl.Int64,
        "DRUG": pl.String,
        "START": pl.Date,
        "END": pl.Date,
    }
    found = rebuild_lines(pl.DataFrame(rows, schema=schema), RULE)
    day = [(pl.col(name) - FIRST).dt.total_days() for name in ("START", "END")]
    return found.select("LINE", "DRUGS", *day).rows()


def test_drugs_that_begin_together_are_one_line() -> None:
    assert lines(("vincristine", 0, None), ("daunorubicin", 1, None)) == [(1, "daunorubicin + vincristine", 0, 1)]


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (27, [(1, "a + b", 0, 27)]),
        (28, [(1, "a + b", 0, 28)]),  # the last day of the window
        (29, [(1, "a", 0, 0), (2, "b", 29, 29)]),  # a further drug later than that is the next line
    ],
)
def test_the_window_of_a_regimen(day: int, expected: list[Any]) -> None:
    assert lines(("a", 0, None), ("b", day, None)) == expected


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (129, [(1, "a", 0, 129)]),
        (130, [(1, "a", 0, 130)]),  # 120 days after the last day, day 10
        (131, [(1, "a", 0, 10), (2, "a", 131, 131)]),  # the same drug after a longer pause is a line again
    ],
)
def test_the_pause_that_ends_a_line(day: int, expected: list[Any]) -> None:
    assert lines(("a", 0, 10), ("a", day, None)) == expected


def test_a_drug_of_the_regimen_may_come_back_and_one_may_be_left_out() -> None:
    """Cycles of a and b; b is left out of the second and comes back in the third."""
    found = lines(("a", 0, None), ("b", 2, None), ("a", 30, None), ("a", 60, None), ("b", 62, None))
    assert found == [(1, "a + b", 0, 62)]


def test_the_next_line_has_a_window_of_its_own() -> None:
    """c begins the second line on day 50; a comes back within its window and is part of it."""
    found = lines(("a", 0, None), ("b", 5, None), ("c", 50, None), ("a", 60, None), ("b", 90, None))
    assert found == [(1, "a + b", 0, 5), (2, "a + c", 50, 60), (3, "b", 90, 90)]


def test_a_long_exposure_is_no_pause() -> None:
    """The pause counts from the last day of any drug so far, not from the last that began."""
    assert lines(("a", 0, 300), ("b", 10, 20), ("a", 350, None)) == [(1, "a + b", 0, 350)]


def test_nobody_without_an_exposure_has_a_line() -> None:
    assert lines() == []


# In a study: rows of medication before day 0, as a mapping gives them from drug_exposure or drug_era. ----------------

PRIOR: dict[str, Any] = {
    "prior_therapy": {
        "lines": {"from": "CM", "where": "CMCAT == 'ANTICANCER'"},
        "rebuild": {"combine_days": 28, "gap_days": 120},
        "agents": {"PRBLINFL": {"label": "Prior blinatumomab", "words": ["blinatumomab"]}},
    }
}
EX = "USUBJID|EXSTDTC|EXCYCLE\nP1|2020-01-01|1"
CM = "USUBJID|CMCAT|CMTRT|CMSTDTC|CMENDTC\n"


def study(rows: str, **over: Any) -> Any:
    return derive({"EX": EX, "CM": CM + rows}, **(bare() | PRIOR | over))


def test_lines_before_day_0_are_counted() -> None:
    adam = study(
        "P1|ANTICANCER|vincristine|2018-01-01|\nP1|ANTICANCER|dexamethasone|2018-01-05|2018-01-20\n"
        "P1|ANTICANCER|blinatumomab|2019-06-01|2019-06-28\nP1|OTHER|aciclovir|2018-06-01|\n"
        "P1|ANTICANCER|inotuzumab|2020-01-01|\nP1|ANTICANCER|ponatinib|2020-03-01|"  # from day 0 on: no earlier line
    )
    assert row(adam["ADSL"], "SALVAGE", "PRBLINFL", "RRSTAT") == (2, "Y", None)
    assert because(adam, "ADSL.SALVAGE") == [
        "2 lines before day 0: dexamethasone + vincristine (response unknown), blinatumomab (response unknown)"
    ]


def test_an_exposure_without_a_date_leaves_the_lines_open() -> None:
    adam = study("P1|ANTICANCER|vincristine|2018-01-01|\nP1|ANTICANCER|blinatumomab||")
    assert row(adam["ADSL"], "SALVAGE", "PRBLINFL") == (None, None)
    assert because(adam, "ADSL.SALVAGE") == ["an earlier exposure without date or drug, so lines cannot be told apart"]


def test_lines_are_rebuilt_from_exposures_alone() -> None:
    lines = {"from": "MH", "where": "MHCAT == 'PRIOR LINE'"}
    with pytest.raises(ProtocolError, match="no exposures that lines can be rebuilt from"):
        study("", prior_therapy=PRIOR["prior_therapy"] | {"lines": lines})


def test_a_pause_shorter_than_the_window_is_refused() -> None:
    with pytest.raises(ValueError, match="`gap_days` 20 is less than `combine_days` 28"):
        LineRule(combine_days=28, gap_days=20)
