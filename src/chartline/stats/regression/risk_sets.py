"""Risk sets of a Cox model: which rows are at risk at which event time, and sums over them and over their times.

In: Episodes and the cause that counts as the event. Out: the event times by stratum, and for each row the range of
event times at which it is at risk; from these every sum of a Cox model is made (`likelihood.py`). Rows are kept in the
order in which they leave, those with the event first, so that sums are runs of neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from chartline.stats.design import constant
from chartline.stats.episodes import Episodes, Floats, Ints
from chartline.stats.lazy import lazy
from chartline.stats.risk import totals
from chartline.stats.statistic import NotEstimable

Bools = npt.NDArray[np.bool_]

_DAYS = 4_000_000  # up to here whole days, and strata x event times, are looked up in a table instead of searched
FEW = 4096  # rows up to which sorting them is faster than counting them by day, and `few_rows.py` than pieces
_BLOCK = 4_000_000  # cells of the dense table of who is at risk that are made in one piece


@dataclass(frozen=True, eq=False)
class Runs:
    """Neighbours with the same label, labels ascending: where each run begins, and its label of 0 to `size` - 1."""

    starts: Ints
    labels: Ints
    size: int

    @classmethod
    def of(cls, labels: Ints, size: int) -> Runs:
        starts = np.flatnonzero(np.concatenate([[True], labels[1:] != labels[:-1]])) if labels.size else labels
        return cls(starts, labels[starts], size)

    def lengths(self, rows: int) -> Ints:
        """How many of all `rows` are in each run."""
        return np.diff(self.starts, append=rows)

    def weighted(self, values: Floats, weight: Floats) -> Floats:
        """Sum the weights (n), and values (m x n) times the weights, over each run: (1 + m) x runs."""
        out, room = np.empty((1 + values.shape[0], self.starts.size)), np.empty_like(weight)
        alike = weight.strides == (0,) and weight[0] == 1
        np.add.reduceat(weight, self.starts, out=out[0])
        for row, sums in zip(values, out[1:], strict=True):
            np.add.reduceat(row if alike else np.multiply(row, weight, out=room), self.starts, out=sums)
        return out

    def total(self, values: Floats) -> Floats:
        """Sum values (m x n) over each label: m x size."""
        if not self.starts.size:
            return np.zeros((values.shape[0], self.size))
        sums: Floats = np.add.reduceat(values, self.starts, axis=1)
        if self.labels.size == self.size:
            return sums
        out = np.zeros((values.shape[0], self.size))
        out[:, self.labels] = sums
        return out


Rows = tuple[Ints, Ints, Ints, Floats]  # row, first, cell and count of each


@dataclass(frozen=True, eq=False)
class RiskSets:
    """Event times (T, by stratum, then time) and rows (n, those ever at risk at one, ascending in `slot`).

    `times`, `stratum` and `deaths` are of the event times. A row is at risk at the event times first <= t < last; its
    `slot` is twice the last of them, plus 1 where it does not have its event then. `row` is its place in the
    Episodes, `count` how many equal subjects it is. Where rows of a slot are in order of the kind of their covariates
    (the patterns of `Episodes.mixed`), there are `kinds` of them, and a row's `cell` is its slot times `kinds` plus its
    kind.
    """

    times: Floats
    stratum: Ints
    deaths: Floats
    make_rows: Callable[[], Rows] = field(repr=False)
    kinds: int = 1

    @classmethod
    def of(cls, episodes: Episodes, cause: str | int | None = None) -> RiskSets:
        """Return the risk sets. Raises `NotEstimable` where there is no event, `ValueError` for an unknown cause."""
        event = episodes.events_of(cause)
        if not episodes.singly:
            event &= episodes.count > 0
        if not event.any():
            raise NotEstimable("no events")
        if episodes.days is not None and not episodes.late and len(episodes.strata) == 1:
            few = event.size <= FEW
            return _of_few(episodes, episodes.days, event) if few else _of_days(episodes, episodes.days, event)
        return _of_times(episodes, event)

    @lazy
    def _rows(self) -> Rows:
        """Made when first asked for: counts of patterns do without."""
        return self.make_rows()

    @property
    def row(self) -> Ints:
        return self._rows[0]

    @property
    def first(self) -> Ints:
        return self._rows[1]

    @property
    def cell(self) -> Ints:
        return self._rows[2]

    @lazy
    def slot(self) -> Ints:
        slot = self.cell if self.kinds == 1 else self.cell // self.kinds
        return np.asarray(slot.astype(np.int64, copy=False))

    @property
    def count(self) -> Floats:
        return self._rows[3]

    @property
    def singly(self) -> bool:
        """True where every row is one subject."""
        return self.count.strides == (0,)

    @lazy
    def events(self) -> float:
        return float(self.deaths.sum())

    @lazy
    def last(self) -> Ints:
        return (self.slot >> 1) + 1

    @lazy
    def event(self) -> Bools:
        return np.asarray(self.slot & 1 == 0)

    @lazy
    def leave(self) -> Runs:
        """The rows by slot."""
        return Runs.of(self.slot, 2 * self.times.size)

    @lazy
    def cells(self) -> Runs:
        """The rows by cell."""
        return Runs.of(self.cell, 2 * self.times.size * self.kinds)

    @lazy
    def late(self) -> Ints:
        """The rows that enter after the first event time of their stratum, ascending in `first`."""
        if self.first.strides == (0,):  # all from the first
            return np.empty(0, np.int64)
        begin = np.zeros(1, np.int64) if len(self.bounds) == 1 else np.array([a for a, _ in self.bounds])
        late = np.flatnonzero(self.first > begin[np.searchsorted(begin, self.first, side="right") - 1])
        return late[np.argsort(self.first[late], kind="stable")]

    @lazy
    def enter(self) -> Runs:
        """The late rows by the last event time before they enter."""
        return Runs.of(self.first[self.late] - 1, self.times.size)

    @lazy
    def bounds(self) -> list[tuple[int, int]]:
        """Where each stratum begins and ends among the event times."""
        cuts = (np.flatnonzero(np.diff(self.stratum)) + 1).tolist()
        return list(zip([0, *cuts], [*cuts, self.times.size], strict=True))

    def at_risk(self, values: Floats, *, wide: bool = False) -> Floats:
        """Sum values (m x n rows) over who is at risk: m x T.

        Late entries are taken off again, unless the values are so `wide` apart that small ones would drown.
        """
        if wide and self.late.size:
            return np.concatenate([values @ dense for _, dense in self._dense()], axis=1)
        return self.still(self.leave.total(values), values[:, self.late])

    def still(self, by_slot: Floats, late: Floats) -> Floats:
        """Sums over who leaves (m x slots), and values of the late rows (m x late), as sums over who is at risk."""
        out = by_slot[:, ::2] + by_slot[:, 1::2]
        if self.late.size:
            out -= self.enter.total(late)
        for a, b in self.bounds:
            out[:, a:b] = np.cumsum(out[:, a:b][:, ::-1], axis=1)[:, ::-1]
        return out

    def over_time(self, rate: Floats, *, wide: bool = False) -> Floats:
        """Sum rate (T, or T x m) over the event times at which a row is at risk: n, or n x m."""
        if wide and self.late.size:
            return np.asarray(np.sum([dense @ rate[at] for at, dense in self._dense()], axis=0))
        run = self.running(rate)
        out: Floats = run[self.slot >> 1]
        if self.late.size:
            out[self.late] -= run[self.first[self.late] - 1]
        return out

    def running(self, rate: Floats) -> Floats:
        """Sums of rate (T, or T x m) from the beginning of the stratum up to each event time."""
        run = np.empty_like(rate)
        for a, b in self.bounds:
            np.cumsum(rate[a:b], axis=0, out=run[a:b])
        return run

    def _dense(self) -> Iterator[tuple[slice, Floats]]:
        """Who is at risk as a table rows x event times, in pieces of event times."""
        step = max(1, _BLOCK // self.slot.size)
        first, last = self.first[:, None], self.last[:, None]
        for a in range(0, self.times.size, step):
            times = np.arange(a, min(a + step, self.times.size))
            yield slice(a, a + step), ((first <= times) & (times < last)).astype(np.float64)


def _of_days(episodes: Episodes, days: Ints, event: Bools) -> RiskSets:
    """Whole days, everyone there from the start, one stratum: the slot is looked up by day."""
    last_day = int(days.max())
    key: Ints = days.astype(_narrow(2 * last_day + 2))
    key *= 2
    key += event
    by_key = totals(key, episodes, 2 * last_day + 2)
    there = by_key[1::2] > 0
    mixed = episodes.mixed
    kinds = 1 if mixed is None else mixed.few.shape[0]
    if _narrow((2 * int(np.count_nonzero(there)) + 1) * kinds) is np.int64:
        kinds = 1

    def rows() -> Rows:
        last = np.cumsum(there)
        never = 2 * int(last[-1])
        slots = np.stack([2 * last - 1, 2 * last - 2], axis=1)  # without and with the event
        slots[last == 0] = never
        cells: Ints = (slots.reshape(-1) * kinds).astype(_narrow((never + 1) * kinds))
        cell = cells.take(key, mode="clip")
        if mixed is not None and kinds > 1:
            np.add(cell, mixed.pattern, out=cell, casting="unsafe")
        if not episodes.singly:
            cell[episodes.count == 0] = never * kinds
        order = np.argsort(cell, kind="stable")
        order = order[: int(np.count_nonzero(cell < never * kinds))]
        count = constant(1.0, order.size) if episodes.singly else episodes.count[order].astype(np.float64)
        return order, constant(0, order.size), cell.take(order, mode="clip"), count

    distinct = np.flatnonzero(there)
    deaths = by_key[1::2][distinct].astype(np.float64)
    return RiskSets(distinct.astype(np.float64), constant(0, distinct.size), deaths, rows, kinds)


def _narrow(size: int) -> type[np.integer]:
    """The type for numbers below `size` that are to be sorted: two bytes are sorted in a tenth of the time of eight."""
    return np.uint16 if size <= 1 << 16 else np.int64


def _of_few(episodes: Episodes, days: Ints, event: Bools) -> RiskSets:
    """As `_of_days`, by sorting the rows by day, and those of a day by whether they have the event."""
    key = 2 * days
    key += ~event
    order = key.astype(_narrow(2 * int(episodes.last) + 2)).argsort(kind="stable")
    if not episodes.singly:
        order = order[episodes.count[order] > 0]
    key, event = key.take(order), event.take(order)
    new = event.copy()
    new[1:] &= key[1:] != key[:-1]  # the first event of its day
    begin = new.nonzero()[0]
    order, event = order[begin[0] :], event[begin[0] :]
    slot = new[begin[0] :].cumsum()
    slot *= 2
    slot -= 1
    slot -= event
    count = constant(1.0, order.size) if episodes.singly else episodes.count[order].astype(np.float64)
    by_slot = np.bincount(slot, None if episodes.singly else count, 2 * begin.size)
    deaths = by_slot[::2].astype(np.float64)
    return RiskSets(
        key[begin] / 2, constant(0, begin.size), deaths, lambda: (order, constant(0, order.size), slot, count)
    )


def _of_times(episodes: Episodes, event: Bools) -> RiskSets:
    days, at_exit, at_entry = _places(episodes, event)
    key = episodes.stratum * days.size  # strata x days, each with the place of the exit among them
    distinct, before = _events_before(key[event] + at_exit[event] - 1, len(episodes.strata) * days.size)
    first = before(key if at_entry is None else key + at_entry)
    last = before(key + at_exit)
    never = 2 * distinct.size
    slot = np.where((last > first) & (episodes.count > 0), 2 * last - 1 - event, never)
    order = np.argsort(slot.astype(_narrow(never + 1)), kind="stable")
    slot = slot[order]
    n = int(np.searchsorted(slot, never))
    order, slot = order[:n], slot[:n]
    count = episodes.count[order].astype(np.float64)
    deaths = np.bincount(slot, count, never)[::2].astype(np.float64)
    return RiskSets(
        days[distinct % days.size], distinct // days.size, deaths, lambda: (order, first[order], slot, count)
    )


def _places(episodes: Episodes, event: Bools) -> tuple[Floats, Ints, Ints | None]:
    """The distinct times of events, and how many of them lie up to each exit and each entry (None: nobody is late)."""
    exits, late = episodes.exit, np.isfinite(episodes.entry)
    top = float(exits.max())
    if exits.size > 4096 and top < _DAYS and bool(np.all(exits == np.floor(exits))):
        days = exits.astype(np.int64)
        there = np.zeros(int(top) + 1, bool)
        there[days[event]] = True
        upto = np.cumsum(there)
        entry = np.where(late, episodes.entry, 0).astype(np.int64) if late.any() else None
        after = None if entry is None else np.where(late, upto[entry], 0)
        return np.flatnonzero(there).astype(np.float64), upto[days], after
    distinct = np.unique(exits[event])
    after = np.searchsorted(distinct, episodes.entry, side="right") if late.any() else None
    return distinct, np.searchsorted(distinct, exits, side="right"), after


def _events_before(places: Ints, size: int) -> tuple[Ints, Callable[[Ints], Ints]]:
    """The distinct places that hold an event, and a function that counts those below a place."""
    if size > _DAYS:
        distinct = np.unique(places)
        return distinct, lambda key: np.searchsorted(distinct, key)
    there = np.zeros(size, bool)
    there[places] = True
    below = np.concatenate([[0], np.cumsum(there)])
    return np.flatnonzero(there), lambda key: below[key]
