"""A response is one to the treatment: it is seen after the first dose."""

from collections.abc import Iterator

import polars as pl

from chartline.assertions.model import Assertion, Case, Evidence, day

ASSERTION = Assertion("response_after_first_dose", "No response is before the first dose.")


def cases(study: Evidence) -> Iterator[Case]:
    """Every patient with both dates."""
    numbers = pl.format("first response on {}, first dose on {}", day("FRSPDT"), day("TRTSDT"))
    holds = pl.col("FRSPDT") >= pl.col("TRTSDT")
    yield Case(
        "first response and first dose",
        study.subjects().with_columns(holds.alias("HOLDS"), numbers.alias("NUMBERS")),
    )
