"""The words of an answer: the columns that a centre fills, and what it can say. Written and read by them."""

from __future__ import annotations

import re
from enum import StrEnum

SHEET = "Queries"


class Column(StrEnum):
    """A column that a centre fills; the last ties its row to the cell."""

    ANSWER = "Answer"
    VALUE = "Corrected value"
    UNIT = "Unit"
    REASON = "Reason or remark"
    BY = "Answered by"
    ON = "Date"
    REFERENCE = "Reference"


ANSWER_COLUMNS = tuple(Column)
REFERENCE = Column.REFERENCE.value


class Says(StrEnum):
    """What a centre can say of a cell, in the words of the list."""

    RIGHT = "Right as it stands"
    CORRECT = "Correct to ..."
    UNKNOWN = "Unknown"
    NO_PROBLEM = "Not a problem because ..."
    LEAVE_OUT = "Leave this row out"


MEANING: dict[Says, str] = {
    Says.RIGHT: "The chart confirms the cell. A query is closed as true when every cell that it names is confirmed.",
    Says.CORRECT: "The chart has another value: it is read in place of the cell from now on.",
    Says.UNKNOWN: "The chart does not tell: the value is missing from now on. Where that settles nothing, the query "
    "waits for the study team.",
    Says.NO_PROBLEM: "The values are right and the rule does not apply, for the reason given. Settles the whole query.",
    Says.LEAVE_OUT: "The row of this cell was entered twice or belongs to nobody: it is not read from now on.",
}
NEEDS_REASON = (Says.NO_PROBLEM, Says.LEAVE_OUT)
_ALSO = {  # as people type it
    Says.RIGHT: ("right", "confirmed", "confirm"),
    Says.CORRECT: ("corrected to", "correct to", "correct"),
    Says.UNKNOWN: ("not known",),
    Says.NO_PROBLEM: ("not a problem because", "not a problem", "no problem"),
    Says.LEAVE_OUT: ("leave row out", "leave out"),
}


_VALUE = re.compile(r"^(\s|:|\.\.\.)+|[\s.,;!]+$")  # what stands around a value: its sign and point are its own


def says(text: str) -> tuple[Says, str] | None:
    """Return what a text of the answer column says, and what was written after it; None where it is none of them.

    `Correct to 2021-07-28` and `not a problem, seen elsewhere` are understood as they were meant; `right?` is a doubt.
    """
    plain = " ".join(text.replace("…", "...").split())
    for answer in Says:
        for words in (answer.value, *_ALSO[answer]):
            if plain.lower().startswith(words.lower()):
                rest = plain[len(words) :]
                if not rest or not (rest[0].isalnum() or rest.strip().startswith("?")):
                    return answer, _VALUE.sub("", rest) if answer is Says.CORRECT else rest.strip(" .,:;-–!")
    return None
