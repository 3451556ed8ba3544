"""One Cox model four ways: centre ignored, as stratum, as fixed effect, as shared frailty, side by side.

In: Episodes whose `group` is the centre, with the covariates of interest. Out: the same coefficients by each way, so
that a reader sees whether the answer hangs on how centres are allowed to differ. As strata each centre has a hazard of
its own (nothing is assumed, information between centres is lost); as fixed effect hazards are proportional between
centres; as frailty they are proportional with factors drawn from a gamma distribution. With a handful of centres prefer
strata: the variance of the frailty rests on as many values as there are centres.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from chartline.stats.episodes import Episodes
from chartline.stats.regression.cox import CoxFit, estimate_cox
from chartline.stats.regression.frailty import FrailtyCox, estimate_frailty_cox
from chartline.stats.regression.maximum import Term, wald
from chartline.stats.regression.partial_likelihood import Ties
from chartline.stats.statistic import NotEstimable, Statistic

Way = Literal["ignored", "stratum", "fixed", "frailty"]
LABELS: dict[Way, str] = {
    "ignored": "centre ignored",
    "stratum": "stratified by centre",
    "fixed": "centre as fixed effect",
    "frailty": "shared gamma frailty of centre",
}

STATISTICS = (
    Statistic(
        name="cox_centre",
        label="Hazard ratio with centre ignored, as stratum, fixed effect and frailty",
        takes="Episodes with covariates, grouped by centre",
        gives="the same coefficients by each way, with Wald intervals",
        reference="survival::coxph with nothing, strata(centre), factor(centre), frailty(centre)",
        paper="Glidden DV, Vittinghoff E. Stat Med 2004;23:369-388",
    ),
)


@dataclass(frozen=True)
class CentreView:
    """The covariates of interest by one way; no terms and a `reason` where it cannot be estimated."""

    way: Way
    label: str
    terms: tuple[Term, ...]
    reason: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class CentreComparison:
    """The views in the order of `LABELS`; `theta` is the variance of the frailty, None where it was not estimated."""

    views: tuple[CentreView, ...]
    centres: tuple[str, ...]
    theta: float | None
    n: int
    events: int

    def view(self, way: Way) -> CentreView:
        return next(v for v in self.views if v.way == way)


def compare_centre_models(
    episodes: Episodes, level: float = 0.95, *, ties: Ties = "efron", cause: str | int | None = None
) -> CentreComparison:
    """Return the model of `episodes` on its covariates with the groups as centres, each way.

    Raises `NotEstimable` without an event or with fewer than two centres; what one way alone cannot estimate is a view
    with its reason. `ValueError` without covariates.
    """
    present = np.unique(episodes.group[episodes.count > 0])
    if present.size < 2:
        raise NotEstimable("fewer than two centres")
    if not episodes.covariates:
        raise ValueError("a regression needs covariates")
    event = episodes.events_of(cause)
    events = int(episodes.count[event].sum())
    if not events:
        raise NotEstimable("no events")
    k = len(episodes.covariates)
    data = {"ignored": episodes, "stratum": by_stratum(episodes), "fixed": _with_indicators(episodes)}
    views = [_view(way, e, k, ties, cause, level) for way, e in data.items()]  # type: ignore[arg-type]
    last, theta = _frailty(episodes, ties, cause, level)
    centres = tuple(episodes.groups[g] for g in present.tolist())
    return CentreComparison((*views, last), centres, theta, episodes.n, events)


def by_stratum(episodes: Episodes) -> Episodes:
    """Return the episodes with each group a stratum of its own, within the strata there are."""
    crossed, at = np.unique(np.column_stack([episodes.stratum, episodes.group]), axis=0, return_inverse=True)
    names = tuple(", ".join(x for x in (episodes.strata[s], episodes.groups[g]) if x) for s, g in crossed.tolist())
    return replace(episodes, stratum=at.reshape(-1).astype(np.int64), strata=names)


def _with_indicators(episodes: Episodes) -> Episodes:
    """The groups after the first as indicators behind the covariates."""
    pairs, at = np.unique(np.column_stack([episodes.pattern, episodes.group]), axis=0, return_inverse=True)
    others = np.unique(episodes.group)[1:]
    centre = (pairs[:, 1][:, None] == others).astype(np.float64)
    names = tuple(f"centre={episodes.groups[g]}" for g in others.tolist())
    return replace(
        episodes, values=np.column_stack([episodes.design[pairs[:, 0]], centre]),
        pattern=at.reshape(-1).astype(np.int64), covariates=(*episodes.covariates, *names),
    )  # fmt: skip


def _view(way: Way, episodes: Episodes, k: int, ties: Ties, cause: str | int | None, level: float) -> CentreView:
    try:
        fit = estimate_cox(episodes, ties=ties, cause=cause, level=level)
    except NotEstimable as why:
        return CentreView(way, LABELS[way], (), str(why))
    return CentreView(way, LABELS[way], _terms(fit, k, level), "", fit.warnings)


def _terms(fit: CoxFit, k: int, level: float) -> tuple[Term, ...]:
    out = []
    for name, coef, se in zip(fit.names[:k], fit.coefficients.tolist(), fit.std_errors.tolist(), strict=False):
        known = math.isfinite(coef) and se > 0
        out.append(wald(name, coef, se, level) if known else Term(name, coef, *[math.nan] * 5))
    return tuple(out)


def _frailty(episodes: Episodes, ties: Ties, cause: str | int | None, level: float) -> tuple[CentreView, float | None]:
    try:
        fit: FrailtyCox = estimate_frailty_cox(episodes, level, ties=ties, cause=cause)
    except NotEstimable as why:
        return CentreView("frailty", LABELS["frailty"], (), str(why)), None
    return CentreView("frailty", LABELS["frailty"], fit.terms, "", fit.warnings), fit.theta
