"""A percentage lies between 0 and 100, a fraction between 0 and 1.

Blasts, cellularity and MRD level are percentages, an assay's limit of detection is a fraction of cells; a number
outside is a slip, or stands in another unit (a limit of 0.01 % written as 0.01 is one in a hundred and possible, 4 is
not).
"""

from __future__ import annotations

import polars as pl

from chartline.checks.bounds import recorded
from chartline.checks.context import Context
from chartline.checks.model import Cell, Finding, Group, Rule
from chartline.checks.wording import value_words
from chartline.core.clinical import ranged, variables
from chartline.core.compare import holds
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="percent_impossible",
    group=Group.RESPONSE,
    sentence="Blasts, cellularity and MRD lie between 0 and 100 %.",
    severity=Severity.BLOCK,
    topics=frozenset({Topic.RESPONSE}),
    asks="Please give the number as the report shows it.",
)
_PERCENT = {"BMBLAST": Topic.RESPONSE, "PBBLAST": Topic.RESPONSE, "BMCELLU": Topic.RESPONSE, "MRDVAL": Topic.MRD}


def find(context: Context) -> list[Finding]:
    """Return one finding a number outside its bounds."""
    findings = []
    for name, top in (*((n, 100.0) for n in _PERCENT), ("MRDSENS", 1.0)):
        outside = holds(name, "<", 0) | holds(name, ">", top)
        if name in ranged():
            outside |= pl.col(f"{name}_HI") > top
        rows = context.data["RS"].filter(outside)
        unit = "%" if top > 1 else ""
        bounds = "0 and 100 %" if top > 1 else "0 and 1 (a fraction of cells)"
        topic = _PERCENT.get(name, Topic.MRD)
        findings += [
            Finding(
                r["CENTRE"],
                r["USUBJID"],
                (Cell("RS", name, r["BLOCK"], r["ROW"], recorded(r, name), unit=unit),),
                f"{variables()['RS'][name].label} of {value_words(recorded(r, name), unit)} cannot be: "
                f"the bounds are {bounds}.",
                severity=Severity.WARN if name == "BMCELLU" else Severity.BLOCK,
                topics=frozenset({topic}),
            )
            for r in rows.iter_rows(named=True)
        ]
    return findings
