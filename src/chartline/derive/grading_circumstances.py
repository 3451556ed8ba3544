"""Laboratory grades where the scale asks for symptoms or anticoagulation, of which a laboratory value knows nothing.

In: rows of ADLB, AE rows, the protocol's choice (`laboratory.circumstances`). Out: what `grading_scale.grade` returns.
Where the choice is `as_recorded` and the circumstance decides, the grade is that of the adverse event of the same term
which was present on the day of the sample, if it is one of the grades possible; else the value is not graded.
"""

from __future__ import annotations

import polars as pl

from chartline.core.dates import first_day
from chartline.core.plans import run
from chartline.derive.grading_scale import DIRECTIONS, grade, load_scale
from chartline.derive.milestones import KEY
from chartline.protocol.toxicity import Laboratory

_UNTOLD = "the grade depends on symptoms or treatment, which are not recorded with it"


def grade_under(rows: pl.DataFrame, ae: pl.DataFrame, rule: Laboratory) -> pl.DataFrame:
    """Return ATOXGRL, ATOXGRH, WHYL and WHYH of each row, in order."""
    worst = grade(rows, rule.grading, circumstances=rule.circumstances != "numeric_only")
    if rule.circumstances != "as_recorded":
        return worst
    least = grade(rows, rule.grading, circumstances=False)
    recorded = _recorded(rows, ae, rule.grading)
    both = pl.concat([worst, least.rename(lambda c: f"{c}_LEAST"), recorded], how="horizontal")
    out = []
    for d in DIRECTIONS:
        high, low, told = pl.col(f"ATOXGR{d}"), pl.col(f"ATOXGR{d}_LEAST"), pl.col(f"RECORDED{d}")
        decides = ~high.eq_missing(low)
        possible = told.is_between(low, high).fill_null(False)
        out.append(pl.when(~decides).then(high).when(possible).then(told).alias(f"ATOXGR{d}"))
        why = pl.when(~decides).then(f"WHY{d}").when(~possible).then(pl.lit(_UNTOLD))
        out.append(why.alias(f"WHY{d}"))
    return both.select(out).select("ATOXGRL", "ATOXGRH", "WHYL", "WHYH")


def _recorded(rows: pl.DataFrame, ae: pl.DataFrame, scale: str) -> pl.DataFrame:
    """RECORDEDL and RECORDEDH: the highest grade of an event of the test's term that covers the day of the sample."""
    terms = load_scale(scale).thresholds.unique(["test", "direction"]).lazy()
    terms = terms.select(
        pl.col("test").alias("LBTESTCD"), pl.col("direction").alias("DIRECTION"), pl.col("term").str.to_lowercase()
    )
    events = ae.lazy().select(
        *KEY,
        pl.col("AETERM").str.strip_chars().str.to_lowercase().alias("term"),
        first_day("AESTDTC").alias("FROM"),
        first_day("AEENDTC").alias("TO"),
        "AETOXGR",
    )
    sampled = rows.lazy().select(*KEY, "LBTESTCD", "ADT").with_row_index("ROW_ID")
    found = sampled.join(terms, on="LBTESTCD").join(events, on=[*KEY, "term"])
    during = (pl.col("FROM") <= pl.col("ADT")) & (pl.col("TO").is_null() | (pl.col("TO") >= pl.col("ADT")))
    grades = (
        found.filter(during)
        .group_by("ROW_ID")
        .agg(pl.col("AETOXGR").filter(pl.col("DIRECTION") == d).max().alias(f"RECORDED{d}") for d in DIRECTIONS)
    )
    out = sampled.select("ROW_ID").join(grades, on="ROW_ID", how="left", maintain_order="left")
    return run(out.select("RECORDEDL", "RECORDEDH"))
