"""A cohort definition of ATLAS -> one SELECT over the tables of an OMOP database, with Circe's meaning.

In: a `Definition` and the names of the database's tables. Out: SQL that DuckDB, PostgreSQL and Spark run alike, which
gives one row for each person with any of the primary events

    person_id   as in the database
    index_date  day of the first entry into the cohort; null where the person never enters
    passed      how many of the steps (`steps_of`) the person passed, one after the other: as far as any event came

and nothing is written to the database. As in Circe: an event counts inside an observation period only; a condition
counts rows in the same observation period as the event, unless told to ignore it; an age is a difference of calendar
years; `First` is the first such record of the person's life, of which everything else is asked; descendants are valid
concepts of `concept_ancestor`. What decides when somebody leaves a cohort never changes an entry and has no part here.
Of a cohort that lets a person enter more than once it is the first entry: a person enters a study once.
Source: OHDSI circe-be 1.11 (CohortExpressionQueryBuilder and its templates); the tests compare persons and days.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

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

_COMPARE = {"lt": "<", "lte": "<=", "eq": "=", "gt": ">", "gte": ">="}
_COUNTED = ("=", "<=", ">=")  # by Circe's Occurrence.Type: exactly, at most, at least
# Table -> its key, its concept and its first day; `<domain>_concept_id` and `<table>_id` but for these.
_ODD = {
    "death": ("person_id", "cause_concept_id", "death_date"),
    "measurement": ("measurement_id", "measurement_concept_id", "measurement_date"),
    "observation": ("observation_id", "observation_concept_id", "observation_date"),
    "procedure_occurrence": ("procedure_occurrence_id", "procedure_concept_id", "procedure_date"),
    "condition_era": ("condition_era_id", "condition_concept_id", "condition_era_start_date"),
    "drug_era": ("drug_era_id", "drug_concept_id", "drug_era_start_date"),
    "condition_occurrence": ("condition_occurrence_id", "condition_concept_id", "condition_start_date"),
    "visit_occurrence": ("visit_occurrence_id", "visit_concept_id", "visit_start_date"),
    "drug_exposure": ("drug_exposure_id", "drug_concept_id", "drug_exposure_start_date"),
    "device_exposure": ("device_exposure_id", "device_concept_id", "device_exposure_start_date"),
}


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


def select_cohort(definition: Definition, table: Callable[[str], str]) -> str:
    """Return the SELECT; `table` gives the name, with its schema, of a table of the CDM."""
    return _Query(definition, table).written()


@dataclass
class _Query:
    """The parts of the query so far, each a common table expression that later ones read."""

    definition: Definition
    table: Callable[[str], str]
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
        return (
            f"WITH {said}\nSELECT r.person_id, n.index_date, r.passed\nFROM {reached} r "
            f"LEFT JOIN {entry} n ON n.person_id = r.person_id"
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
        first, last = _day("o.observation_period_start_date"), _day("o.observation_period_end_date")
        return self._add(
            "observed",
            f"SELECT e.person_id, e.event_id, e.start_date, {first} AS op_start, {last} AS op_end FROM {events} e "
            f"JOIN {self.table('observation_period')} o ON o.person_id = e.person_id "
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
            f"JOIN {self.table('person')} p ON p.person_id = e.person_id{where}",
        )

    def _rows(self, criteria: dict[Any, Criterion]) -> str:
        """The rows of one table that a criterion means: person_id, event_id, start_date, concept_id."""
        ((name, one),) = criteria.items()
        table = TABLES[name]
        key, concept, start = _ODD[table]
        asked = (one.ValueAsNumber, one.ValueAsConcept, one.Unit)
        extra = [
            c for c, a in zip(("value_as_number", "value_as_concept_id", "unit_concept_id"), asked, strict=True) if a
        ]
        columns = [f"t.{key} AS event_id", f"{_day(f't.{start}')} AS start_date", f"t.{concept} AS concept_id"]
        columns += [f"t.{c}" for c in extra]
        if one.First:
            columns.append(f"row_number() OVER (PARTITION BY t.person_id ORDER BY t.{start}, t.{key}) AS ordinal")
        meant = ""
        if one.CodesetId is not None:
            meant = f" WHERE t.{concept} IN (SELECT concept_id FROM {self.sets[one.CodesetId]})"
        base = f"SELECT t.person_id, {', '.join(columns)} FROM {self.table(table)} t{meant}"
        tests = ["c.ordinal = 1"] if one.First else []
        tests += _days("c.start_date", one.OccurrenceStartDate) + _days("c.start_date", one.EraStartDate)
        tests += _number("c.value_as_number", one.ValueAsNumber)
        tests += _among("c.value_as_concept_id", one.ValueAsConcept) + _among("c.unit_concept_id", one.Unit)
        person = _person(one.Age or one.AgeAtStart, one.Gender, "c")
        join = f" JOIN {self.table('person')} p ON p.person_id = c.person_id" if person else ""
        where = f" WHERE {' AND '.join([*tests, *person])}" if tests or person else ""
        rows = self._add(
            f"of_{table}", f"SELECT c.person_id, c.event_id, c.start_date, c.concept_id FROM ({base}) c{join}{where}"
        )
        if one.CorrelatedCriteria is None or one.CorrelatedCriteria.is_empty:
            return rows
        held = self._holds(one.CorrelatedCriteria, self._observed(rows))
        return self._add(f"of_{table}_where", f"SELECT c.* FROM {rows} c JOIN {held} h ON {_same('h', 'c')}")


# what is written alike everywhere -------------------------------------------------------------------------------


def _concepts(one: ConceptSet, table: Callable[[str], str]) -> str:
    """The concepts of a set: those named and their valid descendants, without the excluded ones and theirs."""
    included = [item for item in one.expression.items if not item.isExcluded]
    excluded = [item for item in one.expression.items if item.isExcluded]

    def of(items: Iterable[Any]) -> str:
        items = list(items)
        named = ", ".join(str(item.concept.CONCEPT_ID) for item in items) or "NULL"
        above = ", ".join(str(item.concept.CONCEPT_ID) for item in items if item.includeDescendants)
        sql = f"SELECT concept_id FROM {table('concept')} WHERE concept_id IN ({named})"
        if above:
            sql += (
                f" UNION SELECT c.concept_id FROM {table('concept')} c JOIN {table('concept_ancestor')} a "
                f"ON a.descendant_concept_id = c.concept_id WHERE c.invalid_reason IS NULL "
                f"AND a.ancestor_concept_id IN ({above})"
            )
        return sql

    return of(included) + (f" EXCEPT ({of(excluded)})" if excluded else "")


def _same(left: str, right: str) -> str:
    return f"{left}.person_id = {right}.person_id AND {left}.event_id = {right}.event_id"


def _day(column: str) -> str:
    return f"CAST({column} AS DATE)"


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
