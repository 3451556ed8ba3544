"""Residuals of a Cox model: martingale, deviance, score, dfbeta; and the robust variance made of them.

In: a CoxFit. Out: one residual a row of its Episodes, for each of the `count` equal subjects that the row is. Sources:
Therneau TM, Grambsch PM, Fleming TR. Biometrika 1990;77:147-160; Lin DY, Wei LJ. J Am Stat Assoc 1989;84:1074-1078
(robust); R residuals.coxph. Under Efron's rule the k-th of d tied events is at risk with the weight 1 - k / d.
"""

from __future__ import annotations

import numpy as np

from chartline.stats.episodes import Floats
from chartline.stats.regression.cox import CoxFit
from chartline.stats.regression.likelihood import Likelihood, Moments
from chartline.stats.statistic import NotEstimable, Statistic

STATISTICS = (
    Statistic(
        name="cox_residuals",
        label="Residuals of a Cox model",
        takes="a Cox model",
        gives="martingale, deviance, score and dfbeta residuals, one a row of the Episodes",
        reference="residuals(fit, type)",
        paper="Therneau TM, Grambsch PM, Fleming TR. Biometrika 1990;77:147-160",
    ),
)


def martingale_residuals(fit: CoxFit) -> Floats:
    """Return events less expected events, a row of the Episodes (R `residuals(fit, "martingale")`)."""
    model, m = at_maximum(fit)
    out = np.zeros(fit.episodes.exit.size)
    out[fit.sets.row] = fit.sets.event - np.exp(_predictor(model, fit)) * model.worth(m.q1, m.f1)
    return out


def deviance_residuals(fit: CoxFit) -> Floats:
    """Return the martingale residuals made symmetric, with the sum of squares of a deviance (R "deviance")."""
    m = martingale_residuals(fit)
    event = fit.episodes.events_of(fit.cause).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        log = np.where(event > 0, np.log(event - m), 0.0)
    return np.sign(m) * np.sqrt(-2 * (m + event * log))


def score_residuals(fit: CoxFit) -> Floats:
    """Return each row's part of the gradient, rows x covariates (R "score"); 0 for covariates without a coefficient."""
    model, m = at_maximum(fit)
    sets, x = fit.sets, model.xt.T
    mean1, mean2 = m.s[1:] * m.q2, m.s[1:] * m.q1  # sums over tied events of mean/u, and of means
    down = np.empty((m.f1.size, 0))
    if m.f1.size:
        tied, e1 = model.tied, m.e[1:]
        mean1[:, tied] -= e1 * m.f2
        mean2[:, tied] -= e1 * m.f1
        down = (m.s[1:, tied] * m.f2 - e1 * m.g2).T
    hazard = np.exp(_predictor(model, fit))[:, None]
    out = -hazard * (x * model.worth(m.q1, m.f1)[:, None] - model.worth(mean1.T, down))
    at = np.flatnonzero(sets.event)
    t = sets.last[at] - 1
    out[at] += x[at] - (mean2[:, t] / sets.deaths[t]).T
    whole = np.zeros((fit.episodes.exit.size, x.shape[1]))
    whole[sets.row] = out
    return whole


def dfbeta_residuals(fit: CoxFit) -> Floats:
    """Return how far each row moves each coefficient, rows x covariates (R "dfbeta")."""
    return np.asarray(score_residuals(fit) @ np.where(np.isnan(fit.naive_variance), 0.0, fit.naive_variance))


def robust_variance(fit: CoxFit) -> Floats:
    """Return the sandwich of Lin and Wei: the sum of squares of dfbeta, by cluster where the Episodes have one.

    Raises `NotEstimable` where entries and exits are not paired.
    """
    if not fit.episodes.paired:
        raise NotEstimable("entries and exits are known as totals only, so that there is no robust variance")
    moved, count, cluster = dfbeta_residuals(fit), fit.episodes.count.astype(np.float64), fit.episodes.cluster
    if cluster is None:
        square = (moved * count[:, None]).T @ moved
    else:
        by = np.array([np.bincount(cluster, column * count) for column in moved.T])
        square = by @ by.T
    return np.where(np.isnan(fit.naive_variance), np.nan, square)


def at_maximum(fit: CoxFit) -> tuple[Likelihood, Moments]:
    """The likelihood by rows, covariates less their means, and its sums at the coefficients.

    Raises `NotEstimable` for exact ties and for infinite coefficients.
    """
    if np.any(np.isinf(fit.coefficients)):
        raise NotEstimable("a coefficient is infinite, so that there are no residuals")
    if fit.ties == "exact" and np.any(fit.sets.deaths > 1):
        raise NotEstimable("there are no residuals with exact ties")
    x = fit.episodes.design[fit.episodes.pattern[fit.sets.row]] - fit.centre
    model = Likelihood(fit.sets, np.ascontiguousarray(x.T), fit.ties)
    return model, model.moments(np.nan_to_num(fit.coefficients))


def _predictor(model: Likelihood, fit: CoxFit) -> Floats:
    return np.nan_to_num(fit.coefficients) @ model.xt
