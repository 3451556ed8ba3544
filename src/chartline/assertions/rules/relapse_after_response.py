"""A relapse is the end of a response: it comes after the first."""

from collections.abc import Iterator

import polars as pl

from chartline.assertions.model import Assertion, Case, Evidence, day

ASSERTION = Assertion("relapse_after_response", "No relapse is before the first response.")


def cases(study: Evidence) -> Iterator[Case]:
    """Every patient with both dates, the relapse on a complete date."""
    numbers = pl.format("relapse on {}, first response on {}", day("RELDT"), day("FRSPDT"))
    holds = pl.when(pl.col("RELDTF").is_null()).then(pl.col("RELDT") >= pl.col("FRSPDT"))
    yield Case(
        "relapse and first response",
        study.subjects().with_columns(holds.alias("HOLDS"), numbers.alias("NUMBERS")),
    )
