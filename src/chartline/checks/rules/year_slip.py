"""No sample or adverse event lies long before day 0 when one year later it would lie on treatment.

The year of the last page is what is typed wrong most often, every January. Asked are laboratory dates and onsets of
adverse events more than `days` (180) before day 0 that fall between day 0 and the last dose or `after` (60) days more
once a year is added; not more than `few` (3) different days, for a centre that sends its old results sends many of
them, and not those within 30 days of the diagnosis. All four are our choice.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.context import SUBJECT, Context
from chartline.checks.model import Finding, Group, Rule, cell
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="year_slip",
    group=Group.DATES,
    sentence="A sample or an adverse event is not one year before the days of treatment.",
    severity=Severity.WARN,
    topics=frozenset({Topic.BLOOD_COUNTS}),
    asks="Please check the year of this date.",
    parameters={"days": 180, "after": 60, "few": 3},
)


def find(context: Context, *, days: float, after: float, few: float) -> list[Finding]:
    """Return one finding a subject; its days are named, the first cell of each is shown."""
    if context.protocol.treatment is None:
        return []
    span = context.first_dose.lazy().select(*SUBJECT, pl.col("LO").alias("ZERO"))
    span = span.join(context.last_dose.lazy().select(*SUBJECT, pl.col("LO").alias("END")), on=SUBJECT)
    known = context.diagnosis.lazy().select(*SUBJECT, pl.col("LO").alias("KNOWN"))
    day, later = pl.col("LO"), pl.col("LO").dt.offset_by("1y")
    old = (
        context.calendar.lazy()
        .filter(pl.col("VARIABLE").is_in(["LBDTC", "AESTDTC"]))
        .join(span, on=SUBJECT, maintain_order="left")
        .join(known, on=SUBJECT, how="left", maintain_order="left")
        .filter((pl.col("ZERO") - day).dt.total_days() > days)
        .unique([*SUBJECT, "LO"], keep="first", maintain_order=True)
        .filter(pl.len().over(SUBJECT) <= few)
        .filter(later.is_between(pl.col("ZERO"), pl.col("END") + pl.duration(days=int(after))))
        .filter(((day - pl.col("KNOWN")).dt.total_days().abs() > 30).fill_null(True))
    )
    return [_finding(s.to_dicts()) for s in run(old).partition_by(SUBJECT, maintain_order=True)]


def _finding(rows: list[dict[str, Any]]) -> Finding:
    r = rows[0]
    what = "Laboratory results are" if r["VARIABLE"] == "LBDTC" else "The onset of an adverse event is"
    said = ", ".join(one["VALUE"] for one in rows)
    message = f"{what} dated {said}, before the first dose ({r['ZERO']}); one year later would be during treatment."
    cells = tuple(cell(one, one["DOMAIN"], one["VARIABLE"]) for one in rows)
    topic = Topic.BLOOD_COUNTS if r["VARIABLE"] == "LBDTC" else Topic.ADVERSE_EVENTS
    return Finding(r["CENTRE"], r["USUBJID"], cells, message, topics=frozenset({topic}))
