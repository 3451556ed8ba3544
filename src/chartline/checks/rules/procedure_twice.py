"""Two transplantations are not a few days apart.

The same transplantation written down twice with two dates (the days of conditioning and of infusion, or a slip) would
count as two. `days` (28): a second transplantation for graft failure comes later than day 28, on which engraftment is
judged (our choice, after the usual definition of primary graft failure). The same date in two places is no matter, and
neither are two that the source puts on different sides of the index treatment (`procedure_timing`).
"""

from __future__ import annotations

import polars as pl

from chartline.checks.context import SUBJECT, Context
from chartline.checks.model import Finding, Group, Rule, cell
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="procedure_twice",
    group=Group.TREATMENT,
    sentence="Two transplantations of a patient are more than 28 days apart.",
    severity=Severity.WARN,
    topics=frozenset({Topic.TRANSPLANT}),
    asks="Please say whether these are two transplantations or one, and give the date of each infusion.",
    parameters={"days": 28},
)
_SIDE = [*SUBJECT, "PRTIMING"]
_OLD = ("VALUE", "LO", "BLOCK", "ROW")


def find(context: Context, *, days: float) -> list[Finding]:
    """Return one finding a pair of consecutive transplantations at most `days` apart."""
    done = context.transplants.lazy().filter(pl.col("LO") == pl.col("HI"))
    gap = (pl.col("LO") - pl.col("LO_OLD")).dt.total_days()
    pairs = (
        done.sort(*_SIDE, "LO", maintain_order=True)
        .with_columns(pl.col(c).shift(1).over(_SIDE).alias(f"{c}_OLD") for c in _OLD)
        .with_columns(gap.alias("GAP"))
        .filter(pl.col("GAP").is_between(1, days))
    )
    return [
        Finding(
            r["CENTRE"],
            r["USUBJID"],
            (cell(r, "PR", "PRSTDTC"), cell(r, "PR", "PRSTDTC", "_OLD")),
            f"Two transplantations are recorded {r['GAP']} day{'s' * (r['GAP'] > 1)} apart, on {r['VALUE_OLD']} and on "
            f"{r['VALUE']}.",
        )
        for r in run(pairs).iter_rows(named=True)
    ]
