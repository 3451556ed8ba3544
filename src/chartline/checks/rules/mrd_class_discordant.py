"""The class of an MRD result agrees with its level.

Negative is below 0.01 % (10^-4; Berry, JAMA Oncol 2017; the limit of every definition in `docs/rules/`); "detected
below 0.01 %" is above 0 and below that; positive is not 0 and not "less than". A positive result below 0.01 % is
possible (a sensitive assay) and not asked.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.bounds import recorded
from chartline.checks.context import Context
from chartline.checks.model import Cell, Finding, Group, Rule
from chartline.checks.wording import value_words
from chartline.core.compare import holds
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="mrd_class_discordant",
    group=Group.RESPONSE,
    sentence="An MRD result recorded as negative, positive or low has a level that fits.",
    severity=Severity.WARN,
    topics=frozenset({Topic.MRD}),
    asks="Please give the MRD result as the report shows it (level, and negative or positive).",
    parameters={"mrd_percent": 0.01},
)
_WORDS = {"NEGATIVE": "negative", "POSITIVE": "positive", "DETECTED BELOW 0.01%": "detected below 0.01 %"}


def find(context: Context, *, mrd_percent: float) -> list[Finding]:
    """Return one finding a result whose class and level cannot both be right."""
    high, none = holds("MRDVAL", ">=", mrd_percent), holds("MRDVAL", "==", 0)
    less_than = pl.col("MRDVAL_OP").is_in(["<", "<="]) & (pl.col("MRDVAL") <= mrd_percent)
    wrong = {"NEGATIVE": high, "DETECTED BELOW 0.01%": high | none, "POSITIVE": none | less_than}
    odd = pl.any_horizontal((pl.col("MRDCLASS") == c) & e for c, e in wrong.items())
    rows = context.data["RS"].filter(odd)
    return [_finding(r) for r in rows.iter_rows(named=True)]


def _finding(r: dict[str, Any]) -> Finding:
    level = value_words(recorded(r, "MRDVAL"))
    return Finding(
        r["CENTRE"],
        r["USUBJID"],
        (
            Cell("RS", "MRDCLASS", r["BLOCK"], r["ROW"], r["MRDCLASS"]),
            Cell("RS", "MRDVAL", r["BLOCK"], r["ROW"], level, unit="%"),
        ),
        f"MRD is recorded as {_WORDS[r['MRDCLASS']]}, but its level is {level} %.",
    )
