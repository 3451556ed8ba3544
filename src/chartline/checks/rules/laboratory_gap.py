"""Between two doses that are weeks apart there is a laboratory value.

No drug of this kind is given again without a blood count; two doses `days` (14) apart or more with no dated value
from the one to the other are a page that was not sent. Asked where at least `share` (0.8) of such gaps of the centre
have values, for some centres keep summaries only; both are our choice. A summary value of a cycle counts for all gaps
of the patient.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.context import SUBJECT, Context, Whole
from chartline.checks.model import Cell, Finding, Group, Rule, Scope, Seen
from chartline.checks.tallies import added, tally_true
from chartline.core.dates import first_day
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="laboratory_gap",
    group=Group.COMPLETENESS,
    scope=Scope.STUDY,
    sentence="Between two doses that are weeks apart there is a laboratory value.",
    severity=Severity.WARN,
    topics=frozenset({Topic.BLOOD_COUNTS}),
    asks="Please send the laboratory values between these doses, or say that there are none.",
    parameters={"days": 14, "share": 0.8},
)
_OLD = ("DAY", "EXSTDTC", "BLOCK", "ROW")


def gather(context: Context, *, days: float, **_: float) -> Seen:
    """Gather how many gaps of a centre have values, and the first of a patient that has none."""
    doses = context.doses.filter(pl.col("EXSTDTC").str.len_chars() == 10).with_columns(
        first_day("EXSTDTC").alias("DAY")
    )
    gaps = (
        doses.sort(*SUBJECT, "DAY", "SEQ")
        .select(*SUBJECT, "DAY", "EXSTDTC", "BLOCK", "ROW")
        .with_columns(pl.col(c).shift(1).over(SUBJECT).alias(f"{c}_OLD") for c in _OLD)
        .filter((pl.col("DAY") - pl.col("DAY_OLD")).dt.total_days() >= days)
        .with_row_index("AT")
    )
    summed = context.laboratory.lazy().filter(pl.col("LBSUMM").is_not_null()).select(SUBJECT).unique()
    values = context.laboratory.lazy().select(*SUBJECT, "LO", "HI").unique()
    inside = (pl.col("HI") >= pl.col("DAY_OLD")) & (pl.col("LO") <= pl.col("DAY"))
    with_values = gaps.join(values, on=SUBJECT).filter(inside).select("AT").unique().with_columns(FILLED=pl.lit(True))
    told = gaps.join(with_values, on="AT", how="left", maintain_order="left").join(
        summed.with_columns(SUMMED=pl.lit(True)), on=SUBJECT, how="left", maintain_order="left"
    )
    told = told.with_columns(pl.coalesce("FILLED", "SUMMED").fill_null(False).alias("FILLED"))
    empty = told.filter(~pl.col("FILLED")).with_columns(pl.len().over(SUBJECT).alias("N"))
    first = empty.unique(SUBJECT, keep="first", maintain_order=True)
    cells = [f"{c}{s}" for s in ("_OLD", "") for c in ("EXSTDTC", "BLOCK", "ROW")]
    return {"gaps": tally_true(told, ["CENTRE"], "FILLED"), "empty": first.select(*SUBJECT, *cells, "N")}


def find(whole: Whole, seen: Seen, *, share: float, **_: float) -> list[Finding]:
    """Return one finding a patient: the first gap, and how many there are."""
    habit = added(seen["gaps"], ["CENTRE"], "FILLED").filter(pl.col("FILLED") / pl.col("N") >= share)
    empty = seen["empty"].join(habit, on="CENTRE", how="semi", maintain_order="left")
    return [_finding(r) for r in run(empty).iter_rows(named=True)]


def _finding(r: dict[str, Any]) -> Finding:
    more = f" There are {r['N']} such gaps." if r["N"] > 1 else ""
    message = f"No laboratory value lies between the doses of {r['EXSTDTC_OLD']} and {r['EXSTDTC']}.{more}"
    cells = tuple(Cell("EX", "EXSTDTC", r["BLOCK" + s], r["ROW" + s], r["EXSTDTC" + s]) for s in ("_OLD", ""))
    return Finding(r["CENTRE"], r["USUBJID"], cells, message)
