"""Lines of therapy rebuilt from single exposures, where nobody recorded the lines.

In: rows of exposures (or drug eras): KEY, SEQ, DRUG, START, END (null: one day), all with a start. Out: one row a line

    LINE    1, 2 ... in order of their start       START END   first and last day of the line
    DRUGS   the drugs of its regimen, by name      SEQ         the row that began it

The rule, whose two numbers the protocol gives (`prior_therapy.rebuild`): a line begins with an exposure; every drug
that begins within `combine_days` of it belongs to its regimen. The line ends, and the next begins, with a drug that is
not of the regimen and begins later than that, or with any drug after more than `gap_days` without one. A drug of the
regimen that is left out changes nothing. Source: the line-of-therapy algorithm of PMC8548977, table 5 (window of 28
days or fewer after the first drug; a new drug begins a line; a gap of more than 120 days, 180 after refinement),
without its substitutions and maintenance, which are of lung cancer.
"""

from __future__ import annotations

import polars as pl

from chartline.core.plans import run
from chartline.protocol.treatment import LineRule

KEY = ["CENTRE", "USUBJID"]
_SCHEMA = {
    "CENTRE": pl.String(), "USUBJID": pl.String(), "LINE": pl.Int64(), "START": pl.Date(), "END": pl.Date(),
    "DRUGS": pl.String(), "SEQ": pl.Int64(),
}  # fmt: skip


def rebuild_lines(exposures: pl.DataFrame, rule: LineRule) -> pl.DataFrame:
    """Return the lines, by subject and number. Goes through the first lines of all subjects, then the second ones."""
    left = exposures.with_columns(pl.max_horizontal("START", "END").alias("END")).sort(*KEY, "START", "DRUG", "SEQ")
    found = [pl.DataFrame(schema=_SCHEMA)]
    while left.height:
        rows = run(_in_line(left.lazy(), rule))
        here = rows.filter("HERE")
        drugs = pl.col("DRUG").filter("REGIMEN").unique().sort().str.join(" + ")
        line = here.group_by(KEY, maintain_order=True).agg(
            pl.lit(len(found), pl.Int64).alias("LINE"),
            pl.col("START").first(), pl.col("END").max(), drugs.alias("DRUGS"), pl.col("SEQ").first(),
        )  # fmt: skip
        found.append(line.select(list(_SCHEMA)))
        left = rows.filter(~pl.col("HERE")).select(left.columns)
    return pl.concat(found).sort(*KEY, "LINE")


def _in_line(left: pl.LazyFrame, rule: LineRule) -> pl.LazyFrame:
    """Add REGIMEN (begins within the window) and HERE (belongs to the first line of the rows that are left)."""
    begun = pl.col("START").first().over(KEY)
    near = (pl.col("START") - begun).dt.total_days() <= rule.combine_days
    rows = left.with_columns(near.alias("REGIMEN"))
    known = pl.col("REGIMEN").any().over([*KEY, "DRUG"])
    until = pl.col("END").cum_max().shift(1).over(KEY)
    paused = ((pl.col("START") - until).dt.total_days() > rule.gap_days).fill_null(False)
    ends = ((~known) | paused).cast(pl.Int8).cum_max().over(KEY)
    return rows.with_columns((ends == 0).alias("HERE")).with_columns(pl.col("REGIMEN") & pl.col("HERE"))
