"""Two doses of one cycle are as far apart as the protocol expects, and no two doses are `long_gap` days apart.

Within a recorded cycle the expected days are the protocol's (`treatment.first_to_second_dose_days`). Where the
source keeps no cycle numbers, or between cycles, only a gap of more than `long_gap` days (90) is in doubt. A first
dose that stands alone by such a gap is most often a slip of its date, and every time in the study counts from it:
it blocks. The message adds whether laboratory values or marrows lie around that first dose at all. Doses whose numbers
go back are `cycle_order`'s.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.context import SUBJECT, Context
from chartline.checks.model import Cell, Finding, Group, Rule
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="dose_gap",
    group=Group.TREATMENT,
    sentence="Consecutive doses are as far apart as the protocol expects.",
    severity=Severity.WARN,
    topics=frozenset({Topic.EXPOSURE}),
    asks="Please check both dates against the drug chart and give the right ones.",
    parameters={"long_gap": 90, "near": 30},
)


def find(context: Context, *, long_gap: float, near: float) -> list[Finding]:
    """Return one finding a pair of consecutive doses with an unexpected gap."""
    treatment = context.protocol.treatment
    expected = treatment.first_to_second_dose_days if treatment else None
    low, high = expected or (1, long_gap)
    doses = context.doses.filter(pl.col("EXSTDTC").str.len_chars() == 10)
    days = pl.col("EXSTDTC").str.to_date("%Y-%m-%d", strict=False).alias("DAY")
    pairs = (
        doses.select(*SUBJECT, "SEQ", "EXCYCLE", "EXCYDAY", "EXSTDTC", "BLOCK", "ROW", days)
        .sort(*SUBJECT, "DAY", "SEQ")
        .with_columns(
            *(
                pl.col(c).shift(1).over(SUBJECT).alias(f"{c}_PRIOR")
                for c in ("DAY", "EXCYCLE", "EXCYDAY", "EXSTDTC", "BLOCK", "ROW")
            ),
            pl.int_range(pl.len()).over(SUBJECT).alias("NTH"),
        )
        .with_columns((pl.col("DAY") - pl.col("DAY_PRIOR")).dt.total_days().alias("GAP"))
        .filter(pl.col("GAP") > 0)
    )
    same = (pl.col("EXCYCLE") == pl.col("EXCYCLE_PRIOR")).fill_null(False)
    odd = (same & ~pl.col("GAP").is_between(low, high)) | (pl.col("GAP") > long_gap)
    back = (pl.col("EXCYCLE") < pl.col("EXCYCLE_PRIOR")) | (same & (pl.col("EXCYDAY") < pl.col("EXCYDAY_PRIOR")))
    rows = run(pairs.with_columns(same.alias("SAME")).filter(odd & ~back.fill_null(False)))
    alone = _alone(context, rows, near)
    return [_finding(r, expected, high, a) for r, a in zip(rows.iter_rows(named=True), alone, strict=True)]


def _alone(context: Context, rows: pl.DataFrame, near: float) -> list[bool]:
    """Return, per pair, whether records lie within `near` days of the second dose and none of the first."""
    if rows.is_empty():
        return []
    records = context.dated.filter(pl.col("DOMAIN").is_in(["LB", "RS"])).select(*SUBJECT, "LO")
    rows = rows.with_row_index("AT")
    beside = (
        rows.join(records, on=SUBJECT)
        .group_by("AT")
        .agg(
            ((pl.col("LO") - pl.col(day)).dt.total_days().abs() <= near).any().alias(day)
            for day in ("DAY", "DAY_PRIOR")
        )
    )
    at = set(beside.filter(pl.col("DAY") & ~pl.col("DAY_PRIOR"))["AT"])
    return [i in at for i in rows["AT"]]


def _finding(r: dict[str, Any], expected: tuple[int, int] | None, high: float, alone: bool) -> Finding:
    first = r["NTH"] == 1 and r["GAP"] > high
    earlier = Cell("EX", "EXSTDTC", r["BLOCK_PRIOR"], r["ROW_PRIOR"], r["EXSTDTC_PRIOR"], label="Earlier dose")
    later = Cell("EX", "EXSTDTC", r["BLOCK"], r["ROW"], r["EXSTDTC"], label="Later dose")
    which = "the first and the second dose" if r["NTH"] == 1 else "two consecutive doses"
    usual = f" (within a cycle {expected[0]} to {expected[1]} are expected)" if expected else ""
    message = f"There are {r['GAP']} days between {which}{usual}."
    if alone:
        message += " No laboratory value or marrow lies near the earlier dose, though some lie near the later one."
    return Finding(
        r["CENTRE"],
        r["USUBJID"],
        (earlier, later) if r["NTH"] == 1 else (later, earlier),
        message,
        severity=Severity.BLOCK if first else Severity.WARN,
        topics=frozenset({Topic.FIRST_DOSE}) if first else None,
    )
