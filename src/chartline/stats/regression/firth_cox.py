"""Cox regression with Firth's penalty: hazard ratios that stay finite where one group has no events.

In: Episodes with covariates. Out: coefficients that maximise the partial likelihood times the root of the determinant
of its information (Jeffreys' prior), profile penalised likelihood limits, penalised likelihood-ratio tests. The
penalty takes off most of the bias of a small study, and where the ordinary likelihood rises for ever (monotone
likelihood) this one has a maximum. Wald intervals are not given: the likelihood is skew exactly where the penalty is
needed.

Ties are Breslow's, as R `coxphf` has them, or Efron's. Standard errors are the roots of the diagonal of the inverse
information of the unpenalised likelihood at the estimate, as in `coxphf`. The likelihood under a fixed coefficient is
penalised with the information of all coefficients, as in `coxphf` and `logistf`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from chartline.stats.design import Floats
from chartline.stats.episodes import Episodes
from chartline.stats.regression.maximum import (
    MANY,
    Point,
    Term,
    by_differences,
    check_information,
    check_level,
    infinite_limits,
    maximise,
    profiled,
    ratio_test,
)
from chartline.stats.regression.partial_likelihood import PartialLikelihood, Ties
from chartline.stats.statistic import Statistic

STATISTICS = (
    Statistic(
        name="firth_cox",
        label="Hazard ratio, Firth-penalised Cox regression",
        takes="Episodes with covariates; counts, strata, late entry",
        gives="coefficients with profile penalised likelihood intervals and penalised likelihood-ratio tests",
        reference="coxphf::coxphf",
        paper="Heinze G, Schemper M. Biometrics 2001;57:114-119; Firth D. Biometrika 1993;80:27-38",
    ),
)
_SEVERAL = 20  # events up to which a profile is looked through for a second maximum


@dataclass(frozen=True, eq=False)
class FirthCox:
    """`loglik` and `loglik_null` are penalised, at the estimate and at 0; `chisq`, `df`, `p` test all coefficients."""

    terms: tuple[Term, ...]
    covariance: Floats
    loglik: float
    loglik_null: float
    chisq: float
    df: int
    p: float
    n: int
    events: int
    ties: Ties
    level: float
    warnings: tuple[str, ...] = ()

    @property
    def coef(self) -> Floats:
        return np.array([t.coef for t in self.terms])

    @property
    def se(self) -> Floats:
        return np.array([t.se for t in self.terms])


@dataclass(frozen=True, eq=False)
class _Penalised:
    """The partial likelihood times the root of the determinant of its information."""

    likelihood: PartialLikelihood

    def at(self, beta: Floats) -> Point:
        m = self.likelihood.at(beta, tilt=True)
        if m.tilt is None or not math.isfinite(m.value):
            return Point(beta, -math.inf, m.score, m.information)
        return Point(beta, m.value + m.log_determinant / 2, m.score + m.tilt / 2, m.information)

    def curvature(self, point: Point) -> Floats:
        if self.likelihood.events > MANY:
            return point.information
        return by_differences(lambda beta: self.at(beta).score, point.beta)


def estimate_firth_cox(
    episodes: Episodes, level: float = 0.95, *, ties: Ties = "breslow", cause: str | int | None = None
) -> FirthCox:
    """Return the penalised model of `episodes` on its covariates, the events being those of `cause` (any if None).

    Raises `NotEstimable` where there is no event, or a covariate does not vary among those at risk at the events or
    cannot be told apart from others; `ValueError` without covariates.
    """
    check_level(level)
    names = episodes.covariates
    if not names:
        raise ValueError("a regression needs covariates")
    likelihood = PartialLikelihood.of(episodes, ties, cause)
    model = _Penalised(likelihood)
    start = np.zeros(len(names))
    check_information(likelihood.at(start).information, names, 1e-12 * likelihood.events)
    top = maximise(model, start)
    covariance = np.linalg.inv(top.information) / np.outer(likelihood.scale, likelihood.scale)
    terms = profiled(
        model, top, names, likelihood.scale, level, covariance, several=likelihood.few and likelihood.events <= _SEVERAL
    )
    chisq, p = ratio_test(model, top, range(len(names)))
    # |information| was taken per standard deviation of the covariates; in their own units it is this much more
    value = top.value + float(np.sum(np.log(likelihood.scale)))
    return FirthCox(
        terms, covariance, value, value - chisq / 2, chisq, len(names), p, episodes.n, likelihood.events, ties, level,
        infinite_limits(terms),
    )  # fmt: skip
