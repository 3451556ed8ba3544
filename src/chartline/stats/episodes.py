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

import math
from collections.abc import Mapping, Sequence
from dataclasses import InitVar, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from chartline.counts.columns import EventColumns
from chartline.counts.model import EventTable
from chartline.stats.design import Floats as Floats
from chartline.stats.design import Ints as Ints
from chartline.stats.design import MixedColumns, constant, design_matrix, factor, mixed_columns
from chartline.stats.lazy import lazy
from chartline.stats.pieces import keep_freed_memory

if TYPE_CHECKING:
    from chartline.stats.risk import RiskTable

keep_freed_memory()

_SAME = float(np.sqrt(np.finfo(float).eps))  # R aeqSurv: two times nearer than this share of their size are one


@dataclass(frozen=True, eq=False)
class Episodes:
    """`n` rows; every array has one entry a row but `values`, which has one row a covariate pattern.

    `status` is 0 for censored and k for `causes[k - 1]`. `values` are the covariates (patterns x covariates), read as
    `design`; `pattern` is the row of it, so that a covariate row is `design[pattern]`. `group`, `stratum` and `cluster`
    index `groups`, `strata` and 0, 1, ... `paired` is False where entries and exits are known as totals only, so that
    which entry belongs to which exit is not: all but robust variances are the same either way. `last` is the last exit;
    `whole` are the exits as whole numbers, for who has looked already that they are.
    """

    entry: Floats
    exit: Floats
    status: Ints
    count: Ints
    group: Ints
    stratum: Ints
    pattern: Ints
    values: Floats | MixedColumns
    causes: tuple[str, ...] = ("event",)
    groups: tuple[str, ...] = ("",)
    strata: tuple[str, ...] = ("",)
    covariates: tuple[str, ...] = ()
    cluster: Ints | None = None
    paired: bool = field(default=True)
    last: float = field(init=False, repr=False)
    whole: InitVar[npt.NDArray[np.integer] | None] = None

    def __post_init__(self, whole: npt.NDArray[np.integer] | None) -> None:
        n = self.exit.shape[0]
        for name in ("entry", "status", "count", "group", "stratum", "pattern", "cluster"):
            column = getattr(self, name)
            if column is not None and column.shape != (n,):
                raise ValueError(f"{name} has {column.shape[0]} rows, the times have {n}")
        object.__setattr__(self, "last", _last(self.exit, whole))
        if math.isnan(self.last):
            raise ValueError("a time is missing, infinite or negative")
        if whole is not None:
            vars(self)["days"] = whole if self._near else None
        if self.late:
            entered = self.entry != -math.inf
            if not np.all(self.entry[entered] < math.inf):
                raise ValueError("a time is missing, infinite or negative")
            if np.any(self.entry[entered] < 0) or np.any(self.entry[entered] >= self.exit[entered]):
                raise ValueError("an entry is negative, or not before its exit")
        if _highest(self.status) > len(self.causes) or _range(self.count)[0] < 0:
            raise ValueError(f"a status is not one of 0 to {len(self.causes)}, or a count is negative")
        if len(self.values.shape) != 2 or self.values.shape[1] != len(self.covariates):
            raise ValueError(f"the design has shape {self.values.shape} for {len(self.covariates)} covariates")
        if not self.covariates:
            return
        parts = (self.values.few, *self.values.own) if isinstance(self.values, MixedColumns) else (self.values,)
        if not all(_finite(part) for part in parts):
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
        exit_, start, whole = _times(time, entry)
        ended = np.asarray(event)
        status = _whole(ended, "event")
        n = exit_.shape[0]
        kinds = 1 if ended.dtype == bool else int(status.max(initial=0))
        names = tuple(causes) if causes else ("event",) if kinds <= 1 else tuple(f"cause {k + 1}" for k in range(kinds))
        columns, design = design_matrix(covariates or {}, reference or {}, n)
        group_index, groups = factor(group, n)
        stratum, levels = factor(strata, n)
        return cls(
            entry=start, exit=exit_, status=status, group=group_index, stratum=stratum,
            count=constant(1, n) if count is None else _whole(count, "count"),
            pattern=np.arange(n, dtype=np.int64) if columns else constant(0, n),
            values=design, causes=names, groups=groups, strata=levels, covariates=columns,
            cluster=None if cluster is None else factor(cluster, n)[0], whole=whole,
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
            values=design if columns else np.zeros((1, 0)), causes=table.causes, groups=groups, strata=levels,
            covariates=columns, cluster=factor(of[cluster], len(patterns))[0][at] if cluster else None, paired=paired,
        )  # fmt: skip

    @classmethod
    def from_columns(cls, columns: EventColumns, *, reference: Mapping[str, str] | None = None) -> Episodes:
        """Return the episodes of columns that were counted or read left of the wall (`counts.scan.scan_episodes`).

        Raises `ValueError` for an entry that is not before its exit, or a `reference` that is no level.
        """
        n = columns.exit.size
        group, groups = factor(columns.group, n)
        stratum, strata = factor(columns.stratum, n)
        pattern = constant(0, n) if not columns.covariates else columns.pattern
        patterns = n if pattern is None or not n else int(pattern.max()) + 1
        names, values = _values(columns, pattern, patterns, reference or {})
        if columns.own:
            pattern = None
        return cls(
            entry=_from_start(columns.entry, n), exit=columns.exit.astype(np.float64),
            whole=columns.exit if columns.exit.dtype == np.int32 else columns.exit.astype(np.int64),
            status=columns.status.astype(np.int64), count=columns.count.astype(np.int64, copy=False), group=group,
            stratum=stratum, pattern=np.arange(n) if pattern is None else pattern.astype(np.int64, copy=False),
            values=values, causes=columns.causes, groups=groups, strata=strata, covariates=names,
        )  # fmt: skip

    @property
    def n(self) -> int:
        """Subjects that entered (a subject cut into several rows counts once for each)."""
        return int(self.count.sum())

    @lazy
    def design(self) -> Floats:
        """The covariates of each pattern, patterns x covariates."""
        return self.values.matrix() if isinstance(self.values, MixedColumns) else self.values

    @property
    def x(self) -> Floats:
        """The covariates, rows x covariates."""
        return self.design[self.pattern]

    def select(self, rows: npt.NDArray[np.bool_]) -> Episodes:
        """Return the rows where `rows` is true; groups, strata and covariates keep their names."""
        if rows.all():
            return self
        names = ("entry", "exit", "status", "count", "group", "stratum", "pattern")
        cluster = None if self.cluster is None else self.cluster[rows]
        picked: dict[str, Any] = {name: _picked(getattr(self, name), rows) for name in names}
        return replace(self, **picked, cluster=cluster)

    def present(self) -> Episodes:
        """Return the rows that count somebody."""
        return self if self.singly else self.select(self.count > 0)

    @lazy
    def late(self) -> bool:
        """True where somebody enters after the start."""
        return _range(self.entry)[1] != -math.inf

    @lazy
    def singly(self) -> bool:
        """True where every row is one subject."""
        return _range(self.count) == (1, 1)

    @lazy
    def by_row(self) -> bool:
        """True where row i has the covariates `design[i]`."""
        n = self.pattern.size
        ends = n and self.values.shape[0] == n and self.pattern[0] == 0 and self.pattern[-1] == n - 1
        return bool(ends) and bool(np.all(self.pattern[1:] > self.pattern[:-1]))

    @lazy
    def mixed(self) -> MixedColumns | None:
        """The covariates of the rows, where they came as mixed columns and are those of the rows still."""
        return self.values if isinstance(self.values, MixedColumns) and self.by_row else None

    @lazy
    def days(self) -> Ints | None:
        """The exits as whole numbers, where they are and are not much larger than their number; else None.

        Whatever is looked up by day in a table takes a tenth of the time of sorting.
        """
        return _as_whole(self.exit) if self._near else None

    @property
    def _near(self) -> bool:
        return bool(self.exit.size) and self.last < max(4 * self.exit.size, 1000)

    @lazy
    def risk(self) -> RiskTable:
        """The numbers at risk by group, counted once for all who read them."""
        from chartline.stats.risk import RiskTable

        return RiskTable.of(self)

    def events_of(self, cause: str | int | None = None) -> npt.NDArray[np.bool_]:
        """Return which rows end with this cause (a name of `causes`, or 1, 2, ...); any event if None.

        Raises `ValueError` for a cause that there is not.
        """
        kinds = self.kinds_of(cause)
        return np.greater(self.status, 0) if cause is None else np.equal(self.status, kinds.stop)

    def kinds_of(self, cause: str | int | None = None) -> slice:
        """Return the places among `causes` of this cause, or of all if None. Raises `ValueError` as `events_of`."""
        if cause is None:
            return slice(0, len(self.causes))
        if isinstance(cause, str) and cause not in self.causes:
            raise ValueError(f"there is no cause {cause}; there are {', '.join(self.causes)}")
        k = self.causes.index(cause) + 1 if isinstance(cause, str) else cause
        if not 1 <= k <= len(self.causes):
            raise ValueError(f"there is no cause {cause}; there are {len(self.causes)}")
        return slice(k - 1, k)


def _range(values: npt.NDArray[Any]) -> tuple[float, float]:
    """Lowest and highest, NaN where one is; those of an empty array are both 0."""
    if not values.size:
        return 0, 0
    if _is_constant(values):
        return (values[0].item(),) * 2
    return values.min().item(), values.max().item()


def _highest(values: npt.NDArray[np.integer]) -> int:
    """The highest of whole numbers; beyond all of their type where one is negative, as the sign is the highest bit."""
    return int(values.view(f"u{values.itemsize}").max(initial=0))


def _last(exits: Floats, whole: npt.NDArray[np.integer] | None) -> float:
    """The last of the times, NaN where one is missing, infinite or negative."""
    if whole is not None:
        last = _highest(whole)
        return last if last < 1 << (8 * whole.itemsize - 1) else math.nan
    low, high = _range(exits)
    return high if low >= 0 and high < math.inf else math.nan


def _as_whole(times: Floats) -> Ints | None:
    """The times as whole numbers, where all are."""
    with np.errstate(invalid="ignore"):
        whole = times.astype(np.int64)
    return None if np.count_nonzero(whole != times) else whole


def _finite(values: Floats) -> bool:
    """Whether every number is one; their sum tells at once, unless it is too large."""
    return math.isfinite(values.sum()) or all(math.isfinite(x) for x in _range(values))


def _values(
    columns: EventColumns, pattern: npt.NDArray[np.integer] | None, patterns: int, reference: Mapping[str, str]
) -> tuple[tuple[str, ...], Floats | MixedColumns]:
    """The covariates of columns: a matrix at once, or where each row has values of its own, only when asked for."""
    if columns.own:
        of, patterns = (constant(0, columns.exit.size), 1) if pattern is None else (pattern, patterns)
        return mixed_columns(columns.covariates, columns.own, of, patterns, reference)
    return design_matrix(columns.covariates, reference, patterns)


def _is_constant(values: npt.NDArray[Any]) -> bool:
    """True for what `design.constant` made."""
    return values.strides == (0,) and values.size > 0


def _picked(values: npt.NDArray[Any], rows: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
    return constant(values[0], int(np.count_nonzero(rows))) if _is_constant(values) else values[rows]


def _from_start(entry: npt.NDArray[Any] | None, n: int) -> Floats:
    """Entries with -inf for those who are there from the start."""
    return constant(-math.inf, n) if entry is None else np.where(entry == 0, -math.inf, entry)


def _times(time: npt.ArrayLike, entry: npt.ArrayLike | None) -> tuple[Floats, Floats, Ints | None]:
    """Exits, entries, and the exits as whole numbers where all are."""
    exit_ = np.asarray(time, np.float64)
    if exit_.ndim != 1:
        raise ValueError("times are one column")
    if entry is None:
        whole = _as_whole(exit_)
        return exit_ if whole is not None else _merge_near(exit_), constant(-math.inf, exit_.size), whole
    start = np.asarray(entry, np.float64)
    if start.shape != exit_.shape:
        raise ValueError(f"entry has {start.shape[0]} rows, the times have {exit_.shape[0]}")
    both = _merge_near(np.concatenate([start, exit_]))
    return both[exit_.size :], _from_start(both[: exit_.size], exit_.size), None


def _merge_near(times: Floats) -> Floats:
    """R `aeqSurv`: runs of times that differ by rounding only become the first of the run."""
    if (times == np.floor(times)).all():
        return times
    distinct = np.unique(times)
    finite = distinct[np.isfinite(distinct)]
    if finite.size < 2:
        return times
    gaps = np.diff(finite)
    near = (gaps <= _SAME) | (gaps / np.mean(np.abs(finite)) <= _SAME)
    if not near.any():
        return times
    first = finite[np.concatenate([[True], ~near])]
    return np.take(first, np.searchsorted(first, times, side="right") - 1)


def _whole(values: npt.ArrayLike, what: str) -> Ints:
    given = np.asarray(values)
    if given.dtype.kind in "bi":
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
