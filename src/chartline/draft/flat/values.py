"""How well the values of a column fit what its heading may mean: the unit beside it, and the kind of its cells."""

from __future__ import annotations

from chartline.core.clinical import variables
from chartline.draft.codes import type_of
from chartline.draft.model import Target
from chartline.draft.profile import Profile
from chartline.draft.units import giga
from chartline.mapping import units
from chartline.mapping.blocks import RANGE_VARIABLES
from chartline.mapping.words import tests


def unit_fit(target: Target, unit: str) -> float:
    """Return from 0 to 1 whether a unit of the heading is one of the target; 1 where the heading has none."""
    if not unit:
        return 1.0
    if target.domain == "LB" and target.item:
        standard = tests()[target.item][1]
        return 1.0 if units.factor(giga(unit, standard), standard, target.item) is not None else 0.5
    known = RANGE_VARIABLES if target.domain == "RANGE" else variables()[target.domain]
    standard = known[target.variable].unit
    if not standard:
        return 1.0
    return 1.0 if standard == "(by test)" or units.factor(unit, standard) is not None else 0.4


def kind_fit(target: Target, p: Profile, recognised: float, kind: str) -> float:
    """Return from 0 to 1 whether cells are of the kind of a target.

    `recognised` is the share of the words that the vocabulary knows for it, `kind` what the vocabulary says of text.
    """
    if p.kind == "empty":
        return 1.0
    of = type_of(target)
    number = p.kind == "number"
    like_date = p.verdict.like >= 0.5 * sum(p.counts.values())
    if of == "date":
        if p.kind == "date" or (like_date and not number):
            return 1.0
        years = number and all(1900 <= n <= 2100 for n in p.numbers)
        serial = number and all(20_000 <= n <= 60_000 for n in p.numbers)
        return 0.9 if (years and target.variable == "BRTHDTC") or serial else 0.7 if years else 0.5 if number else 0.2
    if p.kind == "date":
        return 0.2
    if of in ("number", "integer") or kind == "number":
        share = len(p.numbers) / sum(p.counts.values()) if number else 0.0
        return 1.0 if number else 0.5 if share > 0.5 else 0.4
    if of == "flag" or kind == "flag":
        if recognised >= 0.5:
            return 1.0
        return 0.75 if number and len(p.counts) <= 3 else 0.35
    if of == "code" or kind == "words":
        if recognised >= 0.5:
            return 1.0
        if target.variable in ("CMCAT", "EXTRT", "PRTRT", "MHCAT", "LBTESTCD", "TESTCD"):
            return 0.85 if not number else 0.3
        return (0.75 if len(p.counts) <= 3 else 0.45) if number else 0.85 if recognised > 0 or kind == "words" else 0.6
    return 0.6 if number and target.domain != "FA" else 1.0
