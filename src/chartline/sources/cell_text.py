"""The text that a spreadsheet cell shows, and its kind.

In: a value as calamine types it. Out: (text, kind). How a cell becomes text: 14.0 -> '14'; a date ->
'2020-04-03'; a date with a time -> '2020-04-03T08:30:00' (rounded to the second, a date alone at midnight);
a time or duration -> '26:30:00'; TRUE/FALSE; an error as shown ('#N/A'); a number that the sheet shows as
per cent, as shown ('5%').
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from chartline.sources.base import Kind
from chartline.sources.headings import number_text

CellText = tuple[str | None, str | None]  # what a cell shows, and its kind


class ErrorCell(str):
    """An error cell or a formula without a value, laid over calamine's empty cell."""


class PerCent(float):
    """A number that the sheet shows as per cent."""


def cell_text(value: Any) -> CellText:
    """Return what a cell shows, and its kind; (None, None) for a blank cell."""
    if value == "":
        return None, None
    return _AS_TEXT[type(value)](value)


def _moment(value: dt.datetime) -> CellText:
    rounded = (value + dt.timedelta(milliseconds=500)).replace(microsecond=0)
    return (rounded.date() if rounded.time() == dt.time() else rounded).isoformat(), Kind.DATE.value


def _duration(value: dt.timedelta) -> CellText:
    seconds = round(value.total_seconds())
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}", Kind.TEXT.value


_AS_TEXT: dict[type, Callable[[Any], CellText]] = {
    str: lambda value: (value, "t"),
    float: lambda value: (number_text(value), "n"),
    int: lambda value: (str(value), "n"),
    bool: lambda value: ("TRUE" if value else "FALSE", "b"),
    dt.date: lambda value: (value.isoformat(), "d"),
    dt.datetime: _moment,
    dt.time: lambda value: (value.isoformat("seconds"), "t"),
    dt.timedelta: _duration,
    ErrorCell: lambda value: (str(value), "e"),
    PerCent: lambda value: (f"{number_text(float(Decimal(repr(value)) * 100))}%", "t"),
}
