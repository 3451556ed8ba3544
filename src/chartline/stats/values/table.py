"""Numbers as every kernel of this topic reads them: distinct values, ascending, and how many subjects have each.

In: a mapping value -> count, a plain array, or a ValueTable (`values_of`). A count is replication, exactly: a value
counted three times is three subjects. The work of every kernel grows with the distinct values.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chartline.counts.model import ValueTable
from chartline.stats.groups import group_of, groups_by
from chartline.stats.statistic import NotEstimable

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Numbers = Mapping[float, int] | npt.ArrayLike


@dataclass(frozen=True, eq=False)
class Counted:
    """Distinct values in ascending order, each with a count above 0."""

    values: Floats
    counts: Ints

    @property
    def n(self) -> int:
        return int(self.counts.sum())

    @property
    def mean(self) -> float:
        """The mean, corrected once for the rounding of the first."""
        first = float(self.values @ self.counts) / self.n
        return first + float((self.values - first) @ self.counts) / self.n

    @property
    def squares(self) -> float:
        """The sum of squared distances from the mean."""
        away = self.values - self.mean
        return max(0.0, float(away**2 @ self.counts) - float(away @ self.counts) ** 2 / self.n)

    @property
    def variance(self) -> float:
        """The variance with n - 1. Raises `ZeroDivisionError` below two values: callers ask `need` first."""
        return self.squares / (self.n - 1)


@dataclass(frozen=True)
class GroupedValues:
    """Of each group, value -> count, and how many have no value; a group with nobody but missing is there, empty."""

    groups: Mapping[str, dict[float, int]]
    missing: Mapping[str, int]


def values_of(table: ValueTable, by: str | None = None) -> GroupedValues:
    """Return the values of a ValueTable by the levels of `by` (one group "" without it), in the order of reports.

    Raises `KeyError` for a name that the patterns do not have.
    """
    patterns = groups_by(table, by) if by else [()]
    names = [p[0][1] if p else group_of(p) for p in patterns]
    return GroupedValues(
        {name: table.select(p) for name, p in zip(names, patterns, strict=True)},
        {name: table.n_missing(p) for name, p in zip(names, patterns, strict=True)},
    )


def counted(numbers: Numbers) -> Counted:
    """Return value -> count, or a plain array, as distinct values with counts; values counted 0 times are left out.

    Raises `ValueError` for a missing or infinite value, or a count that is not a whole number from 0.
    """
    if isinstance(numbers, Mapping):
        given = np.array(list(numbers), np.float64)
        times = np.array(list(numbers.values()), np.float64)
    else:
        given = np.asarray(numbers, np.float64)
        times = np.ones(given.shape)
    if given.ndim != 1 or not np.all(np.isfinite(given)):
        raise ValueError("values are one column of numbers, none missing or infinite")
    if np.any(~np.isfinite(times) | (times < 0) | (times != np.floor(times))):
        raise ValueError("a count is negative or not a whole number")
    values, at = np.unique(given + 0.0, return_inverse=True)  # + 0.0: minus zero is zero
    counts = np.bincount(at.reshape(-1), weights=times, minlength=values.size).astype(np.int64)
    return Counted(values[counts > 0], counts[counts > 0])


def need(sample: Counted, least: int, group: str = "") -> None:
    """Raise `NotEstimable` where a sample has less than `least` values."""
    if sample.n >= least:
        return
    where = f" in group {group}" if group else ""
    few = "no values" if not sample.n else "one value only" if sample.n == 1 else f"only {sample.n} values"
    raise NotEstimable(few + where)


def check_level(level: float) -> None:
    """Raise `ValueError` unless 0 < `level` < 1."""
    if not 0 < level < 1 or math.isnan(level):
        raise ValueError(f"not a confidence level: {level}")
