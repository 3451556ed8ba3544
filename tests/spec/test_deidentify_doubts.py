"""Dates at the centre's door: what would be shifted wrongly is refused; small tables in, a refusal or none out.

One column of one table of patients; text dates as strings, true dates of a spreadsheet as dates.
"""

from __future__ import annotations

import datetime as dt

import pytest

from chartline.core.identifiers import Kind
from chartline.deidentify.declared import with_mapping
from chartline.deidentify.doubts import DatesInDoubt, check_dates
from chartline.deidentify.grid import Cell, Grid
from chartline.deidentify.model import Action, Decision, Options
from chartline.mapping.model import DateOrder, Mapping

SUBJECT = Decision("t.xlsx", "T", "ID", Kind.SUBJECT, Action.KEEP, "")
D = dt.date


def refusal(cells: list[Cell], order: str = "DMY", patients: bool = True, **how: frozenset[str]) -> str:
    """What is said of a table whose second column holds these cells, "" where nothing is."""
    rows: list[list[Cell]] = [["ID", "Seen"], *([f"A-{i:02d}", cell] for i, cell in enumerate(cells))]
    grid = Grid("t.xlsx", "T", ("ID", "Seen"), 1, lambda: iter(rows), lambda r, c: f"{r} {c}")
    decisions = {("t.xlsx", "T"): {0: SUBJECT} if patients else {}}
    try:
        check_dates([grid], decisions, Options(shift_days=30, order=DateOrder(order), **how))  # type: ignore[arg-type]
    except DatesInDoubt as refused:
        return str(refused)
    return ""


@pytest.mark.parametrize(
    ("cells", "order"),
    [
        (["31/01/2020", "01/02/2020"], "DMY"),
        (["2020-01-31", "2020-02-01"], "MDY"),  # ISO is read under every order
        (["31-Jan-2020", "1 Feb 2020"], "MDY"),  # a month by its name has no order
        (["unknown", "", None, 20200131, "relapse on 31/01/2020"], "ISO"),  # none is a date
        (["31/02/2020"], "ISO"),  # no order reads it: it is told in the report, as what was not shifted
        ([D(2020, 1, 2), D(2020, 3, 4)], "ISO"),  # true dates alone
        ([D(2020, 1, 2), "2020-03-04"], "ISO"),  # ISO is not exchanged by any locale
        (["31/01/2020", D(2020, 1, 13)], "DMY"),  # a true date after the 12th: the column was not exchanged
        (["31/01/2020"] * 3 + ["02/13/2020"], "DMY"),  # one of four is a slip: a quarter is the most
    ],
)
def test_dates_that_can_be_shifted(cells: list[Cell], order: str) -> None:
    assert refusal(cells, order) == ""


def test_an_order_that_the_column_contradicts_is_refused_with_the_one_that_reads_it() -> None:
    said = refusal(["13/01/2020", "02/03/2020", "31/12/2020"], "MDY")
    assert "2 dates in 1 column cannot be read as MDY; DMY would read all of them" in said
    assert "T!Seen" in said and "--dates DMY" in said


def test_an_order_that_was_never_said_is_asked() -> None:
    said = refusal(["01/02/2020", "02/03/2020"], "ISO")  # either order reads both
    assert "DMY or MDY would read all of them" in said
    assert "--dates DMY or --dates MDY" in said


def test_more_than_a_quarter_is_no_slip() -> None:
    assert "1 date in 1 column" in refusal(["31/01/2020"] * 2 + ["02/13/2020"], "DMY")


def test_true_dates_up_to_the_12th_beside_text_dates_are_in_doubt() -> None:
    said = refusal(["31/01/2020", D(2020, 12, 12)])
    assert "1 column mixes dates as text with 1 true date" in said
    assert "--swapped COLUMN or --unswapped COLUMN" in said


@pytest.mark.parametrize("how", ["swapped", "unswapped"])
@pytest.mark.parametrize("name", ["Seen", "T!Seen"])
def test_the_centre_says_how_they_stand(how: str, name: str) -> None:
    assert refusal(["31/01/2020", D(2020, 2, 1)], **{how: frozenset([name])}) == ""


def test_tables_of_nobody_are_not_shifted_and_not_looked_at() -> None:
    assert refusal(["31/01/2020", D(2020, 2, 1)], "ISO", patients=False) == ""


MAPPING = {
    "chartline": "mapping/1",
    "centre": "B",
    "dates": {"order": "DMY"},
    "sources": [{"kind": "xlsx", "path": "t.xlsx", "sheets": {"T": {}}}],
    "tables": {
        "T": {
            "subject": "ID",
            "records": [
                {"domain": "DM", "variables": {"BRTHDTC": "DOB"}},
                {
                    "domain": "EX",
                    "for_each": {"n": ["1", "2"]},
                    "variables": {
                        "EXTRT": {"constant": "INOTUZUMAB OZOGAMICIN"},
                        "EXSTDTC": {"column": "C{n} date", "dates": {"true_dates": "swap_day_month", "order": "MDY"}},
                    },
                },
            ],
        }
    },
}


def test_a_mapping_says_the_order_of_each_column_and_which_are_exchanged_and_whose_a_row_is() -> None:
    found = with_mapping(Options(shift_days=30), Mapping.model_validate(MAPPING))
    assert [found.order_in("T", c) for c in ("DOB", "C1 date", "C2 date", "Remark")] == ["DMY", "MDY", "MDY", "DMY"]
    assert [found.is_swapped("T", c) for c in ("DOB", "C1 date", "C2 date")] == [False, True, True]
    assert [found.knows_true_dates("T", c) for c in ("DOB", "C2 date", "Remark")] == [True, True, False]
    assert found.names_subject("T", "ID") and not found.names_subject("Other sheet", "ID")


def test_what_the_centre_says_goes_before_its_mapping() -> None:
    said = Options(shift_days=30, unswapped=frozenset(["T!C1 date"]))
    found = with_mapping(said, Mapping.model_validate(MAPPING), DateOrder.ISO)
    assert [found.is_swapped("T", c) for c in ("C1 date", "C2 date")] == [False, True]
    assert found.order_in("T", "Remark") == DateOrder.ISO
