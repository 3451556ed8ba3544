"""trace.parquet: every derived value with its reason and its cells, and every member of every analysis.

One row per source cell of a derived value (ITEM `ADSL.BOR`, `ADTTE.OS`, `ELIG.adult`), and one row per member of an
analysis (ITEM `RESULT.os`), which says in VIA which derived values made it count. Columns:

    ITEM CENTRE USUBJID ROLE VALUE BECAUSE VIA SRCDOM SRCSEQ SRCVAR ADDRESS RAW WAS

RAW is what the cell says with the centre's answers laid over it; WAS is what stands in the file where an answer
replaced it.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from chartline.cohort.model import Cohort
from chartline.core.clinical import ClinicalData
from chartline.core.condition import parse_condition
from chartline.counts.members import Roster, all_members, as_counted, pattern_of, table_names
from chartline.counts.model import STATE
from chartline.derive.model import TRACE_SCHEMA, Adam
from chartline.derive.reviewed import DOMAIN
from chartline.mapping.amendments import Applied
from chartline.protocol.analyses import Agreement, Analysis, Intercurrent, MrdRates, Multistate, Toxicity
from chartline.protocol.base import dated
from chartline.protocol.model import Protocol
from chartline.protocol.names import mrd_variable

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
    located = _with_overrides(locate(data, values), data)
    placed = located.join(_answered(applied), on="ADDRESS", how="left", maintain_order="left")
    return pl.concat([placed, members], how="diagonal").select(COLUMNS)


def items_of(analysis: Analysis) -> list[str]:
    """Return the derived values that decide membership of an analysis, e.g. ["ADSL.RESPFL"]."""
    out: list[str] = []
    if hasattr(analysis, "numerator"):
        out += [f"ADSL.{v}" for v in sorted(parse_condition(analysis.numerator).variables)]
    if hasattr(analysis, "variable"):
        out.append(f"ADSL.{analysis.variable}")
    if isinstance(analysis, Toxicity):
        out.append(f"ADSL.{analysis.flag}")
    if hasattr(analysis, "endpoint"):
        out.append(f"ADTTE.{analysis.endpoint}")
    if isinstance(analysis, Multistate):
        out += [f"ADSL.{dated(m)[1]}" for m in (*analysis.states, *analysis.absorbing)]
    on_the_way = analysis.event if isinstance(analysis, Intercurrent) else getattr(analysis, "time_dependent", None)
    if on_the_way is not None:
        out.append(f"ADSL.{dated(on_the_way)[1]}")
    if isinstance(analysis, MrdRates):
        out += ["ADSL.RESPFL", *(f"ADSL.{mrd_variable(*pair)}" for pair in analysis.groups.values())]
    if hasattr(analysis, "terms") or isinstance(analysis, Agreement):
        out += [f"ADSL.{v}" for v in pattern_of(analysis) if v != STATE]
    return list(dict.fromkeys(out)) or ["ADSL.ELIGFL"]


def locate(data: ClinicalData, refs: pl.DataFrame) -> pl.DataFrame:
    """Add ADDRESS and RAW to rows that name CENTRE, SRCDOM, SRCSEQ, SRCVAR (null reference: null)."""
    rows = [
        frame.lazy().select("CENTRE", pl.lit(d).alias("SRCDOM"), pl.col("SEQ").alias("SRCSEQ"), "BLOCK", "ROW")
        for d, frame in data.domains.items()
    ]
    keys = ["CENTRE", "SRCDOM", "SRCSEQ"]
    found = (
        refs.lazy()
        .select(*keys, VARIABLE="SRCVAR")
        .join(pl.concat(rows), on=keys, how="left", maintain_order="left")
        .with_columns(pl.when(pl.col("VARIABLE").is_not_null()).then("BLOCK"))
        .collect(engine="in-memory")
    )
    return pl.concat([refs, data.origins.cells(found)], how="horizontal")


def _with_overrides(placed: pl.DataFrame, data: ClinicalData) -> pl.DataFrame:
    """Give the rows that lead to a reviewer's override the line it stands in, and the value as the line has it."""
    overrides = data.overrides
    if not overrides:
        return placed
    ours = pl.col("SRCDOM") == DOMAIN
    centres = dict(placed.filter(ours).select("SRCSEQ", "CENTRE").unique().iter_rows())
    written = {o.line: data.study_days.text(centres.get(o.line, ""), o.value) for o in overrides}
    lines = ({o.line: o.where for o in overrides}, written)
    return placed.with_columns(
        pl.when(ours)
        .then(pl.col("SRCSEQ").replace_strict(to, default=None, return_dtype=pl.String))
        .otherwise(name)
        .alias(name)
        for name, to in zip(("ADDRESS", "RAW"), lines, strict=True)
    )


def _answered(applied: Sequence[Applied]) -> pl.DataFrame:
    """ADDRESS and WAS of every cell whose content an answer replaced."""
    was = {a.amendment.address: a.was for a in applied if a.was != a.now and not a.superseded_by}
    return pl.DataFrame(
        {"ADDRESS": list(was), "WAS": list(was.values())}, schema={"ADDRESS": pl.String, "WAS": pl.String}
    )


def members_of(adam: Adam, protocol: Protocol) -> pl.DataFrame:
    """Return the members of every analysis, each subject once.

    Of a subject whose time is counted in parts, the last part says how it ended.
    """
    roster = Roster(adam, protocol)
    own: dict[str, pl.LazyFrame] = {}
    for a in protocol.analyses:
        if table_names(a):
            own |= roster.tables(a) if isinstance(a, MrdRates) else {a.id: roster.of(a)}
    return all_members(own).unique(["ANALYSIS", "USUBJID"], keep="last", maintain_order=True)


def _told(analysis: Analysis) -> list[tuple[str, list[str]]]:
    """The lists of members of an analysis, each with the derived values that decide it."""
    if not isinstance(analysis, MrdRates):
        return [(analysis.id, items_of(analysis))]
    decided = [["ADSL.RESPFL", f"ADSL.{mrd_variable(*pair)}"] for pair in analysis.groups.values()]
    return list(zip(table_names(analysis), decided, strict=True))


def _members(values: pl.DataFrame, adam: Adam, protocol: Protocol) -> pl.DataFrame:
    """One row per member of each analysis; its sentence is the sentences of the values it rests on."""
    members = members_of(adam, protocol).lazy()
    via = [told for a in protocol.analyses for told in _told(as_counted(a, protocol))]
    rests = pl.DataFrame(
        [(analysis, item) for analysis, items in via for item in items], schema=["ANALYSIS", "ITEM"], orient="row"
    ).cast(pl.String)
    sentences = (
        values.lazy()
        .unique(["USUBJID", "ITEM"], keep="first", maintain_order=True)
        .join(rests.lazy(), on="ITEM", maintain_order="left")
        .group_by("ANALYSIS", "USUBJID")
        .agg(pl.col("BECAUSE").drop_nulls().unique(maintain_order=True).str.join("; "))
    )
    via_of = {analysis: ";".join(items) for analysis, items in via}
    return (
        members.join(sentences, on=["ANALYSIS", "USUBJID"], how="left", maintain_order="left")
        .select(
            pl.concat_str(pl.lit("RESULT."), "ANALYSIS").alias("ITEM"),
            "CENTRE",
            "USUBJID",
            "ROLE",
            "VALUE",
            "BECAUSE",
            pl.col("ANALYSIS").replace_strict(via_of, return_dtype=pl.String).alias("VIA"),
        )
        .collect(engine="in-memory")
    )
