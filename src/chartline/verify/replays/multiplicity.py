"""Adjusted p values and E-values, computed again."""

from __future__ import annotations

from typing import Any

from chartline.stats import adjust_p, e_value
from chartline.verify.cases import Case


def adjusted(case: Case) -> dict[str, Any]:
    values = [None if p == "NA" else float(p) for p in case.column("p")]
    return {"p": adjust_p(values, case.statistic)}


def confounder(case: Case) -> dict[str, Any]:
    d = case.data
    found = e_value(d["estimate"], d["lower"], d["upper"], **case.arguments)
    return {"value": found.value, "limit": found.limit, "risk_ratio": found.risk_ratio}


REPLAYS = {
    **dict.fromkeys(("bonferroni", "holm", "hochberg", "benjamini_hochberg"), adjusted),
    "e_value": confounder,
}
