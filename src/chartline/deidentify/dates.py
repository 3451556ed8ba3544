"""Dates shifted as they are written: the same order, signs, widths and month names; a time of day stays.

A month alone (2021-06, June 2021) is shifted as its fifteenth day and stays a month, so an interval from or to it can
change by up to half a month; a year alone cannot be shifted.
"""

from __future__ import annotations

import datetime as dt
import re

from chartline.errors import StudyError
from chartline.mapping.model import DateOrder as Order

_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_TIME = r"(?P<time>[T ]\d{1,2}:\d{2}(?::\d{2})?(?:\.\d+)?\s*(?:Z|[+-]\d{2}:?\d{2}|[aApP][mM])?)?"
_Y, _M, _D = r"(?P<y>\d{4})", r"(?P<m>\d{1,2})", r"(?P<d>\d{1,2})"
_NAME = rf"(?P<name>{'|'.join(_MONTHS)}|{'|'.join(m[:3] for m in _MONTHS)}|Sept)"
_S, _T = r"(?P<s>[-/. ])", r"(?P=s)"


def order_of(text: str) -> Order:
    """Return the order that a text names. Raises `StudyError` for another."""
    if text.upper() not in Order.__members__:
        raise StudyError(f"There is no date order `{text}`", expected=", ".join(Order), do="name one of them")
    return Order(text.upper())


_PATTERNS: dict[Order, tuple[str, ...]] = {
    Order.ISO: (rf"{_Y}-(?P<m>\d{{2}})-(?P<d>\d{{2}}){_TIME}", r"(?P<y>\d{4})-(?P<m>\d{2})"),
    Order.DMY: (rf"{_D}{_S}{_M}{_T}{_Y}{_TIME}", r"(?P<m>\d{1,2})[-/](?P<y>\d{4})"),
    Order.MDY: (rf"{_M}{_S}{_D}{_T}{_Y}{_TIME}", r"(?P<m>\d{1,2})[-/](?P<y>\d{4})"),
    Order.YMD: (rf"{_Y}{_S}{_M}{_T}{_D}{_TIME}", r"(?P<y>\d{4})[-/](?P<m>\d{1,2})"),
}
_NAMED = (
    rf"{_D}[-/. ]+{_NAME}\.?[-/. ,]+{_Y}{_TIME}",
    rf"{_NAME}\.? {_D},? {_Y}{_TIME}",
    rf"{_NAME}\.?[-/. ,]+{_Y}",
)
_ALL = {
    order: tuple(re.compile(p, re.IGNORECASE) for p in (*own, *(() if order is Order.ISO else _NAMED)))
    for order, own in _PATTERNS.items()
}
_MIDDLE = 15
_ANYWHERE = re.compile(
    rf"(?<![\w.])(?:\d{{1,2}}([-/.])\d{{1,2}}\1(?:\d{{4}}|\d{{2}})|\d{{4}}([-/.])\d{{1,2}}\2\d{{1,2}}|"
    rf"(?:\d{{1,2}}[- ])?{_NAME.replace('?P<name>', '?:')}[-, ]+\d{{4}})(?!\w)"
)


def shift_text(text: str, days: int, order: Order) -> str | None:
    """Return a date as written, `days` later; None where the text is no date of that order, nor an ISO one, which is
    read everywhere."""
    for pattern in (*_ALL[order], *_ALL[Order.ISO]):
        m = pattern.fullmatch(text.strip())
        if m and (moved := _moved(m.groupdict(), days)) is not None:
            return _written(m, moved)
    return None


def whole_date(text: str, order: Order) -> bool:
    """Return whether a text is a date of that order with a day, and is none in ISO, which every order reads."""
    if any(p.fullmatch(text) for p in _ALL[Order.ISO]):
        return False
    found = (m for pattern in _ALL[order] if (m := pattern.fullmatch(text)) is not None and m.groupdict().get("d"))
    return any(_moved(m.groupdict(), 0) is not None for m in found)


def holds_date(text: str) -> bool:
    """Return whether a text that is no date itself holds one, or something that was meant as one."""
    return bool(_ANYWHERE.search(text))


def shift_day(day: dt.date, days: int, swapped: bool = False) -> dt.date | str:
    """Return a true date (or date with time) `days` later.

    Of a column that was once saved under another locale (`swapped`) day and month are exchanged where both can be a
    month, and the rest is text dd/mm/yyyy; the shifted date is written as that column would have it.
    """
    moved = (day.replace(day=day.month, month=day.day) if swapped and day.day <= 12 else day) + dt.timedelta(days=days)
    if not swapped:
        return moved
    return moved.replace(day=moved.month, month=moved.day) if moved.day <= 12 else f"{moved:%d/%m/%Y}"


def _moved(parts: dict[str, str | None], days: int) -> dt.date | None:
    name = parts.get("name")
    month = _number(name) if name else int(parts["m"] or 0)
    try:
        return dt.date(int(parts["y"] or 0), month, int(parts.get("d") or _MIDDLE)) + dt.timedelta(days=days)
    except (ValueError, OverflowError):
        return None


def _number(name: str) -> int:
    return next(i for i, m in enumerate(_MONTHS, 1) if m[:3].lower() == name[:3].lower())


def _written(m: re.Match[str], day: dt.date) -> str:
    """The text with its year, month and day replaced in place."""
    text, out, at = m.string, [], 0
    new = {"y": f"{day.year:04d}", "m": str(day.month), "d": str(day.day), "name": _MONTHS[day.month - 1]}
    parts = sorted((*m.span(group), group) for group in new if group in m.re.groupindex)
    for start, end, group in parts:
        out += [text[at:start], _like(text[start:end], new[group], group)]
        at = end
    return "".join(out) + text[at:]


def _like(was: str, now: str, group: str) -> str:
    """The new part as the old one is written: in two digits, by its short or long name, in its capitals."""
    if group != "name":
        return now.zfill(2) if len(was) == 2 else now
    now = now[:3] if len(was) == 3 or was.lower() == "sept" else now
    return now.upper() if was.isupper() else now.lower() if was.islower() else now
