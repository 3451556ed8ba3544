"""A cohort definition of ATLAS selects the persons that Circe selects, with the same index dates.

The database and the definitions are made up (`tests/reference/circe`); the expected persons and days were recorded from
two other implementations of Circe, which agree on every definition.
"""

from __future__ import annotations

import json
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chartline.protocol.atlas import read_definition
from chartline.sources.omop_atlas import select_cohort, steps_of

CIRCE = Path(__file__).parents[1] / "reference" / "circe"
DEFINITIONS: dict[str, Any] = runpy.run_path(str(CIRCE / "definitions.py"))["definitions"]()
EXPECTED: dict[str, dict[str, str]] = json.loads((CIRCE / "expected.json").read_text())


@pytest.fixture(scope="module")
def database() -> Iterator[Any]:
    duckdb = pytest.importorskip("duckdb")
    with duckdb.connect() as connection:
        for file in sorted((CIRCE / "database").glob("*.csv")):
            connection.execute(f"CREATE TABLE {file.stem} AS SELECT * FROM read_csv('{file}', header=true, delim=',')")
        connection.execute("ALTER TABLE death ADD COLUMN cause_concept_id BIGINT")
        yield connection


def test_every_definition_was_recorded() -> None:
    assert set(DEFINITIONS) == set(EXPECTED)
    assert all(EXPECTED.values())  # a definition that nobody fulfils would show nothing


@pytest.mark.parametrize("name", sorted(DEFINITIONS))
def test_the_persons_and_days_are_those_of_circe(name: str, database: Any, tmp_path: Path) -> None:
    file = tmp_path / f"{name}.json"
    file.write_text(json.dumps(DEFINITIONS[name]))
    definition = read_definition(file)
    rows = database.execute(select_cohort(definition, str)).fetchall()
    assert {str(person): str(day)[:10] for person, day, _ in rows if day is not None} == EXPECTED[name]
    # who passed every step enters, and nobody else
    every = len(steps_of(definition))
    assert all((day is not None) == (passed == every) for _, day, passed in rows)
    assert len({person for person, _, _ in rows}) == len(rows)


def test_the_steps_are_counted_person_by_person(database: Any, tmp_path: Path) -> None:
    """Any event, inside an observation period, then each rule in order: as far as any event of the person came."""
    file = tmp_path / "cohort.json"
    file.write_text(json.dumps(DEFINITIONS["demographic"]))
    definition = read_definition(file)
    assert steps_of(definition) == (
        "Any event: Conjugate",
        "Event inside an observation period",
        "rule 1",
        "rule 2",
    )
    passed = [step for _, _, step in database.execute(select_cohort(definition, str)).fetchall()]
    reached = [sum(p >= step for p in passed) for step in (1, 2, 3, 4)]
    conjugate = "(SELECT concept_id FROM concept WHERE concept_id IN (1, 11, 12))"
    by_hand = [
        f"SELECT count(DISTINCT person_id) FROM drug_exposure WHERE drug_concept_id IN {conjugate}",
        f"""SELECT count(DISTINCT d.person_id) FROM drug_exposure d JOIN observation_period o USING (person_id)
            WHERE drug_concept_id IN {conjugate} AND drug_exposure_start_date
            BETWEEN observation_period_start_date AND observation_period_end_date""",
        f"""SELECT count(DISTINCT d.person_id) FROM drug_exposure d JOIN observation_period o USING (person_id)
            JOIN person p USING (person_id) WHERE drug_concept_id IN {conjugate} AND drug_exposure_start_date
            BETWEEN observation_period_start_date AND observation_period_end_date AND gender_concept_id = 8532
            AND year(drug_exposure_start_date) - year_of_birth BETWEEN 12 AND 25""",
    ]
    assert reached[:3] == [database.execute(sql).fetchone()[0] for sql in by_hand]
    assert reached[3] == len(EXPECTED["demographic"])
