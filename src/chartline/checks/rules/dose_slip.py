"""A dose is not many times smaller or larger than the patient's other doses.

A dose `ratio` (4) times away from the median of the patient's doses of the drug, of which there are at least three,
is a moved decimal point more often than a reduction: the steps of a schedule lie less than twofold apart, and a
tenfold slip of the lowest step still 4 times or more from the others. The ratio is ours. Doses per m2 are compared,
or mg over the body surface area where only mg were recorded. A dose above the maximum, not above zero, or
contradicted by its mg is `dose_amount`'s.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.bounds import is_exact
from chartline.checks.context import SUBJECT, Context
from chartline.checks.model import Cell, Finding, Group, Rule
from chartline.checks.wording import value_words
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="dose_slip",
    group=Group.TREATMENT,
    sentence="A dose is not many times smaller or larger than the patient's other doses.",
    severity=Severity.WARN,
    topics=frozenset({Topic.EXPOSURE}),
    asks="Please check the dose against the drug chart; a decimal point may have been lost or moved.",
    parameters={"ratio": 4},
)
_AGREE = 0.1  # dose_amount asks where mg and mg/m2 disagree by more


def find(context: Context, *, ratio: float) -> list[Finding]:
    """Return one finding a dose."""
    treatment = context.protocol.treatment
    top = treatment.max_dose_m2 if treatment and treatment.max_dose_m2 is not None else float("inf")
    areas = context.stated("DM", "BSA").lazy().filter((pl.col("VALUE") > 0) & is_exact("VALUE"))
    area = areas.select(*SUBJECT, AREA="VALUE")
    by_mg = pl.when((pl.col("EXDOSE") > 0) & is_exact("EXDOSE")).then(pl.col("EXDOSE") / pl.col("AREA"))
    per_m2 = pl.coalesce("EXDOSM2", by_mg)
    agree = ((by_mg / pl.col("EXDOSM2") - 1).abs() <= _AGREE).fill_null(True)
    doses = (
        context.doses.filter(is_exact("EXDOSM2"))
        .join(area, on=SUBJECT, how="left", maintain_order="left")
        .with_columns(per_m2.alias("M2"), agree.alias("AGREE"))
        .filter(pl.col("M2") > 0)
        .with_columns(pl.col("M2").median().over(SUBJECT).alias("USUAL"), pl.len().over(SUBJECT).alias("N"))
    )
    away = pl.max_horizontal(pl.col("M2") / pl.col("USUAL"), pl.col("USUAL") / pl.col("M2"))
    rows = doses.filter((pl.col("N") >= 3) & pl.col("AGREE") & (pl.col("M2") <= top) & (away >= ratio))
    return [_finding(r) for r in run(rows).iter_rows(named=True)]


def _finding(r: dict[str, Any]) -> Finding:
    named = [("EXDOSM2", "mg/m2"), ("EXDOSE", "mg"), ("EXSTDTC", "")]
    cells = tuple(Cell("EX", v, r["BLOCK"], r["ROW"], r[v], unit=u) for v, u in named if r[v] is not None)
    on = f" on {r['EXSTDTC']}" if r["EXSTDTC"] else ""
    message = f"The dose{on} is {value_words(r['M2'], 'mg/m2')}; the patient's usual dose is {value_words(r['USUAL'])}."
    return Finding(str(r["CENTRE"]), str(r["USUBJID"]), cells, message)
