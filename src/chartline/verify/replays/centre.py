"""Cox models with the centre ignored, as stratum, fixed effect and frailty, computed again."""

from __future__ import annotations

from typing import Any

from chartline.stats import Episodes, compare_centre_models
from chartline.verify.cases import Case


def cox_centre(case: Case) -> dict[str, Any]:
    column = case.column
    episodes = Episodes.of(
        column("time"), [s > 0 for s in column("status")], entry=column("entry"), group=column("centre"),
        covariates={name: column(name) for name in ("arm", "age")},
    )  # fmt: skip
    found = compare_centre_models(episodes, case.arguments["level"], ties=case.arguments["ties"])
    fields = ("coef", "se", "lower", "upper", "p")
    return {v.way: {k: [getattr(t, k) for t in v.terms] for k in fields} for v in found.views}


REPLAYS = {"cox_centre": cox_centre}
