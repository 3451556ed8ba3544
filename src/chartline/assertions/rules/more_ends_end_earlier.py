"""Of two endpoints of one origin, the one that more can end ends no later in any patient.

Relapse-free survival is never longer than the duration of response that relapse alone ends, event-free survival never
longer than overall survival, and a time censored at transplantation never longer than the same one that is not.
"""

from collections.abc import Iterator

import polars as pl

from chartline.assertions.model import Assertion, Case, Evidence, dated_alike, ends

ASSERTION = Assertion(
    "more_ends_end_earlier",
    "Of two endpoints of one origin, the one that more events can end or censor is in no patient the longer.",
)


def cases(study: Evidence) -> Iterator[Case]:
    """Every two endpoints of one origin, dated alike, of which one has all ends of the other and more."""
    none = True
    for a, first, b, second in study.pairs():
        if first.origin != second.origin or not dated_alike(first, second) or not ends(first) > ends(second):
            continue
        none = False
        both = study.times(a).join(study.times(b).select("USUBJID", pl.col("AVAL").alias("OTHER")), on="USUBJID")
        numbers = pl.format(f"{a} {{}} days, {b} {{}} days", "AVAL", "OTHER")
        rows = both.with_columns((pl.col("AVAL") <= pl.col("OTHER")).alias("HOLDS"), numbers.alias("NUMBERS"))
        yield Case(f"{study.named(a)} against {study.named(b)}", rows)
    if none:
        yield Case("endpoints", why="no two endpoints of one origin are dated alike with the ends of one in the other")
