"""Baseline hazard and predicted survival of a Cox model, as R's `survfit.coxph` gives them.

In: a CoxFit and covariates. Out: for each stratum a step function of the cumulative hazard at those covariates, with
its error and the survival exp(-H). The hazard steps at event times only, by d / S0 (Breslow) or by Efron's sum over
the tied events, as the model was fitted. Covariates are given as they are, not as differences from a mean: the baseline
hazard is that of covariates of 0 (R `basehaz(fit, centered = FALSE)`). Sources: Tsiatis AA. Ann Stat 1981;9:93-108;
Link CL. Biometrics 1984;40:601-610.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from chartline.stats.distributions import interval_z
from chartline.stats.episodes import Floats
from chartline.stats.regression.cox import CoxFit
from chartline.stats.regression.residuals import at_maximum
from chartline.stats.statistic import Statistic

IntervalKind = Literal["log", "log-log", "plain"]

STATISTICS = (
    Statistic(
        name="cox_curve",
        label="Survival predicted by a Cox model",
        takes="a Cox model and the covariates of a patient",
        gives="cumulative hazard and survival at each event time with error and pointwise interval, by stratum",
        reference="survfit(fit, newdata, conf.type)",
        paper="Link CL. Biometrics 1984;40:601-610",
    ),
)


@dataclass(frozen=True, eq=False)
class CoxCurve:
    """Steps at the event times of one stratum. `std_error` is of the cumulative hazard, which is that of log S."""

    stratum: str
    times: Floats
    cumulative_hazard: Floats
    std_error: Floats
    survival: Floats
    lower: Floats
    upper: Floats
    level: float

    def at(self, times: npt.ArrayLike) -> Floats:
        """Return survival, lower and upper limit at `times` (n): n x 3; 1 before the first event."""
        steps = np.searchsorted(self.times, np.asarray(times, np.float64), side="right")
        whole = np.vstack([np.ones(3), np.column_stack([self.survival, self.lower, self.upper])])
        return np.asarray(whole[steps])


def predict_survival(
    fit: CoxFit, covariates: Mapping[str, float], *, interval: IntervalKind = "log", level: float | None = None
) -> tuple[CoxCurve, ...]:
    """Return the curves of a patient with these `covariates` (names as in `fit.names`; 0 if left out), by stratum.

    Raises `ValueError` for a name that the model does not have, `NotEstimable` for exact ties or where a coefficient is
    infinite.
    """
    unknown = sorted({*covariates} - {*fit.names})
    if unknown:
        raise ValueError(f"the model has no covariate {', '.join(unknown)}; it has {', '.join(fit.names)}")
    x = np.array([float(covariates.get(name, 0.0)) for name in fit.names]) - fit.centre
    model, m = at_maximum(fit)
    beta = np.nan_to_num(fit.coefficients)
    mean = m.s[1:] * m.q2
    if m.f1.size:
        mean[:, model.tied] -= m.e[1:] * m.f2
    risk = float(np.exp(x @ beta))
    hazard = risk * model.sets.running(m.q1)
    moved = risk * model.sets.running((x[:, None] * m.q1 - mean).T)  # derivative of the hazard by the coefficients
    variance = risk * risk * model.sets.running(m.q2)
    variance = variance + np.einsum("ti,ij,tj->t", moved, np.nan_to_num(fit.variance), moved)
    z, chosen = interval_z(level or fit.level), level or fit.level
    return tuple(
        _curve(fit, slice(a, b), hazard[a:b], np.sqrt(variance[a:b]), z, interval, chosen) for a, b in model.sets.bounds
    )


def baseline_hazard(fit: CoxFit) -> tuple[CoxCurve, ...]:
    """Return the curves of covariates that are all 0, by stratum (R `basehaz(fit, centered = FALSE)`)."""
    return predict_survival(fit, {})


def _curve(
    fit: CoxFit, at: slice, hazard: Floats, error: Floats, z: float, interval: IntervalKind, level: float
) -> CoxCurve:
    survival = np.exp(-hazard)
    lower, upper = _band(hazard, error * z, interval)
    stratum = fit.episodes.strata[int(fit.sets.stratum[at.start])]
    return CoxCurve(stratum, fit.sets.times[at], hazard, error, survival, lower, upper, level)


def _band(hazard: Floats, half: Floats, interval: IntervalKind) -> tuple[Floats, Floats]:
    """The pointwise interval of exp(-H), cut at 0 and 1 as survfit cuts it."""
    if interval == "log":
        return np.exp(-hazard - half), np.exp(np.minimum(0.0, half - hazard))
    if interval == "plain":
        survival = np.exp(-hazard)
        return np.maximum(0.0, survival - half * survival), np.minimum(1.0, survival + half * survival)
    if interval != "log-log":
        raise ValueError(f"an interval is log, log-log or plain, not {interval}")
    return np.exp(-hazard * np.exp(half / hazard)), np.exp(-hazard * np.exp(-half / hazard))
