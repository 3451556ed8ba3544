"""Rows of toxicity by cycle: of the patients who began a cycle, those with an event in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chartline.counts.model import CrossTab
from chartline.results.model import Result
from chartline.stats.groups import group_of, left_out
from chartline.stats.kinds.rows import Rows
from chartline.stats.kinds.source import Source
from chartline.stats.proportions.proportion import METHODS, clopper_pearson


def estimate(source: Source, analysis: Any) -> Iterator[Result]:
    """Yield, cycle by cycle, how many began it and in how many an event began. The missing stay in the denominator."""
    table = source.table(analysis.id, CrossTab)
    cycles = sorted({levels[table.dims.index("CYCLE")] for levels in table.cells}, key=int)
    if not cycles:
        yield Rows(analysis.id, analysis.label).failed("proportion", "nobody began a cycle", METHODS["clopper_pearson"])
    for cycle in cycles:
        n, total = table.where(CYCLE=cycle, outcome="counted"), table.where(CYCLE=cycle)
        missing = table.where(CYCLE=cycle, outcome="missing")
        warnings = left_out(missing, 0, "cannot be judged: in the denominator, not in the numerator")
        shared = {"n": n, "N": total, "missing": missing, "withheld": table.withheld, "warnings": warnings}
        rows = Rows(analysis.id, analysis.label, group_of((("CYCLE", cycle),)), shared)
        yield rows.count("n", n)
        ends = clopper_pearson(n, total, analysis.level)
        yield rows.value(
            "proportion", n / total, METHODS["clopper_pearson"], (ends.lower, ends.upper), unit="proportion",
            level=analysis.level,
        )  # fmt: skip
