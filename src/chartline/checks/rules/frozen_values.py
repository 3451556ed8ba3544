"""A measured value does not stay the same to the last digit over many days.

Judged by chance: p is how often two consecutive values of that test are equal in all *other* patients, (equal + 1) /
(pairs + 2); a run of n equal values is asked where runs of that length are expected fewer than `expected` (0.01) times
among all pairs of the test, pairs x p^(n-1), and has at least `run` (5) values. A number of one digit ("0.8", "100")
repeats by rounding and makes no run, and neither does a bound ("<0.1"). Repeated values as a sign of copied data: Buyse
et al., Stat Med 1999;18:3435; the thresholds are ours.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.bounds import is_exact
from chartline.checks.context import SUBJECT, Context, Whole
from chartline.checks.laboratory import at_stake, laboratory_test
from chartline.checks.model import Finding, Group, Rule, Scope, Seen
from chartline.checks.tallies import added
from chartline.checks.wording import value_words
from chartline.core.plans import run as collect
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="frozen_values",
    group=Group.LABORATORY,
    scope=Scope.STUDY,
    sentence="A laboratory value does not repeat itself to the last digit day after day.",
    severity=Severity.WARN,
    topics=frozenset({Topic.BLOOD_COUNTS}),
    asks="Please check these results against the laboratory reports.",
    parameters={"run": 5, "expected": 0.01},
)
_TEST = [*SUBJECT, "LBTESTCD"]


def gather(context: Context, *, run: float, **_: float) -> Seen:
    """Gather how many pairs of consecutive values of a test are equal, and the runs that are long enough, with what
    their own patient adds to these numbers."""
    value = pl.col("VALUE")
    exact = context.series.lazy().filter(is_exact("VALUE"))
    one_a_day = exact.unique(["SERIES", "LO"], keep="first", maintain_order=True)
    same = pl.col("SAME")
    series = one_a_day.with_columns((value == value.shift(1).over("SERIES")).alias("SAME")).with_columns(
        same.cast(pl.Int64).fill_null(0).alias("EQUAL"), same.is_not_null().cast(pl.Int64).alias("N")
    )
    own = [pl.col(c).sum().over("SERIES").alias(f"{c}_OWN") for c in ("EQUAL", "N")]
    begins = (~same).fill_null(True)  # the first value of a series has none before it
    runs = series.with_columns(*own, begins.cum_sum().alias("RUN"))
    long = runs.with_columns(pl.len().over("RUN").alias("LENGTH")).filter(pl.col("LENGTH") >= run)
    first = (*_TEST, "LENGTH", "EQUAL_OWN", "N_OWN", "LBORRES")
    rows = long.group_by("RUN", maintain_order=True).agg(
        *(pl.col(c).first() for c in first),
        pl.col("LO").first().alias("FROM"), pl.col("LO").last().alias("TO"), "VALUE", "VALUE_OP", "BLOCK", "ROW",
    )  # fmt: skip
    pairs = series.group_by("LBTESTCD").agg(pl.col("EQUAL", "N").sum())
    return {"pairs": pairs, "runs": rows.filter(_digits() >= 2).explode("VALUE", "VALUE_OP", "BLOCK", "ROW")}


def find(whole: Whole, seen: Seen, *, run: float, expected: float) -> list[Finding]:
    """Return one finding a subject, test and run of equal values that chance does not give."""
    every = added(seen["pairs"], ["LBTESTCD"], "EQUAL")
    chance = (pl.col("EQUAL") - pl.col("EQUAL_OWN") + 1) / (pl.col("N") - pl.col("N_OWN") + 2)
    runs = seen["runs"].join(every, on="LBTESTCD", maintain_order="left")
    rare = pl.col("N") * chance.pow(pl.col("LENGTH").cast(pl.Float64) - 1) < expected
    lists = ("VALUE", "VALUE_OP", "BLOCK", "ROW")
    rows = runs.filter(rare).group_by(*_TEST, "FROM", "TO", "LENGTH", maintain_order=True).agg(lists)
    return [_finding(r) for r in collect(rows).iter_rows(named=True)]


def _digits() -> pl.Expr:
    """How many digits the reported number tells: 2 of "0.85", 1 of "0.80" and of "100"."""
    number = pl.col("LBORRES").str.extract(r"([0-9]+[.,]?[0-9]*)").str.replace_all(r"[.,]", "")
    return number.str.strip_chars_start("0").str.strip_chars_end("0").str.len_chars()


def _finding(r: dict[str, Any]) -> Finding:
    test = laboratory_test(r["LBTESTCD"])
    cells = test.cells(r)
    message = (
        f"{test.label} is {value_words(r['VALUE'][0], test.unit)} in {r['LENGTH']} consecutive results, from "
        f"{r['FROM']} to {r['TO']}."
    )
    return Finding(r["CENTRE"], r["USUBJID"], cells, message, topics=at_stake(test.code))
