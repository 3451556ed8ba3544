"""Cox and logistic models on covariates with gaps: imputed several times, fitted each time, pooled by Rubin's rules.

In: the outcome, complete, and covariates with None where missing. Out: each coefficient pooled, with how much of its
uncertainty is missingness. A subject is one row (or one of a row's `count`); covariates that change with time cannot be
imputed here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from chartline.stats.design import Floats, design_matrix
from chartline.stats.episodes import Episodes
from chartline.stats.regression.cox import estimate_cox
from chartline.stats.regression.firth_cox import estimate_firth_cox
from chartline.stats.regression.firth_logistic import estimate_firth_logistic
from chartline.stats.regression.logistic import Outcomes, estimate_logistic
from chartline.stats.sensitivity.imputation import Imputed, hazard_predictors, impute
from chartline.stats.sensitivity.rubin import Pooled, rubin
from chartline.stats.statistic import NotEstimable

Covariates = Mapping[str, Sequence[Any] | npt.NDArray[Any]]
Method = Literal["ordinary", "firth"]
_STRATA = 20  # up to which strata help to predict a covariate as indicators


@dataclass(frozen=True)
class ImputedModel:
    """Pooled coefficients by name; `missing` counts the subjects without a value by covariate."""

    terms: Mapping[str, Pooled]
    n: int
    events: int
    imputations: int
    missing: Mapping[str, int]
    incomplete: int
    seed: int
    method: Method
    warnings: tuple[str, ...] = ()


def estimate_imputed_cox(
    episodes: Episodes,
    covariates: Covariates,
    *,
    seed: int,
    m: int = 20,
    rounds: int = 10,
    reference: Mapping[str, str] | None = None,
    ties: Literal["efron", "breslow"] = "efron",
    cause: str | int | None = None,
    method: Method = "ordinary",
    level: float = 0.95,
) -> ImputedModel:
    """Return Cox's model of `episodes` (without covariates of their own) on `covariates`, one entry a row.

    Drawn by the event, the Nelson-Aalen hazard, the strata and the other covariates. Raises as `impute` and the model
    do, and `NotEstimable` where a coefficient cannot be estimated in some of the sets.
    """
    known = hazard_predictors(episodes, cause) | _strata(episodes)
    imputed = impute(covariates, known, seed=seed, count=episodes.count, m=m, rounds=rounds)
    row = imputed.row
    names = ("entry", "exit", "status", "group", "stratum")
    base = {name: getattr(episodes, name)[row] for name in names} | {"count": np.ones(row.size, np.int64)}
    fits = []
    for values in imputed.sets:
        columns, design = design_matrix(values, reference or {}, row.size)
        whole = replace(
            episodes, **base, pattern=np.arange(row.size), values=design, covariates=columns,
            cluster=None if episodes.cluster is None else episodes.cluster[row],
        )  # fmt: skip
        fits.append(_cox(whole, ties, cause, method))
    events = int(episodes.count[episodes.events_of(cause)].sum())
    return _pooled(fits, imputed, events, events, seed, method, level)


def estimate_imputed_logistic(
    outcome: npt.ArrayLike,
    covariates: Covariates,
    *,
    seed: int,
    count: npt.ArrayLike | None = None,
    m: int = 20,
    rounds: int = 10,
    reference: Mapping[str, str] | None = None,
    method: Method = "ordinary",
    level: float = 0.95,
) -> ImputedModel:
    """Return the logistic model of `outcome` (0 or 1, complete) on `covariates`, drawn by the outcome and each other.

    Raises as `impute` and the model do.
    """
    y = np.asarray(outcome, np.float64)
    imputed = impute(covariates, {"outcome": y}, seed=seed, count=count, m=m, rounds=rounds)
    fits = []
    for values in imputed.sets:
        outcomes = Outcomes.of(y[imputed.row], values, reference=reference)
        fit = (
            estimate_logistic(outcomes, interval="wald") if method == "ordinary" else estimate_firth_logistic(outcomes)
        )
        fits.append((outcomes.names, fit.coef, fit.se**2))
    return _pooled(fits, imputed, int(y[imputed.row].sum()), imputed.row.size, seed, method, level)


_Fit = tuple[tuple[str, ...], Floats, Floats]


def _cox(episodes: Episodes, ties: Literal["efron", "breslow"], cause: str | int | None, method: Method) -> _Fit:
    if method == "firth":
        firth = estimate_firth_cox(episodes, ties=ties, cause=cause)
        return episodes.covariates, firth.coef, firth.se**2
    fit = estimate_cox(episodes, ties=ties, cause=cause)
    for name, b, v in zip(fit.names, fit.coefficients, np.diag(fit.variance), strict=True):
        if not (math.isfinite(b) and v > 0):
            raise NotEstimable(f"{name} cannot be estimated in every imputed set: {'; '.join(fit.warnings)}")
    return fit.names, fit.coefficients, np.diag(fit.variance)


def _strata(episodes: Episodes) -> dict[str, Floats]:
    present = np.unique(episodes.stratum)
    if not 1 < present.size <= _STRATA:
        return {}
    return {f"stratum {g}": (episodes.stratum == g).astype(np.float64) for g in present[1:].tolist()}


def _pooled(
    fits: list[_Fit], imputed: Imputed, events: int, information: int, seed: int, method: Method, level: float
) -> ImputedModel:
    """`information` is what the degrees of freedom of the complete data are counted from: events, or subjects."""
    names, m, n = fits[0][0], len(fits), imputed.row.size
    complete = max(information - len(names), 1)
    terms = {
        name: rubin([f[1][k] for f in fits], [f[2][k] for f in fits], level, df_complete=complete)
        for k, name in enumerate(names)
    }
    percent = math.ceil(100 * imputed.incomplete / n)
    few = (f"{m} imputations for {percent} % incomplete patients: take {percent} or more",) if m < percent else ()
    return ImputedModel(terms, n, events, m, imputed.missing, imputed.incomplete, seed, method, few)
