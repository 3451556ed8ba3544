"""Dates as text -> ISO partial dates. In: Series of trimmed text, the declared order. Out: ISO text and a problem code.

Nothing is guessed: text that does not have the declared order is `not_a_date`; a day that the calendar does not have
is `impossible_date`; two numbers, or a year of two digits, are `ambiguous_partial`. Months may be English names,
which need no order, except under ISO, which is strict: yyyy-mm-dd, yyyy-mm or yyyy. A time of day after the date is
dropped: all dates are local calendar dates.
"""

from __future__ import annotations

import re

import polars as pl

from chartline.mapping.model import DateOrder

_TIME = r"(?:[T ]\d{1,2}:\d{2}(?::\d{2})?(?:\.\d+)?\s*(?:Z|[+-]\d{2}:?\d{2}|[aApP][mM])?)?$"
_SEP = r"[-/. ]"
_ORDERED: dict[DateOrder, str] = {
    DateOrder.DMY: rf"^(?:(?:(?P<d>\d{{1,2}}){_SEP})?(?P<m>\d{{1,2}}){_SEP})?(?P<y>\d{{4}}){_TIME}",
    DateOrder.MDY: rf"^(?:(?P<m>\d{{1,2}}){_SEP}(?:(?P<d>\d{{1,2}}){_SEP})?)?(?P<y>\d{{4}}){_TIME}",
    DateOrder.YMD: rf"^(?P<y>\d{{4}})(?:{_SEP}(?P<m>\d{{1,2}})(?:{_SEP}(?P<d>\d{{1,2}}))?)?{_TIME}",
    DateOrder.ISO: rf"^(?P<y>\d{{4}})(?:-(?P<m>\d{{2}})(?:-(?P<d>\d{{2}}))?)?{_TIME}",
}
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_LONG = [
    *("january", "february", "march", "april", "june", "july"),
    *("august", "september", "sept", "october", "november", "december"),
]
_MONTH = "(?P<name>" + "|".join(sorted({*_MONTHS, *_LONG}, key=len, reverse=True)) + r")"
_NAMED = (
    rf"^(?:(?P<d>\d{{1,2}})[-/. ]+)?{_MONTH}\.?[-/. ,]+(?P<y>\d{{4}}){_TIME}",
    rf"^{_MONTH}\.?[-/. ]+(?P<d>\d{{1,2}}),?[-/. ]+(?P<y>\d{{4}}){_TIME}",
    rf"^(?P<y>\d{{4}})[-/. ]+{_MONTH}\.?(?:[-/. ]+(?P<d>\d{{1,2}}))?{_TIME}",
)
_SHORT = re.compile(rf"^\d{{1,2}}{_SEP}\d{{1,2}}(?:{_SEP}\d{{2}})?$")
_ISO = r"^\d{4}(?:-\d{2}(?:-\d{2})?)?$"


def read_dates(text: pl.Series, order: DateOrder) -> tuple[pl.Series, pl.Series]:
    """Return (ISO text or null, problem code or null), both of the length of `text`; null stays null."""
    iso, problem = _calendar(text.str.extract_groups(_ORDERED[order]).struct.unnest())
    left = (text.is_not_null() & iso.is_null() & problem.is_null()).arg_true()
    if not len(left):
        return iso, problem
    read = _unread if order is DateOrder.ISO else _named
    iso_left, problem_left = read(text.gather(left))
    return iso.scatter(left, iso_left), problem.scatter(left, problem_left)


def _calendar(parts: pl.DataFrame) -> tuple[pl.Series, pl.Series]:
    """Join parts to ISO text; a day or month that does not exist is `impossible_date`."""
    y, m, d = (pl.col(c) for c in "ymd")
    month_text = y + "-" + m.str.zfill(2)
    whole = month_text + "-" + d.str.zfill(2)
    text = pl.when(d.is_not_null()).then(whole).when(m.is_not_null()).then(month_text).otherwise(y)
    first = pl.when(d.is_not_null()).then(whole).when(m.is_not_null()).then(month_text + "-01").otherwise(y + "-01-01")
    out = parts.select(text=text, day=first.str.to_date("%Y-%m-%d", strict=False)).select(
        iso=pl.when(pl.col("day").is_not_null()).then("text"),
        problem=pl.when(pl.col("text").is_not_null() & pl.col("day").is_null()).then(pl.lit("impossible_date")),
    )
    return out["iso"], out["problem"]


def _named(text: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Read dates with the month as a name; what is left is not a date, or an ambiguous one."""
    lower = text.str.to_lowercase()
    parts = pl.DataFrame({c: pl.Series(c, [None] * len(text), dtype=pl.String) for c in "ymd"})
    for pattern in _NAMED:
        found = lower.str.extract_groups(pattern).struct.unnest()
        month = (
            found["name"]
            .str.slice(0, 3)
            .replace_strict(_MONTHS, [f"{i:02d}" for i in range(1, 13)], default=None, return_dtype=pl.String)
        )
        parts = parts.select(
            pl.coalesce("y", found["y"].alias("_")).alias("y"),
            pl.coalesce("m", pl.lit(month)).alias("m"),
            pl.coalesce("d", pl.lit(found["d"])).alias("d"),
        )
    iso, problem = _calendar(parts)
    unread = iso.is_null() & problem.is_null() & text.is_not_null()
    return iso, _unread(text)[1].zip_with(unread, problem)


def _unread(text: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Return no date, and why each text is none."""
    why = pl.Series("problem", [_why_not(t) for t in text.to_list()], dtype=pl.String)
    return pl.Series("iso", [None] * len(text), dtype=pl.String), why


def _why_not(text: str | None) -> str:
    return "ambiguous_partial" if text and _SHORT.match(text) else "not_a_date"


def is_iso(text: str) -> bool:
    """Whether text is an ISO partial date of a day, month or year that exists."""
    if not re.match(_ISO, text):
        return False
    iso, _ = read_dates(pl.Series([text]), DateOrder.ISO)
    return iso[0] is not None
