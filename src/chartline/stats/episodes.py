"""Episodes: how every kernel of times sees its data, whether they came as plain arrays or as counts.

In: plain arrays (`Episodes.of`), or an EventTable (`Episodes.from_counts`). Out: columns of NumPy arrays. One row is
the interval (entry, exit] of `count` equal subjects, what ended it (`status`), and where they belong (group, stratum,
cluster, covariate pattern). A subject whose covariates change has several rows; as long as each row but the last is
censored, nothing that is estimated depends on where its time was cut.

Conventions (R `Surv`): at risk at t are those with entry < t <= exit; who enters at 0 is at risk from 0 on, kept as
entry -inf. Times are days as whole numbers, or any unit as decimals: decimals that differ by rounding only are one
time, as R's `survival::aeqSurv` has it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from chartline.counts.model import EventTable
from chartline.stats.design import Floats as Floats
from chartline.stats.design import Ints as Ints
from chartline.stats.design import design_matrix, factor

_SAME = float(np.sqrt(np.finfo(float).eps))  # R aeqSurv: two times nearer than this share of their size are one


@dataclass(frozen=True, eq=False)
class Episodes:
    """`n` rows; every array has one entry a row but `design`, which has one row a covariate pattern.

    `status` is 0 for censored and k for `causes[k - 1]`. `pattern` is the row of `design` (patterns x covariates), so
    that a covariate row is `design[pattern]`. `group`, `stratum` and `cluster` index `groups`, `strata` and 0, 1, ...
    `paired` is False where entries and exits are known as totals only, so that which entry belongs to which exit is
    not: all but robust variances are the same either way.
    """

    entry: Floats
    exit: Floats
    status: Ints
    count: Ints
    group: Ints
    stratum: Ints
    pattern: Ints
    design: Floats
    causes: tuple[str, ...] = ("event",)
    groups: tuple[str, ...] = ("",)
    strata: tuple[str, ...] = ("",)
    covariates: tuple[str, ...] = ()
    cluster: Ints | None = None
    paired: bool = field(default=True)

    def __post_init__(self) -> None:
        n = self.exit.shape[0]
        for name in ("entry", "status", "count", "group", "stratum", "pattern"):
            if getattr(self, name).shape != (n,):
                raise ValueError(f"{name} has {getattr(self, name).shape[0]} rows, the times have {n}")
        if self.cluster is not None and self.cluster.shape != (n,):
            raise ValueError(f"cluster has {self.cluster.shape[0]} rows, the times have {n}")
        if not np.all(np.isfinite(self.exit)) or np.any(self.exit < 0) or np.any(np.isnan(self.entry)):
            raise ValueError("a time is missing, infinite or negative")
        late = np.isfinite(self.entry)
        if np.any(self.entry[late] < 0) or np.any(self.entry[late] >= self.exit[late]):
            raise ValueError("an entry is negative, or not before its exit")
        if np.any((self.status < 0) | (self.status > len(self.causes))) or np.any(self.count < 0):
            raise ValueError(f"a status is not one of 0 to {len(self.causes)}, or a count is negative")
        if self.design.ndim != 2 or self.design.shape[1] != len(self.covariates):
            raise ValueError(f"the design has shape {self.design.shape} for {len(self.covariates)} covariates")
        if not np.all(np.isfinite(self.design)):
            raise ValueError("a covariate is missing or infinite")

    @classmethod
    def of(
        cls,
        time: npt.ArrayLike,
        event: npt.ArrayLike,
        *,
        entry: npt.ArrayLike | None = None,
        group: npt.ArrayLike | None = None,
        strata: npt.ArrayLike | None = None,
        covariates: Mapping[str, npt.ArrayLike] | None = None,
        reference: Mapping[str, str] | None = None,
        cluster: npt.ArrayLike | None = None,
        count: npt.ArrayLike | None = None,
        causes: Sequence[str] | None = None,
    ) -> Episodes:
        """Return the episodes of plain arrays, all of the same length (one row a subject, or a part of its time).

        `event` is 0 or False where the time is censored, 1 or True for the event, k for cause k; it has no default.
        `covariates` are numbers, or texts, which become indicators against the level in `reference` (the first in
        order if not named). Raises `ValueError` for a missing value or lengths that differ: nothing is dropped.
        """
        exit_, start = _times(time, entry)
        status = _whole(event, "event")
        n = exit_.shape[0]
        kinds = int(status.max(initial=0))
        names = tuple(causes) if causes else ("event",) if kinds <= 1 else tuple(f"cause {k + 1}" for k in range(kinds))
        columns, design = design_matrix(covariates or {}, reference or {}, n)
        group_index, groups = factor(group, n)
        stratum, levels = factor(strata, n)
        return cls(
            entry=start, exit=exit_, status=status, group=group_index, stratum=stratum,
            count=np.ones(n, np.int64) if count is None else _whole(count, "count"),
            pattern=np.arange(n, dtype=np.int64) if columns else np.zeros(n, np.int64),
            design=design, causes=names, groups=groups, strata=levels, covariates=columns,
            cluster=None if cluster is None else factor(cluster, n)[0],
        )  # fmt: skip

    @classmethod
    def from_counts(
        cls,
        table: EventTable,
        *,
        by: str | None = None,
        strata: Sequence[str] = (),
        covariates: Mapping[str, str] | Sequence[str] = (),
        reference: Mapping[str, str] | None = None,
        cluster: str | None = None,
    ) -> Episodes:
        """Return the episodes of an EventTable, read from its covariate patterns.

        `by`, `strata`, `cluster` and `covariates` name variables of the patterns; several `strata` are crossed.
        `covariates` may map a name to "number" or "category"; without that, texts that are all numbers are numbers.
        Entries are paired with exits in order of time (see `paired`). Raises `KeyError` for a name that the patterns
        do not have, `ValueError` for a covariate whose value is missing.
        """
        rows, paired = _paired(table)
        patterns = table.patterns
        index = {p: i for i, p in enumerate(patterns)}
        values = [dict(p) for p in patterns]
        at = np.array([index[r[0]] for r in rows], np.int64)
        of = {name: [v[name] for v in values] for name in {*covariates, *strata, *(n for n in (by, cluster) if n)}}
        kinds = dict(covariates) if isinstance(covariates, Mapping) else {}
        columns, design = design_matrix(
            {name: _typed(of[name], kinds.get(name)) for name in covariates}, reference or {}, len(patterns)
        )
        group, groups = factor(of[by] if by else None, len(patterns))
        crossed = [", ".join(x) for x in zip(*(of[s] for s in strata), strict=True)] if strata else None
        stratum, levels = factor(crossed, len(patterns))
        entry = np.array([r[1] for r in rows], np.float64)
        return cls(
            entry=np.where(entry == 0, -np.inf, entry), exit=np.array([r[2] for r in rows], np.float64),
            status=np.array([r[3] for r in rows], np.int64), count=np.array([r[4] for r in rows], np.int64),
            group=group[at], stratum=stratum[at], pattern=at if columns else np.zeros(len(rows), np.int64),
            design=design if columns else np.zeros((1, 0)), causes=table.causes, groups=groups, strata=levels,
            covariates=columns, cluster=factor(of[cluster], len(patterns))[0][at] if cluster else None, paired=paired,
        )  # fmt: skip

    @property
    def n(self) -> int:
        """Subjects that entered (a subject cut into several rows counts once for each)."""
        return int(self.count.sum())

    @property
    def x(self) -> Floats:
        """The covariates, rows x covariates."""
        return self.design[self.pattern]

    def select(self, rows: npt.NDArray[np.bool_]) -> Episodes:
        """Return the rows where `rows` is true; groups, strata and covariates keep their names."""
        names = ("entry", "exit", "status", "count", "group", "stratum", "pattern")
        cluster = None if self.cluster is None else self.cluster[rows]
        return replace(self, **{name: getattr(self, name)[rows] for name in names}, cluster=cluster)

    def events_of(self, cause: str | int | None = None) -> npt.NDArray[np.bool_]:
        """Return which rows end with this cause (a name of `causes`, or 1, 2, ...); any event if None.

        Raises `ValueError` for a cause that there is not.
        """
        if cause is None:
            return np.greater(self.status, 0)
        if isinstance(cause, str) and cause not in self.causes:
            raise ValueError(f"there is no cause {cause}; there are {', '.join(self.causes)}")
        k = self.causes.index(cause) + 1 if isinstance(cause, str) else cause
        if not 1 <= k <= len(self.causes):
            raise ValueError(f"there is no cause {cause}; there are {len(self.causes)}")
        return np.equal(self.status, k)


def _times(time: npt.ArrayLike, entry: npt.ArrayLike | None) -> tuple[Floats, Floats]:
    exit_ = np.asarray(time, np.float64)
    if exit_.ndim != 1:
        raise ValueError("times are one column")
    start = np.zeros_like(exit_) if entry is None else np.asarray(entry, np.float64)
    if start.shape != exit_.shape:
        raise ValueError(f"entry has {start.shape[0]} rows, the times have {exit_.shape[0]}")
    both = _merge_near(np.concatenate([start, exit_]))
    start, exit_ = both[: exit_.size], both[exit_.size :]
    return exit_, np.where(start == 0, -np.inf, start)


def _merge_near(times: Floats) -> Floats:
    """R `aeqSurv`: runs of times that differ by rounding only become the first of the run."""
    distinct = np.unique(times)
    finite = distinct[np.isfinite(distinct)]
    if finite.size < 2 or np.all(finite == np.floor(finite)):
        return times
    gaps = np.diff(finite)
    near = (gaps <= _SAME) | (gaps / np.mean(np.abs(finite)) <= _SAME)
    if not near.any():
        return times
    first = finite[np.concatenate([[True], ~near])]
    return np.take(first, np.searchsorted(first, times, side="right") - 1)


def _whole(values: npt.ArrayLike, what: str) -> Ints:
    given = np.asarray(values)
    if given.dtype == bool:
        return given.astype(np.int64)
    numbers = given.astype(np.float64)
    if np.any(np.isnan(numbers)) or np.any(numbers != np.floor(numbers)):
        raise ValueError(f"{what} is missing or not a whole number")
    return numbers.astype(np.int64)


def _typed(texts: Sequence[str], kind: str | None) -> Any:
    """The values of a covariate: numbers where declared or where all texts are numbers, else texts."""
    if "" in texts:
        raise ValueError("a covariate is missing in a pattern; leave those patterns out, or impute them")
    if kind != "category":
        try:
            return np.array([float(t) for t in texts])
        except ValueError:
            if kind == "number":
                raise
    return np.array(texts, dtype=str)


def _paired(table: EventTable) -> tuple[list[tuple[Any, int, int, int, int]], bool]:
    """Rows (pattern, entry, exit, status, count) of a table, each pattern's entries given to its exits in order.

    Exact where a pattern has one day of entry or one subject; else one of the pairings that the totals allow.
    """
    out: list[tuple[Any, int, int, int, int]] = []
    paired = True
    by_pattern: dict[Any, list[tuple[int, tuple[int, ...]]]] = {}
    for (pattern, day), row in sorted(table.rows.items()):
        by_pattern.setdefault(pattern, []).append((day, row))
    for pattern, days in by_pattern.items():
        waiting = [[day, row[0]] for day, row in days if row[0]]
        paired = paired and len(waiting) <= 1
        first = 0
        for day, row in days:
            for status, leaving in enumerate(row[1:]):
                while leaving:
                    entered, there = waiting[first] if first < len(waiting) else (day, 0)
                    if not there or (entered >= day and entered > 0):
                        raise ValueError(f"on day {day} more leave than are at risk in {pattern}")
                    take = min(leaving, there)
                    out.append((pattern, entered, day, status, take))
                    waiting[first][1] -= take
                    leaving -= take
                    first += waiting[first][1] == 0
    return out, paired
