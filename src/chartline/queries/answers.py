"""An answered workbook: what a centre said, row by row, wherever its rows, columns and sheets have gone.

In: a spreadsheet that began as a query workbook and was filled in, sorted, extended, or saved by another program. Out:
one `Answer` a row that says something, and a `Refusal`, with its place, for each that cannot be understood. Columns are
found by their headings, rows by their reference; what neither is ours nor says anything is not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from chartline.core.digest import digest_value
from chartline.errors import StudyError
from chartline.mapping.date_text import read_date
from chartline.mapping.model import DateOrder
from chartline.queries.words import ANSWER_COLUMNS, NEEDS_REASON, Column, Says, says
from chartline.sources.base import Kind
from chartline.sources.folder import SourceFile
from chartline.sources.headings import column_letter
from chartline.sources.workbook import survey_sheets

_REFERENCE = re.compile(r"\s*(Q-.*-[0-9A-F]{8})/([0-9]+)/([0-9A-F]{8})\s*", re.IGNORECASE)
_HEAD_ROWS = 50  # rows that are searched for the headings
_TYPED = (Column.ANSWER, Column.VALUE, Column.UNIT, Column.REASON)  # of these at least one, or the row says nothing
_NUMBER = re.compile(r"[<>≤≥=]*\s*[+-]?[0-9]*[.,]?[0-9]+(?:[eE][+-]?[0-9]+)?\s*%?")


@dataclass(frozen=True)
class Answer:
    """What one row says of one cell. `place` is its row (`Queries!row 7`), `value_place` that of the value."""

    query: str
    number: int
    seal: str
    says: Says
    value: str
    unit: str
    reason: str
    by: str
    on: str
    file: str = ""
    place: str = ""
    value_place: str = ""

    @property
    def digest(self) -> str:
        """Return the fingerprint of what was said of a cell, wherever it stands: said once, it is taken up once.

        Who said it and when is not part of it: the same answer from two people is one.
        """
        said = [self.query, self.number, self.seal, self.says.value, self.value, self.unit, self.reason]
        return digest_value(said)

    def words(self) -> str:
        """Return what was said, in words."""
        text = self.says.value.removesuffix(" ...").removesuffix(" because")
        if self.says is Says.CORRECT:
            text = f"Correct to {self.value}{f' {self.unit}' if self.unit else ''}"
        return f"{text}: {self.reason}" if self.reason else text


@dataclass(frozen=True)
class Refusal:
    """A row that is not taken up: where it stands, why, and what to do."""

    file: str
    place: str  # "Queries!K7"
    why: str
    do: str
    query: str = ""

    def line(self) -> str:
        return f"{self.file}, {self.place}: {self.why} {self.do}".rstrip()


def read_answers(path: Path, answered_by: str = "", answered_on: str = "") -> tuple[list[Answer], list[Refusal]]:
    """Read an answered workbook; `answered_by` and `answered_on` are used by rows that do not say them.

    Raises `SourceError` where the file is no spreadsheet, `StudyError` where no sheet has the headings of a query
    workbook.
    """
    if not path.is_file():
        raise StudyError(
            f"{path.name} is a folder, not a workbook." if path.is_dir() else f"There is no file {path.name}.",
            where=str(path), expected="the workbook that a centre sent back",
            do=f"name the workbooks in it: {path}/*.xlsx" if path.is_dir() else "check its name",
        )  # fmt: skip
    answers: list[Answer] = []
    refused: list[Refusal] = []
    found = False
    for sheet, survey in survey_sheets(SourceFile(path.name, path)).items():
        grid = survey.rows
        head = _headings(grid)
        if head is None:
            continue
        found = True
        row, columns = head
        for i, cells in enumerate(grid[row + 1 :], start=row + 2):
            said = _Row(path.name, sheet, i, {c: cells[n] for c, n in columns.items() if n < len(cells)}, columns)
            got = said.read(answered_by, answered_on)
            if isinstance(got, Answer):
                answers.append(got)
            elif got is not None:
                refused.append(got)
    if not found:
        wanted = ", ".join(f"`{c}`" for c in (Column.ANSWER, Column.REFERENCE))
        raise StudyError(
            f"{path.name} is not a query workbook: no sheet has the headings {wanted}.",
            where=str(path),
            expected="a workbook of `chartline queries export`, filled in",
            do="give the file that the centre sent back; if its headings are gone, copy the answers to a new export",
        )
    return answers, refused


def _headings(grid: Sequence[Sequence[tuple[str | None, str | None]]]) -> tuple[int, dict[Column, int]] | None:
    """Return the row of the headings and the place of each column, or None where the sheet has none."""
    for i, row in enumerate(grid[:_HEAD_ROWS]):
        texts = [" ".join((text or "").split()).lower() for text, _ in row]
        columns = {c: texts.index(c.value.lower()) for c in ANSWER_COLUMNS if c.value.lower() in texts}
        if Column.REFERENCE in columns and Column.ANSWER in columns:
            return i, columns
    return None


@dataclass
class _Row:
    """One row below the headings; columns that were deleted are as if empty."""

    file: str
    sheet: str
    number: int
    cells: dict[Column, tuple[str | None, str | None]]
    columns: dict[Column, int]

    def read(self, by: str, on: str) -> Answer | Refusal | None:
        """Return the answer, why there is none, or None where nothing was said."""
        text = {c: self.text(c) for c in ANSWER_COLUMNS}
        if not any(text[c] for c in _TYPED):
            return None
        reference = _REFERENCE.fullmatch(text[Column.REFERENCE])
        if reference is None:
            return self.refuse(
                Column.REFERENCE,
                "The row has no reference to a query, so nobody knows what it answers.",
                "If it answers a question, copy the reference of that question's row; if it tells of another "
                "error, correct it in the centre's own file and send that.",
            )
        name = reference[1][:2].upper() + reference[1][2:-8] + reference[1][-8:].upper()
        for column in (Column.ANSWER, Column.VALUE, Column.UNIT):
            if self.cells.get(column, (None, None))[1] == Kind.ERROR:
                return self.refuse(column, f"The cell shows an error ({text[column]}).", "Type the value itself.", name)
        said = self._said(text)
        if isinstance(said, Refusal):
            return replace(said, query=name)
        what, value, reason = said
        day = self._day(text[Column.ON])
        if day is None:
            why = f"`{text[Column.ON]}` is not a date that can be read in one way only."
            if self.cells[Column.ON][1] == Kind.NUMBER:
                why = f"`{text[Column.ON]}` is a number: if it was a date, its format was lost on the way."
            return self.refuse(Column.ON, why, "Write it as 2021-07-28.", name)
        who = text[Column.BY] or by
        if not who:
            return self.refuse(
                Column.BY, "The row does not say who answers.",
                "Fill it in, or say it for all rows: --answered-by NAME.", name,
            )  # fmt: skip
        return Answer(
            name, int(reference[2]), reference[3].upper(), what, value, text[Column.UNIT], reason, who, day or on,
            self.file, f"{self.sheet}!row {self.number}", self.place(Column.VALUE),
        )  # fmt: skip

    def _said(self, text: dict[Column, str]) -> tuple[Says, str, str] | Refusal:
        """Return what was said, the corrected value and the reason."""
        value, reason = text[Column.VALUE], text[Column.REASON]
        found = says(text[Column.ANSWER]) if text[Column.ANSWER] else None
        if text[Column.ANSWER] and found is None:
            return self.refuse(
                Column.ANSWER, f"`{text[Column.ANSWER]}` is not one of the answers.",
                f"Choose: {'; '.join(a.value for a in Says)}.",
            )  # fmt: skip
        if found is None:
            if value:
                found = (Says.CORRECT, "")
            else:
                return self.refuse(Column.ANSWER, "A remark without an answer.", "Choose an answer from the list.")
        what, rest = found
        if what is Says.CORRECT and rest and not value:
            value, rest = rest, ""
        reason = "; ".join(t for t in (rest, reason) if t)
        if what is Says.CORRECT and not value:
            return self.refuse(
                Column.VALUE, "The corrected value is missing.",
                f"Give it; if the cell is right, choose `{Says.RIGHT}`, if the chart does not tell, `{Says.UNKNOWN}`.",
            )  # fmt: skip
        if what is not Says.CORRECT and value:
            return self.refuse(
                Column.VALUE, f"`{what}` and a corrected value ({value}) contradict each other.",
                f"Choose `{Says.CORRECT}`, or empty the value.",
            )  # fmt: skip
        if what is not Says.CORRECT and text[Column.UNIT]:
            return self.refuse(Column.UNIT, f"`{what}` takes no unit.", "Empty it, or correct the value.")
        if text[Column.UNIT] and not _NUMBER.fullmatch(value):
            return self.refuse(Column.UNIT, f"A unit belongs to a number, not to `{value}`.", "Empty the unit.")
        if what in NEEDS_REASON and not reason:
            return self.refuse(Column.REASON, f"`{what}` needs the reason.", "Say why.")
        return what, value, reason

    def _day(self, text: str) -> str | None:
        """Return a day as yyyy-mm-dd, "" where there is none, None where it cannot be read or in two ways."""
        if not text:
            return ""
        days = {read_date(text, order)[0] for order in (DateOrder.YMD, DateOrder.DMY, DateOrder.MDY)} - {None}
        day = days.pop() if len(days) == 1 else None
        return day if day and len(day) == 10 else None

    def text(self, column: Column) -> str:
        """Return what a cell shows, without the blanks around it and with those inside made plain."""
        shown = self.cells.get(column, (None, None))[0] or ""
        return " ".join(shown.replace("\u200b", "").split())

    def place(self, column: Column) -> str:
        index = self.columns.get(column)
        return f"{self.sheet}!{column_letter(index)}{self.number}" if index is not None else f"row {self.number}"

    def refuse(self, column: Column, why: str, do: str, query: str = "") -> Refusal:
        return Refusal(self.file, self.place(column), why, do, query)


def refuse(answer: Answer, why: str, do: str, *, value: bool = False) -> Refusal:
    """Return the refusal of an answer that was understood."""
    return Refusal(answer.file, answer.value_place if value else answer.place, why, do, answer.query)
