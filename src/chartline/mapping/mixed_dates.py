"""Columns that mix true date cells with dates as text: the trace of a file once opened under another locale.

A spreadsheet turns the text it can read as a date (day <= 12) into a true date, with day and month swapped, and
leaves the rest as text. Such a column is always told; under `swap_day_month` each swapped cell is told too.
Only complete dates count: a month alone is text in any locale.

It is asked where the days show that trace: no true date after the 12th, no text up to it, which sound dates would do
in fewer than one column of ten (`_CHANCE`, our choice). Dates that a spreadsheet reads in every locale
(year-month-day) show none. Whatever else is mixed was typed so, and is told only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from chartline.core.dates import DAYS_PER_MONTH
from chartline.core.query import Query, Severity, Topic
from chartline.mapping.date_text import read_date
from chartline.mapping.model import DateOrder
from chartline.mapping.rows import Rows
from chartline.mapping.stack import Request
from chartline.mapping.views import TableView
from chartline.sources.base import Kind

_SHOWN = 50
_CHANCE = 0.1
_LOW = 12 / DAYS_PER_MONTH  # how often a day of the month is 12 or less


def mixed_date_queries(
    requests: Iterable[Request], rows: dict[str, Rows], centre: str, topics: Callable[[Request], frozenset[Topic]]
) -> list[Query]:
    """Return the queries of all date columns that mix true dates and text; each column once."""
    seen: dict[tuple[str, str], Request] = {}
    for r in requests:
        if r.cell.reading.type == "date" and not r.cell.date_parts:
            seen.setdefault((r.table, r.cell.columns[0]), r)
    out = []
    for (table, column), r in seen.items():
        out += _of_column(r.view, column, rows[table], r.cell.reading.swap, r.cell.reading.order, centre, topics(r))
    return out


def _of_column(
    view: TableView, column: str, rows: Rows, swap: bool, order: DateOrder, centre: str, topics: frozenset[Topic]
) -> list[Query]:
    kind = view.kind(column)
    if kind is None or not (kind == Kind.DATE).any():
        return []
    at = rows.data
    kinds = kind.gather(at)
    true = kinds == Kind.DATE
    if not true.any():
        return []
    text = view.text(column).gather(at).filter(~(true | (kinds == Kind.AMENDED)))
    texts = [t for t in text.to_list() if t is not None and len(read_date(t, order)[0] or "") == 10]
    true_rows = at.filter(true).to_list()
    out = [_swapped(view, column, rows, r, centre, topics) for r in true_rows] if swap else []
    if texts:
        traced = _traced([view.table.raw(r, column) or "" for r in true_rows], texts, order)
        out.append(_column(view, column, true_rows, len(texts), swap, traced, centre, topics))
    return out


def _traced(true: list[str], texts: list[str], order: DateOrder) -> bool:
    """True where the days of the month show that true dates have day and month exchanged, beyond chance."""
    if any(read_date(t, DateOrder.ISO)[0] for t in texts):
        return False
    low = all(int(t[8:10]) <= 12 for t in true)
    high = all(int((read_date(t, order)[0] or "")[8:10]) > 12 for t in texts)
    return low and high and _LOW ** len(true) * (1 - _LOW) ** len(texts) < _CHANCE


def _swapped(view: TableView, column: str, rows: Rows, row: int, centre: str, topics: frozenset[Topic]) -> Query:
    seen = (view.table.raw(row, column) or "")[:10]
    used = f"{seen[:4]}-{seen[8:10]}-{seen[5:7]}"
    ok = int(seen[8:10]) <= 12
    return Query(
        "date_format_mixed",
        Severity.NOTE,
        centre,
        rows.subject[row] or "",
        (view.table.address(row, column),),
        f"{column}: true date {seen}" + (f", used as {used}" if ok else ""),
        f"True date {seen} in a column whose true dates have day and month swapped (declared); "
        + (f"{used} is used." if ok else "it cannot be swapped."),
        "",
        topics,
    )


def _column(
    view: TableView,
    column: str,
    rows: list[int],
    texts: int,
    swap: bool,
    traced: bool,
    centre: str,
    topics: frozenset[Topic],
) -> Query:
    why = "as happens when a file is opened under another locale"
    told = f"{why}; the true dates are used as they stand"
    if swap:
        told = f"{why}; day and month of the true dates are swapped, as declared"
    elif not traced:
        told = "which are used as they stand; their days show no exchange of day and month"
    cells = f"{len(rows)} true date{'s' if len(rows) > 1 else ''} and {texts} text date{'s' if texts > 1 else ''}"
    return Query(
        "date_format_mixed",
        Severity.WARN if traced and not swap else Severity.NOTE,
        centre,
        "",
        tuple(view.table.address(r, column) for r in rows[:_SHOWN]),
        f"{column}: {cells}",
        f"Column `{column}` mixes {cells}, {told}.",
        "Please confirm day and month of the true dates." if traced and not swap else "",
        topics,
    )
