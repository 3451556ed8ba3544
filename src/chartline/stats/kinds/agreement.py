"""Rows of two classifications of the same patients: the table, agreement, kappa, McNemar's test of a 2 x 2 table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from chartline.counts.model import CrossTab
from chartline.results.model import Result
from chartline.stats.groups import group_of, in_order
from chartline.stats.kinds.rows import Rows, standing
from chartline.stats.kinds.source import Source
from chartline.stats.proportions.agreement import estimate_kappa
from chartline.stats.proportions.chi_square import mcnemar_test
from chartline.stats.proportions.proportion import METHODS, clopper_pearson
from chartline.stats.statistic import NotEstimable


def estimate(source: Source, analysis: Any) -> Iterator[Result]:
    """Yield each cell, the share that agrees with its exact interval, kappa, McNemar's P."""
    table = source.table(analysis.id, CrossTab)
    both = {pair: n for pair, n in table.cells.items() if "" not in pair}
    levels = in_order({level for pair in both for level in pair})
    cells = np.zeros((len(levels), len(levels)), np.int64)
    for (a, b), n in both.items():
        cells[levels.index(a), levels.index(b)] = n
        group = group_of(((analysis.first, a), (analysis.second, b)))
        yield Rows(analysis.id, analysis.label, group).count("n", n)
    total, same = int(cells.sum()), int(np.trace(cells))
    shared = standing(total, table.n - total, table.withheld, "without one of the two left out")
    rows = Rows(analysis.id, analysis.label, "", shared | {"level": analysis.level})
    yield Rows(analysis.id, analysis.label, "", shared).count("n", total)

    def share() -> Iterator[Result]:
        if not total:
            raise NotEstimable("nobody has both classifications")
        ends = clopper_pearson(same, total, analysis.level)
        method = f"Share in the same category, {METHODS['clopper_pearson']}"
        yield rows.value("agreement", same / total, method, (ends.lower, ends.upper), unit="proportion", n=same)

    def kappa() -> Iterator[Result]:
        if len(levels) < 2:
            raise NotEstimable("all are in one category")
        found = estimate_kappa(cells, level=analysis.level)
        yield rows.value("kappa", found.estimate, "Cohen's kappa", (found.lower, found.upper), unit="kappa")

    def mcnemar() -> Iterator[Result]:
        if len(levels) != 2:
            raise NotEstimable(f"McNemar's test is of two levels; there are {len(levels)}")
        yield rows.p("p_mcnemar", mcnemar_test(cells).p_exact, "McNemar's test, exact", level=None)

    yield from rows.tried("agreement", METHODS["clopper_pearson"], share)
    yield from rows.tried("kappa", "Cohen's kappa", kappa)
    yield from rows.tried("p_mcnemar", "McNemar's test, exact", mcnemar)
