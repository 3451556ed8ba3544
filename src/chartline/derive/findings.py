"""What the findings of one assessment show by a rule set, and how they are told.

In: an assessment's row with its raw values, the values before treatment (BASE, PBBLAST_BASE, EMD_BASE) and what the
counts around it prove (`response_counts.py`). Out: three-valued expressions: a missing value is neither true nor false.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from chartline.core.compare import holds, limits_text, value_text
from chartline.derive.response_rules import (
    AnyOf,
    Change,
    CountsRequirement,
    Finding,
    Measure,
    Recorded,
    Requirement,
    ResponseRules,
)

_BASE = {"BMBLAST": "BASE", "PBBLAST": "PBBLAST_BASE"}
_DISEASE = {"ABSENT": "no extramedullary disease"}
_OTHERS = {  # further findings a rule set may ask for: what is said of Y and of N
    "CSFBLAST": ("leukaemic blasts in the cerebrospinal fluid", "no blasts in the cerebrospinal fluid"),
    "AUERROD": ("blasts with Auer rods", "no Auer rods"),
    "TRILIN": ("trilineage haematopoiesis", "no trilineage haematopoiesis"),
}


def category_of(rules: ResponseRules) -> pl.Expr:
    """Return the code of the first category whose every requirement is shown; else that of not evaluable."""
    shown = [pl.when(pl.all_horizontal(is_shown(r) for r in c.requires)).then(pl.lit(c.code)) for c in rules.categories]
    return pl.coalesce([*shown, pl.lit(rules.not_evaluable)])


def is_shown(requirement: Requirement) -> pl.Expr:
    """Return whether a requirement is shown (true or false); one that only counts where available, also if missing."""
    return verdict(requirement).fill_null(getattr(requirement, "if_available", False))


def verdict(requirement: Requirement) -> pl.Expr:
    """Return whether a requirement holds; null where what it needs is missing."""
    if isinstance(requirement, CountsRequirement):
        return pl.col(f"{requirement.counts}_{requirement.which}")
    if isinstance(requirement, Finding):
        found = pl.col(requirement.variable).is_in(requirement.one_of)
        before = pl.col(f"{requirement.variable}_BASE").is_in(requirement.at_baseline)
        return found & before if requirement.at_baseline else found
    if isinstance(requirement, Change):
        base, sign = pl.col(_BASE[requirement.variable]), pl.col(f"{_BASE[requirement.variable]}_OP")
        if requirement.fall_percent is not None:
            # a fall from "at least 50" is at least that from 50; from "below 50" none can be shown
            base = pl.when(sign.is_null() | sign.str.starts_with(">")).then(base)
            return holds(requirement.variable, "<=", base * (1 - requirement.fall_percent / 100))
        base = pl.when(sign.is_null()).then(base)
        assert requirement.rise_percent is not None
        risen = holds(requirement.variable, ">=", base * (1 + requirement.rise_percent / 100))
        return risen & (holds(requirement.variable, ">", 0))  # none before and none now is no rise
    if isinstance(requirement, Recorded):
        return pl.col(requirement.recorded).is_not_null()
    if isinstance(requirement, AnyOf):
        return pl.any_horizontal(verdict(r) for r in requirement.any_of)
    assert isinstance(requirement, Measure)
    return holds(requirement.variable, requirement.operator, requirement.threshold)


def visit_findings(rules: ResponseRules, of: Iterable[Requirement] | None = None) -> pl.Expr:
    """`with 1.2 % blasts (<5), no blood blasts, no extramedullary disease`, and what else the rule set asks for.

    In brackets stand the nearest thresholds of `of`: the requirements of the categories, if not others are named.
    """
    asked = _measures([r for c in rules.categories for r in c.requires] if of is None else of)

    def number(name: str, words: str) -> pl.Expr:
        return pl.format(f"{words}{{}}", value_text(name), limits_text(name, asked.get(name, ())))

    told = [pl.format("with {}", number("BMBLAST", "{} % blasts")).fill_null("without a blast count")]
    none = (pl.col("PBBLAST") == 0) & pl.col("PBBLAST_OP").is_null()
    some = number("PBBLAST", "{} % blood blasts").fill_null("blood blasts not recorded")
    told.append(pl.when(none).then(pl.lit("no blood blasts")).otherwise(some))
    state = pl.format("extramedullary disease {}", pl.col("EMD").str.to_lowercase())
    told.append(pl.col("EMD").replace_strict(_DISEASE, default=state).fill_null("extramedullary disease not recorded"))
    # What few charts have is told only where it was recorded.
    for name, (yes, no) in _OTHERS.items():
        if name in rules.variables:
            told.append(pl.col(name).replace_strict({"Y": yes, "N": no}, default=None, return_dtype=pl.String))
    if "MRDVAL" in rules.variables:
        told.append(number("MRDVAL", "MRD {} %"))
    if "BMCOUNT" in rules.variables:
        told += [number("BMCOUNT", "{} cells counted"), number("BMCELLU", "{} % cellularity")]
    return pl.concat_str(told, separator=", ", ignore_nulls=True)


def _measures(requirements: Iterable[Requirement]) -> dict[str, list[tuple[str, float]]]:
    """Return variable -> the thresholds (operator, number) that requirements compare it with."""
    out: dict[str, list[tuple[str, float]]] = {}
    for r in requirements:
        for part in r.any_of if isinstance(r, AnyOf) else (r,):
            if isinstance(part, Measure):
                out.setdefault(part.variable, []).append((part.operator, part.threshold))
    return out
