"""A living patient was seen not long before the cut-off.

`days` (365, our choice) or more without contact may hide a relapse or a death; patients who are lost differ from those
who are not. It may be all that is known, so it is a note: nothing is wrong, and the patient is censored at the last
contact. A study without a cut-off has none, and neither has a centre that counts days.
"""

from __future__ import annotations

import polars as pl

from chartline.checks.context import Context
from chartline.checks.model import Finding, Group, Rule, cell
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="follow_up_short",
    group=Group.COMPLETENESS,
    sentence="A living patient was last seen less than a year before the cut-off.",
    severity=Severity.NOTE,
    topics=frozenset({Topic.FOLLOW_UP}),
    asks="If there was a later contact, please give its date; otherwise nothing is needed.",
    parameters={"days": 365},
)


def find(context: Context, *, days: float) -> list[Finding]:
    """Return one finding a living patient."""
    cut_off = context.protocol.data.cut_off
    if cut_off is None:
        return []
    gap = (pl.lit(cut_off) - pl.col("HI")).dt.total_days()
    real = ~pl.col("CENTRE").is_in(list(context.data.study_days.events))
    rows = context.living.lazy().filter(real).with_columns(gap.alias("GAP")).filter(pl.col("GAP") >= days)
    return [
        Finding(
            r["CENTRE"],
            r["USUBJID"],
            (cell(r, "SS", "LKADTC"),),
            f"The patient was last known alive on {r['VALUE']}, {r['GAP']:,} days before the data cut-off.",
        )
        for r in run(rows).iter_rows(named=True)
    ]
