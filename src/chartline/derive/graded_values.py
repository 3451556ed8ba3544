"""The grades of laboratory values, for the checks: they stand before the derivations and are handed this.

In: the protocol. Out: a function of ClinicalData (all of it, or the LB rows of interest). Whether a recorded grade
agrees with the values is a check (`checks/rules/grade_of_laboratory.py`); what a grade is, only the scale says.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from chartline.core.clinical import ClinicalData
from chartline.core.index import index_days
from chartline.derive.labs import derive_labs
from chartline.derive.milestones import KEY
from chartline.protocol.model import Protocol


def grade_by(protocol: Protocol) -> Callable[[ClinicalData], pl.DataFrame]:
    """Return the function that gives CENTRE, USUBJID, SEQ, ATOXGRL and ATOXGRH of LB rows of subjects with a day 0.

    ATOXGRL and ATOXGRH are the grades of a value as too low and as too high under `protocol.laboratory`, with its
    baseline; null where the scale has no such term or the value cannot be graded.
    """

    def grade(data: ClinicalData) -> pl.DataFrame:
        days = index_days(data, protocol.index_rows)
        window = days.select(*KEY, "TRTSDT", "TRTEDT", pl.col("TRTEDT").alias("ONTRTEDT"))
        return derive_labs(data, window, protocol.laboratory).select(*KEY, "SEQ", "ATOXGRL", "ATOXGRH")

    return grade
