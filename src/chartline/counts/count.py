"""The wall: ADaM-named tables in, tables of whole counts out. The last module that knows a subject.

Each count is a group-by of `members` (counts/members.py) and nothing else, so that what the trace lists is what was
counted. The keys of `Counts`:

    <id of an analysis>      as declared in the protocol
    set.<name>               each analysis set: who is in it (withheld: an open query leaves it undecided)
    attrition                the AttritionTable of the cohort
    table1.<variable>        each variable of `report.table1` among the eligible, by `report.table1_by`
    table1.<variable>.bands  (band, outcome) where the protocol declares bands of the variable
    lab_grades               (TEST, BASE, GRADE): worst grade on treatment per subject and test of `report.lab_tests`
    ae_grades                (TERM, GRADE): worst grade per subject and treatment-emergent adverse event

Grades are texts "0" to "5", "" where there is none. The last two are over the set `safety`, or the eligible where the
protocol has no such set. An empty set gives zero counts.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from chartline.counts.members import (
    ELIGIBLE,
    Variable,
    as_level,
    condition_members,
    endpoint_of,
    set_members,
    variable_members,
)
from chartline.counts.members import members as members
from chartline.counts.model import AttritionTable, CountKey, Counts, CrossTab, EventTable, Pattern, ValueTable
from chartline.derive.model import Adam
from chartline.errors import ProtocolError
from chartline.protocol.model import Analysis, Categories, FollowUp, Protocol, Summary, Survival, set_tallies

# Units of the numbers that every study has; a characteristic declares its own.
_UNITS = {"AGE": "years", "NCYC": "cycles", "NDOSE": "doses", "CUMDM2": "mg/m2", "CUMMG": "mg", "HSCTINT": "days"}
_UNITS |= {"FRSPCYC": "cycles", "MRDNEGCY": "cycles"}


def count_analyses(adam: Adam, cohort_attrition: AttritionTable, protocol: Protocol, protocol_digest: str) -> Counts:
    """Return every count of the study, or of the part of its subjects that `adam` holds.

    Raises `ProtocolError` for a summary of what is not a number, and `ValueError` where ADSL and the attrition table
    disagree on who was screened or is eligible.
    """
    _agree(adam["ADSL"], cohort_attrition)
    out: Counts = {"attrition": cohort_attrition}
    for analysis in protocol.analyses:
        out[analysis.id] = _count(adam, protocol, analysis, protocol_digest)
    for tally in set_tallies(protocol):
        out[tally.id] = _count(adam, protocol, tally, protocol_digest)
    out |= _table1(adam, protocol, protocol_digest)
    safety = protocol.sets["safety"].where if "safety" in protocol.sets else ELIGIBLE
    if protocol.report.lab_tests:
        out["lab_grades"] = _lab_grades(adam, safety, protocol.report.lab_tests, protocol_digest)
    out["ae_grades"] = _ae_grades(adam, safety, protocol_digest)
    return out


def _agree(adsl: pl.DataFrame, attrition: AttritionTable) -> None:
    counted = (adsl.height, adsl.filter(pl.col("ELIGFL") == "Y").height)
    if counted != (attrition.screened, attrition.eligible):
        raise ValueError(
            f"ADSL has {counted[0]} screened and {counted[1]} eligible, "
            f"the attrition table {attrition.screened} and {attrition.eligible}"
        )


def _count(adam: Adam, protocol: Protocol, analysis: Analysis, digest: str) -> EventTable | CrossTab | ValueTable:
    rows = members(adam, protocol, analysis)
    if isinstance(analysis, Survival | FollowUp):
        causes = tuple(str(m) for m in endpoint_of(protocol, analysis.endpoint).events)
        return _event_table(
            rows, CountKey(analysis=analysis.id, protocol_digest=digest, unit="day"), causes, analysis.by
        )
    if isinstance(analysis, Summary):
        _is_number(adam, analysis)
        key = CountKey(analysis=analysis.id, protocol_digest=digest, unit=_unit(protocol, analysis.variable))
        return _value_table(rows, key, analysis.by)
    key = CountKey(analysis=analysis.id, protocol_digest=digest)
    if isinstance(analysis, Categories):
        return _categories(rows, key, analysis.variable, analysis.by)
    return _outcomes(rows, key, analysis.by)


def _is_number(adam: Adam, analysis: Summary) -> None:
    if not adam["ADSL"].schema[analysis.variable].is_numeric():
        raise ProtocolError(
            f"The analysis {analysis.id} summarises {analysis.variable}, which is not a number",
            where=f"analysis {analysis.id}",
            expected="a variable of type number or integer",
            do="give the characteristic that type, or declare the analysis as `kind: categories`",
        )


def _table1(adam: Adam, protocol: Protocol, digest: str) -> Counts:
    out: Counts = {}
    by = protocol.report.table1_by
    for variable in protocol.report.table1:
        name = f"table1.{variable.lower()}"
        rows = variable_members(adam, Variable(ELIGIBLE, variable, by))
        key = CountKey(analysis=name, protocol_digest=digest, unit=_unit(protocol, variable))
        if adam["ADSL"].schema[variable].is_numeric():
            out[name] = _value_table(rows, key, by)
        else:
            out[name] = _categories(rows, key, variable, by)
        declared = protocol.characteristics.get(variable)
        if declared is not None and declared.bands:
            key = CountKey(analysis=f"{name}.bands", protocol_digest=digest)
            out[key.analysis] = _bands(adam, declared.bands, key, variable, by)
    return out


def _unit(protocol: Protocol, variable: str) -> str:
    declared = protocol.characteristics.get(variable)
    return declared.unit if declared is not None else _UNITS.get(variable, "")


def _outcomes(rows: pl.DataFrame, key: CountKey, by: str | None) -> CrossTab:
    """(outcome) or (outcome, by): counted, not_counted, missing; the withheld beside the cells."""
    dims = ("outcome", by) if by else ("outcome",)
    return _cross_tab(rows, key, dims, ["ROLE", *(["LEVEL"] if by else [])])


def _categories(rows: pl.DataFrame, key: CountKey, variable: str, by: str | None) -> CrossTab:
    """(variable) or (variable, by), a missing value being the level ""."""
    dims = (variable, by) if by else (variable,)
    rows = rows.with_columns(as_level("VALUE", rows.schema["VALUE"]))
    return _cross_tab(rows, key, dims, ["VALUE", *(["LEVEL"] if by else [])])


def _bands(adam: Adam, bands: dict[str, str], key: CountKey, variable: str, by: str | None) -> CrossTab:
    """(variable, outcome) or (variable, outcome, by): for each band, who is in it, out of it, missing."""
    dims = (variable, "outcome", by) if by else (variable, "outcome")
    out = CrossTab(key=key, dims=dims)
    for band, condition in bands.items():
        rows = condition_members(adam, ELIGIBLE, condition, by).with_columns(pl.lit(band).alias("BAND"))
        out = out + _cross_tab(rows, key, dims, ["BAND", "ROLE", *(["LEVEL"] if by else [])])
    return out


def _cross_tab(rows: pl.DataFrame, key: CountKey, dims: tuple[str, ...], columns: list[str]) -> CrossTab:
    kept = rows.filter(pl.col("ROLE") != "withheld")
    cells = {tuple(row[:-1]): row[-1] for row in kept.group_by(columns).len().sort(columns).iter_rows()}
    return CrossTab(key=key, dims=dims, cells=cells, withheld=rows.height - kept.height)


def _value_table(rows: pl.DataFrame, key: CountKey, by: str | None) -> ValueTable:
    counted = rows.filter(pl.col("ROLE") == "counted").with_columns(pl.col("VALUE").cast(pl.Float64))
    values = counted.group_by("LEVEL", "VALUE").len().sort("LEVEL", "VALUE", nulls_last=False)
    missing = rows.filter(pl.col("ROLE") == "missing").group_by("LEVEL").len().sort("LEVEL")
    return ValueTable(
        key=key,
        values={(_pattern(by, level), value): n for level, value, n in values.iter_rows()},
        missing={_pattern(by, level): n for level, n in missing.iter_rows()},
        withheld=_number(rows, "withheld"),
    )


def _event_table(rows: pl.DataFrame, key: CountKey, causes: tuple[str, ...], by: str | None) -> EventTable:
    """Everyone enters at day 0 and leaves on the day of the event or censoring."""
    timed = rows.filter(pl.col("ROLE").is_in(["event", "censored"]))
    events = [
        ((pl.col("ROLE") == "event") & (pl.col("CAUSE") == c)).sum().cast(pl.Int64).alias(f"E{i}")
        for i, c in enumerate(causes)
    ]
    exits = timed.group_by("LEVEL", pl.col("VALUE").cast(pl.Int64)).agg(
        (pl.col("ROLE") == "censored").sum().cast(pl.Int64).alias("C"), *events
    )
    entries = timed.group_by("LEVEL").len().iter_rows()
    zero = (0,) * (1 + len(causes))
    table: dict[tuple[Pattern, int], tuple[int, ...]] = {
        (_pattern(by, level), day): (0, *row) for level, day, *row in exits.iter_rows()
    }
    for level, n in entries:
        at = (_pattern(by, level), 0)
        table[at] = (n, *table.get(at, (0, *zero))[1:])
    return EventTable(
        key=key,
        causes=causes,
        rows=dict(sorted(table.items())),
        withheld=_number(rows, "withheld"),
        missing=_number(rows, "missing"),
    )


def _lab_grades(adam: Adam, where: str, tests: Iterable[str], digest: str) -> CrossTab:
    """The worst on-treatment grade and the grade at baseline of every subject of the set in every test."""
    subject_test = ["USUBJID", "LBTESTCD"]
    labs = adam["ADLB"].filter(pl.col("LBTESTCD").is_in(list(tests)))
    worst = labs.filter(pl.col("ANL01FL") == "Y").group_by(subject_test).agg(pl.col("ATOXGR").max())
    base = labs.group_by(subject_test).agg(pl.col("BTOXGR").max())
    wanted = set_members(adam, where).join(
        pl.DataFrame({"LBTESTCD": list(tests)}, schema={"LBTESTCD": pl.String}), how="cross"
    )
    rows = wanted.join(base, on=subject_test, how="left").join(worst, on=subject_test, how="left")
    rows = rows.with_columns(
        as_level("BTOXGR", pl.Int64()), as_level("ATOXGR", pl.Int64()), pl.lit("counted").alias("ROLE")
    )
    key = CountKey(analysis="lab_grades", protocol_digest=digest)
    return _cross_tab(rows, key, ("TEST", "BASE", "GRADE"), ["LBTESTCD", "BTOXGR", "ATOXGR"])


def _ae_grades(adam: Adam, where: str, digest: str) -> CrossTab:
    """The worst grade of each term a subject of the set had on treatment; case does not make two terms."""
    events = adam["ADAE"].filter(pl.col("TRTEMFL") == "Y").join(set_members(adam, where), on="USUBJID", how="semi")
    rows = events.group_by("USUBJID", _term().alias("TERM")).agg(pl.col("AETOXGR").max())
    rows = rows.with_columns(as_level("AETOXGR", pl.Int64()), pl.lit("counted").alias("ROLE"))
    key = CountKey(analysis="ae_grades", protocol_digest=digest)
    return _cross_tab(rows, key, ("TERM", "GRADE"), ["TERM", "AETOXGR"])


# Words of adverse event terms that are written in capitals.
_CAPITALS = ("ALP", "ALT", "AST", "CMV", "ECG", "GGT", "INR", "QT", "SOS", "VOD")


def _term() -> pl.Expr:
    """AETERM in sentence case: the same text whatever the case and spacing it was written in."""
    text = pl.col("AETERM").str.strip_chars().str.replace_all(r"\s+", " ").str.to_lowercase()
    text = text.str.slice(0, 1).str.to_uppercase() + text.str.slice(1)
    for word in _CAPITALS:
        text = text.str.replace_all(rf"(?i)\b{word}\b", word)
    return text


def _pattern(by: str | None, level: str | None) -> Pattern:
    return ((by, level or ""),) if by else ()


def _number(rows: pl.DataFrame, role: str) -> int:
    return rows.filter(pl.col("ROLE") == role).height
