"""Cox regression with a shared gamma frailty: patients of a centre share a hazard factor of mean 1 and variance theta.

In: Episodes whose `group` (or `cluster`) is the centre. Out: coefficients given the frailty with both of R's errors,
theta by maximum of the integrated likelihood, its likelihood-ratio test against no frailty, a hazard factor a centre.

For a given theta the coefficients b and log frailties w maximise the penalised partial likelihood

    l(b, w) + sum(w - exp(w)) / theta

(Therneau and Grambsch, section 9.6: the same solution as the EM algorithm's). theta is the root of the derivative of
the integrated likelihood, which has a closed form at that solution (nu = 1 / theta, d events of a centre):

    sum over centres of  w + log(nu / (nu + d)) + digamma(nu + d) - digamma(nu)

so it is exact, where R `coxph(... + frailty(centre, dist = "gamma"))` compares likelihoods and knows theta to about
the root of its precision. With over 5 centres R neglects part of the information by default (`sparse = TRUE`); here,
as with `sparse = FALSE`, nothing is neglected. With five centres the variance itself is hardly known: read theta so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from chartline.stats.design import Floats, Ints
from chartline.stats.episodes import Episodes
from chartline.stats.regression.guards import find_monotone
from chartline.stats.regression.logistic import MODERATE
from chartline.stats.regression.maximum import Point, Term, check_information, check_level, maximise, wald
from chartline.stats.regression.partial_likelihood import PartialLikelihood, Ties
from chartline.stats.statistic import NotEstimable, Statistic

STATISTICS = (
    Statistic(
        name="frailty_cox",
        label="Hazard ratio, Cox regression with shared gamma frailty",
        takes="Episodes with covariates and a centre; counts, strata, late entry",
        gives="coefficients given the frailty, its variance with likelihood-ratio test, a hazard factor a centre",
        reference='survival::coxph(Surv(...) ~ x + frailty(centre, dist = "gamma", sparse = FALSE))',
        paper="Therneau TM, Grambsch PM. Modeling Survival Data, 2000, ch. 9; Klein JP. Biometrics 1992;48:795-806",
    ),
)
_LEAST, _MOST = 1e-5, 1e4  # theta below which there is no frailty, and beyond which none is looked for


@dataclass(frozen=True)
class Frailty:
    """One centre: its log hazard factor with its error, and its events."""

    name: str
    log_factor: float
    se: float
    events: int

    @property
    def factor(self) -> float:
        return math.exp(self.log_factor)


@dataclass(frozen=True, eq=False)
class FrailtyCox:
    """Terms have Wald intervals from `se`; `se2` leaves out the penalty's part (R prints both).

    `loglik` is integrated over the frailty, `loglik_without` the ordinary one; `chisq` is twice their difference and
    `p` half the tail of chi-square with 1 df, as theta = 0 is the edge of what theta can be. `df` are the effective
    degrees of freedom of the frailties.
    """

    terms: tuple[Term, ...]
    se2: Floats
    covariance: Floats
    theta: float
    frailties: tuple[Frailty, ...]
    df: float
    loglik: float
    loglik_without: float
    chisq: float
    p: float
    n: int
    events: int
    ties: Ties
    level: float
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class _Shared:
    """The penalised partial likelihood of (coefficients, log frailties) for a given variance, per unit of spread."""

    likelihood: PartialLikelihood
    n_fixed: int
    nu: float

    def at(self, beta: Floats) -> Point:
        m = self.likelihood.at(beta)
        w, unit = self.log_factors(beta), self.likelihood.scale[self.n_fixed :]
        value, score, information = m.value, m.score.copy(), m.information.copy()
        value += self.nu * float(np.sum(w - np.exp(w) + 1))
        score[self.n_fixed :] += self.nu * (1 - np.exp(w)) / unit
        diagonal = np.arange(self.n_fixed, beta.size)
        information[diagonal, diagonal] += self.nu * np.exp(w) / unit**2
        return Point(beta, value, score, information)

    def curvature(self, point: Point) -> Floats:
        return point.information

    def log_factors(self, beta: Floats) -> Floats:
        return np.asarray(beta[self.n_fixed :] / self.likelihood.scale[self.n_fixed :], np.float64)


@dataclass(frozen=True, eq=False)
class _Data:
    likelihood: PartialLikelihood
    names: tuple[str, ...]
    centres: tuple[str, ...]
    events: Ints  # of each centre

    @property
    def n_fixed(self) -> int:
        return len(self.names)

    def solve(self, theta: float, start: Floats) -> Point:
        return maximise(_Shared(self.likelihood, self.n_fixed, 1 / theta), start)

    def slope(self, theta: float, top: Point) -> float:
        """Minus the derivative of the integrated likelihood by nu, which is of the sign of that by theta."""
        from scipy.special import digamma

        nu, d = 1 / theta, self.events
        w = _Shared(self.likelihood, self.n_fixed, nu).log_factors(top.beta)
        return -float(np.sum(w - np.log1p(d / nu) + digamma(nu + d) - digamma(nu)))

    def integrated(self, theta: float, top: Point) -> float:
        """The integrated log-likelihood on the scale of the partial one: equal to it as theta goes to 0."""
        from scipy.special import gammaln

        nu, d = 1 / theta, self.events
        return top.value + float(
            np.sum(d - (nu + d) * np.log1p(d / nu) - d * math.log(nu) + gammaln(nu + d) - gammaln(nu))
        )


def estimate_frailty_cox(
    episodes: Episodes,
    level: float = 0.95,
    *,
    by: Literal["group", "cluster"] = "group",
    ties: Ties = "efron",
    cause: str | int | None = None,
    theta: float | None = None,
) -> FrailtyCox:
    """Return the model with a gamma frailty shared within each group (or cluster), its variance estimated or given.

    Raises `NotEstimable` without an event, with fewer than two centres, for covariates that are constant or
    collinear, and where the likelihood of the coefficients has no maximum; `ValueError` for a negative variance.
    """
    check_level(level)
    if theta is not None and theta < 0:
        raise ValueError("a variance is not negative")
    data = _prepare(episodes, by, ties, cause)
    plain, n = data.likelihood, data.n_fixed
    fixed = tuple(range(n, n + len(data.centres)))
    zero = np.zeros(n + len(data.centres))
    check_information(plain.at(zero).information[:n, :n], data.names, 1e-12 * plain.events)
    without = maximise(_Shared(plain, n, 1.0), zero, fixed)  # at log frailties of 0 the penalty is 0
    found, top = (theta, without) if theta is not None else _variance(data, without)
    if theta:
        top = data.solve(theta, without.beta)
    if n and np.ptp(plain.x[:, :n] @ top.beta[:n]) > MODERATE:
        monotone = find_monotone(episodes, cause)
        if monotone:
            raise NotEstimable(f"{'; '.join(monotone)}: the ordinary estimate is infinite")
    loglik = data.integrated(found, top) if found else without.value
    chisq = max(0.0, 2 * (loglik - without.value))
    p = math.erfc(math.sqrt(chisq / 2)) / 2 if chisq > 0 else 1.0
    warnings = () if found else ("no variance between centres was found: the model is the one without frailty",)
    return _result(data, found, top, level, ties, loglik, without.value, chisq, p, episodes.n, warnings)


def _prepare(episodes: Episodes, by: str, ties: Ties, cause: str | int | None) -> _Data:
    centre = episodes.group if by == "group" else episodes.cluster
    if centre is None:
        raise ValueError("the episodes have no cluster")
    present = np.unique(centre[episodes.count > 0])
    if present.size < 2:
        raise NotEstimable("fewer than two centres")
    names = tuple(episodes.groups[k] if by == "group" else str(k + 1) for k in present.tolist())
    at = np.searchsorted(present, centre).clip(0, present.size - 1)
    rows, pattern = np.unique(np.column_stack([episodes.pattern, at]), axis=0, return_inverse=True)
    share = (rows[:, 1][:, None] == np.arange(present.size)).astype(np.float64)
    whole = replace(
        episodes, values=np.column_stack([episodes.design[rows[:, 0]], share]), pattern=pattern.reshape(-1),
        covariates=(*episodes.covariates, *names),
    )  # fmt: skip
    event = episodes.events_of(cause)
    events = np.bincount(at[event], weights=episodes.count[event], minlength=present.size).astype(np.int64)
    return _Data(PartialLikelihood.of(whole, ties, cause), episodes.covariates, names, events)


def _variance(data: _Data, without: Point) -> tuple[float, Point]:
    """The variance at the root of the slope, 0 where the slope falls from the start on."""
    low, top = _LEAST, data.solve(_LEAST, without.beta)
    at_low = data.slope(low, top)
    if at_low <= 0:
        return 0.0, without
    high = 0.01
    while True:
        above = data.solve(high, top.beta)
        at_high = data.slope(high, above)
        if at_high <= 0:
            break
        low, at_low, top, high = high, at_high, above, high * 4
        if high > _MOST:
            raise NotEstimable("the variance between centres grows without end")
    return _root(data, (math.log(low), at_low), (math.log(high), at_high), top)


def _root(data: _Data, low: tuple[float, float], high: tuple[float, float], top: Point) -> tuple[float, Point]:
    """Regula falsi (Illinois) in log theta."""
    (a, fa), (b, fb) = low, high
    for _ in range(200):
        c = (a * fb - b * fa) / (fb - fa)
        top = data.solve(math.exp(c), top.beta)
        fc = data.slope(math.exp(c), top)
        if fc * fb < 0:
            a, fa = b, fb
        else:
            fa /= 2
        done = abs(c - b) < 1e-13 * max(1.0, abs(c)) or fc == 0
        b, fb = c, fc
        if done or abs(b - a) < 1e-14:
            break
    return math.exp(b), top


def _result(
    data: _Data, theta: float, top: Point, level: float, ties: Ties, loglik: float, without: float, chisq: float,
    p: float, n: int, warnings: tuple[str, ...],
) -> FrailtyCox:  # fmt: skip
    k, scale = data.n_fixed, data.likelihood.scale
    plain = data.likelihood.at(top.beta).information
    if theta:
        inverse = np.linalg.inv(top.information)
    else:
        inverse = np.zeros_like(plain)
        inverse[:k, :k] = np.linalg.inv(plain[:k, :k])
    covariance = inverse / np.outer(scale, scale)
    covariance2 = inverse @ plain @ inverse / np.outer(scale, scale)
    error = np.sqrt(np.diag(covariance))
    coef = top.beta / scale
    terms = tuple(wald(name, float(coef[i]), float(error[i]), level) for i, name in enumerate(data.names))
    frailties = tuple(
        Frailty(name, float(coef[k + i]), float(error[k + i]), int(data.events[i]))
        for i, name in enumerate(data.centres)
    )
    df = float(np.trace((inverse @ plain)[k:, k:])) if theta else 0.0
    return FrailtyCox(
        terms, np.sqrt(np.diag(covariance2)[:k]), covariance[:k, :k], theta, frailties, df, loglik, without, chisq, p,
        n, data.likelihood.events, ties, level, warnings,
    )  # fmt: skip
