"""A query workbook that another program saved again says what it said before.

Excel writes shared strings, runs of formats inside a cell, tables, and dates as day numbers under either of two
systems; Google Sheets writes a thousand empty rows with formats and its own column widths; writers of large files write
strings into the cells themselves; LibreOffice writes OpenDocument and the old binary format. All are imitated by the
libraries that write such files; LibreOffice itself saves the last.
"""

from __future__ import annotations

import datetime as dt
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from openpyxl import load_workbook

from chartline.core.query import Query, Severity
from chartline.queries.answers import Answer, read_answers
from chartline.queries.words import ANSWER_COLUMNS, Says
from chartline.queries.workbook import workbook_bytes
from office import CALC, needs_calc

DAY = dt.datetime(2026, 11, 20)
# What a person typed into the rows, and what each says: (answer, value, unit, reason) -> the same as it is read.
TYPED: tuple[tuple[tuple[str, Any, str | None, str | None], tuple[Says, str, str, str]], ...] = (
    (("Correct to ...", 0.8, "mg/m2", None), (Says.CORRECT, "0.8", "mg/m2", "")),
    (("Correct to ...", 14, None, None), (Says.CORRECT, "14", "", "")),
    (("Correct to ...", "007", None, None), (Says.CORRECT, "007", "", "")),
    (("Correct to ...", "<5", None, None), (Says.CORRECT, "<5", "", "")),
    (("Correct to ...", "-5", None, None), (Says.CORRECT, "-5", "", "")),
    (("Correct to ...", dt.datetime(2021, 3, 4), None, None), (Says.CORRECT, "2021-03-04", "", "")),
    (("Correct to ...", "2021-03-04", None, "as <typed> & \"quoted\""),
     (Says.CORRECT, "2021-03-04", "", "as <typed> & \"quoted\"")),
    (("Right as it stands", None, None, None), (Says.RIGHT, "", "", "")),
    (("Unknown", None, None, "one line\nand another"), (Says.UNKNOWN, "", "", "one line and another")),
    (("Not a problem because ...", None, None, "सही है"), (Says.NO_PROBLEM, "", "", "सही है")),
    (("Leave this row out", None, None, "entered twice"), (Says.LEAVE_OUT, "", "", "entered twice")),
)  # fmt: skip
Grid = list[list[Any]]
Said = tuple[Says, str, str, str]


def answered(folder: Path) -> Grid:
    """Return the cells of the sheet `Queries`, as it was exported and then filled in; it is saved as filled.xlsx."""
    queries = [
        Query("age_mismatch", Severity.WARN, "A", f"A-{i:02}", (f"a.csv!row {i}!age",), "Age: 51", "Wrong.", "Check.")
        for i in range(1, len(TYPED) + 1)
    ]
    (folder / "sent.xlsx").write_bytes(workbook_bytes(queries, "MINI", "A", None, {}))
    book = load_workbook(folder / "sent.xlsx")
    sheet = book["Queries"]
    heads = {str(c.value): c.column for c in sheet[1]}
    for row, (typed, _) in enumerate(TYPED, start=2):
        for head, value in zip(ANSWER_COLUMNS, (*typed, "Dr A", DAY), strict=False):
            sheet.cell(row, heads[head.value]).value = value
    book.save(folder / "filled.xlsx")
    return [[c.value for c in row] for row in sheet.iter_rows()]


def said(file: Path) -> tuple[list[Said], set[tuple[str, str]]]:
    """Return what each row says, in the order of the queries, and who answered when."""
    answers, refused = read_answers(file)
    assert refused == []
    by_query = sorted(answers, key=lambda a: a.query)
    return [(a.says, a.value, a.unit, a.reason) for a in by_query], {(a.by, a.on) for a in answers}


def write(
    grid: Grid,
    file: Path,
    *,
    sheet: str = "Queries",
    day: str | None = "m/d/yyyy",
    top: int = 0,
    left: int = 0,
    runs: bool = False,
    table: bool = False,
    empty: int = 0,
    **options: Any,
) -> Path:
    """Write the cells as another program would. `day` is the format of dates, None where all formats were lost."""
    with xlsxwriter.Workbook(file, {"strings_to_formulas": False, **options}) as book:
        to = book.add_worksheet(sheet)
        plain, bold = book.add_format({"text_wrap": True}), book.add_format({"bold": True})
        date = book.add_format({"num_format": day}) if day else None
        for i, row in enumerate(grid, start=top):
            for j, value in enumerate(row, start=left):
                if value is None:
                    to.write_blank(i, j, None, plain)
                elif isinstance(value, dt.datetime):
                    to.write_datetime(i, j, value, date)
                elif isinstance(value, (int, float)):
                    to.write_number(i, j, value)
                elif runs and len(value) > 4:
                    to.write_rich_string(i, j, bold, value[:2], value[2:])
                else:
                    to.write_string(i, j, value)
        if table:
            heads = [{"header": h} for h in grid[0]]
            to.add_table(top, left, top + len(grid) - 1, left + len(grid[0]) - 1, {"columns": heads})
        for i in range(top + len(grid), top + len(grid) + empty):
            for j in range(30):
                to.write_blank(i, j, None, plain)
    return file


RESAVED: dict[str, Callable[[Grid, Path], Path]] = {
    "shared strings": lambda grid, file: write(grid, file),
    "strings in the cells": lambda grid, file: write(grid, file, constant_memory=True),
    "runs of formats in a cell": lambda grid, file: write(grid, file, runs=True),
    "days counted from 1904": lambda grid, file: write(grid, file, date_1904=True),
    "a table": lambda grid, file: write(grid, file, table=True),
    "a thousand empty rows, the sheet renamed": lambda grid, file: write(grid, file, empty=1000, sheet="Копия Queries"),
    "rows and columns in front": lambda grid, file: write(grid, file, top=4, left=3, sheet="Sheet1"),
    "dates shown with the day first": lambda grid, file: write(grid, file, day="dd/mm/yyyy"),
    "columns of one's own, turned around": lambda grid, file: write([["ours", *row[::-1], None] for row in grid], file),
    "rows sorted": lambda grid, file: write([grid[0], *grid[:0:-1]], file),
    "blank rows between": lambda grid, file: write([r for row in grid for r in (row, [None])], file),
}


@pytest.mark.parametrize("how", RESAVED)
def test_saved_again_it_says_the_same(tmp_path: Path, how: str) -> None:
    grid = answered(tmp_path)
    before = said(tmp_path / "filled.xlsx")
    assert sorted(before[0]) == sorted(wanted for _, wanted in TYPED)
    assert before[1] == {("Dr A", "2026-11-20")}
    assert said(RESAVED[how](grid, tmp_path / "back.xlsx")) == before


@needs_calc
@pytest.mark.parametrize("ending", ["ods", "xls", "xlsx"])
def test_saved_by_libreoffice_it_says_the_same(tmp_path: Path, ending: str) -> None:
    answered(tmp_path)
    profile = f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"
    command = [str(CALC), profile, "--headless", "--convert-to", ending, "--outdir", str(tmp_path / "back")]
    done = subprocess.run([*command, str(tmp_path / "filled.xlsx")], capture_output=True, text=True, timeout=180)
    back = tmp_path / "back" / f"filled.{ending}"
    if not back.exists():
        pytest.skip(f"LibreOffice does not save spreadsheets here: {done.stderr.strip()[-100:]}")
    assert said(back) == said(tmp_path / "filled.xlsx")


def test_a_day_that_lost_its_format_is_not_guessed(tmp_path: Path) -> None:
    """20 November 2026 is day 46,346 of Excel, and day 44,884 where days are counted from 1904."""
    answers, refused = read_answers(write(answered(tmp_path), tmp_path / "back.xlsx", day=None))
    assert answers == []
    assert {r.why for r in refused} == {"`46346` is a number: if it was a date, its format was lost on the way."}


def test_without_the_day_the_answers_of_such_a_file_are_read(tmp_path: Path) -> None:
    grid = [[None if v == DAY else v for v in row] for row in answered(tmp_path)]
    file = write(grid, tmp_path / "back.xlsx", day=None)
    lost: list[Answer] = [a for a in read_answers(file, "", "2026-11-21")[0] if a.value == "44259"]
    assert len(lost) == 1  # 4 March 2021; as the correction of a date it is refused when it is read
    assert {a.on for a in read_answers(file, "", "2026-11-21")[0]} == {"2026-11-21"}
