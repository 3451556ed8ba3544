"""trace.parquet: every derived value with its reason and its cells, and every member of every analysis.

One row per source cell of a derived value (ITEM `ADSL.BOR`, `ADTTE.OS`, `ELIG.adult`), and one row per member of an
analysis (ITEM `RESULT.os`), which says in VIA which derived values made it count. Columns:

    ITEM CENTRE USUBJID ROLE VALUE BECAUSE VIA SRCDOM SRCSEQ SRCVAR ADDRESS RAW WAS

RAW is what the cell says with the centre's answers laid over it; WAS is what stands in the file where an answer
replaced it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from chartline.cohort.model import Cohort
from chartline.core.clinical import ClinicalData
from chartline.core.condition import parse_condition
from chartline.derive.model import TRACE_SCHEMA, Adam
from chartline.mapping.amendments import Applied
from chartline.protocol.model import Analysis, Categories, FollowUp, Proportion, Protocol, Summary, Survival

COLUMNS = (
    *("ITEM", "CENTRE", "USUBJID", "ROLE", "VALUE", "BECAUSE", "VIA"),
    *("SRCDOM", "SRCSEQ", "SRCVAR", "ADDRESS", "RAW", "WAS"),
)


def build_trace(
    data: ClinicalData, cohort: Cohort, adam: Adam, protocol: Protocol, applied: Sequence[Applied] = ()
) -> pl.DataFrame:
    """Return the whole trace of a run (columns above), in a stable order."""
    derived = [t.select(*TRACE_SCHEMA) for t in (cohort.trace, adam.trace)]
    values = pl.concat(derived).unique(maintain_order=True)
    members = _members(values, adam, protocol)
    placed = _locate(data, values).join(_answered(applied), on="ADDRESS", how="left", maintain_order="left")
    return pl.concat([placed, members], how="diagonal").select(COLUMNS)


def items_of(analysis: Analysis) -> list[str]:
    """Return the derived values that decide membership of an analysis, e.g. ["ADSL.RESPFL"]."""
    if isinstance(analysis, Proportion):
        return [f"ADSL.{v}" for v in sorted(parse_condition(analysis.numerator).variables)]
    if isinstance(analysis, Summary | Categories):
        return [f"ADSL.{analysis.variable}"]
    if isinstance(analysis, Survival | FollowUp):
        return [f"ADTTE.{analysis.endpoint}"]
    return ["ADSL.ELIGFL"]


def locate(data: ClinicalData, refs: pl.DataFrame) -> pl.DataFrame:
    """Add ADDRESS and RAW to rows that name CENTRE, SRCDOM, SRCSEQ, SRCVAR (null reference: null)."""
    return _locate(data, refs)


def _locate(data: ClinicalData, values: pl.DataFrame) -> pl.DataFrame:
    wanted = values.select("CENTRE", "SRCDOM", "SRCSEQ", "SRCVAR").unique().drop_nulls()
    keys = pl.concat(
        [
            data[d].select("CENTRE", pl.lit(d).alias("SRCDOM"), pl.col("SEQ").alias("SRCSEQ"), "BLOCK", "ROW")
            for d in data.domains
        ]
    )
    placed = wanted.join(keys, on=["CENTRE", "SRCDOM", "SRCSEQ"], how="left").sort("BLOCK", "SRCVAR", "ROW")
    known = placed.filter(pl.col("BLOCK").is_not_null() & (pl.col("BLOCK") < len(data.origins.blocks)))
    address, raw = _cells(data, known.select("BLOCK", "SRCVAR", "ROW").rows())
    known = known.with_columns(
        pl.Series("ADDRESS", address, dtype=pl.String), pl.Series("RAW", raw, dtype=pl.String)
    ).drop("BLOCK", "ROW")
    return values.join(known, on=["CENTRE", "SRCDOM", "SRCSEQ", "SRCVAR"], how="left", maintain_order="left")


def _answered(applied: Sequence[Applied]) -> pl.DataFrame:
    """ADDRESS and WAS of every cell whose content an answer replaced."""
    was = {a.amendment.address: a.was for a in applied if a.was != a.now and not a.superseded_by}
    return pl.DataFrame(
        {"ADDRESS": list(was), "WAS": list(was.values())}, schema={"ADDRESS": pl.String, "WAS": pl.String}
    )


def _cells(data: ClinicalData, refs: Sequence[tuple[int, str, int]]) -> tuple[list[str], list[str]]:
    origins = data.origins
    return (
        [origins.address(block, variable, row) for block, variable, row in refs],
        [origins.raw(block, variable, row) for block, variable, row in refs],
    )


def _members(values: pl.DataFrame, adam: Adam, protocol: Protocol) -> pl.DataFrame:
    """One row per member of each analysis; its sentence is the sentences of the values it rests on."""
    from chartline.counts.count import members

    because = values.group_by("USUBJID", "ITEM", maintain_order=True).agg(pl.col("BECAUSE").first())
    frames: list[pl.DataFrame] = []
    for analysis in protocol.analyses:
        of: Any = members(adam, protocol, analysis)
        via = items_of(analysis)
        sentences = (
            because.filter(pl.col("ITEM").is_in(via))
            .group_by("USUBJID", maintain_order=True)
            .agg(pl.col("BECAUSE").drop_nulls().unique(maintain_order=True).str.join("; "))
        )
        frames.append(
            of.join(sentences, on="USUBJID", how="left", maintain_order="left").select(
                pl.lit(f"RESULT.{analysis.id}").alias("ITEM"),
                "CENTRE",
                "USUBJID",
                "ROLE",
                pl.col("VALUE").cast(pl.String),
                "BECAUSE",
                pl.lit(";".join(via)).alias("VIA"),
            )
        )
    return pl.concat(frames) if frames else pl.DataFrame(schema={c: pl.String() for c in COLUMNS[:7]})
