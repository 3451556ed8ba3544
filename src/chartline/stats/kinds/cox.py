"""Rows of a Cox regression: the hazard ratio of every term, tests of the model, and how far it can be trusted.

The method is chosen by `guards.choose_cox_method` where the protocol says `auto`, and the reason is part of the text
beside each number. Missing covariates are left out and counted, or imputed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from chartline.counts.model import EventTable
from chartline.results.model import Result
from chartline.stats.episodes import Episodes
from chartline.stats.groups import NOBODY, left_out, with_known
from chartline.stats.kinds.imputed import columns_with_gaps, covariate_texts, imputed_text, method_for_imputed
from chartline.stats.kinds.model_data import Coded, code_covariates, described
from chartline.stats.kinds.rows import Rows, finite
from chartline.stats.kinds.source import Source
from chartline.stats.regression.cox import CoxFit, estimate_cox
from chartline.stats.regression.firth_cox import estimate_firth_cox
from chartline.stats.regression.guards import choose_cox_method
from chartline.stats.statistic import NotEstimable

_MODEL = "model"  # the row that says why there is no model


def estimate(source: Source, analysis: Any) -> Iterator[Result]:
    """Yield n, events, hazard ratio, coefficient and P of each term, the tests of the model."""
    table = source.table(analysis.id, EventTable)
    if analysis.time_dependent:  # the move to the state after ends a part of a time, not the time
        table = table.without_last_cause()
    strata, cluster = analysis.strata, analysis.cluster
    needed = [v for v in (*strata, cluster, analysis.frailty) if v]
    rows = Rows(analysis.id, analysis.label, "", {"missing": table.missing, "withheld": table.withheld})

    def fitted() -> Iterator[Result]:
        if analysis.missing == "impute":
            yield from _imputed(source, analysis, table)
            return
        coded = code_covariates(source, table, analysis, needed)
        yield from _model(analysis, coded, coded.episodes(strata, cluster or analysis.frailty), table)

    yield from rows.tried(_MODEL, _name(analysis), fitted)


def _name(analysis: Any) -> str:
    return "Cox regression" + (f" of {analysis.cause}, other events censored" if analysis.cause else "")


def _model(analysis: Any, coded: Coded, episodes: Episodes, table: EventTable) -> Iterator[Result]:
    cause = str(analysis.cause) if analysis.cause else None
    n = coded.table.n_at_start
    missing = table.missing + coded.left_out
    events = int(episodes.count[episodes.events_of(cause)].sum())
    shared = {
        "n": events, "N": n, "missing": missing, "withheld": table.withheld, "level": analysis.level,
        "warnings": left_out(missing, table.withheld, "without a time or covariate left out"),
    }  # fmt: skip
    counts = {k: v for k, v in shared.items() if k not in ("level", "n")}
    yield Rows(analysis.id, analysis.label, "", counts).count("n", n)
    yield Rows(analysis.id, analysis.label, "", counts).count("events", events)
    if analysis.frailty:
        yield from _frailty(analysis, episodes, cause, shared)
        return
    method, reason, warnings = _choice(analysis, episodes, cause)
    shared["warnings"] = (*shared["warnings"], *warnings)
    if method == "firth":
        yield from _firth(analysis, episodes, cause, shared, reason)
    else:
        yield from _ordinary(analysis, episodes, cause, shared, reason)


def _choice(analysis: Any, episodes: Episodes, cause: str | None) -> tuple[str, str, tuple[str, ...]]:
    if not episodes.count[episodes.events_of(cause)].sum():
        raise NotEstimable("no events")
    if analysis.method != "auto":
        return analysis.method, "as declared", ()
    choice = choose_cox_method(episodes, cause)
    if choice.method == "firth" and (analysis.robust or analysis.cluster):
        return "ordinary", "robust variance as declared", choice.warnings
    return choice.method, choice.reason, choice.warnings


def _ordinary(
    analysis: Any, episodes: Episodes, cause: str | None, shared: dict[str, Any], reason: str
) -> Iterator[Result]:
    robust = analysis.robust or analysis.cluster is not None
    if episodes.cluster is not None and np.unique(episodes.cluster).size < 2:
        raise NotEstimable(f"all patients are in one cluster of {analysis.cluster}, which gives no robust variance")
    fit = estimate_cox(episodes, ties=analysis.ties, cause=cause, robust=robust, level=analysis.level)
    text = f"{_name(analysis)}, {analysis.ties.capitalize()} ties{_strata(analysis)}"
    text += f", robust variance{f' by {analysis.cluster}' if analysis.cluster else ''}" if robust else ""
    shared["warnings"] = (*shared["warnings"], *fit.warnings)
    for i, term in enumerate(fit.names):
        rows = Rows(analysis.id, analysis.label, f"TERM={term}", shared)
        yield from term_rows(
            rows, f"{text}; {reason}{_per(analysis, term)}", fit.coefficients[i], fit.std_errors[i],
            (fit.hazard_ratios[i], fit.lower[i], fit.upper[i]), fit.p[i], "hazard_ratio",
        )  # fmt: skip
    rows = Rows(analysis.id, analysis.label, "", {k: v for k, v in shared.items() if k != "level"})
    for name, test in (("likelihood_ratio", fit.likelihood_ratio), ("wald", fit.wald), ("score", fit.score)):
        yield rows.p(f"p_{name}", test.p, f"{name.replace('_', ' ').capitalize()} test of all terms, {test.df} df")
    yield from _checks(analysis, fit, rows)


def _checks(analysis: Any, fit: CoxFit, rows: Rows) -> Iterator[Result]:
    """Whether hazards are proportional, and how well the model tells patients apart."""
    from chartline.stats.regression.concordance import estimate_concordance
    from chartline.stats.regression.proportional_hazards import proportional_hazards_test

    def proportional() -> Iterator[Result]:
        found = proportional_hazards_test(fit)
        yield rows.p(
            "p_proportional_hazards", found.overall.p, "Score test of proportional hazards (cox.zph), all terms"
        )

    def concordance() -> Iterator[Result]:
        found = estimate_concordance(fit)
        yield rows.value("concordance", found.value, "Harrell's concordance", unit="share")

    yield from rows.tried("p_proportional_hazards", "Score test of proportional hazards (cox.zph)", proportional)
    yield from rows.tried("concordance", "Harrell's concordance", concordance)


def _firth(
    analysis: Any, episodes: Episodes, cause: str | None, shared: dict[str, Any], reason: str
) -> Iterator[Result]:
    ties: Literal["efron", "breslow"] = "efron" if analysis.ties == "efron" else "breslow"
    fit = estimate_firth_cox(episodes, analysis.level, ties=ties, cause=cause)
    text = f"{_name(analysis)}, Firth's penalty, {ties.capitalize()} ties, profile interval{_strata(analysis)}"
    shared["warnings"] = (*shared["warnings"], *fit.warnings)
    for term in fit.terms:
        rows = Rows(analysis.id, analysis.label, f"TERM={term.name}", shared)
        yield from term_rows(
            rows, f"{text}; {reason}{_per(analysis, term.name)}", term.coef, term.se, term.ratio, term.p, "hazard_ratio"
        )
    rows = Rows(analysis.id, analysis.label, "", {k: v for k, v in shared.items() if k != "level"})
    yield rows.p("p_likelihood_ratio", fit.p, f"Penalised likelihood ratio test of all terms, {fit.df} df")


def _imputed(source: Source, analysis: Any, table: EventTable) -> Iterator[Result]:
    """Everyone with a time: missing covariates drawn several times, the models pooled by Rubin's rules."""
    from chartline.stats.sensitivity.imputed_models import estimate_imputed_cox

    table, without_stratum = with_known(table, analysis.strata)
    if not table.rows:
        raise NotEstimable(NOBODY)
    missing = table.missing + without_stratum
    cause = str(analysis.cause) if analysis.cause else None
    episodes = Episodes.from_counts(table, strata=analysis.strata)
    events = int(episodes.count[episodes.events_of(cause)].sum())
    if not events:
        raise NotEstimable("no events")
    columns, reference, parameters = columns_with_gaps(source, analysis, covariate_texts(table, analysis))
    method, few = method_for_imputed(analysis, events, parameters)
    fit = estimate_imputed_cox(
        episodes, columns, seed=analysis.seed, m=analysis.imputations, cause=cause, method=method, level=analysis.level,
        reference=reference, ties="efron" if analysis.ties == "efron" else "breslow",
    )  # fmt: skip
    text = f"{_name(analysis)}{imputed_text(fit)}"
    shared: dict[str, Any] = {"N": table.n, "missing": missing, "withheld": table.withheld}
    shared["warnings"] = (*left_out(missing, table.withheld, "without a time or stratum left out"), *fit.warnings)
    yield Rows(analysis.id, analysis.label, "", shared).count("n", table.n)
    yield Rows(analysis.id, analysis.label, "", shared).count("events", events)
    for name, term in fit.terms.items():
        rows = Rows(analysis.id, analysis.label, f"TERM={name}", shared | {"n": events, "level": analysis.level})
        own = f"{text}{_strata(analysis)}; {few}{_per(analysis, name)}"
        yield from term_rows(rows, own, term.estimate, term.se, term.ratio, term.p, "hazard_ratio")


def _frailty(analysis: Any, episodes: Episodes, cause: str | None, shared: dict[str, Any]) -> Iterator[Result]:
    from chartline.stats.regression.frailty import estimate_frailty_cox

    fit = estimate_frailty_cox(episodes, analysis.level, by="cluster", cause=cause)
    text = f"{_name(analysis)}, gamma frailty by {analysis.frailty}{_strata(analysis)}"
    shared["warnings"] = (*shared["warnings"], *fit.warnings)
    for term in fit.terms:
        rows = Rows(analysis.id, analysis.label, f"TERM={term.name}", shared)
        yield from term_rows(
            rows, text + _per(analysis, term.name), term.coef, term.se, term.ratio, term.p, "hazard_ratio"
        )
    rows = Rows(analysis.id, analysis.label, "", {k: v for k, v in shared.items() if k != "level"})
    yield rows.value("frailty_variance", fit.theta, text, unit="variance")
    yield rows.p("p_frailty_variance", fit.p, "Likelihood ratio test of no frailty (half chi-square, 1 df)")


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


def _strata(analysis: Any) -> str:
    return f", stratified by {', '.join(analysis.strata)}" if analysis.strata else ""


def _per(analysis: Any, term: str) -> str:
    per = described(analysis).get(term)
    return f"; {per}" if per else ""
