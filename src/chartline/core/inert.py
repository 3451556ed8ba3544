"""Text that a spreadsheet program shows and does not compute, for the CSV files that people open with one.

A CSV file cannot say that a cell is text: what begins with = + - @ is a formula to Excel and LibreOffice, and a
formula can send what stands beside it over the network. Such text gets an apostrophe in front, which both programs take
for text and which a reader sees; a plain number stays as it is. Workbooks need none of this: their cells are written as
text. Where the exact text matters, read the Parquet file of the same name, or the source.

The list of characters is OWASP's ("CSV Injection": =, +, -, @, tab, carriage return, line feed).
"""

from __future__ import annotations

import re

BEGINNINGS = "=+-@\t\r\n"
NUMBER = r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?"
_NUMBER = re.compile(NUMBER)


def inert(text: str) -> str:
    """Return `text`, with an apostrophe in front where a spreadsheet program would compute it.

    A carriage return becomes a line feed: Python's csv module writes it without quotation marks (before Python 3.13),
    and what follows it would begin a row.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return f"'{text}" if text.startswith(tuple(BEGINNINGS)) and not _NUMBER.fullmatch(text) else text


def as_written(text: str) -> str:
    """Return what stood there before `inert`, for files of ours that are read back: without an apostrophe that it put.

    A text that began with the apostrophe by itself, and would else be a formula, comes back without it.
    """
    return text[1:] if text.startswith("'") and inert(text[1:]) == text else text
