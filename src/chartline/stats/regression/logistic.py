"""Logistic regression of a yes or no on covariates, from patterns with counts.

In: `Outcomes`: whether each row had the outcome, its covariates, how many equal subjects it stands for. Out: log odds
ratios with their errors, Wald or profile likelihood intervals, the likelihood-ratio test, the deviance. The intercept
comes first. Rows with equal covariates are added up before anything is computed: cost is in distinct patterns.

Separation (a covariate, or a sum of several, that splits those with the outcome from those without) leaves the
likelihood without a maximum. Wherever the steps run far out it is looked for by linear programming (Konis), so that
the reader gets a sentence and not a coefficient of 20: `NotEstimable` names the covariate. Firth's penalty
(`firth_logistic`) has an answer there.

Conventions: the deviance is that of single subjects, -2 log-likelihood, whatever the grouping (R `glm` on 0 and 1).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from chartline.stats.design import Floats, design_matrix
from chartline.stats.distributions import chi2_sf
from chartline.stats.regression.maximum import (
    Point,
    Term,
    check_information,
    check_level,
    infinite_limits,
    maximise,
    profiled,
    wald,
)
from chartline.stats.statistic import NotEstimable, Statistic

INTERCEPT = "(intercept)"
MODERATE = 15.0  # log odds; under separation Newton's steps end (by rounding) beyond 30 only
IntervalMethod = Literal["profile", "wald"]

STATISTICS = (
    Statistic(
        name="logistic",
        label="Odds ratio, logistic regression",
        takes="Outcomes: yes or no and covariates by pattern, with counts",
        gives="log odds ratios with Wald or profile likelihood intervals, likelihood-ratio test, deviance",
        reference="glm(family = binomial), confint.default, exact roots of the profile likelihood",
        paper="McCullagh P, Nelder JA. Generalized Linear Models, 2nd ed. 1989; Konis K. DPhil thesis, Oxford 2007",
    ),
)


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Distinct covariate patterns: `trials` subjects of whom `events` had the outcome, and a row of `design` each."""

    events: Floats
    trials: Floats
    design: Floats  # the first column is the intercept
    names: tuple[str, ...]

    @classmethod
    def of(
        cls,
        outcome: npt.ArrayLike,
        covariates: Mapping[str, npt.ArrayLike] | None = None,
        *,
        count: npt.ArrayLike | None = None,
        reference: Mapping[str, str] | None = None,
    ) -> Outcomes:
        """Return the patterns of plain arrays: `outcome` 0 or 1, each row standing for `count` subjects.

        Covariates are numbers, or texts that become indicators against `reference`, as in `Episodes.of`. Raises
        `ValueError` for a missing value or lengths that differ.
        """
        y = np.asarray(outcome, np.float64)
        if y.ndim != 1 or not np.all((y == 0) | (y == 1)):
            raise ValueError("an outcome is missing or neither 0 nor 1")
        n = np.ones(y.size) if count is None else np.asarray(count, np.float64)
        if n.shape != y.shape or not np.all((n >= 0) & (n == np.floor(n))):
            raise ValueError("counts are whole numbers, one a row")
        names, x = design_matrix(covariates or {}, reference or {}, y.size)
        if not names:
            x = np.zeros((y.size, 0))
        if not np.all(np.isfinite(x)):
            raise ValueError("a covariate is missing or infinite")
        patterns, at = np.unique(x[n > 0], axis=0, return_inverse=True)
        at = at.reshape(-1)
        size = patterns.shape[0]
        events = np.bincount(at, weights=(y * n)[n > 0], minlength=size).astype(np.float64)
        trials = np.bincount(at, weights=n[n > 0], minlength=size).astype(np.float64)
        return cls(events, trials, np.column_stack([np.ones(size), patterns]), (INTERCEPT, *names))

    @property
    def n(self) -> int:
        return int(self.trials.sum())

    @property
    def n_events(self) -> int:
        return int(self.events.sum())

    @property
    def scale(self) -> Floats:
        """The spread of each covariate, 1 of the intercept."""
        mean = np.average(self.design, axis=0, weights=self.trials)
        spread = np.sqrt(np.average((self.design - mean) ** 2, axis=0, weights=self.trials))
        return np.where(spread > 1e-12 * np.maximum(1.0, np.abs(mean)), spread, 1.0)


@dataclass(frozen=True, eq=False)
class Logistic:
    """`terms` start with the intercept. `chisq`, `df`, `p`: likelihood ratio of all covariates together.

    Of a term, `chisq` and `p` are Wald's (`interval` "wald") or of the likelihood ratio ("profile"); for Firth's
    penalty `loglik` and `loglik_null` are penalised.
    """

    terms: tuple[Term, ...]
    covariance: Floats
    loglik: float
    loglik_null: float
    chisq: float
    df: int
    p: float
    n: int
    events: int
    interval: IntervalMethod
    level: float
    warnings: tuple[str, ...] = ()

    @property
    def coef(self) -> Floats:
        return np.array([t.coef for t in self.terms])

    @property
    def se(self) -> Floats:
        return np.array([t.se for t in self.terms])

    @property
    def deviance(self) -> float:
        return -2 * self.loglik

    @property
    def null_deviance(self) -> float:
        return -2 * self.loglik_null


@dataclass(frozen=True, eq=False)
class Binomial:
    """The log-likelihood of `events` out of `trials`, without the binomial coefficients."""

    x: Floats
    events: Floats
    trials: Floats

    def at(self, beta: Floats) -> Point:
        eta = self.x @ beta
        chance = 1 / (1 + np.exp(-np.clip(eta, -700, 700)))
        value = float(self.events @ eta - self.trials @ np.logaddexp(0.0, eta))
        weight = self.trials * chance * (1 / (1 + np.exp(np.clip(eta, -700, 700))))
        return Point(beta, value, (self.events - self.trials * chance) @ self.x, (self.x * weight[:, None]).T @ self.x)

    def curvature(self, point: Point) -> Floats:
        return point.information


def estimate_logistic(outcomes: Outcomes, level: float = 0.95, *, interval: IntervalMethod = "profile") -> Logistic:
    """Return the ordinary model (R `glm(family = binomial)`); `interval` "profile" or "wald".

    Raises `NotEstimable` without subjects, where all or none had the outcome, for collinear covariates, and where
    the outcome is separated, with the covariate that does it.
    """
    check_level(level)
    check_outcomes(outcomes)
    scale = outcomes.scale
    model = Binomial(outcomes.design / scale, outcomes.events, outcomes.trials)
    top = _maximum(model, outcomes, scale)
    covariance = np.linalg.inv(top.information) / np.outer(scale, scale)
    if interval == "profile":
        terms = profiled(model, top, outcomes.names, scale, level, covariance)
    else:
        coef, se = top.beta / scale, np.sqrt(np.diag(covariance))
        terms = tuple(wald(n, float(b), float(s), level) for n, b, s in zip(outcomes.names, coef, se, strict=True))
    null, df = null_loglik(outcomes), len(terms) - 1
    chisq = max(0.0, 2 * (top.value - null))
    p = chi2_sf(chisq, df) if df else math.nan
    return Logistic(
        terms, covariance, top.value, null, chisq, df, p, outcomes.n, outcomes.n_events, interval, level,
        infinite_limits(terms),
    )  # fmt: skip


def _maximum(model: Binomial, outcomes: Outcomes, scale: Floats) -> Point:
    """The maximum, or `NotEstimable` with what separates the outcome."""
    sentence = find_separation(outcomes)
    if sentence:
        raise NotEstimable(sentence)
    return maximise(model, start_of(outcomes, scale))


def _has_a_moderate_top(outcomes: Outcomes) -> bool:
    """A top where every log odds is moderate is a top; only beyond does the linear programme have to decide."""
    scale = outcomes.scale
    model = Binomial(outcomes.design / scale, outcomes.events, outcomes.trials)
    try:
        return bool(np.abs(model.x @ maximise(model, start_of(outcomes, scale)).beta).max() < MODERATE)
    except NotEstimable:
        return False


def start_of(outcomes: Outcomes, scale: Floats) -> Floats:
    """The intercept of the overall share, half a subject added on either side."""
    out = np.zeros(len(outcomes.names))
    out[0] = math.log((outcomes.n_events + 0.5) / (outcomes.n - outcomes.n_events + 0.5))
    return out / scale


def null_loglik(outcomes: Outcomes) -> float:
    """The log-likelihood of the overall share."""
    k, n = outcomes.n_events, outcomes.n
    return sum(a * math.log(a / n) for a in (k, n - k) if a)


def check_outcomes(outcomes: Outcomes) -> None:
    """Raise `NotEstimable` without subjects, or where a covariate is constant or a sum of others."""
    if not outcomes.n:
        raise NotEstimable("no patients")
    x = outcomes.design / outcomes.scale
    information = (x * outcomes.trials[:, None]).T @ x
    for k, name in enumerate(outcomes.names[1:], 1):
        if np.ptp(outcomes.design[:, k]) == 0:
            raise NotEstimable(f"{name} does not vary")
    check_information(information, outcomes.names)


def find_separation(outcomes: Outcomes) -> str:
    """Return a sentence that says which covariate separates the outcome, "" where none does.

    Separated: some b has (2 y - 1) x'b >= 0 for all subjects, > 0 for one. The programme maximises the sum of these
    over -1 <= b <= 1; complete if all subjects can be > 0 at once. Konis K. DPhil thesis, Oxford 2007 (R
    `detectseparation`).
    """
    k, n = outcomes.n_events, outcomes.n
    if k in (0, n):
        return f"{'no patient' if k == 0 else 'every patient'} had the outcome"
    every = range(1, len(outcomes.names))
    if _has_a_moderate_top(outcomes) or not _separates(outcomes, every):
        return ""
    alone = tuple(j for j in every if _separates(outcomes, (j,)))
    kind = "completely" if _separates(outcomes, alone if len(alone) == 1 else every, complete=True) else "partly"
    if not alone:
        return f"the covariates together separate the outcome {kind}: no odds ratio can be estimated"
    if len(alone) == 1:
        return f"{outcomes.names[alone[0]]} separates the outcome {kind}{_level_sentence(outcomes, alone[0])}"
    return f"{' and '.join(outcomes.names[j] for j in alone)} each separate the outcome {kind}"


def _separates(outcomes: Outcomes, columns: Sequence[int], *, complete: bool = False) -> bool:
    from scipy.optimize import linprog

    x = outcomes.design[:, [0, *columns]]
    x = x / np.abs(x).max(axis=0)
    z = np.vstack([x[outcomes.events > 0], -x[outcomes.events < outcomes.trials]])
    none, bounds = np.zeros(z.shape[0]), [(-1.0, 1.0)] * z.shape[1]
    if complete:  # the largest t <= 1 with z b >= t
        goal, limits = np.append(np.zeros(z.shape[1]), -1.0), np.column_stack([-z, np.ones(z.shape[0])])
        bounds = [*bounds, (0.0, 1.0)]
    else:
        goal, limits = -z.sum(axis=0), -z
    found = linprog(goal, A_ub=limits, b_ub=none, bounds=bounds)
    return bool(found.status == 0 and -found.fun > 1e-9)


def _level_sentence(outcomes: Outcomes, j: int) -> str:
    """Where the covariate has two values: which of them has none or all of the outcomes."""
    name, values = outcomes.names[j], np.unique(outcomes.design[:, j])
    if values.size != 2:
        return ""
    for value in values[::-1]:
        here = outcomes.design[:, j] == value
        k, n = int(outcomes.events[here].sum()), int(outcomes.trials[here].sum())
        if k in (0, n):
            where = f"where {name} is {value:g}" if "=" not in name else f"{'with' if value else 'without'} {name}"
            return f": {k} of {n} {where} had it"
    return ""
