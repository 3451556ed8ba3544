"""The illness-death process: on the way to the end, some pass through a second state (a transplantation, a response).

In: one line a subject, with the day of passing. Out: Episodes whose groups are the two states people are in and whose
causes are the states they move to, ready for `estimate_states`, `count_transitions` and Cox models of each transition.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from chartline.stats.episodes import Episodes


def illness_death(
    time: npt.ArrayLike, event: npt.ArrayLike, at: npt.ArrayLike, *, states: Sequence[str] = ("start", "passed"),
    ends: Sequence[str] = ("dead",), entry: npt.ArrayLike | None = None, count: npt.ArrayLike | None = None,
) -> Episodes:  # fmt: skip
    """Return the episodes in both states.

    `at` is the day of passing to `states[1]`, NaN for none; `event` is 0 (censored) or k for `ends[k - 1]`; who passes
    on or before the day of entry starts in `states[1]`. On the day of leaving: an event is counted from `states[0]`,
    without passing; a censoring is counted as passed, with no time there. `cluster` is the subject.
    Raises `ValueError` where somebody passes after leaving.
    """
    stop, status = np.asarray(time, np.float64), np.asarray(event, np.int64)
    passing = np.asarray(at, np.float64)
    start = np.zeros_like(stop) if entry is None else np.asarray(entry, np.float64)
    n = np.ones(stop.size, np.int64) if count is None else np.asarray(count, np.int64)
    passes = np.isfinite(passing)
    if np.any(passing[passes] > stop[passes]):
        raise ValueError(f"{int(np.sum(passing[passes] > stop[passes]))} pass after they leave")
    from_second = passes & (passing <= start) & (start < stop) | passes & (passing == 0) & (start == 0)
    moves = passes & ~from_second & ((passing < stop) | (status == 0))
    whole = ~moves
    second = moves & (passing < stop)
    who = np.concatenate([np.flatnonzero(whole), np.flatnonzero(moves), np.flatnonzero(second)])
    b, c = int(moves.sum()), int(second.sum())
    end = np.where(status > 0, status + 1, 0)
    group = np.concatenate([from_second[whole].astype(np.int64), np.zeros(b, np.int64), np.ones(c, np.int64)])
    rows = Episodes.of(
        np.concatenate([stop[whole], passing[moves], stop[second]]),
        np.concatenate([end[whole], np.ones(b, np.int64), end[second]]),
        entry=np.concatenate([start[whole], start[moves], passing[second]]),
        count=n[who], causes=(states[1], *ends),
    )  # fmt: skip
    return replace(rows, group=group, groups=tuple(states), cluster=who.astype(np.int64))
