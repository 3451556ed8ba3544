"""Rows of a Fine-Gray regression: the subdistribution hazard ratio of every term, the test of the model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from chartline.counts.model import EventTable
from chartline.results.model import Result
from chartline.stats.competing.fine_gray import TimeEffect, estimate_fine_gray
from chartline.stats.kinds.cox import term_rows
from chartline.stats.kinds.model_data import code_covariates, enough_without_penalty, meaning
from chartline.stats.kinds.rows import Rows, standing
from chartline.stats.kinds.source import Source


def estimate(source: Source, analysis: Any) -> Iterator[Result]:
    """Yield n, events, ratio, coefficient and P of each term, the test of the model."""
    table = source.table(analysis.id, EventTable)
    rows = Rows(analysis.id, analysis.label, "", {"missing": table.missing, "withheld": table.withheld})
    method = f"Fine-Gray regression of {analysis.cause}, robust variance"
    yield from rows.tried("model", method, lambda: _model(source, table, analysis, method))


def _model(source: Source, table: EventTable, analysis: Any, method: str) -> Iterator[Result]:
    coded = code_covariates(source, table, analysis)
    episodes, cause = coded.episodes(), str(analysis.cause)
    events = int(episodes.count[episodes.events_of(cause)].sum())
    missing = table.missing + coded.left_out
    shared = standing(coded.table.n, missing, table.withheld, "without a time or covariate left out") | {"n": events}
    counts = {k: v for k, v in shared.items() if k != "n"}
    yield Rows(analysis.id, analysis.label, "", counts).count("n", coded.table.n)
    yield Rows(analysis.id, analysis.label, "", counts).count("events", events)
    shared["warnings"] += enough_without_penalty(events, len(episodes.covariates) + len(analysis.time_effects))
    changing = [TimeEffect(v, lambda days: np.log(np.maximum(days, 1)), "log(day)") for v in analysis.time_effects]
    fit = estimate_fine_gray(episodes, cause, time_effects=changing, level=analysis.level)
    shared["warnings"] += fit.warnings
    for i, term in enumerate(fit.terms):
        rows = Rows(analysis.id, analysis.label, f"TERM={term}", shared | {"level": analysis.level})
        own = method + meaning(source, analysis, coded.reference, term)
        yield from term_rows(
            rows, own, fit.coefficients[i], fit.std_errors[i],
            (fit.hazard_ratios[i], fit.lower[i], fit.upper[i]), fit.p[i], "subdistribution_hazard_ratio",
        )  # fmt: skip
    rows = Rows(analysis.id, analysis.label, "", shared)
    yield rows.p("p_wald", fit.wald.p, f"Wald test of all terms, {fit.wald.df} df")
