"""Cox's proportional hazards model, as R's `survival::coxph` fits it, on rows or on counts.

In: Episodes (covariates, strata, late entry; a covariate that changes with time is a subject cut into rows). Out:
coefficients with their errors, three tests, and whatever residuals and curves need. `count` is replication, exactly.

Convergence: Newton with step halving until the next step would move nothing by a part in 10^8 of its standard error
(10^11 where events are few); that last step is taken. A coefficient whose likelihood has no maximum is infinite and
said to be; one that is a combination of others is not estimated (NaN), as in R, and the combination is named.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from chartline.stats.distributions import chi2_sf, interval_z
from chartline.stats.episodes import Episodes, Floats, Ints
from chartline.stats.lazy import lazy
from chartline.stats.regression.ascent import Maximum, maximise
from chartline.stats.regression.likelihood import Evaluation
from chartline.stats.regression.patterns import standardise
from chartline.stats.regression.risk_sets import Bools, RiskSets
from chartline.stats.statistic import NotEstimable, Statistic

Ties = Literal["efron", "breslow", "exact"]

STATISTICS = (
    Statistic(
        name="cox",
        label="Cox proportional hazards model",
        takes="Episodes with covariates; strata, late entry, clusters; one cause or all",
        gives="coefficients, hazard ratios with Wald intervals, likelihood-ratio, Wald and score tests",
        reference="survival::coxph(Surv(entry, exit, event) ~ x + strata(s), ties, robust, cluster)",
        paper="Cox DR. J R Stat Soc B 1972;34:187-220; Efron B. J Am Stat Assoc 1977;72:557-565",
    ),
    Statistic(
        name="nested_models",
        label="Test of covariates that one Cox model has and another has not",
        takes="two Cox models of the same Episodes",
        gives="likelihood-ratio chi-square, df, p; of a spline against a straight line it tests linearity",
        reference="anova(small, large)",
        paper="Cox DR. J R Stat Soc B 1972;34:187-220",
    ),
)
_ALIAS = 1e-11  # share of a covariate's information that others leave, below which it is a combination of them


@dataclass(frozen=True)
class ChiSquare:
    """A test: its statistic, degrees of freedom, and p value; None where it is not defined."""

    chisq: float | None
    df: int

    @classmethod
    def of(cls, chisq: float, df: int) -> ChiSquare:
        return cls(chisq if math.isfinite(chisq) and df else None, df)

    @property
    def p(self) -> float | None:
        return None if self.chisq is None else chi2_sf(max(self.chisq, 0.0), self.df)


@dataclass(frozen=True, eq=False)
class CoxFit:
    """A fitted model of k covariates. Arrays have one entry a covariate, in the order of `names`.

    `coefficients` are NaN where not estimated and +-inf where the likelihood has no maximum; `variance` is robust where
    that was asked for, with `naive_variance` beside it, and NaN in the rows of such coefficients. `episodes`, `sets`
    and `centre` (the covariates' means) are what residuals and curves start from.
    """

    names: tuple[str, ...]
    coefficients: Floats
    variance: Floats
    naive_variance: Floats
    loglik_null: float
    loglik: float
    score: ChiSquare
    n: int
    events: int
    iterations: int
    ties: Ties
    robust: bool
    level: float
    warnings: tuple[str, ...]
    cause: str | int | None = None
    episodes: Episodes = field(repr=False, kw_only=True)
    sets: RiskSets = field(repr=False, kw_only=True)
    centre: Floats = field(repr=False, kw_only=True)

    @property
    def hazard_ratios(self) -> Floats:
        return _ratio(self.coefficients)

    @lazy
    def std_errors(self) -> Floats:
        return np.sqrt(np.diag(self.variance))

    @property
    def z(self) -> Floats:
        return np.where(np.isfinite(self.coefficients), self.coefficients, np.nan) / self.std_errors

    @property
    def p(self) -> Floats:
        """Two-sided Wald p values."""
        return np.array([math.erfc(abs(z) / math.sqrt(2)) for z in self.z.tolist()])

    @property
    def lower(self) -> Floats:
        """Lower limits of the hazard ratios."""
        return _ratio(self._finite - interval_z(self.level) * self.std_errors)

    @property
    def upper(self) -> Floats:
        """Upper limits of the hazard ratios."""
        return _ratio(self._finite + interval_z(self.level) * self.std_errors)

    @property
    def _finite(self) -> Floats:
        return np.where(np.isfinite(self.coefficients), self.coefficients, np.nan)

    @property
    def estimated(self) -> Bools:
        """Which covariates have a coefficient, finite or not."""
        return ~np.isnan(self.coefficients)

    @property
    def likelihood_ratio(self) -> ChiSquare:
        return ChiSquare.of(2 * (self.loglik - self.loglik_null), int(self.estimated.sum()))

    @property
    def wald(self) -> ChiSquare:
        """The test of all estimated coefficients; not defined where one is infinite."""
        kept = np.flatnonzero(self.estimated)
        b, df = self.coefficients[kept], kept.size
        if not np.all(np.isfinite(b)):
            return ChiSquare(None, df)
        size = self.std_errors[kept]
        z = b / size
        return ChiSquare.of(float(z @ np.linalg.solve(self.variance[np.ix_(kept, kept)] / np.outer(size, size), z)), df)


def estimate_cox(
    episodes: Episodes,
    *,
    ties: Ties = "efron",
    cause: str | int | None = None,
    robust: bool = False,
    level: float = 0.95,
) -> CoxFit:
    """Return the fit of `episodes.covariates` to the time to `cause` (any event if None), by strata.

    `robust` is the Lin-Wei sandwich, grouped by `episodes.cluster` where there is one (R: `cluster(id)`), else by row.
    Raises `NotEstimable` where there is no event, no covariate varies among those at risk, or a robust variance is
    asked of counts whose entries are not paired with exits; `ValueError` for a wrong call.
    """
    _check(episodes, ties, robust, level)
    sets = RiskSets.of(episodes, cause)
    model = standardise(episodes, sets, ties, cause)
    null = model.likelihood.evaluate(np.zeros(model.scale.size))
    kept, warnings = _kept(null, episodes.covariates)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # steps too far are halved
        found = maximise(model.likelihood, null, kept)
    coefficients, variance = _unscaled(found, kept, model.scale)
    warnings += _infinite(found.infinite, coefficients, episodes.covariates)
    fit = CoxFit(
        episodes.covariates, coefficients, variance, variance, null.loglik, found.loglik,
        ChiSquare.of(found.score, kept.size), episodes.n, int(sets.events), found.iterations, ties, False, level,
        tuple(warnings), cause, episodes=episodes, sets=sets, centre=model.centre,
    )  # fmt: skip
    return _robust(fit) if robust else fit


def _robust(fit: CoxFit) -> CoxFit:
    from chartline.stats.regression.residuals import robust_variance

    if np.any(np.isinf(fit.coefficients)):
        says = "there is no robust variance beside an infinite coefficient; standard errors are the model's"
        return replace(fit, warnings=(*fit.warnings, says))
    return replace(fit, variance=robust_variance(fit), robust=True)


def nested_test(small: CoxFit, large: CoxFit) -> ChiSquare:
    """Return the likelihood-ratio test of the covariates that `large` has and `small` has not (R `anova.coxph`).

    Raises `ValueError` where the two are not of the same events, or `small` is not the smaller.
    """
    if (small.n, small.events, small.ties) != (large.n, large.events, large.ties):
        raise ValueError("the two models are not of the same patients, events and ties")
    df = int(large.estimated.sum() - small.estimated.sum())
    if df < 1:
        raise ValueError("the larger model has no more covariates than the smaller")
    return ChiSquare.of(2 * (large.loglik - small.loglik), df)


def _ratio(log: Floats) -> Floats:
    """exp, infinite without a warning where no double is large enough."""
    with np.errstate(over="ignore"):
        return np.asarray(np.exp(log))


def _check(episodes: Episodes, ties: str, robust: bool, level: float) -> None:
    if ties not in ("efron", "breslow", "exact"):
        raise ValueError(f"ties are efron, breslow or exact, not {ties}")
    if not 0 < level < 1:
        raise ValueError(f"not a confidence level: {level}")
    if not episodes.covariates:
        raise NotEstimable("there is no covariate, or none has two levels")
    if robust and ties == "exact":
        raise ValueError("there is no robust variance with exact ties; use Efron's")
    if robust and not episodes.paired:
        raise NotEstimable("entries and exits are known as totals only, so that there is no robust variance")


def _kept(null: Evaluation, names: tuple[str, ...]) -> tuple[Ints, list[str]]:
    """The covariates that are no combination of earlier ones in the risk sets, and a sentence for each other one."""
    information = null.information
    size = information.diagonal()
    if _far_apart(null, size):
        return np.arange(size.size), []
    kept: list[int] = []
    warnings: list[str] = []
    for j in range(size.size):
        share, weights = _beyond(information, kept, j)
        if size[j] > 1e-10 and share > _ALIAS:
            kept.append(j)
        elif size[j] <= 1e-10:
            warnings.append(f"{names[j]} is not estimated: it does not vary among patients at risk")
        else:
            of = [names[i] for i, w in zip(kept, weights, strict=True) if abs(w) > 1e-6]
            warnings.append(f"{names[j]} is not estimated: it follows from {' and '.join(of)}")
    if not kept:
        raise NotEstimable("no covariate varies among the patients at risk")
    return np.array(kept, np.int64), warnings


def _far_apart(null: Evaluation, size: Floats) -> bool:
    """True where every covariate keeps a good share of its information beside all others: the usual case, at once."""
    inflation = size * null.covariance.diagonal()  # one over that share
    return bool(size.min() > 1e-10 and inflation.min() > 0 and inflation.max() < 1e6)


def _beyond(information: Floats, kept: list[int], j: int) -> tuple[float, Floats]:
    """The share of covariate j's information that the kept ones leave, and how they make it up."""
    if not kept or information[j, j] <= 0:
        return 1.0, np.empty(0)
    weights = np.linalg.solve(information[np.ix_(kept, kept)], information[kept, j])
    return float(1 - weights @ information[kept, j] / information[j, j]), np.asarray(weights, np.float64)


def _unscaled(found: Maximum, kept: Ints, scale: Floats) -> tuple[Floats, Floats]:
    """Coefficients and variance of the covariates as they were given."""
    beta, variance = found.beta / scale, found.covariance / (scale[:, None] * scale)
    if kept.size < scale.size or found.infinite.any():
        missing = np.ones(scale.size, bool)
        missing[kept] = found.infinite[kept] != 0
        beta[missing] = variance[missing] = variance[:, missing] = np.nan
        beta[found.infinite != 0] = np.copysign(np.inf, found.infinite[found.infinite != 0])
    return beta, variance


def _infinite(infinite: Ints, coefficients: Floats, names: tuple[str, ...]) -> list[str]:
    return [
        f"the coefficient of {name} is {'plus' if sign > 0 else 'minus'} infinity: "
        "the events separate its values, and the likelihood has no maximum"
        for name, sign in zip(names, infinite.tolist(), strict=True)
        if sign
    ]
