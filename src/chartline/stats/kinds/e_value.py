"""Rows of E-values: how strong an unmeasured confounder must be to explain each ratio of a model away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chartline.results.model import Result
from chartline.stats.kinds.rows import Rows
from chartline.stats.kinds.source import Source
from chartline.stats.sensitivity.e_value import Measure, e_value

_MEASURES: dict[str, Measure] = {"hazard_ratio": "hazard ratio", "odds_ratio": "odds ratio"}


def estimate(source: Source, analysis: Any) -> Iterator[Result]:
    """Yield, for each ratio of the model, the E-value of the estimate, and that of the limit nearer to 1 beside it."""
    rows_of = source.rows.get(analysis.of, [])
    ratios = [row for row in rows_of if row.statistic in _MEASURES]
    if not ratios:
        why = next((row.reason for row in rows_of if row.value is None), "the model has no ratio")
        yield Rows(analysis.id, analysis.label).failed("e_value", why, "E-value")
    for row in ratios:
        kind = row.statistic.removesuffix("_ratio")
        of = "an odds" if kind == "odds" else f"a {kind}"
        method = f"E-value of {of} ratio, {'common' if analysis.common else 'rare'} outcome"
        rows = Rows(analysis.id, analysis.label, row.group)
        if row.value is None:
            yield rows.failed("e_value", row.reason, method)
            continue
        found = e_value(row.value, row.lower, row.upper, measure=_MEASURES[row.statistic], rare=not analysis.common)
        yield rows.value("e_value", found.value, method, unit="risk ratio")
        reason = "the model gives no limit" if found.limit is None else ""
        how = f"{method}, of the limit nearer to 1"
        yield rows.value("e_value_limit", found.limit, how, unit="risk ratio", reason=reason)
