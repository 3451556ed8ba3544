"""The words of the questions: what a variable, a finding and a laboratory test are called when a person is asked.

In: `questions.csv` beside this module, and the vocabulary. Out: texts, ranges, choices and units, by their codes.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from chartline.capture.model import Choice
from chartline.mapping.units import factor
from chartline.mapping.words import tests

YES_NO = (Choice("Y", "Yes"), Choice("N", "No"))

# The units that laboratories write, by the standard unit; the standard unit first. All of them are read by
# `mapping/units.py`.
_USUAL_UNITS: dict[str, tuple[str, ...]] = {
    "10^9/L": ("10^9/L", "10^3/uL", "/uL", "lakh/uL"),
    "g/L": ("g/L", "g/dL"),
    "umol/L": ("umol/L", "mg/dL"),
    "mmol/L": ("mmol/L", "mg/dL", "mEq/L"),
}


@dataclass(frozen=True)
class Question:
    """One line of `questions.csv` or of `vocabulary/findings.csv`."""

    label: str
    low: float | None
    high: float | None
    help: str = ""
    partial: bool = False
    unit: str = ""
    choices: tuple[Choice, ...] = ()


@cache
def questions() -> dict[str, Question]:
    """Return variable -> how it is asked for. `{index}` and `{drug}` in the texts stand for the study's."""
    with (files("chartline") / "capture" / "questions.csv").open(encoding="utf-8") as f:
        return {
            r["variable"]: Question(
                r["question"], _number(r["low"]), _number(r["high"]), r["help"], r["partial"] == "Y"
            )
            for r in csv.DictReader(f)
        }


@cache
def findings() -> dict[str, Question]:
    """Return code of a finding (FATESTCD) -> how it is asked for; one without a unit, range or answers is yes or no."""
    with (files("chartline") / "vocabulary" / "findings.csv").open(encoding="utf-8") as f:
        return {
            r["code"]: Question(
                r["label"],
                _number(r["low"]),
                _number(r["high"]),
                unit=r["unit"],
                choices=_answers(r["answers"], r["low"]),
            )
            for r in csv.DictReader(f)
        }


def _number(text: str) -> float | None:
    return float(text) if text else None


def _answers(text: str, low: str) -> tuple[Choice, ...]:
    if low:
        return ()
    pairs = (answer.strip().partition("=") for answer in text.split(";") if answer.strip())
    return tuple(Choice(term, label) for term, _, label in pairs) or YES_NO


@cache
def term_labels() -> dict[tuple[str, str], tuple[Choice, ...]]:
    """Return (domain, variable) -> its closed list of terms, as the vocabulary has it."""
    out: dict[tuple[str, str], list[Choice]] = {}
    with (files("chartline") / "vocabulary" / "terms.csv").open(encoding="utf-8") as f:
        for r in csv.DictReader(f):
            out.setdefault((r["domain"], r["variable"]), []).append(Choice(r["term"], r["label"]))
    return {key: tuple(choices) for key, choices in out.items()}


@cache
def plausible() -> dict[str, tuple[float, float]]:
    """Return test -> the plausible range of its value in the standard unit."""
    with (files("chartline") / "vocabulary" / "tests.csv").open(encoding="utf-8") as f:
        return {r["testcd"]: (float(r["plausible_low"]), float(r["plausible_high"])) for r in csv.DictReader(f)}


def units_of(test: str) -> tuple[str, ...]:
    """Return the units in which laboratories report a test, the standard one first; of two that mean the same number
    only the first."""
    standard = tests()[test][1]
    seen: dict[float, str] = {}
    for unit in (standard, *_USUAL_UNITS.get(standard, ())):
        by = factor(unit, standard, test)
        if by is not None:
            seen.setdefault(by, unit)
    return tuple(seen.values())
