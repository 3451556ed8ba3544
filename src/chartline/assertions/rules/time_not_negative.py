"""No time ends before it begins."""

from collections.abc import Iterator

import polars as pl

from chartline.assertions.model import Assertion, Case, Evidence, day

ASSERTION = Assertion("time_not_negative", "No time is negative.")


def cases(study: Evidence) -> Iterator[Case]:
    """Each endpoint."""
    for code in study.endpoints:
        numbers = pl.format("{} days from {} to {}", "AVAL", day("STARTDT"), day("ADT"))
        holds = pl.col("AVAL") >= 0
        yield Case(study.named(code), study.times(code).with_columns(holds.alias("HOLDS"), numbers.alias("NUMBERS")))
