"""Rows that compare the columns of Table 1: for each variable the test that the rule chooses, its reason, its P value,
and between two columns the standardised difference.

Made only where a protocol asks; the rule sees sizes and expected counts, never a P value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from chartline.counts.model import CrossTab, ValueTable
from chartline.protocol.names import level_label
from chartline.results.model import Result
from chartline.stats.groups import levels_of
from chartline.stats.kinds.rows import Rows
from chartline.stats.kinds.source import Source
from chartline.stats.proportions.chi_square import pearson_test
from chartline.stats.proportions.fisher import fisher_test
from chartline.stats.proportions.standardised_difference import standardised_difference_of_levels
from chartline.stats.statistic import NotEstimable
from chartline.stats.values.choose import choose_test_for_categories, choose_test_for_numbers
from chartline.stats.values.rank_groups import kruskal_wallis_test
from chartline.stats.values.rank_tests import rank_sum_test
from chartline.stats.values.standardised_difference import standardised_difference
from chartline.stats.values.t_test import one_way_anova, t_test
from chartline.stats.values.table import values_of


def compare_numbers(source: Source, table: ValueTable, analysis: str, label: str, by: str) -> Iterator[Result]:
    """Yield the P value of a number by group if tests are asked for, and of two groups the standardised difference."""
    compare: Any = source.protocol.report.table1_tests
    found_in = {g: v for g, v in values_of(table, by).groups.items() if g != "" and v}
    groups = {g: found_in[g] for g in source.levels(by, found_in)}
    rows = Rows(analysis, label)

    def test() -> Iterator[Result]:
        choice = choose_test_for_numbers(groups, compare=compare)
        pair = list(groups.values())
        found: Any = (
            rank_sum_test(pair[0], pair[1]) if choice.test == "rank_sum"
            else t_test(pair[0], pair[1]) if choice.test == "t_test"
            else kruskal_wallis_test(groups) if choice.test == "kruskal_wallis" else one_way_anova(groups)
        )  # fmt: skip
        yield rows.p("p", found.p, choice.reason, warnings=getattr(found, "warnings", ()))

    def difference() -> Iterator[Result]:
        if len(groups) < 2:
            raise NotEstimable("fewer than two columns have values")
        first, second = groups.values()
        yield from _difference(source, by, list(groups), rows, standardised_difference(second, first))

    columns = len(source.levels(by, levels_of(table, by)))  # with those in which all are missing
    yield from _compared(source, rows, columns, test, difference)


def compare_categories(source: Source, table: CrossTab, analysis: str, label: str, by: str) -> Iterator[Result]:
    """Yield the P value of a category by group if tests are asked for, and of two groups the standardised difference;
    missing left out.

    The difference of two levels has the sign of the last one (of a flag, Y): positive where the second column has more.
    """
    groups = source.levels(by, levels_of(table, by))
    levels = source.levels(table.dims[0], levels_of(table, table.dims[0]))
    counts = np.array([[table.where(**{table.dims[0]: lv, by: g}) for g in groups] for lv in levels], np.int64)
    counts = counts.reshape(len(levels), len(groups))
    rows = Rows(analysis, label)

    def test() -> Iterator[Result]:
        choice = choose_test_for_categories(counts)
        found: Any = fisher_test(counts) if choice.test == "fisher" else pearson_test(counts)
        yield rows.p("p", found.p, choice.reason, warnings=found.warnings)

    def difference() -> Iterator[Result]:
        last_first = counts[::-1]  # the kernel's sign is that of the first level
        found = standardised_difference_of_levels(last_first[:, 1], last_first[:, 0])
        of = f" of {level_label(source.protocol, table.dims[0], levels[-1])}" if len(levels) == 2 else ""
        yield from _difference(source, by, groups, rows, found, of)

    yield from _compared(source, rows, len(groups), test, difference)


_SMD = "Standardised difference"
_Made = Callable[[], Iterator[Result]]


def _compared(source: Source, rows: Rows, columns: int, test: _Made, difference: _Made) -> Iterator[Result]:
    """The test if asked for; the difference of two columns, and why there is none of others if asked for."""
    report = source.protocol.report
    if report.table1_tests != "none":
        yield from rows.tried("p", "Comparison of the columns", test)
    if columns == 2:
        yield from rows.tried("smd", _SMD, difference)
    elif report.table1_differences:
        yield rows.failed("smd", f"{columns} column{'' if columns == 1 else 's'}, where two are compared", _SMD)


def _difference(source: Source, by: str, groups: list[str], rows: Rows, found: Any, of: str = "") -> Iterator[Result]:
    method = f"{_SMD}{of}, {source.against(by, groups)}"
    yield rows.value("smd", found.value, method, unit="standard deviations", warnings=found.warnings)
