"""CRi is not recorded on a day on which both counts were above the limits of CR.

Neutrophils above 1.0 and platelets above 100 x 10^9/L on the day of the marrow, neither noted as supported by G-CSF
or a platelet transfusion, make the remission CR by every rule set (ELN 2024 asks for more than the limit, so a count
of exactly 1.0 or 100 is not asked). Only the day of the marrow counts here: counts that recover later are often seen
after the response was written down.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.bounds import recorded
from chartline.checks.context import SUBJECT, Context
from chartline.checks.laboratory import laboratory_test
from chartline.checks.model import Cell, Finding, Group, Rule
from chartline.checks.wording import value_words
from chartline.core.compare import holds
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="cri_with_counts",
    group=Group.RESPONSE,
    sentence="A remission with incomplete recovery has a count that had not recovered.",
    severity=Severity.WARN,
    topics=frozenset({Topic.COUNTS}),
    asks="Please check the blood counts of this day, and whether the response was CR.",
    parameters={"anc": 1.0, "plt": 100},
)
_SUPPORT = {"ANC": "LBGCSF", "PLT": "LBPLTTX"}


def find(context: Context, *, anc: float, plt: float) -> list[Finding]:
    """Return one finding a recorded CRi or CRh on whose day both counts lie above the limits without support."""
    if context.counts_window is None:
        return []
    called = (
        context.assessments.lazy()
        .filter(pl.col("ON") & pl.col("INVRESP").is_in(["CRi", "CRh"]) & (pl.col("RSDTC").str.len_chars() == 10))
        .select(*SUBJECT, "RSDTC", "INVRESP", pl.col("BLOCK").alias("BLOCK_CR"), pl.col("ROW").alias("ROW_CR"))
    )
    for test, limit in (("ANC", anc), ("PLT", plt)):
        called = called.join(_counts(context, test, limit), on=[*SUBJECT, "RSDTC"], maintain_order="left")
    rows = called.unique([*SUBJECT, "RSDTC"], keep="first", maintain_order=True)
    return [_finding(r) for r in run(rows).iter_rows(named=True)]


def _counts(context: Context, test: str, limit: float) -> pl.LazyFrame:
    """One row a subject and day whose every count of a test is above its limit and unsupported."""
    above = holds("VALUE", ">", limit).fill_null(False)
    supported = (pl.col(_SUPPORT[test]) == "Y").fill_null(False)
    rows = context.laboratory.lazy().filter((pl.col("LBTESTCD") == test) & pl.col("BELIEVABLE"))
    cells = [pl.col(c).first().alias(f"{c}_{test}") for c in ("VALUE", "VALUE_OP", "BLOCK", "ROW")]
    days = rows.group_by(*SUBJECT, pl.col("LBDTC").alias("RSDTC"), maintain_order=True).agg(
        *cells, (above & ~supported).all().alias("ALL")
    )
    return days.filter("ALL").drop("ALL")


def _finding(r: dict[str, Any]) -> Finding:
    cells = [Cell("RS", "INVRESP", r["BLOCK_CR"], r["ROW_CR"], r["INVRESP"])]
    said = []
    for code in _SUPPORT:
        test, value = laboratory_test(code), recorded(r, "VALUE", f"_{code}")
        cells.append(test.cell(r[f"BLOCK_{code}"], r[f"ROW_{code}"], value))
        said.append(f"{test.label.lower()} {value_words(value, test.unit)}")
    message = f"{r['INVRESP']} was recorded on {r['RSDTC']}, but the counts of that day are those of CR: "
    return Finding(r["CENTRE"], r["USUBJID"], tuple(cells), f"{message}{' and '.join(said)}.")
