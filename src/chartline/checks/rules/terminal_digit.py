"""The last digits of a centre's measured values are all about as frequent.

The last digit of a measurement carries no medicine: 0 to 9 come up alike, and a person who estimates or invents prefers
some (usually 0 and 5). Judged by centre
and test on the text as reported, among numbers with the same number of decimals, from `values` (100) numbers and
`distinct` (40) different ones on (numbers that take few values, such as conversions of a coarse unit, have no free last
digit); zeros with which nearly all of them end are no digits. A chi-square test of ten equal shares has a chance below
`chance` (0.001) after Bonferroni, and one digit, or 0 and 5 together, is twice as frequent as it should be (a `share`
of 0.2, or 0.4). Digit preference in central monitoring: Buyse et al., Stat Med 1999;18:3435, Kirkwood et al.,
Clin Trials 2013;10:783; the limits are ours.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.comparisons import uneven_digits
from chartline.checks.context import Context, Whole
from chartline.checks.laboratory import at_stake, laboratory_test
from chartline.checks.model import Finding, Group, Rule, Scope, Seen
from chartline.checks.tallies import added, first_rows, tally
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="terminal_digit",
    group=Group.CENTRES,
    scope=Scope.STUDY,
    sentence="The last digits of a centre's measured values are about as frequent as each other.",
    severity=Severity.NOTE,
    topics=frozenset({Topic.BLOOD_COUNTS}),
    asks="Please say how these results were written down: as the laboratory reports them, or rounded.",
    parameters={"chance": 0.001, "share": 0.2, "values": 100, "distinct": 40},
)
_SHOWN = 3
_STRAYS = 0.05  # so many may be written finer than the others
_KEY = ["CENTRE", "LBTESTCD", "DECIMALS"]


def gather(context: Context, **_: float) -> Seen:
    """Gather how many numbers have each DIGITS, leading zeros aside, and the first with each number of digits."""
    text = pl.col("LBORRES").str.strip_chars().str.extract(r"^([0-9]+(?:[.,][0-9]+)?)$")
    decimals = pl.col("TEXT").str.extract(r"[.,]([0-9]+)$").str.len_chars().fill_null(0)
    digits = pl.col("TEXT").str.replace_all(r"[.,]", "").str.strip_chars_start("0")
    believed = context.laboratory.lazy().filter(pl.col("BELIEVABLE")).with_columns(text.alias("TEXT"))
    numbers = believed.filter(pl.col("TEXT").is_not_null()).with_columns(
        decimals.alias("DECIMALS"), digits.alias("DIGITS"), _length(digits).alias("LENGTH")
    )
    shown = numbers.select(*_KEY, "LENGTH", "VALUE", "VALUE_OP", "BLOCK", "ROW")
    first = first_rows(shown, [*_KEY, "LENGTH"], _SHOWN)
    return {"numbers": tally(numbers, [*_KEY, "DIGITS"]), "first": first}


def find(whole: Whole, seen: Seen, *, chance: float, share: float, values: float, distinct: float) -> list[Finding]:
    """Return one finding a centre and test whose last digits prefer one digit, or 0 and 5."""
    digits, length, n = pl.col("DIGITS"), pl.col("LENGTH"), pl.col("N")
    numbers = added(seen["numbers"], [*_KEY, "DIGITS"]).with_columns(_length(digits).alias("LENGTH"))
    zeros = numbers.with_columns((length - _length(digits.str.strip_chars_end("0"))).alias("ZEROS")).sort("ZEROS")
    strays = ((n.sum() - 1) * _STRAYS).floor()
    scale = zeros.group_by(_KEY).agg(pl.col("ZEROS").filter(n.cum_sum() > strays).first().alias("SCALE"))
    told = length - pl.col("SCALE")  # how many digits tell something: a count per uL may always end in 0
    rows = numbers.join(scale, on=_KEY).filter(told >= 2).with_columns(digits.str.head(told).alias("TOLD"))
    rows = rows.with_columns(pl.col("TOLD").str.tail(1).cast(pl.Int64).alias("LAST"))
    each = rows.group_by(_KEY).agg(
        *(n.filter(pl.col("LAST") == d).sum().alias(str(d)) for d in range(10)),
        n.sum(), pl.col("TOLD").n_unique().alias("DISTINCT"),
    )  # fmt: skip
    first = first_rows(seen["first"].join(scale, on=_KEY).filter(told >= 2), _KEY, _SHOWN)
    shown = first.group_by(_KEY).agg("VALUE", "VALUE_OP", "BLOCK", "ROW")
    uneven = each.filter((n >= values) & (pl.col("DISTINCT") >= distinct)).join(shown, on=_KEY)
    judged = run(uneven.sort(_KEY))
    findings = []
    for r in judged.iter_rows(named=True):
        counts = [r[str(d)] for d in range(10)]
        preferred = _preferred(counts, share)
        if preferred and uneven_digits(counts) * judged.height <= chance:
            findings.append(_finding(r, preferred))
    return findings


def _length(text: pl.Expr) -> pl.Expr:
    return text.str.len_chars().cast(pl.Int64)


def _preferred(counts: list[int], share: float) -> str:
    """Return "0 or 5 in 61 of 120" where those are preferred, else the one digit that is; '' if none is."""
    total, top = sum(counts), max(range(10), key=counts.__getitem__)
    if counts[0] + counts[5] >= 2 * share * total:
        return f"0 or 5 in {counts[0] + counts[5]} of {total} (a fifth is usual)"
    return f"{top} in {counts[top]} of {total} (a tenth is usual)" if counts[top] >= share * total else ""


def _finding(r: dict[str, Any], preferred: str) -> Finding:
    test = laboratory_test(r["LBTESTCD"])
    cells = test.cells(r)
    message = f"{test.label}: the last digit is {preferred} results of this centre."
    return Finding(r["CENTRE"], "", cells, message, topics=at_stake(test.code))
