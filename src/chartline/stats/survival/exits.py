"""Exits: everyone together over time, as all estimates of one group need them.

In: an EventTable (whole days) or Episodes (any unit). Out: for each distinct time of leaving the number at risk, with
an event (all causes together) and censored; and when how many entered. The work grows with the distinct times.

Conventions as in `Episodes`: at risk at t are those with entry < t <= exit, and who enters at 0 is at risk from 0 on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chartline.counts.model import EventTable
from chartline.stats.episodes import Episodes, Floats, Ints
from chartline.stats.risk import Leaving, RiskTable

_START = np.zeros(1)  # the one time of entry where nobody enters late


@dataclass(frozen=True, eq=False)
class Exits:
    """One entry a distinct time of leaving in `times` to `censored`; one a distinct time of entry in the other two.

    Times are whole numbers (int64) where they came from an EventTable, else decimals; entry at the start is 0.
    """

    times: Floats | Ints
    at_risk: Ints
    events: Ints
    censored: Ints
    entry_times: Floats | Ints
    entered: Ints

    @classmethod
    def of(cls, data: Episodes | EventTable) -> Exits:
        """Return the exits of everyone. Raises `ValueError` where more leave than are at risk."""
        return _of_table(data) if isinstance(data, EventTable) else _of_episodes(data)

    @classmethod
    def of_column(cls, leaving: Leaving, at: slice) -> Exits:
        """Return one column of those who leave, all of whom enter at the start."""
        start = _START[: at.stop - at.start]  # none where the column is empty
        at_risk = leaving.at_risk[at]
        return cls(leaving.times[at], at_risk, leaving.all_events[at], leaving.censored[at], start, at_risk[:1])

    @property
    def n(self) -> int:
        return int(self.entered.sum())

    @property
    def all_from_start(self) -> bool:
        """True where nobody enters late."""
        return not self.entry_times.size or bool(self.entry_times[-1] == 0)

    def after(self, start: float) -> Exits:
        """Return those still followed after `start`, and those who enter later: time until then is not looked at."""
        later, late = self.times > start, self.entry_times > start
        gone = int((self.events + self.censored)[~later].sum())
        there = int(self.entered[~late].sum()) - gone
        return Exits(
            self.times[later], self.at_risk[later], self.events[later], self.censored[later],
            np.concatenate([[start], self.entry_times[late]]) if there else self.entry_times[late],
            np.concatenate([[there], self.entered[late]]) if there else self.entered[late],
        )  # fmt: skip

    def person_time(self, start: float, end: float) -> float:
        """Return the time that everyone together was at risk in (start, end]."""
        left = self.events + self.censored
        until = left.astype(np.float64) @ np.clip(self.times, start, end)
        return float(until - self.entered.astype(np.float64) @ np.clip(self.entry_times, start, end))


def _of_table(table: EventTable) -> Exits:
    rows = table.rows
    days = np.fromiter((day for _, day in rows), np.int64, len(rows))
    counts = np.array(list(rows.values()), np.int64).reshape(len(rows), 2 + len(table.causes))
    entered, censored, events = counts[:, 0], counts[:, 1], counts[:, 2:].sum(axis=1)
    if np.any(days[1:] <= days[:-1]):  # several patterns, or days in another order
        days, at = np.unique(days, return_inverse=True)
        entered, censored, events = (_total(at.reshape(-1), x, days.size) for x in (entered, censored, events))
    return _of_days(days, entered, censored, events)


def _of_days(days: Floats | Ints, entered: Ints, censored: Ints, events: Ints) -> Exits:
    """From how many enter, are censored and have the event on each of `days`, ascending."""
    left = censored + events
    before = np.cumsum(entered) - entered  # entered on an earlier day
    if days.size and days[0] == 0:
        before[0] = entered[0]
    at_risk = before - (np.cumsum(left) - left)
    if np.any(left > at_risk):
        i = int(np.argmax(left > at_risk))
        raise ValueError(f"on day {days[i]} {left[i]} leave and only {at_risk[i]} are at risk")
    leaving, entering = left > 0, entered > 0
    return Exits(days[leaving], at_risk[leaving], events[leaving], censored[leaving], days[entering], entered[entering])


def _of_episodes(episodes: Episodes) -> Exits:
    if not episodes.late:
        leaving = RiskTable.of_all(episodes).leaving
        return Exits.of_column(leaving, leaving.runs.of[0])
    starts, exits, count = episodes.entry, episodes.exit, episodes.count
    starts = np.maximum(starts, 0.0)  # -inf is entry at the start
    last = exits.max(initial=0)
    dense = last <= 10 * exits.size + 10_000
    if dense and np.array_equal(exits, np.floor(exits)) and np.array_equal(starts, np.floor(starts)):
        day, width = exits.astype(np.int64), int(last) + 1
        had_it = episodes.status > 0
        left = _total(2 * day + had_it, count, 2 * width)
        entered = _total(starts.astype(np.int64), count, width)
        return _of_days(np.arange(width, dtype=np.float64), entered, left[::2], left[1::2])
    risk = RiskTable.of(episodes, np.zeros(exits.size, np.int64), 1)
    events, censored = risk.events[:, 0].sum(axis=1), risk.censored[:, 0]
    leaving = events + censored > 0  # a row may count nobody
    times, at = np.unique(starts, return_inverse=True)
    entered = _total(at.reshape(-1), count, times.size)
    return Exits(
        risk.times[leaving], risk.at_risk[leaving, 0], events[leaving], censored[leaving],
        times[entered > 0], entered[entered > 0],
    )  # fmt: skip


def _total(at: Ints, count: Ints, size: int) -> Ints:
    """Whole-number totals by index, exact below 2^53."""
    return np.bincount(at, weights=count, minlength=size).astype(np.int64)
