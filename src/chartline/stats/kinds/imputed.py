"""What the models with imputed covariates share: columns with gaps, which likelihood, and how the method reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from chartline.counts.model import EventTable
from chartline.stats.episodes import Episodes
from chartline.stats.kinds.model_data import code_number, references
from chartline.stats.kinds.source import Source
from chartline.stats.regression.guards import events_per_variable
from chartline.stats.sensitivity.imputed_models import ImputedModel

Method = Literal["ordinary", "firth"]


def covariate_texts(table: EventTable, analysis: Any) -> dict[str, list[str]]:
    """Return the level of each covariate in every row of the table's episodes, "" where missing."""
    out = {}
    for term in analysis.terms:
        e = Episodes.from_counts(table, by=term.variable)
        out[term.variable] = [e.groups[i] for i in e.group.tolist()]
    return out


def columns_with_gaps(
    source: Source, analysis: Any, texts: Mapping[str, Sequence[str]]
) -> tuple[dict[str, list[Any]], dict[str, str], int]:
    """Return the covariates with None where missing, the references of categories, the number of coefficients."""
    columns: dict[str, list[Any]] = {}
    categories: dict[str, Sequence[str]] = {}
    for term in analysis.terms:
        of = texts[term.variable]
        if source.is_number(term.variable):
            known = iter(code_number(term, [t for t in of if t], ()).tolist())
            columns[term.variable] = [next(known) if t else None for t in of]
        else:
            columns[term.variable] = [t or None for t in of]
            categories[term.variable] = of
    reference = references(source, analysis, categories)
    parameters = sum(len(set(categories.get(name, "")) - {""}) - 1 if name in categories else 1 for name in columns)
    return columns, reference, max(parameters, 1)


def method_for_imputed(analysis: Any, events: int, parameters: int) -> tuple[Method, str]:
    """Return the likelihood of the models and why; separation is not looked for in every imputed set."""
    few = events_per_variable(events, parameters)
    if analysis.method != "auto":
        return analysis.method, "as declared"
    return ("ordinary" if few.verdict == "enough" else "firth"), few.sentence


def imputed_text(fit: ImputedModel) -> str:
    """Return how imputations read after the name of a model."""
    gaps = "; ".join(f"{name} missing in {n}" for name, n in fit.missing.items() if n) or "nothing missing"
    penalty = ", Firth's penalty" if fit.method == "firth" else ""
    return f"{penalty}, {fit.imputations} imputations (seed {fit.seed}; {gaps}), Rubin's rules"
