"""Who belongs to an analysis, and in which role: the frames that the counts are group-bys of, and the trace shows.

In: ADaM-named tables and one analysis of the protocol. Out: one row a subject,

    CENTRE USUBJID ROLE VALUE LEVEL CAUSE

ROLE is counted, not_counted, missing (in the set, but the value is unknown), withheld (an open blocking query touches
what the analysis uses), event or censored. VALUE is the deciding value: days for a time to event, a number or a text
for a variable. LEVEL is the level of the analysis' `by` as text ("" is missing; null where there is no `by`), CAUSE the
milestone of an event. This is the only module that reads CNSR.

A withheld value is unknown, and unknown follows Kleene's logic: a subject is withheld only where the value matters.
Not responding is decided without the MRD value; whether a responder is MRD-negative is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import polars as pl

from chartline.core.condition import parse_condition
from chartline.derive.endpoint import Endpoint, resolve_endpoint
from chartline.derive.model import Adam
from chartline.protocol.model import Analysis, Categories, FollowUp, Proportion, Protocol, Summary, Survival, Tally

ELIGIBLE = "ELIGFL == 'Y'"
COLUMNS = ("CENTRE", "USUBJID", "ROLE", "VALUE", "LEVEL", "CAUSE")
_KEY = ("CENTRE", "USUBJID")
_NO_ROLE = "a time without a CNSR of 0 or more"


@dataclass(frozen=True)
class Variable:
    """A variable counted over an analysis set, given by its condition; what the report needs besides the analyses."""

    where: str
    variable: str
    by: str | None = None


def members(adam: Adam, protocol: Protocol, analysis: Analysis) -> pl.DataFrame:
    """Return the members of one analysis (columns above), sorted by centre and subject."""
    out = Roster(adam, protocol).of(analysis).collect(engine="in-memory")
    if out["ROLE"].null_count():
        raise ValueError(f"{analysis.id}: {_NO_ROLE}")
    return out


def all_members(plans: Mapping[str, pl.LazyFrame]) -> pl.DataFrame:
    """Return the members of many plans of a `Roster` in one frame, in their order.

    ANALYSIS is the name of the plan. VALUE is text: of a number, the shortest that reads back as the same number.
    """
    if not plans:
        return pl.DataFrame(schema=dict.fromkeys(("ANALYSIS", *COLUMNS), pl.String))
    # One query: what costs in small studies is their number, not their rows.
    named = [
        plan.select(pl.lit(name).alias("ANALYSIS"), *_KEY, "ROLE", pl.col("VALUE").cast(pl.String), "LEVEL", "CAUSE")
        for name, plan in plans.items()
    ]
    out = pl.concat(named).collect(engine="in-memory")
    if out["ROLE"].null_count():
        raise ValueError(f"{out.filter(pl.col('ROLE').is_null())['ANALYSIS'][0]}: {_NO_ROLE}")
    return out


class Roster:
    """ADSL and ADTTE as analyses may read them, made once for all: withheld values null, sorted by subject.

    Each method returns the members of a set as a query with the columns above.
    """

    def __init__(self, adam: Adam, protocol: Protocol) -> None:
        self._protocol = protocol
        self._types = dict(adam["ADSL"].schema)
        self._blocked: dict[str, set[str]] = {}  # item -> subjects whom an open query withholds
        self._left_out: dict[str, set[str]] = {}  # item -> all subjects left out of it
        for subject, item, query in adam.withheld.select("USUBJID", "ITEM", "QUERY").iter_rows():
            self._left_out.setdefault(item, set()).add(subject)
            if query is not None:
                self._blocked.setdefault(item, set()).add(subject)
        hidden = [
            pl.when(~_among(self._left_out[f"ADSL.{v}"])).then(pl.col(v)).alias(v)
            for v in self._types
            if f"ADSL.{v}" in self._left_out and v not in _KEY
        ]
        self._adsl = adam["ADSL"].with_columns(hidden).sort(_KEY).lazy()
        self._times = adam["ADTTE"].select("PARAMCD", "USUBJID", "AVAL", "CNSR", "CAUSE").lazy()

    def of(self, analysis: Analysis) -> pl.LazyFrame:
        """Return the members of an analysis of the protocol."""
        sets = self._protocol.sets
        if isinstance(analysis, Tally):
            return self._tally(analysis)
        if isinstance(analysis, Proportion):
            return self.by_condition(sets[analysis.population].where, analysis.numerator, analysis.by)
        if isinstance(analysis, Summary | Categories):
            return self.by_variable(Variable(sets[analysis.population].where, analysis.variable, analysis.by))
        if isinstance(analysis, Survival | FollowUp):
            return self._timed(analysis)
        raise TypeError(f"no members are defined for {type(analysis).__name__}")

    def by_condition(self, where: str, numerator: str, by: str | None = None) -> pl.LazyFrame:
        """Return the members of the set `where` with ROLE counted, not_counted, missing or withheld by `numerator`."""
        condition = parse_condition(numerator)
        read = sorted(condition.variables)
        true = condition.expr(self._types)
        role = (
            pl.when(self._open(where))
            .then(pl.lit("withheld"))
            .when(true)
            .then(pl.lit("counted"))
            .when(~true)
            .then(pl.lit("not_counted"))
            .when(self._withheld(read))
            .then(pl.lit("withheld"))
            .otherwise(pl.lit("missing"))
        )
        value = pl.concat_str([as_level(v, self._types[v]) for v in read], separator="; ")
        return self._select(self._inside(where), role, value, by)

    def by_variable(self, of: Variable) -> pl.LazyFrame:
        """Return the members of a set with the value of a variable (its own type); ROLE counted, missing or
        withheld."""
        value = pl.col(of.variable)
        number = self._types[of.variable].is_float()
        known = value.is_not_null() & value.is_not_nan() if number else value.is_not_null()
        role = (
            pl.when(self._open(of.where))
            .then(pl.lit("withheld"))
            .when(known)
            .then(pl.lit("counted"))
            .when(self._withheld([of.variable]))
            .then(pl.lit("withheld"))
            .otherwise(pl.lit("missing"))
        )
        return self._select(self._inside(of.where), role, pl.when(known).then(value), of.by)

    def of_set(self, where: str) -> pl.LazyFrame:
        """Return CENTRE and USUBJID of those for whom the condition on ADSL is true."""
        return self._inside(where).filter(~self._open(where)).select(_KEY)

    def _tally(self, analysis: Tally) -> pl.LazyFrame:
        """Screened: every record of ADSL. Eligible: by ELIGFL. A population: those in the set."""
        if analysis.count == "eligible":
            return self.by_condition("", ELIGIBLE, analysis.by)
        where = "" if analysis.population is None else self._protocol.sets[analysis.population].where
        role = pl.when(self._open(where)).then(pl.lit("withheld")).otherwise(pl.lit("counted"))
        return self._select(self._inside(where), role, pl.lit(None, pl.String), analysis.by)

    def _timed(self, analysis: Survival | FollowUp) -> pl.LazyFrame:
        """Rows of ADTTE, and who has none: withheld by a query, or missing because the data do not allow a time."""
        endpoint = endpoint_of(self._protocol, analysis.endpoint)
        where = self._protocol.sets[endpoint.population].where if endpoint.population else "TRTSDT is present"
        item = f"ADTTE.{analysis.endpoint}"
        times = self._times.filter(pl.col("PARAMCD") == analysis.endpoint)
        people = self._inside(where).join(times, on="USUBJID", how="left", maintain_order="left")
        # a subject without a row and without an exclusion (the endpoint's own population rule) is not a member
        listed = pl.col("PARAMCD").is_not_null() | _among(self._left_out.get(item)) | self._open(where)
        role = (
            pl.when(_among(self._blocked.get(item)) | self._open(where))
            .then(pl.lit("withheld"))
            .when(pl.col("AVAL").is_null())
            .then(pl.lit("missing"))
            .when(pl.col("CNSR") == 0)
            .then(pl.lit("event"))
            .when(pl.col("CNSR") > 0)
            .then(pl.lit("censored"))
        )
        cause = pl.when(role == "event").then(pl.col("CAUSE"))
        return self._select(people.filter(listed), role, pl.col("AVAL"), analysis.by, cause)

    def _inside(self, where: str) -> pl.LazyFrame:
        """Those in the set, and those of whom it is open whether they are."""
        if not where:
            return self._adsl
        inside = parse_condition(where).expr(self._types)
        return self._adsl.filter(inside.fill_null(False) | self._open(where))

    def _open(self, where: str) -> pl.Expr:
        """Whether open queries alone leave it unknown if a subject is in the set.

        (Whose eligibility cannot be decided is in no set; the attrition table shows it.)
        """
        condition = parse_condition(where) if where else None
        read = sorted(condition.variables) if condition else []
        if condition is None or not any(self._blocked.get(f"ADSL.{v}") for v in read):
            return pl.lit(False)
        else_known = [pl.col(v).is_not_null() | self._withheld([v]) for v in read]
        return pl.all_horizontal(condition.expr(self._types).is_null(), self._withheld(read), *else_known)

    def _withheld(self, variables: Iterable[str]) -> pl.Expr:
        """Whether an open query withholds any of these variables of a subject."""
        return _among(set().union(*(self._blocked.get(f"ADSL.{v}", ()) for v in variables)))

    def _select(
        self, rows: pl.LazyFrame, role: pl.Expr, value: pl.Expr, by: str | None, cause: pl.Expr | None = None
    ) -> pl.LazyFrame:
        level = as_level(by, self._types[by]) if by else pl.lit(None, pl.String)
        return rows.select(
            *_KEY,
            role.alias("ROLE"),
            value.alias("VALUE"),
            level.alias("LEVEL"),
            (pl.lit(None, pl.String) if cause is None else cause.cast(pl.String)).alias("CAUSE"),
        )


def as_level(variable: str, dtype: pl.DataType) -> pl.Expr:
    """Return a variable as the text of a level: whole numbers without decimals, "" where missing."""
    column = pl.col(variable)
    if dtype.is_float():
        whole = column.is_finite() & (column == column.round())
        number = pl.when(whole).then(column.cast(pl.Int64, strict=False).cast(pl.String))
        column = number.otherwise(column.fill_nan(None).cast(pl.String))
    return column.cast(pl.String).fill_null("").alias(variable)


def endpoint_of(protocol: Protocol, endpoint_id: str) -> Endpoint:
    """Return the endpoint an analysis names, with its shipped defaults."""
    return resolve_endpoint(next(e for e in protocol.endpoints if e.id == endpoint_id), protocol)


def _among(subjects: set[str] | None) -> pl.Expr:
    return pl.col("USUBJID").is_in(sorted(subjects)) if subjects else pl.lit(False)
