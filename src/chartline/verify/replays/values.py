"""Tests and intervals of numbers, as recorded by tests/reference/record_values.R."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from chartline.stats.groups import in_order
from chartline.stats.values import (
    hodges_lehmann,
    median_interval,
    rank_groups,
    rank_tests,
    standardised_difference,
    t_test,
)
from chartline.stats.values.table import Numbers
from chartline.verify.cases import Case

_WHERE = ("value", "by", "floor")


def _groups(case: Case) -> dict[str, Numbers]:
    """The columns of the case, or a column of a shipped data set by the levels of another."""
    given = case.arguments
    if "value" not in given:
        return dict(case.data)
    step, values, by = given.get("floor", 0), case.column(given["value"]), case.column(given["by"])
    values = [math.floor(v / step) * step for v in values] if step else values
    names = [str(int(level)) if isinstance(level, float) else str(level) for level in by]
    return {n: [v for v, of in zip(values, names, strict=True) if of == n] for n in in_order(names)}


def _options(case: Case) -> dict[str, Any]:
    return {k: v for k, v in case.arguments.items() if k not in _WHERE}


def _two(function: Callable[..., Any]) -> Callable[[Case], Mapping[str, Any]]:
    def replay(case: Case) -> Mapping[str, Any]:
        x, y = _groups(case).values()
        return asdict(function(x, y, **_options(case)))

    return replay


def _one(function: Callable[..., Any]) -> Callable[[Case], Mapping[str, Any]]:
    def replay(case: Case) -> Mapping[str, Any]:
        (x,) = _groups(case).values()
        return asdict(function(x, **_options(case)))

    return replay


def _many(function: Callable[..., Any]) -> Callable[[Case], Mapping[str, Any]]:
    return lambda case: asdict(function(_groups(case), **_options(case)))


REPLAYS = {
    "rank_sum": _two(rank_tests.rank_sum_test),
    "signed_rank": _one(rank_tests.signed_rank_test),
    "kruskal_wallis": _many(rank_groups.kruskal_wallis_test),
    "jonckheere_terpstra": _many(rank_groups.jonckheere_test),
    "hodges_lehmann": _two(hodges_lehmann.estimate_shift),
    "pseudomedian": _one(hodges_lehmann.estimate_pseudomedian),
    "t_test": _two(t_test.t_test),
    "paired_t_test": _one(t_test.paired_t_test),
    "one_way_anova": _many(t_test.one_way_anova),
    "standardised_difference": _two(standardised_difference.standardised_difference),
    "hedges_g": _two(standardised_difference.hedges_g),
    "quantile_interval": _one(median_interval.quantile_interval),
}
