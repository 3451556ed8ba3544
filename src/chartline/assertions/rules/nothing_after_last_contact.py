"""Whoever had an event was alive that day, so the last contact is not before it."""

from collections.abc import Iterator

import polars as pl

from chartline.assertions.model import Assertion, Case, Evidence, day
from chartline.protocol.base import DATED, own_variables
from chartline.protocol.names import event_words

ASSERTION = Assertion("nothing_after_last_contact", "No event is later than the day last known alive.")


def cases(study: Evidence) -> Iterator[Case]:
    """Each dated milestone, in patients in whom neither day is imputed."""
    known = study.adam["ADSL"].columns
    dates = {str(m): date for m, (_, date) in DATED.items()}
    dates |= {name: own_variables(name)[1] for name in study.protocol.milestones}
    for milestone, date in dates.items():
        word = event_words(milestone, study.protocol)
        flags = [f"{name}F" for name in (date, "LKADT") if f"{name}F" in known]
        complete = pl.all_horizontal([pl.col(f).is_null() for f in flags])
        holds = pl.when(complete).then(pl.col(date) <= pl.col("LKADT"))
        numbers = pl.format("{} on {}, last known alive on {}", pl.lit(word), day(date), day("LKADT"))
        yield Case(word, study.subjects().with_columns(holds.alias("HOLDS"), numbers.alias("NUMBERS")))
