"""The index drug is not given after a transplantation that followed it, unless the disease came back.

A dose after the transplantation recorded as after the index treatment, with no relapse between: a date is wrong, the
drug was given for residual disease, or a relapse was not recorded. Compared by the days that partial dates can mean;
a transplantation before day 0 is no matter.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.context import SUBJECT, Context
from chartline.checks.model import Finding, Group, Rule, cell
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="dose_after_transplant",
    group=Group.TREATMENT,
    sentence="The index drug is not given after the transplantation that followed it, unless the disease came back.",
    severity=Severity.WARN,
    topics=frozenset({Topic.TRANSPLANT}),
    asks="Please check the dates of the dose and of the transplantation, and say why the drug was given again.",
)


def find(context: Context) -> list[Finding]:
    """Return one finding a subject: the last dose, the first transplantation after day 0, and how many doses."""
    if context.protocol.treatment is None:
        return []
    zero = context.first_dose.lazy().select(*SUBJECT, pl.col("LO").alias("ZERO"))
    first = (
        context.transplants.lazy()
        .filter((pl.col("PRTIMING") != "BEFORE").fill_null(True))
        .join(zero, on=SUBJECT, maintain_order="left")
        .filter((pl.col("LO") > pl.col("ZERO")) | ((pl.col("PRTIMING") == "AFTER") & (pl.col("HI") > pl.col("ZERO"))))
        .sort("LO", maintain_order=True)
        .unique(SUBJECT, keep="first", maintain_order=True)
        .select(*SUBJECT, "VALUE", "HI", "BLOCK", "ROW")
    )
    relapse = context.relapse.lazy().select(*SUBJECT, pl.col("LO").alias("RELAPSED"))
    doses = (
        context.statements("EX", "EXSTDTC")
        .lazy()
        .join(
            context.doses.select(*SUBJECT, "BLOCK", "ROW").unique(),
            on=[*SUBJECT, "BLOCK", "ROW"],
            maintain_order="left",
        )
    )
    after = (
        doses.join(first, on=SUBJECT, suffix="_TRANSPLANT", maintain_order="left")
        .join(relapse, on=SUBJECT, how="left", maintain_order="left")
        .filter((pl.col("LO") > pl.col("HI_TRANSPLANT")) & ~(pl.col("RELAPSED") <= pl.col("LO")).fill_null(False))
        .sort("LO", maintain_order=True)
        .with_columns(pl.len().over(SUBJECT).alias("N"))
        .unique(SUBJECT, keep="last", maintain_order=True)
    )
    return [_finding(r) for r in run(after).iter_rows(named=True)]


def _finding(r: dict[str, Any]) -> Finding:
    what = f"A dose on {r['VALUE']} comes" if r["N"] == 1 else f"{r['N']} doses, the last on {r['VALUE']}, come"
    cells = (cell(r, "EX", "EXSTDTC"), cell(r, "PR", "PRSTDTC", "_TRANSPLANT"))
    message = f"{what} after the transplantation on {r['VALUE_TRANSPLANT']}, and no relapse between is recorded."
    return Finding(str(r["CENTRE"]), str(r["USUBJID"]), cells, message)
