"""Adverse events as recorded by the treating team.

In: AE rows, the treatment window, the protocol's groups. Out: ADAE, one row an event: AETERM, AEGRP (first group
whose words it is), ASTDT (where the onset is a complete date), AETOXGR, AEREL, AESER, AEOUT, TRTEMFL (Y on treatment:
from the first dose to the end of the window; null where a missing or partial onset leaves it open) and AFTERFL
(Y from the first dose on, without an end).
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from chartline.core.clinical import ClinicalData
from chartline.core.dates import first_day, last_day
from chartline.core.plans import run
from chartline.derive.milestones import KEY


def derive_adverse_events(
    data: ClinicalData, window: pl.DataFrame, groups: Mapping[str, tuple[str, ...]]
) -> pl.DataFrame:
    """Return ADAE. `window` is `labs.treatment_window`."""
    rows = data["AE"].lazy().filter(pl.col("AETERM").is_not_null()).join(window.lazy(), on=KEY)
    first, last = first_day("AESTDTC"), last_day("AESTDTC")
    after = _flag(first >= pl.col("TRTSDT"), last < pl.col("TRTSDT"))
    inside = (first >= pl.col("TRTSDT")) & (last <= pl.col("ONTRTEDT"))
    outside = (last < pl.col("TRTSDT")) | (first > pl.col("ONTRTEDT"))
    named: list[pl.Expr] = [pl.when(in_group(words)).then(pl.lit(name)) for name, words in groups.items()]
    group = pl.coalesce([*named, pl.lit(None, dtype=pl.String)])
    adae = rows.select(
        *KEY,
        "SEQ",
        "AETERM",
        group.alias("AEGRP"),
        pl.when(pl.col("AESTDTC").str.len_chars() == 10).then(first).alias("ASTDT"),
        pl.col("AESTDTC").alias("ASTDTC"),
        "AETOXGR",
        "AEREL",
        "AESER",
        "AEOUT",
        _flag(inside, outside).alias("TRTEMFL"),
        after.alias("AFTERFL"),
    )
    return run(adae.sort(*KEY, "ASTDT", "SEQ", nulls_last=True))


def in_group(words: tuple[str, ...]) -> pl.Expr:
    """Whether AETERM is one of a group's terms, whatever its case."""
    return pl.col("AETERM").str.strip_chars().str.to_lowercase().is_in([w.lower() for w in words])


def _flag(yes: pl.Expr, no: pl.Expr) -> pl.Expr:
    return pl.when(yes).then(pl.lit("Y")).when(no).then(pl.lit("N"))
