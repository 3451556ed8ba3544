"""Compute every recorded case again and say to how many significant digits it agrees."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chartline.verify.cases import Case, load_cases, replays, topics

EXACT = 17  # digits of two equal doubles
ZERO = 1e-13  # a reference of exactly 0 (or a value below this) is compared absolutely: rounding is all that differs


@dataclass(frozen=True)
class Compared:
    """One number of a case: what the reference has, what is computed here, and to how many digits they agree."""

    case: Case
    name: str  # of the value, "surv[3]" for the fourth of a list
    expected: float | None
    found: float | None
    digits: float

    @property
    def agrees(self) -> bool:
        return self.digits >= self.case.digits


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
    if abs(expected) < ZERO:
        return EXACT if abs(found) < ZERO else 0
    return max(0.0, min(EXACT, -math.log10(abs(found - expected) / abs(expected))))


def verify_case(case: Case) -> Iterator[Compared]:
    """Yield the comparisons of one case. Raises `KeyError` where the replay does not give a value that is expected."""
    found = replays()[case.statistic](case)
    for name, expected in case.expected.items():
        for where, e, f in _pairs(name, expected, found[name]):
            yield Compared(case, where, e, f, agreement(e, f))


def verify_all() -> Iterator[Compared]:
    """Yield the comparisons of every recorded case."""
    for topic in topics():
        for case in load_cases(topic):
            yield from verify_case(case)


def _pairs(name: str, expected: Any, found: Any) -> Iterator[tuple[str, float | None, float | None]]:
    if isinstance(expected, list):
        values = list(found)
        if len(values) != len(expected):
            raise ValueError(f"{name} has {len(values)} values, the reference {len(expected)}")
        for i, (e, f) in enumerate(zip(expected, values, strict=True)):
            yield from _pairs(f"{name}[{i}]", e, f)
    elif isinstance(expected, Mapping):
        for key, e in expected.items():
            yield from _pairs(f"{name}.{key}", e, found[key])
    else:
        yield name, _number(expected), _number(found)


def _number(value: Any) -> float | None:
    """A missing value is None, whether it came as None or as NaN."""
    return None if value is None or math.isnan(value) else float(value)
