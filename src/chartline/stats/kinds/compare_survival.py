"""Rows of curves compared: n and events by group, each test asked for, restricted means."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from chartline.counts.model import EventTable
from chartline.results.model import Result
from chartline.stats.comparison.logrank import Weights, logrank_test
from chartline.stats.comparison.max_combo import max_combo_test
from chartline.stats.comparison.permutation import permutation_logrank_test
from chartline.stats.episodes import Episodes
from chartline.stats.groups import group_of, levels_of, with_known
from chartline.stats.kinds.rows import Rows, standing
from chartline.stats.kinds.source import DAYS_PER_MONTH, Source, months
from chartline.stats.statistic import NotEstimable
from chartline.stats.survival.restricted_mean import compare_restricted_means, estimate_restricted_mean

_NAMES = {
    "logrank": "Log-rank test",
    "gehan": "Gehan-Breslow test",
    "tarone_ware": "Tarone-Ware test",
    "peto": "Peto-Peto test",
    "fleming_harrington": "Fleming-Harrington test",
    "max_combo": "Max-combo test",
    "permutation": "Permutation log-rank test",
    "trend": "Log-rank test for trend",
}


def estimate(source: Source, analysis: Any) -> Iterator[Result]:
    """Yield n and events of each group, then the rows of each test, then restricted means, differences and ratios."""
    table = source.table(analysis.id, EventTable)
    known, unknown = with_known(table, (analysis.by, *analysis.strata))
    shared = standing(known.n, table.missing + unknown, table.withheld, "without a time or group left out")
    levels = source.levels(analysis.by, levels_of(known, analysis.by))
    for level in levels:
        part = known.select(((analysis.by, level),))
        rows = Rows(analysis.id, analysis.label, group_of(((analysis.by, level),)), {"N": part.n})
        yield rows.count("n", part.n)
        yield rows.count("events", sum(sum(row[2:]) for row in part.rows.values()))
    rows = Rows(analysis.id, analysis.label, "", shared)
    for test in analysis.tests:
        method = _method(analysis, test)
        yield from rows.tried(f"p_{test}", method, partial(_test, source, rows, known, levels, analysis, test, method))
    for month in analysis.restricted_mean_months:
        yield from _restricted(source, known, levels, analysis, month, shared)


def _method(analysis: Any, test: str) -> str:
    name = _NAMES[test]
    if test == "fleming_harrington":
        name += f" (rho {analysis.rho:g}, gamma {analysis.gamma:g})"
    return name + (f", stratified by {', '.join(analysis.strata)}" if analysis.strata else "")


def _test(
    source: Source, rows: Rows, table: EventTable, levels: list[str], analysis: Any, test: str, method: str
) -> Iterator[Result]:
    episodes = _episodes(table, levels, analysis)
    if test == "max_combo":
        if len(levels) > 2:
            raise NotEstimable(f"{len(levels)} groups, where two are compared")
        combo = max_combo_test(episodes)
        yield rows.value("z_max_combo", combo.statistic, method, unit="z", warnings=combo.warnings)
        yield rows.p("p_max_combo", combo.p, method, warnings=combo.warnings)
    elif test == "permutation":
        deal = permutation_logrank_test(episodes)
        how = "exact" if deal.exact else f"{deal.resamples:,} random deals, seed {deal.seed}"
        yield rows.p("p_permutation", deal.p, f"{method}, {how}", warnings=deal.warnings)
    else:
        weights: Weights = (
            "logrank" if test == "trend"
            else ("fleming_harrington", analysis.rho, analysis.gamma) if test == "fleming_harrington" else test
        )  # fmt: skip
        if test == "trend":
            method += f" over {source.trend_over(analysis.by, levels, analysis.scores)}"
        done = logrank_test(episodes, weights, trend=(analysis.scores or True) if test == "trend" else False)
        yield rows.value(f"chisq_{test}", done.chisq, method, unit="chi-square", warnings=done.warnings)
        yield rows.p(f"p_{test}", done.p, f"{method}, {done.df} df", warnings=done.warnings)


def _episodes(table: EventTable, levels: list[str], analysis: Any) -> Episodes:
    """The groups in the order of their declaration, which a trend goes by."""
    if not table.rows:
        raise NotEstimable("no patients with a time and a group")
    episodes = Episodes.from_counts(table, by=analysis.by, strata=analysis.strata)
    place = np.array([levels.index(g) for g in episodes.groups], np.int64)
    return replace(episodes, group=place[episodes.group], groups=tuple(levels))


def _restricted(
    source: Source, table: EventTable, levels: list[str], analysis: Any, month: float, shared: dict[str, Any]
) -> Iterator[Result]:
    """The restricted mean of each group, and where there are two, their difference and ratio."""
    tau, at = month * DAYS_PER_MONTH, {"at": month, "at_unit": "months", "level": analysis.level}
    method = f"Restricted mean up to {month:g} months (area under Kaplan-Meier)"
    for level in levels:
        part = table.select(((analysis.by, level),))
        group = group_of(((analysis.by, level),))
        rows = Rows(analysis.id, analysis.label, group, {"N": part.n, "unit": "months", **at})

        def one(part: EventTable = part, rows: Rows = rows) -> Iterator[Result]:
            mean = estimate_restricted_mean(part, tau, analysis.level)
            ends = (mean.lower / DAYS_PER_MONTH, mean.upper / DAYS_PER_MONTH)
            value = mean.mean / DAYS_PER_MONTH
            yield rows.value("restricted_mean", value, method, ends, warnings=mean.warnings)

        yield from rows.tried("restricted_mean", method, one)
    if len(levels) != 2:
        return
    rows = Rows(analysis.id, analysis.label, "", shared | at)

    def two() -> Iterator[Result]:
        both = compare_restricted_means(_episodes(table, levels, analysis), tau, analysis.level)
        d, r = both.difference, both.ratio
        how = f"{method}, {source.against(analysis.by, levels)}"
        ends = (months(d.lower), months(d.upper))
        yield rows.value("restricted_mean_difference", months(d.value), how, ends, unit="months")
        yield rows.p("p_restricted_mean_difference", d.p, how)
        yield rows.value("restricted_mean_ratio", r.value, how, (r.lower, r.upper), unit="ratio")

    yield from rows.tried("restricted_mean_difference", method, two)
