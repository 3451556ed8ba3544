"""Everybody in an analysis set is somewhere in its analyses: with a time, missing, or withheld."""

from collections.abc import Iterator

import polars as pl

from chartline.assertions.model import Assertion, Case, Evidence
from chartline.counts.model import CrossTab, EventTable

ASSERTION = Assertion(
    "everyone_is_counted",
    "Those with a time, those missing and those withheld are together everybody in the analysis set.",
    of="study",
)


def cases(study: Evidence) -> Iterator[Case]:
    """Each survival, follow-up and competing-risks analysis of an endpoint with an analysis set."""
    none = True
    for analysis in study.analyses("survival", "follow_up", "cumulative_incidence"):
        name = study.endpoints[analysis.endpoint].population
        table, of = study.counts[analysis.id], study.counts.get(f"set.{(name or '').lower()}")
        if not isinstance(of, CrossTab) or not isinstance(table, EventTable):
            continue
        none = False
        parts, everyone = (table.n, table.missing, table.withheld), of.n + of.withheld
        said = "{} with a time, {} missing, {} withheld; {} in the set".format(*parts, everyone)
        rows = pl.LazyFrame({"USUBJID": [""], "HOLDS": [sum(parts) == everyone], "NUMBERS": [said]})
        yield Case(analysis.label, rows)
    if none:
        yield Case("analyses", why="no analysis of a time to event has an analysis set")
