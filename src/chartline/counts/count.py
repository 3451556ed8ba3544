"""The wall: ADaM-named tables in, tables of whole counts out. The last module that knows a subject.

Each count is a group-by of `members` (counts/members.py) and nothing else, so that what the trace lists is what was
counted. The keys of `Counts`:

    <id of an analysis>      as declared in the protocol; some kinds have further tables (`members.table_names`):
    <id>.lost_days           of a follow-up: days from last contact to the cut-off
    <id>.earliest, <id>.latest, <id>.partial   of date bounds: the times at the bounds, and whose end is partial
    <id>.landmark_<months>   of an intercurrent event: those at risk at the landmark, by whether it had happened
    <id>.ever                of an intercurrent event: by whether it ever happened
    <id>/<group>             of MRD rates, which have no table <id>: (RESPFL, STANDING) by definition and time point
    <id>.recovery            of a time to onset: how long the first event took to recover
    set.<name>               each analysis set: who is in it (withheld: an open query leaves it undecided)
    attrition                the AttritionTable of the cohort
    table1.<variable>        each variable of `report.table1` among the eligible, by `report.table1_by`
    table1.<variable>.bands  (band, outcome) where the protocol declares bands of the variable
    versions.<flag>          each safety flag that rests on laboratory grades: by its value and its value under every
                             variant of `laboratory`
    lab_grades               (TEST, BASE, GRADE): worst grade on treatment per subject and term of `report.lab_tests`
                             (TEST is its name: ALT, K_LOW, K_HIGH)
    ae_grades                (TERM, GRADE): worst grade per subject and treatment-emergent adverse event
    cycles.<what>            of each cycle begun, where a dosing schedule is declared (`counts/cycles.py`)
    safety_components        (FLAG, PLACE, COMPONENT, VALUE): Y, N or "" of each component of `report.safety_components`
    syndromes                (SET, VERDICT): MET, NOT MET, NOT ASSESSABLE or WITHHELD by each of `report.syndromes`
    syndrome_severities      (SET, SEVERITY): of those who met one that has grades, "at least moderate", "" if withheld

Grades are texts "0" to "5", "" where there is none. The last six are over the set `safety`, or the eligible where the
protocol has no such set. An empty set gives zero counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import polars as pl

from chartline.counts import toxicity
from chartline.counts.cycles import count_cycles
from chartline.counts.members import (
    ELIGIBLE,
    SEPARATOR,
    Roster,
    Variable,
    all_members,
    as_counted,
    as_level,
    endpoint_of,
    pattern_of,
)
from chartline.counts.members import members as members
from chartline.counts.model import LOST, AttritionTable, CountKey, Counts, CrossTab, EventTable, Pattern, ValueTable
from chartline.counts.syndromes import count_components, count_severities, count_syndromes
from chartline.derive.endpoint import check_events
from chartline.derive.model import Adam
from chartline.derive.safety import graded_rows
from chartline.derive.syndrome_units import declared_sets
from chartline.errors import ProtocolError
from chartline.protocol.analyses import (
    Agreement,
    Analysis,
    Categories,
    CompareValues,
    Courses,
    Intercurrent,
    IntervalCensored,
    LostToFollowUp,
    MrdRates,
    Multistate,
    Summary,
    ToxicityByCycle,
)
from chartline.protocol.lab_terms import term_name, terms_of
from chartline.protocol.model import Protocol, graded_flags, set_tallies
from chartline.protocol.place import Place

# Units of the numbers that every study has; a characteristic declares its own.
_UNITS = {"AGE": "years", "NCYC": "cycles", "NDOSE": "doses", "CUMDM2": "mg/m2", "CUMMG": "mg", "HSCTINT": "days"}
_UNITS |= {"RDI": "%", "NCYRED": "cycles", "NCYDLY": "cycles", "NCYFLAT": "cycles", "NOMIT": "doses"}
_UNITS |= {"FRSPCYC": "cycles", "MRDNEGCY": "cycles"}


Table = EventTable | CrossTab | ValueTable
Group = tuple[str, str | None, str | None, str | None, int | None, int]  # ROLE VALUE LEVEL CAUSE ENTRY, how many


@dataclass(frozen=True)
class _Count:
    """What is to be counted: its members, and how their groups become a table."""

    members: pl.LazyFrame
    table: Callable[[list[Group]], Table]


def count_analyses(adam: Adam, cohort_attrition: AttritionTable, protocol: Protocol, protocol_digest: str) -> Counts:
    """Return every count of the study, or of the part of its subjects that `adam` holds.

    Raises `ProtocolError` for a summary of what is not a number, and `ValueError` where ADSL and the attrition table
    disagree on who was screened or is eligible.
    """
    _agree(adam["ADSL"], cohort_attrition)
    roster = Roster(adam, protocol)
    todo: dict[str, _Count] = {}
    for analysis in (*protocol.analyses, *set_tallies(protocol)):
        todo |= _analysis(adam, roster, protocol, analysis, protocol_digest)
    todo |= _table1(adam, roster, protocol, protocol_digest)
    safe = protocol.sets["safety"].where if "safety" in protocol.sets else ELIGIBLE
    todo |= _versions(roster, safe, protocol, protocol_digest)
    groups = _groups(todo)
    out: Counts = {"attrition": cohort_attrition}
    out |= {name: count.table(groups.get(name, [])) for name, count in todo.items()}
    safety = roster.of_set(safe)
    if protocol.report.lab_tests:
        out["lab_grades"] = _lab_grades(adam, safety, protocol.report.lab_tests, protocol_digest)
    out["ae_grades"] = _ae_grades(adam, safety, protocol_digest)
    if "ADCYC" in adam.tables:
        out |= count_cycles(adam, safety, protocol_digest)
    if protocol.report.safety_components:
        key = CountKey(analysis="safety_components", protocol_digest=protocol_digest)
        out[key.analysis] = count_components(adam["ADCOMP"], safety, protocol.report.safety_components, key)
    if protocol.report.syndromes:
        key = CountKey(analysis="syndromes", protocol_digest=protocol_digest)
        out[key.analysis] = count_syndromes(adam, safety, protocol.report.syndromes, key)
        declared = {n: protocol.syndromes[n] for n in protocol.report.syndromes if n in protocol.syndromes}
        if names := [s.name for s in declared_sets(declared) if s.rules.grading]:
            key = CountKey(analysis="syndrome_severities", protocol_digest=protocol_digest)
            out[key.analysis] = count_severities(adam, safety, names, key)
    return out


def count_parts(adam: Adam, protocol: Protocol, analysis: Analysis, parts: pl.DataFrame) -> dict[str, Counts]:
    """Return the tables of one analysis for each part of the subjects, and for nobody (""): their sum is the whole.

    `parts` has USUBJID and PART, each subject once.
    """
    todo = _analysis(adam, Roster(adam, protocol), protocol, analysis, "")
    columns = ["PART", "ANALYSIS", "ROLE", "VALUE", "LEVEL", "CAUSE", "ENTRY"]
    members = all_members({name: count.members for name, count in todo.items()}).join(parts, on="USUBJID")
    groups: dict[tuple[str, str], list[Group]] = {}
    for part, name, *group in members.group_by(columns).len().sort(columns).iter_rows():
        groups.setdefault((part, name), []).append(tuple(group))
    names = ["", *dict.fromkeys(part for part, _ in groups)]
    return {part: {name: count.table(groups.get((part, name), [])) for name, count in todo.items()} for part in names}


def _groups(todo: Mapping[str, _Count]) -> dict[str, list[Group]]:
    """Return, for each count, how many members share a role, value, level and cause; in a stable order."""
    columns = ["ANALYSIS", "ROLE", "VALUE", "LEVEL", "CAUSE", "ENTRY"]
    members = all_members({name: count.members for name, count in todo.items()})
    out: dict[str, list[Group]] = {}
    for name, *group in members.group_by(columns).len().sort(columns).iter_rows():
        out.setdefault(name, []).append(tuple(group))
    return out


def _agree(adsl: pl.DataFrame, attrition: AttritionTable) -> None:
    counted = (adsl.height, adsl.filter(pl.col("ELIGFL") == "Y").height)
    if counted != (attrition.screened, attrition.eligible):
        raise ValueError(
            f"ADSL has {counted[0]} screened and {counted[1]} eligible, "
            f"the attrition table {attrition.screened} and {attrition.eligible}"
        )


def _analysis(adam: Adam, roster: Roster, protocol: Protocol, analysis: Analysis, digest: str) -> dict[str, _Count]:
    """Return the tables of one analysis by name; none for one that is computed from others."""
    analysis = as_counted(analysis, protocol)
    return {
        name: _Count(_members(adam, analysis, rows), _maker(adam, protocol, analysis, name, digest))
        for name, rows in roster.tables(analysis).items()
    }


def _members(adam: Adam, analysis: Analysis, rows: pl.LazyFrame) -> pl.LazyFrame:
    return _as_levels(rows, adam, analysis.variable) if isinstance(analysis, Categories) else rows


def _maker(
    adam: Adam, protocol: Protocol, analysis: Analysis, name: str, digest: str
) -> Callable[[list[Group]], Table]:
    """How the groups of members of one table are put together."""
    key, by = CountKey(analysis=name, protocol_digest=digest), pattern_of(analysis)
    if name.endswith(".lost_days") and name != analysis.id:
        return partial(_value_table, key=replace(key, unit="days"), by=by)
    if name.endswith(".partial") and name != analysis.id:
        return partial(_outcomes, key=key, dims=("outcome",))
    if isinstance(analysis, IntervalCensored):
        return partial(_levels, key=replace(key, unit="day"), dims=("left", "right"))
    if isinstance(analysis, ToxicityByCycle):
        return partial(_outcomes, key=key, dims=("outcome", "CYCLE"))
    if isinstance(analysis, Courses):
        dims = toxicity.RECOVERY if name.endswith(".recovery") and name != analysis.id else toxicity.COURSE
        return partial(_levels, key=replace(key, unit="day"), dims=(*dims, *by))
    if isinstance(analysis, Multistate):
        return partial(_event_table, key=replace(key, unit="day"), causes=analysis.names[1:], by=by)
    if hasattr(analysis, "endpoint"):
        return partial(_event_table, key=replace(key, unit="day"), causes=_causes(protocol, analysis, name), by=by)
    if isinstance(analysis, Summary | CompareValues):
        _is_number(adam, analysis)
        return partial(_value_table, key=replace(key, unit=_unit(protocol, analysis.variable)), by=by)
    if isinstance(analysis, Categories):
        return partial(_categories, key=key, dims=(analysis.variable, *by))
    if isinstance(analysis, MrdRates):
        return partial(_levels, key=key, dims=("RESPFL", "STANDING"))
    if isinstance(analysis, Agreement):
        return partial(_levels, key=key, dims=by)
    return partial(_outcomes, key=key, dims=("outcome", *by))


def _causes(protocol: Protocol, analysis: Any, name: str) -> tuple[str, ...]:
    """The ways of leaving a table: the endpoint's events, and what an analysis adds. Raises as `check_events`."""
    check_events(analysis, protocol, Place("", ("analyses",), analysis.id))
    events = tuple(str(m) for m in endpoint_of(protocol, analysis.endpoint).events)
    on_the_way = analysis.event if isinstance(analysis, Intercurrent) else getattr(analysis, "time_dependent", None)
    if isinstance(analysis, LostToFollowUp):
        return (*events, LOST)
    if on_the_way is not None and name == analysis.id:
        return (*events, str(on_the_way))
    return events


def _is_number(adam: Adam, analysis: Summary | CompareValues) -> None:
    if not adam["ADSL"].schema[analysis.variable].is_numeric():
        raise ProtocolError(
            f"The analysis {analysis.id} summarises {analysis.variable}, which is not a number",
            where=f"analysis {analysis.id}",
            expected="a variable of type number or integer",
            do="give the characteristic that type, or declare the analysis as `kind: categories`",
        )


def _table1(adam: Adam, roster: Roster, protocol: Protocol, digest: str) -> dict[str, _Count]:
    out: dict[str, _Count] = {}
    by = tuple(v for v in (protocol.report.table1_by,) if v)
    for variable in protocol.report.table1:
        name = f"table1.{variable.lower()}"
        rows = roster.by_variable(Variable(ELIGIBLE, variable, by))
        key = CountKey(analysis=name, protocol_digest=digest, unit=_unit(protocol, variable))
        if adam["ADSL"].schema[variable].is_numeric():
            out[name] = _Count(rows, partial(_value_table, key=key, by=by))
        else:
            rows = _as_levels(rows, adam, variable)
            out[name] = _Count(rows, partial(_categories, key=key, dims=(variable, *by)))
        declared = protocol.characteristics.get(variable)
        if declared is not None and declared.bands:
            key = CountKey(analysis=f"{name}.bands", protocol_digest=digest)
            dims = (variable, "outcome", *by)
            out[key.analysis] = _Count(_bands(roster, declared.bands, by), partial(_banded, key=key, dims=dims))
    return out


def _versions(roster: Roster, where: str, protocol: Protocol, digest: str) -> dict[str, _Count]:
    """Each graded safety flag beside itself under the other laboratory choices."""
    out: dict[str, _Count] = {}
    for flag in graded_flags(protocol) if protocol.laboratory_variants else ():
        again = tuple(f"{flag}_{variant}" for variant in protocol.laboratory_variants)
        key = CountKey(analysis=f"versions.{flag.lower()}", protocol_digest=digest)
        rows = roster.by_variable(Variable(where, flag, again))
        out[key.analysis] = _Count(rows, partial(_categories, key=key, dims=(flag, *again)))
    return out


def _unit(protocol: Protocol, variable: str) -> str:
    declared = protocol.characteristics.get(variable)
    return declared.unit if declared is not None else _UNITS.get(variable, "")


def _outcomes(groups: list[Group], key: CountKey, dims: tuple[str, ...]) -> CrossTab:
    """(outcome) or (outcome, by): counted, not_counted, missing; the withheld beside the cells."""
    return _cross_tab([((role, *_split(level)), role, n) for role, _, level, *_, n in groups], key, dims)


def _levels(groups: list[Group], key: CountKey, dims: tuple[str, ...]) -> CrossTab:
    """The levels alone, a missing one being ""; the withheld beside the cells."""
    return _cross_tab([(_split(level), role, n) for role, _, level, *_, n in groups], key, dims)


def _split(level: str | None) -> tuple[str, ...]:
    return () if level is None else tuple(level.split(SEPARATOR))


def _categories(groups: list[Group], key: CountKey, dims: tuple[str, ...]) -> CrossTab:
    """(variable) or (variable, by), a missing value being the level ""."""
    return _cross_tab([((value, *_split(level)), role, n) for role, value, level, *_, n in groups], key, dims)


def _as_levels(rows: pl.LazyFrame, adam: Adam, variable: str) -> pl.LazyFrame:
    return rows.with_columns(as_level("VALUE", adam["ADSL"].schema[variable]))


def _bands(roster: Roster, bands: dict[str, str], by: tuple[str, ...]) -> pl.LazyFrame:
    """The members of every band, with the band's name as their value."""
    return pl.concat(
        [
            roster.by_condition(ELIGIBLE, condition, by).with_columns(pl.lit(band).alias("VALUE"))
            for band, condition in bands.items()
        ]
    )


def _banded(groups: list[Group], key: CountKey, dims: tuple[str, ...]) -> CrossTab:
    """(variable, outcome) or (variable, outcome, by): for each band, who is in it, out of it, missing."""
    return _cross_tab([((band, role, *_split(level)), role, n) for role, band, level, *_, n in groups], key, dims)


def _cross_tab(
    cells: Sequence[tuple[tuple[str | None, ...], str, int]], key: CountKey, dims: tuple[str, ...]
) -> CrossTab:
    """Add up (levels, role, number)."""
    kept: Counter[tuple[str, ...]] = Counter()
    for levels, role, n in cells:
        if role != "withheld":
            kept[tuple(level or "" for level in levels)] += n
    withheld = sum(n for _, role, n in cells if role == "withheld")
    return CrossTab(key=key, dims=dims, cells=dict(sorted(kept.items())), withheld=withheld)


def _value_table(groups: list[Group], key: CountKey, by: tuple[str, ...]) -> ValueTable:
    values: Counter[tuple[Pattern, float]] = Counter()
    missing: Counter[Pattern] = Counter()
    for role, value, level, *_, n in groups:
        if role == "counted" and value is not None:
            values[_pattern(by, level), float(value)] += n
        elif role == "missing":
            missing[_pattern(by, level)] += n
    return ValueTable(
        key=key,
        values=dict(sorted(values.items())),
        missing=dict(sorted(missing.items())),
        withheld=_number(groups, "withheld"),
    )


def _event_table(groups: list[Group], key: CountKey, causes: tuple[str, ...], by: tuple[str, ...]) -> EventTable:
    """Everyone enters at day 0, or where a part of its time begins, and leaves on the day of the event or censoring."""
    rows: dict[tuple[Pattern, int], list[int]] = {}
    for role, value, level, cause, entry, n in groups:
        if role not in ("event", "censored", "moved", LOST) or value is None:
            continue
        pattern = _pattern(by, level)
        rows.setdefault((pattern, entry or 0), [0] * (2 + len(causes)))[0] += n
        leaving = rows.setdefault((pattern, int(value)), [0] * (2 + len(causes)))
        if role == "censored":
            leaving[1] += n
        elif cause in causes:  # any other cause leaves the sums unequal, which `EventTable` refuses
            leaving[2 + causes.index(cause)] += n
    return EventTable(
        key=key,
        causes=causes,
        rows={at: tuple(row) for at, row in sorted(rows.items())},
        withheld=_number(groups, "withheld"),
        missing=_number(groups, "missing"),
    )


def _lab_grades(adam: Adam, safety: pl.LazyFrame, tests: tuple[str, ...], digest: str) -> CrossTab:
    """The worst on-treatment grade and the grade at baseline of every subject of the set in every term."""
    named = pl.LazyFrame({"TERM": [term_name(term) for term in terms_of(tests)]}, schema={"TERM": pl.String})
    on_treatment = pl.col("ANL01FL") == "Y"
    names = {f"{test}{direction}": term_name((test, direction)) for test, direction in terms_of(tests)}
    term = pl.concat_str("LBTESTCD", "DIRECTION").replace_strict(names, default=None, return_dtype=pl.String)
    grades = (
        graded_rows(adam["ADLB"].lazy(), tests)
        .group_by("USUBJID", term.alias("TERM"))
        .agg(pl.col("BTOXGR").max(), pl.col("ATOXGR").filter(on_treatment).max())
    )
    rows = safety.join(named, how="cross").join(grades, on=["USUBJID", "TERM"], how="left")
    key = CountKey(analysis="lab_grades", protocol_digest=digest)
    return _graded(rows, ["TERM", "BTOXGR", "ATOXGR"], key, ("TEST", "BASE", "GRADE"))


def _ae_grades(adam: Adam, safety: pl.LazyFrame, digest: str) -> CrossTab:
    """The worst grade of each term a subject of the set had on treatment; case does not make two terms."""
    events = adam["ADAE"].lazy().filter(pl.col("TRTEMFL") == "Y").join(safety, on="USUBJID", how="semi")
    rows = events.group_by("USUBJID", _term().alias("TERM")).agg(pl.col("AETOXGR").max())
    return _graded(rows, ["TERM", "AETOXGR"], CountKey(analysis="ae_grades", protocol_digest=digest), ("TERM", "GRADE"))


def _graded(rows: pl.LazyFrame, columns: list[str], key: CountKey, dims: tuple[str, ...]) -> CrossTab:
    """Count rows of a text and its grades, a missing grade being the level ""."""
    groups = rows.with_columns(as_level(c, pl.Int64()) for c in columns[1:]).group_by(columns).len()
    cells = groups.collect(engine="in-memory").iter_rows()
    return _cross_tab([(tuple(levels), "counted", n) for *levels, n in cells], key, dims)


# Words of adverse event terms that are written in capitals.
_CAPITALS = ("ALP", "ALT", "AST", "CMV", "ECG", "GGT", "INR", "QT", "SOS", "VOD")


def _term() -> pl.Expr:
    """AETERM in sentence case: the same text whatever the case and spacing it was written in."""
    text = pl.col("AETERM").str.strip_chars().str.replace_all(r"\s+", " ").str.to_lowercase()
    text = text.str.slice(0, 1).str.to_uppercase() + text.str.slice(1)
    for word in _CAPITALS:
        text = text.str.replace_all(rf"(?i)\b{word}\b", word)
    return text


def _pattern(by: tuple[str, ...], level: str | None) -> Pattern:
    return tuple(zip(by, _split(level), strict=True))


def _number(groups: list[Group], role: str) -> int:
    return sum(group[-1] for group in groups if group[0] == role)
