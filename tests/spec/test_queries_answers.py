"""An answered workbook is read whatever was done to it on the way: sorted, extended, renamed, saved by another program.

What ties a row to its cell is its reference; what a row says is found by the headings of the columns.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from chartline.core.query import Query, Severity
from chartline.errors import SourceError, StudyError
from chartline.queries.answers import Answer, read_answers
from chartline.queries.lines import lines_of
from chartline.queries.words import ANSWER_COLUMNS, Says, says

QUERY = Query("age_mismatch", Severity.WARN, "A", "A-01", ("a.csv!row 1!age",), "Age: 51", "Wrong.", "Check.")
REFERENCE = lines_of(QUERY, None)[0].reference
HEAD = ("Query", "Patient", *ANSWER_COLUMNS)


def book(
    folder: Path, *rows: dict[str, Any], head: tuple[str, ...] = HEAD, before: int = 0, name: str = "back"
) -> Path:
    """Save a workbook with one row for each dict of heading -> value; `before` rows of something else above."""
    out = Workbook()
    sheet = out.active
    sheet.title = "Queries"
    for i in range(before):
        sheet.append([f"Sent to us by the study on day {i}"])
    sheet.append(head)
    for row in rows:
        full = {"Answered by": "Dr A", "Reference": REFERENCE, **row}
        sheet.append([full.get(h) for h in head])
    file = folder / f"{name}.xlsx"
    out.save(file)
    return file


def one(file: Path) -> Answer:
    (answer,), refused = read_answers(file)
    assert refused == []
    return answer


CORRECT = {"Answer": "Correct to ...", "Corrected value": "41"}


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        (41, "41"),
        (14.0, "14"),  # a program may make a number with a point of it
        (0.8, "0.8"),
        (11.97, "11.97"),
        ("0.80", "0.80"),
        ("007", "007"),  # an id stays the text it is
        (dt.datetime(2021, 7, 28), "2021-07-28"),  # a true date
        (dt.date(2021, 7, 28), "2021-07-28"),
        ("28/07/2021", "28/07/2021"),  # the mapping knows the centre's order of day and month
        (" 2021-07-28\u00a0", "2021-07-28"),
        (True, "TRUE"),
        ("NEGATIVE", "NEGATIVE"),
        ("हेमोग्लोबिन", "हेमोग्लोबिन"),
    ],
)
def test_the_corrected_value_is_what_was_typed(tmp_path: Path, typed: Any, read: str) -> None:
    assert one(book(tmp_path, {**CORRECT, "Corrected value": typed})).value == read


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        (dt.datetime(2026, 11, 20), "2026-11-20"),
        ("2026-11-20", "2026-11-20"),
        ("20/11/2026", "2026-11-20"),  # there is no month 20
        ("20 Nov 2026", "2026-11-20"),
        (None, ""),
    ],
)
def test_the_day_of_the_answer_is_read_where_it_can_be_read_in_one_way(tmp_path: Path, typed: Any, read: str) -> None:
    assert one(book(tmp_path, {**CORRECT, "Date": typed})).on == read


@pytest.mark.parametrize("typed", ["04/11/2026", "Nov 2026", "yesterday", "31/02/2026", "11.04.26"])
def test_other_days_are_refused(tmp_path: Path, typed: str) -> None:
    answers, (refused,) = read_answers(book(tmp_path, {**CORRECT, "Date": typed}))
    assert answers == []
    assert refused.place == "Queries!H2"
    assert refused.query == QUERY.id


@pytest.mark.parametrize(
    ("text", "answer", "rest"),
    [
        ("Right as it stands", Says.RIGHT, ""),
        ("  right AS it stands. ", Says.RIGHT, ""),
        ("confirmed", Says.RIGHT, ""),
        ("Correct to ...", Says.CORRECT, ""),
        ("Correct to …", Says.CORRECT, ""),
        ("correct to 2021-07-28", Says.CORRECT, "2021-07-28"),
        ("Correct to: 2021-07-28.", Says.CORRECT, "2021-07-28"),
        ("Correct to ...0.5", Says.CORRECT, "0.5"),
        ("Correct to ... .5", Says.CORRECT, ".5"),  # a point or a sign before a number is part of it
        ("correct to -5", Says.CORRECT, "-5"),
        ("Right!", Says.RIGHT, ""),
        ("Unknown", Says.UNKNOWN, ""),
        ("not known", Says.UNKNOWN, ""),
        ("Not a problem because ...", Says.NO_PROBLEM, ""),
        ("not a problem: seen elsewhere", Says.NO_PROBLEM, "seen elsewhere"),
        ("Leave this row out", Says.LEAVE_OUT, ""),
    ],
)
def test_an_answer_is_understood_as_people_type_it(text: str, answer: Says, rest: str) -> None:
    assert says(text) == (answer, rest)


@pytest.mark.parametrize(
    "text", ["", "maybe", "Correctly typed?", "Righteous", "Right?", "right ?", "unknowns", "see chart", "41"]
)
def test_what_is_no_answer_is_none(text: str) -> None:
    assert says(text) is None


def test_a_value_without_a_chosen_answer_is_a_correction(tmp_path: Path) -> None:
    assert one(book(tmp_path, {"Corrected value": 41})).says is Says.CORRECT


def test_what_is_typed_after_the_answer_is_its_value_or_its_reason(tmp_path: Path) -> None:
    assert one(book(tmp_path, {"Answer": "Correct to 41"}, name="a")).value == "41"
    assert one(book(tmp_path, {"Answer": "Not a problem because aged 41 at last birthday"}, name="b")).reason == (
        "aged 41 at last birthday"
    )


def test_columns_are_found_by_their_headings(tmp_path: Path) -> None:
    order = ("Corrected value", "Our own remark", "Reference", "answered  by", "ANSWER", "Reason or remark")
    row = {"Corrected value": 41, "ANSWER": "Correct to ...", "answered  by": "Dr Z", "Our own remark": "x"}
    answer = one(book(tmp_path, row, head=order))
    assert (answer.value, answer.by, answer.says) == ("41", "Dr Z", Says.CORRECT)


def test_rows_above_the_headings_are_passed_over(tmp_path: Path) -> None:
    answer = one(book(tmp_path, CORRECT, before=3))
    assert (answer.place, answer.value_place) == ("Queries!row 5", "Queries!D5")


def test_rows_that_say_nothing_are_passed_over_and_a_row_of_their_own_is_refused(tmp_path: Path) -> None:
    own = {"Reference": None, "Corrected value": "also wrong: 12", "Patient": "A-77"}
    answers, (refused,) = read_answers(book(tmp_path, {}, CORRECT, {"Reference": None}, own))
    assert [a.value for a in answers] == ["41"]
    assert (refused.place, refused.query) == ("Queries!I5", "")
    assert "no reference" in refused.why


def test_the_order_of_the_rows_does_not_matter(tmp_path: Path) -> None:
    rows = [CORRECT, {"Answer": "Unknown", "Reference": REFERENCE.replace("/1/", "/2/")}, {}]
    there, _ = read_answers(book(tmp_path, *rows, name="there"))
    back, _ = read_answers(book(tmp_path, *reversed(rows), name="back"))
    assert {a.digest for a in there} == {a.digest for a in back}


def test_who_and_when_may_be_said_for_all_rows_that_do_not_say_it(tmp_path: Path) -> None:
    file = book(tmp_path, {**CORRECT, "Answered by": None})
    assert read_answers(file)[1][0].why == "The row does not say who answers."
    (answer,), _ = read_answers(file, "Dr B", "2026-11-20")
    assert (answer.by, answer.on) == ("Dr B", "2026-11-20")


def test_the_same_answer_is_the_same_whoever_gives_it_and_wherever_it_stands(tmp_path: Path) -> None:
    first = one(book(tmp_path, CORRECT, name="a"))
    second = one(book(tmp_path, {**CORRECT, "Answered by": "Dr B", "Date": "2026-11-20"}, before=2, name="b"))
    other = one(book(tmp_path, {**CORRECT, "Corrected value": 42}, name="c"))
    assert first.digest == second.digest != other.digest


@pytest.mark.parametrize("change", [str.lower, lambda r: f" {r} "])
def test_a_reference_survives_small_changes(tmp_path: Path, change: Callable[[str], str]) -> None:
    spoiled = change(REFERENCE).replace("-a-", "-A-")  # a centre's own letters are not changed
    assert one(book(tmp_path, {**CORRECT, "Reference": spoiled})).query == QUERY.id


@pytest.mark.parametrize("reference", ["Q-A-12345678", "x", "Q-A-1234567G/1/AAAAAAAA", REFERENCE[:-1]])
def test_a_reference_that_is_none_is_refused(tmp_path: Path, reference: str) -> None:
    answers, (refused,) = read_answers(book(tmp_path, {**CORRECT, "Reference": reference}))
    assert answers == []
    assert "reference" in refused.why


def test_an_error_cell_is_refused(tmp_path: Path) -> None:
    answers, (refused,) = read_answers(book(tmp_path, {**CORRECT, "Corrected value": "#N/A"}))
    assert answers == []
    assert (refused.place, refused.why) == ("Queries!D2", "The cell shows an error (#N/A).")


def test_a_folder_and_a_file_that_is_not_there_are_said(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="is a folder, not a workbook") as e:
        read_answers(tmp_path)
    assert e.value.do == f"name the workbooks in it: {tmp_path}/*.xlsx"
    with pytest.raises(StudyError, match=r"There is no file back\.xlsx"):
        read_answers(tmp_path / "back.xlsx")


def test_a_file_that_is_no_spreadsheet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_text("<html>not found</html>")
    with pytest.raises(SourceError, match="not a spreadsheet"):
        read_answers(tmp_path / "a.xlsx")
