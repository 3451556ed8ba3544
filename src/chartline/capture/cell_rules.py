"""What a cell of the workbook accepts, and what it says when it is chosen or filled wrongly.

In: an item and the address of its first data cell. Out: a validation in the words of xlsxwriter. Validation is a help
for those who type, and no guard: whoever pastes gets past it, and what comes back is read and queried like any other
file.
"""

from __future__ import annotations

from typing import Any

from chartline.capture.model import Item

_TITLE, _MESSAGE = 32, 255  # characters that a prompt can hold
_EARLIEST = "1900"
_TEXT = 1000  # characters of free text
_UNBOUNDED = 1e12  # a limit where an item has none: a validation needs two


def item_rule(item: Item, cell: str, answers: str, last_day: str) -> dict[str, Any]:
    """Return the validation of a column. `cell` is its first data cell, `answers` the range that holds its list."""
    said = {"input_title": item.label[:_TITLE], "input_message": _cut(_told(item))}
    return {**_accepted(item, cell, answers, last_day), **said}


def _accepted(item: Item, cell: str, answers: str, last_day: str) -> dict[str, Any]:
    if item.type == "choice":
        return {"validate": "list", "source": answers, **_unlisted(item)}
    if item.type == "date":
        return {"validate": "custom", "value": date_formula(item, cell, last_day), **_date_words(item, last_day)}
    if item.type == "text":
        long = stop("Text", f"Please enter at most {_TEXT} characters.")
        return {"validate": "length", "criteria": "<=", "value": _TEXT, **long}
    whole = " whole" if item.type == "integer" else ""
    words = f"Please enter a{whole} number{range_words(item)}"
    if item.bounds:
        bounded = stop("Number", f"{words}; <5 and 5 to 10 may be written too.")
        return {"validate": "custom", "value": bounded_formula(item, cell), **bounded}
    low, high = _ends(item)
    kind = "integer" if whole else "decimal"
    return {"validate": kind, "criteria": "between", "minimum": low, "maximum": high, **stop("Number", f"{words}.")}


def _unlisted(item: Item) -> dict[str, str]:
    if not item.other:
        return stop("Not in the list", "Please choose from the list, or leave the cell blank.")
    message = "This is not in the list. Keep it if it is what the chart says."
    return {"error_type": "information", "error_title": "Not in the list", "error_message": message}


def date_formula(item: Item, cell: str, last_day: str) -> str:
    """Return what is true of an ISO date (or month, or year) that exists and lies in the time of the study."""
    lengths = (4, 7, 10) if item.partial else (10,)
    long_enough = f"OR({','.join(f'LEN({cell})={n}' for n in lengths)})"
    dashed = f'OR(LEN({cell})=4,MID({cell},5,1)="-")'
    exists = f'ISNUMBER(DATEVALUE({cell}&MID("-01-01",LEN({cell})-3,6)))'
    until = f',{cell}<="{last_day}"' if last_day else ""
    return f'=AND({long_enough},{dashed},{exists},{cell}>="{_EARLIEST}"{until})'


def bounded_formula(item: Item, cell: str) -> str:
    """Return what is true of a number in its range, a bound (<5) or a range (5 to 10)."""
    low, high = _ends(item)
    inside = f"AND(ISNUMBER({cell}),{cell}>={_number(low)},{cell}<={_number(high)})"
    return f'=OR({inside},LEFT({cell},1)="<",LEFT({cell},1)=">",ISNUMBER(SEARCH(" to ",{cell})))'


def _ends(item: Item) -> tuple[float, float]:
    low = -_UNBOUNDED if item.low is None else item.low
    return low, _UNBOUNDED if item.high is None else item.high


def _date_words(item: Item, last_day: str) -> dict[str, str]:
    form = "yyyy-mm-dd (2021-03-05)" + (", yyyy-mm or yyyy" if item.partial else "")
    until = f", not after {last_day}" if last_day else ""
    return stop("Date", f"Please write the date as {form}{until}.")


def _told(item: Item) -> str:
    """What is said when a cell is chosen."""
    parts = [item.help]
    if item.type == "date":
        parts.append("yyyy-mm-dd; yyyy-mm or yyyy where the rest is not known." if item.partial else "yyyy-mm-dd.")
    if item.type in ("number", "integer") and range_words(item):
        parts.append(f"A{' whole' if item.type == 'integer' else ''} number{range_words(item)}.")
    return " ".join(p for p in parts if p) or item.label


def range_words(item: Item) -> str:
    """Return the range of a number inside a sentence: " from 1 to 5"."""
    low, high = item.low, item.high
    if low is not None and high is not None:
        return f" from {_number(low)} to {_number(high)}"
    if low is not None:
        return f" of {_number(low)} or more"
    return "" if high is None else f" of at most {_number(high)}"


def stop(title: str, message: str) -> dict[str, str]:
    """Return the refusal of a wrong entry."""
    return {"error_title": title[:_TITLE], "error_message": _cut(message)}


def _cut(text: str) -> str:
    return text if len(text) <= _MESSAGE else text[: _MESSAGE - 3].rstrip() + "..."


def _number(value: float) -> str:
    return f"{value:.12g}"
