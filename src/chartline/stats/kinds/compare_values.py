"""Rows of a number compared between groups: its summary in each, differences of two, tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from chartline.counts.model import ValueTable
from chartline.results.model import Result
from chartline.stats.groups import group_of
from chartline.stats.kinds.rows import Rows, standing
from chartline.stats.kinds.source import Source
from chartline.stats.statistic import NotEstimable
from chartline.stats.values.hodges_lehmann import estimate_shift
from chartline.stats.values.rank_groups import kruskal_wallis_test
from chartline.stats.values.rank_tests import rank_sum_test
from chartline.stats.values.standardised_difference import standardised_difference
from chartline.stats.values.summary import summarise
from chartline.stats.values.t_test import one_way_anova, t_test
from chartline.stats.values.table import values_of

Groups = Mapping[str, dict[float, int]]


def estimate(source: Source, analysis: Any) -> Iterator[Result]:
    """Yield n, mean, median and quartiles of each group, then the differences of two groups, then each test."""
    table = source.table(analysis.id, ValueTable)
    found = values_of(table, analysis.by)
    groups: Groups = {g: found.groups[g] for g in source.levels(analysis.by, found.groups)}
    no_group = sum(found.groups.get("", {}).values())
    missing = sum(found.missing.values()) + no_group
    for level, values in groups.items():
        rows = Rows(analysis.id, analysis.label, group_of(((analysis.by, level),)), {"unit": table.key.unit})
        s = summarise(values, found.missing.get(level, 0))
        yield rows.count("n", s.n, unit="patients", N=s.n + s.missing, missing=s.missing)
        for statistic in ("mean", "sd", "median", "q1", "q3"):
            reason = "" if getattr(s, statistic) is not None else "too few patients with a value"
            yield rows.value(statistic, getattr(s, statistic), statistic, reason=reason, n=s.n, N=s.n + s.missing)
    n = sum(sum(v.values()) for v in groups.values())
    shared = standing(n, missing, table.withheld, "without a value or group left out")
    rows = Rows(analysis.id, analysis.label, "", shared)
    for measure in analysis.measures:
        yield from rows.tried(
            measure, _NAMES[measure], partial(_measure, source, rows, groups, measure, analysis, table.key.unit)
        )
    for test in analysis.tests:
        yield from rows.tried(f"p_{test}", _NAMES[test], partial(_test, rows, groups, test))


def _pair(groups: Groups) -> tuple[dict[float, int], dict[float, int]]:
    """The second group and the first."""
    if len(groups) != 2:
        raise NotEstimable(f"{len(groups)} groups, where two are compared")
    first, second = groups.values()
    return second, first


def _measure(source: Source, rows: Rows, groups: Groups, measure: str, analysis: Any, unit: str) -> Iterator[Result]:
    x, y = _pair(groups)
    method, level = f"{_NAMES[measure]}, {source.against(analysis.by, list(groups))}", analysis.level
    if measure == "standardised_difference":
        smd = standardised_difference(x, y)
        yield rows.value(measure, smd.value, method, unit="standard deviations", warnings=smd.warnings)
        return
    shift: Any = estimate_shift(x, y, level=level) if measure == "hodges_lehmann" else t_test(x, y, level=level)
    why = f" ({shift.reason})" if measure == "hodges_lehmann" else ""
    yield rows.value(
        measure, shift.estimate, method + why, (shift.lower, shift.upper), level=level, unit=unit,
        warnings=getattr(shift, "warnings", ()),
    )  # fmt: skip


def _test(rows: Rows, groups: Groups, test: str) -> Iterator[Result]:
    if test in ("wilcoxon", "t"):
        x, y = _pair(groups)
        found: Any = rank_sum_test(x, y) if test == "wilcoxon" else t_test(x, y)
    else:
        found = kruskal_wallis_test(groups) if test == "kruskal_wallis" else one_way_anova(groups)
    why = getattr(found, "reason", "") or getattr(found, "method", "")
    yield rows.p(f"p_{test}", found.p, f"{_NAMES[test]}: {why}", warnings=getattr(found, "warnings", ()))


_NAMES = {
    "hodges_lehmann": "Hodges-Lehmann shift",
    "mean_difference": "Difference of means",
    "standardised_difference": "Standardised mean difference",
    "wilcoxon": "Wilcoxon rank-sum test",
    "kruskal_wallis": "Kruskal-Wallis test",
    "t": "t test",
    "anova": "One-way analysis of variance",
}
