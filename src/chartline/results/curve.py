"""A step curve as it is drawn and tabulated: plain numbers, so that the report needs no array library."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass


@dataclass(frozen=True)
class StepCurve:
    """A right-continuous step function of days: survival, an incidence, the share in a state.

    `survival`, `lower` and `upper` are its values from each of `times_days` on, `initial` before the first; an end
    without a value is None. `risk[i]` are those at risk (or in the state) after `days[i - 1]`, up to and on `days[i]`,
    the last of `risk` those after all `days`. `events` are those with the event by each of `times_days`.
    """

    times_days: tuple[float, ...]
    survival: tuple[float, ...]
    lower: tuple[float | None, ...]
    upper: tuple[float | None, ...]
    days: tuple[float, ...]
    risk: tuple[int, ...]
    events: tuple[int, ...] = ()
    censor_days: tuple[float, ...] = ()
    initial: float = 1.0

    def n_risk(self, days: float) -> int:
        """Return the number at risk on a day, those leaving on it included."""
        return self.risk[bisect_left(self.days, days)]

    def n_events(self, days: float) -> int:
        """Return the number with the event by the end of a day."""
        i = bisect_right(self.times_days, days)
        return self.events[i - 1] if i and self.events else 0
