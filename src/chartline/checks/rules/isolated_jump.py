"""A laboratory value does not jump and return: it is not `ratio` times both of its neighbours while they agree.

A value that is 6 times higher (or lower) than the patient's value before *and* the one after, within `days` days on
each side, while those two are within `agree` times each other, is a lost decimal point or a wrong unit more often
than an illness: 6 is a tenfold slip of a value that lies 1.6 times to the other side of its neighbours. Blood counts
swing more with cycles and transfusions and need 8 times; aminotransferases do flare and settle that fast and need
15. A first or last value has one neighbour only and is judged by `unit_mismatch`; a value outside the bounds of the
possible is `lab_implausible`'s. Summaries without dates have no neighbours.

Liver chemistry above its neighbours blocks the liver grades; other tests are asked while the analysis goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from chartline.checks.bounds import is_exact, least, most, recorded
from chartline.checks.context import Context
from chartline.checks.laboratory import LIVER_TESTS, at_stake, laboratory_test, likely_slips, middle, value_cells
from chartline.checks.model import Finding, Group, Rule
from chartline.checks.wording import value_words
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

_RATIOS = {"ANC": 8, "WBC": 8, "PLT": 8, "ALT": 15, "AST": 15}
RULE = Rule(
    id="isolated_jump",
    group=Group.LABORATORY,
    sentence="A laboratory value is not many times its neighbours in time while these agree.",
    severity=Severity.WARN,
    topics=frozenset({Topic.BLOOD_COUNTS}),
    asks="Please give the result, its unit and its date as the laboratory report shows them.",
    parameters={"ratio": 6, "ratio_by_test": _RATIOS, "agree": 3, "days": 60},
)


def find(
    context: Context, *, ratio: float, ratio_by_test: Mapping[str, float], agree: float, days: float
) -> list[Finding]:
    """Return one finding a subject, test and day whose value leaves both neighbours and returns."""
    before, after = pl.col("BEFORE"), pl.col("AFTER")
    needed = pl.col("LBTESTCD").replace_strict(dict(ratio_by_test), default=ratio, return_dtype=pl.Float64)
    high = least("VALUE") / pl.max_horizontal(before, after)
    low = pl.min_horizontal(before, after) / most("VALUE")
    together = pl.max_horizontal(before / after, after / before) <= agree
    values = _values(context, pl.col("SPAN") >= needed)
    odd = run(
        _beside_neighbours(values, days).filter(
            before.is_not_null() & after.is_not_null() & together & (pl.max_horizontal(high, low) >= needed)
        )
    ).lazy()
    places = values.join(odd.select("ONE"), on="ONE", how="semi", maintain_order="left")
    listed = places.group_by("ONE", maintain_order=True).agg("BLOCK", "ROW", "LBORRESU")
    rows = odd.drop("BLOCK", "ROW", "LBORRESU").join(listed, on="ONE", maintain_order="left")
    return [_finding(r) for r in run(rows).iter_rows(named=True)]


def _values(context: Context, which: pl.Expr) -> pl.LazyFrame:
    """The values of each test in order of time; ONE numbers a value of a day, which may stand in two places."""
    one = ["SERIES", "LO", "VALUE", "VALUE_OP"]
    ordered = context.series.lazy().filter((pl.col("VALUE") > 0) & which).sort(one, maintain_order=True)
    return run(ordered.with_columns(pl.struct(one).rle_id().alias("ONE"))).lazy()


def _beside_neighbours(values: pl.LazyFrame, days: float) -> pl.LazyFrame:
    """Return one row a value of a day, with the one BEFORE and AFTER it in time, null where that is only a bound."""
    value, day = pl.when(is_exact("VALUE")).then(pl.col("VALUE")), pl.col("LO")
    return values.unique("ONE", keep="first", maintain_order=True).with_columns(
        pl.when((day - day.shift(step).over("SERIES")).abs().dt.total_days() <= days)
        .then(value.shift(step).over("SERIES"))
        .alias(name)
        for step, name in ((1, "BEFORE"), (-1, "AFTER"))
    )


def _finding(r: dict[str, Any]) -> Finding:
    test = laboratory_test(r["LBTESTCD"])
    side = "above" if r["VALUE"] > r["BEFORE"] else "below"
    message = (
        f"{test.label} of {value_words(recorded(r, 'VALUE'), test.unit)} on {r['LO']} is far {side} the values before "
        f"and after it ({value_words(r['BEFORE'])} and {value_words(r['AFTER'], test.unit)})."
    )
    slips = "" if r["VALUE_OP"] else likely_slips(test, r["VALUE"], middle(r["BEFORE"], r["AFTER"]))
    blocks = test.code in LIVER_TESTS and side == "above"
    return Finding(
        r["CENTRE"],
        r["USUBJID"],
        value_cells(r),
        f"{message} {slips}".rstrip(),
        severity=Severity.BLOCK if blocks else Severity.WARN,
        topics=at_stake(test.code),
    )
