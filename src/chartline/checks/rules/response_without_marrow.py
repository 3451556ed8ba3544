"""A recorded remission rests on a marrow: blasts were counted on that day or within `days` (14) of it.

Every criterion of remission asks for less than 5 % marrow blasts; a response written without a marrow is an impression.
Two weeks allow for a response that was noted at the next visit (ours). Nothing is asked where the study takes responses
as recorded, and nothing of a centre that sends no blast count at all: that is a matter of its mapping.
"""

from __future__ import annotations

import polars as pl

from chartline.checks.context import SUBJECT, Context, Whole, days
from chartline.checks.model import Finding, Group, Rule, Scope, Seen, cell
from chartline.checks.tallies import tally
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="response_without_marrow",
    group=Group.RESPONSE,
    scope=Scope.STUDY,
    sentence="A recorded remission has a marrow near it.",
    severity=Severity.WARN,
    topics=frozenset({Topic.RESPONSE}),
    asks="Please give the marrow (date and blasts) on which this response rests.",
    parameters={"days": 14},
)
_AS_RECORDED = "recorded"


def gather(context: Context, **parameters: float) -> Seen:
    """Gather the recorded remissions with no marrow blast count near them, and how many of these a centre sends."""
    if context.protocol.response.criteria == _AS_RECORDED:
        return {}
    near = parameters["days"]
    rows = context.assessments.lazy()
    marrows = rows.filter(pl.col("BMBLAST").is_not_null())
    called = rows.filter(pl.col("INVRESP").is_in(context.responses) & pl.col("BMBLAST").is_null())
    undated = called.filter(pl.col("RSDTC").is_null())
    dated = days(called.filter(pl.col("RSDTC").is_not_null())).with_row_index("AT")
    days_of = days(marrows.select(*SUBJECT, "VALUE")).select(
        *SUBJECT, pl.col("LO").alias("FROM"), pl.col("HI").alias("TO")
    )
    beside = dated.join(days_of, on=SUBJECT).filter(
        ((pl.col("FROM") - pl.col("HI")).dt.total_days() <= near)
        & ((pl.col("LO") - pl.col("TO")).dt.total_days() <= near)
    )
    alone = dated.join(beside.select("AT").unique(), on="AT", how="anti", maintain_order="left")
    columns = [*SUBJECT, "INVRESP", "VALUE", "BLOCK", "ROW"]
    return {
        "alone": pl.concat([undated.select(columns), alone.select(columns)]),
        "marrows": tally(marrows, ["CENTRE"]),
    }


def find(whole: Whole, seen: Seen, **parameters: float) -> list[Finding]:
    """Return one finding a recorded remission with no marrow blast count near it."""
    if not seen:
        return []
    near = parameters["days"]
    rows = seen["alone"].join(seen["marrows"], on="CENTRE", how="semi", maintain_order="left")
    return [
        Finding(
            r["CENTRE"],
            r["USUBJID"],
            (cell({**r, "VALUE": r["INVRESP"]}, "RS", "INVRESP"),),
            f"{r['INVRESP']} was recorded {'on ' + r['VALUE'] if r['VALUE'] else 'without a date'}, with no marrow "
            f"blast count {f'within {near:g} days of it' if r['VALUE'] else 'beside it'}.",
        )
        for r in run(rows).iter_rows(named=True)
    ]
