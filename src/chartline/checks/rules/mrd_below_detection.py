"""A measured MRD level is not below the limit of detection of its own assay.

What lies below the limit of detection cannot be told from nothing, and is reported as "not detected" or "less than".
A level that was counted below it is most often a percentage beside a limit given as a fraction (0.01 % is 0.0001), or
the limit of another assay.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.bounds import least, most, recorded
from chartline.checks.context import Context
from chartline.checks.model import Cell, Finding, Group, Rule
from chartline.checks.wording import value_words
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="mrd_below_detection",
    group=Group.RESPONSE,
    sentence="A measured MRD level is not below the limit of detection of its assay.",
    severity=Severity.WARN,
    topics=frozenset({Topic.MRD}),
    asks="Please give the MRD level and the assay's limit of detection as the report shows them.",
)
_NO_ROUNDING = 1 - 1e-9  # 0.002 % is 2e-05, whatever the last digit of a double says


def find(context: Context) -> list[Finding]:
    """Return one finding a level above 0, not given as "less than", that is below its limit of detection."""
    counted = (pl.col("MRDVAL") > 0) & least("MRDVAL").is_not_null()
    below = most("MRDVAL") / 100 < least("MRDSENS") * _NO_ROUNDING
    rows = context.data["RS"].filter(counted & below)
    return [_finding(r) for r in rows.iter_rows(named=True)]


def _finding(r: dict[str, Any]) -> Finding:
    cells = (
        Cell("RS", "MRDVAL", r["BLOCK"], r["ROW"], recorded(r, "MRDVAL"), unit="%"),
        Cell("RS", "MRDSENS", r["BLOCK"], r["ROW"], recorded(r, "MRDSENS")),
    )
    limit = float(f"{100 * r['MRDSENS']:.6g}")
    message = (
        f"MRD of {value_words(recorded(r, 'MRDVAL'), '%')} was measured by an assay whose limit of detection is "
        f"{value_words(limit, '%')} ({value_words(r['MRDSENS'])} of cells)."
    )
    return Finding(r["CENTRE"], r["USUBJID"], cells, message)
