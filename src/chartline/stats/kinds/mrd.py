"""Rows for MRD-negative response: every definition at every time point, over every denominator.

For x negative responders: (A) of those with an adequate test, (B) of all responders, (C) of the whole set, and the
bounds of B, with every responder who lacks an adequate test not negative (D, low) and negative (D, high). Low is B by
construction; it is printed as the bound that it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chartline.counts.model import CrossTab
from chartline.protocol.names import MRD_DENOMINATORS
from chartline.results.model import Result
from chartline.stats.groups import NOBODY, left_out
from chartline.stats.kinds.source import Source
from chartline.stats.proportions.proportion import INTERVALS, METHODS

_LEVEL = 0.95


def estimate(source: Source, analysis: Any) -> Iterator[Result]:
    """Yield, for each group of the analysis, a proportion a denominator, with n, N and interval.

    `missing` are the responders without an adequate test, wherever the denominator holds them.
    """
    for group in analysis.groups:
        yield from _rates(source.table(f"{analysis.id}/{group}", CrossTab), analysis, group)


def _rates(table: CrossTab, analysis: Any, group: str) -> Iterator[Result]:
    responders = table.where(RESPFL="Y")
    negative = table.where(RESPFL="Y", STANDING="negative")
    tested = negative + table.where(RESPFL="Y", STANDING="not_negative")
    untested = responders - tested
    counts = {
        "tested": (negative, tested, 0),
        "responders": (negative, responders, untested),
        "all": (negative, table.n, untested),
        "low": (negative, responders, untested),
        "high": (negative + untested, responders, untested),
    }
    for name in MRD_DENOMINATORS:
        n, total, missing = counts[name]
        ends = INTERVALS[analysis.interval](n, total, _LEVEL) if total else None
        yield Result(
            analysis.id, f"proportion_{name}", n / total if total else None, group=group,
            lower=ends.lower if ends else None, upper=ends.upper if ends else None, level=_LEVEL, unit="proportion",
            n=n, N=total, missing=missing, withheld=table.withheld, method=METHODS[analysis.interval],
            label=f"{analysis.label}, {MRD_DENOMINATORS[name]}", reason="" if total else NOBODY,
            warnings=left_out(0, table.withheld, ""),
        )  # fmt: skip
