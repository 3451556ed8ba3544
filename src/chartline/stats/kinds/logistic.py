"""Rows of a logistic regression: the odds ratio of every term, the test of the model, and why this method."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from chartline.counts.model import CrossTab
from chartline.results.model import Result
from chartline.stats.kinds.cox import term_rows
from chartline.stats.kinds.imputed import columns_with_gaps, imputed_text, method_for_imputed
from chartline.stats.kinds.model_data import code_number, meaning, references
from chartline.stats.kinds.rows import Rows, standing
from chartline.stats.kinds.source import Source
from chartline.stats.regression.firth_logistic import estimate_firth_logistic
from chartline.stats.regression.guards import choose_logistic_method
from chartline.stats.regression.logistic import INTERCEPT, Outcomes, estimate_logistic
from chartline.stats.statistic import NotEstimable

Cells = list[tuple[tuple[str, ...], int]]


def estimate(source: Source, analysis: Any) -> Iterator[Result]:
    """Yield n, events, odds ratio, coefficient and P of each term, the test of the model."""
    table = source.table(analysis.id, CrossTab)
    rows = Rows(analysis.id, analysis.label, "", {"withheld": table.withheld})
    model = _imputed if analysis.missing == "impute" else _model
    yield from rows.tried("model", "Logistic regression", partial(model, source, table, analysis))


def _model(source: Source, table: CrossTab, analysis: Any) -> Iterator[Result]:
    outcomes, reference = _outcomes(source, table, analysis)
    shared = _shared(table, outcomes.n, "without an outcome or covariate left out") | {"n": outcomes.n_events}
    yield from _counts(analysis, shared)
    choice = choose_logistic_method(outcomes)
    method, reason = choice.method, choice.reason
    if analysis.method != "auto":
        method = analysis.method
        reason = "Firth's penalty, as declared" if method == "firth" else "ordinary likelihood, as declared"
    fit = (estimate_firth_logistic if method == "firth" else estimate_logistic)(outcomes, analysis.level)
    text = f"Logistic regression, profile interval; {reason}"
    shared["warnings"] = (*shared["warnings"], *choice.warnings, *fit.warnings)
    for term in fit.terms[1:]:
        rows = Rows(analysis.id, analysis.label, f"TERM={term.name}", shared | {"level": analysis.level})
        own = text + meaning(source, analysis, reference, term.name)
        yield from term_rows(rows, own, term.coef, term.se, term.ratio, term.p, "odds_ratio")
    rows = Rows(analysis.id, analysis.label, "", shared)
    yield rows.p("p_likelihood_ratio", fit.p, f"Likelihood ratio test of all terms, {fit.df} df")


def _outcomes(source: Source, table: CrossTab, analysis: Any) -> tuple[Outcomes, dict[str, str]]:
    """Who has an outcome and all covariates, coded; and what each category is compared with."""
    places = {t.variable: table.dims.index(t.variable) for t in analysis.terms}
    kept = [(levels, n) for levels, n in _known(table) if all(levels[p] != "" for p in places.values())]
    if not kept:
        raise NotEstimable("no patients with an outcome and all covariates")
    counts = [n for _, n in kept]
    texts = {name: [levels[p] for levels, _ in kept] for name, p in places.items()}
    for name, of in texts.items():
        if len(set(of)) < 2:
            raise NotEstimable(f"{name} has one {'value' if source.is_number(name) else 'level'} only")
    numbers = {t.variable: t for t in analysis.terms if source.is_number(t.variable)}
    covariates = {
        name: code_number(numbers[name], of, counts) if name in numbers else np.array(of, dtype=str)
        for name, of in texts.items()
    }
    reference = references(source, analysis, {name: of for name, of in texts.items() if name not in numbers})
    answers = [levels[0] == "counted" for levels, _ in kept]
    return Outcomes.of(answers, covariates, count=counts, reference=reference), reference


def _imputed(source: Source, table: CrossTab, analysis: Any) -> Iterator[Result]:
    """Everyone with an outcome: missing covariates drawn several times, the models pooled by Rubin's rules."""
    from chartline.stats.sensitivity.imputed_models import estimate_imputed_logistic

    kept = _known(table)
    if not kept:
        raise NotEstimable("no patients with an outcome")
    texts = {t.variable: [levels[table.dims.index(t.variable)] for levels, _ in kept] for t in analysis.terms}
    columns, reference, parameters = columns_with_gaps(source, analysis, texts)
    outcome = np.array([levels[0] == "counted" for levels, _ in kept], np.float64)
    counts = np.array([n for _, n in kept])
    total, events = int(counts.sum()), int(outcome @ counts)
    method, why = method_for_imputed(analysis, min(events, total - events), parameters)
    fit = estimate_imputed_logistic(
        outcome, columns, seed=analysis.seed, count=counts, m=analysis.imputations, method=method, level=analysis.level,
        reference=reference,
    )  # fmt: skip
    shared = _shared(table, total, "without an outcome left out") | {"n": events}
    yield from _counts(analysis, shared)
    shared["warnings"] = (*shared["warnings"], *fit.warnings)
    text = f"Logistic regression{imputed_text(fit)}; {why}"
    for name, term in fit.terms.items():
        rows = Rows(analysis.id, analysis.label, f"TERM={name}", shared | {"level": analysis.level})
        if name != INTERCEPT:
            own = text + meaning(source, analysis, reference, name)
            yield from term_rows(rows, own, term.estimate, term.se, term.ratio, term.p, "odds_ratio")


def _known(table: CrossTab) -> Cells:
    """The cells of those whose outcome is known."""
    return [(levels, n) for levels, n in table.cells.items() if levels[0] != "missing" and n]


def _shared(table: CrossTab, n: int, what: str) -> dict[str, Any]:
    return standing(n, table.n - n, table.withheld, what)


def _counts(analysis: Any, shared: dict[str, Any]) -> Iterator[Result]:
    counts = Rows(analysis.id, analysis.label, "", {k: v for k, v in shared.items() if k != "n"})
    yield counts.count("n", shared["N"])
    yield counts.count("events", shared["n"])
