"""What a regression is fitted to: the table of an analysis with its covariates coded, and who has to be left out.

A pattern says the levels of the covariates as text. Whether a covariate is a number is what its declaration says:
numbers are divided by `per`, or become the columns of a spline; categories are compared with the reference that the
protocol names, else with their first level. Patients without a covariate or stratum are set apart: left out and
counted, or imputed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chartline.counts.model import BEFORE, STATE, EventTable, Pattern
from chartline.protocol.names import in_sentence, level_label
from chartline.stats.episodes import Episodes, Floats
from chartline.stats.groups import with_known
from chartline.stats.kinds.source import Source
from chartline.stats.regression.guards import events_per_variable
from chartline.stats.statistic import NotEstimable


@dataclass(frozen=True)
class Coded:
    """A table whose patterns hold the coded covariates, and how to read them."""

    table: EventTable
    kinds: dict[str, str]  # covariate -> number or category
    reference: dict[str, str]
    left_out: int  # subjects with a missing covariate or stratum

    def episodes(self, strata: Sequence[str] = (), cluster: str | None = None) -> Episodes:
        """Return the episodes of a model. Raises `NotEstimable` for nobody, and for a covariate of one level only."""
        if not self.table.rows:
            raise NotEstimable("no patients with a time and all covariates")
        for name, kind in self.kinds.items():
            levels = {dict(p)[name] for p in self.table.patterns}
            if len(levels) < 2:
                raise NotEstimable(f"{name} has one {'value' if kind == 'number' else 'level'} only")
        return Episodes.from_counts(
            self.table, strata=strata, covariates=self.kinds, reference=self.reference, cluster=cluster
        )


def code_covariates(source: Source, table: EventTable, analysis: Any, needed: Sequence[str] = ()) -> Coded:
    """Return the table of a model with its covariates coded, without the patterns that lack one.

    `needed` are other variables (strata, clusters) that must be known. Raises `NotEstimable` where nobody has the
    level that the others are compared with.
    """
    known, left_out = with_known(table, [*(t.variable for t in analysis.terms), *needed])
    kinds: dict[str, str] = {}
    categories: list[str] = []
    recode: dict[str, dict[str, Pattern]] = {}
    for term in analysis.terms:
        if source.is_number(term.variable):
            recode[term.variable] = _coded_numbers(term, known)
            kinds |= {name: "number" for pairs in recode[term.variable].values() for name, _ in pairs}
        else:
            kinds[term.variable] = "category"
            categories.append(term.variable)
    reference = references(source, analysis, {n: [dict(p)[n] for p in known.patterns] for n in categories})
    if known.patterns and STATE in dict(known.patterns[0]):
        kinds[STATE], reference[STATE] = "category", BEFORE
        if BEFORE not in {dict(p)[STATE] for p in known.patterns}:
            raise NotEstimable("no patients before the event on the way")
    out: dict[tuple[Pattern, int], tuple[int, ...]] = {}
    for (pattern, day), row in known.rows.items():
        key = (_recoded(pattern, recode), day)
        out[key] = tuple(a + b for a, b in zip(out[key], row, strict=True)) if key in out else row
    return Coded(replace(known, rows=dict(sorted(out.items()))), kinds, reference, left_out)


def references(source: Source, analysis: Any, levels: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Return the level that each category is compared with: as declared, else the first that occurs.

    `levels` are those of each covariate that is in the model. Raises `NotEstimable` where nobody has a declared one.
    """
    out = {}
    for term in analysis.terms:
        found = source.levels(term.variable, levels.get(term.variable, ()))
        if not found:
            continue
        if term.reference is not None and term.reference not in found:
            raise NotEstimable(
                f"nobody has {term.variable}={term.reference}, the level that the others are compared with"
            )
        out[term.variable] = term.reference or found[0]
    return out


def enough_without_penalty(events: int, coefficients: int) -> tuple[str, ...]:
    """Return the warning of a model for which no penalised form exists; below five events a coefficient there is no
    model (`guards`). Raises `NotEstimable`."""
    few = events_per_variable(events, max(1, coefficients))
    if events and few.verdict == "too few":
        raise NotEstimable(f"too few events ({few.sentence}), and no penalised form of this model exists")
    return (few.sentence,) if few.verdict == "few" else ()


def code_number(term: Any, texts: Sequence[str], counts: Sequence[int]) -> Floats:
    """Return numbers divided by `per`, or the columns of their spline; each text stands for so many patients."""
    numbers = np.array([float(t) for t in texts], np.float64)
    if term.spline is None:
        return np.asarray(numbers / term.per)
    from chartline.stats.regression.splines import natural_spline

    return natural_spline(numbers, df=term.spline, like=np.repeat(numbers, counts))


def spline_of(term: Any, table: EventTable, needed: Sequence[str] = ()) -> Any:
    """Return the natural spline of a number over the patients of a model, for values that nobody has."""
    from chartline.stats.regression.splines import fit_spline

    known, _ = with_known(table, [term.variable, *needed])
    patients = _patients(term, known)
    return fit_spline(np.array([float(t) for t in patients]), df=term.spline, count=np.array([*patients.values()]))


def meaning(source: Source, analysis: Any, reference: Mapping[str, str], term: str) -> str:
    """Return what the ratio of a term is for, to stand at the end of its method: "; per 10", "; against relapsed"."""
    variable, _, level = term.partition("=")
    if level and variable in reference:
        return f"; against {in_sentence(level_label(source.protocol, variable, reference[variable]))}"
    per = next((t.per for t in analysis.terms if t.variable == variable.partition("*")[0]), 1)
    return f"; per {per:g}" if per != 1 else ""


def _coded_numbers(term: Any, table: EventTable) -> dict[str, Pattern]:
    """Text of a number -> its coded pairs; a patient counts once, however many parts its time has."""
    patients = _patients(term, table)
    texts = [*patients]
    if term.spline is None:
        coded = code_number(term, texts, [1] * len(texts))
        return {t: ((term.variable, repr(float(x))),) for t, x in zip(texts, coded, strict=True)}
    basis = code_number(term, texts, [patients[t] for t in texts]) if texts else ()
    return {
        t: tuple((f"{term.variable}[{i + 1}]", repr(float(x))) for i, x in enumerate(row))
        for t, row in zip(texts, basis, strict=True)
    }


def _patients(term: Any, table: EventTable) -> dict[str, int]:
    """Text of a number -> how many begin with it, in ascending order."""
    patients: Counter[str] = Counter()
    for (pattern, day), row in table.rows.items():
        patients[dict(pattern)[term.variable]] += row[0] if day == 0 else 0
    return {t: patients[t] for t in sorted(patients, key=float)}


def _recoded(pattern: Pattern, recode: dict[str, dict[str, Pattern]]) -> Pattern:
    return tuple(pair for name, level in pattern for pair in recode.get(name, {}).get(level, ((name, level),)))
