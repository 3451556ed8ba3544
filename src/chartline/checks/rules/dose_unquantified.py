"""A dose of the index drug has an amount: mg/m2 or mg.

Without one neither the cumulative dose nor a reduction can be told. Asked once a patient, or once a centre that never
records it; of a study that reads no amount nobody is asked.
"""

from __future__ import annotations

import polars as pl

from chartline.checks.completeness import gather_needed, lacking
from chartline.checks.context import SUBJECT, Context, Whole
from chartline.checks.model import Finding, Group, Rule, Scope, Seen
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="dose_unquantified",
    group=Group.COMPLETENESS,
    scope=Scope.STUDY,
    sentence="A dose of the index drug has an amount, mg/m2 or mg.",
    severity=Severity.WARN,
    topics=frozenset({Topic.EXPOSURE}),
    asks="Please give the dose as on the drug chart, in mg/m2 or mg.",
)


def gather(context: Context) -> Seen:
    """Gather the doses without an amount."""
    amount = pl.col("EXDOSM2").is_not_null() | pl.col("EXDOSE").is_not_null()
    doses = context.doses.filter(context.reads.amounts & (pl.col("EXSTDTC").is_not_null() | amount))
    here = {"DOMAIN": pl.lit("EX"), "VARIABLE": pl.lit("EXDOSM2"), "WHAT": pl.lit("amount")}
    return gather_needed(
        context, doses.select(*SUBJECT, "BLOCK", "ROW", pl.col("EXSTDTC").fill_null("?"), PRESENT=amount, **here)
    )


def find(whole: Whole, seen: Seen) -> list[Finding]:
    """Return one finding a patient, or a centre."""
    return lacking(
        seen,
        lambda _, r: f"The dose of {r['EXSTDTC']} has no amount.",
        lambda _, r: f"No dose of this centre ({r['N']} patients) has an amount.",
        "Please send the amount of every dose, in mg/m2 or mg.",
    )
