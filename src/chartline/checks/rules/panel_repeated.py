"""The laboratory values of one day are not, to the last digit, those of another day, of any patient of the centre.

A day on which `tests` (5) or more tests were measured has a panel; two panels with just the same tests and values are
one that was copied (a row filled down, a form saved twice). Two patients on *one* day are `panel_copied`'s. Five
values of two digits that all agree by chance would need some ten thousand million pairs of panels if each digit were
free, and far more than a centre has if they are not (ours; Buyse et al., Stat Med 1999;18:3435, on repeated records as
a sign of copied data).
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.bounds import quoted
from chartline.checks.context import Context, Whole
from chartline.checks.laboratory import laboratory_test, panel_code
from chartline.checks.model import Finding, Group, Rule, Scope, Seen
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="panel_repeated",
    group=Group.LABORATORY,
    scope=Scope.STUDY,
    sentence="The laboratory values of one day are not all those of another day.",
    severity=Severity.WARN,
    topics=frozenset({Topic.BLOOD_COUNTS}),
    asks="Please check the results of both days against the laboratory reports.",
    parameters={"tests": 5},
)


def gather(context: Context, *, tests: float) -> Seen:
    """Gather a code of each day's results, and whose they are."""
    panels = context.panels.lazy().filter(pl.col("SOUND") & (pl.col("TESTS") >= tests))
    return {"panels": panels.select("USUBJID", panel_code())}


def find(whole: Whole, seen: Seen, *, tests: float) -> list[Finding]:
    """Return one finding a panel that repeats an earlier one of the centre."""
    again = seen["panels"].group_by("CODE").len().filter(pl.col("len") > 1)
    subjects = run(seen["panels"].join(again, on="CODE", how="semi"))["USUBJID"].unique()
    return _repeated(whole.of(subjects), tests) if len(subjects) else []


def _repeated(context: Context, tests: float) -> list[Finding]:
    """Look at the results of patients who have a panel that is there twice."""
    panels = (
        context.panels.lazy()
        .filter(pl.col("SOUND") & (pl.col("TESTS") >= tests))
        .sort("CENTRE", "LO", "USUBJID", maintain_order=True)
        .with_columns(
            *(pl.col(c).shift(1).over("CENTRE", "PANEL").alias(f"{c}_WAS") for c in ("USUBJID", "LO", "BLOCK", "ROW"))
        )
        .filter(pl.col("LO_WAS") != pl.col("LO"))
    )
    return [_finding(r) for r in run(panels).iter_rows(named=True)]


def _finding(r: dict[str, Any]) -> Finding:
    names = [laboratory_test(code) for code in r["LBTESTCD"]]
    values = [quoted(value, sign) for value, sign in zip(r["VALUE"], r["VALUE_OP"], strict=True)]
    cells = [
        test.cell(block, row, value)
        for day in ("", "_WAS")
        for test, value, block, row in zip(names, values, r["BLOCK" + day], r["ROW" + day], strict=True)
    ]
    whose = "" if r["USUBJID"] == r["USUBJID_WAS"] else f" of patient {r['USUBJID_WAS']}"
    message = f"All {len(names)} laboratory values of {r['LO']} are those{whose} of {r['LO_WAS']}."
    return Finding(r["CENTRE"], r["USUBJID"], tuple(cells), message)
