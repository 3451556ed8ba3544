"""Doses and cycles of the index drug.

In: EX rows. Out: ADEX, one row a dose (cycle, day of cycle, mg/m2, mg, and beside each dose its cycle's totals), and
per subject NCYC, NDOSE, CUMDM2, CUMMG. A recorded cycle number wins; else the cycle is rebuilt by the protocol's
rule: a new cycle starts with a dose that would be one too many, or that comes `new_cycle_after_days` or more after
the cycle's first dose. A total with a missing dose in it is missing, not smaller.
"""

from __future__ import annotations

import polars as pl

from chartline.core.clinical import ClinicalData
from chartline.core.dates import first_day
from chartline.core.plans import run
from chartline.core.reasons import number_of, number_text, reason
from chartline.protocol.treatment import CycleRule, Treatment

KEY = ["CENTRE", "USUBJID"]


def derive_exposure(
    data: ClinicalData, subjects: pl.DataFrame, treatment: Treatment | None
) -> tuple[pl.DataFrame, pl.DataFrame, list[pl.LazyFrame]]:
    """Return (ADEX, one row a subject with the totals, trace). Without an index drug every total is missing."""
    drug = pl.lit(False) if treatment is None else pl.col("EXTRT") == treatment.drug
    rows = data["EX"].lazy().filter(drug)
    rows = rows.join(subjects.lazy().select(KEY), on=KEY, how="semi")
    complete = pl.when(pl.col("EXSTDTC").str.len_chars() == 10).then(first_day("EXSTDTC"))
    doses = run(rows.with_columns(complete.alias("ASTDT")).sort(*KEY, "ASTDT", "SEQ", nulls_last=True))
    adex = run(_with_cycle_totals(_rebuild_cycles(doses, treatment.cycle if treatment else CycleRule())))
    per_subject = _totals(adex, subjects)
    if treatment is None:
        counted = [c for c in per_subject.columns if c not in KEY]
        per_subject = per_subject.with_columns(pl.lit(None, per_subject.schema[c]).alias(c) for c in counted)
        return adex, per_subject, []
    return adex, per_subject, _reasons(adex, per_subject)


def _rebuild_cycles(doses: pl.DataFrame, rule: CycleRule) -> pl.LazyFrame:
    """Add CYBUILT, the cycle by rule. Loops over cycle numbers (a handful), never over subjects."""
    left = doses.filter(pl.col("ASTDT").is_not_null()).select(*KEY, "SEQ", "ASTDT")
    built: list[pl.DataFrame] = []
    cycle = 1
    while not left.is_empty():
        since = (pl.col("ASTDT") - pl.col("ASTDT").min()).dt.total_days().over(KEY)
        rank = pl.int_range(pl.len()).over(KEY)
        inside = (since < rule.new_cycle_after_days) & (rank < rule.max_doses)
        left = left.with_columns(inside.alias("IN"))
        built.append(left.filter("IN").select(*KEY, "SEQ", pl.lit(cycle, dtype=pl.Int64).alias("CYBUILT")))
        left = left.filter(~pl.col("IN")).drop("IN")
        cycle += 1
    if not built:
        return doses.lazy().with_columns(pl.lit(None, dtype=pl.Int64).alias("CYBUILT"))
    return doses.lazy().join(pl.concat(built).lazy(), on=[*KEY, "SEQ"], how="left", maintain_order="left")


def _with_cycle_totals(doses: pl.LazyFrame) -> pl.LazyFrame:
    doses = doses.with_columns(
        pl.coalesce("EXCYCLE", "CYBUILT").alias("CYCLE"),
        pl.when(pl.col("EXCYCLE").is_not_null()).then(pl.lit("recorded")).otherwise(pl.lit("rebuilt")).alias("CYORIG"),
    )
    within = [*KEY, "CYCLE"]
    start = pl.col("ASTDT").min().over(within)
    return doses.select(
        *KEY,
        "SEQ",
        "EXTRT",
        "ASTDT",
        "CYCLE",
        "CYORIG",
        ((pl.col("ASTDT") - start).dt.total_days() + 1).alias("CYDAY"),
        "EXDOSM2",
        "EXDOSE",
        start.alias("CYSTDT"),
        pl.len().over(within).cast(pl.Int64).alias("CYNDOSE"),
        _whole_sum("EXDOSM2").over(within).alias("CYDOSM2"),
        _whole_sum("EXDOSE").over(within).alias("CYDOSE"),
    )


def _whole_sum(name: str) -> pl.Expr:
    """Sum, null where a part is missing; rounded so that 0.8 + 0.5 + 0.5 is 1.8."""
    return pl.when(pl.col(name).is_not_null().all()).then(pl.col(name).sum().round(6))


def _totals(adex: pl.DataFrame, subjects: pl.DataFrame) -> pl.DataFrame:
    sums = (
        adex.lazy()
        .group_by(KEY)
        .agg(
            pl.col("CYCLE").n_unique().cast(pl.Int64).alias("NCYC"),
            pl.len().cast(pl.Int64).alias("NDOSE"),
            _whole_sum("EXDOSM2").alias("CUMDM2"),
            _whole_sum("EXDOSE").alias("CUMMG"),
        )
    )
    every = subjects.lazy().select(KEY).join(sums, on=KEY, how="left", maintain_order="left")
    return run(every.with_columns(pl.col("NDOSE").fill_null(0), pl.col("NCYC").fill_null(0)))


def _reasons(adex: pl.DataFrame, per_subject: pl.DataFrame) -> list[pl.LazyFrame]:
    rows = adex.select(*KEY, "SEQ").join(per_subject, on=KEY)
    doses = pl.format("{} in {}", number_of("NDOSE", "dose"), number_of("NCYC", "cycle"))
    out = []
    for name, variable, unit in (
        ("NCYC", "EXSTDTC", ""),
        ("NDOSE", "EXSTDTC", ""),
        ("CUMDM2", "EXDOSM2", "mg/m2"),
        ("CUMMG", "EXDOSE", "mg"),
    ):
        because = doses
        if unit:
            total = pl.format("{} {}: {}", number_text(name), pl.lit(unit), doses)
            because = total.fill_null(pl.format(f"not known: {unit} of a dose is not recorded ({{}})", doses))
        out.append(reason(rows, f"ADSL.{name}", pl.col(name), because, ("EX", pl.col("SEQ"), variable)))
    return out
