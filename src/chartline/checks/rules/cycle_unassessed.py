"""A cycle that was followed by another has an assessment.

After each cycle somebody looks whether it worked before the next is given: a further cycle without an assessment since
the one before began is often a page that was not sent. It may be that nobody looked, so it is a note. Told where at
least `share` (0.8) of such cycles of the centre have an assessment, for some centres look after every second cycle
only; from `cycles` (5) such cycles of the centre on. Both are our choice. An assessment belongs to the cycle whose
number it has, or to the one in which it is dated.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.context import SUBJECT, Context, Whole
from chartline.checks.model import Cell, Finding, Group, Rule, Scope, Seen
from chartline.checks.tallies import added, tally_true
from chartline.core.dates import first_day, last_day
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="cycle_unassessed",
    group=Group.COMPLETENESS,
    scope=Scope.STUDY,
    sentence="A cycle that was followed by another has an assessment.",
    severity=Severity.NOTE,
    topics=frozenset({Topic.RESPONSE}),
    asks="If there was a marrow or assessment after this cycle, please send it; otherwise nothing is needed.",
    parameters={"share": 0.8, "cycles": 5},
)
_CYCLE = [*SUBJECT, "EXCYCLE"]


def gather(context: Context, **_: float) -> Seen:
    """Gather how many such cycles of a centre have an assessment, and the first of a patient that has none."""
    given = _followed(context)
    seen = context.assessments.lazy().select(
        *SUBJECT, "RSCYCLE", first_day("RSDTC").alias("FROM"), last_day("RSDTC").alias("TO")
    )
    inside = (pl.col("TO") > pl.col("BEGUN")) & (pl.col("FROM") <= pl.col("NEXT"))
    its_own = (pl.col("RSCYCLE") == pl.col("EXCYCLE")) | (pl.col("RSCYCLE").is_null() & inside)
    found = given.join(seen, on=SUBJECT, maintain_order="left").filter(its_own).select(_CYCLE).unique()
    told = given.join(found.with_columns(SEEN=pl.lit(True)), on=_CYCLE, how="left", maintain_order="left")
    told = told.with_columns(pl.col("SEEN").fill_null(False))
    missed = told.filter(~pl.col("SEEN")).with_columns(pl.len().over(SUBJECT).alias("N"))
    first = missed.unique(SUBJECT, keep="first", maintain_order=True)
    return {
        "cycles": tally_true(told, ["CENTRE"], "SEEN"),
        "missed": first.select(*SUBJECT, "EXCYCLE", "EXSTDTC", "BLOCK", "ROW", "N"),
    }


def find(whole: Whole, seen: Seen, *, share: float, cycles: float) -> list[Finding]:
    """Return one finding a patient: the first such cycle, and how many there are."""
    is_habit = (pl.col("SEEN") / pl.col("N") >= share) & (pl.col("N") >= cycles)
    habit = added(seen["cycles"], ["CENTRE"], "SEEN").filter(is_habit)
    missed = seen["missed"].join(habit, on="CENTRE", how="semi", maintain_order="left")
    return [_finding(r) for r in run(missed).iter_rows(named=True)]


def _followed(context: Context) -> pl.LazyFrame:
    """The cycles after which another was begun: when (BEGUN, NEXT), and the first dose's cell."""
    dated = context.doses.filter((pl.col("EXSTDTC").str.len_chars() == 10) & (pl.col("EXCYCLE") >= 1))
    begun = dated.sort(*_CYCLE, "EXSTDTC", maintain_order=True).group_by(_CYCLE, maintain_order=True)
    first = begun.agg(pl.col("EXSTDTC", "BLOCK", "ROW").first()).with_columns(first_day("EXSTDTC").alias("BEGUN"))
    later = first.with_columns(pl.col("BEGUN").shift(-1).over(SUBJECT).alias("NEXT"))
    return later.filter(pl.col("NEXT") > pl.col("BEGUN"))


def _finding(r: dict[str, Any]) -> Finding:
    cells = (
        Cell("EX", "EXCYCLE", r["BLOCK"], r["ROW"], r["EXCYCLE"]),
        Cell("EX", "EXSTDTC", r["BLOCK"], r["ROW"], r["EXSTDTC"]),
    )
    more = f" There are {r['N']} such cycles." if r["N"] > 1 else ""
    message = f"Cycle {r['EXCYCLE']}, begun on {r['EXSTDTC']}, was followed by another, but no assessment lies between."
    return Finding(r["CENTRE"], r["USUBJID"], cells, f"{message}{more}")
