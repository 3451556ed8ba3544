"""The protocol's selection as one SELECT: who is read from an OMOP database, and how many each step ruled out.

In: the concept sets resolved in the database's vocabulary, and the selection. Out: SQL that DuckDB, PostgreSQL and
Spark understand alike (days are added as whole numbers to dates; no function that one of them lacks), and from its rows
the candidates with their index date, and additive counts of every step.

A step is passed (1), not passed (0), or cannot be decided (null); what cannot be decided rules nobody out. Each step
counts those who came through the steps before it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from chartline.counts.model import AttritionStep
from chartline.protocol.selection import (
    EVENT_COLUMNS,
    TREATMENT_REGIMEN,
    AgeRule,
    ConceptSet,
    PriorLines,
    Requirement,
    Selection,
)
from chartline.sources.cdm import CdmDatabase
from chartline.sources.omop_concepts import Resolved, like

_KIND = "episode_concept_id"  # what an episode is: a regimen, a cycle, a phase of the disease


@dataclass(frozen=True)
class Candidates:
    """`persons`: person_id (Int64) and index_date (Date), in the order of their ids; how many persons the database
    has, and the steps of the selection from all of them."""

    persons: pl.DataFrame
    screened: int
    steps: tuple[AttritionStep, ...]


@dataclass(frozen=True)
class _Step:
    """One step: its id, what a reader sees, and the SQL of 1, 0 or null."""

    id: str
    label: str
    passed: str


def select_persons(
    database: CdmDatabase,
    selection: Selection,
    sets: Mapping[str, ConceptSet],
    resolved: Resolved,
) -> Candidates:
    """Ask the database for the candidates. Raises SourceError where it lacks a table or column that a step needs."""
    compiler = _Compiler(database, selection, sets, resolved)
    found = database.query(compiler.sql())
    persons = found.filter(pl.col("kind") == 2).select(
        pl.col("person_id").cast(pl.Int64), pl.col("index_date").cast(pl.Date)
    )
    screened = int(found.filter(pl.col("kind") == 0)["persons"].sum())
    counted = found.filter(pl.col("kind") == 1)
    return Candidates(persons.sort("person_id"), screened, tuple(_attrition(compiler.steps, counted, screened)))


def everybody(database: CdmDatabase) -> pl.Series:
    """Return the person_id of all persons, in order."""
    person = database.part_of(database.table("person", "the parts of a run"), ["person_id"], "the parts of a run")
    return database.query(f"SELECT person_id FROM {person} p")["person_id"].cast(pl.Int64).sort()


def selection_sql(
    database: CdmDatabase,
    selection: Selection,
    sets: Mapping[str, ConceptSet],
    resolved: Resolved,
) -> str:
    """Return the SELECT itself: rows of kind 0 (all persons), 1 (counts by pattern of steps), 2 (candidates)."""
    return _Compiler(database, selection, sets, resolved).sql()


def _attrition(steps: list[_Step], counted: pl.DataFrame, screened: int) -> Iterator[AttritionStep]:
    """Follow the persons through the steps. `counted`: persons by pattern of the steps after the first."""
    left = int(counted["persons"].sum())
    yield AttritionStep(steps[0].id, steps[0].label, screened, screened - left, 0, left)
    for i, step in enumerate(steps[1:], 1):
        passed = pl.col(f"s{i}")
        out = counted.filter(passed.is_null() | (passed != 0))
        # Whom a step cannot decide goes on to the eligibility criteria, so nobody stays behind as unknown.
        n_in, n_out = int(counted["persons"].sum()), int(out["persons"].sum())
        n_open = int(out.filter(passed.is_null())["persons"].sum())
        yield AttritionStep(step.id, step.label, n_in, n_in - n_out, 0, n_out, n_open)
        counted = out


class _Compiler:
    """Writes the SELECT. Table expressions are written where they are used, so that a database sees plain scans."""

    def __init__(
        self, db: CdmDatabase, selection: Selection, sets: Mapping[str, ConceptSet], resolved: Resolved
    ) -> None:
        self.db, self.selection, self.sets, self.resolved = db, selection, sets, resolved
        self.joined: list[str] = []  # common table expressions of requirements, joined to the index events
        self.steps = list(self._steps())

    def sql(self) -> str:
        flags = [f"{step.passed} AS s{i}" for i, step in enumerate(self.steps[1:], 1)]
        names = [f"s{i}" for i in range(1, len(self.steps))]
        asked = (
            ["person_id", "year_of_birth", "month_of_birth", "day_of_birth"] if self.selection.age else ["person_id"]
        )
        person = self.db.part_of(self.db.table("person", "selection"), asked, "selection")
        joins = "".join(f"\n  LEFT JOIN {name} ON {name}.person_id = i.person_id" for name, _ in self._named())
        withs = [f"index_event AS (\n  {self._index_event()}\n)"]
        withs += [f"{name} AS (\n  {body}\n)" for name, body in self._named()]
        withs.append(
            f"stepped AS (\n  SELECT {', '.join(['i.person_id', 'i.index_date', *flags])}\n"
            f"  FROM index_event i JOIN {person} p ON p.person_id = i.person_id{joins}\n)"
        )
        empty = "".join(f", CAST(NULL AS INTEGER) AS {n}" for n in names)
        all_persons = f"{person} p"
        stays = " AND ".join(f"({n} IS NULL OR {n} <> 0)" for n in names)
        listed = "".join(f", {n}" for n in names)
        return (
            "WITH " + ",\n".join(withs) + "\n"
            "SELECT 0 AS kind, CAST(NULL AS BIGINT) AS person_id, CAST(NULL AS DATE) AS index_date, "
            f"COUNT(*) AS persons{empty} FROM {all_persons}\n"
            "UNION ALL\nSELECT 1, CAST(NULL AS BIGINT), CAST(NULL AS DATE), COUNT(*)"
            f"{listed} FROM stepped{' GROUP BY ' + ', '.join(names) if names else ''}\n"
            f"UNION ALL\nSELECT 2, person_id, index_date, CAST(NULL AS BIGINT){listed} FROM stepped"
            + (f" WHERE {stays}" if stays else "")
        )

    def _named(self) -> list[tuple[str, str]]:
        return [(f"r{i}", body) for i, body in enumerate(self.joined, 1)]

    def _join(self, body: str) -> str:
        """Add a common table expression; return its name."""
        self.joined.append(body)
        return f"r{len(self.joined)}"

    # the index event -------------------------------------------------------------------------------------------

    def _index_event(self) -> str:
        rule = self.selection.index
        where = [self._concepts(rule.concepts, rule.table, "e")]
        day = f"e.{EVENT_COLUMNS[rule.table].day}"
        where += [f"{day} IS NOT NULL"]
        if rule.which == "first_between":
            where += self._between(day)
        events = self._events(rule.table, rule.concepts, "selection.index")
        return (
            f"SELECT e.person_id AS person_id, MIN({day}) AS index_date\n  FROM {events} e\n"
            f"  WHERE {' AND '.join(where)}\n  GROUP BY e.person_id"
        )

    def _between(self, day: str) -> list[str]:
        rule = self.selection.index
        bounds = ((">=", rule.start), ("<=", rule.end))
        return [f"{day} {operator} {_date(bound)}" for operator, bound in bounds if bound is not None]

    # the steps -------------------------------------------------------------------------------------------------

    def _steps(self) -> Iterator[_Step]:
        s, rule = self.selection, self.selection.index
        label, bounds = self.sets[rule.concepts].label, _bounds(rule.start, rule.end)
        if rule.which == "first_between" and bounds:
            yield _Step("index", f"{label} {bounds}", "1")
        else:
            yield _Step("index", label, "1")
            if bounds:
                yield _Step("index_days", f"First record {bounds}", _flag(" AND ".join(self._between("i.index_date"))))
        if s.age is not None:
            yield _Step("age", _age_label(s.age), _age_flag(s.age))
        if s.observed_days is not None:
            yield _Step("observed", _observed_label(s.observed_days.before, s.observed_days.after), self._observed())
        for i, r in enumerate(s.require, 1):
            yield _Step(f"require{i}", r.label, _flag(f"{self._counted(r, f'require {r.label}')} >= {r.at_least}"))
        for i, r in enumerate(s.exclude, 1):
            yield _Step(f"exclude{i}", f"Not: {r.label}", _flag(f"{self._counted(r, r.label)} < {r.at_least}"))
        if s.prior_lines is not None:
            yield _Step("prior_lines", self._lines_label(s.prior_lines), self._lines(s.prior_lines))

    def _observed(self) -> str:
        days = self.selection.observed_days
        assert days is not None
        columns = ("person_id", "observation_period_start_date", "observation_period_end_date")
        table = self.db.table("observation_period", "selection.observed_days")
        periods = self.db.part_of(table, columns, "selection.observed_days")
        name = self._join(
            f"SELECT i.person_id AS person_id, COUNT(*) AS n\n  FROM index_event i JOIN {periods} o"
            f" ON o.person_id = i.person_id\n  WHERE o.observation_period_start_date + {days.before} <= i.index_date"
            f" AND o.observation_period_end_date >= i.index_date + {days.after}\n  GROUP BY i.person_id"
        )
        return _flag(f"{name}.n > 0")

    def _counted(self, rule: Requirement, why: str) -> str:
        """Count the records of a requirement; return the SQL of the number."""
        day = f"e.{EVENT_COLUMNS[rule.table].day}"
        where = [self._concepts(rule.concepts, rule.table, "e"), f"{day} IS NOT NULL"]
        where += [f"{day} >= i.index_date + ({rule.from_day})"] if rule.from_day is not None else []
        where += [f"{day} <= i.index_date + ({rule.to_day})"] if rule.to_day is not None else []
        counted = f"COUNT(DISTINCT {day})" if rule.distinct_days else "COUNT(*)"
        return f"COALESCE({self._joined(rule.table, rule.concepts, where, counted, why)}.n, 0)"

    def _lines(self, lines: PriorLines) -> str:
        table = "drug_exposure" if lines.count == "drugs" else "episode"
        day = f"e.{EVENT_COLUMNS[table].day}"
        where, why = [f"{day} < i.index_date"], "selection.prior_lines"
        if table == "episode":
            where += [self._concepts(lines.concepts, table, "e"), f"e.{_KIND} = {TREATMENT_REGIMEN}"]
            joined = self._joined(table, lines.concepts, where, "COUNT(*)", why, more=(_KIND,))
        else:
            which, numbers = self._which_concept(lines.concepts, table)
            where.append(f"{which} IS NOT NULL")
            joined = self._joined(table, lines.concepts, where, f"COUNT(DISTINCT {which})", why, joins=numbers)
        n = f"COALESCE({joined}.n, 0)"
        most = f" AND {n} <= {lines.at_most}" if lines.at_most is not None else ""
        return _flag(f"{n} >= {lines.at_least}{most}")

    def _joined(
        self, table: str, concepts: str, where: list[str], counted: str, why: str,
        more: tuple[str, ...] = (), joins: str = "",
    ) -> str:  # fmt: skip
        events = self._events(table, concepts, why, more)
        return self._join(
            f"SELECT i.person_id AS person_id, {counted} AS n\n  FROM index_event i JOIN {events} e"
            f" ON e.person_id = i.person_id{joins}\n  WHERE {' AND '.join(where)}\n  GROUP BY i.person_id"
        )

    def _lines_label(self, lines: PriorLines) -> str:
        what = self.sets[lines.concepts].label
        most = f" and at most {lines.at_most}" if lines.at_most is not None else ""
        return f"At least {lines.at_least}{most} {lines.counted} before: {what}"

    # records and their concepts --------------------------------------------------------------------------------

    def _events(self, table: str, concepts: str, why: str, more: tuple[str, ...] = ()) -> str:
        columns = EVENT_COLUMNS[table]
        asked = ["person_id", columns.concept, columns.day, *more]
        if self.sets[concepts].source_values and columns.source_value:
            asked.append(columns.source_value)
        return self.db.part_of(self.db.table(table, why), asked, why)

    def _concepts(self, name: str, table: str, alias: str) -> str:
        columns, patterns = EVENT_COLUMNS[table], self.sets[name].source_values
        ids = self.resolved.sets[name].ids
        tests = [self.db.one_of(f"{alias}.{columns.concept}", ids)] if ids or not patterns else []
        if columns.source_value:
            tests += [like(f"{alias}.{columns.source_value}", pattern) for pattern in patterns]
        return f"({' OR '.join(tests)})" if len(tests) > 1 else tests[0]

    def _which_concept(self, name: str, table: str) -> tuple[str, str]:
        """Return SQL that numbers the declared concepts and patterns of a set, the first that a record belongs to, and
        the join that it needs."""
        columns, concepts = EVENT_COLUMNS[table], self.resolved.sets[name].by_concept
        first: dict[int, int] = {}
        for n, ids in enumerate(concepts, 1):
            for concept in ids:
                first.setdefault(concept, n)
        joins = f"\n  LEFT JOIN {self.db.pairs(sorted(first.items()))} w ON w.id = e.{columns.concept}"
        patterns = self.sets[name].source_values if columns.source_value else ()
        tests = [like(f"e.{columns.source_value}", pattern) for pattern in patterns]
        cases = " ".join(f"WHEN {test} THEN {n}" for n, test in enumerate(tests, len(concepts) + 1))
        return (f"COALESCE(w.n, CASE {cases} END)" if cases else "w.n"), joins


def _flag(test: str) -> str:
    return f"CASE WHEN {test} THEN 1 ELSE 0 END"


def _date(day: dt.date | None) -> str:
    return f"DATE '{day}'"


def _bounds(start: dt.date | None, end: dt.date | None) -> str:
    if start is not None and end is not None:
        return f"from {start} to {end}"
    return f"from {start} on" if start is not None else f"until {end}" if end is not None else ""


def _age_label(age: AgeRule) -> str:
    if age.min is not None and age.max is not None:
        return f"Aged {age.min} to {age.max} years"
    return f"Aged {age.min} years or over" if age.min is not None else f"Aged {age.max} years or under"


def _observed_label(before: int, after: int) -> str:
    sides = [f"{days} days {side}" for days, side in ((before, "before"), (after, "after")) if days]
    return f"Observed at index{': ' + ' and '.join(sides) if sides else ''}"


def _age_flag(age: AgeRule) -> str:
    """1 where the age is surely within the bounds, 0 where it surely is not, else null (no birth day, or no year).

    Days are written as numbers yyyymmdd, so that whole years are differences of 10,000: who is born on 29 February is
    a year older on 1 March. The month and day that are not known lie between 1 January and 31 December.
    """
    index = _day_number("i.index_date")
    month, day = "p.month_of_birth", "p.day_of_birth"
    earliest = f"(p.year_of_birth * 10000 + COALESCE({month} * 100 + COALESCE({day}, 1), 101))"
    latest = f"(p.year_of_birth * 10000 + COALESCE({month} * 100 + COALESCE({day}, 31), 1231))"
    never, surely = [], []
    if age.min is not None:
        never.append(f"{index} < {earliest} + {age.min * 10000}")
        surely.append(f"{index} >= {latest} + {age.min * 10000}")
    if age.max is not None:
        never.append(f"{index} >= {latest} + {(age.max + 1) * 10000}")
        surely.append(f"{index} < {earliest} + {(age.max + 1) * 10000}")
    return f"CASE WHEN {' OR '.join(never)} THEN 0 WHEN {' AND '.join(surely)} THEN 1 END"


def _day_number(day: str) -> str:
    parts = [f"EXTRACT({unit} FROM {day})" for unit in ("YEAR", "MONTH", "DAY")]
    return f"({parts[0]} * 10000 + {parts[1]} * 100 + {parts[2]})"
