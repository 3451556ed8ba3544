"""Cox models, what is made of them, and natural splines, computed again."""

from __future__ import annotations

from typing import Any

import numpy as np

from chartline.stats import (
    Episodes,
    deviance_residuals,
    dfbeta_residuals,
    estimate_concordance,
    estimate_cox,
    fit_spline,
    martingale_residuals,
    natural_spline,
    nested_test,
    predict_survival,
    proportional_hazards_test,
    schoenfeld_residuals,
    score_residuals,
)
from chartline.verify.cases import Case


def _columns(case: Case) -> dict[str, Any]:
    """The columns of the case as arrays; where a change is declared, a row for before and one for after it."""
    a = case.arguments
    columns = {name: np.array(values, object) for name, values in case.data.items()}
    columns["entry_"] = np.array(columns[a["entry"]] if "entry" in a else np.zeros(len(columns[a["time"]])), float)
    columns["time_"], columns["status_"] = columns[a["time"]].astype(float), columns[a["event"]].astype(int)
    if "change" not in a:
        return columns
    change = np.array([np.inf if v is None else v for v in columns[a["change"]]])
    before, after = change > columns["entry_"], change < columns["time_"]
    parts = []
    for rows, changed in ((before, 0.0), (after, 1.0)):
        part = {name: values[rows] for name, values in columns.items()}
        part["changed"] = np.full(int(rows.sum()), changed)
        parts.append(part)
    parts[0]["status_"] = np.where(after[before], 0, parts[0]["status_"])
    parts[0]["time_"] = np.minimum(parts[0]["time_"], change[before])
    parts[1]["entry_"] = np.maximum(parts[1]["entry_"], change[after])
    return {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}


def _episodes(case: Case, spline: bool = True) -> Episodes:
    a, columns = case.arguments, _columns(case)
    covariates: dict[str, Any] = {}
    for name in a["covariates"]:
        values = columns[name]
        covariates[name] = values.astype(str) if isinstance(values[0], str) else values.astype(float)
        if spline and name in a.get("spline", {}):
            covariates[name] = natural_spline(covariates[name], a["spline"][name])
    status, cause = columns["status_"], a.get("cause")
    return Episodes.of(
        columns["time_"], status > 0 if cause is None else status == cause, entry=columns["entry_"],
        covariates=covariates, reference=a.get("reference"),
        strata=columns[a["strata"]].astype(str) if "strata" in a else None,
        cluster=columns[a["cluster"]].astype(str) if "cluster" in a else None,
        count=1 + columns[a["count"]].astype(int) if "count" in a else None,
    )  # fmt: skip


def _fit(case: Case, spline: bool = True) -> Any:
    a = case.arguments
    robust = bool(a.get("robust", False)) or "cluster" in a
    return estimate_cox(_episodes(case, spline), ties=a.get("ties", "efron"), robust=robust)


def cox(case: Case) -> dict[str, Any]:
    fit = _fit(case)
    tests = {"lr": fit.likelihood_ratio, "wald": fit.wald, "score": fit.score}
    return {
        "coef": fit.coefficients, "se": fit.std_errors, "hazard_ratio": fit.hazard_ratios, "z": fit.z, "p": fit.p,
        "lower": fit.lower, "upper": fit.upper, "naive_se": np.sqrt(np.diag(fit.naive_variance)),
        "loglik": [fit.loglik_null, fit.loglik], "events": fit.events, "n": fit.n,
        **{name: [t.chisq, t.df, t.p] for name, t in tests.items()},
    }  # fmt: skip


def proportional_hazards(case: Case) -> dict[str, Any]:
    a = case.arguments
    found = proportional_hazards_test(_fit(case), a["transform"], by_term=a["by_term"])
    tests, overall = found.terms.values(), found.overall
    return {
        "chisq": [t.chisq for t in tests], "df": [t.df for t in tests], "p": [t.p for t in tests],
        "overall": [overall.chisq, overall.df, overall.p],
    }  # fmt: skip


def cox_residuals(case: Case) -> dict[str, Any]:
    fit = _fit(case)
    return {
        "martingale": martingale_residuals(fit), "deviance": deviance_residuals(fit),
        "score": score_residuals(fit).ravel(), "dfbeta": dfbeta_residuals(fit).ravel(),
    }  # fmt: skip


def schoenfeld(case: Case) -> dict[str, Any]:
    s = schoenfeld_residuals(_fit(case))
    return {
        "time": s.time, "sums": (s.residuals**2).sum(axis=0), "scaled_sums": (s.scaled**2).sum(axis=0),
        "first": s.residuals[0], "scaled_first": s.scaled[0], "last": s.residuals[-1],
    }  # fmt: skip


def cox_curve(case: Case) -> dict[str, Any]:
    a = case.arguments
    curves = predict_survival(_fit(case), a["at"], interval=a["interval"])
    names = ("times", "cumulative_hazard", "std_error", "survival", "lower", "upper")
    return {name: np.concatenate([getattr(c, name) for c in curves]) for name in names}


def concordance(case: Case) -> dict[str, Any]:
    c = estimate_concordance(_fit(case))
    pairs = [c.concordant, c.discordant, c.tied_score, c.tied_time, c.tied_both]
    return {"concordance": c.value, "std_error": c.std_error, "pairs": pairs}


def spline(case: Case) -> dict[str, Any]:
    a = case.arguments
    values = np.array(case.column(a["variable"]), float)
    found = fit_spline(values, a["df"])
    basis = found.basis(values)
    return {
        "knots": found.knots, "boundary": found.boundary, "sums": (basis**2).sum(axis=0), "first": basis[0],
        "basis": found.basis(a["at"]).ravel(),
    }  # fmt: skip


def nested_models(case: Case) -> dict[str, Any]:
    large = _fit(case)
    test = nested_test(_fit(case, spline=False), large)
    return {"coef": large.coefficients, "se": large.std_errors, "chisq": test.chisq, "df": test.df, "p": test.p}


REPLAYS = {
    "cox": cox,
    "proportional_hazards": proportional_hazards,
    "cox_residuals": cox_residuals,
    "schoenfeld_residuals": schoenfeld,
    "cox_curve": cox_curve,
    "concordance": concordance,
    "natural_spline": spline,
    "nested_models": nested_models,
}
