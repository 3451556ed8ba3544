"""A dose is not above the label's maximum, and its mg agree with its mg/m2 times the body surface area.

The maximum is the protocol's (`treatment.max_dose_m2`). 'Agree' is within `tolerance` (10 %): vials are not shared
to the milligram, and body surface area is rounded. Where only mg are recorded, mg / body surface area is held
against the maximum with the same tolerance.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.bounds import is_exact, recorded
from chartline.checks.context import SUBJECT, Context
from chartline.checks.model import Cell, Finding, Group, Rule
from chartline.checks.wording import value_words
from chartline.core.compare import holds
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="dose_amount",
    group=Group.TREATMENT,
    sentence="A dose is at most the protocol's maximum, and mg agree with mg/m2 x body surface area.",
    severity=Severity.WARN,
    topics=frozenset({Topic.EXPOSURE}),
    asks="Please check the dose against the drug chart and give mg/m2 and mg as given.",
    parameters={"tolerance": 0.1},
)


def find(context: Context, *, tolerance: float) -> list[Finding]:
    """Return one finding a dose that is above the maximum, not above zero, or not what its mg say."""
    treatment = context.protocol.treatment
    top = treatment.max_dose_m2 if treatment and treatment.max_dose_m2 is not None else float("inf")
    area = context.stated("DM", "BSA").select(*SUBJECT, *_renamed(), AREA="VALUE", AREA_OP="VALUE_OP")
    doses = run(context.doses).join(area, on=SUBJECT, how="left")
    m2 = pl.col("EXDOSM2")
    from_mg = pl.when(is_exact("EXDOSE", "AREA") & (pl.col("AREA") > 0)).then(pl.col("EXDOSE") / pl.col("AREA"))
    high = holds("EXDOSM2", ">", top) | (m2.is_null() & (from_mg > top * (1 + tolerance)))
    rows = doses.with_columns(
        high.fill_null(False).alias("HIGH"),
        (holds("EXDOSM2", "<=", 0) | holds("EXDOSE", "<=", 0)).fill_null(False).alias("NONE"),
        (is_exact("EXDOSM2") & ((from_mg / m2 - 1).abs() > tolerance)).fill_null(False).alias("DIFFER"),
        from_mg.alias("FROM_MG"),
    ).filter(pl.col("HIGH") | pl.col("NONE") | pl.col("DIFFER"))
    return [_finding(r, top) for r in rows.iter_rows(named=True)]


def _renamed() -> list[pl.Expr]:
    return [pl.col(c).alias(f"{c}_AREA") for c in ("BLOCK", "ROW")]


def _finding(r: dict[str, Any], top: float) -> Finding:
    said = []
    if r["HIGH"]:
        m2 = recorded(r, "EXDOSM2") if r["EXDOSM2"] is not None else r["FROM_MG"]
        said.append(f"The dose of {value_words(m2, 'mg/m2')} is above the maximum of {value_words(top, 'mg/m2')}.")
    if r["NONE"]:
        said.append("The dose is not above zero.")
    if r["DIFFER"] and r["EXDOSM2"]:
        mg, area = value_words(r["EXDOSE"], "mg"), value_words(r["AREA"], "m2")
        said.append(f"{mg} over {area} make {r['FROM_MG']:.2f} mg/m², not {value_words(r['EXDOSM2'])}.")
    return Finding(r["CENTRE"], r["USUBJID"], tuple(_cells(r)), " ".join(said))


def _cells(r: dict[str, Any]) -> list[Cell]:
    named = (("EXDOSM2", "mg/m2"), ("EXDOSE", "mg"))
    cells = [Cell("EX", v, r["BLOCK"], r["ROW"], recorded(r, v), unit=u) for v, u in named if r[v] is not None]
    if r["AREA"] is not None and r["EXDOSE"] is not None:
        cells.append(Cell("DM", "BSA", r["BLOCK_AREA"], r["ROW_AREA"], recorded(r, "AREA"), unit="m2"))
    return cells
