"""Logistic regression, ordinary and with Firth's penalty, computed again."""

from __future__ import annotations

from typing import Any

from chartline.stats import Outcomes, estimate_firth_logistic, estimate_logistic
from chartline.verify.cases import Case

TERM = ("coef", "se", "lower", "upper", "chisq", "p")


def _outcomes(case: Case) -> Outcomes:
    a = case.arguments
    count = case.column(a["count"]) if "count" in a else None
    return Outcomes.of(case.column(a["outcome"]), {n: case.column(n) for n in a["covariates"]}, count=count)


def _values(fit: Any) -> dict[str, Any]:
    whole = {k: getattr(fit, k) for k in ("loglik", "loglik_null", "deviance", "null_deviance")}
    terms = {k: [getattr(t, k) for t in fit.terms] for k in TERM}
    return whole | terms | {"global_chisq": fit.chisq, "global_p": fit.p}


def logistic(case: Case) -> dict[str, Any]:
    a = case.arguments
    return _values(estimate_logistic(_outcomes(case), a["level"], interval=a["interval"]))


def firth_logistic(case: Case) -> dict[str, Any]:
    return _values(estimate_firth_logistic(_outcomes(case), case.arguments["level"]))


REPLAYS = {"logistic": logistic, "firth_logistic": firth_logistic}
