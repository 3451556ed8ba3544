"""Counting people in states: transitions, and the numbers at risk that stand under a curve.

In: Episodes whose groups are the states people are in and whose causes are the states they go to. Out: whole numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chartline.stats.episodes import Episodes, Floats, Ints
from chartline.stats.statistic import Statistic

STATISTICS = (
    Statistic(
        name="transition_counts",
        label="Transitions between states",
        takes="Episodes or EventTable: groups are present states, causes the states moved to",
        gives="how many entered each state, moved from it to each other, or were last seen in it",
        reference="mstate::events",
        paper="Putter H, Fiocco M, Geskus RB. Stat Med 2007;26:2389-2430",
    ),
)


@dataclass(frozen=True, eq=False)
class TransitionCounts:
    """`moves` is states x states; `last_seen` were followed in a state and not seen to leave it; `entered` is both."""

    states: tuple[str, ...]
    moves: Ints
    last_seen: Ints
    entered: Ints


def count_transitions(episodes: Episodes, states: Sequence[str] | None = None) -> TransitionCounts:
    """Return the transitions, by state (mstate::events); absorbing states show who arrived.

    Where a subject's time in a state is cut in pieces, each piece counts as entered and last seen.
    """
    names, here, to = states_of(episodes, states)
    size = len(names)
    key = here * (size + 1) + to
    table = np.bincount(key, episodes.count, size * (size + 1)).astype(np.int64).reshape(size, size + 1)
    moves, seen = table[:, 1:], table[:, 0].copy()
    absorbing = moves.sum(axis=1) + seen == 0
    seen[absorbing] = moves.sum(axis=0)[absorbing]
    return TransitionCounts(names, moves, seen, moves.sum(axis=1) + seen)


def count_at_risk(episodes: Episodes, days: npt.ArrayLike) -> dict[str, Ints]:
    """Return, for each group (state, arm), the numbers with entry < day <= exit: the table under a curve."""
    when = np.atleast_1d(np.asarray(days, np.float64))
    numbers = numbers_in_states(
        (episodes.entry, episodes.group), (episodes.exit, episodes.group, episodes.count), when, len(episodes.groups)
    )  # fmt: skip
    return {name: numbers[:, g] for g, name in enumerate(episodes.groups)}


def states_of(episodes: Episodes, states: Sequence[str] | None) -> tuple[tuple[str, ...], Ints, Ints]:
    """Return the names, each row's state, and the state it moves to (1, 2, ...; 0 for none)."""
    first = [g for g in episodes.groups if g not in episodes.causes]
    found = (
        *first,
        *(g for g in episodes.groups if g not in first),
        *(c for c in episodes.causes if c not in episodes.groups),
    )
    names = tuple(states) if states else found
    missing = [s for s in found if s not in names]
    if missing or len(set(names)) != len(names):
        raise ValueError(f"{', '.join(missing) or 'a state'} is missing among the states, or named twice")
    group = np.array([names.index(g) for g in episodes.groups], np.int64)
    cause = np.array([0, *(names.index(c) + 1 for c in episodes.causes)], np.int64)
    here, to = group[episodes.group], cause[episodes.status]
    if np.any(to == here + 1):
        raise ValueError("a transition leads to the state it starts from")
    return names, here, to


def numbers_in_states(
    entries: tuple[Floats, Ints], exits: tuple[Floats, Ints, Ints], when: Floats, size: int
) -> Ints:  # fmt: skip
    """Return days x states: how many have entry < day <= exit."""
    order = np.unique(when)
    come = np.searchsorted(order, entries[0], side="right")  # first day above the entry
    gone = np.searchsorted(order, exits[0], side="right")  # first day above the exit
    state, count, width = exits[1], exits[2], order.size + 1
    flow = np.bincount(come * size + state, count, width * size) - np.bincount(gone * size + state, count, width * size)
    inside = np.cumsum(flow.reshape(width, size), axis=0)[:-1].astype(np.int64)
    return np.asarray(inside[np.searchsorted(order, when)])
