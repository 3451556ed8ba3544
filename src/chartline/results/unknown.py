"""Of how many patients in a proportion's denominator nobody knows whether they belong to its numerator.

In: results. Out: two counts that they hold already, and the words beside n/N. A value that is missing is counted by the
proportion itself; a response that was not evaluable counts as none (they are in N, not in n), and how many they are
stands in the table of best responses of the same set, where a protocol has one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chartline.results.model import Result

if TYPE_CHECKING:
    from collections.abc import Callable

    from chartline.protocol.analyses import Categories
    from chartline.protocol.model import Protocol

NOT_EVALUABLE = "NE"  # the code of BOR in every rule set
_RESPONSE = ("RESPFL", "BOR")


def not_evaluable_in(result: Result, protocol: Protocol, look_up: Callable[[str, str, str], Result | None]) -> int:
    """Return how many patients of a response rate were not evaluable; 0 where it is none, or no result tells.

    `look_up` gives the result of (analysis, statistic, group), or None.
    """
    best = best_responses(protocol, result.analysis) if result.statistic == "proportion" else None
    if best is None:
        return 0
    group = ";".join([*([result.group] if result.group else []), f"{best.variable}={NOT_EVALUABLE}"])
    found = look_up(best.id, "n", group)
    return found.n or 0 if found is not None else 0


def best_responses(protocol: Protocol, analysis: str) -> Categories | None:
    """Return the table of best responses of the patients of a response rate, or None: it is none, or there is none."""
    rate: Any = next((a for a in protocol.analyses if a.id == analysis and a.kind == "proportion"), None)
    if rate is None:
        return None
    wanted = (_best_response(rate.numerator), rate.population)
    tables = (a for a in protocol.analyses if a.kind == "categories")
    return next((a for a in tables if (a.variable, a.population) == wanted), None)


def _best_response(numerator: str) -> str:
    """Return the best response that a numerator asks about: BOR, or that of a variant; "" where it asks more."""
    from chartline.core.condition import parse_condition

    condition = parse_condition(numerator)
    asked = {name: name.partition("_") for name in condition.variables}
    if any(base not in _RESPONSE for base, _, _ in asked.values()) or len({end for _, _, end in asked.values()}) != 1:
        return ""
    if any(literal == NOT_EVALUABLE for _, literal in condition.comparisons):
        return ""
    (end,) = {mark + end for _, mark, end in asked.values()}
    return f"BOR{end}"


def unknown_words(missing: int, not_evaluable: int) -> str:
    """Return "12 unknown", "5 not evaluable", both, or ""."""
    said = ((missing, "unknown"), (not_evaluable, "not evaluable"))
    return ", ".join(f"{n} {word}" for n, word in said if n)
