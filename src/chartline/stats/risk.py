"""The numbers at risk: for each distinct time of leaving, who is at risk, who has which event, who is censored.

In: Episodes. Out: arrays times x columns, a column a group, stratum or whatever the rows are split by. Every
non-parametric kernel starts here. The work is one sort of the rows, or one count where times are days. In memory a
column is in one piece, so that what is done along the times is fast.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import TypeVar

import numpy as np

from chartline.stats.design import constant
from chartline.stats.episodes import Episodes, Floats, Ints
from chartline.stats.lazy import lazy

Numbers = TypeVar("Numbers", Floats, Ints)


@dataclass(frozen=True)
class Runs:
    """Where columns of their own lengths stand, one after the other in one array (the last axis of the values).

    What is done at each time is then done once for all columns, however small; what runs along the times, in each.
    """

    of: tuple[slice, ...]

    @classmethod
    def of_sizes(cls, sizes: Iterable[int]) -> Runs:
        """Return the runs of columns of these lengths."""
        return cls(tuple(slice(a, b) for a, b in pairwise(accumulate(sizes, initial=0))))

    def sums(self, values: Floats) -> Floats:
        """Running sums along each column."""
        return self._along(np.add, values)

    def products(self, values: Floats) -> Floats:
        """Running products along each column."""
        return self._along(np.multiply, values)

    def before(self, values: Floats, first: float) -> Floats:
        """The value one time earlier, and `first` at the start of each column."""
        out = np.empty_like(values)
        out[..., 1:] = values[..., :-1]
        for at in self.of:
            out[..., at][..., :1] = first
        return out

    def to_come(self, values: Floats) -> Floats:
        """What lies between each value and the last of its column."""
        out = np.empty_like(values)
        for at in self.of:
            np.subtract(values[..., at][..., -1:], values[..., at], out=out[..., at])
        return out

    def _along(self, operation: np.ufunc, values: Floats) -> Floats:
        out = np.empty_like(values)
        for at in self.of:
            operation.accumulate(values[..., at], axis=-1, out=out[..., at])
        return out


@dataclass(frozen=True, eq=False)
class Leaving:
    """The times at which somebody leaves, of one column after the other: `events` causes x times, the rest one a time.

    `all_events` are of all causes together.
    """

    runs: Runs
    times: Floats
    at_risk: Ints
    events: Ints
    all_events: Ints
    censored: Ints


@dataclass(frozen=True, eq=False)
class RiskTable:
    """`times` (T) distinct times of leaving; `at_risk` and `censored` T x G; `events` T x G x causes.

    `numbers` are all of them: the censored, those with the event of each cause, those at risk, each G x T.
    """

    times: Floats
    numbers: Ints = field(repr=False)

    @property
    def at_risk(self) -> Ints:
        at_risk: Ints = self.numbers[-1]
        return at_risk.T

    @property
    def events(self) -> Ints:
        return self.numbers[1:-1].transpose(2, 1, 0)

    @property
    def censored(self) -> Ints:
        censored: Ints = self.numbers[0]
        return censored.T

    @classmethod
    def of_all(cls, episodes: Episodes) -> RiskTable:
        """Count everyone in one column."""
        return cls.of(episodes, constant(0, episodes.exit.size), 1) if len(episodes.groups) > 1 else episodes.risk

    @classmethod
    def of(cls, episodes: Episodes, columns: Ints | None = None, n_columns: int | None = None) -> RiskTable:
        """Count the rows of `episodes`, split by `columns` (an index a row; the groups if not given).

        At risk at t: entry < t <= exit. Times of entry alone are not listed.
        """
        at = episodes.group if columns is None else columns
        width = n_columns if n_columns is not None else len(episodes.groups) if columns is None else int(at.max()) + 1
        times, of_exit, some_empty = _places(episodes)
        kinds, t = len(episodes.causes) + 1, times.size
        key = of_exit if width == 1 else at * t + of_exit
        numbers = totals(episodes.status * (width * t) + key, episodes, (kinds + 1) * width * t)
        numbers = numbers.reshape(kinds + 1, width, t)
        at_risk, gone = numbers[-1], together(numbers[:-1])
        ended = gone.cumsum(axis=1)
        np.subtract(ended[:, -1:], ended, out=at_risk)
        at_risk += gone
        if episodes.late:
            # not yet there at t: those whose entry is t or later; the first time above an entry is where they are
            of_entry = np.searchsorted(times, episodes.entry, side="right")
            waiting = totals(at * (t + 1) + of_entry, episodes, width * (t + 1)).reshape(width, t + 1)
            at_risk -= np.cumsum(waiting[:, :0:-1], axis=1)[:, ::-1]
        if some_empty or not episodes.singly:
            there = gone.any(axis=0)
            times, numbers = times[there], numbers[:, :, there]
        return cls(times, numbers)

    @lazy
    def leaving(self) -> Leaving:
        """Each column at the times at which somebody leaves it."""
        kinds, width, t = self.numbers.shape
        cells = (together(self.numbers[:-1]) > 0).reshape(-1).nonzero()[0]
        bounds = cells.searchsorted([g * t for g in range(width + 1)]).tolist()
        runs = Runs(tuple([slice(a, b) for a, b in pairwise(bounds)]))
        numbers = self.numbers.reshape(kinds, -1).take(cells, axis=1)
        times = self.times.take(cells, mode="wrap")  # the columns have the same times, one after the other
        return Leaving(runs, times, numbers[-1], numbers[1:-1], together(numbers[1:-1]), numbers[0])


def together(tables: Numbers) -> Numbers:
    """Return the sum of tables of the same shape, the first axis; itself where there is one."""
    out: Numbers = tables[0]
    for table in tables[1:]:
        out = out + table
    return out


def _places(episodes: Episodes) -> tuple[Floats, Ints, bool]:
    """The times, the place of each exit among them, and whether there may be times at which nobody leaves: every day
    up to the last one is a time where that is less work."""
    days = episodes.days
    if days is None:
        return *distinct(episodes.exit), False
    highest = int(episodes.last)
    if highest < days.size // 4:
        return np.arange(highest + 1, dtype=np.float64), days, True
    return *_looked_up(days, highest), False


def distinct(times: Floats) -> tuple[Floats, Ints]:
    """Return the distinct times in order and the index of each among them, as `np.unique` does.

    Whole numbers that are not much larger than their number (days) are looked up in a table instead of sorted: a tenth
    of the time at 10^6 rows.
    """
    highest = float(times.max(initial=0))
    if 0 <= highest < max(4 * times.size, 1000) and times.min(initial=0) >= 0:
        days = times.astype(np.int64)
        if np.array_equal(days, times):
            return _looked_up(days, int(highest))
    values, at = np.unique(times, return_inverse=True)
    return values, at.reshape(-1)


def _looked_up(days: Ints, highest: int) -> tuple[Floats, Ints]:
    seen = np.zeros(highest + 1, bool)
    seen[days] = True
    times = seen.nonzero()[0]
    place = np.empty(highest + 1, np.int64)
    place[times] = np.arange(times.size)
    return times.astype(np.float64), place[days]


def totals(key: Ints, episodes: Episodes, size: int) -> Ints:
    """Subjects by key, a key a row; whole numbers, exact below 2^53."""
    if episodes.singly:
        return np.bincount(key, minlength=size)
    return np.bincount(key, weights=episodes.count, minlength=size).astype(np.int64)
