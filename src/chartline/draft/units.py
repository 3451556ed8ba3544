"""The unit of a number: from its heading, from a column beside it, or from the distribution of its values.

In: a laboratory test (or a variable with a unit) and the numbers of a column. Out: a `Unit` with its reason. A unit is
taken from the values only where one of the usual units explains nearly all of them and no other does
(`vocabulary/typical.csv`: from about the 1st to the 99th percentile in patients with acute leukaemia).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from chartline.draft.model import Unit
from chartline.draft.words import vocabulary
from chartline.mapping import units
from chartline.mapping.words import tests

_FITS = 0.9
_OTHERS = 0.6
_FEWEST = 5


@cache
def typical() -> dict[str, tuple[tuple[str, float, float], ...]]:
    """Return test -> (unit, lowest, highest usual value) of each unit in use."""
    out: dict[str, list[tuple[str, float, float]]] = {}
    for row in vocabulary("typical.csv"):
        out.setdefault(row["test"], []).append((row["unit"], float(row["low"]), float(row["high"])))
    return {k: tuple(v) for k, v in out.items()}


def unit_of_test(test: str, stated: str, values: Sequence[float], beside: str = "") -> Unit:
    """Return the unit of a test: stated in the heading, as in another column (`beside`), or by its values."""
    standard = tests()[test][1]
    stated, beside = giga(stated, standard), giga(beside, standard)
    by_values = _by_values(test, values)
    if stated and units.factor(stated, standard, test) is not None:
        if by_values and _differ(stated, by_values[0], standard, test) and not _explains(test, stated, values):
            said = f"the heading says {stated}, but the values look like {by_values[0]}"
            return Unit("", 0.4, f"{said} ({by_values[1]})")
        return Unit(stated, 0.97, f"the heading says {stated}")
    if stated:
        return Unit("", 0.3, f"the heading says {stated}, which is no unit of {test}")
    if beside and (not by_values or not _differ(beside, by_values[0], standard, test)):
        return Unit(beside, 0.85, f"as in the heading of the same test in this table: {beside}")
    if by_values:
        return Unit(by_values[0], 0.8, f"no unit is stated; {by_values[1]}")
    return Unit("", 0.3, _undecided(test, values))


def giga(unit: str, standard: str) -> str:
    """`G/l` is giga a litre where cells are counted, as in Germany and France, and not grams."""
    return "10^9/L" if standard == "10^9/L" and re.fullmatch(r"G(?:pt)?/[lL]", unit.strip()) else unit


def _by_values(test: str, values: Sequence[float]) -> tuple[str, str] | None:
    if len(values) < _FEWEST or test not in typical():
        return None
    shares = {u: sum(lo <= v <= hi for v in values) / len(values) for u, lo, hi in typical()[test]}
    best = max(shares, key=lambda u: shares[u])
    if shares[best] < _FITS or any(s > _OTHERS for u, s in shares.items() if u != best):
        return None
    return best, f"{shares[best]:.0%} of the values are usual in {best}, {_range(values)}"


def _explains(test: str, unit: str, values: Sequence[float]) -> bool:
    """Whether the values are usual in a unit, whatever its spelling."""
    standard = tests()[test][1]
    mine = units.factor(unit, standard, test)
    for other, lo, hi in typical().get(test, ()):
        if units.factor(other, standard, test) == mine:
            return sum(lo <= v <= hi for v in values) >= _OTHERS * len(values)
    return True


def _differ(one: str, other: str, standard: str, test: str) -> bool:
    return units.factor(one, standard, test) != units.factor(other, standard, test)


def _range(values: Sequence[float]) -> str:
    ordered = sorted(values)
    return f"from {ordered[0]:g} to {ordered[-1]:g}, median {ordered[len(ordered) // 2]:g}"


def _undecided(test: str, values: Sequence[float]) -> str:
    usual = [u for u, _, _ in typical().get(test, ())]
    said = (
        f"no unit is stated; the values ({_range(values)})" if values else "no unit is stated and there are no values"
    )
    return f"{said} do not decide between {', '.join(usual)}" if usual and values else f"{said} and nothing decides"
