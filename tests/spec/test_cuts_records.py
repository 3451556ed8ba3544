"""`chartline diff`: which values of the charts changed between two data cuts.

In: every mapped value of two cuts with its cell. Out: what was added, changed and removed, by patient and variable.
Rows of a file have no key, so records are recognised by what they say.
"""

from __future__ import annotations

import pytest

from chartline.core.clinical import clinical_data
from chartline.cuts.lines import chart_lines
from chartline.cuts.records import compare_values
from chartline.cuts.words import standing
from chartline.trace.charted import CHARTED_SCHEMA, charted_values

import polars as pl  # isort: skip

Row = tuple[str, int, str, str, str, str]  # domain, SEQ, variable, value, cell, what the cell says


def cut(*rows: Row, subject: str = "A-01") -> pl.DataFrame:
    values = [(d, "A", subject, seq, name, value, cell, raw) for d, seq, name, value, cell, raw in rows]
    return pl.DataFrame(values, schema=CHARTED_SCHEMA, orient="row")


def lab(seq: int, test: str, day: str, value: str) -> tuple[Row, ...]:
    return (
        ("LB", seq, "LBTESTCD", test, f"labs.csv!row {seq}!test", test),
        ("LB", seq, "LBDTC", day, f"labs.csv!row {seq}!day", day),
        ("LB", seq, "LBSTRESN", value, f"labs.csv!row {seq}!value", value),
    )


def told(old: pl.DataFrame, new: pl.DataFrame) -> list[tuple[str, str, str | None, str | None, str | None]]:
    return [(v.what, v.variable, v.old, v.new, v.new_place or v.old_place) for v in compare_values(old, new)]


DEATH = ("SS", 1, "DTHDTC", "2021-12-03", "death.csv!row 3!date", "2021-12-03")
MOVED = ("SS", 1, "DTHDTC", "2021-12-30", "death.csv!row 3!date", "2021-12-30")


def test_two_equal_cuts_differ_in_nothing() -> None:
    assert told(cut(DEATH, *lab(1, "ALT", "2021-01-02", "45")), cut(DEATH, *lab(1, "ALT", "2021-01-02", "45"))) == []


def test_a_corrected_value_is_one_change_with_its_cell() -> None:
    assert told(cut(DEATH), cut(MOVED)) == [
        ("changed", "DTHDTC", "2021-12-03", "2021-12-30", "death.csv!row 3!date"),
    ]


def test_a_value_that_was_blank_is_added_and_one_that_is_blank_now_is_removed() -> None:
    cause = ("SS", 1, "DTHCAUS", "Infection", "death.csv!row 3!cause", "Infection")
    assert told(cut(DEATH), cut(DEATH, cause)) == [("added", "DTHCAUS", None, "Infection", "death.csv!row 3!cause")]
    assert told(cut(DEATH, cause), cut(DEATH)) == [("removed", "DTHCAUS", "Infection", None, "death.csv!row 3!cause")]


def test_a_row_inserted_above_changes_no_row_below_it() -> None:
    old = cut(*lab(1, "ALT", "2021-01-02", "45"), *lab(2, "ALT", "2021-01-09", "60"))
    new = cut(
        *lab(1, "ALT", "2020-12-30", "30"), *lab(2, "ALT", "2021-01-02", "45"), *lab(3, "ALT", "2021-01-09", "60")
    )
    assert told(old, new) == [
        ("added", "LBTESTCD", None, "Alanine aminotransferase", "labs.csv!row 1!test"),
        ("added", "LBDTC", None, "2020-12-30", "labs.csv!row 1!day"),
        ("added", "LBSTRESN", None, "30", "labs.csv!row 1!value"),
    ]


def test_a_row_inserted_above_a_corrected_one_hides_neither() -> None:
    old = cut(*lab(1, "ALT", "2021-01-02", "45"), *lab(2, "ALT", "2021-01-09", "600"))
    new = cut(
        *lab(1, "ALT", "2020-12-30", "30"), *lab(2, "ALT", "2021-01-02", "45"), *lab(3, "ALT", "2021-01-09", "60")
    )
    assert [t for t in told(old, new) if t[0] == "changed"] == [
        ("changed", "LBSTRESN", "600", "60", "labs.csv!row 3!value"),
    ]
    assert {t[4] for t in told(old, new) if t[0] == "added"} == {
        f"labs.csv!row 1!{c}" for c in ("test", "day", "value")
    }


def test_of_two_rows_that_say_the_same_one_can_go() -> None:
    twice = cut(*lab(1, "ALT", "2021-01-02", "45"), *lab(2, "ALT", "2021-01-02", "45"))
    once = cut(*lab(1, "ALT", "2021-01-02", "45"))
    assert [t[:2] for t in told(twice, once)] == [
        ("removed", "LBTESTCD"), ("removed", "LBDTC"), ("removed", "LBSTRESN"),
    ]  # fmt: skip


def test_another_test_is_another_record_although_day_and_cell_are_the_same() -> None:
    found = told(cut(*lab(1, "ALT", "2021-01-02", "45")), cut(*lab(1, "AST", "2021-01-02", "45")))
    assert {t[0] for t in found} == {"removed", "added"}


def test_a_record_is_never_taken_for_that_of_another_patient() -> None:
    found = compare_values(cut(DEATH, subject="A-01"), cut(DEATH, subject="A-02"))
    assert [(v.subject, v.what) for v in found] == [("A-01", "removed"), ("A-02", "added")]


def test_a_cell_that_says_the_same_and_is_read_otherwise_is_marked() -> None:
    dmy = ("SS", 1, "DTHDTC", "2021-04-03", "death.csv!row 3!date", "03/04/2021")
    mdy = ("SS", 1, "DTHDTC", "2021-03-04", "death.csv!row 3!date", "03/04/2021")
    (change,) = compare_values(cut(dmy), cut(mdy))
    assert change.reread
    assert not compare_values(cut(DEATH), cut(MOVED))[0].reread


def test_a_whole_record_is_one_line_and_a_corrected_one_a_line_a_variable() -> None:
    old = cut(*lab(1, "HB", "2021-01-02", "80"), DEATH)
    new = cut(*lab(1, "HB", "2021-01-02", "90"), DEATH, *lab(2, "HB", "2021-02-02", "101"))
    shown = [(c.words, c.old, c.new) for c in chart_lines(compare_values(old, new))]
    assert shown == [
        ("Laboratory: Haemoglobin, 2021-01-02. Result in the test's standard unit, g/L", "80", "90"),
        ("Laboratory: Haemoglobin, 2021-02-02: record added", "–",
         "Date of sample 2021-02-02; Result in the test's standard unit, g/L 101"),
    ]  # fmt: skip


def test_a_number_is_charted_with_the_sign_it_was_censored_with_and_with_the_end_of_its_range() -> None:
    rows = {
        **{"CENTRE": ["A"] * 3, "USUBJID": ["A-01"] * 3, "SEQ": [1, 2, 3], "BLOCK": [0] * 3, "ROW": [0, 1, 2]},
        **{"MRDVAL": [0.01, 0.5, None], "MRDVAL_OP": ["<", None, None]},
        **{"BMBLAST": [5.0, 3.0, 20.0], "BMBLAST_OP": [">=", None, None], "BMBLAST_HI": [10.0, None, None]},
    }
    found = charted_values(clinical_data({"RS": pl.DataFrame(rows)}))
    shown = {(r["SEQ"], r["VARIABLE"]): r["VALUE"] for r in found.iter_rows(named=True)}
    assert shown == {
        (1, "MRDVAL"): "<0.01", (2, "MRDVAL"): "0.5",
        (1, "BMBLAST"): "5-10", (2, "BMBLAST"): "3", (3, "BMBLAST"): "20",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("role", "value", "words"),
    [
        (None, None, "not in it"),
        ("counted", "Y", "counted"),
        ("not_counted", "N", "not counted"),
        ("counted", "3", "counted: 3"),
        ("event", "83", "event on day 83"),
        ("censored", "400", "censored on day 400"),
        ("withheld", None, "withheld by an open query"),
        ("withheld", "", "withheld by an open query"),
    ],
)
def test_how_a_patient_stands_is_said_in_words(role: str | None, value: str | None, words: str) -> None:
    assert standing(role, value) == words
    assert standing("censored", "400", follow_up=True) == "end of follow-up on day 400"
