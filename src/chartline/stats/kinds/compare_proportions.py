"""Rows of a proportion compared between groups: n of N by group, differences and ratios, tests, pooled over strata."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from chartline.counts.model import CrossTab
from chartline.results.model import Result
from chartline.stats.groups import group_of, left_out, levels_of
from chartline.stats.kinds.rows import Rows, standing
from chartline.stats.kinds.source import Source
from chartline.stats.proportions.chi_square import pearson_test
from chartline.stats.proportions.fisher import fisher_test
from chartline.stats.proportions.odds_ratio import exact_odds_ratio
from chartline.stats.proportions.proportion import METHODS, clopper_pearson
from chartline.stats.proportions.stratified import breslow_day_test, mantel_haenszel, mantel_haenszel_test
from chartline.stats.proportions.trend import trend_test
from chartline.stats.proportions.two_proportions import (
    miettinen_nurminen_difference,
    miettinen_nurminen_ratio,
    newcombe,
)
from chartline.stats.proportions.unconditional import barnard_test, boschloo_test
from chartline.stats.statistic import NotEstimable

Measure = tuple[str, str, str, Callable[..., Any]]  # statistic, unit, method, kernel


@dataclass(frozen=True)
class _Counted:
    """n of N of each group, over everyone and by stratum (groups x (counted, not counted) x strata)."""

    groups: tuple[str, ...]
    table: Any
    missing: int  # with an unknown outcome, group or stratum
    unknown: dict[str, int]  # of each group, with an unknown outcome or stratum

    @property
    def whole(self) -> Any:
        return self.table.sum(axis=2)

    @property
    def by_stratum(self) -> Any:
        """Strata x groups x outcomes, the second group first, so that a ratio is the second against the first."""
        return self.table[::-1].transpose(2, 0, 1)

    def pair(self) -> tuple[int, int, int, int]:
        """Return n1, N1, n2, N2 of the second group and of the first. Raises `NotEstimable` unless there are two."""
        if len(self.groups) != 2:
            raise NotEstimable(f"{len(self.groups)} groups, where two are compared")
        (a, b), (c, d) = self.whole.tolist()
        return c, c + d, a, a + b


def estimate(source: Source, analysis: Any) -> Iterator[Result]:
    """Yield the proportion of each group, the measures between two, each test, and what is pooled over the strata."""
    table = source.table(analysis.id, CrossTab)
    of = _counted(source, table, analysis)
    shared = standing(
        int(of.table.sum()), of.missing, table.withheld, "with an unknown value or group left out"
    )  # fmt: skip
    for level, (n, other) in zip(of.groups, of.whole.tolist(), strict=True):
        own = {
            "n": n, "N": n + other, "missing": of.unknown[level],
            "warnings": left_out(of.unknown[level], 0, "with an unknown value left out of numerator and denominator"),
        }  # fmt: skip
        rows = Rows(analysis.id, analysis.label, group_of(((analysis.by, level),)), own)
        yield rows.count("n", n)
        if n + other:
            ends = clopper_pearson(n, n + other, analysis.level)
            yield rows.value(
                "proportion", n / (n + other), METHODS["clopper_pearson"], (ends.lower, ends.upper),
                level=analysis.level, unit="proportion",
            )  # fmt: skip
    rows = Rows(analysis.id, analysis.label, "", shared)
    for measure in (m for name in analysis.measures for m in _MEASURES[name]):
        statistic, _, method, _ = measure
        yield from rows.tried(statistic, method, partial(_measure, source, rows, of, analysis, measure))
    for test in analysis.tests:
        statistic, method = f"p_{test}", _TESTS[test][0]
        yield from rows.tried(statistic, method, partial(_test, source, rows, of, analysis, test))
    if analysis.strata:
        yield from _pooled(source, rows, of, analysis)


def _counted(source: Source, table: CrossTab, analysis: Any) -> _Counted:
    index = {d: i for i, d in enumerate(table.dims)}
    groups = tuple(source.levels(analysis.by, levels_of(table, analysis.by)))
    strata: dict[tuple[str, ...], int] = {}
    cells: dict[tuple[int, int, int], int] = {}
    missing, unknown = 0, dict.fromkeys(groups, 0)
    for levels, n in sorted(table.cells.items()):
        outcome, group = levels[index["outcome"]], levels[index[analysis.by]]
        within = tuple(levels[index[s]] for s in analysis.strata)
        if outcome == "missing" or group == "" or "" in within:
            missing += n
            if group != "":
                unknown[group] += n
            continue
        at = (groups.index(group), int(outcome != "counted"), strata.setdefault(within, len(strata)))
        cells[at] = cells.get(at, 0) + n
    out = np.zeros((len(groups), 2, max(1, len(strata))), np.int64)
    for at, n in cells.items():
        out[at] = n
    return _Counted(groups, out, missing, unknown)


def _measure(source: Source, rows: Rows, of: _Counted, analysis: Any, measure: Measure) -> Iterator[Result]:
    statistic, unit, method, kernel = measure
    found = kernel(*of.pair(), level=analysis.level)
    against = f"{method}, {source.against(analysis.by, of.groups)}"
    yield rows.value(
        statistic, found.estimate, against, (found.lower, found.upper), level=analysis.level, unit=unit,
        warnings=found.warnings,
    )  # fmt: skip


def _test(source: Source, rows: Rows, of: _Counted, analysis: Any, test: str) -> Iterator[Result]:
    method, kernel = _TESTS[test]
    if of.whole.size == 0:
        raise NotEstimable("no patients in the groups")
    if test in ("boschloo", "barnard"):
        found = kernel(*of.pair())
    elif test == "trend":
        method += f" over {source.trend_over(analysis.by, of.groups, analysis.scores)}"
        found = trend_test(of.whole[:, 0], of.whole.sum(axis=1), analysis.scores or None)
    else:
        found = kernel(of.whole)
    p = found.p_mid if test == "fisher_mid_p" else found.p
    if p is None:
        raise NotEstimable("the mid-P value is that of two groups")
    yield rows.p(f"p_{test}", p, method, warnings=getattr(found, "warnings", ()))


def _pooled(source: Source, rows: Rows, of: _Counted, analysis: Any) -> Iterator[Result]:
    over = f"over {', '.join(analysis.strata)}"

    def common() -> Iterator[Result]:
        of.pair()
        found = mantel_haenszel(of.by_stratum, "odds_ratio", analysis.level)
        method = f"Mantel-Haenszel {over}, {source.against(analysis.by, of.groups)}"
        yield rows.value(
            "odds_ratio_pooled", found.estimate, method, (found.lower, found.upper), level=analysis.level, unit="ratio",
            warnings=found.warnings,
        )  # fmt: skip

    def test() -> Iterator[Result]:
        of.pair()
        found = mantel_haenszel_test(of.by_stratum, continuity=False)
        yield rows.p("p_odds_ratio_pooled", found.p, f"Cochran-Mantel-Haenszel test {over}", warnings=found.warnings)

    def same() -> Iterator[Result]:
        of.pair()
        found = breslow_day_test(of.by_stratum)
        yield rows.p("p_breslow_day", found.p_tarone, f"Breslow-Day test (Tarone) of equal odds ratios {over}")

    yield from rows.tried("odds_ratio_pooled", f"Mantel-Haenszel {over}", common)
    yield from rows.tried("p_odds_ratio_pooled", f"Cochran-Mantel-Haenszel test {over}", test)
    yield from rows.tried("p_breslow_day", f"Breslow-Day test (Tarone) {over}", same)


_MEASURES: dict[str, tuple[Measure, ...]] = {
    "difference": (
        ("risk_difference", "difference", "Difference, Newcombe interval", newcombe),
        (
            "risk_difference_mn", "difference", "Difference, Miettinen-Nurminen interval",
            miettinen_nurminen_difference,
        ),
    ),
    "ratio": (("risk_ratio", "ratio", "Ratio, Miettinen-Nurminen interval", miettinen_nurminen_ratio),),
    "odds_ratio": (("odds_ratio", "ratio", "Odds ratio (conditional), exact central interval", exact_odds_ratio),),
}  # fmt: skip
_TESTS: dict[str, tuple[str, Callable[..., Any]]] = {
    "fisher": ("Fisher's exact test, two-sided by minimum likelihood", fisher_test),
    "fisher_mid_p": ("Fisher's exact test, mid-P", fisher_test),
    "boschloo": ("Boschloo's test", boschloo_test),
    "barnard": ("Barnard's test", barnard_test),
    "chi_square": ("Chi-square test", pearson_test),
    "trend": ("Cochran-Armitage test for trend", trend_test),
}
