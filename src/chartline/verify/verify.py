"""Compute every recorded case again and say to how many significant digits it agrees.

In: the recorded cases and their replays. Out: a `Certificate`. Nothing that ships is trusted to be whole: a file that
cannot be read, a case that cannot be computed and a statistic without a case are rows that failed, with their reason.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from chartline.stats.statistic import Statistic, declared_statistics
from chartline.verify.cases import Case, Replay, load_cases, replays, topics
from chartline.verify.certificate import EXACT, Certificate, Compared, Failed, Row
from chartline.verify.environment import describe_environment
from chartline.verify.suite_only import SUITE_ONLY

ZERO = 1e-13  # where the reference is 0 there are no significant digits: what is computed must be smaller than this
Tell = Callable[[str], None]


def agreement(expected: float | None, found: float | None) -> float:
    """Return the significant digits to which two numbers agree: -log10 of the relative difference, at most 17.

    Two missing values, or equal infinities, agree wholly; a missing and a present one in no digit.
    """
    if expected is None or found is None:
        return EXACT if expected is found else 0
    if expected == found:
        return EXACT
    if not (math.isfinite(expected) and math.isfinite(found)):
        return 0
    if expected == 0:
        return EXACT if abs(found) < ZERO else 0
    return max(0.0, min(EXACT, -math.log10(abs(found - expected) / abs(expected))))


def verify_case(case: Case, replay: Replay | None = None) -> Iterator[Compared]:
    """Yield the comparisons of one case. Raises `ValueError` where the replay lacks a value that is expected."""
    found = (replay or replays()[case.statistic])(case)
    for where, e, f in _pairs("", case.expected, found):
        yield Compared(case, where, e, f, agreement(e, f))


def verify_all(tell: Tell = lambda step: None) -> Certificate:
    """Compute every recorded case again. Never raises for what it finds: see `Certificate.agrees`."""
    tell("Reading the recorded cases")
    cases: list[Case] = []
    faults: list[Failed] = []
    for topic in topics():
        try:
            cases += load_cases(topic)
        except Exception as e:  # whatever is wrong with a file, the others are still compared
            faults.append(Failed("", f"reference/{topic}.json", _reason(e)))
    known: Mapping[str, Replay] = {}
    try:
        known = replays()
    except Exception as e:  # a replay that cannot be imported
        faults.append(Failed("", "replays", _reason(e)))
    return certify(cases, known, declared_statistics(), faults, tell)


def certify(
    cases: list[Case],
    known: Mapping[str, Replay],
    declared: Mapping[str, Statistic],
    faults: list[Failed],
    tell: Tell = lambda step: None,
) -> Certificate:
    """Return the certificate of these cases; `faults` are those that were met before any case was computed."""
    compared: dict[str, list[Compared]] = defaultdict(list)
    failed: dict[str, list[Failed]] = defaultdict(list)
    for i, case in enumerate(cases):
        tell(f"Comparing {case.topic} ({i + 1} of {len(cases)} cases)")
        try:
            compared[case.statistic] += verify_case(case, _replay(case, known, declared))
        except Exception as e:  # whatever stops a replay, the others are still compared
            failed[case.statistic].append(Failed(case.statistic, f"{case.topic}: {case.id}", _reason(e)))
    for name in sorted({*declared, *known} - {c.statistic for c in cases} - set(SUITE_ONLY)):
        failed[name].append(Failed(name, "", "no recorded case was found"))
    rows = [Row(name, declared.get(name), tuple(compared[name]), tuple(failed[name])) for name in {*compared, *failed}]
    order = {name: i for i, name in enumerate(declared)}
    rows.sort(key=lambda r: (order.get(r.name, len(order)), r.name))
    only = {name: reason for name, reason in SUITE_ONLY.items() if name in declared and name not in compared}
    return Certificate(tuple(rows), tuple(faults), dict(declared), only, describe_environment())


def _replay(case: Case, known: Mapping[str, Replay], declared: Mapping[str, Statistic]) -> Replay:
    if case.statistic not in declared:
        raise ValueError("no statistic of this name is declared")
    if case.statistic not in known:
        raise ValueError("nothing says how to compute it again (no replay)")
    return known[case.statistic]


def _reason(e: Exception) -> str:
    """What went wrong, in one line: the words of our own faults, else with the name of the error."""
    if isinstance(e, json.JSONDecodeError):
        return f"not valid JSON: line {e.lineno}, {e.msg}"
    words = " ".join(str(e).split())
    if isinstance(e, KeyError):
        return f"has no {words}"
    return words if type(e) is ValueError and words else f"{type(e).__name__}: {words}".removesuffix(": ")


def _pairs(name: str, expected: Any, found: Any) -> Iterator[tuple[str, float | None, float | None]]:
    if isinstance(expected, list):
        values = list(found)
        if len(values) != len(expected):
            raise ValueError(f"{name} has {len(values)} values, the reference {len(expected)}")
        for i, (e, f) in enumerate(zip(expected, values, strict=True)):
            yield from _pairs(f"{name}[{i}]", e, f)
    elif isinstance(expected, Mapping):
        for key, e in expected.items():
            where = f"{name}.{key}" if name else key
            if key not in found:
                raise ValueError(f"{where} is expected and not computed")
            yield from _pairs(where, e, found[key])
    else:
        yield name, _number(expected), _number(found)


def _number(value: Any) -> float | None:
    """A missing value is None, whether it came as None or as NaN."""
    return None if value is None or math.isnan(value) else float(value)
