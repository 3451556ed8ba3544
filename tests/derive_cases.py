"""Small studies for spec tests: text tables in, Cohort and Adam out, under the reference study's protocol."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
from ruamel.yaml import YAML

from chartline.cohort.model import Cohort
from chartline.cohort.select import select_cohort
from chartline.core.clinical import ClinicalData, clinical_data
from chartline.core.query import Query, Severity, Topic
from chartline.derive.derive import derive_all
from chartline.derive.model import Adam
from chartline.protocol.model import Protocol
from truth_data import tiny

_PROTOCOL = Path(__file__).parents[1] / "examples" / "inotuzumab-india" / "protocol.yaml"


def protocol(**over: Any) -> Protocol:
    """The reference study's protocol, with top-level keys replaced by `over`."""
    return Protocol.model_validate(_plain() | over)


@cache
def _plain() -> dict[str, Any]:
    return YAML(typ="safe").load(_PROTOCOL.read_text(encoding="utf-8"))


def eligible(data: ClinicalData) -> ClinicalData:
    """Add what makes every subject of EX eligible: an adult with relapsed B-cell ALL."""
    who = data["EX"].select("CENTRE", "USUBJID").unique(maintain_order=True)
    key = [pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("SEQ"), pl.lit(0, pl.UInt32).alias("BLOCK")]
    key += [pl.int_range(pl.len(), dtype=pl.UInt32).alias("ROW")]
    person = who.with_columns(*key, pl.lit("1980-01-01").alias("BRTHDTC"), pl.lit("M").alias("SEX"))
    history = pl.concat(
        [
            who.with_columns(
                pl.lit("DIAGNOSIS").alias("MHCAT"),
                pl.lit("B-cell acute lymphoblastic leukaemia").alias("MHTERM"),
                pl.lit(None, pl.String).alias("MHORRES"),
            ),
            who.with_columns(
                pl.lit("STATUS").alias("MHCAT"), pl.lit("Status").alias("MHTERM"), pl.lit("RELAPSED").alias("MHORRES")
            ),
        ]
    ).with_columns(*key)
    frames = dict(data.domains) | {"DM": person, "MH": history}
    return clinical_data(frames, data.origins)


def derive(tables: dict[str, str], queries: Sequence[Query] = (), **over: Any) -> Adam:
    """Derive a small study in which everyone is eligible; syndromes, variants (`variants()`) and compared MRD
    definitions only where asked."""
    data = eligible(tiny(**tables))
    p = protocol(**(lean() | {key: {} for key in variants()} | over))
    return derive_all(data, select_cohort(data, p, queries, "digest"), p, queries)


def lean() -> dict[str, Any]:
    """The keys that leave out of the reference study's protocol what takes long to derive and few tests look at."""
    return {"syndromes": {}, "analyses": [a for a in _plain()["analyses"] if a["kind"] != "mrd"]}


def variants() -> dict[str, Any]:
    """The reference study's other ways to judge a response and to grade, each of which derives all of it again."""
    return {key: _plain()[key] for key in ("response_variants", "laboratory_variants")}


def bare() -> dict[str, Any]:
    """The keys that leave response, MRD, exposure, grades and safety flags: for tests of what is declared besides."""
    empty: dict[str, Any] = {"response_variants": {}, "laboratory_variants": {}, "milestones": {}}
    return lean() | empty | {"endpoints": [], "analyses": [], "prior_therapy": None}


def select(tables: dict[str, str], queries: Sequence[Query] = (), **over: Any) -> Cohort:
    return select_cohort(tiny(**tables), protocol(**over), queries, "digest")


def row(frame: pl.DataFrame, *names: str, **where: Any) -> tuple[Any, ...]:
    """The named values of the only row of `frame` with these values."""
    hit = frame.filter(*[pl.col(k) == v for k, v in where.items()]).select(names)
    assert hit.height == 1, hit
    return hit.row(0)


def because(adam: Adam, item: str, subject: str = "P1") -> list[str]:
    """The sentences that explain a value, each once."""
    rows = adam.trace.filter(pl.col("ITEM") == item, pl.col("USUBJID") == subject)
    return rows["BECAUSE"].unique(maintain_order=True).to_list()


def block(subject: str, *topics: Topic, centre: str = "A") -> Query:
    return Query("rule", Severity.BLOCK, centre, subject, ("f!t!A1",), "saw", "message", "ask", frozenset(topics))
