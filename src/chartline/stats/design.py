"""Columns of a model: levels of a factor, and the design matrix of covariates as R's `model.matrix` has it.

In: plain columns, one value a row (or a covariate pattern). Out: names and numbers. `Episodes` and the models of an
outcome read covariates through here, so that a covariate means the same in each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from chartline.stats.groups import in_order

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def factor(values: npt.ArrayLike | Sequence[str] | None, n: int) -> tuple[Ints, tuple[str, ...]]:
    """Index and names of the levels, in the order of reports (numbers by size, then texts)."""
    if values is None:
        return np.zeros(n, np.int64), ("",)
    given = np.asarray(values)
    if given.shape != (n,):
        raise ValueError(f"a group, stratum or cluster has {given.shape[0]} rows, the times have {n}")
    if given.dtype.kind == "f" and np.any(np.isnan(given)):
        raise ValueError("a group, stratum or cluster is missing")
    distinct, at = np.unique(given, return_inverse=True)
    names = [_level(v) for v in distinct.tolist()]
    ordered = in_order(names)
    rank = {name: i for i, name in enumerate(ordered)}
    place = np.array([rank[name] for name in names], np.int64)
    return place[at.reshape(-1)], tuple(ordered)


def _level(value: Any) -> str:
    """A number without needless decimals, a text as it is."""
    return str(int(value)) if isinstance(value, float) and value == int(value) else str(value)


def design_matrix(
    covariates: Mapping[str, Any], reference: Mapping[str, str], n: int
) -> tuple[tuple[str, ...], Floats]:
    """Numbers as they are, texts as indicators `name=level` against the reference level (R `contr.treatment`)."""
    names: list[str] = []
    columns: list[Floats] = []
    for name, values in covariates.items():
        given = np.asarray(values)
        if given.ndim == 2:  # a basis, such as a spline
            names += [f"{name}[{i + 1}]" for i in range(given.shape[1])]
            columns += [given[:, i].astype(np.float64) for i in range(given.shape[1])]
            continue
        if given.shape != (n,):
            raise ValueError(f"the covariate {name} has {given.shape[0]} rows, the times have {n}")
        if given.dtype.kind in "biuf":
            names.append(name)
            columns.append(given.astype(np.float64))
            continue
        at, levels = factor(given.astype(str), n)
        base = reference.get(name, levels[0])
        if base not in levels:
            raise ValueError(f"{name} has no level {base}; it has {', '.join(levels)}")
        for i, level in enumerate(levels):
            if level != base:
                names.append(f"{name}={level}")
                columns.append((at == i).astype(np.float64))
    return tuple(names), np.column_stack(columns) if columns else np.zeros((n if covariates else 1, 0))
