"""A cohort definition of ATLAS -> one SELECT over the tables of an OMOP database, with Circe's meaning.

In: a `Definition`, an open database. Out: the candidates with their index date, and
additive counts of every step: a person passed a step where any of the events did that had passed the steps before it.
The SELECT is understood by DuckDB, PostgreSQL and Spark alike, and nothing is written to the database.

As in Circe: an event counts inside an observation period only; a condition counts rows in the same observation period
as the event, unless told to ignore it; an age is a difference of calendar years; `First` is the first such record of
the person's life, of which everything else is asked; descendants are valid concepts of `concept_ancestor`. What decides
when somebody leaves a cohort never changes an entry and has no part here. Of a cohort that lets a person enter more
than once it is the first entry: a person enters a study once.
Source: OHDSI circe-be 1.11 (CohortExpressionQueryBuilder and its templates); the tests compare persons and days.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from chartline.counts.model import AttritionStep
from chartline.protocol.atlas import (
    TABLES,
    Concept,
    ConceptSet,
    Criterion,
    DayRange,
    Definition,
    Demographic,
    Group,
    Limit,
    NumberRange,
    WholeRange,
    Windowed,
)
from chartline.protocol.selection import EVENT_COLUMNS
from chartline.protocol.selection import Concept as DeclaredConcept
from chartline.protocol.selection import ConceptSet as DeclaredSet
from chartline.sources.cdm import CdmDatabase
from chartline.sources.omop_select import Candidates

_COMPARE = {"lt": "<", "lte": "<=", "eq": "=", "gt": ">", "gte": ">="}
_COUNTED = ("=", "<=", ">=")  # by Circe's Occurrence.Type: exactly, at most, at least
# Gives what stands after FROM: a table of the CDM with these columns.
Tables = Callable[[str, Sequence[str]], str]


def select_cohort(database: CdmDatabase, definition: Definition) -> Candidates:
    """Ask the database who enters the cohort. Raises SourceError where it lacks a table or column that this needs."""
    why = "selection.circe"
    sql = cohort_sql(definition, lambda name, columns: database.part_of(database.table(name, why), columns, why))
    found = database.query(sql)
    entries = found.filter(pl.col("person_id").is_not_null())
    persons = entries.select(pl.col("person_id").cast(pl.Int64), pl.col("index_date").cast(pl.Date))
    counted = found.filter(pl.col("person_id").is_null())
    reached = dict(counted.select(pl.col("passed").cast(pl.Int64), pl.col("persons").cast(pl.Int64)).iter_rows())
    steps = tuple(_attrition(steps_of(definition), reached))
    return Candidates(persons.sort("person_id"), reached.get(0, 0), steps)


def _attrition(labels: Sequence[str], reached: dict[int, int]) -> Iterator[AttritionStep]:
    """Follow the persons through the steps. `reached`: how many came so far and no further; 0: all persons."""
    left = reached.get(0, 0)
    for i, label in enumerate(labels, 1):
        out = sum(n for step, n in reached.items() if step >= i)
        yield AttritionStep(f"atlas{i}", label, left, left - out, 0, out)
        left = out


def declared_sets(definition: Definition) -> dict[str, DeclaredSet]:
    """Return the concept sets as a protocol would declare them, by name; one without any concept is none."""
    return {
        one.name: DeclaredSet(
            label=one.name,
            concepts=tuple(
                DeclaredConcept(
                    id=item.concept.CONCEPT_ID, name=item.concept.CONCEPT_NAME,
                    descendants=item.includeDescendants, exclude=item.isExcluded,
                )
                for item in one.expression.items
            ),
        )
        for one in definition.ConceptSets
        if any(not item.isExcluded for item in one.expression.items)
    }  # fmt: skip


def tables_of_sets(definition: Definition) -> dict[str, set[str]]:
    """Return the concept sets that conditions name -> the tables in which they look for them."""
    names = {one.id: one.name for one in definition.ConceptSets}
    found: dict[str, set[str]] = {}
    for table, one in _criteria(definition):
        if one.CodesetId is not None:
            found.setdefault(names[one.CodesetId], set()).add(TABLES[table])
    return found


def _criteria(definition: Definition) -> Iterator[tuple[str, Criterion]]:
    """Yield every criterion of the definition with Circe's name of its table, however deep it stands."""
    for each in definition.PrimaryCriteria.CriteriaList:
        yield from _inside(each)
    for group in (definition.AdditionalCriteria, *(rule.expression for rule in definition.InclusionRules)):
        yield from _in_group(group)


def _in_group(group: Group | None) -> Iterator[tuple[str, Criterion]]:
    if group is None:
        return
    for windowed in group.CriteriaList:
        yield from _inside(windowed.Criteria)
    for deeper in group.Groups:
        yield from _in_group(deeper)


def _inside(criteria: dict[Any, Criterion]) -> Iterator[tuple[str, Criterion]]:
    for table, one in criteria.items():
        yield table, one
        yield from _in_group(one.CorrelatedCriteria)


def steps_of(definition: Definition) -> tuple[str, ...]:
    """Return what a person passes on the way into the cohort, in order and in words."""
    primary = definition.PrimaryCriteria
    names = {one.id: one.name for one in definition.ConceptSets}
    events = dict.fromkeys(
        TABLES[table].replace("_", " ") if one.CodesetId is None else names[one.CodesetId]
        for each in primary.CriteriaList
        for table, one in each.items()
    )
    before, after = primary.ObservationWindow.PriorDays, primary.ObservationWindow.PostDays
    observed = "Event inside an observation period"
    if before or after:
        observed += f" with {before} days before and {after} days after it"
    qualified = ["Qualifying event"] if definition.AdditionalCriteria is not None else []
    return (f"Any event: {', '.join(events)}", observed, *qualified, *(rule.name for rule in definition.InclusionRules))


def cohort_sql(definition: Definition, tables: Tables) -> str:
    """Return the SELECT: how many persons came how far (`passed`, `persons`; 0: all), and who enters (`person_id`,
    `index_date`)."""
    return _Query(definition, tables).written()


@dataclass
class _Query:
    """The parts of the query so far, each a common table expression that later ones read."""

    definition: Definition
    table: Tables
    parts: dict[str, str] = field(default_factory=dict)

    def written(self) -> str:
        d = self.definition
        sets = {one.id: self._add("concepts", _concepts(one, self.table)) for one in d.ConceptSets}
        self.sets = sets
        primary = d.PrimaryCriteria
        union = " UNION ALL ".join(
            f"SELECT person_id, event_id, start_date FROM {self._rows(one)}" for one in primary.CriteriaList
        )
        every = self._add("every_event", union)
        window = primary.ObservationWindow
        observed = self._observed(every, window.PriorDays, window.PostDays)
        events = self._picked(observed, primary.PrimaryCriteriaLimit)
        depth, last = 2, events
        steps: list[str] = []
        if d.AdditionalCriteria is not None:
            held = self._holds(d.AdditionalCriteria, events)
            kept = self._add("qualifying", f"SELECT e.* FROM {events} e JOIN {held} h ON {_same('h', 'e')}")
            last, depth = self._picked(kept, d.QualifiedLimit), 3
            steps.append(f"SELECT person_id, 3 AS passed FROM {kept}")
        for i, rule in enumerate(d.InclusionRules):
            held = self._holds(rule.expression, last)
            last = self._add(f"rule_{i + 1}", f"SELECT e.* FROM {last} e JOIN {held} h ON {_same('h', 'e')}")
            steps.append(f"SELECT person_id, {depth + i + 1} AS passed FROM {last}")
        steps = [
            f"SELECT person_id, 1 AS passed FROM {every}", f"SELECT person_id, 2 AS passed FROM {observed}", *steps
        ]  # fmt: skip
        reached = self._add(
            "reached",
            f"SELECT person_id, max(passed) AS passed FROM ({' UNION ALL '.join(steps)}) s GROUP BY person_id",
        )
        chosen = "max" if d.ExpressionLimit.Type == "Last" else "min"
        entry = self._add(
            "entry", f"SELECT person_id, {chosen}(start_date) AS index_date FROM {last} GROUP BY person_id"
        )
        said = ",\n".join(f"{name} AS (\n  {sql}\n)" for name, sql in self.parts.items())
        person, day = "CAST(NULL AS BIGINT)", "CAST(NULL AS DATE)"
        return (
            f"WITH {said}\n"
            f"SELECT 0 AS passed, {person} AS person_id, {day} AS index_date, COUNT(*) AS persons "
            f"FROM {self.table('person', ['person_id'])} p\n"
            f"UNION ALL\nSELECT passed, {person}, {day}, COUNT(*) FROM {reached} GROUP BY passed\n"
            f"UNION ALL\nSELECT CAST(NULL AS INTEGER), person_id, index_date, {person} FROM {entry}"
        )

    def _add(self, what: str, sql: str) -> str:
        """Keep a part under a name of its own; the same part is kept once."""
        for name, known in self.parts.items():
            if known == sql:
                return name
        name = what if what not in self.parts else f"{what}_{len(self.parts)}"
        self.parts[name] = sql
        return name

    # events -----------------------------------------------------------------------------------------------------

    def _observed(self, events: str, before: int = 0, after: int = 0) -> str:
        """Events inside an observation period, with its first and last day."""
        first, last = "o.observation_period_start_date", "o.observation_period_end_date"
        columns = ["person_id", "observation_period_start_date", "observation_period_end_date"]
        periods = self.table("observation_period", columns)
        return self._add(
            "observed",
            f"SELECT e.person_id, e.event_id, e.start_date, {first} AS op_start, {last} AS op_end FROM {events} e "
            f"JOIN {periods} o ON o.person_id = e.person_id "
            f"AND e.start_date >= {_plus(first, before)} AND {_plus('e.start_date', after)} <= {last} "
            f"AND e.start_date <= {last}",
        )

    def _picked(self, events: str, limit: Limit) -> str:
        """One event a person, or all."""
        if limit.Type == "All":
            return events
        order = "DESC" if limit.Type == "Last" else "ASC"
        ranked = (
            "SELECT x.*, row_number() OVER (PARTITION BY x.person_id ORDER BY x.start_date "
            f"{order}, x.event_id, x.op_start) AS ordinal FROM {events} x"
        )
        columns = "person_id, event_id, start_date, op_start, op_end"
        return self._add("picked", f"SELECT {columns} FROM ({ranked}) r WHERE ordinal = 1")

    # conditions -------------------------------------------------------------------------------------------------

    def _holds(self, group: Group, events: str) -> str:
        """The events, by person_id and event_id, of which a group of conditions holds."""
        inner = [
            *(self._windowed(one, events) for one in group.CriteriaList),
            *(self._demographic(one, events) for one in group.DemographicCriteriaList),
            *(self._holds(deeper, events) for deeper in group.Groups),
        ]
        if not inner:
            return self._add("everyone", f"SELECT DISTINCT person_id, event_id FROM {events}")
        asked = {
            "ALL": ("=", len(inner)),
            "ANY": (">=", 1),
            "AT_LEAST": (">=", group.Count),
            "AT_MOST": ("<=", group.Count),
        }
        operator, count = asked[group.Type]
        join = "LEFT JOIN" if _allows_none(operator, count) else "JOIN"
        union = " UNION ALL ".join(
            f"SELECT person_id, event_id, {i} AS part FROM {part}" for i, part in enumerate(inner)
        )
        return self._add(
            "holds",
            f"SELECT e.person_id, e.event_id FROM {events} e {join} ({union}) q ON {_same('q', 'e')} "
            f"GROUP BY e.person_id, e.event_id HAVING count(DISTINCT q.part) {operator} {count}",
        )

    def _windowed(self, one: Windowed, events: str) -> str:
        """The events with so many rows of a table in a window around them."""
        start, end = one.StartWindow.Start, one.StartWindow.End
        when = ["a.person_id = e.person_id"]
        if not one.IgnoreObservationPeriod:
            when.append("a.start_date >= e.op_start AND a.start_date <= e.op_end")
        for bound, operator in ((start, ">="), (end, "<=")):
            if bound.Days is not None:
                when.append(f"a.start_date {operator} {_plus('e.start_date', bound.Days * bound.Coeff)}")
        column = "event_id"
        if one.Occurrence.IsDistinct:
            column = "start_date" if one.Occurrence.CountColumn == "START_DATE" else "concept_id"
        distinct = "DISTINCT " if one.Occurrence.IsDistinct else ""
        operator, count = _COUNTED[one.Occurrence.Type], one.Occurrence.Count
        join = "LEFT JOIN" if _allows_none(operator, count) else "JOIN"
        return self._add(
            "counted",
            f"SELECT e.person_id, e.event_id FROM {events} e {join} {self._rows(one.Criteria)} a "
            f"ON {' AND '.join(when)} GROUP BY e.person_id, e.event_id "
            f"HAVING count({distinct}a.{column}) {operator} {count}",
        )

    def _demographic(self, one: Demographic, events: str) -> str:
        tests = [*_person(one.Age, one.Gender, "e"), *_days("e.start_date", one.OccurrenceStartDate)]
        where = f" WHERE {' AND '.join(tests)}" if tests else ""
        return self._add(
            "person_is",
            f"SELECT DISTINCT e.person_id, e.event_id FROM {events} e "
            f"JOIN {self._persons(bool(one.Age), bool(one.Gender))} p ON p.person_id = e.person_id{where}",
        )

    def _persons(self, age: bool, sex: bool) -> str:
        columns = [*(["year_of_birth"] if age else []), *(["gender_concept_id"] if sex else [])]
        return self.table("person", ["person_id", *columns])

    def _rows(self, criteria: dict[Any, Criterion]) -> str:
        """The rows of one table that a criterion means: person_id, event_id, start_date, concept_id."""
        ((name, one),) = criteria.items()
        table = TABLES[name]
        key = "person_id" if table == "death" else f"{table}_id"
        concept, start = EVENT_COLUMNS[table].concept, EVENT_COLUMNS[table].day
        asked = (one.ValueAsNumber, one.ValueAsConcept, one.Unit)
        extra = [
            c for c, a in zip(("value_as_number", "value_as_concept_id", "unit_concept_id"), asked, strict=True) if a
        ]
        columns = [f"t.{key} AS event_id", f"t.{start} AS start_date", f"t.{concept} AS concept_id"]
        columns += [f"t.{c}" for c in extra]
        if one.First:
            columns.append(f"row_number() OVER (PARTITION BY t.person_id ORDER BY t.{start}, t.{key}) AS ordinal")
        rows = self.table(table, ["person_id", key, concept, start, *extra])
        base = f"SELECT t.person_id, {', '.join(columns)} FROM {rows} t"
        if one.CodesetId is not None:
            base += f" WHERE t.{concept} IN (SELECT concept_id FROM {self.sets[one.CodesetId]})"
        tests = ["c.ordinal = 1"] if one.First else []
        tests += _days("c.start_date", one.OccurrenceStartDate) + _days("c.start_date", one.EraStartDate)
        tests += _number("c.value_as_number", one.ValueAsNumber)
        tests += _among("c.value_as_concept_id", one.ValueAsConcept) + _among("c.unit_concept_id", one.Unit)
        person = _person(one.Age or one.AgeAtStart, one.Gender, "c")
        age, sex = one.Age or one.AgeAtStart, one.Gender
        join = f" JOIN {self._persons(bool(age), bool(sex))} p ON p.person_id = c.person_id" if person else ""
        where = f" WHERE {' AND '.join([*tests, *person])}" if tests or person else ""
        found = self._add(
            f"of_{table}", f"SELECT c.person_id, c.event_id, c.start_date, c.concept_id FROM ({base}) c{join}{where}"
        )
        if one.CorrelatedCriteria is None or one.CorrelatedCriteria.is_empty:
            return found
        held = self._holds(one.CorrelatedCriteria, self._observed(found))
        return self._add(f"of_{table}_where", f"SELECT c.* FROM {found} c JOIN {held} h ON {_same('h', 'c')}")


# what is written alike everywhere -------------------------------------------------------------------------------


def _concepts(one: ConceptSet, table: Tables) -> str:
    """The concepts of a set: those named and their valid descendants, without the excluded ones and theirs."""
    included = [item for item in one.expression.items if not item.isExcluded]
    excluded = [item for item in one.expression.items if item.isExcluded]

    def of(items: Iterable[Any]) -> str:
        items = list(items)
        named = ", ".join(str(item.concept.CONCEPT_ID) for item in items) or "NULL"
        above = ", ".join(str(item.concept.CONCEPT_ID) for item in items if item.includeDescendants)
        sql = f"SELECT c.concept_id FROM {table('concept', ['concept_id'])} c WHERE c.concept_id IN ({named})"
        if above:
            sql += (
                f" UNION SELECT c.concept_id FROM {table('concept', ['concept_id', 'invalid_reason'])} c "
                f"JOIN {table('concept_ancestor', ['ancestor_concept_id', 'descendant_concept_id'])} a "
                "ON a.descendant_concept_id = c.concept_id WHERE NULLIF(c.invalid_reason, '') IS NULL "
                f"AND a.ancestor_concept_id IN ({above})"
            )
        return sql

    return of(included) + (f" EXCEPT ({of(excluded)})" if excluded else "")


def _same(left: str, right: str) -> str:
    return f"{left}.person_id = {right}.person_id AND {left}.event_id = {right}.event_id"


def _plus(day: str, days: int) -> str:
    """A day so many days later: a date and a whole number, as all three databases add them."""
    return day if days == 0 else f"({day} {'-' if days < 0 else '+'} {abs(days)})"


def _allows_none(operator: str, count: int | None) -> bool:
    return operator == "<=" or count == 0


def _days(column: str, day: DayRange | None) -> list[str]:
    if day is None:
        return []
    value, extent = f"DATE '{day.Value}'", f"DATE '{day.Extent}'"
    return (
        [f"{column} >= {value}", f"{column} <= {extent}"]
        if day.Op == "bt"
        else [f"{column} {_COMPARE[day.Op]} {value}"]
    )


def _number(expression: str, number: NumberRange | WholeRange | None) -> list[str]:
    if number is None:
        return []
    if number.Op == "bt":
        return [f"{expression} >= {number.Value!r}", f"{expression} <= {number.Extent!r}"]
    return [f"{expression} {_COMPARE[number.Op]} {number.Value!r}"]


def _among(column: str, concepts: tuple[Concept, ...]) -> list[str]:
    return [f"{column} IN ({', '.join(str(one.CONCEPT_ID) for one in concepts)})"] if concepts else []


def _person(age: WholeRange | None, sex: tuple[Concept, ...], event: str) -> list[str]:
    """Of the person `p`: the difference of calendar years, as Circe counts an age, and the sex."""
    years = f"EXTRACT(YEAR FROM {event}.start_date) - p.year_of_birth"
    return [*_number(f"({years})", age), *_among("p.gender_concept_id", sex)]
