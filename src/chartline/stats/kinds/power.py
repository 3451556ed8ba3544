"""Rows of the power of a planned design; no data."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from chartline.results.model import Result
from chartline.stats.kinds.rows import Rows
from chartline.stats.kinds.source import Source
from chartline.stats.planning.one_arm import one_arm_power
from chartline.stats.planning.power import Recruitment, trial_power


def estimate(source: Source, analysis: Any) -> Iterator[Result]:
    """Yield for each n the power; of a log-rank comparison also the events expected, of one arm the critical number."""
    for n in analysis.n:
        rows = Rows(analysis.id, analysis.label, f"N={n}", {"N": n})
        yield from (_one_arm if analysis.design == "one_arm" else _logrank)(rows, analysis, n)


def _one_arm(rows: Rows, analysis: Any, n: int) -> Iterator[Result]:
    design = one_arm_power(n, analysis.null_rate, analysis.alternative_rate, alpha=analysis.alpha)
    method = (
        f"Exact one-sided test of {analysis.null_rate:g} at {analysis.alpha:g}, {analysis.alternative_rate:g} hoped for"
    )
    yield rows.value("power", design.power, method, unit="proportion")
    yield rows.value("more_than", design.r, f"{method}: rejected with more responses than this", unit="responses")


def _logrank(rows: Rows, analysis: Any, n: int) -> Iterator[Result]:
    dropout = -math.log1p(-analysis.dropout_per_year) / 12
    recruitment = Recruitment(analysis.accrual_months, analysis.follow_up_months, dropout)
    design = trial_power(n, analysis.median_months, analysis.hazard_ratio, recruitment, alpha=analysis.alpha)
    method = (
        f"Log-rank test, Schoenfeld's formula: hazard ratio {analysis.hazard_ratio:g}, median of the control "
        f"{analysis.median_months:g} months, accrual over {analysis.accrual_months:g} months and "
        f"{analysis.follow_up_months:g} months more, {analysis.dropout_per_year:g} lost a year, two-sided alpha "
        f"{analysis.alpha:g}"
    )
    yield rows.value("power", design.power, method, unit="proportion")
    yield rows.value("events_expected", design.events, method, unit="events")
