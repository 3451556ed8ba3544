"""A centre that says of its patients whether they died or relapsed says it of each.

A blank between a yes and a no is neither; the analysis would take it for no. Where a centre records only the yes (an
empty cell is its no) nothing is asked, and so where there is a date: of death, or of relapse. Who has neither a
death nor a last contact is `date_missing`'s.
"""

from __future__ import annotations

import polars as pl

from chartline.checks.completeness import cell_of, gather_needed, treated
from chartline.checks.context import SUBJECT, Context, Whole
from chartline.checks.model import Finding, Group, Rule, Scope, Seen
from chartline.checks.tallies import tally
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


def gather(context: Context) -> Seen:
    """Gather of whom a flag is not stated, and of how many patients of a centre it says no."""
    flags = ["CENTRE", "WHAT"]
    needed = pl.concat(_needed(context, flag, date) for flag, date, *_ in _FLAGS)
    stated = pl.concat(context.stated("SS", flag).lazy().with_columns(WHAT=pl.lit(flag)) for flag, *_ in _FLAGS)
    says_no = tally(stated.filter(pl.col("VALUE") == "N"), flags)
    return {"absent": gather_needed(context, needed)["absent"], "says_no": says_no}


def find(whole: Whole, seen: Seen) -> list[Finding]:
    """Return one finding a patient and flag."""
    said = {flag: (message, topic) for flag, _, message, topic in _FLAGS}
    rows = run(seen["absent"].join(seen["says_no"], on=["CENTRE", "WHAT"], how="semi", maintain_order="left"))
    out = []
    for r in rows.iter_rows(named=True):
        message, topic = said[r["WHAT"]]
        out.append(Finding(r["CENTRE"], r["USUBJID"], (cell_of(r),), f"{message}.", topics=frozenset({topic})))
    return out


def _needed(context: Context, flag: str, date: str) -> pl.LazyFrame:
    """One row a treated patient who was seen alive: whether the flag, or its date, is stated, and the cell."""
    known = pl.concat(context.stated("SS", v).lazy().select(SUBJECT) for v in (flag, date)).unique()
    rows = context.data["SS"].lazy().unique(SUBJECT, keep="first", maintain_order=True)
    one = (
        treated(context)
        .join(context.last_alive.lazy(), on=SUBJECT, how="semi", maintain_order="left")
        .join(known.with_columns(PRESENT=pl.lit(True)), on=SUBJECT, how="left", maintain_order="left")
        .join(rows.select(*SUBJECT, "BLOCK", "ROW"), on=SUBJECT, how="left", suffix="_SS", maintain_order="left")
    )
    has_row = pl.col("BLOCK_SS").is_not_null()
    return one.select(
        *SUBJECT,
        pl.col("PRESENT").fill_null(False),
        pl.when(has_row).then(pl.lit("SS")).otherwise("DOMAIN").alias("DOMAIN"),
        *(pl.coalesce(f"{n}_SS", n).alias(n) for n in ("BLOCK", "ROW")),
        VARIABLE=pl.when(has_row).then(pl.lit(flag)).otherwise(pl.lit("USUBJID")),
        WHAT=pl.lit(flag),
    )
