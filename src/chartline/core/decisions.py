"""Files in which people write down what they decided, a line each: answers.csv and overrides.csv.

In: a CSV file and the headings it must have. Out: each line's values by heading, with its number, or an error that
names the line. What a value may be is the business of the room that reads it.
"""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

from chartline.errors import StudyError


def read_decisions(
    path: Path, columns: tuple[str, ...], fault: type[StudyError], what: str
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (line, heading -> value) of every line; values are stripped, "" where there is none.

    `what` names the lines in messages ("answers"). Raises `fault` for a file that cannot be read, other headings, and a
    line that has not one value for each.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as e:
        raise fault(f"The {what} cannot be read: {e}", where=str(path), expected="a CSV file in UTF-8") from None
    reader = csv.DictReader(StringIO(text, newline=""), strict=True)
    names = tuple(reader.fieldnames or ())
    if len(names) == 1 and len(names[0].split(";")) == len(columns):
        raise fault(
            f"The {what} seem to be separated by ';'.", where=f"{path}, line 1",
            expected="columns separated by ','", do="save the file as CSV with commas",
        )  # fmt: skip
    if set(names) != set(columns):
        odd = ", ".join(sorted(set(names) ^ set(columns)))
        raise fault(
            f"The {what} do not have the columns they must have: {odd}.", where=f"{path}, line 1",
            expected=", ".join(columns), do="correct the headings",
        )  # fmt: skip
    try:
        for row in reader:
            if None in row or None in row.values():
                raise fault(
                    "The line does not have one value for each heading.", where=f"{path}, line {reader.line_num}",
                    do="quote values that contain a comma",
                )  # fmt: skip
            yield reader.line_num, {k: v.strip() for k, v in row.items()}
    except csv.Error as e:
        where = f"{path}, line {reader.line_num}"
        raise fault(f"The {what} are not a valid CSV file: {e}", where=where) from None


def is_day(text: str) -> bool:
    """Return whether a text is a date as these files write it: yyyy-mm-dd."""
    try:
        return dt.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
