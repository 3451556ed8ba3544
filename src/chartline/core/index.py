"""First and last dose of the index drug: the two days that checks, cohort and derivations all count from."""

from __future__ import annotations

import polars as pl

from chartline.core.clinical import ClinicalData
from chartline.core.dates import first_day
from chartline.core.plans import run


def index_doses(data: ClinicalData, drug: str) -> pl.DataFrame:
    """Return one row a subject treated with `drug`.

    Shape: CENTRE, USUBJID, TRTSDT, TRTSSEQ (EX row of the first dose), TRTEDT, TRTESEQ (of the last dose). A dose
    whose date is missing or partial cannot be first or last; the index date is never imputed.
    """
    doses = (
        data["EX"]
        .lazy()
        .filter((pl.col("EXTRT") == drug) & (pl.col("EXSTDTC").str.len_chars() == 10))
        .with_columns(first_day("EXSTDTC").alias("DAY"))
        .sort("CENTRE", "USUBJID", "DAY", "SEQ")
    )
    index = doses.group_by("CENTRE", "USUBJID", maintain_order=True).agg(
        pl.col("DAY").first().alias("TRTSDT"),
        pl.col("SEQ").first().alias("TRTSSEQ"),
        pl.col("DAY").last().alias("TRTEDT"),
        pl.col("SEQ").last().alias("TRTESEQ"),
    )
    return run(index)
