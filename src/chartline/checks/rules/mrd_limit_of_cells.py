"""The limit of detection of a flow MRD is one that the cells acquired can give.

A population is told from background by a cluster of some 10 to 20 events, so a sample of N cells detects no less than
that many of N (ESCCA/EuroFlow practice: 20 events for detection, 50 for quantification; asked from 10 events down,
which is the most that a laboratory may claim). 10^-5 from 50,000 cells is half a cell.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.bounds import most, recorded
from chartline.checks.context import Context
from chartline.checks.model import Cell, Finding, Group, Rule
from chartline.checks.wording import value_words
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="mrd_limit_of_cells",
    group=Group.RESPONSE,
    sentence="The limit of detection of a flow MRD is within reach of the cells acquired.",
    severity=Severity.WARN,
    topics=frozenset({Topic.MRD}),
    asks="Please give the number of cells acquired and the limit of detection as the report shows them.",
    parameters={"events": 10},
)
_OTHER = "(?i)pcr|ngs|sequenc"


def find(context: Context, *, events: float) -> list[Finding]:
    """Return one finding a sample whose stated limit of detection is fewer than `events` of its cells."""
    flow = pl.col("MRDASSAY").fill_null("FLOW") == "FLOW"
    flow &= ~pl.col("MRDMETH").str.contains(_OTHER).fill_null(False)
    reached = most("MRDSENS") * most("MRDCELLS")
    rows = context.data["RS"].filter(flow & (pl.col("MRDSENS") > 0) & (reached < events * (1 - 1e-9)))
    return [_finding(r, events) for r in rows.iter_rows(named=True)]


def _finding(r: dict[str, Any], events: float) -> Finding:
    cells = (
        Cell("RS", "MRDSENS", r["BLOCK"], r["ROW"], recorded(r, "MRDSENS")),
        Cell("RS", "MRDCELLS", r["BLOCK"], r["ROW"], recorded(r, "MRDCELLS")),
    )
    reached = float(f"{r['MRDSENS'] * r['MRDCELLS']:.3g}")
    message = (
        f"A limit of detection of {value_words(r['MRDSENS'])} of {r['MRDCELLS']:,.0f} cells is {value_words(reached)} "
        f"cells; fewer than {events:g} cannot be told from background."
    )
    return Finding(r["CENTRE"], r["USUBJID"], cells, message)
