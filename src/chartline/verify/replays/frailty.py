"""Cox regression with a shared gamma frailty, computed again."""

from __future__ import annotations

from typing import Any

from chartline.stats import Episodes, estimate_frailty_cox
from chartline.verify.cases import Case


def frailty_cox(case: Case) -> dict[str, Any]:
    a = case.arguments
    cause = a.get("cause")
    event = [int(v > 0 if cause is None else v == cause) for v in case.column(a["event"])]
    column = {k: case.column(a[k]) if k in a else None for k in ("time", "entry", "strata", "group")}
    episodes = Episodes.of(
        case.column(a["time"]), event, entry=column["entry"], strata=column["strata"], group=column["group"],
        covariates={name: case.column(name) for name in a["covariates"]},
    )  # fmt: skip
    fit = estimate_frailty_cox(episodes, ties=a["ties"], theta=a.get("theta"))
    return {
        "coef": [t.coef for t in fit.terms], "se": [t.se for t in fit.terms], "se2": fit.se2, "df": fit.df,
        "frailty": [f.log_factor for f in fit.frailties], "frailty_se": [f.se for f in fit.frailties],
        "theta": fit.theta, "theta_chisq": fit.chisq, "loglik": fit.loglik, "loglik_without": fit.loglik_without,
    }  # fmt: skip


REPLAYS = {"frailty_cox": frailty_cox}
