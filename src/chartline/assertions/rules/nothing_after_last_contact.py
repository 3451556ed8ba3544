"""Whoever had an event was alive that day, so the last contact is not before it."""

from collections.abc import Iterator

import polars as pl

from chartline.assertions.model import Assertion, Case, Evidence, day
from chartline.protocol.base import DATED, own_variables
from chartline.protocol.names import adsl_labels

ASSERTION = Assertion("nothing_after_last_contact", "No event is later than the day last known alive.")


def cases(study: Evidence) -> Iterator[Case]:
    """Each dated milestone, in patients in whom neither day is imputed."""
    labels, adsl = adsl_labels(study.protocol), study.adam["ADSL"].lazy()
    known = study.adam["ADSL"].columns
    dates = [date for _, date in DATED.values()] + [own_variables(name)[1] for name in study.protocol.milestones]
    for date in dates:
        flags = [f"{name}F" for name in (date, "LKADT") if f"{name}F" in known]
        complete = pl.all_horizontal([pl.col(f).is_null() for f in flags])
        holds = pl.when(complete).then(pl.col(date) <= pl.col("LKADT"))
        numbers = pl.format("{} on {}, last known alive on {}", pl.lit(labels[date]), day(date), day("LKADT"))
        yield Case(labels[date], adsl.with_columns(holds.alias("HOLDS"), numbers.alias("NUMBERS")))
