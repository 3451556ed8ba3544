"""Rows that no block of a mapping takes. In: a table, which rows are taken and which are not. Out: one query.

The query lists the values of the columns that the blocks' `where` looks at which lead nowhere, so that a word spelt
otherwise in the mapping than in the file is seen at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from chartline.core.query import Query, Severity
from chartline.mapping.lookups import Steps
from chartline.mapping.views import TableView

_ADDRESSES = 20
_VALUES = 8


def unmapped_query(
    view: TableView, left: pl.Series, taken: pl.Series, columns: Mapping[str, Steps | None], centre: str
) -> Query:
    """Return the query about the rows `left`. `columns` are those of the `where` of the table's blocks; of one that
    is a key into another table, what it leads to is told beside it."""
    count = _rows(len(left))
    values = _leading_nowhere(_cells(view, columns), left, taken)
    more = f"; and {len(values) - _VALUES} more" if len(values) > _VALUES else ""
    listed = "; ".join(values[:_VALUES]) + more
    return Query(
        "row_not_mapped",
        Severity.WARN,
        centre,
        "",
        tuple(view.table.address(r) for r in left.head(_ADDRESSES).to_list()),
        listed or count,
        f"{count} of {view.table.sheet} fit no block of the mapping and are not used{f': {listed}' if listed else ''}.",
        "Map them, or exclude them with the reason.",
    )


def _rows(n: int) -> str:
    return f"{n} row{'s' if n > 1 else ''}"


def _cells(view: TableView, columns: Mapping[str, Steps | None]) -> pl.DataFrame:
    cells = {c: view.raw(c).str.strip_chars().replace("", None).fill_null("(blank)") for c in columns}
    for c, steps in columns.items():
        if steps is not None:
            names = pl.DataFrame({"cell": cells[c], "name": view.led_to(c, steps)})
            named = pl.coalesce(pl.format("{} ({})", "cell", "name"), "cell")
            cells[c] = names.select(named).to_series()
    return pl.DataFrame(cells)


def _leading_nowhere(cells: pl.DataFrame, left: pl.Series, taken: pl.Series) -> list[str]:
    """Return `item = BM blasts (10 rows)`: values of no row that is taken; where there are none, combinations."""
    columns = cells.columns
    rows, used = cells[left], cells[taken]
    single = [line for c in columns for line in _counted(rows.filter(~pl.col(c).is_in(used[c].implode())), [c])]
    return single or (_counted(rows, columns) if columns else [])


def _counted(rows: pl.DataFrame, columns: Sequence[str]) -> list[str]:
    counts = rows.group_by(columns).len("#n").sort("#n", *columns, descending=[True, *[False] * len(columns)])
    said = [" and ".join(f"{c} = {v}" for c, v in zip(columns, r, strict=False)) for r in counts.select(columns).rows()]
    return [f"{what} ({_rows(n)})" for what, n in zip(said, counts["#n"], strict=True)]
