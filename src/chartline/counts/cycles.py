"""Cycles of the index drug, counted: what was planned and given, and how many departed from the plan.

Out, over the subjects of a set and the cycles they began (BY is the cycle's number, a level of the pattern):

    cycles.planned   ValueTable of mg/m2 planned
    cycles.given     ValueTable of mg/m2 given
    cycles.rdi       ValueTable of the relative dose intensity, %
    cycles.reduced   CrossTab (outcome, CYCLE): counted, not_counted, missing
    cycles.late      the same, of a late start
    cycles.lacking   the same, of planned doses not given
    cycles.outside   the same, of doses outside the window of days
    cycles.flat      the same, of a flat dose

A subject whose exposure an open blocking query touches is left out of all of them, and counted as withheld.
"""

from __future__ import annotations

import polars as pl

from chartline.counts.model import CountKey, Counts, CrossTab, ValueTable
from chartline.derive.model import Adam

BY = "CYCLE"
_VALUES = {"planned": ("PLANM2", "mg/m2"), "given": ("GIVENM2", "mg/m2"), "rdi": ("RDI", "%")}
_OUTCOMES = {
    "reduced": pl.col("REDFL") == "Y",
    "late": pl.col("DLYFL") == "Y",
    "lacking": pl.col("NOMIT") > 0,
    "outside": pl.col("NOFFWIN") > 0,
    "flat": pl.col("FLATFL") == "Y",
}


def count_cycles(adam: Adam, subjects: pl.LazyFrame, digest: str) -> Counts:
    """Return the tables above for `subjects` (CENTRE, USUBJID)."""
    blocked = adam.withheld.filter((pl.col("ITEM") == "ADSL.RDI") & pl.col("QUERY").is_not_null())["USUBJID"].unique()
    inside = subjects.collect(engine="in-memory")
    hidden = inside["USUBJID"].is_in(blocked.to_list())
    cycles = adam["ADCYC"].join(inside.filter(~hidden), on="USUBJID", how="semi")
    cycles = cycles.with_columns(pl.col("CYCLE").cast(pl.String)).sort("CYCLE")
    withheld = int(hidden.sum())
    out: Counts = {}
    for what, (variable, unit) in _VALUES.items():
        key = CountKey(analysis=f"cycles.{what}", protocol_digest=digest, unit=unit)
        out[key.analysis] = _values(cycles, variable, key, withheld)
    for what, holds in _OUTCOMES.items():
        key = CountKey(analysis=f"cycles.{what}", protocol_digest=digest)
        out[key.analysis] = _outcomes(cycles, holds, key, withheld)
    return out


def _values(cycles: pl.DataFrame, variable: str, key: CountKey, withheld: int) -> ValueTable:
    groups = cycles.group_by("CYCLE", variable).len().sort("CYCLE", variable).rows()
    return ValueTable(
        key=key,
        values={(((BY, cycle),), value): n for cycle, value, n in groups if value is not None},
        missing={((BY, cycle),): n for cycle, value, n in groups if value is None},
        withheld=withheld,
    )


def _outcomes(cycles: pl.DataFrame, holds: pl.Expr, key: CountKey, withheld: int) -> CrossTab:
    role = pl.when(holds).then(pl.lit("counted")).when(~holds).then(pl.lit("not_counted")).otherwise(pl.lit("missing"))
    groups = cycles.group_by(role.alias("ROLE"), "CYCLE").len().sort("ROLE", "CYCLE").rows()
    return CrossTab(key=key, dims=("outcome", BY), cells={(r, c): n for r, c, n in groups}, withheld=withheld)
