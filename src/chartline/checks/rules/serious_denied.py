"""A fatal or life-threatening adverse event is serious.

ICH E2A: an event is serious that results in death or is life-threatening. CTCAE grade 5 is death; grade 4 is
life-threatening for clinical terms, not for laboratory values, whose grade 4 is a number (`vocabulary/lab_events.csv`)
and need not be serious.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.adverse_events import laboratory_events
from chartline.checks.context import Context
from chartline.checks.model import Cell, Finding, Group, Rule
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="serious_denied",
    group=Group.TOXICITY,
    sentence="A fatal or life-threatening adverse event is serious.",
    severity=Severity.WARN,
    topics=frozenset({Topic.ADVERSE_EVENTS}),
    asks="Please check whether the event was serious, and its grade.",
)


def find(context: Context) -> list[Finding]:
    """Return one finding an event that is recorded as not serious and is fatal or of a clinical grade 4."""
    threat = (pl.col("AETOXGR") == 4) & ~pl.col("TERM").is_in(list(laboratory_events()))
    grave = (pl.col("AETOXGR") == 5) | pl.col("FATAL") | threat
    rows = context.adverse_events.filter((pl.col("AESER") == "N") & grave)
    return [_finding(r) for r in rows.iter_rows(named=True)]


def _finding(r: dict[str, Any]) -> Finding:
    graded = (r["AETOXGR"] or 0) >= 4
    name = "AETOXGR" if graded else "AEOUT"
    cells = tuple(Cell("AE", n, r["BLOCK"], r["ROW"], r[n]) for n in ("AESER", name))
    said = f"has grade {r['AETOXGR']}" if graded else "was fatal"
    return Finding(r["CENTRE"], r["USUBJID"], cells, f"{r['AETERM']} {said}, but is recorded as not serious.")
