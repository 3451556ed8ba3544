"""Are hazards proportional? Schoenfeld residuals, and the score test of covariates times a function of time.

In: a CoxFit. Out: residuals, one a row that has the event; and the test of `survival::cox.zph` (version 3): the score
test, at the fitted coefficients, of adding x g(t) to the model, for each covariate (all indicators of a factor, all
columns of a spline, together) and for all. Sources: Grambsch PM, Therneau TM. Biometrika 1994;81:515-526; Schoenfeld D.
Biometrika 1982;69:239-241.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from chartline.stats.episodes import Episodes, Floats, Ints
from chartline.stats.regression.cox import ChiSquare, CoxFit
from chartline.stats.regression.likelihood import Likelihood, Moments
from chartline.stats.regression.residuals import at_maximum
from chartline.stats.risk import RiskTable
from chartline.stats.statistic import NotEstimable, Statistic

Transform = Literal["km", "rank", "identity", "log"]

STATISTICS = (
    Statistic(
        name="proportional_hazards",
        label="Test of proportional hazards",
        takes="a Cox model",
        gives="score tests of covariates by a function of time: chi-square, df, p, by covariate and overall",
        reference="survival::cox.zph(fit, transform)",
        paper="Grambsch PM, Therneau TM. Biometrika 1994;81:515-526",
    ),
    Statistic(
        name="schoenfeld_residuals",
        label="Schoenfeld residuals",
        takes="a Cox model",
        gives="for each event the covariates less their mean among those at risk, plain or scaled to the coefficients",
        reference="residuals(fit, type = 'schoenfeld'), residuals(fit, type = 'scaledsch')",
        paper="Schoenfeld D. Biometrika 1982;69:239-241",
    ),
)


@dataclass(frozen=True, eq=False)
class Schoenfeld:
    """One entry an event row, ascending in stratum and time: `count` events at `time`; residuals are events x k.

    `scaled` has the coefficient added, so that its smooth over time is the coefficient as a function of time.
    """

    time: Floats
    row: Ints  # of the Episodes
    count: Floats
    residuals: Floats
    scaled: Floats


@dataclass(frozen=True)
class ProportionalHazards:
    """The test of each covariate, and of all."""

    terms: dict[str, ChiSquare]
    overall: ChiSquare
    transform: str


def schoenfeld_residuals(fit: CoxFit) -> Schoenfeld:
    """Return the residuals of each event row. Raises `NotEstimable` for exact ties or an infinite coefficient."""
    model, m = at_maximum(fit)
    at = np.flatnonzero(fit.sets.event)
    t = fit.sets.slot[at] // 2
    plain = (model.xt[:, at] - event_means(model, m)[:, t]).T
    scale = np.nan_to_num(fit.naive_variance) * fit.events
    return Schoenfeld(
        fit.sets.times[t], fit.sets.row[at], fit.sets.count[at], plain, plain @ scale + np.nan_to_num(fit.coefficients)
    )


def event_means(model: Likelihood, m: Moments) -> Floats:
    """Mean of the covariates among those at risk at each event time, k x T; under Efron's rule over the tied events."""
    mean = m.s[1:] * m.q1
    if m.f1.size:
        mean[:, model.tied] -= m.e[1:] * m.f1
    return mean / model.sets.deaths


def proportional_hazards_test(
    fit: CoxFit, transform: Transform | Callable[[Floats], Floats] = "km", *, by_term: bool = True
) -> ProportionalHazards:
    """Return the tests. `transform` is the function of time: 1 - Kaplan-Meier, ranks, time, log time, or your own.

    `by_term` tests the columns of a factor or spline together. Raises `NotEstimable` for exact ties, an infinite
    coefficient, or a function of time that is not finite or does not vary over the events.
    """
    model, m = at_maximum(fit)
    kept = np.flatnonzero(fit.estimated)
    g = _centred(fit, transform)
    score = (model.sets.deaths * g) @ (_event_sums(model) / model.sets.deaths - event_means(model, m)).T
    plain, once, twice = (weighted_information(model, m, w)[np.ix_(kept, kept)] for w in (np.ones_like(g), g, g * g))
    names = [_term(fit.names[j]) if by_term else fit.names[j] for j in kept]
    tests = {
        name: _score_test(plain, once, twice, score[kept], np.array([n == name for n in names]))
        for name in dict.fromkeys(names)
    }
    label = transform if isinstance(transform, str) else "own"
    return ProportionalHazards(tests, _score_test(plain, once, twice, score[kept], np.ones(kept.size, bool)), label)


def weighted_information(model: Likelihood, m: Moments, w: Floats) -> Floats:
    """Return the sum over event times of w (T) times the covariance of the covariates at risk: k x k."""
    s1, e1, less = m.s[1:], m.e[1:], m.f1 * w[model.tied] if m.f1.size else m.f1
    out = (model.xt * (m.risk * model.worth(w * m.q1, less))) @ model.xt.T - (s1 * (w * m.q2)) @ s1.T
    if m.f1.size:
        v = w[model.tied]
        cross = (s1[:, model.tied] * (v * m.f2)) @ e1.T
        out += cross + cross.T - (e1 * (v * m.g2)) @ e1.T
    return np.asarray(out)


def _event_sums(model: Likelihood) -> Floats:
    """The covariates summed over the events of each event time, k x T."""
    sets = model.sets
    return sets.leave.total(model.xt * sets.count)[:, ::2]


def _score_test(plain: Floats, once: Floats, twice: Floats, score: Floats, of: Floats) -> ChiSquare:
    """The score test of the columns `of` times g, the coefficients of all covariates estimated."""
    at = np.flatnonzero(of)
    left = twice[np.ix_(at, at)] - once[at] @ np.linalg.solve(plain, once[:, at])
    size = np.diag(twice)[at]
    if np.any(size <= 0) or np.linalg.eigvalsh(left / np.sqrt(np.outer(size, size)))[0] < 1e-12:
        raise NotEstimable("the events are too few to tell whether hazards are proportional")
    return ChiSquare.of(float(score[at] @ np.linalg.solve(left, score[at])), at.size)


def _term(name: str) -> str:
    """The covariate that a column belongs to: risk=high is of risk, age[2] of age."""
    return re.sub(r"(=.*|\[\d+\])$", "", name)


def _centred(fit: CoxFit, transform: Transform | Callable[[Floats], Floats]) -> Floats:
    """The function of time at each event time, less its mean over the events."""
    times = fit.sets.times
    if callable(transform):
        g = np.asarray(transform(times), np.float64)
    elif transform == "identity":
        g = times
    elif transform == "log":
        with np.errstate(divide="ignore"):
            g = np.log(times)
    elif transform == "rank":
        g = _ranks(fit.episodes, times)
    elif transform == "km":
        g = 1 - _survival_before(fit, times)
    else:
        raise ValueError(f"the function of time is km, rank, identity or log, not {transform}")
    if not np.all(np.isfinite(g)):
        raise NotEstimable("the function of time is not finite at an event (an event on day 0 has no logarithm)")
    return np.asarray(g - g @ fit.sets.deaths / fit.sets.deaths.sum())


def _ranks(episodes: Episodes, times: Floats) -> Floats:
    """The mean rank of each time among all rows, each counted `count` times (R `rank`)."""
    order = np.argsort(episodes.exit, kind="stable")
    upto = np.concatenate([[0], np.cumsum(episodes.count[order])])
    ordered = episodes.exit[order]
    below, through = (upto[np.searchsorted(ordered, times, side=side)] for side in ("left", "right"))
    return np.asarray((below + through + 1) / 2, np.float64)


def _survival_before(fit: CoxFit, times: Floats) -> Floats:
    """Kaplan-Meier just before each time, strata pooled."""
    e = fit.episodes
    table = RiskTable.of(e, np.zeros(e.exit.size, np.int64), 1)
    events = table.events[:, 0, :]
    if fit.cause is not None:
        k = e.causes.index(fit.cause) if isinstance(fit.cause, str) else fit.cause - 1
        events = events[:, [k]]
    d, n = events.sum(axis=1), table.at_risk[:, 0]
    survival = np.concatenate([[1.0], np.cumprod(1 - d / np.maximum(n, 1))])
    return np.asarray(survival[np.searchsorted(table.times, times)])
