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

from chartline.protocol.atlas import Definition, read_definition
from chartline.protocol.selection import AtlasSelection
from chartline.sources.asked import Asked, Wanted
from chartline.sources.omop_atlas import cohort_sql, steps_of
from chartline.sources.read import read_centre
from chartline.sources.spec import SourceSpec

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


def asked(name: str, folder: Path) -> Definition:
    file = folder / "cohort.json"
    file.write_text(json.dumps(DEFINITIONS[name]))
    return read_definition(file)


def entries(rows: list[tuple[Any, ...]]) -> dict[str, str]:
    """Who enters, and when, of rows passed, person_id, index_date, persons."""
    return {str(person): str(day)[:10] for _, person, day, _ in rows if person is not None}


@pytest.mark.parametrize("name", sorted(DEFINITIONS))
def test_the_persons_and_days_are_those_of_circe(name: str, database: Any, tmp_path: Path) -> None:
    definition = asked(name, tmp_path)
    rows = database.execute(cohort_sql(definition, lambda table, _: table)).fetchall()
    assert entries(rows) == EXPECTED[name]
    # who passed every step enters, and nobody else
    reached = {passed: persons for passed, person, _, persons in rows if person is None}
    assert reached[len(steps_of(definition))] == len(EXPECTED[name])
    assert reached[0] == 150


def test_a_centre_is_read_by_the_definition(tmp_path: Path) -> None:
    """From files, as any study reads them: the rows of those who enter, the steps, and the concepts nobody knows."""
    said = AtlasSelection(circe="cohort.json", definition=asked("demographic", tmp_path))
    spec = [SourceSpec.model_validate({"kind": "omop", "path": "*.csv"})]
    wanted = {"person": Wanted(), "drug_exposure": Wanted()}
    data = read_centre(CIRCE / "database", spec, None, Asked(said, {}, wanted))
    assert set(data.tables["person"].frame["person_id"]) == set(EXPECTED["demographic"])
    assert set(data.tables["drug_exposure"].frame["person_id"]) <= set(EXPECTED["demographic"])
    assert data.tables["measurement"].frame.height == 0  # the mapping does not read it
    assert data.selected is not None
    assert data.selected.screened == 150
    assert [step.label for step in data.selected.steps] == list(steps_of(asked("demographic", tmp_path)))
    assert data.selected.steps[-1].n_out == len(EXPECTED["demographic"])


def test_the_steps_are_counted_person_by_person(database: Any, tmp_path: Path) -> None:
    """Any event, inside an observation period, then each rule in order: as far as any event of the person came."""
    definition = asked("demographic", tmp_path)
    assert steps_of(definition) == (
        "Any event: Conjugate",
        "Event inside an observation period",
        "rule 1",
        "rule 2",
    )
    rows = database.execute(cohort_sql(definition, lambda table, _: table)).fetchall()
    reached = [sum(n for passed, _, _, n in rows if passed is not None and passed >= step) for step in (1, 2, 3, 4)]
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
