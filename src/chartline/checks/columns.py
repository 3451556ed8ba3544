"""Findings about a whole column of dates of a centre, not about a patient.

In: the full dates of `Context.calendar`. Out: a Finding without a subject that shows the first cells it speaks of. Such
a finding blocks nobody: it says that days were perhaps filled in, not which.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chartline.checks.dates import column_words
from chartline.checks.model import Cell, Finding

DATE = ["CENTRE", "DOMAIN", "VARIABLE"]
_SHOWN = 5


def column_finding(r: Mapping[str, Any], message: str) -> Finding:
    """Make a finding from one row with CENTRE, DOMAIN, VARIABLE and lists BLOCK, ROW and DAY (a date)."""
    at = list(zip(r["BLOCK"], r["ROW"], r["DAY"], strict=True))[:_SHOWN]
    cells = tuple(Cell(r["DOMAIN"], r["VARIABLE"], block, row, str(day)) for block, row, day in at)
    return Finding(r["CENTRE"], "", cells, message)


def dates_of(r: Mapping[str, Any], n: int) -> str:
    """Return 'the 24 dates of doses': what the finding speaks of."""
    return f"the {n} {column_words(r['DOMAIN'], r['VARIABLE'])}"


def chance_words(p: float) -> str:
    """Return a probability as a reader takes it in: 'one time in 2,000'."""
    return f"one time in {round(1 / p):,}" if p > 1e-6 else "less than one time in a million"
