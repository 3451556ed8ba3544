"""ADMRD: every MRD sample with its level, its limit of detection, and whether the test was sensitive enough.

In: RS rows and the protocol's MRD rule. Out: one row a sample with a complete date:

    CENTRE USUBJID SEQ ADT MRDMETH MRDSENS MRDVAL MRDVAL_OP MRDCLASS
    ADEQFL    Y where the limit of detection reaches the declared sensitivity, or the level proves itself
    BECAUSE   the sample in one sentence

Which samples make a patient MRD-negative is decided in `derive/mrd.py`; here they are all kept, for the timeline.
"""

from __future__ import annotations

import polars as pl

from chartline.core.clinical import ClinicalData
from chartline.core.dates import first_day
from chartline.core.plans import run
from chartline.core.reasons import number_text
from chartline.derive.compare import holds
from chartline.protocol.model import Mrd


def mrd_table(data: ClinicalData, rule: Mrd) -> pl.DataFrame:
    """Return ADMRD (columns above), sorted by subject and day."""
    result = pl.col("MRDVAL").is_not_null() | pl.col("MRDCLASS").is_not_null()
    reached = holds("MRDSENS", "<=", rule.sensitivity).fill_null(False)
    proven = holds("MRDVAL", ">=", rule.below_percent).fill_null(False)
    rows = data["RS"].lazy().filter(result & (pl.col("RSDTC").str.len_chars() == 10))
    return run(
        rows.with_columns(first_day("RSDTC").alias("ADT")).select(
            *("CENTRE", "USUBJID", "SEQ", "ADT", "MRDMETH", "MRDSENS", "MRDVAL", "MRDVAL_OP", "MRDCLASS"),
            pl.when(reached | proven).then(pl.lit("Y")).otherwise(pl.lit("N")).alias("ADEQFL"),
            _sentence(reached | proven, rule).alias("BECAUSE"),
        ).sort("CENTRE", "USUBJID", "ADT", "SEQ")
    )  # fmt: skip


def _sentence(adequate: pl.Expr, rule: Mrd) -> pl.Expr:
    # concat_str and not format: of a single row with nothing but missing values, format panics (Polars 1.x).
    level = pl.concat_str(pl.col("MRDVAL_OP").fill_null(""), number_text("MRDVAL"), pl.lit(" %"))
    said = pl.coalesce(level, pl.col("MRDCLASS").str.to_lowercase())
    limit = pl.concat_str(pl.lit("limit of detection "), pl.col("MRDSENS").cast(pl.String))
    limit = limit.fill_null("no limit of detection")
    test = pl.col("MRDMETH").fill_null("test not named")
    enough = pl.when(adequate).then(pl.lit("sensitive enough")).otherwise(pl.lit("not shown to be sensitive enough"))
    asked = pl.lit(f", asked for: {rule.sensitivity:g})")
    return pl.concat_str(
        *(pl.lit("MRD "), said, pl.lit(" on "), pl.col("RSDTC"), pl.lit(" ("), test),
        *(pl.lit("; "), limit, pl.lit("; "), enough, asked),
    )
