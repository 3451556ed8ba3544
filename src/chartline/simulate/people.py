"""The persons of a hospital group who are not in the study: visits with ten laboratory tests each, conditions, drugs,
procedures, deaths. One block of persons at a time, each from its own random stream.

In: the persons of a block. Out: CDM tables. Ten visits a person on average, so a hundred measurements; every value
varies around the person's own level. Concepts are those of `concepts.csv`.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from chartline.simulate.cdm import cdm_table
from chartline.simulate.concepts import PANEL, common, concept_words, pick

FIRST, LAST = np.datetime64("2012-01-01"), np.datetime64("2023-12-31")
VISITS = 10  # a person, on average: ten tests each make a hundred measurements
TYPE = 32817  # EHR
ROOM = 1000  # ids that a person has in each table


class People:
    """The persons of one block: ids, sex, birth and the days between which they were observed (or died)."""

    def __init__(self, ids: np.ndarray, treated: np.ndarray, rng: np.random.Generator) -> None:
        n = len(ids)
        self.ids, self.treated = ids, treated
        self.male = rng.random(n) < 0.5
        self.birth = np.datetime64("1930-01-01") + rng.integers(0, 30_000, n)
        start = FIRST + rng.integers(0, 2500, n)
        self.start = np.maximum(start, self.birth)
        length = np.minimum(rng.exponential(2500, n).astype(np.int64) + 60, (LAST - self.start).astype(np.int64))
        # Gompertz: mortality doubles every eight years of age.
        age = (self.start - self.birth).astype(np.int64) / 365.25
        lives = rng.exponential(365.25 / np.exp(-9.5 + 0.085 * age)).astype(np.int64) + 1
        self.dies = (lives < length) & ~treated
        self.end = self.start + np.where(self.dies, np.minimum(lives, length), length)


def background(people: People, rng: np.random.Generator) -> dict[str, pl.DataFrame]:
    """Return the tables of everybody who is not treated with the index drug; `person` holds everybody."""
    others = np.flatnonzero(~people.treated)
    visits = _times(people, others, VISITS, rng)
    died = np.flatnonzero(people.dies)
    return {
        "observation_period": _periods(people, others),
        "visit_occurrence": _visits(people, *visits),
        "measurement": _measurements(people, *visits, rng),
        "condition_occurrence": _conditions(people, *_times(people, others, 3, rng), rng),
        "drug_exposure": _drugs(people, *_times(people, others, 5, rng), rng),
        "procedure_occurrence": _procedures(people, *_times(people, others, 2, rng), rng),
        "death": cdm_table(
            "death",
            {"person_id": people.ids[died], "death_date": people.end[died], "death_type_concept_id": _type(died)},
        ),
    }


def persons(people: People) -> pl.DataFrame:
    """Return the table `person` of a block."""
    birth = pl.Series(people.birth).cast(pl.Date)
    female = (~people.male).astype(np.int64)
    filled = {
        "person_id": people.ids,
        "gender_concept_id": np.array([8507, 8532])[female],
        "year_of_birth": birth.dt.year(),
        "month_of_birth": birth.dt.month(),
        "day_of_birth": birth.dt.day(),
        "birth_datetime": birth.cast(pl.Datetime("us")),
        "race_concept_id": np.zeros(len(people.ids), np.int64),
        "ethnicity_concept_id": np.zeros(len(people.ids), np.int64),
        "person_source_value": "P" + pl.Series(people.ids).cast(pl.String),
        "gender_source_value": pick(["M", "F"], female),
    }
    return cdm_table("person", filled)


def _times(
    people: People, who: np.ndarray, mean: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return person (position), day and number within the person of events spread evenly over the time observed."""
    counts = np.minimum(rng.poisson(mean, len(who)), ROOM // len(PANEL) - 1)
    person = np.repeat(who, counts)
    span = (people.end - people.start).astype(np.int64)[person]
    day = (rng.random(len(person)) * (span + 1)).astype(np.int64)
    order = np.lexsort((day, person))  # in time, as a hospital would have written them
    first = np.repeat(np.cumsum(counts) - counts, counts)
    return person, people.start[person] + day[order], np.arange(len(person)) - first


def _ids(people: People, person: np.ndarray, number: np.ndarray) -> np.ndarray:
    ids: np.ndarray = people.ids[person] * ROOM + number
    return ids


def _type(like: np.ndarray) -> np.ndarray:
    return np.full(len(like), TYPE)


def _periods(people: People, who: np.ndarray) -> pl.DataFrame:
    filled = {
        "observation_period_id": people.ids[who] * ROOM,
        "person_id": people.ids[who],
        "observation_period_start_date": people.start[who],
        "observation_period_end_date": people.end[who],
        "period_type_concept_id": _type(who),
    }
    return cdm_table("observation_period", filled)


def _visits(people: People, person: np.ndarray, day: np.ndarray, number: np.ndarray) -> pl.DataFrame:
    filled = {
        "visit_occurrence_id": _ids(people, person, number),
        "person_id": people.ids[person],
        "visit_concept_id": np.full(len(person), 9202),
        "visit_start_date": day,
        "visit_end_date": day,
        "visit_type_concept_id": _type(person),
    }
    return cdm_table("visit_occurrence", filled)


def _measurements(
    people: People, person: np.ndarray, day: np.ndarray, number: np.ndarray, rng: np.random.Generator
) -> pl.DataFrame:
    """Ten tests at each visit, each value around the level of its person."""
    tests = len(PANEL)
    level = rng.standard_normal((len(people.ids), tests), dtype=np.float32)
    noise = rng.standard_normal((len(person), tests), dtype=np.float32)
    usual, spread = np.array([t.usual for t in PANEL]), np.array([t.spread for t in PANEL], np.float32)
    values = usual * np.exp(spread * (0.8 * level[person] + 0.5 * noise))
    scale = np.array([10.0**t.decimals for t in PANEL])
    visit, test = np.repeat(np.arange(len(person)), tests), np.tile(np.arange(tests), len(person))
    of = people.ids[person]
    filled = {
        "measurement_id": (of * ROOM + number * tests)[visit] + test,
        "person_id": of[visit],
        "measurement_concept_id": np.array([t.concept for t in PANEL])[test],
        "measurement_date": day[visit],
        "measurement_type_concept_id": _type(visit),
        "value_as_number": (np.round(values * scale) / scale).ravel(),
        "unit_concept_id": np.array([t.unit_concept for t in PANEL])[test],
        "range_low": pl.Series([t.low for t in PANEL]).gather(test),
        "range_high": pl.Series([t.high for t in PANEL]).gather(test),
        "visit_occurrence_id": _ids(people, person, number)[visit],
        "measurement_source_value": pick([t.code for t in PANEL], test),
        "unit_source_value": pick([t.unit for t in PANEL], test),
    }
    return cdm_table("measurement", filled)


def _conditions(
    people: People, person: np.ndarray, day: np.ndarray, number: np.ndarray, rng: np.random.Generator
) -> pl.DataFrame:
    what = rng.choice(common("Condition"), len(person))
    filled = {
        "condition_occurrence_id": _ids(people, person, number),
        "person_id": people.ids[person],
        "condition_concept_id": what,
        "condition_start_date": day,
        "condition_type_concept_id": _type(person),
        "condition_source_value": concept_words(what),
    }
    return cdm_table("condition_occurrence", filled)


def _drugs(
    people: People, person: np.ndarray, day: np.ndarray, number: np.ndarray, rng: np.random.Generator
) -> pl.DataFrame:
    what = rng.choice(common("Drug"), len(person))
    filled = {
        "drug_exposure_id": _ids(people, person, number),
        "person_id": people.ids[person],
        "drug_concept_id": what,
        "drug_exposure_start_date": day,
        "drug_exposure_end_date": np.minimum(day + 30, people.end[person]),
        "drug_type_concept_id": _type(person),
        "quantity": np.full(len(person), 30.0),
        "drug_source_value": concept_words(what),
    }
    return cdm_table("drug_exposure", filled)


def _procedures(
    people: People, person: np.ndarray, day: np.ndarray, number: np.ndarray, rng: np.random.Generator
) -> pl.DataFrame:
    what = rng.choice(common("Procedure"), len(person))
    filled = {
        "procedure_occurrence_id": _ids(people, person, number),
        "person_id": people.ids[person],
        "procedure_concept_id": what,
        "procedure_date": day,
        "procedure_type_concept_id": _type(person),
        "procedure_source_value": concept_words(what),
    }
    return cdm_table("procedure_occurrence", filled)
