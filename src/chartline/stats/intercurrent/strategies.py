"""What each strategy for an event on the way analyses, from one declaration (ICH E9(R1)).

In: plain arrays (time, status, time of the event on the way or NaN), and the name of a strategy. Out: the
Episodes that its estimand analyses, with the sentence that describes it. Nothing is estimated here.

A strategy belongs to the question, not to the data: treatment policy, hypothetical, composite, while on treatment and
principal stratum are those of E9(R1); landmark, time-dependent and multistate describe how the event on the way itself
acts on the outcome.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from chartline.stats.episodes import Episodes, Floats, Ints
from chartline.stats.intercurrent.landmark import landmark_data
from chartline.stats.intercurrent.naive import LABEL, naive_episodes
from chartline.stats.intercurrent.split import ever_before_end, split_at
from chartline.stats.statistic import NotEstimable

Columns = dict[
    str, Any
]  # entry, count, strata, covariates as in `Episodes.of`; group where the strategy leaves it free


@dataclass(frozen=True, eq=False)
class StateTable:
    """An illness-death model: one row a stay. `to` is -1 where the stay is censored."""

    states: tuple[str, ...]
    subject: Ints | None  # index of the row of the input; None from counts
    start: Ints  # the state of the stay
    to: Ints
    entry: Floats
    exit: Floats
    count: Ints


@dataclass(frozen=True, eq=False)
class StrategyData:
    """What is analysed. `states` for "multistate" only; `label` says what is wrong with it, if anything."""

    strategy: str
    sentence: str
    episodes: Episodes
    states: StateTable | None = None
    n_excluded: int = 0
    label: str = ""


@dataclass(frozen=True)
class Strategy:
    """`sentence` has the place {what} for the event on the way."""

    name: str
    label: str
    sentence: str
    build: Callable[..., StrategyData] = field(repr=False)
    biased: bool = False


def apply_strategy(
    name: str,
    time: npt.ArrayLike,
    event: npt.ArrayLike,
    at: npt.ArrayLike,
    *,
    what: str = "transplantation",
    landmark: float | None = None,
    entry: npt.ArrayLike | None = None,
    count: npt.ArrayLike | None = None,
    group: npt.ArrayLike | None = None,
    strata: npt.ArrayLike | None = None,
    covariates: Mapping[str, npt.ArrayLike] | None = None,
) -> StrategyData:
    """Return what the strategy `name` (a key of `STRATEGIES`) analyses.

    `event` is 0 or 1; `at` the time of the event on the way, NaN for never; on the day of the end or later it is none.
    `landmark` is needed by "landmark" only. `group` is kept where the strategy makes no groups of its own. Raises
    `ValueError` for an unknown strategy, a missing landmark or bad arrays, `NotEstimable` for "principal_stratum".
    """
    if name not in STRATEGIES:
        raise ValueError(f"not a strategy: {name}; there are {', '.join(STRATEGIES)}")
    end, ever = ever_before_end(time, at)
    status = np.asarray(event, np.float64)
    if status.shape != end.shape or not np.all(np.isin(status, (0, 1))):
        raise ValueError("an event is 0 or 1, one for each time")
    strategy = STRATEGIES[name]
    sentence = sentence_of(name, what, landmark)
    columns: Columns = {"entry": entry, "count": count, "strata": strata, "covariates": covariates}
    if name == "landmark":
        if landmark is None:
            raise ValueError("the strategy landmark needs a landmark")
        columns["landmark"] = landmark
    if name in OF_GROUPS:
        columns["group"] = group
    elif group is not None:
        raise ValueError(f"the strategy {name} makes its own groups")
    return strategy.build(
        sentence, end, status.astype(np.int64), np.where(ever, np.asarray(at, np.float64), np.nan), **columns
    )


def sentence_of(name: str, what: str, landmark: float | None) -> str:
    """Return the sentence of a strategy, with the name of the event on the way and the landmark in it."""
    text = STRATEGIES[name].sentence.format(what=what, landmark="" if landmark is None else f"{landmark:g}")
    return text[:1].upper() + text[1:]


def _treatment_policy(sentence: str, end: Floats, status: Ints, at: Floats, **columns: Any) -> StrategyData:
    return StrategyData("treatment_policy", sentence, Episodes.of(end, status, causes=("event",), **columns))


def _hypothetical(sentence: str, end: Floats, status: Ints, at: Floats, **columns: Any) -> StrategyData:
    first = np.fmin(end, at)
    stopped = np.where(np.isnan(at), status, 0)
    return StrategyData("hypothetical", sentence, _stopped(first, stopped, ("event",), columns))


def _composite(sentence: str, end: Floats, status: Ints, at: Floats, **columns: Any) -> StrategyData:
    either = np.where(np.isnan(at), status, 1)
    return StrategyData("composite", sentence, _stopped(np.fmin(end, at), either, ("event",), columns))


def _while_on_treatment(sentence: str, end: Floats, status: Ints, at: Floats, **columns: Any) -> StrategyData:
    cause = np.where(np.isnan(at), status, 2)
    causes = ("event", "event on the way")
    return StrategyData("while_on_treatment", sentence, _stopped(np.fmin(end, at), cause, causes, columns))


def _stopped(first: Floats, status: Ints, causes: tuple[str, ...], columns: Columns) -> Episodes:
    """Times that end at the event on the way; who had it by the entry is not in the analysis."""
    entry = columns["entry"]
    late = np.zeros_like(first) if entry is None else np.asarray(entry, np.float64)
    inside = (late == 0) | (late < first)
    given = {k: v for k, v in columns.items() if v is not None and k != "covariates"}
    kept = {k: np.asarray(v)[inside] for k, v in given.items()}
    covariates = {k: np.asarray(v)[inside] for k, v in (columns["covariates"] or {}).items()}
    return Episodes.of(first[inside], status[inside], covariates=covariates, causes=causes, **kept)


def _principal_stratum(*_: Any, **__: Any) -> StrategyData:
    raise NotEstimable("who would have had the event on the way under every treatment is not known from these data")


def _landmark(sentence: str, end: Floats, status: Ints, at: Floats, **columns: Any) -> StrategyData:
    data = landmark_data(end, status, at, **columns)
    return StrategyData("landmark", sentence, data.episodes, n_excluded=data.n_excluded)


def _simon_makuch(sentence: str, end: Floats, status: Ints, at: Floats, **columns: Any) -> StrategyData:
    return replace(_time_dependent(sentence, end, status, at, **columns), strategy="simon_makuch")


def _time_dependent(sentence: str, end: Floats, status: Ints, at: Floats, **columns: Any) -> StrategyData:
    return StrategyData("time_dependent", sentence, split_at(end, status, at, causes=("event",), **columns))


def _multistate(sentence: str, end: Floats, status: Ints, at: Floats, **columns: Any) -> StrategyData:
    episodes = split_at(end, status, at, causes=("event",), **columns)
    return StrategyData("multistate", sentence, episodes, states=_states(end, status, at, columns))


def _naive(sentence: str, end: Floats, status: Ints, at: Floats, **columns: Any) -> StrategyData:
    return StrategyData("naive", sentence, naive_episodes(end, status, at, **columns), label=LABEL)


def _states(end: Floats, status: Ints, at: Floats, columns: Columns) -> StateTable:
    """Stays in "not yet" (0) and "after" (1), and where they lead: 1, the event (2), or nowhere (-1)."""
    entry, count = columns["entry"], columns["count"]
    start = np.zeros_like(end) if entry is None else np.asarray(entry, np.float64)
    weight = np.ones(end.size, np.int64) if count is None else np.asarray(count, np.int64)
    ever, last = ~np.isnan(at), np.where(status > 0, 2, -1)
    first = np.flatnonzero(~ever | (at > start))
    second = np.flatnonzero(ever)
    subject = np.concatenate([first, second])
    return StateTable(
        states=STATES_OF_WAY, subject=subject,
        start=np.concatenate([np.zeros_like(first), np.ones_like(second)]),
        to=np.concatenate([np.where(ever, 1, last)[first], last[second]]),
        entry=np.concatenate([start[first], np.maximum(at, start)[second]]),
        exit=np.concatenate([np.fmin(end, at)[first], end[second]]), count=weight[subject],
    )  # fmt: skip


STATES_OF_WAY = ("not yet", "after", "event")
OF_GROUPS = ("treatment_policy", "hypothetical", "composite", "while_on_treatment")

STRATEGIES: dict[str, Strategy] = {
    s.name: s
    for s in (
        Strategy(
            "treatment_policy", "Treatment policy",
            "The time to the event is used whether or not {what} happens.", _treatment_policy,
        ),
        Strategy(
            "hypothetical", "Hypothetical",
            "The estimand is the time to the event had {what} not been available; times are censored at {what}, which "
            "is right only if those who had it were, given what the analysis adjusts for, like those who had not.",
            _hypothetical,
        ),
        Strategy(
            "composite", "Composite variable",
            "{what} is part of the endpoint: the time to the event or to {what}, whichever comes first.", _composite,
        ),
        Strategy(
            "while_on_treatment", "While on treatment",
            "The event counts only while {what} has not happened; {what} competes with it, and the measure is the "
            "cumulative incidence of the event before {what}.", _while_on_treatment,
        ),
        Strategy(
            "principal_stratum", "Principal stratum",
            "The population is those in whom {what} would happen (or not) whichever treatment they had.",
            _principal_stratum,
        ),
        Strategy(
            "landmark", "Landmark",
            "The population is those still at risk at time {landmark}; they are grouped by whether {what} had happened "
            "by then, and times count from there.", _landmark,
        ),
        Strategy(
            "time_dependent", "Time-dependent",
            "{what} is a covariate that changes on its day: each patient counts as without it before, and as with it "
            "after.", _time_dependent,
        ),
        Strategy(
            "simon_makuch",
            "Simon-Makuch curves",
            "Patients are counted without {what} until its day and with it from then on, in the curves as in the "
            "Mantel-Byar test.",
            _simon_makuch,
        ),
        Strategy(
            "multistate", "Multistate",
            "{what} is a state of its own between the start and the event; the transitions into and out of it are "
            "analysed each by itself.", _multistate,
        ),
        Strategy(
            "naive", f"Ever against never ({LABEL})",
            "Patients are grouped from the start by whether {what} ever happened, which is not known then: the time "
            "before {what} is credited to it though nobody who had it could have had the event in that time.",
            _naive, biased=True,
        ),
    )
}  # fmt: skip
