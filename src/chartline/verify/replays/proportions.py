"""Replays of one proportion and of two: the case holds n and total, the arguments are those of the function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from chartline.stats.proportions.odds_ratio import (
    exact_odds_ratio,
    mid_p_odds_ratio,
    miettinen_nurminen_odds_ratio,
    woolf,
)
from chartline.stats.proportions.proportion import INTERVALS, binomial_test
from chartline.stats.proportions.two_proportions import (
    agresti_caffo,
    katz,
    miettinen_nurminen_difference,
    miettinen_nurminen_ratio,
    newcombe,
    wald_difference,
)
from chartline.verify.cases import Case, Replay


def _one(function: Callable[..., Any]) -> Replay:
    def replay(case: Case) -> dict[str, Any]:
        (n,), (total,) = case.column("n"), case.column("total")
        return asdict(function(n, total, **case.arguments))

    return replay


def _two(function: Callable[..., Any]) -> Replay:
    def replay(case: Case) -> dict[str, Any]:
        (n1, n2), (total1, total2) = case.column("n"), case.column("total")
        return asdict(function(n1, total1, n2, total2, **case.arguments))

    return replay


REPLAYS: dict[str, Replay] = {
    "proportion": _one(INTERVALS["clopper_pearson"]),
    **{f"proportion_{name}": _one(f) for name, f in INTERVALS.items() if name != "clopper_pearson"},
    "binomial_test": _one(binomial_test),
    "risk_difference_newcombe": _two(newcombe),
    "risk_difference_miettinen_nurminen": _two(miettinen_nurminen_difference),
    "risk_difference_agresti_caffo": _two(agresti_caffo),
    "risk_difference_wald": _two(wald_difference),
    "risk_ratio_miettinen_nurminen": _two(miettinen_nurminen_ratio),
    "risk_ratio_katz": _two(katz),
    "odds_ratio_exact": _two(exact_odds_ratio),
    "odds_ratio_mid_p": _two(mid_p_odds_ratio),
    "odds_ratio_miettinen_nurminen": _two(miettinen_nurminen_odds_ratio),
    "odds_ratio_woolf": _two(woolf),
}
