"""Leave one out: the same table without one centre (or any other level) at a time.

In: a table of counts and the name of a variable of its patterns (EventTable, ValueTable) or of a dimension (CrossTab).
Out: each level with the table of all the others, and the range of any statistic over them. Counts add, so the table
without a level is what the counts of the other levels add up to; no subject is needed for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from chartline.counts.model import CrossTab, EventTable, ValueTable
from chartline.stats.groups import in_order, levels_of
from chartline.stats.statistic import NotEstimable, Statistic

Table = TypeVar("Table", EventTable, CrossTab, ValueTable)

STATISTICS = (
    Statistic(
        name="leave_one_out",
        label="Leave one centre out",
        takes="EventTable, CrossTab or ValueTable with the centre among its variables; any statistic of one number",
        gives="the statistic without each centre, its range, and the centre that moves it most",
        reference="the statistic's own, on the data without the centre",
        paper="Viechtbauer W, Cheung MWL. Res Synth Methods 2010;1:112-125",
    ),
)


@dataclass(frozen=True)
class LeaveOneOut:
    """`base` with everyone; `values` without each level, None where it cannot be computed (`reasons` says why)."""

    variable: str
    base: float
    values: Mapping[str, float | None]
    lowest: float | None
    highest: float | None
    moves_most: str | None  # the level whose absence moves the statistic furthest from `base`
    reasons: Mapping[str, str]


def leave_one_out(table: Table, variable: str) -> Iterator[tuple[str, Table]]:
    """Yield each level of `variable` with the table without it, in the order of reports.

    What is known for everyone only (`missing` of an EventTable, `withheld`) is 0 in the parts, as in `select`. Raises
    `KeyError` where the table does not have the variable.
    """
    for level in _levels(table, variable):
        yield level, _without(table, variable, level)


def estimate_leave_one_out(table: Table, variable: str, statistic: Callable[[Table], float | None]) -> LeaveOneOut:
    """Return `statistic` of the table and of the table without each level of `variable`.

    A level without which it is not estimable has no value and a reason. Raises `NotEstimable` where the statistic of
    everyone has no value, and as `leave_one_out`.
    """
    base = statistic(table)
    if base is None:
        raise NotEstimable("the statistic of everyone has no value")
    values: dict[str, float | None] = {}
    reasons: dict[str, str] = {}
    for level, rest in leave_one_out(table, variable):
        try:
            values[level] = statistic(rest)
        except NotEstimable as reason:
            values[level] = None
            reasons[level] = str(reason)
        if values[level] is None:
            reasons.setdefault(level, "no value")
    known = {level: v for level, v in values.items() if v is not None}
    most = max(known, key=lambda level: abs(known[level] - base), default=None)
    return LeaveOneOut(
        variable, base, values, min(known.values(), default=None), max(known.values(), default=None), most, reasons
    )


def _levels(table: EventTable | CrossTab | ValueTable, variable: str) -> list[str]:
    if isinstance(table, CrossTab) and variable not in table.dims:
        raise KeyError(variable)
    return in_order(levels_of(table, variable))


def _without(table: Table, variable: str, level: str) -> Table:
    if isinstance(table, CrossTab):
        at = table.dims.index(variable)
        return replace(table, withheld=0, cells={k: v for k, v in table.cells.items() if k[at] != level})
    out = (variable, level)
    if isinstance(table, EventTable):
        return replace(table, withheld=0, missing=0, rows={k: v for k, v in table.rows.items() if out not in k[0]})
    return replace(
        table,
        withheld=0,
        values={k: v for k, v in table.values.items() if out not in k[0]},
        missing={p: n for p, n in table.missing.items() if out not in p},
    )
