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

from dataclasses import dataclass

import polars as pl

from chartline.core.condition import parse_condition
from chartline.derive.endpoint import Endpoint, resolve_endpoint
from chartline.derive.model import Adam
from chartline.protocol.model import Analysis, Categories, FollowUp, Proportion, Protocol, Summary, Survival, Tally

ELIGIBLE = "ELIGFL == 'Y'"
COLUMNS = ("CENTRE", "USUBJID", "ROLE", "VALUE", "LEVEL", "CAUSE")
_KEY = ("CENTRE", "USUBJID")


@dataclass(frozen=True)
class Variable:
    """A variable counted over an analysis set, given by its condition; what the report needs besides the analyses."""

    where: str
    variable: str
    by: str | None = None


def members(adam: Adam, protocol: Protocol, analysis: Analysis) -> pl.DataFrame:
    """Return the members of one analysis (columns above), sorted by centre and subject."""
    if isinstance(analysis, Tally):
        return _tally(adam, protocol, analysis)
    if isinstance(analysis, Proportion):
        where = protocol.sets[analysis.population].where
        return condition_members(adam, where, analysis.numerator, analysis.by)
    if isinstance(analysis, Summary | Categories):
        return variable_members(
            adam, Variable(protocol.sets[analysis.population].where, analysis.variable, analysis.by)
        )
    if isinstance(analysis, Survival | FollowUp):
        return _timed(adam, protocol, analysis)
    raise TypeError(f"no members are defined for {type(analysis).__name__}")


def condition_members(adam: Adam, where: str, numerator: str, by: str | None = None) -> pl.DataFrame:
    """Return the members of the set `where` with ROLE counted, not_counted, missing or withheld by `numerator`."""
    read = sorted(parse_condition(numerator).variables)
    types = adam["ADSL"].schema
    true = parse_condition(numerator).expr(dict(types))
    role = (
        pl.when(pl.col("OPEN"))
        .then(pl.lit("withheld"))
        .when(true)
        .then(pl.lit("counted"))
        .when(~true)
        .then(pl.lit("not_counted"))
        .when(pl.col("WITHHELD"))
        .then(pl.lit("withheld"))
        .otherwise(pl.lit("missing"))
    )
    value = pl.concat_str([as_level(v, types[v]) for v in read], separator="; ")
    return _finish(adam, _set_members(adam, where, read, by), role, value, by)


def variable_members(adam: Adam, of: Variable) -> pl.DataFrame:
    """Return the members of a set with the value of a variable (its own type); ROLE counted, missing or withheld."""
    value = pl.col(of.variable)
    number = adam["ADSL"].schema[of.variable].is_float()
    known = value.is_not_null() & value.is_not_nan() if number else value.is_not_null()
    role = (
        pl.when(pl.col("OPEN"))
        .then(pl.lit("withheld"))
        .when(known)
        .then(pl.lit("counted"))
        .when(pl.col("WITHHELD"))
        .then(pl.lit("withheld"))
        .otherwise(pl.lit("missing"))
    )
    rows = _set_members(adam, of.where, [of.variable], of.by)
    return _finish(adam, rows, role, pl.when(known).then(value), of.by)


def set_members(adam: Adam, where: str) -> pl.DataFrame:
    """Return CENTRE and USUBJID of those for whom the condition on ADSL is true."""
    return _set_members(adam, where, []).filter(~pl.col("OPEN")).select(_KEY).sort(_KEY).collect(engine="in-memory")


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


def _tally(adam: Adam, protocol: Protocol, analysis: Tally) -> pl.DataFrame:
    """Screened: every record of ADSL. Eligible: by ELIGFL. A population: those in the set."""
    if analysis.count == "eligible":
        return condition_members(adam, "", ELIGIBLE, analysis.by)
    where = "" if analysis.population is None else protocol.sets[analysis.population].where
    role = pl.when(pl.col("OPEN")).then(pl.lit("withheld")).otherwise(pl.lit("counted"))
    return _finish(adam, _set_members(adam, where, [], analysis.by), role, pl.lit(None, pl.String), analysis.by)


def _timed(adam: Adam, protocol: Protocol, analysis: Survival | FollowUp) -> pl.DataFrame:
    """Rows of ADTTE, and who has none: withheld by a query, or missing because the data do not allow a time."""
    endpoint = endpoint_of(protocol, analysis.endpoint)
    where = protocol.sets[endpoint.population].where if endpoint.population else "TRTSDT is present"
    times = adam["ADTTE"].filter(pl.col("PARAMCD") == analysis.endpoint).select("USUBJID", "AVAL", "CNSR", "CAUSE")
    item = f"ADTTE.{analysis.endpoint}"
    excluded = _withheld(adam, [item])
    blocked = sorted({subject for subject, _, query in excluded if query})
    # a subject without a row and without an exclusion (the endpoint's own population rule) is not a member
    listed = pl.concat([times["USUBJID"], pl.Series("USUBJID", [s for s, _, _ in excluded], dtype=pl.String)])
    people = _set_members(adam, where, [], analysis.by).join(times.lazy(), on="USUBJID", how="left")
    people = people.filter(pl.col("USUBJID").is_in(listed.implode()) | pl.col("OPEN"))
    role = (
        pl.when(pl.col("USUBJID").is_in(blocked) | pl.col("OPEN"))
        .then(pl.lit("withheld"))
        .when(pl.col("AVAL").is_null())
        .then(pl.lit("missing"))
        .when(pl.col("CNSR") == 0)
        .then(pl.lit("event"))
        .when(pl.col("CNSR") > 0)
        .then(pl.lit("censored"))
    )
    out = _finish(adam, people, role, pl.col("AVAL"), analysis.by, pl.when(role == "event").then(pl.col("CAUSE")))
    if out["ROLE"].null_count():
        raise ValueError(f"{item}: a time without a CNSR of 0 or more")
    return out


def _set_members(adam: Adam, where: str, values: list[str], by: str | None = None) -> pl.LazyFrame:
    """Those in the set with the variables that are read, withheld values made null, and two flags.

    OPEN: an open query alone leaves it unknown whether the subject is in the set (whose eligibility cannot be decided
    is in no set; the attrition table shows it). WITHHELD: one of `values` is withheld by an open query.
    """
    condition = parse_condition(where) if where else None
    read = sorted(condition.variables) if condition else []
    names = sorted({*read, *values})
    excluded = _withheld(adam, [f"ADSL.{v}" for v in names])
    hidden = {v: sorted({s for s, item, _ in excluded if item == f"ADSL.{v}"}) for v in names}
    blocked = {v: {s for s, item, query in excluded if item == f"ADSL.{v}" and query} for v in names}
    known = [
        pl.when(~pl.col("USUBJID").is_in(ids)).then(pl.col(v)).alias(v) if (ids := hidden.get(v)) else pl.col(v)
        for v in sorted({*names, *([by] if by else [])} - {*_KEY})
    ]
    inside = condition.expr(dict(adam["ADSL"].schema)) if condition else pl.lit(True)
    rows = adam["ADSL"].lazy().select(*_KEY, *known)
    else_known = [pl.col(v).is_not_null() | _among(blocked, [v]) for v in read]
    rows = rows.with_columns(
        pl.all_horizontal(inside.is_null(), _among(blocked, read), *else_known).alias("OPEN"),
        _among(blocked, values).alias("WITHHELD"),
    )
    return rows.filter(inside.fill_null(False) | pl.col("OPEN"))


def _among(blocked: dict[str, set[str]], names: list[str]) -> pl.Expr:
    """Whether a subject is withheld from any of these variables."""
    return pl.col("USUBJID").is_in(sorted(set().union(*(blocked[v] for v in names))))


def _withheld(adam: Adam, items: list[str]) -> list[tuple[str, str, bool]]:
    """Return (subject, item, by an open query) of every value that is left out. Queries are few by nature."""
    if not items or adam.withheld.is_empty():
        return []
    rows = adam.withheld.filter(pl.col("ITEM").is_in(items))
    return rows.select("USUBJID", "ITEM", pl.col("QUERY").is_not_null()).rows()


def _finish(
    adam: Adam, rows: pl.LazyFrame, role: pl.Expr, value: pl.Expr, by: str | None, cause: pl.Expr | None = None
) -> pl.DataFrame:
    level = as_level(by, adam["ADSL"].schema[by]) if by else pl.lit(None, pl.String)
    return (
        rows.select(
            *_KEY,
            role.alias("ROLE"),
            value.alias("VALUE"),
            level.alias("LEVEL"),
            (pl.lit(None, pl.String) if cause is None else cause.cast(pl.String)).alias("CAUSE"),
        )
        .sort(_KEY)
        .collect(engine="in-memory")
    )
