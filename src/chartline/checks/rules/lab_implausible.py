"""A laboratory value lies within the bounds of what any person has lived with (`vocabulary/tests.csv`).

Outside them the number is a slip, and the message names the slip that would explain it (a count per uL carried as
10^9/L, a lakh column filled in 10^9/L, mg/dL and umol/L, a lost decimal point) where the patient's other values
say so. The slip is a question: nothing is ever corrected. The same value of one test and day in two places is one
finding with both cells, and so are four or more values of a patient, a column in another unit all along: they are
held against the centre's other patients.

A platelet or neutrophil value that may decide CR against CRi (inside the counts window of an on-treatment marrow)
blocks that; liver chemistry blocks the liver grades; anything else is asked while the analysis goes on.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.bounds import known_median, recorded
from chartline.checks.context import SUBJECT, Context, Whole
from chartline.checks.laboratory import (
    LIVER_TESTS,
    RECOVERY_TESTS,
    at_stake,
    laboratory_test,
    likely_slips,
    value_cells,
)
from chartline.checks.model import Finding, Group, Rule, Scope, Seen
from chartline.checks.tallies import medians, tally
from chartline.checks.wording import value_words
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="lab_implausible",
    group=Group.LABORATORY,
    scope=Scope.STUDY,
    sentence="A laboratory value lies within the bounds of the possible.",
    severity=Severity.WARN,
    topics=frozenset({Topic.BLOOD_COUNTS}),
    asks="Please give the result and its unit as the laboratory report shows them.",
)

_VALUE = [*SUBJECT, "LBTESTCD", "LBDTC", "VALUE", "VALUE_OP"]
_OF_CENTRE = ["CENTRE", "LBTESTCD"]
_SERIES = 4  # from so many values of a patient on there is one question about them all


def gather(context: Context) -> Seen:
    """Gather the values outside the bounds with what is usual for the patient, and how many patients of a centre have
    each usual value of a test."""
    values = context.laboratory.lazy()
    believed = values.filter(pl.col("BELIEVABLE") & (pl.col("VALUE") > 0))
    usual = believed.group_by(*SUBJECT, "LBTESTCD").agg(known_median("VALUE").alias("USUAL"))
    rows = _decisive(context, context.laboratory.filter(~pl.col("BELIEVABLE"))).lazy()
    slips = rows.join(usual, on=[*SUBJECT, "LBTESTCD"], how="left", maintain_order="left").select(
        *_VALUE, "BLOCK", "ROW", "LBORRESU", "DECISIVE", "LOW", "HIGH", "USUAL"
    )
    return {"slips": slips, "usual": tally(usual.filter(pl.col("USUAL").is_not_null()), [*_OF_CENTRE, "USUAL"])}


def find(whole: Whole, seen: Seen) -> list[Finding]:
    """Return one finding a subject, test, day and value outside its bounds."""
    of_others = medians(seen["usual"], _OF_CENTRE, "USUAL").select(*_OF_CENTRE, CENTRE_USUAL="USUAL")
    rows = seen["slips"].join(of_others, on=_OF_CENTRE, how="left", maintain_order="left")
    plan = rows.group_by(_VALUE, maintain_order=True).agg(
        "BLOCK",
        "ROW",
        "LBORRESU",
        pl.col("DECISIVE").any(),
        *(pl.col(c).first() for c in ("LOW", "HIGH", "USUAL", "CENTRE_USUAL")),
    )
    slips = run(plan.with_columns(pl.len().over(*SUBJECT, "LBTESTCD").alias("N")))
    few, many = slips.filter(pl.col("N") < _SERIES), slips.filter(pl.col("N") >= _SERIES)
    series = many.partition_by(*SUBJECT, "LBTESTCD", maintain_order=True)
    return [*(_finding(r) for r in few.iter_rows(named=True)), *(_series(s.to_dicts()) for s in series)]


def _series(rows: list[dict[str, Any]]) -> Finding:
    """Make one question of many values of a patient: a column that was in another unit all along."""
    first, values = rows[0], sorted(r["VALUE"] for r in rows)
    test = laboratory_test(first["LBTESTCD"])
    message = (
        f"{test.label}: {len(rows)} values of this patient ({value_words(values[0])} to "
        f"{value_words(values[-1], test.unit)}) are outside the possible ({value_words(first['LOW'])} to "
        f"{value_words(first['HIGH'])})."
    )
    middle = values[len(values) // 2]
    slips = likely_slips(test, middle, first["CENTRE_USUAL"], "what the centre's other patients have")
    findings = [_finding(r) for r in rows]
    decisive = [f for f in findings if f.severity is Severity.BLOCK] or findings
    return Finding(
        first["CENTRE"],
        first["USUBJID"],
        tuple(cell for f in findings for cell in f.cells),
        f"{message} {slips}".rstrip(),
        severity=decisive[0].severity,
        topics=frozenset().union(*(f.topics or frozenset() for f in decisive)),
    )


def _decisive(context: Context, rows: pl.DataFrame) -> pl.DataFrame:
    """Add DECISIVE: a count inside the window in which it proves recovery after an on-treatment marrow."""
    marrow = context.assessments.filter("ON").select(
        *SUBJECT, pl.col("RSDTC").str.to_date("%Y-%m-%d", strict=False).alias("MARROW")
    )
    if context.counts_window is None:
        return rows.with_columns(pl.lit(False).alias("DECISIVE"))
    rows = rows.with_row_index("AT")
    after = (pl.col("LO") - pl.col("MARROW")).dt.total_days()
    inside = rows.join(marrow, on=SUBJECT).filter(after.is_between(*context.counts_window))["AT"].unique()
    count = pl.col("LBTESTCD").is_in(RECOVERY_TESTS)
    return rows.with_columns((count & pl.col("AT").is_in(inside.implode())).alias("DECISIVE"))


def _finding(r: dict[str, Any]) -> Finding:
    test = laboratory_test(r["LBTESTCD"])
    side = "above" if r["VALUE"] > r["HIGH"] else "below"
    bound = value_words(r["HIGH"] if side == "above" else r["LOW"], test.unit)
    on = f" on {r['LBDTC']}" if r["LBDTC"] else ""
    message = f"{test.label} of {value_words(recorded(r, 'VALUE'), test.unit)}{on} is {side} the possible ({bound})."
    slips = "" if r["VALUE_OP"] else likely_slips(test, r["VALUE"], r["USUAL"])
    decisive = frozenset({Topic.COUNTS}) if r["DECISIVE"] else at_stake(test.code)
    blocks = r["DECISIVE"] or test.code in LIVER_TESTS
    return Finding(
        r["CENTRE"],
        r["USUBJID"],
        value_cells(r),
        f"{message} {slips}".rstrip(),
        severity=Severity.BLOCK if blocks else Severity.WARN,
        topics=decisive,
    )
