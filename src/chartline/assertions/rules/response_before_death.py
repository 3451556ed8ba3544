"""A marrow that shows a response was taken from a living patient."""

from collections.abc import Iterator

import polars as pl

from chartline.assertions.model import Assertion, Case, Evidence, day

ASSERTION = Assertion("response_before_death", "No response is after death.")


def cases(study: Evidence) -> Iterator[Case]:
    """Every patient with both dates, the death on a complete date."""
    numbers = pl.format("first response on {}, death on {}", day("FRSPDT"), day("DTHDT"))
    holds = pl.when(pl.col("DTHDTF").is_null()).then(pl.col("FRSPDT") <= pl.col("DTHDT"))
    yield Case(
        "first response and death",
        study.subjects().with_columns(holds.alias("HOLDS"), numbers.alias("NUMBERS")),
    )
