"""Firth's penalised Cox regression, computed again."""

from __future__ import annotations

from typing import Any

from chartline.stats import Episodes, estimate_firth_cox
from chartline.verify.cases import Case


def firth_cox(case: Case) -> dict[str, Any]:
    a = case.arguments
    column = {k: case.column(a[k]) if k in a else None for k in ("time", "event", "entry", "strata", "count")}
    cause = a.get("cause")
    event = [int(v > 0 if cause is None else v == cause) for v in case.column(a["event"])]
    episodes = Episodes.of(
        case.column(a["time"]), event, entry=column["entry"], strata=column["strata"], count=column["count"],
        covariates={name: case.column(name) for name in a["covariates"]},
    )  # fmt: skip
    fit = estimate_firth_cox(episodes, a.get("level", 0.95), ties=a.get("ties", "breslow"))
    terms = {k: [getattr(t, k) for t in fit.terms] for k in ("coef", "se", "lower", "upper", "chisq", "p")}
    whole = {"loglik": fit.loglik, "loglik_null": fit.loglik_null, "global_chisq": fit.chisq, "global_p": fit.p}
    return terms | whole


REPLAYS = {"firth_cox": firth_cox}
