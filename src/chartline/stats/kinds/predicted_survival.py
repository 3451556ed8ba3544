"""Rows and curves of the survival that a Cox regression predicts for the patients a protocol describes."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from chartline.counts.model import EventTable
from chartline.results.model import Result
from chartline.stats.groups import group_of
from chartline.stats.kinds.model_data import Coded, code_covariates, spline_of
from chartline.stats.kinds.rows import Rows, finite
from chartline.stats.kinds.source import DAYS_PER_MONTH, Source
from chartline.stats.regression.cox import CoxFit, estimate_cox
from chartline.stats.regression.cox_curves import CoxCurve, predict_survival
from chartline.stats.statistic import NotEstimable

_METHOD = "Cox regression, ordinary likelihood, log-log interval (Link)"


@dataclass(frozen=True)
class PredictedCurve:
    """A predicted curve that can be drawn; the numbers at risk are those of its stratum."""

    times_days: tuple[float, ...]
    survival: tuple[float, ...]
    lower: tuple[float | None, ...]
    upper: tuple[float | None, ...]
    exits: tuple[float, ...]  # one a patient of the stratum, ascending
    events: tuple[float, ...]
    initial: float = 1.0

    @property
    def censor_days(self) -> tuple[float, ...]:
        return ()

    def n_risk(self, days: float) -> int:
        return len(self.exits) - bisect_left(self.exits, days)

    def n_events(self, days: float) -> int:
        return bisect_right(self.events, days)


def estimate(source: Source, analysis: Any) -> Iterator[Result]:
    """Yield survival at the landmarks for each described patient (`PROFILE=name`), by stratum where there are any."""
    rows = Rows(analysis.id, analysis.label)

    def predicted() -> Iterator[Result]:
        fit, coded, model = _fit(source, analysis)
        shared = {"N": fit.n, "n": fit.events, "missing": coded.left_out, "level": analysis.level}
        for name in analysis.profiles:
            for curve in _curves(fit, coded, model, source, analysis, name):
                of = Rows(analysis.id, analysis.label, _group(name, curve), shared | {"at_unit": "months"})
                yield from _at(of, curve, fit, analysis)

    yield from rows.tried("survival", _METHOD, predicted)


def curves(source: Source, analysis: Any) -> dict[str, PredictedCurve]:
    """Return the predicted curve of each described patient and stratum."""
    try:
        fit, coded, model = _fit(source, analysis)
        return {
            _group(name, curve): _drawn(fit, curve)
            for name in analysis.profiles
            for curve in _curves(fit, coded, model, source, analysis, name)
        }
    except NotEstimable:
        return {}


def _fit(source: Source, analysis: Any) -> tuple[CoxFit, Coded, Any]:
    model = source.protocol.analysis(analysis.of)
    coded = code_covariates(source, source.table(model.id, EventTable), model, model.strata)
    cause = str(model.cause) if model.cause else None
    episodes = coded.episodes(model.strata)
    return estimate_cox(episodes, ties=model.ties, cause=cause, level=analysis.level), coded, model


def _curves(fit: CoxFit, coded: Coded, model: Any, source: Source, analysis: Any, name: str) -> tuple[CoxCurve, ...]:
    x: dict[str, float] = {}
    for term in model.terms:
        value = analysis.profiles[name][term.variable]
        if not source.is_number(term.variable):
            x |= _level(fit, coded, term.variable, str(value))
        elif term.spline is None:
            x[term.variable] = float(value) / term.per
        else:
            basis = spline_of(term, source.table(model.id, EventTable), model.strata).basis(np.array([float(value)]))
            x |= {f"{term.variable}[{i + 1}]": float(b) for i, b in enumerate(basis[0])}
    return predict_survival(fit, x, interval="log-log", level=analysis.level)


def _level(fit: CoxFit, coded: Coded, variable: str, level: str) -> dict[str, float]:
    """The indicators of a level. Raises `NotEstimable` for one that nobody has."""
    if level == coded.reference[variable]:
        return {}
    if f"{variable}={level}" not in fit.names:
        raise NotEstimable(f"nobody has {variable}={level}")
    return {f"{variable}={level}": 1.0}


def _group(name: str, curve: CoxCurve) -> str:
    stratum = (("STRATUM", curve.stratum),) if curve.stratum else ()
    return group_of((("PROFILE", name), *stratum))


def _at(rows: Rows, curve: CoxCurve, fit: CoxFit, analysis: Any) -> Iterator[Result]:
    last = float(fit.episodes.exit[_of(fit, curve)].max())
    for month in analysis.at_months:
        days = month * DAYS_PER_MONTH
        s, low, high = curve.at([days])[0].tolist()
        reason = f"nobody was followed to {month:g} months" if days > last else ""
        ends = (None, None) if reason else (low, high)
        value = None if reason else s
        yield rows.value("survival", value, _METHOD, ends, unit="proportion", at=month, reason=reason)


def _of(fit: CoxFit, curve: CoxCurve) -> Any:
    return fit.episodes.stratum == fit.episodes.strata.index(curve.stratum)


def _drawn(fit: CoxFit, curve: CoxCurve) -> PredictedCurve:
    e, here = fit.episodes, _of(fit, curve)
    times = np.repeat(e.exit[here], e.count[here])
    happened = np.repeat(e.events_of(fit.cause)[here], e.count[here])
    return PredictedCurve(
        tuple(curve.times.tolist()), tuple(curve.survival.tolist()), tuple(finite(x) for x in curve.lower),
        tuple(finite(x) for x in curve.upper), tuple(np.sort(times).tolist()),
        tuple(np.sort(times[happened]).tolist()),
    )  # fmt: skip
