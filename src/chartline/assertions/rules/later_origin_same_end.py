"""Of two endpoints of different origins, the one that more can end ends on no later day.

The day of response plus relapse-free survival is never after the end of overall survival (which says nothing of their
medians). Asserted where the other endpoint censors nothing on the way, since an event before the origin censors
nothing, and of patients whose end is no imputed day, since imputation keeps to each endpoint's own origin.
"""

from collections.abc import Iterator

import polars as pl

from chartline.assertions.model import Assertion, Case, Evidence, dated_alike, day, ends

ASSERTION = Assertion(
    "later_origin_same_end",
    "Whatever their origins, the endpoint that more events can end ends in no patient on the later day.",
)


def cases(study: Evidence) -> Iterator[Case]:
    """Every two endpoints of different origins, dated alike, of which one has all ends of the other."""
    none = True
    for a, first, b, second in study.pairs():
        if first.origin == second.origin or not dated_alike(first, second) or second.censor_at:
            continue
        if not ends(first) >= ends(second):
            continue
        none = False
        other = study.times(b).filter(pl.col("ADTF").is_null()).select("USUBJID", pl.col("ADT").alias("OTHER"))
        both = study.times(a).filter(pl.col("ADTF").is_null()).join(other, on="USUBJID")
        numbers = pl.format(f"{a} ends on {{}}, {b} on {{}}", day("ADT"), day("OTHER"))
        rows = both.with_columns((pl.col("ADT") <= pl.col("OTHER")).alias("HOLDS"), numbers.alias("NUMBERS"))
        yield Case(f"{study.named(a)} against {study.named(b)}", rows)
    if none:
        yield Case(
            "endpoints", why="no two endpoints of different origins are dated alike with the ends of one in the other"
        )
