"""Rows of a Cox regression: the hazard ratio of every term, tests of the model, and how far it can be trusted.

The method is chosen by `guards.choose_cox_method` where the protocol says `auto`, and the reason is part of the text
beside each number. Missing covariates are left out and counted, or imputed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from chartline.counts.model import EventTable
from chartline.results.model import Result
from chartline.stats.episodes import Episodes
from chartline.stats.groups import NOBODY, with_known
from chartline.stats.kinds.imputed import columns_with_gaps, covariate_texts, imputed_text, method_for_imputed
from chartline.stats.kinds.model_data import code_covariates, enough_without_penalty, meaning
from chartline.stats.kinds.rows import Rows, finite, standing
from chartline.stats.kinds.source import Source
from chartline.stats.regression.cox import CoxFit, estimate_cox
from chartline.stats.regression.firth_cox import estimate_firth_cox
from chartline.stats.regression.guards import choose_cox_method
from chartline.stats.statistic import NotEstimable

_MODEL = "model"  # the row that says why there is no model
FEWEST_CLUSTERS = 20  # Cameron AC, Miller DL. J Hum Resour 2015;50:317-372: few is 20 to 50, more if they are unequal


def estimate(source: Source, analysis: Any) -> Iterator[Result]:
    """Yield n, events, hazard ratio, coefficient and P of each term, the tests of the model."""
    table = source.table(analysis.id, EventTable)
    if analysis.time_dependent:  # the move to the state after ends a part of a time, not the time
        table = table.without_last_cause()
    rows = Rows(analysis.id, analysis.label, "", {"missing": table.missing, "withheld": table.withheld})
    model = _imputed if analysis.missing == "impute" else _complete
    yield from rows.tried(_MODEL, _name(analysis), partial(model, source, analysis, table))


@dataclass(frozen=True)
class _Model:
    """What is fitted, and what its rows share."""

    source: Source
    analysis: Any
    episodes: Episodes
    reference: dict[str, str]
    shared: dict[str, Any]

    @property
    def cause(self) -> str | None:
        return str(self.analysis.cause) if self.analysis.cause else None

    def rows(self, term: str = "", warnings: tuple[str, ...] = ()) -> Rows:
        """Return the rows of a term with its interval's level, or of the model."""
        own = {"level": self.analysis.level} if term else {}
        said = {"warnings": (*self.shared["warnings"], *warnings)}
        group = f"TERM={term}" if term else ""
        return Rows(self.analysis.id, self.analysis.label, group, self.shared | own | said)

    def method(self, *parts: str, term: str) -> str:
        """Return how a number of a term came about: the model, what else was chosen, what the ratio is for."""
        strata = f", stratified by {', '.join(self.analysis.strata)}" if self.analysis.strata else ""
        name, *more = parts
        return "; ".join([f"{_name(self.analysis)}{name}{strata}", *more]) + meaning(
            self.source, self.analysis, self.reference, term
        )


def _name(analysis: Any) -> str:
    return "Cox regression" + (f" of {analysis.cause}, other events censored" if analysis.cause else "")


def _complete(source: Source, analysis: Any, table: EventTable) -> Iterator[Result]:
    """Those with a time and all covariates."""
    strata, cluster = analysis.strata, analysis.cluster or analysis.frailty
    coded = code_covariates(source, table, analysis, [v for v in (*strata, cluster) if v])
    episodes = coded.episodes(strata, cluster)
    shared = _shared(analysis, episodes, coded.table, table, "without a time or covariate left out")
    model = _Model(source, analysis, episodes, coded.reference, shared)
    yield from _counts(model)
    if analysis.frailty:
        yield from _frailty(model)
        return
    method, reason, warnings = _choice(model)
    yield from (_firth if method == "firth" else _ordinary)(model, reason, warnings)


def _shared(analysis: Any, episodes: Episodes, known: EventTable, table: EventTable, what: str) -> dict[str, Any]:
    """What the rows of a model share; `known` are those of the table that are in it."""
    n, missing = known.n_subjects, table.missing + table.n_subjects - known.n_subjects
    events = int(episodes.count[episodes.events_of(str(analysis.cause) if analysis.cause else None)].sum())
    return standing(n, missing, table.withheld, what) | {"n": events}


def _counts(model: _Model) -> Iterator[Result]:
    of = Rows(model.analysis.id, model.analysis.label, "", {k: v for k, v in model.shared.items() if k != "n"})
    yield of.count("n", model.shared["N"])
    yield of.count("events", model.shared["n"])


def _choice(model: _Model) -> tuple[str, str, tuple[str, ...]]:
    analysis = model.analysis
    if not model.shared["n"]:
        raise NotEstimable("no events")
    if analysis.method != "auto":
        likelihood = "Firth's penalty" if analysis.method == "firth" else "ordinary likelihood"
        return analysis.method, f"{likelihood}, as declared", ()
    choice = choose_cox_method(model.episodes, model.cause)
    if choice.method == "firth" and (analysis.robust or analysis.cluster or analysis.ties == "exact"):
        enough_without_penalty(model.shared["n"], len(model.episodes.covariates))
        return "ordinary", "no penalty, which goes with neither robust variance nor exact ties", choice.warnings
    return choice.method, choice.reason, choice.warnings


def _ordinary(model: _Model, reason: str, warnings: tuple[str, ...]) -> Iterator[Result]:
    analysis, episodes = model.analysis, model.episodes
    robust = analysis.robust or analysis.cluster is not None
    if episodes.cluster is not None:
        clusters = np.unique(episodes.cluster).size
        if clusters < 2:
            raise NotEstimable(f"all patients are in one cluster of {analysis.cluster}, which gives no robust variance")
        if clusters < FEWEST_CLUSTERS:
            warnings = (*warnings, f"{clusters} clusters are too few: their robust variance tends to be too small")
    fit = estimate_cox(episodes, ties=analysis.ties, cause=model.cause, robust=robust, level=analysis.level)
    ties = f", {analysis.ties.capitalize()} ties"
    variance = f", robust variance{f' by {analysis.cluster}' if analysis.cluster else ''}" if robust else ""
    warnings = (*warnings, *fit.warnings)
    for i, term in enumerate(fit.names):
        ratio = (fit.hazard_ratios[i], fit.lower[i], fit.upper[i])
        method = model.method(ties + variance, reason, term=term)
        yield from term_rows(
            model.rows(term, warnings), method, fit.coefficients[i], fit.std_errors[i], ratio, fit.p[i], "hazard_ratio"
        )
    rows = model.rows(warnings=warnings)
    for name, test in (("likelihood_ratio", fit.likelihood_ratio), ("wald", fit.wald), ("score", fit.score)):
        how = f"{name.replace('_', ' ').capitalize()} test of all terms, {test.df} df"
        if robust:  # as R prints it: only Wald's test uses the robust variance
            how += ", robust variance" if name == "wald" else ", which takes the patients as independent"
        yield rows.p(f"p_{name}", test.p, how)
    yield from _checks(fit, rows)


def _checks(fit: CoxFit, rows: Rows) -> Iterator[Result]:
    """Whether hazards are proportional, and how well the model tells patients apart."""
    from chartline.stats.regression.concordance import estimate_concordance
    from chartline.stats.regression.proportional_hazards import proportional_hazards_test

    method = "Score test of proportional hazards (cox.zph), all terms"

    def proportional() -> Iterator[Result]:
        yield rows.p("p_proportional_hazards", proportional_hazards_test(fit).overall.p, method)

    def concordance() -> Iterator[Result]:
        found = estimate_concordance(fit)
        how = "Harrell's concordance, infinitesimal jackknife"
        ends = (found.lower, found.upper)
        yield rows.value("concordance", found.value, how, ends, unit="share", level=fit.level)

    yield from rows.tried("p_proportional_hazards", method, proportional)
    yield from rows.tried("concordance", "Harrell's concordance", concordance)


def _firth(model: _Model, reason: str, warnings: tuple[str, ...]) -> Iterator[Result]:
    ties: Literal["efron", "breslow"] = "efron" if model.analysis.ties == "efron" else "breslow"
    fit = estimate_firth_cox(model.episodes, model.analysis.level, ties=ties, cause=model.cause)
    warnings = (*warnings, *fit.warnings)
    for term in fit.terms:
        method = model.method(
            f", {ties.capitalize()} ties, profile interval", reason, term=term.name
        )  # fmt: skip
        rows = model.rows(term.name, warnings)
        yield from term_rows(rows, method, term.coef, term.se, term.ratio, term.p, "hazard_ratio")
    method = f"Penalised likelihood ratio test of all terms, {fit.df} df"
    yield model.rows(warnings=warnings).p("p_likelihood_ratio", fit.p, method)


def _frailty(model: _Model) -> Iterator[Result]:
    from chartline.stats.regression.frailty import estimate_frailty_cox

    few = enough_without_penalty(model.shared["n"], len(model.episodes.covariates))
    fit = estimate_frailty_cox(model.episodes, model.analysis.level, by="cluster", cause=model.cause)
    warnings = (*few, *fit.warnings)
    name = f", gamma frailty by {model.analysis.frailty}"
    for term in fit.terms:
        rows, method = model.rows(term.name, warnings), model.method(name, term=term.name)
        yield from term_rows(rows, method, term.coef, term.se, term.ratio, term.p, "hazard_ratio")
    rows = model.rows(warnings=warnings)
    yield rows.value("frailty_variance", fit.theta, model.method(name, term=""), unit="variance")
    yield rows.p("p_frailty_variance", fit.p, "Likelihood ratio test of no frailty (half chi-square, 1 df)")


def _imputed(source: Source, analysis: Any, table: EventTable) -> Iterator[Result]:
    """Everyone with a time: missing covariates drawn several times, the models pooled by Rubin's rules."""
    from chartline.stats.sensitivity.imputed_models import estimate_imputed_cox

    known, _ = with_known(table, analysis.strata)
    if not known.rows:
        raise NotEstimable(NOBODY)
    episodes = Episodes.from_counts(known, strata=analysis.strata)
    columns, reference, parameters = columns_with_gaps(source, analysis, covariate_texts(known, analysis))
    shared = _shared(analysis, episodes, known, table, "without a time or stratum left out")
    model = _Model(source, analysis, episodes, reference, shared)
    if not shared["n"]:
        raise NotEstimable("no events")
    method, why = method_for_imputed(analysis, shared["n"], parameters)
    fit = estimate_imputed_cox(
        episodes, columns, seed=analysis.seed, m=analysis.imputations, cause=model.cause, method=method,
        level=analysis.level, reference=reference, ties="efron" if analysis.ties == "efron" else "breslow",
    )  # fmt: skip
    yield from _counts(model)
    for name, term in fit.terms.items():
        rows, text = model.rows(name, fit.warnings), model.method(imputed_text(fit), why, term=name)
        yield from term_rows(rows, text, term.estimate, term.se, term.ratio, term.p, "hazard_ratio")


def term_rows(
    rows: Rows, method: str, coefficient: Any, error: Any, ratio: tuple[Any, Any, Any], p: Any, statistic: str
) -> Iterator[Result]:
    """Yield ratio, coefficient with its error, and P of one term; a ratio of 0 or infinity is no estimate."""
    if finite(coefficient) is None:
        for name in (statistic, "coefficient", "std_error", "p"):
            yield rows.failed(name, "the likelihood has no maximum, so there is no finite estimate", method, level=None)
        return
    yield rows.value(statistic, ratio[0], method, (ratio[1], ratio[2]), unit="ratio")
    yield rows.value("coefficient", coefficient, method, level=None, unit="log ratio")
    yield rows.value("std_error", error, method, level=None, unit="log ratio")
    yield rows.p("p", p, method, level=None)
