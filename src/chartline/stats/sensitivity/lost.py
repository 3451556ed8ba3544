"""Worst and best case for patients lost to follow-up, when it is known who was lost.

In: an EventTable or Episodes in which being lost is a status of its own, such as causes ("event", "lost"): the others
who are censored were followed to the end of the study. Out: the data in which the lost had the event on the day of last
contact (worst), were followed to the end of the study without it (best), or are censored at last contact, as any
estimate assumes that takes them as it finds them; and the survival at a time under all three.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from chartline.counts.model import EventTable
from chartline.stats.episodes import Episodes
from chartline.stats.statistic import NotEstimable, Statistic
from chartline.stats.survival.kaplan_meier import Estimate, IntervalKind, estimate_curve

LOST = "lost"
Data = TypeVar("Data", EventTable, Episodes)

STATISTICS = (
    Statistic(
        name="lost_bounds",
        label="Survival if the lost had died, or lived",
        takes="EventTable or Episodes with the lost as a cause; a time and the end of the study",
        gives="survival with the lost censored, dead at last contact, and alive at the end of the study",
        reference="survival::survfit on the data changed by hand",
        paper="Fleming TR. Ann Intern Med 2011;154:113-117",
    ),
)


@dataclass(frozen=True)
class LostBounds:
    """Survival at `at`: as observed (the lost censored), worst and best. `lost_before` were lost before `at`."""

    at: float
    end: float
    lost: int
    lost_before: int
    observed: Estimate
    worst: Estimate
    best: Estimate
    level: float


def censor_lost(data: Data, lost: str = LOST) -> Data:
    """Return the data with the lost censored at last contact. Raises `KeyError` where no cause has that name."""
    return _recode(data, lost, None)


def worst_case(data: Data, lost: str = LOST, event: str | None = None) -> Data:
    """Return the data in which the lost had `event` (the first other cause if not given) at last contact.

    Raises `KeyError` where no cause has one of the names.
    """
    others = [c for c in data.causes if c != lost]
    if event is None and not others:
        raise KeyError(f"{lost} is the only cause; there is no event to assume")
    return _recode(data, lost, others[0] if event is None else event)


def best_case(data: Data, end: float, lost: str = LOST) -> Data:
    """Return the data in which the lost are censored at `end`, the last day of the study, and not before.

    In a table it is the first whole day not before `end`. Raises `KeyError` where no cause has that name, `ValueError`
    where somebody was lost after `end`.
    """
    k = _cause(data.causes, lost)
    if isinstance(data, EventTable):
        return _followed(data, k, end)
    late = (data.status == k + 1) & (data.count > 0)
    if np.any(data.exit[late] > end):
        raise ValueError(f"somebody was lost after the end of the study, {end:g}")
    return censor_lost(replace(data, exit=np.where(late, float(end), data.exit)), lost)


def bound_by_lost(
    data: Data,
    at: float,
    end: float,
    lost: str = LOST,
    interval: IntervalKind = "log-log",
    level: float = 0.95,
) -> LostBounds:
    """Return survival at time `at` with the lost censored, dead at last contact, and alive at `end`.

    Raises `NotEstimable` where nobody was followed to `at` even so, and as `best_case`.
    """
    k = _cause(data.causes, lost)
    if isinstance(data, EventTable):
        days = [(day, row[2 + k]) for (_, day), row in data.rows.items()]
    else:
        out = data.status == k + 1
        days = list(zip(data.exit[out].tolist(), data.count[out].tolist(), strict=True))
    curves = [estimate_curve(d, interval, level) for d in (
        censor_lost(data, lost), worst_case(data, lost), best_case(data, end, lost)
    )]  # fmt: skip
    if not curves[2].reaches(at):
        raise NotEstimable(f"nobody was followed to {at:g}")
    observed, worst, best = (c.survival_at(at) if c.reaches(at) else Estimate(None) for c in curves)
    return LostBounds(
        at, end, sum(n for _, n in days), sum(n for day, n in days if day < at), observed, worst, best, level
    )


def _cause(causes: tuple[str, ...], name: str) -> int:
    if name not in causes:
        raise KeyError(f"there is no cause {name}; there are {', '.join(causes)}")
    return causes.index(name)


def _recode(data: Data, lost: str, event: str | None) -> Data:
    """The data without the cause `lost`, whose subjects become censored or have `event`."""
    k = _cause(data.causes, lost)
    causes = tuple(c for c in data.causes if c != lost)
    to = 0 if event is None else _cause(causes, event) + 1
    if isinstance(data, EventTable):
        rows = {}
        for key, row in data.rows.items():
            new = [x for i, x in enumerate(row) if i != 2 + k]
            new[1 + to] += row[2 + k]
            rows[key] = tuple(new)
        return replace(data, causes=causes, rows=rows)
    status = np.where(data.status == k + 1, to, data.status - (data.status > k + 1))
    return replace(data, causes=causes, status=status.astype(np.int64))


def _followed(table: EventTable, k: int, end: float) -> EventTable:
    """The table with the lost censored on the day of `end`, without their cause."""
    day_end = math.ceil(end)  # tables have whole days; nobody leaves before the end
    rows: dict[tuple[tuple[tuple[str, str], ...], int], tuple[int, ...]] = {}

    def add(key: tuple[tuple[tuple[str, str], ...], int], row: tuple[int, ...]) -> None:
        rows[key] = tuple(a + b for a, b in zip(rows[key], row, strict=True)) if key in rows else row

    for (pattern, day), row in table.rows.items():
        if row[2 + k] and day > end:
            raise ValueError(f"somebody was lost after the end of the study, {end:g}")
        stay = (*row[: 2 + k], *row[3 + k :])
        add((pattern, day), stay)
        if row[2 + k]:
            add((pattern, day_end), (0, row[2 + k], *(0 for _ in stay[2:])))
    causes = tuple(c for i, c in enumerate(table.causes) if i != k)
    return replace(table, causes=causes, rows=dict(sorted(rows.items())))
