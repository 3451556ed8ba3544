"""A body surface area is one that people have.

`low` (0.2 m2) is that of a newborn, `high` (3 m2) more than 200 kg at 2 m (Mosteller 1987: square root of height in
cm times weight in kg over 3,600 gives 3.3). A number outside is a weight, a height, or a lost decimal point. Where a
dose in mg and in mg/m2 is recorded as well, `dose_amount` holds the three against each other and asks.
"""

from __future__ import annotations

import polars as pl

from chartline.checks.bounds import is_exact, recorded
from chartline.checks.context import SUBJECT, Context
from chartline.checks.model import Cell, Finding, Group, Rule
from chartline.checks.wording import value_words
from chartline.core.compare import holds
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="bsa_implausible",
    group=Group.IDENTITY,
    sentence="A body surface area is between 0.2 and 3 m2.",
    severity=Severity.WARN,
    topics=frozenset({Topic.EXPOSURE}),
    asks="Please give the body surface area, or height and weight.",
    parameters={"low": 0.2, "high": 3},
)


def find(context: Context, *, low: float, high: float) -> list[Finding]:
    """Return one finding a subject."""
    exact = is_exact("EXDOSM2", "EXDOSE") & (pl.col("EXDOSM2") > 0) & (pl.col("EXDOSE") > 0)
    both = context.doses.filter(exact).select(SUBJECT)
    odd = holds("VALUE", "<", low) | holds("VALUE", ">", high)
    areas = context.stated("DM", "BSA").lazy().filter(odd)
    rows = areas.join(both, on=SUBJECT, how="anti", maintain_order="left")
    return [
        Finding(
            r["CENTRE"],
            r["USUBJID"],
            (Cell("DM", "BSA", r["BLOCK"], r["ROW"], recorded(r, "VALUE"), unit="m2"),),
            f"A body surface area of {value_words(recorded(r, 'VALUE'), 'm2')} is not one that people have.",
        )
        for r in run(rows).iter_rows(named=True)
    ]
