"""A laboratory number is in the unit that is written beside it.

Judged where there is no neighbour on both sides (`isolated_jump` has those): a first or last value whose distance
from the patient's other values is, within a quarter, exactly that of the other unit (bilirubin 17.1, creatinine
88.4, haemoglobin 10), while the others agree among themselves and with the centre's values of that test. Blood
counts vary too much for this.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.bounds import is_exact, known_median
from chartline.checks.context import Context
from chartline.checks.laboratory import at_stake, laboratory_test, likely_slips, unit_factors, value_cells
from chartline.checks.model import Finding, Group, Rule, Scope
from chartline.checks.wording import value_words
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="unit_mismatch",
    group=Group.LABORATORY,
    scope=Scope.STUDY,
    sentence="A laboratory number agrees with its unit and the patient's other values.",
    severity=Severity.WARN,
    topics=frozenset({Topic.LIVER}),
    asks="Please give the result and its unit as the laboratory report shows them.",
    parameters={"within": 1.25, "others": 4, "agree": 3},
)
_TESTS = ("BILI", "CREA", "HB")
_TEST = "SERIES"


def find(context: Context, *, within: float, others: float, agree: float) -> list[Finding]:
    """Return one finding a first or last value of a test that is another unit's distance from all others."""
    value = pl.col("VALUE")
    rows = context.series.lazy().filter((value > 0) & pl.col("LBTESTCD").is_in(_TESTS))
    day = pl.col("LO")
    edge = (day == day.min().over(_TEST)) ^ (day == day.max().over(_TEST))
    usual, exact = known_median("VALUE").over("CENTRE", "LBTESTCD"), is_exact("VALUE").all().over(_TEST)
    rows = run(rows.with_columns(edge.alias("EDGE"), usual.alias("CENTRE_USUAL")).filter(exact)).lazy()
    rest = (
        rows.filter(~pl.col("EDGE"))
        .group_by(_TEST)
        .agg(value.median().alias("USUAL"), value.min().alias("LEAST"), value.max().alias("MOST"), pl.len().alias("N"))
    )
    rows = (
        rows.filter("EDGE")
        .join(rest, on=_TEST, maintain_order="left")
        .filter(
            (pl.col("N") >= others)
            & (pl.col("MOST") <= agree * pl.col("LEAST"))
            & (
                pl.max_horizontal(pl.col("USUAL") / pl.col("CENTRE_USUAL"), pl.col("CENTRE_USUAL") / pl.col("USUAL"))
                <= agree
            )
        )
    )
    odd = pl.any_horizontal(
        (pl.col("LBTESTCD") == code) & (value / pl.col("USUAL") / factor).is_between(1 / within, within)
        for code in _TESTS
        for factor in unit_factors(code)
    )
    return [_finding(r) for r in run(rows.filter(odd)).iter_rows(named=True)]


def _finding(r: dict[str, Any]) -> Finding:
    test = laboratory_test(r["LBTESTCD"])
    message = (
        f"{test.label} of {value_words(r['VALUE'], test.unit)} on {r['LO']} is far from the patient's other values "
        f"({value_words(r['LEAST'])} to {value_words(r['MOST'], test.unit)})."
    )
    blocks = test.code == "BILI" and r["VALUE"] > r["USUAL"]
    one = {**r, **{c: [r[c]] for c in ("BLOCK", "ROW", "LBORRESU")}}
    return Finding(
        r["CENTRE"],
        r["USUBJID"],
        value_cells(one),
        f"{message} {likely_slips(test, r['VALUE'], r['USUAL'])}".rstrip(),
        severity=Severity.BLOCK if blocks else Severity.WARN,
        topics=at_stake(test.code),
    )
