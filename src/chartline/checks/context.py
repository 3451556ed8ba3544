"""Context: what every check looks at, computed once.

In: ClinicalData and the protocol. Out: frames of *dated or stated values with their cells*. Every frame here has
the columns CENTRE, USUBJID, VALUE (as chartline reads it), BLOCK and ROW (the cell), and for dates LO and HI, the
first and the last day that the text can mean; rules compare LO of one with HI of the other, so that a partial
date is in conflict only when no day it can mean would do.
"""

from __future__ import annotations

from functools import cached_property

import polars as pl

from chartline.checks.laboratory import laboratory_tests
from chartline.core.clinical import ClinicalData, variables
from chartline.core.condition import parse_condition
from chartline.core.dates import first_day, last_day
from chartline.core.index import index_doses
from chartline.protocol.model import Protocol

SUBJECT = ["CENTRE", "USUBJID"]
_CELL = ["CENTRE", "USUBJID", "VALUE", "BLOCK", "ROW"]


def _bounds() -> pl.DataFrame:
    rows = [(t.code, t.low, t.high) for t in laboratory_tests().values()]
    schema = {"LBTESTCD": pl.String, "LOW": pl.Float64, "HIGH": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def days(frame: pl.DataFrame) -> pl.DataFrame:
    """Add LO and HI, the first and last day that VALUE can mean."""
    return frame.with_columns(first_day("VALUE").alias("LO"), last_day("VALUE").alias("HI"))


class Context:
    """The data of a study as the checks see them."""

    def __init__(self, data: ClinicalData, protocol: Protocol) -> None:
        self.data, self.protocol = data, protocol
        self._statements: dict[tuple[str, str], pl.DataFrame] = {}

    def statements(self, domain: str, variable: str) -> pl.DataFrame:
        """Return every non-missing value of a variable, in mapping order (dates with LO and HI)."""
        key = (domain, variable)
        if key not in self._statements:
            frame = self.data[domain].filter(pl.col(variable).is_not_null())
            frame = frame.with_columns(pl.col(variable).alias("VALUE")).select(_CELL)
            is_date = variables()[domain][variable].type == "date"
            self._statements[key] = days(frame) if is_date else frame
        return self._statements[key]

    def stated(self, domain: str, variable: str) -> pl.DataFrame:
        """Return one row a subject: the first non-missing statement, which is the one that is used."""
        return self.statements(domain, variable).unique(SUBJECT, keep="first", maintain_order=True)

    @cached_property
    def first_dose(self) -> pl.DataFrame:
        """One row a treated subject: the first dose of the index drug that has a full date."""
        index = index_doses(self.data, self.protocol.treatment.drug)
        cells = self.data["EX"].select("CENTRE", "SEQ", "BLOCK", "ROW", pl.col("EXSTDTC").alias("VALUE"))
        first = index.select(*SUBJECT, pl.col("TRTSSEQ").alias("SEQ"))
        return days(first.join(cells, on=["CENTRE", "SEQ"], how="left", maintain_order="left").select(_CELL))

    @cached_property
    def second_dose(self) -> pl.DataFrame:
        """One row a subject: DAY, the first day after that of the first dose on which the index drug was given."""
        drug = pl.col("EXTRT") == self.protocol.treatment.drug
        doses = self.data["EX"].filter(drug).select(*SUBJECT, first_day("EXSTDTC").alias("DAY"))
        later = doses.join(self.first_dose.select(*SUBJECT, "LO"), on=SUBJECT).filter(pl.col("DAY") > pl.col("LO"))
        return later.group_by(SUBJECT, maintain_order=True).agg(pl.col("DAY").min())

    @cached_property
    def birth(self) -> pl.DataFrame:
        """One row a subject with a date of birth."""
        return self.stated("DM", "BRTHDTC")

    @cached_property
    def death(self) -> pl.DataFrame:
        """One row a subject with a date of death."""
        return self.stated("SS", "DTHDTC")

    @cached_property
    def last_alive(self) -> pl.DataFrame:
        """One row a subject with a date last known alive."""
        return self.stated("SS", "LKADTC")

    @cached_property
    def relapse(self) -> pl.DataFrame:
        """One row a subject with a date of relapse."""
        return self.stated("SS", "RELDTC")

    @cached_property
    def assessments(self) -> pl.DataFrame:
        """RS rows with DAY (pairs findings of one marrow that stand in several rows) and ON (on treatment)."""
        on = parse_condition(self.protocol.response.assessments).expr(self.data["RS"].schema)
        row = pl.concat_str([pl.col("CENTRE"), pl.lit(" "), pl.col("SEQ").cast(pl.String)])
        return self.data["RS"].with_columns(
            pl.coalesce("RSDTC", row).alias("DAY"), on.fill_null(False).alias("ON"), pl.col("RSDTC").alias("VALUE")
        )

    @cached_property
    def first_response(self) -> pl.DataFrame:
        """One row a subject: the earliest on-treatment assessment that the treating team called a response."""
        is_one = pl.col("ON") & pl.col("INVRESP").is_in(list(self.protocol.response.responders))
        rows = self.assessments.filter(is_one & pl.col("RSDTC").is_not_null()).select(_CELL)
        return days(rows).sort("LO", maintain_order=True).unique(SUBJECT, keep="first", maintain_order=True)

    @cached_property
    def dated(self) -> pl.DataFrame:
        """Every dated value but the date of birth, with DOMAIN and VARIABLE; start and end dates both."""
        parts = [
            self.statements(domain, v.name).with_columns(
                pl.lit(domain).alias("DOMAIN"), pl.lit(v.name).alias("VARIABLE")
            )
            for domain, named in variables().items()
            for v in named.values()
            if v.type == "date" and v.name != "BRTHDTC"
        ]
        return pl.concat(parts)

    @cached_property
    def laboratory(self) -> pl.DataFrame:
        """LB rows that have a number: test, VALUE in its standard unit, the cell, LO, HI, and BELIEVABLE.

        BELIEVABLE is whether the value lies within the test's bounds LOW and HIGH in `vocabulary/tests.csv`.
        """
        rows = self.data["LB"].filter(pl.col("LBSTRESN").is_not_null() & pl.col("LBTESTCD").is_not_null())
        value = pl.col("LBSTRESN").alias("VALUE")
        kept = ("LBTESTCD", value, "LBORRESU", "LBSUMM", "LBDTC", "BLOCK", "ROW")
        dated = rows.select(*SUBJECT, *kept, first_day("LBDTC").alias("LO"), last_day("LBDTC").alias("HI"))
        return dated.join(_bounds(), on="LBTESTCD", how="left", maintain_order="left").with_columns(
            pl.col("VALUE").is_between("LOW", "HIGH").fill_null(True).alias("BELIEVABLE")
        )

    @cached_property
    def subjects(self) -> pl.DataFrame:
        """Every subject that any domain speaks of, with the cell (row) of the first record that names it."""
        parts = [
            f.select("CENTRE", "USUBJID", "BLOCK", "ROW", pl.lit(d).alias("DOMAIN"))
            for d, f in self.data.domains.items()
        ]
        return pl.concat(parts).unique(SUBJECT, keep="first", maintain_order=True)

    def age_decides(self, ages: pl.DataFrame, a: str, b: str) -> pl.Series:
        """Return, per row, whether an eligibility criterion on AGE alone would differ between columns `a` and `b`."""
        out = pl.Series([False] * ages.height, dtype=pl.Boolean)
        for criterion in self.protocol.eligibility:
            condition = parse_condition(criterion.require)
            if condition.variables != {"AGE"}:
                continue
            one, other = (ages.select(pl.col(c).alias("AGE")).select(ok=condition.expr())["ok"] for c in (a, b))
            out = out | (one != other).fill_null(False)
        return out
