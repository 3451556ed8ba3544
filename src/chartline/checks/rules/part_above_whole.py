"""A part of a laboratory quantity is not more than the whole measured that day.

Neutrophils, lymphocytes and eosinophils are white cells, CD4 cells are lymphocytes, HDL and LDL are cholesterol.
`tolerance` (10 %) and one unit of the last digit allow for two machines and for rounding. A count above the whole is
most often the percentage of a differential, or in another unit.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.bounds import least, most, recorded
from chartline.checks.context import SUBJECT, Context
from chartline.checks.laboratory import at_stake, laboratory_test
from chartline.checks.model import Finding, Group, Rule
from chartline.checks.wording import value_words
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="part_above_whole",
    group=Group.LABORATORY,
    sentence="Neutrophils are not more than white cells, nor any part more than its whole.",
    severity=Severity.WARN,
    topics=frozenset({Topic.BLOOD_COUNTS}),
    asks="Please give both results and their units as the laboratory report shows them.",
    parameters={"tolerance": 0.1},
)
_WHOLE = {"ANC": "WBC", "LYM": "WBC", "EOS": "WBC", "CD4": "LYM", "HDL": "CHOL", "LDL": "CHOL"}
_ROUNDING = 0.1  # 10^9/L or mmol/L: counts and lipids are given to one decimal
_DIFFERENTIAL = ("ANC", "LYM", "EOS")


def find(context: Context, *, tolerance: float) -> list[Finding]:
    """Return one finding a subject, day and part that exceeds every value of its whole."""
    day = [*SUBJECT, "LO"]
    tests = [*_WHOLE, *_WHOLE.values()]
    rows = run(context.series.lazy().filter(pl.col("LBTESTCD").is_in(tests))).lazy()
    part = rows.filter(least("VALUE").is_not_null())
    part = part.with_columns(pl.col("LBTESTCD").replace_strict(_WHOLE, default=None).alias("WHOLE"))
    part = part.filter(pl.col("WHOLE").is_not_null()).sort("VALUE", maintain_order=True)
    part = part.unique([*day, "LBTESTCD"], keep="first", maintain_order=True)
    known = most("VALUE").is_not_null().all().over(*day, "LBTESTCD")
    whole = rows.filter(known).sort("VALUE", descending=True)
    whole = whole.unique([*day, "LBTESTCD"], keep="first", maintain_order=True).select(
        *day, pl.col("LBTESTCD").alias("WHOLE"), "VALUE", "VALUE_OP", "BLOCK", "ROW"
    )
    both = part.join(whole, on=[*day, "WHOLE"], suffix="_WHOLE", maintain_order="left")
    over = pl.col("VALUE") > pl.col("VALUE_WHOLE") * (1 + tolerance) + _ROUNDING
    return [_finding(r) for r in run(both.filter(over).sort(*day, "LBTESTCD")).iter_rows(named=True)]


def _finding(r: dict[str, Any]) -> Finding:
    part, whole = laboratory_test(r["LBTESTCD"]), laboratory_test(r["WHOLE"])
    value, of_whole = recorded(r, "VALUE"), recorded(r, "VALUE", "_WHOLE")
    message = (
        f"{part.label} {value_words(value)} on {r['LO']} are more than {whole.label[:1].lower()}{whole.label[1:]} "
        f"{value_words(of_whole, part.unit)}."
    )
    if part.code in _DIFFERENTIAL and r["VALUE"] <= 100 and not (r["VALUE_OP"] or r["VALUE_OP_WHOLE"]):
        of = float(f"{r['VALUE'] * r['VALUE_WHOLE'] / 100:.3g}")
        message += f" It would fit if the number is a percentage of them ({value_words(of, part.unit)})."
    cells = (
        part.cell(r["BLOCK"], r["ROW"], value),
        whole.cell(r["BLOCK_WHOLE"], r["ROW_WHOLE"], of_whole),
    )
    return Finding(r["CENTRE"], r["USUBJID"], cells, message, topics=at_stake(part.code))
