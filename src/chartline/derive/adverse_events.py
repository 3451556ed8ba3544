"""Adverse events as recorded by the treating team.

In: AE rows, the treatment window, the milestones, the protocol's groups and its policy for partial dates. Out: ADAE,
one row an event: AETERM, AEGRP (first group whose words it is), ASTDT (the day that stands for the onset; a partial
one is kept between the first dose and death or last contact) and ASTDTF (what was imputed of it: D the day, M the
month too), AENDT (a recorded end, where complete), AETOXGR, AEREL, AESER, AEOUT, TRTEMFL (Y on treatment: from the
first dose to the end of the window) and
AFTERFL (Y from the first dose on, without an end). Both are null where no onset is recorded; `checks/` asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from chartline.cohort.facts import imputation_flag
from chartline.core.clinical import ClinicalData
from chartline.core.dates import PartialPolicy, first_day
from chartline.core.plans import run
from chartline.derive.milestones import KEY, day_between, observed_until


def derive_adverse_events(
    data: ClinicalData,
    window: pl.DataFrame,
    milestones: pl.DataFrame,
    groups: Mapping[str, tuple[str, ...]],
    policy: PartialPolicy,
) -> pl.DataFrame:
    """Return ADAE. `window` is `labs.treatment_window`."""
    rows = data["AE"].lazy().filter(pl.col("AETERM").is_not_null()).join(window.lazy(), on=KEY)
    rows = rows.join(milestones.lazy().select(*KEY, observed_until().alias("SEENTO")), on=KEY)
    onset = day_between("AESTDTC", policy, pl.col("TRTSDT"), pl.col("SEENTO"))
    rows = rows.with_columns(onset.alias("ASTDT"))
    after = pl.col("ASTDT") >= pl.col("TRTSDT")
    named: list[pl.Expr] = [pl.when(in_group(words)).then(pl.lit(name)) for name, words in groups.items()]
    group = pl.coalesce([*named, pl.lit(None, dtype=pl.String)])
    adae = rows.select(
        *KEY,
        "SEQ",
        "AETERM",
        group.alias("AEGRP"),
        "ASTDT",
        imputation_flag("AESTDTC").alias("ASTDTF"),
        pl.col("AESTDTC").alias("ASTDTC"),
        pl.when(pl.col("AEENDTC").str.len_chars() == 10).then(first_day("AEENDTC")).alias("AENDT"),
        "AETOXGR",
        "AEREL",
        "AESER",
        "AEOUT",
        _flag(after & (pl.col("ASTDT") <= pl.col("ONTRTEDT"))).alias("TRTEMFL"),
        _flag(after).alias("AFTERFL"),
    )
    return run(adae.sort(*KEY, "ASTDT", "SEQ", nulls_last=True))


def in_group(words: tuple[str, ...]) -> pl.Expr:
    """Whether AETERM is one of a group's terms, whatever its case."""
    return pl.col("AETERM").str.strip_chars().str.to_lowercase().is_in([w.lower() for w in words])


def _flag(yes: pl.Expr) -> pl.Expr:
    return pl.when(yes).then(pl.lit("Y")).when(~yes).then(pl.lit("N"))
