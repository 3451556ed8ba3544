"""The courses of patients as kernels read them, from the table of a toxicity analysis (counts/toxicity.py)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from chartline.counts.model import CrossTab, Pattern
from chartline.stats.groups import group_of, groups_by, in_group
from chartline.stats.kinds.rows import Rows, standing


@dataclass(frozen=True)
class Courses:
    """One entry a distinct course: the days of the events, the last day at risk, whether dead, how many patients."""

    events: tuple[tuple[int, ...], ...]
    end: tuple[int, ...]
    dead: tuple[bool, ...]
    weight: tuple[int, ...]

    @property
    def patients(self) -> int:
        """How many patients have a course."""
        return sum(self.weight)

    @property
    def n_events(self) -> int:
        return sum(len(days) * w for days, w in zip(self.events, self.weight, strict=True))

    @property
    def affected(self) -> int:
        """How many patients have an event."""
        return sum(w for days, w in zip(self.events, self.weight, strict=True) if days)

    def first(self) -> list[tuple[int, int, int]]:
        """Return (day, 1 event, 2 death before any, 0 neither; how many patients) of each course."""
        return [
            (e[0], 1, w) if e else (d, 2 if dead else 0, w)
            for e, d, dead, w in zip(self.events, self.end, self.dead, self.weight, strict=True)
        ]

    @property
    def days(self) -> int:
        """Patient-days at risk."""
        return sum(d * w for d, w in zip(self.end, self.weight, strict=True))

    @property
    def days_to_first(self) -> int:
        """Patient-days until the first event, or at risk where there is none."""
        return sum((e[0] if e else d) * w for e, d, w in zip(self.events, self.end, self.weight, strict=True))


def each_group(table: CrossTab, analysis: Any) -> Iterator[tuple[Courses, Rows]]:
    """Yield the courses of everyone and of each group, with what makes the rows of it."""
    for pattern in ((), *groups_by(table, analysis.by)):
        courses, missing = read_courses(table, pattern)
        withheld, warnings = in_group(table.withheld, group_of(pattern))
        shared = standing(courses.patients, missing, withheld, "without a day of each event left out")
        shared["warnings"] = (*shared["warnings"], *warnings)
        yield courses, Rows(analysis.id, analysis.label, group_of(pattern), shared)


def read_courses(table: CrossTab, pattern: Pattern = ()) -> tuple[Courses, int]:
    """Return (the courses whose levels contain the pattern, how many patients have none that is known)."""
    rows, missing = [], 0
    for levels, n in table.cells.items():
        cell = dict(zip(table.dims, levels, strict=True))
        if any(cell[name] != level for name, level in pattern):
            continue
        if not cell["END"]:
            missing += n
            continue
        days = tuple(int(day) for day in cell["EVENTS"].split())
        rows.append((days, int(cell["END"]), cell["HOW"] == "dead", n))
    events, end, dead, weight = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Courses(events, end, dead, weight), missing
