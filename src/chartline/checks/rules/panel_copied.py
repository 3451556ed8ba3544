"""Two patients do not have the same results of one day.

`tests` (5, our choice) or more different tests with the same numbers on the same day in two patients of a centre are
one patient's results entered twice, the second time under another number. Two numbers that `same_person` asks about
share all their results and are not asked again. The first shared day is shown.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.context import Context, Whole
from chartline.checks.laboratory import panel_code
from chartline.checks.model import Cell, Finding, Group, Rule, Scope, Seen
from chartline.checks.persons import persons
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="panel_copied",
    group=Group.LABORATORY,
    scope=Scope.STUDY,
    sentence="Two patients do not have the same results of one day.",
    severity=Severity.WARN,
    topics=frozenset({Topic.BLOOD_COUNTS}),
    asks="Please check against the laboratory reports whose results these are, and send the other patient's own.",
    parameters={"tests": 5},
)


def gather(context: Context, *, tests: float) -> Seen:
    """Gather a code of each day's results, and whose they are."""
    panels = context.panels.lazy().filter(pl.col("TESTS") >= tests)
    return {"panels": panels.select("USUBJID", panel_code("LO"))}


def find(whole: Whole, seen: Seen, *, tests: float) -> list[Finding]:
    """Return one finding a pair of patients."""
    alike = seen["panels"].group_by("CODE").agg(pl.col("USUBJID").min(), pl.col("USUBJID").max().alias("OTHER"))
    shared = alike.filter(pl.col("USUBJID") != pl.col("OTHER")).select("CODE")
    subjects = run(seen["panels"].join(shared, on="CODE", how="semi"))["USUBJID"].unique()
    return _pairs(whole.of(subjects), tests) if len(subjects) else []


def _pairs(context: Context, tests: float) -> list[Finding]:
    """Look at the results of patients of whom each shares those of one day."""
    key = ["CENTRE", "LO", "PANEL"]
    panels = context.panels.lazy().filter(pl.col("TESTS") >= tests)
    shared = panels.with_columns(pl.col(c).first().over(key).alias(f"{c}_OLD") for c in ("USUBJID", "BLOCK", "ROW"))
    pairs = shared.filter(pl.col("USUBJID") != pl.col("USUBJID_OLD")).group_by(
        "CENTRE", "USUBJID", "USUBJID_OLD", maintain_order=True
    )
    first = pairs.agg(pl.len().alias("DAYS"), pl.col("LO", "TESTS", "BLOCK", "ROW", "BLOCK_OLD", "ROW_OLD").first())
    born = persons(context).lazy().select("CENTRE", "USUBJID", pl.concat_str("BORN", "SEX").alias("WHO"))
    told = first.join(born, on=["CENTRE", "USUBJID"], how="left", maintain_order="left").join(
        born.rename({"USUBJID": "USUBJID_OLD", "WHO": "WHO_OLD"}),
        on=["CENTRE", "USUBJID_OLD"],
        how="left",
        maintain_order="left",
    )
    rows = told.filter((pl.col("WHO") != pl.col("WHO_OLD")).fill_null(True))
    return [_finding(r) for r in run(rows).iter_rows(named=True)]


def _finding(r: dict[str, Any]) -> Finding:
    at = {s: min(zip(r["BLOCK" + s], r["ROW" + s], strict=True)) for s in ("", "_OLD")}
    cells = tuple(Cell("LB", "LBDTC", *at[s], str(r["LO"]), label=f"Date of sample of {r['USUBJID' + s]}") for s in at)
    days = "" if r["DAYS"] == 1 else f" The same holds of {r['DAYS']} days in all."
    message = f"On {r['LO']} all {r['TESTS']} results of {r['USUBJID']} are those of {r['USUBJID_OLD']}.{days}"
    return Finding(str(r["CENTRE"]), str(r["USUBJID"]), cells, message)
