"""A marrow in remission has neutrophils and platelets in the days in which they tell CR from CRi.

The days are those of the response criteria or of the protocol (`response.counts_window_days`); where the criteria ask
for no counts nothing is asked. A marrow in remission has fewer than `blasts` (5) % blasts or a response of the
treating team. Asked once a patient, or once a centre without any.
"""

from __future__ import annotations

import polars as pl

from chartline.checks.completeness import gather_needed, lacking, small
from chartline.checks.context import SUBJECT, Context, Whole
from chartline.checks.laboratory import RECOVERY_TESTS, laboratory_test
from chartline.checks.model import Finding, Group, Rule, Scope, Seen
from chartline.core.compare import holds
from chartline.core.dates import first_day
from chartline.core.query import Severity, Topic

RULE = Rule(
    id="counts_absent",
    group=Group.COMPLETENESS,
    scope=Scope.STUDY,
    sentence="A marrow in remission has neutrophils and platelets in the days that decide CR against CRi.",
    severity=Severity.WARN,
    topics=frozenset({Topic.COUNTS}),
    asks="Please give the blood counts nearest to this marrow, with their dates.",
    parameters={"blasts": 5},
)


def gather(context: Context, *, blasts: float) -> Seen:
    """Gather the counts that marrows in remission lack."""
    if context.counts_window is None:
        return {}
    first, last = context.counts_window
    free = holds("BMBLAST", "<", blasts) | pl.col("INVRESP").is_in(context.responses)
    full = pl.col("RSDTC").str.len_chars() == 10
    marrows = context.assessments.lazy().filter(pl.col("ON") & full & free.fill_null(False))
    marrows = marrows.unique([*SUBJECT, "DAY"], keep="first", maintain_order=True)
    marrows = marrows.select(*SUBJECT, "BLOCK", "ROW", "VALUE", first_day("RSDTC").alias("MARROW"))
    counts = context.laboratory.lazy().select(*SUBJECT, "LBTESTCD", "LO", "HI")
    near = (pl.col("HI") - pl.col("MARROW")).dt.total_days() >= first
    near = near & ((pl.col("LO") - pl.col("MARROW")).dt.total_days() <= last)
    needed = []
    for test in RECOVERY_TESTS:
        found = marrows.join(counts.filter(pl.col("LBTESTCD") == test), on=SUBJECT).filter(near)
        found = found.select(*SUBJECT, "MARROW", PRESENT=pl.lit(True)).unique()
        here = {
            "WHAT": pl.lit(small(laboratory_test(test).label)),
            "DOMAIN": pl.lit("RS"),
            "VARIABLE": pl.lit("RSDTC"),
        }
        one = marrows.join(found, on=[*SUBJECT, "MARROW"], how="left", maintain_order="left")
        needed.append(one.with_columns(pl.col("PRESENT").fill_null(False), **here))
    return gather_needed(context, pl.concat(needed).sort(*SUBJECT, "MARROW", maintain_order=True))


def find(whole: Whole, seen: Seen, **_: float) -> list[Finding]:
    """Return one finding a patient, or a centre."""
    if whole.counts_window is None:
        return []
    first, last = whole.counts_window
    return lacking(
        seen,
        lambda what, r: _said(f"The marrow of {r['VALUE']} is in remission, but", what, first, last),
        lambda what, r: _said(
            f"Marrows in remission of {r['N']} patients of this centre all lack counts:", what, first, last
        ),
        "Please send the blood counts around each marrow, with their dates.",
    )


def _said(begin: str, what: str, first: int, last: int) -> str:
    when = f"within {last} days after it" if first == 0 else f"from day {first} to day {last} of it"
    return f"{begin} no {what.replace(' and ', ' or ')} {when}."
