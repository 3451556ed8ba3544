"""Days on paper: one axis for all lanes, with a second, coarser scale where a long follow-up holds little.

Treatment is weeks, follow-up is years: on one even scale the weeks would be a smear at the left. Where the days after
the dense part are longer than the dense part itself, the axis folds once, at a place that is marked, and both parts
have their own ticks.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

_WEEKS = (7, 14, 28, 56, 84, 168, 336, 672)  # ticks of the dense part
_YEARS = (50, 100, 200, 500, 1000, 2000, 5000)  # and of a long follow-up
_DENSE_SHARE = 0.76  # of the width, where the axis folds
_TICK_ROOM = 44.0  # between two labels


@dataclass(frozen=True)
class Axis:
    """First and last day, where the scale changes (None: nowhere), and the paper from `left` to `right`."""

    first: int
    last: int
    fold: int | None
    left: float
    right: float

    def x(self, day: float) -> float:
        """Return the place of a day."""
        if self.fold is None:
            return self.left + (day - self.first) / (self.last - self.first) * (self.right - self.left)
        middle = self.left + _DENSE_SHARE * (self.right - self.left)
        if day <= self.fold:
            return self.left + (day - self.first) / (self.fold - self.first) * (middle - self.left)
        return middle + (day - self.fold) / (self.last - self.fold) * (self.right - middle)

    def holds(self, day: int) -> bool:
        """Return whether a day is on the paper."""
        return self.first <= day <= self.last

    def ticks(self) -> list[int]:
        """Return the days that are labelled, multiples of a step that leaves room for the labels."""
        if self.fold is None:
            return _every(self.first, self.last, self.x, _WEEKS)
        dense = _every(self.first, self.fold, self.x, _WEEKS)
        sparse = [
            d for d in _every(self.fold, self.last, self.x, _YEARS) if self.x(d) - self.x(self.fold) > _TICK_ROOM / 2
        ]
        while dense and sparse and self.x(sparse[0]) - self.x(dense[-1]) < _TICK_ROOM:
            sparse = sparse[1:]
        return dense + [d for d in sparse if d not in dense]


def _every(first: int, last: int, x: Callable[[float], float], steps: tuple[int, ...]) -> list[int]:
    width = x(last) - x(first)
    step = next((s for s in steps if width / max((last - first) / s, 1e-9) >= _TICK_ROOM), steps[-1])
    begin = -(-first // step) * step
    return list(range(begin, last + 1, step))


def axis_of(days: list[int], dense: list[int], left: float, right: float) -> Axis:
    """Return the axis of all `days`; `dense` are those of doses, counts and toxicities, where detail is needed.

    Findings of more than eight weeks before the first dose are history and stay off the paper.
    """
    kept = [d for d in days if d >= -56] or [0]
    first, end = min(-7, *kept) if len(kept) > 1 else -7, max(kept)
    last = end + max(7, round(0.03 * (end - first)))
    until = max([d for d in dense if d >= 0], default=0) + 14
    for day in sorted(d for d in days if d > 0):  # what follows at once belongs to the dense part
        until = day + 14 if until - 7 < day <= until + 21 else until
    folds = until < end and (last - until) > 1.5 * (until - first) and until - first >= 28
    return Axis(first - 3, last, until if folds else None, left, right)


def date_of(start: dt.date, day: int) -> str:
    """Return a day as a date below the axis: 8 Aug 18."""
    date = start + dt.timedelta(days=day)
    return f"{date.day} {date:%b} {date:%y}"
