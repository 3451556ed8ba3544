"""The concepts that simulated databases use, and the laboratory panel that is drawn at every visit.

`concepts.csv` holds what stands in the table `concept`. Concepts from 2,000,000,000 on are local, as OMOP reserves
them; the others are those of the vocabularies named beside them. Usual levels and spreads are round figures of ours for
adults without disease; reference limits are those of one laboratory.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files

import numpy as np
import polars as pl

from chartline.simulate.cdm import cdm_table

INGREDIENT, PRODUCT = 2000000201, 2000000202  # the index drug, and the product that descends from it
LOCAL = 2_000_000_000


@dataclass(frozen=True)
class Test:
    """One laboratory test: its concept, unit, the median and log-normal spread of healthy adults, reference limits."""

    code: str
    concept: int
    unit: str
    unit_concept: int
    usual: float
    spread: float
    decimals: int
    low: float | None
    high: float | None


PANEL = (
    Test("HB", 3000963, "g/L", 8636, 138.0, 0.08, 0, 120.0, None),
    Test("WBC", 3000905, "10^9/L", 9444, 7.0, 0.22, 1, 4.0, None),
    Test("ANC", 3013650, "10^9/L", 9444, 4.0, 0.25, 2, 2.0, None),
    Test("PLT", 3024929, "10^9/L", 9444, 250.0, 0.18, 0, 150.0, None),
    Test("ALT", 3006923, "U/L", 8645, 22.0, 0.30, 0, None, 45.0),
    Test("AST", 3013721, "U/L", 8645, 21.0, 0.25, 0, None, 38.0),
    Test("BILI", 3024128, "umol/L", 8749, 9.0, 0.30, 1, None, 20.5),
    Test("ALP", 3035995, "U/L", 8645, 75.0, 0.22, 0, None, 120.0),
    Test("GGT", 2000000110, "U/L", 8645, 24.0, 0.35, 0, None, 60.0),
    Test("CREA", 3016723, "umol/L", 8749, 75.0, 0.15, 0, None, 106.0),
)


@cache
def concepts() -> dict[int, tuple[str, str]]:
    """Return concept id -> (name, domain) of every concept in `concepts.csv`."""
    with (files("chartline") / "simulate" / "concepts.csv").open(encoding="utf-8") as f:
        return {int(r["concept_id"]): (r["concept_name"], r["domain_id"]) for r in csv.DictReader(f)}


@cache
def common(domain: str) -> tuple[int, ...]:
    """Return the concepts of a domain that anybody may have: those that are not local."""
    return tuple(c for c, (_, of) in concepts().items() if of == domain and c < LOCAL)


def concept_words(ids: np.ndarray) -> pl.Series:
    """Return the names of concepts, one each."""
    known = sorted(concepts())
    return pick([concepts()[c][0] for c in known], np.searchsorted(known, ids))


def pick(words: Sequence[str | None], at: np.ndarray) -> pl.Series:
    """Return `words[at]` as text."""
    return pl.Series(words, dtype=pl.String).gather(at)


def vocabulary() -> dict[str, pl.DataFrame]:
    """Return the tables `concept` and `concept_ancestor`."""
    with (files("chartline") / "simulate" / "concepts.csv").open(encoding="utf-8") as f:
        rows = list(csv.DictReader(f))
    filled: dict[str, object] = {name: [r[name] or None for r in rows] for name in rows[0]}
    filled["concept_id"] = [int(r["concept_id"]) for r in rows]
    filled |= {"valid_start_date": [date(1970, 1, 1)] * len(rows), "valid_end_date": [date(2099, 12, 31)] * len(rows)}
    drugs = [INGREDIENT, PRODUCT]
    pairs = [(c, c, 0) for c in drugs] + [(INGREDIENT, PRODUCT, 1)]
    names = ("ancestor_concept_id", "descendant_concept_id", "min_levels_of_separation")
    ancestors: dict[str, object] = {name: [p[i] for p in pairs] for i, name in enumerate(names)}
    ancestors["max_levels_of_separation"] = ancestors[names[2]]
    return {"concept": cdm_table("concept", filled), "concept_ancestor": cdm_table("concept_ancestor", ancestors)}
