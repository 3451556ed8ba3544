"""Dates as text -> ISO partial dates. In: one trimmed text, the declared order. Out: ISO text or a problem code.

Nothing is guessed: text that does not have the declared order is `not_a_date`; a day that the calendar does not have
is `impossible_date`; two numbers, or a year of two digits, are `ambiguous_partial`. Months may be English names,
which need no order, except under ISO, which is strict: yyyy-mm-dd, yyyy-mm or yyyy. A time of day after the date is
dropped: all dates are local calendar dates.
"""

from __future__ import annotations

import re
from calendar import isleap

from chartline.mapping.model import DateOrder

_TIME = r"(?:[T ][0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?(?:\.[0-9]+)?\s*(?:Z|[+-][0-9]{2}:?[0-9]{2}|[aApP][mM])?)?"
_SEP = r"[-/. ]"
_Y, _M, _D = r"(?P<y>[0-9]{4})", r"(?P<m>[0-9]{1,2})", r"(?P<d>[0-9]{1,2})"
_ORDERED: dict[DateOrder, re.Pattern[str]] = {
    DateOrder.DMY: re.compile(rf"(?:(?:{_D}{_SEP})?{_M}{_SEP})?{_Y}{_TIME}"),
    DateOrder.MDY: re.compile(rf"(?:{_M}{_SEP}(?:{_D}{_SEP})?)?{_Y}{_TIME}"),
    DateOrder.YMD: re.compile(rf"{_Y}(?:{_SEP}{_M}(?:{_SEP}{_D})?)?{_TIME}"),
    DateOrder.ISO: re.compile(rf"{_Y}(?:-(?P<m>[0-9]{{2}})(?:-(?P<d>[0-9]{{2}}))?)?{_TIME}"),
}
_MONTHS = {
    name: i
    for i, names in enumerate(
        (
            *(("jan", "january"), ("feb", "february"), ("mar", "march"), ("apr", "april"), ("may",), ("jun", "june")),
            *(("jul", "july"), ("aug", "august"), ("sep", "sept", "september"), ("oct", "october")),
            *(("nov", "november"), ("dec", "december")),
        ),
        1,
    )
    for name in names
}
_NAME = "(?P<name>" + "|".join(sorted(_MONTHS, key=len, reverse=True)) + ")"
_NAMED = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?:{_D}[-/. ]+)?{_NAME}\.?[-/. ,]+{_Y}{_TIME}",
        rf"{_NAME}\.?[-/. ]+{_D},?[-/. ]+{_Y}{_TIME}",
        rf"{_Y}[-/. ]+{_NAME}\.?(?:[-/. ]+{_D})?{_TIME}",
    )
)
_SHORT = re.compile(rf"[0-9]{{1,2}}{_SEP}[0-9]{{1,2}}(?:{_SEP}[0-9]{{2}})?")
_ISO = re.compile(r"[0-9]{4}(?:-[0-9]{2}(?:-[0-9]{2})?)?")
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

DateRead = tuple[str | None, str | None]  # ISO text or None, problem code or None


def read_date(text: str, order: DateOrder) -> DateRead:
    """Return the ISO text of one date, or why it is none."""
    found = _ORDERED[order].fullmatch(text)
    if found:
        return _calendar(found["y"], found["m"], found["d"])
    lower = text.lower()
    for pattern in () if order is DateOrder.ISO else _NAMED:
        found = pattern.fullmatch(lower)
        if found:
            return _calendar(found["y"], str(_MONTHS[found["name"]]), found["d"])
    return None, "ambiguous_partial" if _SHORT.fullmatch(text) else "not_a_date"


def _calendar(year: str, month: str | None, day: str | None) -> DateRead:
    """Join parts to ISO text; a day or month that does not exist is `impossible_date`."""
    if month is None:
        return year, None
    if not 1 <= int(month) <= 12:
        return None, "impossible_date"
    text = f"{year}-{month:0>2}"
    if day is None:
        return text, None
    longest = 28 if int(month) == 2 and not isleap(int(year)) else _DAYS[int(month) - 1]
    return (f"{text}-{day:0>2}", None) if 1 <= int(day) <= longest else (None, "impossible_date")


def is_iso(text: str) -> bool:
    """Whether text is an ISO partial date of a day, month or year that exists."""
    return bool(_ISO.fullmatch(text)) and read_date(text, DateOrder.ISO)[0] is not None
