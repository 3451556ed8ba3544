"""How lazy Polars plans are run: several steps as one plan cost one query instead of one a step.

A study is many small frames, so what costs is the number of queries, not their rows. The in-memory engine is named
because the streaming engine, the default for lazy frames, takes four times as long to start; partitions of a large
study (`engines/`) fit in memory by design.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl


def run(plan: pl.LazyFrame) -> pl.DataFrame:
    """Return the result of a plan."""
    return plan.collect(engine="in-memory")


def run_all(plans: Iterable[pl.LazyFrame]) -> list[pl.DataFrame]:
    """Return the results of several plans, in their order."""
    return pl.collect_all(list(plans), engine="in-memory")
