"""Counts of syndromes by criteria, and of the components of composite safety endpoints. Left of the wall."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from chartline.counts.model import CountKey, CrossTab
from chartline.derive.model import Adam


def count_syndromes(adam: Adam, people: pl.LazyFrame, names: Iterable[str], key: CountKey) -> CrossTab:
    """Return (SET, VERDICT) over `people`: each of them once a set, WITHHELD where a query hides the verdict.

    A name is that of a syndrome or of a safety flag, both Y, N or missing in ADSL.
    """
    words = {"Y": "MET", "N": "NOT MET"}
    flags = (
        adam["ADSL"].lazy().select("USUBJID", *dict.fromkeys(names)).unpivot(index="USUBJID", variable_name="PARAMCD")
    )
    verdicts = flags.with_columns(pl.col("value").replace_strict(words, default=None).alias("AVALC"))
    rows = people.select("USUBJID").join(verdicts, on="USUBJID")
    hidden = adam.withheld.lazy().select("USUBJID", pl.col("ITEM").str.strip_prefix("ADSL.").alias("PARAMCD")).unique()
    rows = rows.join(hidden.with_columns(HIDDEN=True), on=["USUBJID", "PARAMCD"], how="left")
    verdict = pl.when("HIDDEN").then(pl.lit("WITHHELD")).otherwise(pl.col("AVALC").fill_null("NOT ASSESSABLE"))
    return _tally(rows.select(pl.col("PARAMCD").alias("SET"), verdict.alias("VERDICT")), key, ("SET", "VERDICT"))


def count_severities(adam: Adam, people: pl.LazyFrame, names: Iterable[str], key: CountKey) -> CrossTab:
    """Return (SET, SEVERITY) over those of `people` who met a syndrome, by its grades; "" where a query hides it."""
    columns = [
        pl.struct(pl.col(name).alias("MET"), pl.col(f"{name}_SEV").alias("SEVERITY")).alias(name)
        for name in dict.fromkeys(names)
    ]
    graded = adam["ADSL"].lazy().select("USUBJID", *columns)
    rows = graded.unpivot(index="USUBJID", variable_name="SET", value_name="OF").unnest("OF")
    met = rows.join(people.select("USUBJID"), on="USUBJID", how="semi").filter(pl.col("MET") == "Y")
    return _tally(met.select("SET", pl.col("SEVERITY").fill_null("")), key, ("SET", "SEVERITY"))


def count_components(adcomp: pl.DataFrame, people: pl.LazyFrame, flags: Iterable[str], key: CountKey) -> CrossTab:
    """Return (FLAG, PLACE, COMPONENT, VALUE) over `people`: each of them once a component."""
    rows = adcomp.lazy().filter(pl.col("PARAMCD").is_in(list(flags))).join(people, on="USUBJID", how="semi")
    named = rows.select(
        pl.col("PARAMCD").alias("FLAG"),
        pl.col("COMPN").cast(pl.String).alias("PLACE"),
        pl.col("COMP").alias("COMPONENT"),
        pl.col("AVALC").fill_null("").alias("VALUE"),
    )
    return _tally(named, key, ("FLAG", "PLACE", "COMPONENT", "VALUE"))


def _tally(rows: pl.LazyFrame, key: CountKey, dims: tuple[str, ...]) -> CrossTab:
    groups = rows.group_by(dims).len().sort(dims).collect(engine="in-memory")
    return CrossTab(key=key, dims=dims, cells={tuple(levels): n for *levels, n in groups.iter_rows()})
