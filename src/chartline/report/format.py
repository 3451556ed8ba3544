"""How numbers look, in one place. Results in, text out; nothing is rounded anywhere else.

Rules: a percentage never stands without its n/N; one decimal for rates and months, whole percentages inside tables of
small groups; two decimals for ratios; halves are rounded up (as readers do by hand), not to even; a bound that was
not reached prints NR; a value that could not be computed prints its reason; P values have two significant digits, three
decimals at most, and "<0.001" below that (ICMJE).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from chartline.core.sentences import joined as joined
from chartline.results.model import Result
from chartline.results.multiverse import Multiverse, Outcome
from chartline.results.unknown import unknown_words

DAYS_PER_MONTH = 30.4375  # 365.25 / 12
NOT_REACHED = "NR"
NO_LIMIT = "no limit"  # of a ratio that the data do not bound
_DECIMALS = {
    "ratio": 2, "risk ratio": 2, "kappa": 2, "standard deviations": 2, "chi-square": 2, "z": 2, "share": 2,
    "variance": 2, "hazard": 2, "per month": 3, "log ratio": 2,
}  # fmt: skip
DASH = "–"
NOT_COMPUTED = "not estimable"
THOUSANDS = "\u202f"  # narrow no-break space


def number(value: float, decimals: int = 1) -> str:
    """Return `value` with fixed decimals, halves away from zero, a true minus sign and thin thousands from 10,000."""
    quantum = Decimal(1).scaleb(-decimals)
    rounded = Decimal(repr(float(value))).quantize(quantum, rounding=ROUND_HALF_UP)
    text = f"{abs(rounded):,.{decimals}f}" if abs(rounded) >= 10000 else f"{abs(rounded):.{decimals}f}"
    return ("−" if rounded < 0 else "") + text.replace(",", THOUSANDS)


def plain(value: float, decimals: int = 1) -> str:
    """Return `value` without a useless decimal: 2 for 2.0, 2.5 for 2.5."""
    return number(value, 0) if float(value).is_integer() else number(value, decimals)


def so_many_months(n: float) -> str:
    """Return "1 month", "6 months", "2.5 months"."""
    return f"{plain(n)} {'month' if n == 1 else 'months'}"


def whole(n: int) -> str:
    """Return a count."""
    return number(n, 0)


def percent(value: float, decimals: int = 1) -> str:
    """Return a proportion as a percentage, sign included."""
    return percent_bare(value, decimals) + "%"


def percent_bare(value: float, decimals: int = 1) -> str:
    """Return a proportion as a percentage without the sign. The product is taken in decimal, so 0.125 gives 12.5."""
    return number(float(Decimal(repr(float(value))) * 100), decimals)


def ratio(n: int | None, total: int | None) -> str:
    """Return n/N."""
    return f"{whole(n)}/{whole(total)}" if n is not None and total is not None else DASH


def n_percent(n: int, total: int, decimals: int = 0) -> str:
    """Return "12 (38)" as tables of characteristics print it; "0" alone, and a dash where nobody could count."""
    if total == 0:
        return DASH
    return f"{whole(n)} ({percent_bare(n / total, decimals)})" if n else "0"


def p_value(p: float) -> str:
    """Return a P value: "0.46", "0.012", "<0.001", ">0.99"."""
    if p < 0.001:
        return "<0.001"
    if p > 0.99:
        return ">0.99"
    return number(p, 3) if p < 0.1 else number(p, 2)


def scaled(value: float, unit: str) -> str:
    """Return a number of a unit with fixed decimals; a ratio with three digits: 0.42, 2.45, 14.0, 748."""
    decimals = _DECIMALS[unit]
    if unit in ("ratio", "risk ratio"):
        decimals = 2 if abs(value) < 9.995 else 1 if abs(value) < 99.95 else 0
    return number(value, decimals)


def bound(value: float | None, scale: str, decimals: int = 1) -> str:
    """Return one end of an interval: percentage for proportions and their differences, NR where it is missing."""
    if value is None:
        return NO_LIMIT if scale in _DECIMALS else NOT_REACHED
    if scale in ("proportion", "difference"):
        return percent_bare(value, decimals)
    return scaled(value, scale) if scale in _DECIMALS else number(value, decimals)


def interval(result: Result, decimals: int = 1) -> str:
    """Return "40.6 to 76.3", or "" where the result has no interval."""
    if result.level is None or (result.lower is None and result.upper is None):
        return ""
    ends = (bound(result.lower, result.unit, decimals), bound(result.upper, result.unit, decimals))
    return f"{ends[0]} to {ends[1]}"


def between(low: str, high: str) -> str:
    """Return "3.5–12.3" for a table cell; with "to" where an end is negative, so that no dash can be misread."""
    return f"{low} to {high}" if "−" in low + high else f"{low}–{high}"


def span(result: Result, decimals: int = 1) -> str:
    """Return the interval as a table cell shows it: "40.6–76.3", or "" where there is none."""
    ends = interval(result, decimals)
    return between(*ends.split(" to ")) if ends else ""


def with_span(result: Result, shown: str) -> str:
    """Return a table cell, "5.7 (3.9–9.9)"; an interval that is not of 95% says so, for the head of the column does."""
    ends = span(result)
    own = f"{level(result)} " if result.level not in (None, 0.95) else ""
    return f"{shown} ({own}{ends})" if ends else shown


def level(result: Result) -> str:
    """Return "95% CI"."""
    return f"{plain((result.level or 0) * 100)}% CI"


def value(result: Result, decimals: int = 1) -> str:
    """Return the number alone: "59.4%", "6.0", "32"; NR or the reason's short form where there is none."""
    if result.value is None:
        return NOT_REACHED if result.reason.endswith("not reached") else NOT_COMPUTED
    if result.unit == "P":
        return p_value(result.value)
    if result.unit in ("proportion", "difference"):
        return percent(result.value, decimals)
    if result.unit in _DECIMALS:
        return scaled(result.value, result.unit)
    if result.is_count or result.unit == "patients":
        return whole(round(result.value))
    return number(result.value, decimals) if result.unit == "months" else plain(result.value, decimals)


def with_unit(result: Result) -> str:
    """Return the number with its unit where it has one to show: "6.0 months", "2 cycles"."""
    words = (
        ""
        if result.unit in ("proportion", "difference", "patients", "P", "", *_DECIMALS) or result.value is None
        else f" {result.unit}"
    )
    return value(result) + words


def with_interval(result: Result, more: str = "") -> str:
    """Return "59.4% (95% CI 40.6 to 76.3)", with more words at the end of the parentheses: "...; 2 unknown)"."""
    ends = interval(result)
    said = "; ".join(filter(None, (f"{level(result)} {ends}" if ends else "", more)))
    return f"{with_unit(result)} ({said})" if said else with_unit(result)


def months(days: float) -> float:
    """Return days as months of 30.4375 days."""
    return days / DAYS_PER_MONTH


def plural(n: int, one: str, many: str = "") -> str:
    """Return "1 patient" or "3 patients"."""
    return f"{whole(n)} {one if n == 1 else many or one + 's'}"


def format_headline(entry: Mapping[str, Any]) -> str:
    """Return one entry of headline.json as a line for a terminal: "59.4% (19/32; 40.6 to 76.3)"; of how many it is not
    known stands beside n/N: "14.3% (2/14, 12 unknown; 1.8 to 42.8)", of a time at the end."""
    estimate, unit = entry.get("estimate"), entry.get("unit", "")
    if "estimate" not in entry:
        return whole(entry["n"]) if entry.get("n") is not None else NOT_COMPUTED
    if estimate is None:
        return NOT_REACHED if unit != "proportion" else NOT_COMPUTED
    shown = percent(estimate) if unit == "proportion" else f"{plain(estimate)} {unit}".strip()
    n, total = entry.get("n"), entry.get("N")
    unknown = unknown_words(entry.get("missing") or 0, entry.get("not_evaluable") or 0)
    ends = (entry.get("lower"), entry.get("upper"))
    span_shown = f"{bound(ends[0], unit)} to {bound(ends[1], unit)}" if any(e is not None for e in ends) else ""
    if n is not None and total and n / total == estimate:  # not events of a curve
        extras = (", ".join(filter(None, (ratio(n, total), unknown))), span_shown)
    else:
        extras = (span_shown, unknown)
    said = "; ".join(filter(None, extras))
    return f"{shown} ({said})" if said else shown


def multiverse_lines(multiverse: Multiverse) -> list[str]:
    """Return a multiverse as lines for a terminal: each number's range, and what moves it most."""
    n, choices = plural(len(multiverse), "specification"), plural(len(multiverse.switches), "choice")
    labels = {s.id: s.label for s in multiverse.switches}
    out = [f"{multiverse.study}: {n} of {choices}"]
    for outcome in multiverse.outcomes:
        line = f"  {outcome.reference.title:<48} {_extremes(outcome):<22}"
        for most in outcome.ranked[:1]:
            line += f"  moved most by {labels[most.switch]}" + (f" ({percent(most.share, 0)})" if most.share else "")
        out.append(line.rstrip())
    return out


def _extremes(outcome: Outcome) -> str:
    """Return "21.4 to 54.5%" of the specifications that have a value."""
    unit, values = outcome.reference.unit, outcome.values
    if not values:
        return NOT_COMPUTED
    ends = [percent_bare(v) if unit == "proportion" else plain(v) for v in (min(values), max(values))]
    return " to ".join(dict.fromkeys(ends)) + ("%" if unit == "proportion" else f" {unit}")
