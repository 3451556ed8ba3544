"""Replays the recorded comparisons of survival curves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chartline.stats.comparison.logrank import Weights, logrank_test
from chartline.stats.comparison.max_combo import USUAL, max_combo_test
from chartline.stats.comparison.permutation import permutation_logrank_test
from chartline.stats.episodes import Episodes
from chartline.verify.cases import Case

COMBINATIONS = {
    1: ((0, 0), (0, 1), (1, 0)),
    2: ((0, 0), (0, 1), (1, 1)),
    3: ((0, 0), (0, 1)),
    4: ((0, 0), (0, 2), (2, 0), (2, 2)),
}
RISK = {"low": 1, "mid": 2, "high": 3}
_FREIREICH = {"time": "weeks", "status": "relapse", "centre": "pair"}


def replay_logrank(case: Case) -> Mapping[str, Any]:
    """One test of the family; the arguments name the columns and the weights."""
    a = case.arguments
    weights: Weights = ("fleming_harrington", a["rho"], a["gamma"]) if "rho" in a else a["weights"]
    trend: Any = case.statistic == "logrank_trend" and (RISK if "scores" in a else True)
    t = logrank_test(_episodes(case), weights, trend=trend, cause=a.get("cause") or None)
    return {
        "chisq": t.chisq, "df": t.df, "p": t.p, "z": t.z, "observed": t.observed, "expected": t.expected,
        "variance": t.variance.ravel(), "observed_by_stratum": t.observed_by_stratum.ravel(),
        "expected_by_stratum": t.expected_by_stratum.ravel(),
    }  # fmt: skip


def replay_max_combo(case: Case) -> Mapping[str, Any]:
    """The four usual weights, or one of `COMBINATIONS`."""
    pairs = COMBINATIONS.get(case.arguments.get("combination", 0), USUAL)
    t = max_combo_test(_episodes(case), pairs, cause=case.arguments.get("cause") or None)
    return {"z": t.z, "correlation": t.correlation.ravel(), "statistic": t.statistic, "p": t.p}


def replay_permutation(case: Case) -> Mapping[str, Any]:
    """Always exact; z without its sign, which depends on the order of the groups."""
    a = case.arguments
    t = permutation_logrank_test(_episodes(case), a["weights"], cause=a.get("cause") or None, method="exact")
    return {"p": t.p, "z": abs(t.z or 0.0), "statistic": t.statistic, "splits": t.splits}


def _episodes(case: Case) -> Episodes:
    """The first rows of the data set, or all, with what the arguments ask for."""
    a, n = case.arguments, int(case.arguments.get("first", 0)) or None
    names = _FREIREICH if case.data_name == "freireich" else {}

    def column(name: str) -> list[Any]:
        return case.column(names.get(name, name))[:n]

    return Episodes.of(
        column("time"), column("status"), group=column(a.get("group", "arm")),
        entry=column("entry") if a.get("entry") else None, strata=column("centre") if a.get("strata") else None,
        count=np.asarray(column("id")) % 3 + 1 if a.get("counted") else None,
    )  # fmt: skip


REPLAYS = {
    **{
        name: replay_logrank
        for name in (
            *("logrank", "gehan_breslow", "tarone_ware", "peto_peto", "peto_prentice", "peto_modified"),
            *("fleming_harrington", "logrank_trend"),
        )
    },
    "max_combo": replay_max_combo,
    "logrank_permutation": replay_permutation,
}
