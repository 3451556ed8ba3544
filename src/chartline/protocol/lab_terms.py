"""What a protocol means by the name of a laboratory test where grades are counted.

Low and high values of a test are two terms of a grading scale. The code of a test alone means the direction in which it
is usually toxic (`usual` in `vocabulary/tests.csv`): HB is anaemia, K both hypo- and hyperkalaemia, each counted by
itself. `HB_HIGH` and `K_LOW` name one direction.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

_WORDS = {"L": "LOW", "H": "HIGH"}
Term = tuple[str, str]  # test, direction (L, H)


@cache
def usual_directions() -> dict[str, str]:
    """Return test -> L, H or LH."""
    with (files("chartline") / "vocabulary" / "tests.csv").open(encoding="utf-8") as f:
        return {r["testcd"]: r["usual"] for r in csv.DictReader(f)}


@cache
def lab_terms() -> dict[str, tuple[Term, ...]]:
    """Return every name that a protocol may write -> its terms."""
    usual = usual_directions()
    plain = {test: tuple((test, d) for d in directions) for test, directions in usual.items()}
    return plain | {f"{test}_{word}": ((test, d),) for test in usual for d, word in _WORDS.items()}


def term_name(term: Term) -> str:
    """Return the shortest name of one term: HB, HB_HIGH, K_LOW."""
    test, direction = term
    return test if usual_directions()[test] == direction else f"{test}_{_WORDS[direction]}"


def terms_of(names: tuple[str, ...]) -> tuple[Term, ...]:
    """Return the terms that several names mean, each once, in order."""
    return tuple(dict.fromkeys(term for name in names for term in lab_terms()[name]))
