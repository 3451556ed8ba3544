"""Rows of a multistate model: transitions, the share in each state at the landmarks, the time spent in it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from chartline.counts.model import STATE, EventTable
from chartline.results.curve import StepCurve
from chartline.results.model import Result
from chartline.stats.competing.multistate import StateProbabilities, estimate_states
from chartline.stats.competing.state_counts import count_transitions
from chartline.stats.episodes import Episodes
from chartline.stats.groups import NOBODY, group_of
from chartline.stats.kinds.rows import Rows, finite, standing
from chartline.stats.kinds.source import DAYS_PER_MONTH, FEW, Source
from chartline.stats.statistic import NotEstimable

_METHOD = "Aalen-Johansen"


def fit_states(table: EventTable, analysis: Any) -> tuple[Episodes, StateProbabilities]:
    """Return the episodes by present state, and the probabilities. Raises `NotEstimable` for nobody."""
    if not table.rows:
        raise NotEstimable(NOBODY)
    episodes = Episodes.from_counts(table, by=STATE)
    return episodes, estimate_states(episodes, states=analysis.names, level=analysis.level)


def estimate(source: Source, analysis: Any) -> Iterator[Result]:
    """Yield n, who entered each state and went on where, then shares and times in state."""
    table = source.table(analysis.id, EventTable)
    shared = standing(table.n_at_start, table.missing, table.withheld, "without the dates left out")
    rows = Rows(analysis.id, analysis.label, "", shared)
    yield rows.count("n", table.n_at_start)
    yield from rows.tried("state", _METHOD, lambda: _model(table, analysis, shared))


def _model(table: EventTable, analysis: Any, shared: dict[str, Any]) -> Iterator[Result]:
    states = analysis.names
    episodes, fit = fit_states(table, analysis)
    seen = count_transitions(episodes, states)
    entered = seen.moves.sum(axis=0) + [table.select(((STATE, state),)).n_at_start for state in states]
    for i, a in enumerate(states):
        yield Rows(analysis.id, analysis.label, group_of((("FROM", a),)), shared).count("entered", int(entered[i]))
        for j, b in enumerate(states):
            if seen.moves[i, j]:
                rows = Rows(analysis.id, analysis.label, group_of((("FROM", a), ("TO", b))), shared)
                yield rows.count("transitions", int(seen.moves[i, j]))
    for month in analysis.at_months:
        yield from _at(fit, analysis, states, month, shared)


def _at(
    fit: StateProbabilities, analysis: Any, states: Sequence[str], month: float, shared: dict[str, Any]
) -> Iterator[Result]:
    days = month * DAYS_PER_MONTH
    at = fit.at(days)
    few = (f"{int(at.at_risk[0].sum())} at risk at {month:g} months",) if at.at_risk[0].sum() < FEW else ()
    reason = "" if at.reached[0] else f"nobody was followed to {month:g} months"
    own = shared | {"at": month, "at_unit": "months", "level": analysis.level}
    for i, state in enumerate(states):
        rows = Rows(analysis.id, analysis.label, group_of(((STATE, state),)), own)
        ends = (None, None) if reason else (at.lower[0, i], at.upper[0, i])
        value = None if reason else at.probability[0, i]
        method = f"{_METHOD}, log-log interval"
        yield rows.value("state", value, method, ends, unit="proportion", reason=reason, warnings=few)

    def stay() -> Iterator[Result]:
        mean = fit.length_of_stay(days)
        for i, state in enumerate(states):
            rows = Rows(analysis.id, analysis.label, group_of(((STATE, state),)), own | {"level": None})
            yield rows.value("time_in_state", mean.days[i] / DAYS_PER_MONTH, f"{_METHOD}, area", unit="months")

    yield from Rows(analysis.id, analysis.label, "", own | {"level": None}).tried("time_in_state", _METHOD, stay)


def curves(source: Source, analysis: Any) -> dict[str, StepCurve]:
    """Return the curve of each state."""
    table = source.table(analysis.id, EventTable)
    try:
        _, fit = fit_states(table, analysis)
    except NotEstimable:
        return {}
    days = tuple(fit.times_days.tolist())
    out = {}
    for i, state in enumerate(fit.states):
        inside = (*fit.at_risk[:, i].tolist(), 0)
        if i > len(analysis.states):  # absorbing: whoever arrived is there
            arrived = [(day, row[1 + i]) for (_, day), row in table.rows.items() if row[1 + i]]
            inside = tuple(sum(n for day, n in arrived if day < time) for time in (*days, math.inf))
        out[state] = StepCurve(
            days, tuple(fit.probability[:, i].tolist()), tuple(finite(x) for x in fit.lower[:, i]),
            tuple(finite(x) for x in fit.upper[:, i]), days, inside, initial=float(fit.start[i]),
        )  # fmt: skip
    return out
