"""Adverse events as the checks see them: the days they can mean, what the outcome says, which are laboratory findings.

In: AE rows. Out: the same rows with TERM (small letters), LO and HI (the days the onset can mean), END_LO and END_HI,
and FATAL, RECOVERED and ONGOING, what the outcome says in CDISC's words or in plain ones; a "recovering" event goes on.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

import polars as pl

from chartline.core.clinical import ClinicalData
from chartline.core.dates import first_day, last_day
from chartline.core.plans import run

_FATAL = r"fatal|death|died|\bdead\b"
_NOT_YET = r"\bnot\b|\bun-?resolved\b|\bun-?recovered\b|recovering|resolving|ongoing|on-going|continuing|persist"
_OVER = r"recovered|resolved"


def adverse_events(data: ClinicalData) -> pl.DataFrame:
    """Return the AE rows that name an event, with the columns above."""
    outcome = pl.col("AEOUT").str.to_lowercase()
    ongoing = outcome.str.contains(_NOT_YET)
    rows = (
        data["AE"]
        .lazy()
        .filter(pl.col("AETERM").is_not_null())
        .with_columns(
            pl.col("AETERM").str.strip_chars().str.to_lowercase().alias("TERM"),
            first_day("AESTDTC").alias("LO"),
            last_day("AESTDTC").alias("HI"),
            first_day("AEENDTC").alias("END_LO"),
            last_day("AEENDTC").alias("END_HI"),
            (outcome.str.contains(_FATAL) & ~outcome.str.contains(r"\bnot\b|non")).fill_null(False).alias("FATAL"),
            (outcome.str.contains(_OVER) & ~ongoing).fill_null(False).alias("RECOVERED"),
            ongoing.fill_null(False).alias("ONGOING"),
        )
    )
    return run(rows)


@cache
def laboratory_events() -> dict[str, tuple[str, str]]:
    """Return the name of each adverse event that is a laboratory finding (small letters) -> (test, L or H)."""
    out: dict[str, tuple[str, str]] = {}
    with (files("chartline") / "vocabulary" / "lab_events.csv").open(encoding="utf-8") as f:
        for r in csv.DictReader(f):
            out |= {name: (r["test"], r["direction"]) for name in r["names"].split("; ")}
    return out
