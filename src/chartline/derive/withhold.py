"""Open blocking queries: what they touch is set missing, and every such subject is named with the query.

In: ADSL, the topics of its variables, the open queries. Out: ADSL with nulls, and rows of `WITHHELD_SCHEMA`. The
number of queries is small by nature, so they are walked in Python; the subjects are not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from chartline.core.query import Query, Topic
from chartline.derive.model import WITHHELD_SCHEMA

Topics = Mapping[str, frozenset[Topic]]


def blocked_by(queries: Sequence[Query], topics: frozenset[Topic]) -> dict[str, str]:
    """Return subject -> ids of the open blocking queries about any of `topics`."""
    out: dict[str, list[str]] = {}
    for q in queries:
        if q.blocks and q.subject and q.topics & topics and q.id not in out.get(q.subject, []):
            out.setdefault(q.subject, []).append(q.id)
    return {subject: ", ".join(ids) for subject, ids in sorted(out.items())}


def withheld_rows(item: str, blocked: Mapping[str, str], present: set[str]) -> pl.DataFrame:
    """Return the rows that name each blocked subject that is `present`."""
    hit = {s: q for s, q in blocked.items() if s in present}
    reasons = [f"open query {q} must be answered first" for q in hit.values()]
    return pl.DataFrame(
        {"USUBJID": list(hit), "ITEM": [item] * len(hit), "QUERY": list(hit.values()), "REASON": reasons},
        schema=WITHHELD_SCHEMA,
    )


def withhold_variables(
    adsl: pl.DataFrame, topics: Topics, queries: Sequence[Query]
) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Return ADSL with what an open blocking query touches set missing, and the rows that say so."""
    blocking = [q for q in queries if q.blocks]
    if not blocking:
        return adsl, []
    present = set(adsl["USUBJID"])
    columns, rows = [], []
    for name in adsl.columns:
        blocked = blocked_by(blocking, topics.get(name, frozenset()))
        hit = sorted(set(blocked) & present)
        if not hit:
            continue
        columns.append(pl.when(~pl.col("USUBJID").is_in(hit)).then(name).alias(name))
        if f"{name}F" in adsl.columns:  # the imputation flag goes with its date
            columns.append(pl.when(~pl.col("USUBJID").is_in(hit)).then(f"{name}F").alias(f"{name}F"))
        rows.append(withheld_rows(f"ADSL.{name}", blocked, present))
    return adsl.with_columns(columns), rows


def undecided_eligibility(adsl: pl.DataFrame, queries: Sequence[Query]) -> pl.DataFrame:
    """Return who could be neither included nor excluded, with the open queries that stand in the way if any do."""
    unknown = adsl.filter(pl.col("ELIGFL").is_null())
    ids = blocked_by(queries, frozenset({Topic.ELIGIBILITY, Topic.FIRST_DOSE, Topic.IDENTITY}))
    known = pl.DataFrame({"USUBJID": list(ids), "QUERY": list(ids.values())}, schema=["USUBJID", "QUERY"]).cast(
        pl.String
    )
    return unknown.join(known, on="USUBJID", how="left", maintain_order="left").select(
        "USUBJID",
        pl.lit("ADSL.ELIGFL").alias("ITEM"),
        "QUERY",
        pl.col("ELIGREAS").alias("REASON"),
    )
