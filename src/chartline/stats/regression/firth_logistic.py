"""Logistic regression with Firth's penalty: odds ratios that stay finite where the outcome is separated.

In: Outcomes. Out: as `estimate_logistic`, with profile penalised likelihood intervals and penalised likelihood-ratio
tests. A subject's leverage h adds h (1/2 - chance) to its residual, as if h/2 of a subject were added on either side.

Conventions of R `logistf`: a fixed coefficient leaves the penalty that of all coefficients; the null model is the
intercept alone under that penalty; standard errors come from the information of the data so augmented.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from chartline.stats.design import Floats
from chartline.stats.regression.logistic import Binomial, Logistic, Outcomes, check_outcomes, start_of
from chartline.stats.regression.maximum import (
    Point,
    by_differences,
    check_level,
    infinite_limits,
    log_determinant,
    maximise,
    profiled,
    ratio_test,
)
from chartline.stats.statistic import Statistic

STATISTICS = (
    Statistic(
        name="firth_logistic",
        label="Odds ratio, Firth-penalised logistic regression",
        takes="Outcomes: yes or no and covariates by pattern, with counts",
        gives="log odds ratios with profile penalised likelihood intervals and penalised likelihood-ratio tests",
        reference="logistf::logistf",
        paper="Heinze G, Schemper M. Stat Med 2002;21:2409-2419; Firth D. Biometrika 1993;80:27-38",
    ),
)


@dataclass(frozen=True, eq=False)
class _Penalised:
    likelihood: Binomial

    def at(self, beta: Floats) -> Point:
        plain = self.likelihood.at(beta)
        penalty = log_determinant(plain.information)
        if penalty == -math.inf:
            return Point(beta, -math.inf, plain.score, plain.information)
        chance, leverage = self.leverage(beta, plain.information)
        score = plain.score + (leverage * (0.5 - chance)) @ self.likelihood.x
        return Point(beta, plain.value + penalty / 2, score, plain.information)

    def leverage(self, beta: Floats, information: Floats) -> tuple[Floats, Floats]:
        """Chance and total leverage of each pattern."""
        x = self.likelihood.x
        chance = 1 / (1 + np.exp(-np.clip(x @ beta, -700, 700)))
        spread = np.einsum("ij,ij->i", x @ np.linalg.inv(information), x)
        return chance, self.likelihood.trials * chance * (1 - chance) * spread

    def augmented(self, top: Point) -> Floats:
        """The information of the subjects and the parts of subjects that the penalty adds to them."""
        chance, leverage = self.leverage(top.beta, top.information)
        weight = (self.likelihood.trials + leverage) * chance * (1 - chance)
        return (self.likelihood.x * weight[:, None]).T @ self.likelihood.x

    def curvature(self, point: Point) -> Floats:
        return by_differences(lambda beta: self.at(beta).score, point.beta)


def estimate_firth_logistic(outcomes: Outcomes, level: float = 0.95) -> Logistic:
    """Return the penalised model with profile intervals (R `logistf`).

    Raises `NotEstimable` without subjects and for collinear covariates; separation is no hindrance, nor are outcomes
    that all or none had.
    """
    check_level(level)
    check_outcomes(outcomes)
    scale = outcomes.scale
    model = _Penalised(Binomial(outcomes.design / scale, outcomes.events, outcomes.trials))
    top = maximise(model, start_of(outcomes, scale))
    covariance = np.linalg.inv(model.augmented(top)) / np.outer(scale, scale)
    terms = profiled(model, top, outcomes.names, scale, level, covariance)
    covariates = range(1, len(terms))
    chisq, p = ratio_test(model, top, covariates) if len(terms) > 1 else (0.0, math.nan)
    value = top.value + float(np.sum(np.log(scale)))
    return Logistic(
        terms, covariance, value, value - chisq / 2, chisq, len(covariates), p, outcomes.n, outcomes.n_events,
        "profile", level, infinite_limits(terms),
    )  # fmt: skip
