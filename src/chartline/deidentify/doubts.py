"""Dates that a shift would move wrongly: refused before a file is written, for the copy could not be put right.

Two things are looked for in each column of a table of patients. Dates as text that the declared order does not read
and another does: a column of day/month/year under "month/day" would be shifted where it happens to fit, and left
where not. And true dates of a spreadsheet beside text dates, none of them after the twelfth of its month: that is the
trace of a file once saved under another locale, which exchanged day and month wherever that gave a date.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from chartline.core.sentences import counted, joined
from chartline.deidentify.dates import whole_date
from chartline.deidentify.grid import Cell, Grid
from chartline.deidentify.model import Options
from chartline.deidentify.plan import Decisions, patient_columns
from chartline.errors import StudyError
from chartline.mapping.model import DateOrder
from chartline.sources.limits import named

_ORDERED = (DateOrder.DMY, DateOrder.MDY, DateOrder.YMD)
_OTHER = 0.25  # of a column's text dates only another order reads: no slips, for of slips there are a few in a hundred
_LONGEST = 40  # letters of a date with its time
_MONTHS = 12


class DatesInDoubt(StudyError):
    """How some dates stand is not known well enough to shift them."""

    code = "dates"
    exit_code = 15


@dataclass
class _Column:
    """The dates of one column, counted."""

    name: str
    order: DateOrder
    read: int = 0  # as text, in the declared order
    other: Counter[DateOrder] = field(default_factory=Counter)  # as text, only in another one
    lost: int = 0  # as text, not in the declared order, but in another
    true: int = 0
    last_day: int = 0  # the highest day of a month among the true dates

    def see(self, cell: Cell) -> None:
        if isinstance(cell, dt.date):
            self.true += 1
            self.last_day = max(self.last_day, cell.day)
        elif isinstance(cell, str) and 0 < len(text := cell.strip()) <= _LONGEST and text[-1].isalnum():
            if self.order is not DateOrder.ISO and whole_date(text, self.order):
                self.read += 1
            elif others := [order for order in _ORDERED if whole_date(text, order)]:
                self.lost += 1
                self.other.update(others)

    @property
    def ordered_otherwise(self) -> bool:
        return self.lost > _OTHER * (self.lost + self.read)

    @property
    def perhaps_swapped(self) -> bool:
        return self.true > 0 and self.read + self.lost > 0 and self.last_day <= _MONTHS


def check_dates(grids: Iterable[Grid], decisions: Mapping[tuple[str, str], Decisions], options: Options) -> None:
    """Raise DatesInDoubt where dates of patients could be shifted wrongly."""
    columns = [c for g in grids if patient_columns(decisions[g.file, g.table]) for c in _columns(g, options)]
    wrong = [c for c in columns if c.ordered_otherwise]
    if wrong:
        raise _wrong_order(wrong)
    mixed = [c for c in columns if c.perhaps_swapped]
    if mixed:
        raise _mixed(mixed)


def _columns(grid: Grid, options: Options) -> list[_Column]:
    columns = [_Column(f"{grid.table}!{h}", options.order_in(grid.table, h)) for h in grid.headings]
    for r, row in enumerate(grid.rows()):
        if r >= grid.head:
            for column, cell in zip(columns, row, strict=False):
                column.see(cell)
    for column, heading in zip(columns, grid.headings, strict=True):
        if options.knows_true_dates(grid.table, heading):
            column.true = 0
    return columns


def _wrong_order(columns: list[_Column]) -> DatesInDoubt:
    orders = sorted({str(c.order) for c in columns})
    by: Counter[DateOrder] = sum((c.other for c in columns), Counter())
    best = max(by.values())
    fits = [str(order) for order in _ORDERED if by[order] == best]
    cells = sum(c.lost for c in columns)
    which = "all of them" if best == cells else f"{best} of them"
    return DatesInDoubt(
        f"{counted(cells, 'date')} in {counted(len(columns), 'column')} cannot be read as {joined(orders)}; "
        f"{joined(fits, 'or')} would read {which}",
        where=named([c.name for c in columns]),
        expected="the order in which the centre writes dates, so that every date of a patient moves by the same days",
        do=f"say {joined([f'--dates {order}' for order in fits], 'or')}, as the centre writes dates; or name its "
        "mapping (--mapping FILE), which says it for each column. Nothing was copied",
    )


def _mixed(columns: list[_Column]) -> DatesInDoubt:
    cells = sum(c.true for c in columns)
    return DatesInDoubt(
        f"{counted(len(columns), 'column')} mix{'es' if len(columns) == 1 else ''} dates as text with "
        f"{counted(cells, 'true date')}, none later than the 12th of a month: day and month of these were perhaps "
        "exchanged by a spreadsheet program, and would be shifted wrongly",
        where=named([c.name for c in columns]),
        expected="whether day and month of the true dates are exchanged",
        do="look at a few with the centre and say --swapped COLUMN or --unswapped COLUMN; or name the centre's mapping "
        "(--mapping FILE), which says it. Nothing was copied",
    )
