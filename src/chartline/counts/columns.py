"""EventColumns: what an EventTable holds, as arrays, for the statistics of one machine at any number of subjects.

An EventTable is small enough to be read on a page and can be sent; these columns need not be small and are never
written. One row is `count` subjects who are alike in everything; where counting does not pay, or a covariate is
continuous, a row is one subject. `a + b` pools, exactly. NumPy only: statistics read this module, and what fills it
(`counts/scan.py`) lies left of the wall.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.integer]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Factor:
    """A category: `codes` index `levels`."""

    codes: Ints
    levels: tuple[str, ...]

    def __add__(self, other: Factor) -> Factor:
        levels = tuple(dict.fromkeys((*self.levels, *other.levels)))
        place = np.array([levels.index(name) for name in other.levels], np.int64)
        return Factor(np.concatenate([self.codes, place[other.codes]]), levels)


@dataclass(frozen=True, eq=False)
class EventColumns:
    """Arrays of one entry a row: days of `exit` and (late) `entry`, `status` (0 censored, k cause k), `count`.

    `group` and `stratum` are factors of the rows. `pattern` is each row's place in the `covariates`, whose arrays and
    factors have one entry a pattern, but those of the names in `own`: they have one entry a row, as all have where
    there is no `pattern`.
    """

    exit: Ints
    status: Ints
    count: Ints
    causes: tuple[str, ...] = ("event",)
    entry: Ints | None = None
    group: Factor | None = None
    stratum: Factor | None = None
    pattern: Ints | None = None
    covariates: Mapping[str, Floats | Factor] = field(default_factory=dict)
    own: frozenset[str] = frozenset()

    @property
    def n(self) -> int:
        """Subjects."""
        return int(self.count.sum())

    def __add__(self, other: EventColumns) -> EventColumns:
        """Return both together. Raises `ValueError` where they are not of the same variables."""
        if self._kind() != other._kind():
            raise ValueError(f"these columns are not of the same variables: {self._kind()} and {other._kind()}")
        if self.own != other.own:
            return self._spread() + other._spread()
        exit_, status, count = (np.concatenate([getattr(self, k), getattr(other, k)]) for k in _ROWS)
        mine, theirs = (np.arange(c.exit.size) if c.pattern is None else c.pattern for c in (self, other))
        first = next((_size(v) for name, v in self.covariates.items() if name not in self.own), 0)
        joined = {name: _join(value, other.covariates[name]) for name, value in self.covariates.items()}
        pattern = np.concatenate([mine, theirs + first]) if joined else None
        return EventColumns(
            exit_, status, count, self.causes, _joined(self.entry, other.entry), _join_factor(self.group, other.group),
            _join_factor(self.stratum, other.stratum), pattern, joined, self.own,
        )  # fmt: skip

    def _spread(self) -> EventColumns:
        """The same with each covariate's value in every row."""
        pattern = self.pattern
        if pattern is None:
            return replace(self, own=frozenset())
        each = {n: v if n in self.own else _taken(v, pattern) for n, v in self.covariates.items()}
        return replace(self, pattern=None, covariates=each, own=frozenset())

    def _kind(self) -> tuple[object, ...]:
        has = (self.entry is None, self.group is None, self.stratum is None)
        return (self.causes, *has, tuple((k, isinstance(v, Factor)) for k, v in self.covariates.items()))


_ROWS = ("exit", "status", "count")


def _size(values: Floats | Factor) -> int:
    return int((values.codes if isinstance(values, Factor) else values).size)


def _taken(values: Floats | Factor, rows: Ints) -> Floats | Factor:
    return Factor(values.codes[rows], values.levels) if isinstance(values, Factor) else values[rows]


def _join(a: Floats | Factor, b: Floats | Factor) -> Floats | Factor:
    if isinstance(a, Factor) and isinstance(b, Factor):
        return a + b
    assert isinstance(a, np.ndarray) and isinstance(b, np.ndarray)
    return np.concatenate([a, b])


def _join_factor(a: Factor | None, b: Factor | None) -> Factor | None:
    return None if a is None or b is None else a + b


def _joined(a: Ints | None, b: Ints | None) -> Ints | None:
    return None if a is None or b is None else np.concatenate([a, b])
