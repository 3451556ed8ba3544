"""A centre that says of its patients whether they died or relapsed says it of each.

A blank between a yes and a no is neither; the analysis would take it for no. Where a centre records only the yes (an
empty cell is its no) nothing is asked, and so where there is a date: of death, or of relapse. Who has neither a
death nor a last contact is `date_missing`'s.
"""

from __future__ import annotations

import polars as pl

from chartline.checks.completeness import treated
from chartline.checks.context import SUBJECT, Context
from chartline.checks.model import Cell, Finding, Group, Rule, Scope
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="status_unstated",
    group=Group.COMPLETENESS,
    scope=Scope.STUDY,
    sentence="A centre that says of its patients whether they died or relapsed says it of each.",
    severity=Severity.WARN,
    topics=frozenset({Topic.FOLLOW_UP}),
    asks="Please say yes or no, and give the date of a yes.",
)
_FLAGS = (
    ("DTHFL", "DTHDTC", "Whether the patient died is not recorded", Topic.DEATH),
    ("RELAPSE", "RELDTC", "Whether the patient relapsed is not recorded", Topic.RELAPSE),
)


def find(context: Context) -> list[Finding]:
    """Return one finding a patient and flag."""
    return [f for one in _FLAGS for f in _of_flag(context, *one)]


def _of_flag(context: Context, flag: str, date: str, message: str, topic: Topic) -> list[Finding]:
    stated = context.stated("SS", flag)
    says_no = stated.filter(pl.col("VALUE") == "N").select("CENTRE").unique()
    known = pl.concat([stated.select(SUBJECT), context.stated("SS", date).select(SUBJECT)])
    rows = run(
        treated(context)
        .join(says_no.lazy(), on="CENTRE", how="semi", maintain_order="left")
        .join(known.lazy(), on=SUBJECT, how="anti", maintain_order="left")
        .join(context.last_alive.lazy(), on=SUBJECT, how="semi", maintain_order="left")
    )
    cells = context.data["SS"].unique(SUBJECT, keep="first", maintain_order=True).select(*SUBJECT, "BLOCK", "ROW")
    found = rows.join(cells, on=SUBJECT, how="left", suffix="_SS", maintain_order="left")
    out = []
    for r in found.iter_rows(named=True):
        at = Cell(r["DOMAIN"], "USUBJID", r["BLOCK"], r["ROW"], r["USUBJID"], label="Subject")
        if r["BLOCK_SS"] is not None:
            if context.is_filled("SS", flag, r["BLOCK_SS"], r["ROW_SS"]):
                continue
            at = Cell("SS", flag, r["BLOCK_SS"], r["ROW_SS"])
        out.append(Finding(r["CENTRE"], r["USUBJID"], (at,), f"{message}.", topics=frozenset({topic})))
    return out
