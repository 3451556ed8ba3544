"""The grade of an adverse event is one that its CTCAE term has: febrile neutropenia is grade 3, 4 or 5, never 1 or 2.

The terms, with the NCI's text of each grade, are in `vocabulary/ctcae_terms.csv`, from the table of version 5.0; under
version 4.03 only the terms that its list of changes leaves as they were are checked, under 6.0 none (its text was not
seen). The recorded grade stays what it is.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

import polars as pl

from chartline.checks.context import Context
from chartline.checks.model import Cell, Finding, Group, Rule
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="grade_not_of_term",
    group=Group.TOXICITY,
    sentence="The grade of an adverse event is one that its CTCAE term has.",
    severity=Severity.NOTE,
    topics=frozenset({Topic.ADVERSE_EVENTS}),
    asks="Please confirm the term and the grade.",
)
_SINCE = {"ctcae_v5": ("same", "reworded", "new"), "ctcae_v4": ("same",)}


@cache
def _terms(scale: str) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Name in small letters -> (the scale's term, the grades that it has)."""
    out: dict[str, tuple[str, tuple[int, ...]]] = {}
    with (files("chartline") / "vocabulary" / "ctcae_terms.csv").open(encoding="utf-8") as f:
        for r in csv.DictReader(f):
            if r["since_v4"] in _SINCE.get(scale, ()):
                grades = tuple(g for g in range(1, 6) if r[f"grade_{g}"])
                names = [r["term"], *(n for n in r["also"].split("; ") if n)]
                out |= {name.lower(): (r["term"], grades) for name in names}
    return out


def find(context: Context) -> list[Finding]:
    """Return one finding an adverse event whose term has no such grade."""
    terms = _terms(context.protocol.laboratory.grading)
    rows = context.data["AE"].filter(pl.col("AETOXGR").is_between(1, 5))
    rows = rows.filter(pl.col("AETERM").str.strip_chars().str.to_lowercase().is_in(list(terms)))
    out = []
    for r in rows.iter_rows(named=True):
        term, grades = terms[r["AETERM"].strip().lower()]
        if r["AETOXGR"] not in grades:
            said = ", ".join(map(str, grades))
            cells = (Cell("AE", "AETOXGR", r["BLOCK"], r["ROW"], r["AETOXGR"]),)
            message = f"{r['AETERM']} has grade {r['AETOXGR']}; CTCAE grades {term} {said} only."
            out.append(Finding(r["CENTRE"], r["USUBJID"], cells, message))
    return out
