"""ADMRD: every MRD sample with its level, its limit of detection, and what it is under the protocol's definition.

In: RS rows and the definition. Out: one row a sample with a complete date:

    CENTRE USUBJID SEQ ADT MRDMETH MRDSENS MRDVAL MRDVAL_OP MRDCLASS
    ADEQFL    Y where the definition can judge it, N where the test was not sensitive enough or does not count
    BECAUSE   the sample in one sentence

Which samples make a patient MRD-negative is decided in `derive/mrd.py`; here they are all kept, for the timeline.
"""

from __future__ import annotations

import polars as pl

from chartline.core.clinical import ClinicalData
from chartline.core.dates import first_day
from chartline.core.plans import run
from chartline.derive.mrd_rules import MrdRules
from chartline.derive.mrd_samples import judged


def mrd_table(data: ClinicalData, rules: MrdRules) -> pl.DataFrame:
    """Return ADMRD (columns above), sorted by subject and day."""
    result = pl.col("MRDVAL").is_not_null() | pl.col("MRDCLASS").is_not_null()
    dated = data["RS"].lazy().filter(result & (pl.col("RSDTC").str.len_chars() == 10))
    rows = judged(dated.with_columns(first_day("RSDTC").alias("ADT")), rules)
    adequate = pl.col("STANDING").is_not_null() & (pl.col("STANDING") != "not_assessed")
    return run(
        rows.select(
            *("CENTRE", "USUBJID", "SEQ", "ADT", "MRDMETH", "MRDSENS", "MRDVAL", "MRDVAL_OP", "MRDCLASS"),
            pl.when(adequate).then(pl.lit("Y")).otherwise(pl.lit("N")).alias("ADEQFL"),
            pl.col("SAID").alias("BECAUSE"),
        ).sort("CENTRE", "USUBJID", "ADT", "SEQ")
    )
