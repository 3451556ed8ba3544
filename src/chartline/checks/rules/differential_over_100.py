"""The parts of one day's differential do not add up to more than the white cells.

Neutrophils, lymphocytes and eosinophils of one day together are at most 100 % of the white cells of that day;
`tolerance` (10 %) and rounding allow for two machines. A part that alone is more than the white cells is asked by
`part_above_whole`.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.bounds import least, most, quoted, recorded
from chartline.checks.context import SUBJECT, Context
from chartline.checks.laboratory import laboratory_test
from chartline.checks.model import Finding, Group, Rule
from chartline.checks.wording import value_words
from chartline.core.plans import run
from chartline.core.query import Severity, Topic
from chartline.core.sentences import joined

RULE = Rule(
    id="differential_over_100",
    group=Group.LABORATORY,
    sentence="The parts of a differential add up to at most the white cells.",
    severity=Severity.WARN,
    topics=frozenset({Topic.BLOOD_COUNTS}),
    asks="Please give the white cells and the differential of this day as the laboratory report shows them.",
    parameters={"tolerance": 0.1},
)
_PARTS = ("ANC", "LYM", "EOS")
_ROUNDING = 0.1  # 10^9/L: counts are given to one decimal


def find(context: Context, *, tolerance: float) -> list[Finding]:
    """Return one finding a subject and day whose parts, each within the white cells, exceed them together."""
    rows = context.laboratory.lazy().filter(
        pl.col("BELIEVABLE") & (pl.col("LO") == pl.col("HI")) & pl.col("LBTESTCD").is_in([*_PARTS, "WBC"])
    )
    white, test = pl.col("LBTESTCD") == "WBC", [*SUBJECT, "LO", "LBTESTCD"]
    rows = rows.sort("VALUE", descending=False, maintain_order=True)
    lowest = rows.filter(~white & least("VALUE").is_not_null()).unique(test, keep="first", maintain_order=True)
    known = rows.filter(white & most("VALUE").is_not_null().all().over(test))
    highest = known.unique(test, keep="last", maintain_order=True)
    days = (
        lowest.sort(test)
        .group_by(*SUBJECT, "LO", maintain_order=True)
        .agg("LBTESTCD", "VALUE", "VALUE_OP", "BLOCK", "ROW")
    )
    both = days.join(highest, on=[*SUBJECT, "LO"], suffix="_WBC", maintain_order="left")
    limit = pl.col("VALUE_WBC") * (1 + tolerance) + _ROUNDING
    over = (pl.col("VALUE").list.sum() > limit) & (pl.col("VALUE").list.max() <= limit)
    return [_finding(r) for r in run(both.filter(over)).iter_rows(named=True)]


def _finding(r: dict[str, Any]) -> Finding:
    parts, white = [laboratory_test(code) for code in r["LBTESTCD"]], laboratory_test("WBC")
    values = [quoted(value, sign) for value, sign in zip(r["VALUE"], r["VALUE_OP"], strict=True)]
    at = zip(parts, values, r["BLOCK"], r["ROW"], strict=True)
    cells = [test.cell(b, row, v) for test, v, b, row in at]
    of_white = recorded(r, "VALUE", "_WBC")
    cells.append(white.cell(r["BLOCK_WBC"], r["ROW_WBC"], of_white))
    named = joined([f"{t.label.lower()} {value_words(v)}" for t, v in zip(parts, values, strict=True)])
    total = float(f"{sum(r['VALUE']):.4g}")
    message = (
        f"On {r['LO']} {named} add up to {value_words(total)}, more than the white blood cells "
        f"{value_words(of_white, white.unit)}."
    )
    return Finding(r["CENTRE"], r["USUBJID"], tuple(cells), message)
