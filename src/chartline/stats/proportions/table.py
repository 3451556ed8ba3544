"""Tables of counts: checked as they come in, and read from a CrossTab.

In: a CrossTab, or any nested lists of whole numbers. Out: labels and a NumPy array of int64 (rows x columns, or
strata x rows x columns). A missing level ("") is kept out of the table, counted, and reported.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chartline.counts.model import CrossTab
from chartline.stats.groups import in_order, levels_of
from chartline.stats.statistic import NotEstimable

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Table:
    """Counts by `rows` x `columns`, within `strata` where there are any (then `counts` has three dimensions)."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    strata: tuple[str, ...]
    counts: Counts
    missing: int  # subjects left out because one of the levels is missing
    warnings: tuple[str, ...] = ()


def table_of(crosstab: CrossTab, rows: str, columns: str, strata: str | None = None) -> Table:
    """Return the table of two dimensions of `crosstab`, or of two within each level of a third.

    Other dimensions are summed over. Subjects with a missing level ("") of a named dimension are left out, counted in
    `missing` and told in a warning. Levels are in natural order. Raises `ValueError` for a dimension that is not there
    or named twice.
    """
    names = [rows, columns, *([strata] if strata is not None else [])]
    unknown = [n for n in names if n not in crosstab.dims]
    if unknown or len(set(names)) < len(names):
        raise ValueError(f"not different dimensions of the table ({', '.join(crosstab.dims)}): {', '.join(names)}")
    levels = [[level for level in in_order(levels_of(crosstab, n)) if level] for n in names]
    place = [{level: i for i, level in enumerate(found)} for found in levels]
    at = [crosstab.dims.index(n) for n in names]
    counts = np.zeros([len(found) for found in levels], np.int64)
    missing = 0
    for cell, n in crosstab.cells.items():
        key = [cell[i] for i in at]
        if all(key):
            counts[tuple(p[level] for p, level in zip(place, key, strict=True))] += n
        else:
            missing += n
    return Table(
        tuple(levels[0]),
        tuple(levels[1]),
        tuple(levels[2]) if strata is not None else (),
        np.moveaxis(counts, 2, 0) if strata is not None else counts,
        missing,
        (f"{missing} left out: {' or '.join(names)} missing",) if missing else (),
    )


def whole_counts(table: ArrayLike, dimensions: int, shape: tuple[int | None, ...] = ()) -> Counts:
    """Return `table` as int64. Raises `ValueError` unless it has whole numbers >= 0 and the shape (None is any)."""
    plain: Any = np.asarray(table)
    if plain.ndim != dimensions or any(s not in (None, n) for s, n in zip(shape, plain.shape, strict=False)):
        wanted = " x ".join("any" if s is None else str(s) for s in (shape or (None,) * dimensions))
        raise ValueError(f"a table of {wanted} counts is needed, not of shape {plain.shape}")
    if plain.dtype.kind not in "biu" and not (
        plain.dtype.kind == "f" and (np.isfinite(plain) & (plain == np.floor(plain))).all()
    ):
        raise ValueError("counts are whole numbers")
    counts = plain.astype(np.int64)
    if (counts < 0).any():
        raise ValueError("counts are not negative")
    return np.asarray(counts)


def occupied(table: Counts) -> Counts:
    """Return a 2-D table without its empty rows and columns.

    Raises `NotEstimable` where fewer than two of either are left: there is nothing to compare.
    """
    if not table.sum():
        raise NotEstimable("no patients in the table")
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    for axis, what in ((0, "row"), (1, "column")):
        if table.shape[axis] < 2:
            raise NotEstimable(f"all patients are in one {what} of the table")
    return table


def group_counts(n1: int, total1: int, n2: int, total2: int) -> tuple[int, int, int, int]:
    """Return n1 of total1 and n2 of total2 as given.

    Raises `NotEstimable` for an empty group, `ValueError` for counts that are not whole or n > total.
    """
    for n, total in ((n1, total1), (n2, total2)):
        if not 0 <= n <= total or n % 1 or total % 1:
            raise ValueError(f"not a proportion: {n} of {total}")
    for group, total in (("first", total1), ("second", total2)):
        if total == 0:
            raise NotEstimable(f"no patients in the {group} group")
    return int(n1), int(total1), int(n2), int(total2)
