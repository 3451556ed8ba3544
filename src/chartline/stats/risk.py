"""The numbers at risk: for each distinct time of leaving, who is at risk, who has which event, who is censored.

In: Episodes. Out: arrays times x columns, a column a group, stratum or whatever the rows are split by. Every
non-parametric kernel starts here. The work is one sort of the rows, or one count where times are days. In memory a
column is in one piece, so that what is done along the times is fast.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chartline.stats.design import constant
from chartline.stats.episodes import Episodes, Floats, Ints


@dataclass(frozen=True, eq=False)
class RiskTable:
    """`times` (T) distinct times of leaving; `at_risk` and `censored` T x G; `events` T x G x causes."""

    times: Floats
    at_risk: Ints
    events: Ints
    censored: Ints

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
        times, of_exit = _places(episodes)
        kinds, t = len(episodes.causes) + 1, times.size
        key = of_exit if width == 1 else at * t + of_exit
        left = totals(episodes.status * (width * t) + key, episodes, kinds * width * t).reshape(kinds, width, t)
        gone = left.sum(axis=0)
        at_risk = np.cumsum(gone[:, ::-1], axis=1)[:, ::-1]
        if episodes.late:
            # not yet there at t: those whose entry is t or later; the first time above an entry is where they are
            of_entry = np.searchsorted(times, episodes.entry, side="right")
            waiting = totals(at * (t + 1) + of_entry, episodes, width * (t + 1)).reshape(width, t + 1)
            at_risk = at_risk - np.cumsum(waiting[:, :0:-1], axis=1)[:, ::-1]
        there = gone.any(axis=0)
        if not there.all():
            times, at_risk, left = times[there], at_risk[:, there], left[:, :, there]
        return cls(times, at_risk.T, left[1:].transpose(2, 1, 0), left[0].T)

    def column(self, g: int) -> RiskTable:
        """Return one column, at the times at which somebody leaves it."""
        left = self.events[:, g].sum(axis=1) + self.censored[:, g]
        at = np.flatnonzero(left)
        return RiskTable(
            self.times[at], self.at_risk[at, g : g + 1], self.events[at, g : g + 1], self.censored[at, g : g + 1]
        )


def _places(episodes: Episodes) -> tuple[Floats, Ints]:
    """The times and the place of each exit among them: every day up to the last one where that is less work."""
    days = episodes.days
    if days is None:
        return distinct(episodes.exit)
    highest = int(days.max())
    if highest < days.size // 4:
        return np.arange(highest + 1, dtype=np.float64), days
    return _looked_up(days, highest)


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
    place = np.cumsum(seen) - 1
    return np.flatnonzero(seen).astype(np.float64), place[days]


def totals(key: Ints, episodes: Episodes, size: int) -> Ints:
    """Subjects by key, a key a row; whole numbers, exact below 2^53."""
    if episodes.singly:
        return np.bincount(key, minlength=size)
    return np.bincount(key, weights=episodes.count, minlength=size).astype(np.int64)
