"""The transplantation that counts is one after the first dose; an earlier one is history."""

from collections.abc import Iterator

import polars as pl

from chartline.assertions.model import Assertion, Case, Evidence, day

ASSERTION = Assertion("transplant_after_first_dose", "No transplantation counted as later is before the first dose.")


def cases(study: Evidence) -> Iterator[Case]:
    """Every patient with both dates."""
    numbers = pl.format("transplantation on {}, first dose on {}", day("HSCTDT"), day("TRTSDT"))
    holds = pl.col("HSCTDT") >= pl.col("TRTSDT")
    yield Case(
        "transplantation and first dose",
        study.subjects().with_columns(holds.alias("HOLDS"), numbers.alias("NUMBERS")),
    )
