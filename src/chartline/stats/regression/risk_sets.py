"""Risk sets of a Cox model: which rows are at risk at which event time, and sums over them and over their times.

In: Episodes and the cause that counts as the event. Out: the event times by stratum, and for each row the range of
event times at which it is at risk; from these every sum of a Cox model is made (`likelihood.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from chartline.stats.episodes import Episodes, Floats, Ints
from chartline.stats.statistic import NotEstimable

Bools = npt.NDArray[np.bool_]

_DAYS = 4_000_000  # up to here whole days, and strata x event times, are looked up in a table instead of searched
_BLOCK = 4_000_000  # cells of the dense table of who is at risk that are made in one piece


@dataclass(frozen=True, eq=False)
class RiskSets:
    """Event times (T, by stratum, then time) and rows (n, those ever at risk at one, ascending in `last`).

    `times`, `stratum` and `deaths` are of the event times. A row is at risk at the event times first <= t < last;
    `event` says that it has its event at last - 1. `row` is its place in the Episodes, `count` how many it is.
    """

    times: Floats
    stratum: Ints
    deaths: Floats
    row: Ints
    first: Ints
    last: Ints
    event: Bools
    count: Floats

    @classmethod
    def of(cls, episodes: Episodes, cause: str | int | None = None) -> RiskSets:
        """Return the risk sets. Raises `NotEstimable` where there is no event, `ValueError` for an unknown cause."""
        event = episodes.events_of(cause) & (episodes.count > 0)
        if not event.any():
            raise NotEstimable("no events")
        days, at_exit, at_entry = _places(episodes, event)
        key = episodes.stratum * days.size + at_exit  # one past the place of the exit among strata x days
        distinct, before = _events_before(key[event] - 1, len(episodes.strata) * days.size)
        last = before(key)
        first = before(key - at_exit) if at_entry is None else before(key - at_exit + at_entry)
        kept = np.flatnonzero((last > first) & (episodes.count > 0))
        order = kept[_ascending(last[kept], distinct.size)]
        last, event, count = last[order], event[order], episodes.count[order].astype(np.float64)
        deaths: Floats = np.bincount(last[event] - 1, weights=count[event], minlength=distinct.size).astype(np.float64)
        return cls(days[distinct % days.size], distinct // days.size, deaths, order, first[order], last, event, count)

    @cached_property
    def bounds(self) -> list[tuple[int, int]]:
        """Where each stratum begins and ends among the event times."""
        cuts = (np.flatnonzero(np.diff(self.stratum)) + 1).tolist()
        return list(zip([0, *cuts], [*cuts, self.times.size], strict=True))

    @cached_property
    def late(self) -> Ints:
        """The rows that enter after the first event time of their stratum."""
        if len(self.bounds) == 1:
            return np.flatnonzero(self.first)
        begin = np.array([a for a, _ in self.bounds])
        return np.flatnonzero(self.first > begin[np.searchsorted(begin, self.first, side="right") - 1])

    @cached_property
    def _starts(self) -> Ints:
        """The first row that leaves at each event time; there is one, as somebody has an event then."""
        return np.searchsorted(self.last, np.arange(1, self.times.size + 1))

    def at_risk(self, values: Floats, *, wide: bool = False) -> Floats:
        """Sum values (m x n rows) over who is at risk: m x T.

        Late entries are taken off again, unless the values are so `wide` apart that small ones would drown.
        """
        if wide and self.late.size:
            return np.concatenate([values @ dense for _, dense in self._dense()], axis=1)
        out: Floats = np.add.reduceat(values, self._starts, axis=1)
        if self.late.size:
            before = self.first[self.late] - 1
            for total, row in zip(out, values, strict=True):
                total -= np.bincount(before, weights=row[self.late], minlength=self.times.size)
        for a, b in self.bounds:
            out[:, a:b] = np.cumsum(out[:, a:b][:, ::-1], axis=1)[:, ::-1]
        return out

    def over_time(self, rate: Floats, *, wide: bool = False) -> Floats:
        """Sum rate (T, or T x m) over the event times at which a row is at risk: n, or n x m."""
        if wide and self.late.size:
            return np.asarray(np.sum([dense @ rate[at] for at, dense in self._dense()], axis=0))
        run = np.empty_like(rate)
        for a, b in self.bounds:
            np.cumsum(rate[a:b], axis=0, out=run[a:b])
        out: Floats = run[self.last - 1]
        if self.late.size:
            out[self.late] -= run[self.first[self.late] - 1]
        return out

    def _dense(self) -> Iterator[tuple[slice, Floats]]:
        """Who is at risk as a table rows x event times, in pieces of event times."""
        step = max(1, _BLOCK // self.last.size)
        first, last = self.first[:, None], self.last[:, None]
        for a in range(0, self.times.size, step):
            times = np.arange(a, min(a + step, self.times.size))
            yield slice(a, a + step), ((first <= times) & (times < last)).astype(np.float64)


def _places(episodes: Episodes, event: Bools) -> tuple[Floats, Ints, Ints | None]:
    """The distinct times of events, and how many of them lie up to each exit and each entry (None: nobody is late)."""
    exits, late = episodes.exit, np.isfinite(episodes.entry)
    entry = np.where(late, episodes.entry, 0) if late.any() else None
    top = float(exits.max())
    if exits.size > 4096 and top < _DAYS and bool(np.all(exits == np.floor(exits))):
        days = exits.astype(np.int64)
        there = np.zeros(int(top) + 1, bool)
        there[days[event]] = True
        upto = np.cumsum(there)
        after = None if entry is None else np.where(late, upto[np.floor(entry).astype(np.int64)], 0)
        return np.flatnonzero(there).astype(np.float64), upto[days], after
    distinct = np.unique(exits[event])
    after = None if entry is None else np.searchsorted(distinct, episodes.entry, side="right")
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


def _ascending(last: Ints, top: int) -> Ints:
    """The order by `last`; 16-bit keys are sorted by counting."""
    return np.argsort(last.astype(np.uint16) if top < 65536 else last, kind="stable")
