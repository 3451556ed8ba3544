"""Day 0 and the last dose: the two days that checks, cohort and derivations all count from."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from chartline.core.clinical import ClinicalData
from chartline.core.condition import parse_condition
from chartline.core.dates import first_day
from chartline.core.plans import run

# The date of a row of each domain that has one.
START_OF = {
    **{"PR": "PRSTDTC", "CM": "CMSTDTC", "MH": "MHSTDTC", "AE": "AESTDTC", "RS": "RSDTC"},
    **{"EX": "EXSTDTC", "LB": "LBDTC", "FA": "FADTC"},
}


@dataclass(frozen=True)
class IndexRows:
    """Which rows hold day 0: the doses of a drug, or the rows of a domain that meet a condition.

    `event` is what day 0 is called in a sentence: "first dose", "diagnosis".
    """

    event: str
    drug: str | None = None
    domain: str = "EX"
    where: str = ""

    @property
    def day(self) -> str:
        """The variable that holds the date."""
        return "EXSTDTC" if self.drug is not None else START_OF[self.domain]

    @property
    def source(self) -> tuple[str, str]:
        """Domain and variable of the date."""
        return self.domain, self.day

    def of(self, data: ClinicalData) -> pl.LazyFrame:
        """Return the rows, dated or not."""
        rows = data[self.domain].lazy()
        if self.drug is not None:
            return rows.filter(pl.col("EXTRT") == self.drug)
        return rows.filter(parse_condition(self.where, "index.where").expr(dict(data[self.domain].schema)))


def index_days(data: ClinicalData, index: IndexRows) -> pl.DataFrame:
    """Return one row a subject that has a day 0.

    Shape: CENTRE, USUBJID, TRTSDT, TRTSSEQ (the row of day 0), TRTEDT, TRTESEQ (of the last dose; null where day 0
    is no dose). A row whose date is missing or partial cannot be first or last; day 0 is never imputed.
    """
    dated = (
        index.of(data)
        .filter(pl.col(index.day).str.len_chars() == 10)
        .with_columns(first_day(index.day).alias("DAY"))
        .sort("CENTRE", "USUBJID", "DAY", "SEQ")
    )
    first = [pl.col("DAY").first().alias("TRTSDT"), pl.col("SEQ").first().alias("TRTSSEQ")]
    last = [pl.col("DAY").last().alias("TRTEDT"), pl.col("SEQ").last().alias("TRTESEQ")]
    found = dated.group_by("CENTRE", "USUBJID", maintain_order=True).agg(*first, *last)
    if index.drug is None:
        found = found.with_columns(pl.lit(None, pl.Date).alias("TRTEDT"), pl.lit(None, pl.Int64).alias("TRTESEQ"))
    return run(found)
