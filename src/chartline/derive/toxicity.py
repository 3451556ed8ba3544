"""Episodes of toxicity: each time a component of a safety flag is met anew, its onset and its recovery.

In: ADLB, ADAE, ADEX, the protocol's flags and groups. Out: ADTOX, one row an episode of a flag that an analysis names:

    CENTRE USUBJID FLAG SRC SEQ TERM GRADE   the flag; the row of LB or AE it began with, its test or term, its grade
    ASTDT ASTDY ACYCLE                       onset (null: not dated), in days from the first dose; the cycle it began in
    AENDT                                    the day of recovery; null: none seen
    SEENTO                                   the last day on which a recovery could have been seen (null: last contact)

A laboratory episode begins with the first on-treatment value that meets the component and lasts until a later value is
at most grade 1, or at most the grade of baseline; values between the two belong to it. An adverse event is one episode,
from its onset to its recorded end.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from chartline.core.plans import run
from chartline.derive.adverse_events import in_group
from chartline.derive.milestones import KEY
from chartline.derive.safety import Groups, all_unrelated, graded_rows, with_judge
from chartline.protocol.toxicity import AeComponent, LabComponent, SafetyFlag

ADTOX_SCHEMA: dict[str, pl.DataType] = {
    **dict.fromkeys((*KEY, "FLAG", "SRC"), pl.String()),
    "SEQ": pl.Int64(),
    "TERM": pl.String(),
    "GRADE": pl.Int64(),
    **dict.fromkeys(("ASTDT", "AENDT", "SEENTO"), pl.Date()),
    "ACYCLE": pl.Int64(),
    "ASTDY": pl.Int64(),
}
_COURSE = [*KEY, "LBTESTCD", "DIRECTION"]


def derive_toxicity(
    adlb: pl.DataFrame,
    adae: pl.DataFrame,
    adex: pl.DataFrame,
    window: pl.DataFrame,
    named: tuple[str, ...],
    flags: Mapping[str, SafetyFlag],
    groups: Groups,
) -> pl.DataFrame:
    """Return ADTOX of the flags `named`. `window` is `labs.treatment_window`."""
    parts = [
        (_laboratory(adlb, adae, part, groups) if isinstance(part, LabComponent) else _events(adae, part, groups))
        .with_columns(pl.lit(name).alias("FLAG"))
        .select(*KEY, "FLAG", "SRC", "SEQ", "TERM", "GRADE", "ASTDT", "AENDT", "SEENTO", "CYCLE")
        for name in named
        for part in flags[name].any_of
    ]
    if not parts:
        return pl.DataFrame(schema=ADTOX_SCHEMA)
    rows = run(pl.concat(parts).join(window.lazy().select(*KEY, "TRTSDT"), on=KEY))
    cycles = adex.select(*KEY, "CYCLE", "CYSTDT").drop_nulls().unique().sort("CYSTDT").rename({"CYCLE": "BEGUN"})
    dated = rows.filter(pl.col("ASTDT").is_not_null()).sort("ASTDT")
    placed = dated.join_asof(
        cycles, left_on="ASTDT", right_on="CYSTDT", by=KEY, strategy="backward", check_sortedness=False
    )
    undated = rows.filter(pl.col("ASTDT").is_null()).with_columns(pl.col("CYCLE").alias("BEGUN"))
    out = pl.concat([placed.drop("CYSTDT"), undated], how="diagonal")
    day = (pl.col("ASTDT") - pl.col("TRTSDT")).dt.total_days().alias("ASTDY")
    return out.with_columns(day, pl.col("BEGUN").alias("ACYCLE")).select(
        pl.col(c).cast(t) for c, t in ADTOX_SCHEMA.items()
    ).sort(*KEY, "FLAG", "ASTDT", "SRC", "SEQ", nulls_last=True)  # fmt: skip


def _laboratory(adlb: pl.DataFrame, adae: pl.DataFrame, part: LabComponent, groups: Groups) -> pl.LazyFrame:
    rows = graded_rows(adlb.lazy(), part.tests)
    hit = (pl.col("ATOXGR") >= (part.min_grade or 1)) & (pl.col("ANL01FL") == "Y")
    if part.worsened:
        hit = hit & (pl.col("ATOXGR") > pl.col("BTOXGR"))
    if part.unless_all_unrelated is not None:
        excused = all_unrelated(with_judge(adae, ()), groups[part.unless_all_unrelated], part.min_grade or 1)
        rows = rows.join(excused.filter(pl.col("EXCUSED").is_not_null()), on=KEY, how="anti")
    rows = rows.with_columns(hit.fill_null(False).alias("HIT"), pl.lit("LB").alias("SRC"))
    undated = rows.filter("HIT", pl.col("ADT").is_null()).with_columns(
        pl.lit(None, pl.Date).alias("AENDT"), pl.lit(None, pl.Date).alias("SEENTO")
    )
    rows = pl.concat([_episodes(rows), undated], how="diagonal")
    return rows.with_columns(
        pl.col("LBTESTCD").alias("TERM"),
        pl.col("ATOXGR").alias("GRADE"),
        pl.col("ADT").alias("ASTDT"),
        pl.col("LBCYCLE").alias("CYCLE"),
    )


def _episodes(rows: pl.LazyFrame) -> pl.LazyFrame:
    """The first row of every episode, with AENDT and SEENTO."""
    recovered = (pl.col("ATOXGR") <= 1) | (pl.col("ATOXGR") <= pl.col("BTOXGR"))
    state = pl.when("HIT").then(1).when(recovered.fill_null(False)).then(0)
    dated = rows.filter(pl.col("ADT").is_not_null()).sort(*_COURSE, "ADT", "SEQ")
    open_ = dated.with_columns(state.forward_fill().over(_COURSE).fill_null(0).alias("OPEN"))
    before = pl.col("OPEN").shift(1).over(_COURSE).fill_null(0)
    closes = pl.when((pl.col("OPEN") == 0) & (before == 1)).then("ADT")
    marked = open_.with_columns(
        ((pl.col("OPEN") == 1) & (before == 0)).alias("BEGINS"),
        closes.backward_fill().over(_COURSE).alias("AENDT"),
        pl.col("ADT").max().over(_COURSE).alias("SEENTO"),
    )
    return marked.filter("BEGINS")


def _events(adae: pl.DataFrame, part: AeComponent, groups: Groups) -> pl.LazyFrame:
    """Adverse events that meet the component; one whose onset is not known is kept without a day."""
    timing = pl.col("TRTEMFL" if part.window == "on_treatment" else "AFTERFL")
    met = (timing == "Y") | (timing.is_null() & pl.col("ASTDT").is_null())
    if part.min_grade is not None:
        met = met & (pl.col("AETOXGR") >= part.min_grade)
    if part.related_only:
        met = met & (pl.col("AEREL") == "Y")
    return (
        adae.lazy()
        .filter(in_group(groups[part.group]) & met)
        .with_columns(
            pl.lit("AE").alias("SRC"),
            pl.col("AETERM").alias("TERM"),
            pl.col("AETOXGR").alias("GRADE"),
            pl.lit(None, pl.Date).alias("SEENTO"),
            pl.lit(None, pl.Int64).alias("CYCLE"),
        )
    )
