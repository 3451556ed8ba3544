"""CR is recorded with blood counts that recovered: neutrophils of 1.0 and platelets of 100 x 10^9/L on some day.

CR needs both (INO-VATE, ELN 2017 to 2024, NCCN, CIBMTR: see `docs/rules/`); without, the remission is CRi or CRh. Asked
is where both were measured in the days around the marrow in which the protocol's rule set looks for recovery, and one
of them never reached its limit. Only the first CR of a patient is asked: a remission goes on while the next cycle takes
the counts down. A count that was not sent says nothing, and neither does a count given as "more than". What supported
a count (transfusion, G-CSF) is left to the derivation, a marrow with 5 % blasts or more to `response_discordant`.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.checks.bounds import recorded
from chartline.checks.context import SUBJECT, Context
from chartline.checks.laboratory import laboratory_test
from chartline.checks.model import Cell, Finding, Group, Rule
from chartline.checks.wording import value_words
from chartline.core.compare import holds
from chartline.core.plans import run
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="cr_without_counts",
    group=Group.RESPONSE,
    sentence="The first recorded CR has neutrophils and platelets that recovered.",
    severity=Severity.WARN,
    topics=frozenset({Topic.COUNTS}),
    asks="Please check the blood counts around this marrow, and whether the response was CR or CRi.",
    parameters={"anc": 1.0, "plt": 100},
)


_BLASTS = 5  # percent


def find(context: Context, *, anc: float, plt: float) -> list[Finding]:
    """Return one finding a first CR during whose counts window one of the two counts never recovered."""
    near = _near(context)
    if near is None:
        return []
    needed = pl.when(pl.col("LBTESTCD") == "ANC").then(anc).otherwise(plt)
    key = [*SUBJECT, "RSDTC"]
    low = holds("VALUE", "<", needed).fill_null(False).all().over(*key, "LBTESTCD")
    short = near.with_columns(low.alias("SHORT")).unique([*key, "LBTESTCD"], keep="first", maintain_order=True)
    both = short.group_by(key).agg(pl.col("LBTESTCD").n_unique().alias("TESTS"))
    rows = short.filter("SHORT").join(both, on=key, maintain_order="left").filter(pl.col("TESTS") == 2)
    limits = {"ANC": anc, "PLT": plt}
    groups = run(rows).partition_by(key, maintain_order=True)
    return [_finding(g.sort("LBTESTCD").to_dicts(), limits, context.counts_window) for g in groups]


def _near(context: Context) -> pl.LazyFrame | None:
    """One row a recorded CR and count in its window, the highest first; None where no rule asks for counts."""
    if context.counts_window is None:
        return None
    first, last = context.counts_window
    called = (
        context.assessments.lazy()
        .filter(pl.col("ON") & (pl.col("INVRESP") == "CR") & (pl.col("RSDTC").str.len_chars() == 10))
        .sort("RSDTC", maintain_order=True)
        .unique(SUBJECT, keep="first", maintain_order=True)
        .filter(~holds("BMBLAST", ">=", _BLASTS).fill_null(False))
        .select(*SUBJECT, "RSDTC", pl.col("RSDTC").str.to_date(strict=False).alias("MARROW"), *_renamed("BLOCK", "ROW"))
    )
    counts = context.laboratory.lazy().filter(
        pl.col("LBTESTCD").is_in(["ANC", "PLT"]) & pl.col("BELIEVABLE") & (pl.col("LO") == pl.col("HI"))
    )
    since = (pl.col("LO") - pl.col("MARROW")).dt.total_days()
    near = called.join(counts, on=SUBJECT, maintain_order="left").filter(since.is_between(first, last))
    return near.sort("VALUE", descending=True, maintain_order=True).sort(*SUBJECT, "RSDTC", maintain_order=True)


def _renamed(*names: str) -> list[pl.Expr]:
    return [pl.col(n).alias(f"{n}_CR") for n in names]


def _finding(rows: list[dict[str, Any]], limits: dict[str, float], window: tuple[int, int] | None) -> Finding:
    assert window is not None
    r = rows[0]
    tests = [laboratory_test(one["LBTESTCD"]) for one in rows]
    said = [
        f"{test.label.lower()} were at most {value_words(one['VALUE'], test.unit)} (CR needs {limits[test.code]:g})"
        for test, one in zip(tests, rows, strict=True)
    ]
    days = f"from {window[0]} to {window[1]} days after the marrow" if window[0] else f"within {window[1]} days"
    cells = [test.cell(one["BLOCK"], one["ROW"], recorded(one, "VALUE")) for test, one in zip(tests, rows, strict=True)]
    return Finding(
        r["CENTRE"],
        r["USUBJID"],
        (Cell("RS", "INVRESP", r["BLOCK_CR"], r["ROW_CR"], "CR"), *cells),
        f"CR was recorded on {r['RSDTC']}, but {days} {' and '.join(said)}.",
    )
