"""Columns of a model: levels of a factor, and the design matrix of covariates as R's `model.matrix` has it.

In: plain columns, one value a row (or a covariate pattern). Out: names and numbers. `Episodes` and the models of an
outcome read covariates through here, so that a covariate means the same in each.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from chartline.counts.columns import Factor
from chartline.stats.groups import in_order
from chartline.stats.pieces import PIECE, each, slices

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@lru_cache(maxsize=64, typed=True)
def constant(value: float, n: int) -> npt.NDArray[Any]:
    """Return `n` times the same number, read-only, in the memory of one."""
    one = np.array([value])
    out = np.ndarray((n,), one.dtype, one, strides=(0,))
    out.flags.writeable = False
    return out


def factor(values: npt.ArrayLike | Sequence[str] | Factor | None, n: int) -> tuple[Ints, tuple[str, ...]]:
    """Index and names of the levels, in the order of reports (numbers by size, then texts)."""
    if values is None:
        return constant(0, n), ("",)
    given = values.codes if isinstance(values, Factor) else np.asarray(values)
    if given.shape != (n,):
        raise ValueError(f"a group, stratum or cluster has {given.shape[0]} rows, the times have {n}")
    if given.dtype.kind == "f" and np.any(np.isnan(given)):
        raise ValueError("a group, stratum or cluster is missing")
    distinct, at = _distinct(given)
    if given.dtype.kind in "iuf" and not isinstance(values, Factor):  # in order already
        return at, tuple(map(str if given.dtype.kind in "iu" else _level, distinct.tolist()))
    names = [values.levels[i] if isinstance(values, Factor) else _level(i) for i in distinct.tolist()]
    ordered = in_order(names)
    if ordered == names:
        return at, tuple(names)
    rank = {name: i for i, name in enumerate(ordered)}
    return np.array([rank[name] for name in names], np.int64)[at], tuple(ordered)


def _distinct(given: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], Ints]:
    """As `np.unique`; whole numbers near each other are looked up in a table instead of sorted."""
    if given.dtype.kind in "biu" and given.size:
        low, high = int(given.min()), int(given.max())
        if high - low < max(given.size, 1000) and high < 1 << 62:
            codes = given.astype(np.int64)
            if low:
                codes -= low
            there = np.zeros(high - low + 1, bool)
            there[codes] = True
            distinct = there.nonzero()[0]
            if distinct.size < there.size:
                codes = (np.cumsum(there) - 1)[codes]
            if low:
                distinct += low
            return distinct.astype(bool) if given.dtype == bool else distinct, codes
    distinct, at = np.unique(given, return_inverse=True)
    return distinct, at.reshape(-1)


def _level(value: Any) -> str:
    """A number without needless decimals, a text as it is."""
    return str(int(value)) if isinstance(value, float) and value == int(value) else str(value)


def design_matrix(
    covariates: Mapping[str, Any], reference: Mapping[str, str], n: int
) -> tuple[tuple[str, ...], Floats]:
    """Numbers as they are, texts as indicators `name=level` against the reference level (R `contr.treatment`)."""
    if not covariates:
        return (), np.empty((1, 0))
    names: list[str] = []
    columns: list[npt.NDArray[Any]] = []
    for name, values in covariates.items():
        given = values.codes if isinstance(values, Factor) else np.asarray(values)
        if given.ndim == 2:  # a basis, such as a spline
            names += [f"{name}[{i + 1}]" for i in range(given.shape[1])]
            columns += list(given.T)
            continue
        if given.shape != (n,):
            raise ValueError(f"the covariate {name} has {given.shape[0]} rows, the times have {n}")
        if given.dtype.kind in "biuf" and not isinstance(values, Factor):
            names.append(name)
            columns.append(given)
            continue
        at, levels = factor(values if isinstance(values, Factor) else given.astype(str), n)
        base = reference.get(name, levels[0] if levels else "")
        if levels and base not in levels:
            raise ValueError(f"{name} has no level {base}; it has {', '.join(levels)}")
        others = [i for i, level in enumerate(levels) if level != base]
        names += [f"{name}={levels[i]}" for i in others]
        columns += [at == i for i in others]
    if n <= PIECE:
        return tuple(names), np.array(columns, np.float64).reshape(len(columns), n).T
    out = np.empty((n, len(columns)))

    def fill(at: slice) -> None:  # a row is in one piece of memory, so that it is found at once wherever it stands
        for j, column in enumerate(columns):
            out[at, j] = column[at]

    each(fill, slices(len(out)))
    return tuple(names), out


@dataclass(frozen=True, eq=False)
class MixedColumns:
    """Covariates of n rows, of which some have few values between them and the others one of their own in each row.

    `few` (patterns x covariates) are the first, with the pattern of each row; `own` (n each) are the others. `at` are
    the places of both, in this order, among the k covariates.
    """

    few: Floats
    pattern: npt.NDArray[np.integer]
    own: tuple[Floats, ...]
    at: Ints

    @property
    def shape(self) -> tuple[int, int]:
        return self.pattern.size, self.at.size

    @property
    def places(self) -> tuple[Ints, Ints]:
        """Where the `few` and the `own` stand among the covariates."""
        return self.at[: self.few.shape[1]], self.at[self.few.shape[1] :]

    def matrix(self) -> Floats:
        """Return all of them, rows x covariates."""
        out, (few, own) = np.empty(self.shape), self.places

        def fill(at: slice) -> None:
            out[at, few] = self.few[self.pattern[at]]
            for j, column in zip(own.tolist(), self.own, strict=True):
                out[at, j] = column[at]

        each(fill, slices(len(out)))
        return out


def mixed_columns(
    covariates: Mapping[str, Any], own: Collection[str], pattern: npt.NDArray[np.integer], patterns: int,
    reference: Mapping[str, str],
) -> tuple[tuple[str, ...], MixedColumns]:  # fmt: skip
    """As `design_matrix`, of covariates of which those in `own` have a value a row, the others one a pattern."""
    names: list[str] = []
    few: list[Floats] = [np.empty((patterns, 0))]
    places: tuple[list[int], list[int]] = ([], [])
    for name, values in covariates.items():
        columns, design = ((name,), None) if name in own else design_matrix({name: values}, reference, patterns)
        places[design is None].extend(range(len(names), len(names) + len(columns)))
        names += columns
        few += [] if design is None else [design]
    at = np.array([*places[0], *places[1]], np.int64)
    return tuple(names), MixedColumns(np.hstack(few), pattern, tuple(v for n, v in covariates.items() if n in own), at)
