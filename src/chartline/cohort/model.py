"""Cohort: who was screened, who is eligible, and the criterion at which each other subject left."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from chartline.counts.model import AttritionTable


@dataclass(frozen=True)
class Cohort:
    """`subjects`: one row a screened record: CENTRE, USUBJID, BRTHDT, SEX, AGE (at first dose), TRTSDT, TRTEDT, the
    protocol's characteristics, then ELIGFL ('Y', 'N', null = unknown), ELIGREAS (label of the deciding criterion),
    DUPOF (the record kept, where this one is the same person).
    `decisions`: one row per subject and criterion reached: CENTRE, USUBJID, CRITERION, MET (bool, null = unknown),
    BECAUSE.
    `trace`: rows of `derive.model.TRACE_SCHEMA` for AGE, TRTSDT, characteristics and each criterion.
    """

    subjects: pl.DataFrame
    decisions: pl.DataFrame
    attrition: AttritionTable
    trace: pl.DataFrame
