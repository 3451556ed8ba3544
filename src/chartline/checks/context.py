"""Context: what every check looks at, computed once; Whole: what is left of it where patients are looked at in parts.

In: ClinicalData, the protocol, the window of blood counts of its response rules and the grading of its scale. Out:
frames of *dated or stated values with their cells*. Every frame here has the columns CENTRE, USUBJID, VALUE (as
chartline reads it), BLOCK and ROW (the cell); for numbers VALUE_OP, the sign of one that is only a bound (see
`bounds.py`); and for dates LO and HI, the first and the last day that the text can mean; rules compare LO of one with
HI of the other, so that a partial date is in conflict only when no day it can mean would do.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import polars as pl

from chartline.checks.adverse_events import adverse_events
from chartline.checks.bounds import least, most
from chartline.checks.laboratory import laboratory_tests
from chartline.checks.model import Cell, cell
from chartline.core.clinical import ClinicalData, Frame, variables
from chartline.core.condition import parse_condition
from chartline.core.dates import first_day, last_day
from chartline.core.index import START_OF, index_days
from chartline.core.plans import run
from chartline.core.study_days import StudyDays
from chartline.protocol.model import Protocol

SUBJECT = ["CENTRE", "USUBJID"]
_REMISSIONS = ("CR", "CRh", "CRi")
_CELL = ["CENTRE", "USUBJID", "VALUE", "BLOCK", "ROW"]
_LINE = {"MH": ("MHTERM", "MHENDTC", "MHSEQN"), "CM": ("CMTRT", "CMENDTC", None)}  # name, end and number of a line


Grade = Callable[[ClinicalData], pl.DataFrame]  # see `derive/graded_values.py`: CENTRE, USUBJID, SEQ, ATOXGRL, ATOXGRH


@dataclass(frozen=True)
class Reads:
    """Whether anything in the protocol reads what a centre may lack (`derive/reads.py`); all of it if nobody says."""

    assessments: bool = True  # a marrow on treatment, a response, MRD
    amounts: bool = True  # of a dose: mg/m2 or mg


def _bounds() -> pl.DataFrame:
    rows = [(t.code, t.low, t.high) for t in laboratory_tests().values()]
    schema = {"LBTESTCD": pl.String, "LOW": pl.Float64, "HIGH": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _numbered(data: ClinicalData) -> ClinicalData:
    """Return the data with CENTRE and USUBJID as enumerations in alphabetical order: joined, grouped and sorted as
    numbers, which is twice as fast, and read as the same texts."""
    enums = {}
    for key in SUBJECT:
        names = pl.concat([f.lazy().select(key) for f in data.domains.values()]).drop_nulls()
        enums[key] = pl.Enum(run(names.unique())[key].cast(pl.String).sort())
    frames = {d: f.with_columns(pl.col(k).cast(e) for k, e in enums.items()) for d, f in data.domains.items()}
    return replace(data, domains=frames)


def days(frame: Frame) -> Frame:
    """Add LO and HI, the first and last day that VALUE can mean."""
    return frame.with_columns(first_day("VALUE").alias("LO"), last_day("VALUE").alias("HI"))


class Terms:
    """What checks know of a study besides its records."""

    def __init__(
        self, protocol: Protocol, study_days: StudyDays, counts_window: tuple[int, int] | None, reads: Reads | None
    ) -> None:
        self.protocol, self.study_days, self.counts_window = protocol, study_days, counts_window
        self.reads = reads or Reads()

    @property
    def responses(self) -> list[str]:
        """What the treating team records of a response: the protocol's categories, else every remission."""
        return list(self.protocol.response.responders or _REMISSIONS)

    def day_zero(self, record: Mapping[str, Any], suffix: str = "") -> Cell:
        """Return the cell of day 0 from the columns of `Context.first_dose` in a record."""
        index = self.protocol.index_rows
        return cell(record, *index.source, suffix, label=index.event.capitalize())


class Whole(Terms):
    """All patients of a study together: of their records only what rules gathered, and `of`, which looks again at those
    of some subjects."""

    def __init__(self, terms: Terms, of: Callable[[Collection[str]], Context]) -> None:
        super().__init__(terms.protocol, terms.study_days, terms.counts_window, terms.reads)
        self.of = of


class Context(Terms):
    """The records of a study, or of some of its subjects, as the checks see them."""

    def __init__(
        self, data: ClinicalData, protocol: Protocol, counts_window: tuple[int, int] | None,
        grade: Grade | None = None, reads: Reads | None = None,
    ) -> None:  # fmt: skip
        super().__init__(protocol, data.study_days, counts_window, reads)
        self.data, self.grade = _numbered(data), grade
        self._statements: dict[tuple[str, str], pl.DataFrame] = {}
        self._stated: dict[tuple[str, str], pl.DataFrame] = {}

    def statements(self, domain: str, variable: str) -> pl.DataFrame:
        """Return every non-missing value of a variable, in mapping order (dates with LO and HI)."""
        key = (domain, variable)
        if key not in self._statements:
            if variables()[domain][variable].type == "date":
                self._statements |= self._dates
            else:
                self._statements[key] = run(self._present(domain, variable))
        return self._statements[key]

    def _present(self, domain: str, variable: str) -> pl.LazyFrame:
        value = pl.col(variable)
        kept: list[pl.Expr | str] = [value.alias("VALUE"), *_CELL[3:]]
        if variables()[domain][variable].type == "number":
            kept.append(pl.col(f"{variable}_OP").alias("VALUE_OP"))
        return self.data[domain].lazy().filter(value.is_not_null()).select(*SUBJECT, *kept)

    @cached_property
    def _dates(self) -> dict[tuple[str, str], pl.DataFrame]:
        """The statements of every date, read together and cut apart again."""
        names = [(d, v.name) for d, named in variables().items() for v in named.values() if v.type == "date"]
        plans = [
            self._present(d, v).with_columns(pl.lit(d).alias("DOMAIN"), pl.lit(v).alias("VARIABLE")) for d, v in names
        ]
        every = run(days(pl.concat(plans)))
        parts = every.partition_by("DOMAIN", "VARIABLE", as_dict=True, include_key=False)
        none = every.clear().drop("DOMAIN", "VARIABLE")
        return {name: parts.get(name, none) for name in names}

    def stated(self, domain: str, variable: str) -> pl.DataFrame:
        """Return one row a subject: the first non-missing statement, which is the one that is used."""
        key = (domain, variable)
        if key not in self._stated:
            every = self.statements(domain, variable)
            self._stated[key] = every.unique(SUBJECT, keep="first", maintain_order=True)
        return self._stated[key]

    @cached_property
    def first_dose(self) -> pl.DataFrame:
        """One row a subject with a day 0: the first dose of the index drug (or the index event) with a full date."""
        index, (domain, day) = index_days(self.data, self.protocol.index_rows), self.protocol.index_rows.source
        cells = self.data[domain].lazy().select("CENTRE", "SEQ", "BLOCK", "ROW", pl.col(day).alias("VALUE"))
        first = index.lazy().select(*SUBJECT, pl.col("TRTSSEQ").alias("SEQ"))
        return run(days(first.join(cells, on=["CENTRE", "SEQ"], how="left", maintain_order="left").select(_CELL)))

    @property
    def doses(self) -> pl.LazyFrame:
        """The EX rows of the index drug; none where day 0 is another event."""
        drug = self.protocol.index_rows.drug
        return self.data["EX"].lazy().filter(pl.lit(False) if drug is None else pl.col("EXTRT") == drug)

    @cached_property
    def second_dose(self) -> pl.DataFrame:
        """One row a subject: DAY, the first day after that of the first dose on which the index drug was given."""
        doses = self.doses.select(*SUBJECT, first_day("EXSTDTC").alias("DAY"))
        first = self.first_dose.lazy().select(*SUBJECT, "LO")
        later = doses.join(first, on=SUBJECT, maintain_order="left").filter(pl.col("DAY") > pl.col("LO"))
        return run(later.group_by(SUBJECT, maintain_order=True).agg(pl.col("DAY").min()))

    @cached_property
    def last_dose(self) -> pl.DataFrame:
        """One row a subject: the last dose of the index drug with a full date."""
        doses = self.doses.filter(pl.col("EXSTDTC").str.len_chars() == 10).select(
            *SUBJECT, pl.col("EXSTDTC").alias("VALUE"), *_CELL[3:]
        )
        return run(days(doses).sort("LO", maintain_order=True).unique(SUBJECT, keep="last", maintain_order=True))

    @cached_property
    def diagnosis(self) -> pl.DataFrame:
        """One row a subject with a dated diagnosis: a history item of the category DIAGNOSIS."""
        rows = self.data["MH"].lazy().filter((pl.col("MHCAT") == "DIAGNOSIS") & pl.col("MHSTDTC").is_not_null())
        stated = days(rows.select(*SUBJECT, pl.col("MHSTDTC").alias("VALUE"), *_CELL[3:]))
        return run(stated.unique(SUBJECT, keep="first", maintain_order=True))

    @cached_property
    def lines(self) -> pl.DataFrame:
        """The lines of earlier therapy (`prior_therapy.lines`) with NAME, NUMBER, VALUE (start, with LO and HI), END.

        Also DOMAIN, START_AT and END_AT: where start and end stand. No row where the protocol declares none.
        """
        prior = self.protocol.prior_therapy
        source = prior.lines.source if prior and prior.lines.source in _LINE else "MH"
        name, end, number = _LINE[source]
        rows = self.data[source].lazy()
        is_line = parse_condition(prior.lines.where).expr(dict(self.data[source].schema)) if prior else pl.lit(False)
        here = [pl.lit(v).alias(n) for n, v in (("DOMAIN", source), ("START_AT", START_OF[source]), ("END_AT", end))]
        order = pl.col(number) if number else pl.lit(None, pl.Int64)
        columns = [pl.col(START_OF[source]).alias("VALUE"), pl.col(end).alias("END"), pl.col(name).alias("NAME")]
        if prior is None or prior.lines.source not in _LINE:
            is_line = pl.lit(False)
        return run(days(rows.filter(is_line).select(*SUBJECT, *columns, order.alias("NUMBER"), *_CELL[3:], *here)))

    @cached_property
    def transplants(self) -> pl.DataFrame:
        """The transplantations of the protocol that were done, dated or not: VALUE, LO, HI, PRTIMING and the cell."""
        declared, rows = self.protocol.transplant, self.data["PR"].lazy()
        if declared is None or declared.source != "PR":
            done = pl.lit(False)
        else:
            done = parse_condition(declared.where).expr(dict(self.data["PR"].schema))
            done = done & (pl.col("PROCCUR").fill_null("Y") != "N")
        kept = ("PRTIMING", "PROCCUR", "PRTRT", "PRDONOR", "PRCOND")
        return run(days(rows.filter(done).select(*SUBJECT, pl.col("PRSTDTC").alias("VALUE"), *_CELL[3:], *kept)))

    @cached_property
    def new_therapy(self) -> pl.DataFrame:
        """The rows of new therapy (`new_therapy`), dated or not: VALUE, LO, HI, DOMAIN, START_AT and the cell."""
        declared = self.protocol.new_therapy
        source = declared.source if declared else "CM"
        start = START_OF[source]
        named = {"CM": "CMTRT", "PR": "PRTRT", "EX": "EXTRT", "MH": "MHTERM"}.get(source, start)
        is_new = parse_condition(declared.where).expr(dict(self.data[source].schema)) if declared else pl.lit(False)
        rows = self.data[source].lazy().filter(is_new)
        here = (pl.lit(source).alias("DOMAIN"), pl.lit(start).alias("START_AT"), pl.col(named).alias("NAME"))
        return run(days(rows.select(*SUBJECT, pl.col(start).alias("VALUE"), *_CELL[3:], *here)))

    @property
    def lines_go_on(self) -> bool:
        """Whether one list holds every line of therapy, before and after day 0: earlier lines and new therapy are the
        same rows, as in OMOP's `episode`, and day 0 alone tells them apart."""
        prior, new = self.protocol.prior_therapy, self.protocol.new_therapy
        if prior is None or new is None:
            return False
        return (prior.lines.source, prior.lines.where) == (new.source, new.where)

    @cached_property
    def calendar(self) -> pl.DataFrame:
        """Every full date of a centre that gives dates, births too: DOMAIN, VARIABLE, LO and the cell.

        A centre that counts days has no calendar: its weekdays and months are fictitious.
        """
        births = self.birth.lazy().with_columns(DOMAIN=pl.lit("DM"), VARIABLE=pl.lit("BRTHDTC"))
        every = pl.concat([self.dated.lazy(), births])
        real = ~pl.col("CENTRE").is_in(list(self.data.study_days.events))
        return run(every.filter(real & (pl.col("VALUE").str.len_chars() == 10) & pl.col("LO").is_not_null()))

    @cached_property
    def living(self) -> pl.DataFrame:
        """`last_alive` of the subjects who are not recorded as dead."""
        flagged = self.stated("SS", "DTHFL").filter(pl.col("VALUE") == "Y").select(SUBJECT)
        dead = pl.concat([self.death.select(SUBJECT), flagged])
        return self.last_alive.join(dead, on=SUBJECT, how="anti", maintain_order="left")

    def is_filled(self, domain: str, variable: str, block: int, row: int) -> bool:
        """Whether the source cell of a missing value holds something: what could not be read is already asked."""
        blocks = self.data.origins.blocks
        if block >= len(blocks):
            return False
        table, columns = blocks[block]
        return any(table.raw(row, c) for c in columns.get(variable, ()))

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
        is_one = pl.col("ON") & pl.col("INVRESP").is_in(self.responses)
        rows = days(self.assessments.lazy().filter(is_one & pl.col("RSDTC").is_not_null()).select(_CELL))
        return run(rows.sort("LO", maintain_order=True).unique(SUBJECT, keep="first", maintain_order=True))

    @cached_property
    def dated(self) -> pl.DataFrame:
        """Every dated value but the date of birth, with DOMAIN and VARIABLE; start and end dates both."""
        return run(
            pl.concat(
                frame.lazy().with_columns(pl.lit(domain).alias("DOMAIN"), pl.lit(variable).alias("VARIABLE"))
                for (domain, variable), frame in self._dates.items()
                if variable != "BRTHDTC"
            )
        )

    @cached_property
    def laboratory(self) -> pl.DataFrame:
        """LB rows that have a number: test, VALUE in its standard unit, the cell, LO, HI, and BELIEVABLE.

        BELIEVABLE is whether some number that the value can mean lies within the test's bounds LOW and HIGH in
        `vocabulary/tests.csv`; VALUE_OP is "<" or another sign where the value is itself a bound (see `bounds.py`).
        """
        rows = self.data["LB"].lazy().filter(pl.col("LBSTRESN").is_not_null() & pl.col("LBTESTCD").is_not_null())
        value = pl.col("LBSTRESN").alias("VALUE")
        kept = (
            "LBTESTCD",
            value,
            pl.col("LBSTRESN_OP").alias("VALUE_OP"),
            "LBORRES",
            "LBORRESU",
            "LBSUMM",
            "LBDTC",
            "LBGCSF",
            "LBPLTTX",
            "BLOCK",
            "ROW",
        )
        dated = rows.select(*SUBJECT, *kept, first_day("LBDTC").alias("LO"), last_day("LBDTC").alias("HI"))
        bounded = dated.join(_bounds().lazy(), on="LBTESTCD", how="left", maintain_order="left")
        below = (most("VALUE") < pl.col("LOW")).fill_null(False)
        above = (least("VALUE") > pl.col("HIGH")).fill_null(False)
        return run(bounded.with_columns((~below & ~above).alias("BELIEVABLE")))

    @cached_property
    def series(self) -> pl.DataFrame:
        """The believable `laboratory` values of known days in the order of subject, test and day.

        SERIES numbers subject and test, so that the values of one stand together under one number; SPAN is how many
        times the lowest of its values (above 0) its highest is.
        """
        known = self.laboratory.lazy().filter(pl.col("BELIEVABLE") & (pl.col("LO") == pl.col("HI")))
        ordered = known.sort(*SUBJECT, "LBTESTCD", "LO", maintain_order=True)
        numbered = ordered.with_columns(pl.struct(*SUBJECT, "LBTESTCD").rle_id().alias("SERIES"))
        value = pl.col("VALUE").filter(pl.col("VALUE") > 0)
        return run(numbered.with_columns((value.max() / value.min()).over("SERIES").alias("SPAN")))

    @cached_property
    def panels(self) -> pl.DataFrame:
        """One row a subject and known day: TESTS, how many; PANEL, all results as one text; SOUND, whether all can be
        believed; and lists of LBTESTCD, VALUE, VALUE_OP, BLOCK and ROW in the order of the tests."""
        result = ["LBTESTCD", "VALUE", "VALUE_OP"]
        known = self.laboratory.lazy().filter(pl.col("LO") == pl.col("HI"))
        once = known.unique([*SUBJECT, "LO", *result], keep="first", maintain_order=True)
        written = pl.format("{}={}{}", "LBTESTCD", pl.col("VALUE_OP").fill_null(""), "VALUE")
        days = once.sort(*SUBJECT, "LO", *result, maintain_order=True).group_by(*SUBJECT, "LO", maintain_order=True)
        return run(
            days.agg(
                pl.col("LBTESTCD").n_unique().alias("TESTS"), written.str.join(" ").alias("PANEL"),
                pl.col("BELIEVABLE").all().alias("SOUND"), *result, "BLOCK", "ROW",
            )
        )  # fmt: skip

    @cached_property
    def adverse_events(self) -> pl.DataFrame:
        """AE rows that name an event, with the days they can mean and what the outcome says."""
        return adverse_events(self.data)

    @cached_property
    def subjects(self) -> pl.DataFrame:
        """Every subject that any domain speaks of, with the cell (row) of the first record that names it."""
        parts = [
            f.lazy().select("CENTRE", "USUBJID", "BLOCK", "ROW", pl.lit(d).alias("DOMAIN"))
            for d, f in self.data.domains.items()
        ]
        return run(pl.concat(parts).unique(SUBJECT, keep="first", maintain_order=True))

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
