"""What a regression is fitted to: the table of an analysis with its covariates coded, and who has to be left out.

A pattern says the levels of the covariates as text. Here numbers are divided by `per`, splines become their basis,
and patterns in which a covariate or stratum is missing are set apart: left out and counted, or imputed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chartline.counts.model import BEFORE, STATE, EventTable, Pattern
from chartline.stats.episodes import Episodes
from chartline.stats.groups import with_known
from chartline.stats.statistic import NotEstimable


@dataclass(frozen=True)
class Coded:
    """A table whose patterns hold the coded covariates, and how to read them."""

    table: EventTable
    kinds: dict[str, str]  # covariate -> number or category
    reference: dict[str, str]
    left_out: int  # subjects with a missing covariate or stratum

    def episodes(self, strata: Sequence[str] = (), cluster: str | None = None) -> Episodes:
        """Return the episodes of a model. Raises `NotEstimable` where a covariate has one level only."""
        for name, kind in self.kinds.items():
            levels = {dict(p)[name] for p in self.table.patterns}
            if len(levels) < 2:
                raise NotEstimable(f"{name} has one {'value' if kind == 'number' else 'level'} only")
        return Episodes.from_counts(
            self.table, strata=strata, covariates=self.kinds, reference=self.reference, cluster=cluster
        )


def code_covariates(table: EventTable, analysis: Any, needed: Sequence[str] = ()) -> Coded:
    """Return the table of a model with its covariates coded, without the patterns that lack one.

    `needed` are other variables (strata, clusters) that must be known.
    """
    whole, left_out = with_known(table, [*(t.variable for t in analysis.terms), *needed])
    rows, known = whole.rows, set(whole.patterns)
    kinds: dict[str, str] = {}
    reference: dict[str, str] = {}
    recode: dict[str, dict[str, Pattern]] = {}
    for term in analysis.terms:
        values = {dict(p)[term.variable] for p in known}
        if _numbers(values):
            recode[term.variable] = _coded_numbers(term, values, rows)
            kinds |= {name: "number" for pairs in recode[term.variable].values() for name, _ in pairs}
        else:
            kinds[term.variable] = "category"
            if term.reference is not None:
                reference[term.variable] = term.reference
    if any(name == STATE for p in known for name, _ in p):
        kinds[STATE] = "category"
        reference[STATE] = BEFORE
    out: dict[tuple[Pattern, int], tuple[int, ...]] = {}
    for (pattern, day), row in rows.items():
        key = (_recoded(pattern, recode), day)
        out[key] = tuple(a + b for a, b in zip(out[key], row, strict=True)) if key in out else row
    for name, level in reference.items():
        if known and level not in {dict(p)[name] for p in known}:
            raise NotEstimable(f"nobody has {name} = {level}, the level that the others are compared with")
    return Coded(replace(table, rows=dict(sorted(out.items()))), kinds, reference, left_out)


def described(analysis: Any) -> dict[str, str]:
    """Return covariate -> what its ratio is for, where that is not one unit: "AGE" -> "per 10"."""
    return {t.variable: f"per {t.per:g}" for t in analysis.terms if t.per != 1}


def _numbers(values: set[str]) -> bool:
    try:
        [float(v) for v in values]
    except ValueError:
        return False
    return bool(values)


def _coded_numbers(term: Any, values: set[str], rows: Any) -> dict[str, Pattern]:
    """Text of a number -> its coded pairs: divided by `per`, or the columns of a natural spline."""
    if term.spline is None:
        return {v: ((term.variable, repr(float(v) / term.per)),) for v in values}
    from chartline.stats.regression.splines import natural_spline

    each = [float(dict(p)[term.variable]) for (p, _), row in rows.items() for _ in range(row[0])]
    ordered = sorted(values, key=float)
    basis = natural_spline(np.array([float(v) for v in ordered]), df=term.spline, like=np.array(each))
    return {
        v: tuple((f"{term.variable}[{i + 1}]", repr(float(x))) for i, x in enumerate(row))
        for v, row in zip(ordered, basis, strict=True)
    }


def _recoded(pattern: Pattern, recode: dict[str, dict[str, Pattern]]) -> Pattern:
    return tuple(pair for name, level in pattern for pair in recode.get(name, {}).get(level, ((name, level),)))
