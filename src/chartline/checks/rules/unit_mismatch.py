"""A laboratory number is in the unit that is written beside it.

Judged where there is no neighbour on both sides (`isolated_jump` has those): a first or last value whose distance
from the patient's other values is, within a quarter, exactly that of the other unit (bilirubin 17.1, creatinine
88.4, haemoglobin 10), while the others agree among themselves and with the centre's values of that test. Blood
counts vary too much for this.
"""

from __future__ import annotations

from math import inf
from typing import Any

import polars as pl

from chartline.checks.bounds import is_exact, least, most
from chartline.checks.context import SUBJECT, Context, Whole
from chartline.checks.laboratory import at_stake, laboratory_test, likely_slips, unit_factors, value_cells
from chartline.checks.model import Finding, Group, Rule, Scope, Seen
from chartline.checks.tallies import added, medians, tally
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
_OF_CENTRE = ["CENTRE", "LBTESTCD"]
_VALUES = [*_OF_CENTRE, "VALUE", "VALUE_OP"]


def gather(context: Context, *, within: float, others: float, agree: float) -> Seen:
    """Gather how many values of each size a centre has of a test, and the first or last values that are another unit's
    distance from all others of the patient."""
    value = pl.col("VALUE")
    rows = context.series.lazy().filter((value > 0) & pl.col("LBTESTCD").is_in(_TESTS))
    day = pl.col("LO")
    edge = (day == day.min().over(_TEST)) ^ (day == day.max().over(_TEST))
    exact = rows.with_columns(edge.alias("EDGE")).filter(is_exact("VALUE").all().over(_TEST))
    rest = (
        exact.filter(~pl.col("EDGE"))
        .group_by(_TEST)
        .agg(value.median().alias("USUAL"), value.min().alias("LEAST"), value.max().alias("MOST"), pl.len().alias("N"))
    )
    agreed = (pl.col("N") >= others) & (pl.col("MOST") <= agree * pl.col("LEAST"))
    edges = exact.filter("EDGE").join(rest, on=_TEST, maintain_order="left").filter(agreed)
    odd = pl.any_horizontal(
        (pl.col("LBTESTCD") == code) & (value / pl.col("USUAL") / factor).is_between(1 / within, within)
        for code in _TESTS
        for factor in unit_factors(code)
    )
    kept = (*SUBJECT, "LBTESTCD", "VALUE", "VALUE_OP", "LO", "LBORRESU", "BLOCK", "ROW", "USUAL", "LEAST", "MOST")
    return {"values": tally(rows, _VALUES), "odd": edges.filter(odd).select(kept)}


def find(whole: Whole, seen: Seen, *, agree: float, **_: float) -> list[Finding]:
    """Return one finding a first or last value of a test that is another unit's distance from all others."""
    rows = seen["odd"].join(_centre_usual(seen["values"]), on=_OF_CENTRE, maintain_order="left")
    usual, of_centre = pl.col("USUAL"), pl.col("CENTRE_USUAL")
    alike = pl.max_horizontal(usual / of_centre, of_centre / usual) <= agree
    return [_finding(r) for r in run(rows.filter(alike)).iter_rows(named=True)]


def _centre_usual(values: pl.LazyFrame) -> pl.LazyFrame:
    """The median of a centre's values of a test, where it is the same whatever the bounds among them mean."""
    ends = added(values, _VALUES).with_columns(
        least("VALUE").fill_null(-inf).alias("CENTRE_USUAL"), most("VALUE").fill_null(inf).alias("UPPER")
    )
    low, high = (medians(ends, _OF_CENTRE, end) for end in ("CENTRE_USUAL", "UPPER"))
    known = pl.col("CENTRE_USUAL") == pl.col("UPPER")
    return low.join(high, on=_OF_CENTRE).filter(known).select(*_OF_CENTRE, "CENTRE_USUAL")


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
