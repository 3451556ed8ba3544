"""A patient's values of a test do not change to another unit on one day.

Up to some day all values lie together (within `agree` times), from then on they do too, and the two medians are, within
`within`, the factor of another unit apart (a laboratory was changed, or a column filled by another hand). Needs
`values` on each side; one or two values are `isolated_jump`'s and `unit_mismatch`'s. The limits are `unit_mismatch`'s.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.bounds import is_exact
from chartline.checks.context import SUBJECT, Context
from chartline.checks.laboratory import TELLING, at_stake, is_unit_ratio, laboratory_test, nearest_unit
from chartline.checks.model import Finding, Group, Rule
from chartline.checks.wording import value_words
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="unit_switch",
    group=Group.LABORATORY,
    sentence="A patient's values of a test stay in one unit.",
    severity=Severity.WARN,
    topics=frozenset({Topic.BLOOD_COUNTS}),
    asks="Please give the unit of the results before and after this day, as the laboratory reports show it.",
    parameters={"within": 1.25, "agree": 3, "values": 3},
)
_TEST = [*SUBJECT, "LBTESTCD", "SERIES"]


def find(context: Context, *, within: float, agree: float, values: float) -> list[Finding]:
    """Return at most one finding a subject and test: the first day on which the unit seems to change."""
    value = pl.col("VALUE")
    of = "SERIES"
    telling = pl.col("SPAN") >= TELLING / within
    series = context.series.lazy().filter((value > 0) & telling).filter(is_exact("VALUE").all().over(of))
    series = series.unique([of, "LO", "VALUE"], keep="first", maintain_order=True)
    nth = series.with_columns(
        pl.int_range(pl.len()).over(of).alias("NTH"), pl.len().over(of).alias("N"),
        value.shift(1).over(of).alias("BEFORE"),
    )  # fmt: skip
    series = run(nth).lazy()
    turns = series.filter((pl.col("NTH") >= values) & (pl.col("N") - pl.col("NTH") >= values))
    turns = turns.filter(is_unit_ratio(value / pl.col("BEFORE"), within * agree))
    turns = run(turns.select(*_TEST, pl.col("NTH").alias("TURN"))).lazy()
    sides = turns.join(series, on=_TEST, maintain_order="left").with_columns(
        (pl.col("NTH") >= pl.col("TURN")).alias("LATER")
    )
    columns = [
        *(value.median().alias("MIDDLE"), value.min().alias("LEAST"), value.max().alias("MOST")),
        *(pl.col(c).first() for c in ("LO", "VALUE", "BLOCK", "ROW")),
        *(pl.col(c).last().alias(f"{c}_LAST") for c in ("LO", "VALUE", "BLOCK", "ROW")),
    ]
    each = sides.group_by(*_TEST, "TURN", "LATER", maintain_order=True).agg(columns)
    each = each.filter(pl.col("MOST") <= agree * pl.col("LEAST"))
    later, earlier = each.filter("LATER").drop("LATER"), each.filter(~pl.col("LATER")).drop("LATER")
    both = earlier.join(later, on=[*_TEST, "TURN"], suffix="_THEN", maintain_order="left")
    rows = both.filter(is_unit_ratio(pl.col("MIDDLE_THEN") / pl.col("MIDDLE"), within))
    return [_finding(r) for r in run(rows.unique(_TEST, keep="first", maintain_order=True)).iter_rows(named=True)]


def _finding(r: dict[str, Any]) -> Finding:
    test = laboratory_test(r["LBTESTCD"])
    ratio = r["MIDDLE_THEN"] / r["MIDDLE"]
    _, sentence = nearest_unit(test.code, ratio)
    cells = (
        test.cell(r["BLOCK_THEN"], r["ROW_THEN"], r["VALUE_THEN"]),
        test.cell(r["BLOCK_LAST"], r["ROW_LAST"], r["VALUE_LAST"]),
    )
    message = (
        f"{test.label} is {value_words(r['LEAST'])} to {value_words(r['MOST'], test.unit)} up to {r['LO_LAST']} and "
        f"{value_words(r['LEAST_THEN'])} to {value_words(r['MOST_THEN'])} from {r['LO_THEN']} on, as if from then on "
        f"{sentence}, or the other way round before."
    )
    return Finding(r["CENTRE"], r["USUBJID"], cells, message, topics=at_stake(test.code))
