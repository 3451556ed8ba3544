"""The recorded grade of a laboratory event is that of the values measured during it.

The event's term names a test and a direction (`vocabulary/lab_events.csv`: thrombocytopenia is platelets too low);
each value from the day of onset to the end, or for `open_days` (30) where no end is known, has its grade under the
protocol's scale. By CTCAE an event has the grade of its worst value, so a value with a higher grade than every record
of the event that day is asked; one grade of difference is enough. A recorded grade that no value reaches is asked
where the values, at least `values` (2), stay `below` (2) grades short of it: the worst sample may not have been sent.
Grade 5 is death, not a value.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.adverse_events import laboratory_events
from chartline.checks.bounds import recorded
from chartline.checks.context import SUBJECT, Context
from chartline.checks.laboratory import laboratory_test
from chartline.checks.model import Cell, Finding, Group, Rule
from chartline.checks.wording import value_words
from chartline.core.clinical import ClinicalData
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="grade_of_laboratory",
    group=Group.TOXICITY,
    sentence="The grade of a laboratory event is that of its values.",
    severity=Severity.WARN,
    topics=frozenset({Topic.ADVERSE_EVENTS}),
    asks="Please check the grade of the event, and the result.",
    parameters={"open_days": 30, "values": 2, "below": 2},
)


def find(context: Context, *, open_days: float, values: float, below: float) -> list[Finding]:
    """Return at most one finding an event: its grade is lower than a value's, or far above all of them."""
    during = _during(context, open_days)
    if during is None:
        return []
    worst = during.sort("GRADE", "LO_LAB", descending=[True, False], maintain_order=True)
    each = worst.group_by("EVENT", maintain_order=True).agg(pl.len().alias("N"), pl.all().first())
    told = pl.col("AETOXGR").max().over(*SUBJECT, "TEST", "DIRECTION", "SEQ_LAB")
    high = worst.with_columns(told.alias("TOLD")).filter(pl.col("GRADE") > pl.col("TOLD"))
    high = high.unique("EVENT", keep="first", maintain_order=True)
    low = each.filter((pl.col("N") >= values) & (pl.col("GRADE") <= pl.col("AETOXGR") - below))
    return [
        *(_finding(r, _high(r)) for r in high.sort("EVENT").iter_rows(named=True)),
        *(_finding(r, _low(r)) for r in low.sort("EVENT").iter_rows(named=True)),
    ]


def _during(context: Context, open_days: float) -> pl.DataFrame | None:
    """One row an event and graded value during it; None where there is none, or no scale to grade by."""
    named = laboratory_events()
    events = (
        context.adverse_events.lazy()
        .filter(pl.col("TERM").is_in(list(named)) & pl.col("AETOXGR").is_between(1, 4) & pl.col("LO").is_not_null())
        .with_row_index("EVENT")
        .with_columns(
            pl.col("TERM").replace_strict({n: t for n, (t, _) in named.items()}).alias("TEST"),
            pl.col("TERM").replace_strict({n: d for n, (_, d) in named.items()}).alias("DIRECTION"),
            pl.coalesce("END_HI", pl.col("HI").dt.offset_by(f"{open_days:g}d")).alias("UNTIL"),
        )
    )
    samples = context.laboratory.lazy().filter(pl.col("BELIEVABLE") & (pl.col("LO") == pl.col("HI")))
    samples = samples.select(*SUBJECT, "LBTESTCD", "VALUE", "VALUE_OP", "LO", "BLOCK", "ROW")
    kept = ["EVENT", "TEST", "DIRECTION", "AETERM", "AETOXGR", "HI", "UNTIL", "BLOCK", "ROW"]
    met = events.select(*SUBJECT, *kept).join(
        samples, left_on=[*SUBJECT, "TEST"], right_on=[*SUBJECT, "LBTESTCD"], suffix="_LAB", maintain_order="left"
    )
    pairs = run(met.filter((pl.col("LO") >= pl.col("HI")) & (pl.col("LO") <= pl.col("UNTIL"))))
    if pairs.is_empty() or context.grade is None:
        return None
    lab = context.data["LB"].join(pairs.select(*SUBJECT, pl.col("TEST").alias("LBTESTCD")).unique(),
                                  on=[*SUBJECT, "LBTESTCD"], how="semi")  # fmt: skip
    graded = context.grade(ClinicalData({**context.data.domains, "LB": lab})).join(
        lab.select(*SUBJECT, "SEQ", "BLOCK", "ROW"), on=[*SUBJECT, "SEQ"]
    )
    graded = graded.select(*SUBJECT, pl.col("BLOCK").alias("BLOCK_LAB"), pl.col("ROW").alias("ROW_LAB"),
                           pl.col("SEQ").alias("SEQ_LAB"), "ATOXGRL", "ATOXGRH")  # fmt: skip
    grade = pl.when(pl.col("DIRECTION") == "L").then("ATOXGRL").otherwise("ATOXGRH")
    rows = pairs.rename({"LO": "LO_LAB"}).join(graded, on=[*SUBJECT, "BLOCK_LAB", "ROW_LAB"], maintain_order="left")
    return rows.with_columns(grade.alias("GRADE")).filter(pl.col("GRADE").is_not_null())


def _result(r: dict[str, Any]) -> str:
    test = laboratory_test(r["TEST"])
    value = value_words(recorded({**r, "VALUE": float(f"{r['VALUE']:.6g}")}, "VALUE"), test.unit)
    grade = f"grade {r['GRADE']}" if r["GRADE"] else "no grade"
    return f"{grade}: {test.label[:1].lower()}{test.label[1:]} {value} on {r['LO_LAB']}"


def _high(r: dict[str, Any]) -> str:
    return f"{r['AETERM']} is recorded as grade {r['AETOXGR']}, but a result during it has {_result(r)}."


def _low(r: dict[str, Any]) -> str:
    worst = f"the worst of {r['N']} results during it has {_result(r)}"
    return f"{r['AETERM']} is recorded as grade {r['AETOXGR']}, but {worst}."


def _finding(r: dict[str, Any], message: str) -> Finding:
    test = laboratory_test(r["TEST"])
    cells = (
        Cell("AE", "AETOXGR", r["BLOCK"], r["ROW"], r["AETOXGR"]),
        test.cell(r["BLOCK_LAB"], r["ROW_LAB"], recorded(r, "VALUE")),
    )
    return Finding(r["CENTRE"], r["USUBJID"], cells, message)
