"""Study days: how a date is told to a reader where the centre counted days and the calendar is fictitious.

Such a centre's days become dates by adding them to a day that stands for the event (`days_from` of its mapping), so
that everything is computed as ever. No reader may meet these dates: sentences, queries and listings say `day 35`, the
number that stands in the file. Dates of the other centres stay as they are.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import polars as pl

_DATE = r"(?<!\d)\d{4}-\d{2}-\d{2}(?!\d)"
_DAY = re.compile(r"day (-?\d{1,7})(?: from (.+))?")


@dataclass(frozen=True)
class StudyDays:
    """Centre -> event -> the fictitious day of the event. Centres that give dates are not in it.

    `real` are phrases whose dates are true ones wherever they stand: when a reviewer set a value.
    """

    events: Mapping[str, Mapping[str, dt.date]] = field(default_factory=dict)
    real: tuple[str, ...] = ()

    def day(self, centre: str, date: dt.date) -> str:
        """Return a date as a reader sees it: `day 35`, or ISO where the centre gives dates.

        Where the events of a centre stand on different days, a date is told from the nearest: `day 35 from relapse`.
        """
        events = self.events.get(centre)
        if not events:
            return date.isoformat()
        event, zero = min(events.items(), key=lambda e: abs((date - e[1]).days))
        told = f"day {(date - zero).days}"
        return told if len(set(events.values())) == 1 else f"{told} from {event}"

    def date(self, centre: str, told: str) -> dt.date | None:
        """Return the date that `day 35` or `day 35 from relapse` is computed as; None where it is no such day."""
        events, found = self.events.get(centre, {}), _DAY.fullmatch(told)
        if found is None:
            return None
        days = {d for event, d in events.items() if found[2] in (None, event)}
        try:
            return days.pop() + dt.timedelta(days=int(found[1])) if len(days) == 1 else None
        except OverflowError:
            return None

    def text(self, centre: str, text: str) -> str:
        """Return a text with the centre's dates as days."""
        return self._pattern.sub(lambda m: self._told(centre, m), text) if centre in self.events else text

    def texts(self, frame: pl.DataFrame, *names: str) -> pl.DataFrame:
        """Return a frame (with CENTRE) whose columns `names`, as far as it has them, tell dates as days."""
        named = [n for n in names if n in frame.columns]
        for centre in self.events:
            own = pl.col("CENTRE") == centre
            frame = frame.with_columns(
                pl.when(own).then(pl.col(n).replace(dict(self._changed(centre, frame, n)))).otherwise(n).alias(n)
                for n in named
            )
        return frame

    def _changed(self, centre: str, frame: pl.DataFrame, name: str) -> Iterator[tuple[str, str]]:
        dated = frame.filter(pl.col("CENTRE") == centre, pl.col(name).str.contains(r"\d{4}-\d{2}-\d{2}"))
        for text in dated[name].unique():
            yield text, self.text(centre, text)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile("|".join((*map(re.escape, self.real), f"(?P<date>{_DATE})")))

    def _told(self, centre: str, found: re.Match[str]) -> str:
        if found["date"] is None:
            return found[0]
        try:
            return self.day(centre, dt.date.fromisoformat(found[0]))
        except ValueError:
            return found[0]


NO_STUDY_DAYS = StudyDays()  # every centre gives dates
