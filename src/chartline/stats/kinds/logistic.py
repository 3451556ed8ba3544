"""Rows of a logistic regression: the odds ratio of every term, the test of the model, and why this method."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from chartline.counts.model import CrossTab
from chartline.results.model import Result
from chartline.stats.groups import left_out
from chartline.stats.kinds.cox import term_rows
from chartline.stats.kinds.model_data import described
from chartline.stats.kinds.rows import Rows
from chartline.stats.kinds.source import Source
from chartline.stats.regression.firth_logistic import estimate_firth_logistic
from chartline.stats.regression.guards import choose_logistic_method, events_per_variable
from chartline.stats.regression.logistic import INTERCEPT, Outcomes, estimate_logistic
from chartline.stats.statistic import NotEstimable


def estimate(source: Source, analysis: Any) -> Iterator[Result]:
    """Yield n, events, odds ratio, coefficient and P of each term, the test of the model."""
    table = source.table(analysis.id, CrossTab)
    rows = Rows(analysis.id, analysis.label, "", {"withheld": table.withheld})
    yield from rows.tried("model", "Logistic regression", lambda: _model(table, analysis))


def _model(table: CrossTab, analysis: Any) -> Iterator[Result]:
    if analysis.missing == "impute":
        yield from _imputed(table, analysis)
        return
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


def _imputed(table: CrossTab, analysis: Any) -> Iterator[Result]:
    """Everyone with an outcome: missing covariates drawn several times, the models pooled by Rubin's rules."""
    from chartline.stats.sensitivity.imputed_models import estimate_imputed_logistic

    kept = [(levels, n) for levels, n in table.cells.items() if levels[0] != "missing" and n]
    missing, total = table.where(outcome="missing"), sum(n for _, n in kept)
    if not kept:
        raise NotEstimable("no patients with an outcome")
    columns: dict[str, list[Any]] = {}
    for term in analysis.terms:
        texts = [levels[table.dims.index(term.variable)] for levels, _ in kept]
        known = _column(term, [t for t in texts if t])
        values = iter(known.tolist())
        columns[term.variable] = [next(values) if t else None for t in texts]
    outcome = np.array([levels[0] == "counted" for levels, _ in kept], np.float64)
    counts = np.array([n for _, n in kept])
    events = int(outcome @ counts)
    few = events_per_variable(min(events, total - events), len(analysis.terms))
    method: Literal["ordinary", "firth"] = (
        "firth" if analysis.method == "firth" or (analysis.method == "auto" and few.verdict != "enough") else "ordinary"
    )
    fit = estimate_imputed_logistic(
        outcome, columns, seed=analysis.seed, count=counts, m=analysis.imputations, method=method, level=analysis.level,
        reference={t.variable: t.reference for t in analysis.terms if t.reference},
    )  # fmt: skip
    shared: dict[str, Any] = {"N": total, "missing": missing, "withheld": table.withheld}
    shared["warnings"] = (*left_out(missing, table.withheld, "without an outcome left out"), *fit.warnings)
    yield Rows(analysis.id, analysis.label, "", shared).count("n", total)
    yield Rows(analysis.id, analysis.label, "", shared).count("events", events)
    gaps = "; ".join(f"{name} missing in {n}" for name, n in fit.missing.items() if n) or "nothing missing"
    penalty = ", Firth penalty" if method == "firth" else ""
    text = f"Logistic regression{penalty}, {fit.imputations} imputations (seed {fit.seed}; {gaps}), Rubin's rules"
    for name, term in fit.terms.items():
        rows = Rows(analysis.id, analysis.label, f"TERM={name}", shared | {"n": events, "level": analysis.level})
        if name != INTERCEPT:
            own = f"{text}; {few.sentence}"
            yield from term_rows(rows, own, term.estimate, term.se, term.ratio, term.p, "odds_ratio")


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
