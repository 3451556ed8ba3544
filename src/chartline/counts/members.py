"""Who belongs to an analysis, and in which role: the frames that the counts are group-bys of, and the trace shows.

In: ADaM-named tables and one analysis of the protocol. Out: one row a subject,

    CENTRE USUBJID ROLE VALUE LEVEL CAUSE ENTRY

ROLE is counted, not_counted, missing (in the set, but the value is unknown), withheld (an open blocking query touches
what the analysis uses), event, censored, or lost (censored long before the cut-off, where an analysis asks). VALUE is
the deciding value: days for a time to event, a number or a text for a variable. LEVEL holds the levels of the
variables that the analysis counts apart (`pattern_of`), as texts joined by a separator ("" is missing; null where
there are none), CAUSE is the milestone of an event. This is the only module that reads CNSR.

Where a milestone on the way changes what a subject is counted as (transplantation as a state), the subject has a row
for each part of its time, the parts in order: ENTRY is the day on which a part begins (null: day 0), and every part
but the last has the ROLE moved. A subject that comes under observation late has one part, which begins then.

A withheld value is unknown, and unknown follows Kleene's logic: a subject is withheld only where the value matters.
Not responding is decided without the MRD value; whether a responder is MRD-negative is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from chartline.core.condition import parse_condition
from chartline.core.dates import DAYS_PER_MONTH
from chartline.counts import toxicity
from chartline.counts.model import AFTER, BEFORE, BOUNDS, LOST, STATE
from chartline.derive.endpoint import FOUND, Endpoint, resolve_endpoint
from chartline.derive.model import Adam
from chartline.derive.mrd_rules import load_mrd_rules
from chartline.protocol.analyses import (
    Agreement,
    Analysis,
    Categories,
    CompareProportions,
    CompareValues,
    Courses,
    Cox,
    DateBounds,
    EValue,
    FollowUp,
    Intercurrent,
    IntervalCensored,
    LeaveOneOut,
    Logistic,
    LostToFollowUp,
    MrdRates,
    Multiplicity,
    Multistate,
    Power,
    Precision,
    PredictedSurvival,
    Proportion,
    Summary,
    Tally,
    TimeToOnset,
    Toxicity,
    ToxicityByCycle,
)
from chartline.protocol.base import dated, origin_variable
from chartline.protocol.model import Protocol
from chartline.protocol.names import mrd_variable

ELIGIBLE = "ELIGFL == 'Y'"
COLUMNS = ("CENTRE", "USUBJID", "ROLE", "VALUE", "LEVEL", "CAUSE", "ENTRY")
SEPARATOR = "\x1f"  # between the levels of a pattern
_NO_COUNTS = (Multiplicity, EValue, PredictedSurvival, Precision, Power)  # computed from other counts, or from none
_KEY = ("CENTRE", "USUBJID")
_NO_ROLE = "a time without a CNSR of 0 or more"


@dataclass(frozen=True)
class Variable:
    """A variable counted over an analysis set, given by its condition; what the report needs besides the analyses."""

    where: str
    variable: str
    by: tuple[str, ...] = ()


def pattern_of(analysis: Analysis) -> tuple[str, ...]:
    """Return the variables whose levels an analysis counts apart, in order."""
    if isinstance(analysis, Agreement):
        return (analysis.first, analysis.second)
    if isinstance(analysis, Intercurrent | Multistate):
        return (STATE,)
    names: list[str | None] = [getattr(analysis, "by", None), *getattr(analysis, "strata", ())]
    names += [c.variable for c in getattr(analysis, "terms", ())]
    names += [getattr(analysis, "cluster", None), getattr(analysis, "frailty", None)]
    if isinstance(analysis, Cox) and analysis.time_dependent:
        names.append(STATE)
    return tuple(dict.fromkeys(n for n in names if n))


def as_counted(analysis: Analysis, protocol: Protocol) -> Analysis:
    """Return what an analysis counts: itself, or the one that it leaves levels out of, by those levels."""
    if not isinstance(analysis, LeaveOneOut):
        return analysis
    counted: Analysis = protocol.analysis(analysis.of)
    return counted.model_copy(update={"id": analysis.id, "label": analysis.label, "by": analysis.over})


def table_names(analysis: Analysis) -> tuple[str, ...]:
    """Return the names of the tables that an analysis counts: its id, and others for what one table cannot hold."""
    if isinstance(analysis, _NO_COUNTS):
        return ()
    if isinstance(analysis, FollowUp):
        return (analysis.id, f"{analysis.id}.lost_days")
    if isinstance(analysis, MrdRates):
        return tuple(f"{analysis.id}/{group}" for group in analysis.groups)
    if isinstance(analysis, DateBounds):
        return (analysis.id, *(f"{analysis.id}.{bound}" for bound in BOUNDS), f"{analysis.id}.partial")
    if isinstance(analysis, Intercurrent):
        landmarks = [f"{analysis.id}.landmark_{m:g}" for m in analysis.landmark_months]
        return (analysis.id, *(landmarks if "landmark" in analysis.strategies else ()), f"{analysis.id}.ever")
    if isinstance(analysis, TimeToOnset):
        return (analysis.id, f"{analysis.id}.recovery")
    return (analysis.id,)


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
        return pl.DataFrame(schema={**dict.fromkeys(("ANALYSIS", *COLUMNS), pl.String), "ENTRY": pl.Int64})
    # One query: what costs in small studies is their number, not their rows.
    named = [
        plan.select(
            *(pl.lit(name).alias("ANALYSIS"), *_KEY, "ROLE", pl.col("VALUE").cast(pl.String), "LEVEL", "CAUSE"),
            pl.col("ENTRY").cast(pl.Int64),
        )
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
        self._times = adam["ADTTE"].select("PARAMCD", "USUBJID", "AVAL", "CNSR", "CAUSE", "STARTDT", "ENTRYDT").lazy()
        self._adam = adam

    def tables(self, analysis: Analysis) -> dict[str, pl.LazyFrame]:
        """Return the members of every table that an analysis counts (`table_names`)."""
        analysis = as_counted(analysis, self._protocol)
        names = table_names(analysis)
        if not names:
            return {}
        if isinstance(analysis, MrdRates):
            of = analysis.groups.values()
            return {name: self._mrd(analysis, *pair) for name, pair in zip(names, of, strict=True)}
        out = {names[0]: self.of(analysis)}
        if isinstance(analysis, FollowUp):
            out[names[1]] = self._lost_days(analysis)
        if isinstance(analysis, DateBounds):
            out |= {f"{analysis.id}.{bound}": self._bound(analysis, bound) for bound in BOUNDS}
            out[names[-1]] = self._partial(analysis)
        if isinstance(analysis, Intercurrent):
            landmarks = analysis.landmark_months if "landmark" in analysis.strategies else ()
            for name, months in zip(names[1:], landmarks, strict=False):
                out[name] = self._landmark(analysis, months)
            out[names[-1]] = self._ever(analysis)
        if isinstance(analysis, TimeToOnset):
            out[names[1]] = toxicity.recoveries(
                self._in_danger(analysis), self._episodes(analysis), pattern_of(analysis)
            )
        return out

    def of(self, analysis: Analysis) -> pl.LazyFrame:
        """Return the members of an analysis of the protocol."""
        analysis = as_counted(analysis, self._protocol)
        sets, pattern = self._protocol.sets, pattern_of(analysis)
        if isinstance(analysis, Tally):
            return self._tally(analysis)
        if isinstance(analysis, Proportion | CompareProportions | Logistic):
            return self.by_condition(sets[analysis.population].where, analysis.numerator, pattern)
        if isinstance(analysis, Summary | Categories | CompareValues):
            return self.by_variable(Variable(sets[analysis.population].where, analysis.variable, pattern))
        if isinstance(analysis, Agreement):
            return self._both(analysis)
        if isinstance(analysis, MrdRates):
            return self._mrd(analysis, *next(iter(analysis.groups.values())))
        if isinstance(analysis, Multistate):
            return self._states(analysis)
        if isinstance(analysis, ToxicityByCycle):
            adex = self._adam["ADEX"].lazy()
            return toxicity.by_cycle(self._in_danger(analysis), self._episodes(analysis), adex)
        if isinstance(analysis, Courses):
            return toxicity.courses(self._in_danger(analysis), self._episodes(analysis), pattern_of(analysis))
        if isinstance(analysis, Intercurrent):
            return self._split(analysis, analysis.event, ())
        if isinstance(analysis, Cox) and analysis.time_dependent:
            return self._split(analysis, analysis.time_dependent, pattern[:-1])
        if isinstance(analysis, LostToFollowUp):
            return self._lost(analysis)
        if isinstance(analysis, IntervalCensored):
            return self._intervals(analysis)
        if hasattr(analysis, "endpoint"):
            return self._timed(analysis, pattern)
        raise TypeError(f"no members are defined for {type(analysis).__name__}")

    def by_condition(self, where: str, numerator: str, by: tuple[str, ...] = ()) -> pl.LazyFrame:
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

    def _both(self, analysis: Agreement) -> pl.LazyFrame:
        """LEVEL: the two classifications of a subject; who lacks one of them is missing, or withheld with it."""
        where, both = self._protocol.sets[analysis.population].where, (analysis.first, analysis.second)
        role = (
            pl.when(self._open(where) | self._withheld(both))
            .then(pl.lit("withheld"))
            .when(pl.all_horizontal(pl.col(v).is_not_null() for v in both))
            .then(pl.lit("counted"))
            .otherwise(pl.lit("missing"))
        )
        value = pl.concat_str([as_level(v, self._types[v]) for v in both], separator="; ")
        return self._select(self._inside(where), role, value, both)

    def _mrd(self, analysis: MrdRates, definition: str, window: str) -> pl.LazyFrame:
        """LEVEL: whether the subject responded, and what the MRD category is in a rate ("" where it was not tested)."""
        where = self._protocol.sets[analysis.population].where
        if window == "HSCT":
            where = f"({where}) and HSCTFL == 'Y'"
        variable = mrd_variable(definition, window)
        read = ("RESPFL", variable)
        standing = load_mrd_rules(definition).standing
        stands = pl.col(variable).replace_strict(standing, default=None, return_dtype=pl.String)
        people = self._inside(where).with_columns(stands.alias("STANDING"))
        negative = (pl.col("RESPFL") == "Y") & (pl.col("STANDING") == "negative")
        role = (
            pl.when(self._open(where) | self._withheld(read))
            .then(pl.lit("withheld"))
            .when(negative.fill_null(False))
            .then(pl.lit("counted"))
            .otherwise(pl.lit("not_counted"))
        )
        value = pl.concat_str([pl.col(v).fill_null("not tested") for v in read], separator="; ")
        return self._select(people, role, value, ("RESPFL", "STANDING"))

    def of_set(self, where: str) -> pl.LazyFrame:
        """Return CENTRE and USUBJID of those for whom the condition on ADSL is true."""
        return self._inside(where).filter(~self._open(where)).select(_KEY)

    def _in_danger(self, analysis: Toxicity) -> pl.LazyFrame:
        """The set with STANDS (withheld, missing), END (last day at risk, from the first dose), DEAD, LASTSEEN, levels.

        Whose flag is not known, or had an episode without a day, is missing where a day is needed.
        """
        where = self._protocol.sets[analysis.population].where
        stands = pl.when(self._open(where) | self._withheld(toxicity.USES) | self._withheld([analysis.flag])).then(
            pl.lit("withheld")
        )
        levels = [as_level(v, self._types[v]).alias(f"BY_{v}") for v in pattern_of(analysis)]
        return toxicity.at_risk(
            self._inside(where).with_columns(stands.alias("STANDS"), *levels), analysis.flag, analysis.window
        )

    def _episodes(self, analysis: Toxicity) -> pl.LazyFrame:
        return self._adam["ADTOX"].lazy().filter(pl.col("FLAG") == analysis.flag)

    def _tally(self, analysis: Tally) -> pl.LazyFrame:
        """Screened: every record of ADSL. Eligible: by ELIGFL. A population: those in the set."""
        by = pattern_of(analysis)
        if analysis.count == "eligible":
            return self.by_condition("", ELIGIBLE, by)
        where = "" if analysis.population is None else self._protocol.sets[analysis.population].where
        role = pl.when(self._open(where)).then(pl.lit("withheld")).otherwise(pl.lit("counted"))
        return self._select(self._inside(where), role, pl.lit(None, pl.String), by)

    def _people(self, analysis: Any) -> tuple[pl.LazyFrame, pl.Expr]:
        """Rows of ADTTE beside ADSL, with the role of each subject; who has no time is withheld by a query, or missing
        because the data do not allow one."""
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
        return people.filter(listed), role

    def _timed(self, analysis: Any, by: tuple[str, ...]) -> pl.LazyFrame:
        people, role = self._people(analysis)
        entry = (pl.col("ENTRYDT") - pl.col("STARTDT")).dt.total_days()
        return self._select(people, role, pl.col("AVAL"), by, _cause(role), entry)

    def _bound(self, analysis: DateBounds, bound: str) -> pl.LazyFrame:
        """The members with their times under the earliest or latest day that partial dates can mean; who has none then
        is missing."""
        people, role = self._people(analysis)
        under = self._adam["ADTTEB"].lazy().filter(pl.col("BOUND") == bound, pl.col("PARAMCD") == analysis.endpoint)
        own = under.select("USUBJID", *(pl.col(c).alias(f"{c}B") for c in ("AVAL", "CNSR", "CAUSE")))
        people = people.with_columns(role.alias("STANDS")).join(own, on="USUBJID", how="left", maintain_order="left")
        timed = pl.col("STANDS").is_in(["event", "censored"])
        found = pl.when(pl.col("CNSRB") == 0).then(pl.lit("event")).when(pl.col("CNSRB") > 0).then(pl.lit("censored"))
        roles = pl.when(timed).then(found.otherwise(pl.lit("missing"))).otherwise("STANDS")
        cause = pl.when(timed & (pl.col("CNSRB") == 0)).then("CAUSEB")
        return self._select(people, roles, pl.when(timed).then("AVALB"), (), cause)

    def _partial(self, analysis: DateBounds) -> pl.LazyFrame:
        """Whose time ends on a partial date."""
        people, role = self._people(analysis)
        flags = self._adam["ADTTE"].lazy().filter(pl.col("PARAMCD") == analysis.endpoint).select("USUBJID", "ADTF")
        people = people.join(flags, on="USUBJID", how="left", maintain_order="left")
        partial = pl.when(pl.col("ADTF").is_not_null()).then(pl.lit("counted")).otherwise(pl.lit("not_counted"))
        roles = pl.when(role.is_in(["event", "censored"])).then(partial).otherwise(role)
        return self._select(people, roles, pl.col("ADTF"), ())

    def _on_the_way(self, analysis: Any, event: str) -> tuple[pl.LazyFrame, pl.Expr]:
        """As `_people`, with DAY, the day of a milestone from the origin (null: not before the end of the time).

        Who is withheld from the milestone, or had it on an unknown day, is withheld or missing here.
        """
        people, role = self._people(analysis)
        flag, date = dated(event)
        day = (pl.col(date) - pl.col("STARTDT")).dt.total_days()
        people = people.with_columns(pl.when((day < pl.col("AVAL")) | (day <= 0)).then(day).alias("DAY"))
        timed = role.is_in(["event", "censored"])
        role = (
            pl.when(timed & self._withheld([flag, date]))
            .then(pl.lit("withheld"))
            .when(timed & _undated(event))
            .then(pl.lit("missing"))
            .otherwise(role)
        )
        return people, role

    def _split(self, analysis: Any, event: str, by: tuple[str, ...]) -> pl.LazyFrame:
        """Each subject's time before and after a milestone; LEVEL ends with the state.

        Who has it by day 0 is in the state after from the start; on the day of the end it changes nothing.
        """
        people, role = self._on_the_way(analysis, event)
        rows = people.with_columns(role.alias("STANDS"))
        moves = (pl.col("DAY") > 0) & pl.col("STANDS").is_in(["event", "censored"])
        first = self._select(
            rows.filter(moves).with_columns(pl.lit(BEFORE).alias(STATE)),
            pl.lit("moved"), pl.col("DAY"), (*by, STATE), pl.lit(str(event)),
        )  # fmt: skip
        state = pl.when(pl.col("DAY").is_not_null()).then(pl.lit(AFTER)).otherwise(pl.lit(BEFORE))
        entry = pl.when(moves).then(pl.col("DAY"))
        last = self._select(
            rows.with_columns(state.alias(STATE)),
            pl.col("STANDS"), pl.col("AVAL"), (*by, STATE), _cause(pl.col("STANDS")), entry,
        )  # fmt: skip
        return pl.concat([first, last]).sort([*_KEY, "ENTRY"], nulls_last=False, maintain_order=True)

    def _landmark(self, analysis: Intercurrent, months: float) -> pl.LazyFrame:
        """Those still at risk at a landmark, from it on, by whether the milestone had happened by then.

        The others are not members; they are the difference to the analysis' own table.
        """
        people, role = self._on_the_way(analysis, analysis.event)
        landmark = months * DAYS_PER_MONTH
        state = pl.when(pl.col("DAY") <= landmark).then(pl.lit(AFTER)).otherwise(pl.lit(BEFORE))
        rows = people.with_columns(state.alias(STATE)).filter((pl.col("AVAL") > landmark) | pl.col("AVAL").is_null())
        entry = pl.when(pl.col("AVAL").is_not_null()).then(pl.lit(int(landmark)))
        return self._select(rows, role, pl.col("AVAL"), (STATE,), _cause(role), entry)

    def _ever(self, analysis: Intercurrent) -> pl.LazyFrame:
        """The whole time of each subject by whether the milestone ever happened in it."""
        people, role = self._on_the_way(analysis, analysis.event)
        state = pl.when(pl.col("DAY").is_not_null()).then(pl.lit(AFTER)).otherwise(pl.lit(BEFORE))
        return self._select(people.with_columns(state.alias(STATE)), role, pl.col("AVAL"), (STATE,), _cause(role))

    def _to_cut_off(self) -> pl.Expr:
        """Days from the end of a subject's time to the cut-off; never negative; null where there is no cut-off."""
        potential = (pl.lit(self._protocol.data.cut_off, pl.Date) - pl.col("STARTDT")).dt.total_days()
        return (potential - pl.col("AVAL")).clip(0)

    def _lost_days(self, analysis: FollowUp) -> pl.LazyFrame:
        """Days between the last contact and the cut-off of those censored, 0 for those with the event."""
        people, role = self._people(analysis)
        days = pl.when(role == "censored").then(self._to_cut_off()).when(role == "event").then(0)
        counted = pl.when(days.is_not_null()).then(pl.lit("counted")).otherwise(pl.lit("missing"))
        known = pl.when(role.is_in(["event", "censored"])).then(counted).otherwise(role)
        return self._select(people, known, days, pattern_of(analysis))

    def _lost(self, analysis: LostToFollowUp) -> pl.LazyFrame:
        """Those censored long before the cut-off are lost."""
        people, role = self._people(analysis)
        lost = (role == "censored") & (self._to_cut_off() > analysis.lost_after_days)
        leaves = pl.when(lost).then(pl.lit(LOST)).otherwise(role)
        cause = pl.when(lost).then(pl.lit(LOST)).otherwise(_cause(role))
        return self._select(people, leaves, pl.col("AVAL"), (), cause)

    def _intervals(self, analysis: IntervalCensored) -> pl.LazyFrame:
        """LEVEL: the last day on which the event is known not to have happened, and the day by which it had ("" where
        it had not). What an assessment finds (relapse, response) happened after the assessment before it; every other
        event is known to the day. An endpoint with `missed_assessments: interval` takes the day it was found as known
        unless assessments were missed before it."""
        people, role = self._people(analysis)
        seen = self._adam["ADTTE"].lazy().filter(pl.col("PARAMCD") == analysis.endpoint)
        seen = seen.select("USUBJID", "SEENDT", "MISSFL")
        people = people.join(seen, on="USUBJID", how="left", maintain_order="left")
        found = (role == "event") & pl.col("CAUSE").is_in([str(m) for m in FOUND])
        if endpoint_of(self._protocol, analysis.endpoint).missed_assessments == "interval":
            found = found & (pl.col("MISSFL") == "Y").fill_null(False)
        last = (pl.col("SEENDT") - pl.col("STARTDT")).dt.total_days()
        left = pl.when(found).then(last).otherwise(pl.col("AVAL"))
        right = pl.when(role == "event").then(pl.col("AVAL").cast(pl.String)).otherwise(pl.lit(""))
        rows = people.with_columns(left.cast(pl.String).alias("LEFT"), right.alias("RIGHT"))
        return self._select(rows, role, pl.col("AVAL"), ("LEFT", "RIGHT"), _cause(role))

    def _states(self, analysis: Multistate) -> pl.LazyFrame:
        """Each subject's time in every state; CAUSE is the state that a part of it ends in.

        Of milestones on one day the last declared is entered, the absorbing ones being last; a subject begins in the
        state that it entered last by day 0.
        """
        where = self._protocol.sets[analysis.population].where
        origin, end = origin_variable(analysis.origin), "LKADT"
        uses = [origin, end, *(v for m in analysis.milestones for v in dated(m))]
        undated = [_undated(m) for m in analysis.milestones]
        absorbed = pl.any_horizontal([pl.col(dated(m)[0]).fill_null("") == "Y" for m in analysis.absorbing])
        no_time = pl.col(origin).is_null() | (pl.col(end).is_null() & ~absorbed) | pl.any_horizontal(undated)
        stands = (
            pl.when(self._open(where) | self._withheld(uses))
            .then(pl.lit("withheld"))
            .when(no_time)
            .then(pl.lit("missing"))
        )
        people = self._inside(where).with_columns(stands.alias("STANDS"))
        out_of_it = self._select(
            people.filter(pl.col("STANDS").is_not_null()).with_columns(pl.lit(None, pl.String).alias(STATE)),
            pl.col("STANDS"), pl.lit(None, pl.Int64), (STATE,),
        )  # fmt: skip
        known = people.filter(pl.col("STANDS").is_null())
        parts = self._parts(known, analysis).filter(
            # a state held by day 0 is where the subject begins; who is last seen on entering one spends no time in it
            (pl.col("DAY") > pl.col("BEGINS")) | ((pl.col("DAY") == 0) & pl.col("ENDS"))
        )
        role = pl.when(pl.col("TO").is_null()).then(pl.lit("censored")).otherwise(pl.lit("event"))
        began = pl.when(pl.col("BEGINS") > 0).then(pl.col("BEGINS"))
        inside = self._select(parts, role, pl.col("DAY"), (STATE,), pl.col("TO"), began)
        return pl.concat([out_of_it, inside]).sort([*_KEY, "ENTRY"], nulls_last=False, maintain_order=True)

    def _parts(self, people: pl.LazyFrame, analysis: Multistate) -> pl.LazyFrame:
        """STATE BEGINS DAY TO ENDS of each part of a subject's time, in order; TO is null where it is last seen."""
        origin, dates = pl.col(origin_variable(analysis.origin)), [pl.col(dated(m)[1]) for m in analysis.milestones]
        absorbed = pl.any_horizontal(pl.col(dated(m)[1]).is_not_null() for m in analysis.absorbing)
        # whoever had a milestone was alive that day, whatever the last contact says
        last = pl.when(~absorbed).then(pl.max_horizontal("LKADT", *dates))

        def reached(date: pl.Expr, rank: int, to: str | None, ends: bool) -> pl.LazyFrame:
            return people.select(
                *_KEY,
                (date - origin).dt.total_days().alias("DAY"),
                pl.lit(rank).alias("RANK"),
                pl.lit(to, pl.String).alias("TO"),
                pl.lit(ends).alias("ENDS"),
            )

        steps = [
            reached(date, rank, str(m), m in analysis.absorbing)
            for rank, (m, date) in enumerate(zip(analysis.milestones, dates, strict=True))
        ]
        over_before = pl.col("ENDS").cast(pl.Int64).cum_sum().over(_KEY) - pl.col("ENDS").cast(pl.Int64)
        return (
            pl.concat([*steps, reached(last, len(steps), None, True)])
            .filter(pl.col("DAY").is_not_null())
            .sort(*_KEY, "DAY", "RANK")
            .with_columns(pl.col("DAY").clip(0), pl.col("TO").is_null().alias("LAST"))
            .unique([*_KEY, "DAY", "LAST"], keep="last", maintain_order=True)
            .filter(over_before == 0)
            .with_columns(
                pl.col("TO").shift(1).over(_KEY).fill_null(analysis.initial).alias(STATE),
                pl.col("DAY").shift(1).over(_KEY).fill_null(0).alias("BEGINS"),
            )
        )

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
        self,
        rows: pl.LazyFrame,
        role: pl.Expr,
        value: pl.Expr,
        by: tuple[str, ...] = (),
        cause: pl.Expr | None = None,
        entry: pl.Expr | None = None,
    ) -> pl.LazyFrame:
        levels = [as_level(v, self._types.get(v, pl.String())) for v in by]
        return rows.select(
            *_KEY,
            role.alias("ROLE"),
            value.alias("VALUE"),
            (pl.concat_str(levels, separator=SEPARATOR) if levels else pl.lit(None, pl.String)).alias("LEVEL"),
            (pl.lit(None, pl.String) if cause is None else cause.cast(pl.String)).alias("CAUSE"),
            (pl.lit(None, pl.Int64) if entry is None else entry.cast(pl.Int64)).alias("ENTRY"),
        )


def _undated(milestone: str) -> pl.Expr:
    """Whether a milestone is known to have happened, but not when."""
    flag, date = dated(milestone)
    return (pl.col(flag) == "Y").fill_null(False) & pl.col(date).is_null()


def _cause(role: pl.Expr) -> pl.Expr:
    return pl.when(role == "event").then(pl.col("CAUSE"))


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
