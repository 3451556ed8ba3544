"""What each strategy for an event on the way analyses, from counts: `apply_strategy` right of the wall.

In: an EventTable with each subject's time before and after the event on the way, and the name of a strategy. Out: the
same as from arrays, row for row after pooling (tests compare them).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from chartline.counts.model import EventTable
from chartline.stats.episodes import Episodes
from chartline.stats.intercurrent.landmark import landmark_counts
from chartline.stats.intercurrent.naive import GROUPS, LABEL
from chartline.stats.intercurrent.split import split_counts, without_cause
from chartline.stats.intercurrent.strategies import (
    OF_GROUPS,
    STATES_OF_WAY,
    STRATEGIES,
    StateTable,
    StrategyData,
    sentence_of,
)


def apply_strategy_to_counts(
    name: str,
    table: EventTable,
    *,
    moved: str,
    what: str = "transplantation",
    landmark: float | None = None,
    n_before: int | None = None,
    state: str = "STATE",
    after: str = "after",
    by: str | None = None,
    strata: Sequence[str] = (),
    covariates: Mapping[str, str] | Sequence[str] = (),
    reference: Mapping[str, str] | None = None,
) -> StrategyData:
    """Return the same from counts.

    `table` holds each subject's time before and after (`state`, whose level `after` is the second), and `moved` is the
    cause by which the first part ends at the event on the way; who had it on day 0 has the second part only. For
    "landmark" it is the table of those at risk at `landmark`, `n_before` the number at the origin; for "naive" that of
    the whole time by whether it ever happened. Subjects that enter late are not told apart here from those who enter a
    state. Raises as `apply_strategy` and `Episodes.from_counts`.
    """
    if name not in STRATEGIES:
        raise ValueError(f"not a strategy: {name}; there are {', '.join(STRATEGIES)}")
    if by is not None and name not in OF_GROUPS:
        raise ValueError(f"the strategy {name} makes its own groups")
    sentence = sentence_of(name, what, landmark)
    if name == "principal_stratum":
        return STRATEGIES[name].build(sentence)
    if name == "landmark":
        if landmark is None:
            raise ValueError("the strategy landmark needs a landmark")
        data = landmark_counts(table, landmark, state, after, n_before=n_before)
        return StrategyData(name, sentence, data.episodes, n_excluded=data.n_excluded)
    if name in OF_GROUPS:
        later = split_counts(table, state, after).group == 1
        both = Episodes.from_counts(table, by=by, strata=strata, covariates=covariates, reference=reference)
        return StrategyData(name, sentence, _whole_or_first(name, both, later, moved))
    split = split_counts(table, state, after, strata=strata, covariates=covariates, reference=reference)
    if name == "naive":
        return StrategyData(name, sentence, replace(split, groups=GROUPS), label=LABEL)
    states = _states(split, moved) if name == "multistate" else None
    return StrategyData(name, sentence, without_cause(split, moved), states=states)


def _whole_or_first(name: str, parts: Episodes, later: npt.NDArray[np.bool_], moved: str) -> Episodes:
    """Each subject's whole time, or its time up to the event on the way, from both parts of it."""
    ends = parts.events_of(moved)
    if name == "treatment_policy":  # the second part stands for the whole: whoever is in it was there from the start
        whole = replace(parts, entry=np.where(later, -np.inf, parts.entry))
        return without_cause(whole.select(~ends), moved)
    at_once = later & ~np.isfinite(parts.entry)  # on day 0
    k = parts.causes.index(moved) + 1
    first = replace(
        parts, exit=np.where(at_once, 0.0, parts.exit), status=np.where(at_once, k, parts.status)
    ).select(~later | at_once)  # fmt: skip
    if name == "hypothetical":
        return without_cause(first, moved)
    events = {"composite": ("event",), "while_on_treatment": ("event", "event on the way")}[name]
    status = np.where(first.status == k, len(events), np.minimum(first.status, 1))
    return replace(first, status=status, causes=events)


def _states(split: Episodes, moved: str) -> StateTable:
    to = np.where(split.events_of(moved), 1, np.where(split.status > 0, 2, -1))
    entry = np.where(np.isfinite(split.entry), split.entry, 0.0)
    return StateTable(STATES_OF_WAY, None, split.group, to, entry, split.exit, split.count)
