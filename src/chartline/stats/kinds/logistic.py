"""Rows of a logistic regression: the odds ratio of every term, the test of the model, and why this method."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from chartline.counts.model import CrossTab
from chartline.results.model import Result
from chartline.stats.groups import left_out
from chartline.stats.kinds.cox import term_rows
from chartline.stats.kinds.model_data import described
from chartline.stats.kinds.rows import Rows
from chartline.stats.kinds.source import Source
from chartline.stats.regression.firth_logistic import estimate_firth_logistic
from chartline.stats.regression.guards import choose_logistic_method
from chartline.stats.regression.logistic import Outcomes, estimate_logistic
from chartline.stats.statistic import NotEstimable


def estimate(source: Source, analysis: Any) -> Iterator[Result]:
    """Yield n, events, odds ratio, coefficient and P of each term, the test of the model."""
    table = source.table(analysis.id, CrossTab)
    rows = Rows(analysis.id, analysis.label, "", {"withheld": table.withheld})
    yield from rows.tried("model", "Logistic regression", lambda: _model(table, analysis))


def _model(table: CrossTab, analysis: Any) -> Iterator[Result]:
    names = [t.variable for t in analysis.terms]
    places = [table.dims.index(n) for n in names]
    kept = [
        (levels, n) for levels, n in table.cells.items()
        if levels[0] != "missing" and all(levels[p] != "" for p in places) and n
    ]  # fmt: skip
    missing = table.n - sum(n for _, n in kept)
    if not kept:
        raise NotEstimable("no patients with an outcome and all covariates")
    covariates = {
        t.variable: _column(t, [levels[p] for levels, _ in kept]) for t, p in zip(analysis.terms, places, strict=True)
    }
    reference = {t.variable: t.reference for t in analysis.terms if t.reference is not None}
    outcomes = Outcomes.of(
        [levels[0] == "counted" for levels, _ in kept], covariates, count=[n for _, n in kept], reference=reference
    )
    shared: dict[str, Any] = {
        "n": outcomes.n_events, "N": outcomes.n, "missing": missing, "withheld": table.withheld,
        "warnings": left_out(missing, table.withheld, "without an outcome or covariate left out"),
    }  # fmt: skip
    counts = {k: v for k, v in shared.items() if k != "n"}
    yield Rows(analysis.id, analysis.label, "", counts).count("n", outcomes.n)
    yield Rows(analysis.id, analysis.label, "", counts).count("events", outcomes.n_events)
    choice = choose_logistic_method(outcomes)
    method, reason = (choice.method, choice.reason) if analysis.method == "auto" else (analysis.method, "as declared")
    fit = (estimate_firth_logistic if method == "firth" else estimate_logistic)(outcomes, analysis.level)
    text = f"Logistic regression{', Firth penalty' if method == 'firth' else ''}, profile interval; {reason}"
    shared["warnings"] = (*shared["warnings"], *choice.warnings, *fit.warnings)
    per = described(analysis)
    for term in fit.terms[1:]:
        rows = Rows(analysis.id, analysis.label, f"TERM={term.name}", shared | {"level": analysis.level})
        own = f"{text}; {per[term.name]}" if term.name in per else text
        yield from term_rows(rows, own, term.coef, term.se, term.ratio, term.p, "odds_ratio")
    rows = Rows(analysis.id, analysis.label, "", shared)
    yield rows.p("p_likelihood_ratio", fit.p, f"Likelihood ratio test of all terms, {fit.df} df")


def _column(term: Any, levels: list[str]) -> Any:
    """Numbers divided by `per` (or their spline), texts as they are."""
    try:
        numbers = np.array([float(x) for x in levels])
    except ValueError:
        return np.array(levels, dtype=str)
    if term.spline is None:
        return numbers / term.per
    from chartline.stats.regression.splines import natural_spline

    return natural_spline(numbers, df=term.spline)
