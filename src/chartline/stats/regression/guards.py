"""What a regression on few events can bear: events per covariate, separation, and which method follows from them.

In: Episodes or Outcomes with their covariates. Out: sentences, and the method with its reason, to be printed beside the
number. Nothing here changes a number.

Thresholds: under 10 events a covariate, coefficients are biased and intervals too narrow (Peduzzi P et al. J Clin
Epidemiol 1995;48:1503-1510); between 5 and 9 the harm is seldom large (Vittinghoff E, McCulloch CE. Am J Epidemiol
2007;165:710-718); under 5 no ordinary model should be printed. Firth's penalty takes off the bias of the first order
and is finite where the likelihood is monotone (Heinze G, Schemper M. Biometrics 2001;57:114-119).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from chartline.stats.design import Floats
from chartline.stats.episodes import Episodes
from chartline.stats.regression.logistic import MODERATE, Outcomes, find_separation
from chartline.stats.regression.maximum import Point, log_determinant, maximise
from chartline.stats.regression.partial_likelihood import PartialLikelihood
from chartline.stats.statistic import NotEstimable

ENOUGH = 10
FEWEST = 5
_PAIRS = 500_000  # of event times and patterns, up to which several covariates are looked at together


@dataclass(frozen=True)
class EventsPerVariable:
    """`most` is how many covariates the events bear at ten each; `verdict` of how many were asked for."""

    events: int
    parameters: int
    verdict: Literal["enough", "few", "too few"]
    most: int
    sentence: str

    @property
    def ratio(self) -> float:
        return self.events / self.parameters


@dataclass(frozen=True)
class Choice:
    """The method of a model and why; `warnings` holds what a reader must know besides."""

    method: Literal["ordinary", "firth"]
    reason: str
    events_per_variable: EventsPerVariable
    warnings: tuple[str, ...] = ()


def events_per_variable(events: int, parameters: int) -> EventsPerVariable:
    """Return whether `events` bear a model with that many coefficients (an intercept is not counted).

    For a yes or no, `events` is the smaller of those with and those without. Raises `ValueError` unless
    `parameters` > 0.
    """
    if events < 0 or parameters < 1:
        raise ValueError(f"no model has {events} events and {parameters} coefficients")
    most = events // ENOUGH
    have = f"{_counted(events, 'event')} for {_counted(parameters, 'coefficient')}"
    if events >= ENOUGH * parameters:
        return EventsPerVariable(events, parameters, "enough", most, f"{have}: at least {ENOUGH} each")
    advice = f"at {ENOUGH} events each the data bear at most {most}" if most else f"fewer than {ENOUGH} events in all"
    if events >= FEWEST * parameters:
        return EventsPerVariable(events, parameters, "few", most, f"{have}, fewer than {ENOUGH} each: {advice}")
    return EventsPerVariable(events, parameters, "too few", most, f"{have}, fewer than {FEWEST} each: {advice}")


def find_monotone(episodes: Episodes, cause: str | int | None = None) -> tuple[str, ...]:
    """Return a sentence for each covariate along which Cox's likelihood rises without end, () where it has a maximum.

    So it does where at every event the one who has it has the largest (or at every event the smallest) value of all at
    risk; a level without events is the usual case. Where no covariate does it alone, several together are looked for
    by linear programming, up to `_PAIRS` comparisons. Raises `NotEstimable` without events.
    """
    likelihood = PartialLikelihood.of(episodes, "breslow", cause)
    if _has_a_moderate_top(likelihood):
        return ()
    out = []
    for j, name in enumerate(episodes.covariates):
        side = _monotone_side(likelihood, j)
        if side:
            out.append(_monotone_sentence(likelihood, j, name, side))
    if not out and len(episodes.covariates) > 1 and _climbs(likelihood):
        out.append("the covariates together order the events among those at risk")
    return tuple(out)


def choose_cox_method(episodes: Episodes, cause: str | int | None = None, parameters: int | None = None) -> Choice:
    """Return which Cox model to fit: Firth's where the likelihood is monotone or the events are fewer than 10 a
    coefficient, else the ordinary one.

    `parameters` is the number of coefficients where not all of them are columns of the covariates. Raises
    `NotEstimable` without events, `ValueError` without covariates.
    """
    events = int(episodes.count[episodes.events_of(cause)].sum())
    if not events:
        raise NotEstimable("no events")
    bearing = events_per_variable(events, parameters or len(episodes.covariates))
    return _choice(bearing, find_monotone(episodes, cause))


def choose_logistic_method(outcomes: Outcomes) -> Choice:
    """Return which logistic model to fit, by the same rules; the rarer of yes and no are the events."""
    events = min(outcomes.n_events, outcomes.n - outcomes.n_events)
    separated = find_separation(outcomes) if outcomes.n else ""
    return _choice(events_per_variable(events, len(outcomes.names) - 1), (separated,) if separated else ())


def _choice(bearing: EventsPerVariable, infinite: tuple[str, ...]) -> Choice:
    warnings = (bearing.sentence,) if bearing.verdict != "enough" else ()
    if infinite:
        why = f"Firth's penalty, because {'; '.join(infinite)}: the ordinary estimate is infinite"
        return Choice("firth", why, bearing, warnings)
    if bearing.verdict != "enough":
        return Choice("firth", f"Firth's penalty, because of few events ({bearing.sentence})", bearing, warnings)
    return Choice("ordinary", f"ordinary likelihood ({bearing.sentence})", bearing)


@dataclass(frozen=True, eq=False)
class _Ordinary:
    likelihood: PartialLikelihood

    def at(self, beta: Floats) -> Point:
        m = self.likelihood.at(beta)
        return Point(beta, m.value, m.score, m.information)

    def curvature(self, point: Point) -> Floats:
        return point.information


def _has_a_moderate_top(likelihood: PartialLikelihood) -> bool:
    """True where the ordinary estimate is there and far from infinity: the quick answer for nearly all data."""
    try:
        top = maximise(_Ordinary(likelihood), np.zeros(likelihood.x.shape[1]))
    except NotEstimable:
        return False
    return log_determinant(top.information) > -math.inf and bool(np.ptp(likelihood.x @ top.beta) < MODERATE)


def _monotone_side(likelihood: PartialLikelihood, j: int) -> int:
    """1 where every event has the largest value at risk, -1 where every one has the smallest, 0 otherwise."""
    column, slot = likelihood.x[:, j], likelihood.last - 1
    largest = smallest = True
    varies = False
    for k in range(likelihood.n_slots):
        at_risk = column[(likelihood.first <= k) & (k <= slot)]
        mine = column[likelihood.event & (slot == k)]
        largest = largest and bool(mine.min() == at_risk.max())
        smallest = smallest and bool(mine.max() == at_risk.min())
        varies = varies or bool(np.ptp(at_risk) > 0)
        if not (largest or smallest):
            return 0
    return (1 if largest else -1) if varies else 0


def _monotone_sentence(likelihood: PartialLikelihood, j: int, name: str, side: int) -> str:
    values = np.unique(likelihood.x[:, j])
    if values.size == 2:  # all events are on one side of an indicator
        which = f"with {name}" if "=" in name else f"where {name} is {'larger' if side > 0 else 'smaller'}"
        if side > 0 or "=" not in name:
            return f"every event is {which}, though others are at risk"
        return f"no event is {which}, though some there are at risk"
    return f"at every event the {'largest' if side > 0 else 'smallest'} {name} at risk has it"


def _climbs(likelihood: PartialLikelihood) -> bool:
    """True where some b gives every event at least the score of all at risk, and more than one of them once."""
    from scipy.optimize import linprog

    if likelihood.n_slots * likelihood.x.shape[0] > _PAIRS:
        return False
    rows = []
    for k in range(likelihood.n_slots):
        at_risk = likelihood.x[(likelihood.first <= k) & (k < likelihood.last)]
        rows += [x - at_risk for x in likelihood.x[likelihood.event & (likelihood.last == k + 1)]]
    more = np.unique(np.vstack(rows), axis=0)
    found = linprog(-more.sum(axis=0), A_ub=-more, b_ub=np.zeros(more.shape[0]), bounds=[(-1, 1)] * more.shape[1])
    return bool(found.status == 0 and -found.fun > 1e-9)


def _counted(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"
