"""The patients of the study inside a simulated database: adults with B-cell ALL who get inotuzumab ozogamicin.

In: who, their birth and sex, the truth, a random stream. Out: rows of CDM tables. One patient is drawn at a time; there
are few of them. What happens to a patient follows the times that are drawn first: death, remission, relapse,
transplantation, last contact. Everything in the charts stops at death and at the last contact.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np

from chartline.simulate.concepts import INGREDIENT, PANEL, PRODUCT
from chartline.simulate.people import LAST, ROOM, TYPE
from chartline.simulate.truth import ASSESSED, Truth

BORN = (date(1945, 1, 1), date(2004, 12, 31))
FIRST_DOSE = (date(2017, 2, 1), date(2022, 12, 31))
_SEEN = 180  # nobody is lost sooner, so that whoever is alive at the second assessment is assessed
_WEEK = 7
_LEVELS = {  # medians: before treatment, in a cycle, after recovery
    "HB": (88.0, 85.0, 112.0),
    "WBC": (6.0, 1.8, 4.6),
    "ANC": (0.8, 0.4, 2.6),
    "PLT": (38.0, 30.0, 165.0),
    "ALT": (30.0, 40.0, 32.0),
    "AST": (28.0, 38.0, 30.0),
    "BILI": (9.0, 12.0, 10.0),
    "ALP": (85.0, 95.0, 90.0),
    "GGT": (40.0, 60.0, 48.0),
    "CREA": (70.0, 70.0, 70.0),
}


@dataclass
class Course:
    """What happens to one patient, in days from the first dose; None where it does not happen or is not seen."""

    death: int  # drawn for everybody; seen where not after `last`
    last: int  # the last day of contact
    remission: int | None = None
    recovered: bool = False  # counts, at remission
    relapse: int | None = None
    transplant: int | None = None
    doses: tuple[int, ...] = ()
    negative: bool = False  # MRD

    @property
    def end(self) -> int:
        """The last day on which anything can stand in the charts."""
        return min(self.death, self.last)

    @property
    def died(self) -> bool:
        return self.death <= self.last


def draw_course(truth: Truth, days_left: int, rng: np.random.Generator) -> Course:
    """Draw one course. `days_left` are the days from the first dose to the end of the data."""
    death = max(1, int(np.ceil(truth.survival_scale * rng.weibull(truth.survival_shape))))
    course = Course(death, min(days_left, _SEEN + int(rng.exponential(truth.lost_mean))))
    responds, first = rng.random() < truth.responds, rng.random() < truth.at_first
    course.recovered, course.negative = rng.random() < truth.recovered, rng.random() < truth.mrd_negative
    after, goes, waits = rng.exponential(truth.relapse_mean), rng.random() < truth.transplanted, rng.integers(20, 90)
    day = ASSESSED[0 if first else 1]
    if responds and day < course.death:  # a death on the day comes before the marrow
        course.remission = day
        relapse = day + 1 + int(after)
        course.relapse = relapse if relapse < course.end else None
        transplant = day + 14 + int(waits)
        if goes and transplant < min(course.end, course.relapse or course.end):
            course.transplant = transplant
    cycles = 1 + int(rng.integers(0, 4))
    planned = [28 * cycle + day for cycle in range(cycles) for day in (0, 7, 14)]
    stop = min(x for x in (course.end, course.relapse, course.transplant) if x is not None)
    course.doses = tuple(day for day in planned if day < stop or day == 0)
    return course


@dataclass
class Chart:
    """The rows of one patient's chart, by table. Ids count up within the patient's room of ids."""

    person: int
    first_dose: date
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    _used: dict[str, int] = field(default_factory=dict)

    def add(self, table: str, day: int, concept: int, **filled: Any) -> None:
        """Add a row of `table` about `concept` on a day from the first dose."""
        stem, when = _NAMES[table]
        row = {f"{stem}_concept_id": concept, f"{stem}_type_concept_id": TYPE, when: self.on(day), **filled}
        self.append(table, row)

    def append(self, table: str, row: dict[str, Any]) -> None:
        number = self._used[table] = self._used.get(table, -1) + 1
        ids = {"person_id": self.person, f"{table}_id": self.person * ROOM + number}
        self.rows.setdefault(table, []).append(ids | row)

    def on(self, day: int) -> date:
        return self.first_dose + timedelta(days=day)


_NAMES = {  # table -> stem of its columns, column of its day
    "measurement": ("measurement", "measurement_date"),
    "observation": ("observation", "observation_date"),
    "condition_occurrence": ("condition", "condition_start_date"),
    "drug_exposure": ("drug", "drug_exposure_start_date"),
    "procedure_occurrence": ("procedure", "procedure_date"),
}


def draw_chart(person: int, male: bool, truth: Truth, rng: np.random.Generator) -> tuple[date, Chart, Course]:
    """Return the birth date, the chart and the course of one treated patient."""
    birth = BORN[0] + timedelta(days=int(rng.integers(0, (BORN[1] - BORN[0]).days + 1)))
    start = FIRST_DOSE[0] + timedelta(days=int(rng.integers(0, (FIRST_DOSE[1] - FIRST_DOSE[0]).days + 1)))
    end: date = LAST.astype(object)
    course = draw_course(truth, (end - start).days, rng)
    chart = Chart(person, start)
    _history(chart, rng)
    _treatment(chart, course, rng)
    _assessments(chart, course, rng)
    _laboratory(chart, course, male, rng)
    _events(chart, course, rng)
    _follow_up(chart, course)
    return birth, chart, course


def _history(chart: Chart, rng: np.random.Generator) -> None:
    """Diagnosis, earlier treatment and what is known at baseline."""
    since = int(rng.integers(200, 1200))
    diagnosis = "C91.0 B-cell acute lymphoblastic leukaemia"
    chart.add("condition_occurrence", -since, 2000000200, condition_source_value=diagnosis)
    lines = 1 + int(rng.random() < 0.4)
    for line in range(1, lines + 1):
        begins, ends = (-since + 5, -since + 120) if line == 1 else (-110, -50)
        _line(chart, line, begins, ends, "CR" if line == 1 else "NR")
    refractory = rng.random() < 0.25
    for concept, value in (
        (2000000216, "POSITIVE" if rng.random() < 0.25 else "NEGATIVE"),
        (2000000220, "REFRACTORY" if refractory else "RELAPSED"),
        (2000000222, str(int(rng.integers(0, 3)))),
        (2000000223, str(lines)),
    ):
        _observe(chart, 0, concept, value)


def _line(chart: Chart, number: int, begins: int, ends: int, best: str) -> None:
    regimen, concept = (("Hyper-CVAD", 2000000203), ("FLAM", 2000000204))[number - 1]
    row = {
        "episode_concept_id": 32531,
        "episode_start_date": chart.on(begins),
        "episode_end_date": chart.on(ends),
        "episode_number": number,
        "episode_object_concept_id": concept,
        "episode_type_concept_id": TYPE,
        "episode_source_value": f"{regimen} | best {best}",
    }
    chart.append("episode", row)


def _observe(chart: Chart, day: int, concept: int, value: str) -> None:
    chart.add("observation", day, concept, value_as_string=value)


def _treatment(chart: Chart, course: Course, rng: np.random.Generator) -> None:
    """Doses by the label: 0.8, 0.5, 0.5 mg/m2 in cycle 1 and until remission, then 0.5 each; transplantation."""
    area = float(np.clip(rng.normal(1.8, 0.15), 1.4, 2.3))
    product = INGREDIENT if rng.random() < 0.5 else PRODUCT
    for day in course.doses:
        first = day % 28 == 0 and not (course.remission is not None and day > course.remission)
        m2 = 0.8 if first else 0.5
        chart.add(
            "drug_exposure", day, product, drug_exposure_end_date=chart.on(day), quantity=round(m2 * area, 2),
            sig=f"{m2} mg/m2 IV", dose_unit_source_value="mg", drug_source_value="INOTUZUMAB OZOGAMICIN",
        )  # fmt: skip
    if course.transplant is not None:
        status = "ALLO HSCT; POST-INO HSCT; donor Matched sibling; cond Flu/Mel; status CR/CRi"
        chart.add("procedure_occurrence", course.transplant, 2000000209, procedure_source_value=status)


def _assessments(chart: Chart, course: Course, rng: np.random.Generator) -> None:
    """The marrow before treatment, after cycles, and at relapse."""
    _marrow(chart, -3, "BASELINE", float(rng.integers(20, 95)), float(rng.integers(0, 30)), "BASELINE")
    for number, day in enumerate(ASSESSED, 1):
        if day >= min(x for x in (course.end, course.relapse, course.transplant) if x is not None):
            break
        in_remission = course.remission is not None and day >= course.remission
        blasts = round(float(rng.uniform(0.2, 3.5)), 1) if in_remission else float(rng.integers(15, 80))
        response = ("CR" if course.recovered else "CRi") if in_remission else "NR"
        _marrow(chart, day, f"END OF CYCLE {number}", blasts, 0.0 if in_remission else 4.0, response)
        if in_remission:
            _mrd(chart, day, course.negative)
    if course.relapse is not None:
        _marrow(chart, course.relapse, "RELAPSE", float(rng.integers(20, 90)), 5.0, "RELAPSE")


def _marrow(chart: Chart, day: int, visit: str, marrow: float, blood: float, response: str) -> None:
    for concept, word, value in ((2000000210, "BM_BLASTS", marrow), (2000000211, "PB_BLASTS", blood)):
        chart.add(
            "measurement", day, concept, value_as_number=value, unit_concept_id=8554,
            measurement_source_value=f"{word}|{visit}", unit_source_value="%",
        )  # fmt: skip
    _observe(chart, day, 2000000212, "ABSENT")
    _observe(chart, day, 2000000213, response)


def _mrd(chart: Chart, day: int, negative: bool) -> None:
    chart.add(
        "measurement", day, 2000000214, value_as_number=0.0 if negative else 0.2, unit_concept_id=8554,
        measurement_source_value="MRD_FLOW|cells=1000000|lod=2e-05", unit_source_value="%",
        value_source_value="NEGATIVE" if negative else "POSITIVE",
    )  # fmt: skip


def _laboratory(chart: Chart, course: Course, male: bool, rng: np.random.Generator) -> None:
    """The panel before the first dose, weekly until six weeks after the last, and at each marrow in remission."""
    last = min(course.end - 1, course.doses[-1] + 42, (course.transplant or course.end) - 1)
    days = sorted({-1, *range(_WEEK, last + 1, _WEEK), *(d for d in ASSESSED if d <= last)})
    level = np.exp(rng.normal(0, 0.15, len(PANEL)))
    toxic = set(range(28, 50)) if rng.random() < 0.15 else set()  # three weeks of raised liver enzymes
    for day in days:
        phase = 0 if day < 0 else 2 if _recovered(course, day) else 1
        for test, own in zip(PANEL, level, strict=True):
            value = _LEVELS[test.code][phase] * own * float(np.exp(rng.normal(0, 0.08)))
            if day in toxic and test.code in ("ALT", "AST"):
                value *= 7
            if phase == 2 and test.code in ("ANC", "PLT"):
                value = max(value, 1.2 if test.code == "ANC" else 105.0)
            chart.add(
                "measurement", day, test.concept, value_as_number=round(value, test.decimals or None),
                unit_concept_id=test.unit_concept, range_high=test.high,
                range_low=130.0 if test.code == "HB" and male else test.low,
                measurement_source_value=test.code, unit_source_value=test.unit,
            )  # fmt: skip


def _recovered(course: Course, day: int) -> bool:
    return course.recovered and course.remission is not None and course.remission <= day and day != course.relapse


def _events(chart: Chart, course: Course, rng: np.random.Generator) -> None:
    for concept, term, share in ((2000000234, "Febrile neutropenia", 0.25), (2000000235, "Pneumonia", 0.1)):
        day = int(rng.integers(5, 20))
        if rng.random() < share and day + 6 < course.end:
            words = f"AE|{term}|grade=3|related=Y|serious=Y|outcome=RECOVERED/RESOLVED"
            chart.add(
                "condition_occurrence", day, concept, condition_end_date=chart.on(day + 6), condition_source_value=words
            )


def _follow_up(chart: Chart, course: Course) -> None:
    if course.relapse is not None:
        _observe(chart, course.relapse, 2000000230, "MARROW")
    _observe(chart, course.end, 2000000231, "DEAD" if course.died else "ALIVE")
    if course.died:
        row = {
            "person_id": chart.person,
            "death_date": chart.on(course.death),
            "death_type_concept_id": TYPE,
            "cause_source_value": "Progressive leukaemia" if course.relapse or not course.remission else "Infection",
        }
        chart.rows.setdefault("death", []).append(row)
    period = {
        "observation_period_start_date": chart.on(-1300),
        "observation_period_end_date": chart.on(course.end),
        "period_type_concept_id": TYPE,
    }
    chart.append("observation_period", period)


def rows_by_table(charts: list[Chart]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Return the rows of all charts, table by table."""
    for table in sorted({t for c in charts for t in c.rows}):
        yield table, [row for c in charts for row in c.rows.get(table, [])]
