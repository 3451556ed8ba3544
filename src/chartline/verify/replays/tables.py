"""Replays of tables: given in the case, or counted from a shipped data set by the columns that the arguments name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from chartline.counts.model import CountKey, CrossTab
from chartline.stats.proportions.agreement import estimate_kappa
from chartline.stats.proportions.chi_square import likelihood_ratio_test, mcnemar_test, pearson_test
from chartline.stats.proportions.fisher import fisher_test
from chartline.stats.proportions.standardised_difference import standardised_difference_of_levels
from chartline.stats.proportions.stratified import (
    breslow_day_test,
    exact_stratified_odds_ratio,
    mantel_haenszel,
    mantel_haenszel_test,
)
from chartline.stats.proportions.stratified_general import generalised_mantel_haenszel_test
from chartline.stats.proportions.table import table_of
from chartline.stats.proportions.trend import exact_trend_test, linear_by_linear_test, trend_test
from chartline.stats.proportions.unconditional import barnard_test, boschloo_test
from chartline.verify.cases import Case, Replay


def counted(case: Case, names: list[str]) -> CrossTab:
    """The subjects of a shipped data set by the columns `names`, as they would cross the wall."""
    levels = [[f"{v:g}" if isinstance(v, float) else str(v) for v in case.column(n)] for n in names]
    cells = Counter(zip(*levels, strict=True))
    return CrossTab(key=CountKey(analysis=case.id, protocol_digest="", unit=""), dims=tuple(names), cells=cells)


def _table(function: Callable[..., Any], field: str = "table", **fixed: Any) -> Replay:
    """`first` = 1 puts the last column first: the event is coded 1."""

    def replay(case: Case) -> dict[str, Any]:
        if field in case.data:
            return asdict(function(case.column(field), **fixed, **case.arguments))
        other = {k: v for k, v in case.arguments.items() if k not in ("rows", "columns", "strata", "first")}
        names = [case.arguments[k] for k in ("rows", "columns", "strata") if k in case.arguments]
        table = table_of(counted(case, names), *names)
        counts = table.counts[..., ::-1] if case.arguments.get("first") else table.counts
        return asdict(function(counts, **fixed, **other))

    return replay


def _columns(function: Callable[..., Any], first: str, second: str) -> Replay:
    def replay(case: Case) -> dict[str, Any]:
        return asdict(function(case.column(first), case.column(second), **case.arguments))

    return replay


def _two(function: Callable[..., Any]) -> Replay:
    def replay(case: Case) -> dict[str, Any]:
        (n1, n2), (total1, total2) = case.column("n"), case.column("total")
        return asdict(function(n1, total1, n2, total2, **case.arguments))

    return replay


REPLAYS: dict[str, Replay] = {
    "chi_square": _table(pearson_test),
    "likelihood_ratio_chi_square": _table(likelihood_ratio_test),
    "fisher": _table(fisher_test),
    "mcnemar": _table(mcnemar_test),
    "kappa": _table(estimate_kappa),
    "linear_by_linear": _table(linear_by_linear_test),
    "cochran_armitage": _columns(trend_test, "events", "totals"),
    "cochran_armitage_exact": _columns(exact_trend_test, "events", "totals"),
    "standardised_difference_category": _columns(standardised_difference_of_levels, "first", "second"),
    "boschloo": _two(boschloo_test),
    "barnard": _two(barnard_test),
    "mantel_haenszel_test": _table(mantel_haenszel_test, "tables"),
    "mantel_haenszel_odds_ratio": _table(mantel_haenszel, "tables", measure="odds_ratio"),
    "mantel_haenszel_risk_ratio": _table(mantel_haenszel, "tables", measure="risk_ratio"),
    "mantel_haenszel_risk_difference": _table(mantel_haenszel, "tables", measure="risk_difference"),
    "stratified_odds_ratio_exact": _table(exact_stratified_odds_ratio, "tables"),
    "breslow_day": _table(breslow_day_test, "tables"),
    "generalised_mantel_haenszel": _table(generalised_mantel_haenszel_test, "tables"),
}
