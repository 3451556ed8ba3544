"""Records what two other implementations of Circe give for small definitions on a small made-up database.

Run in an environment of its own with duckcdm 0.4.7 and ohdsi-circepy 0.3.0 (both Apache-2.0; neither is needed to run
the tests): `python record.py`. It writes `database/*.csv` and `expected.json`: per definition
the persons of the cohort with the first day of their first entry. duckcdm writes the SQL of circe-be (it was compared
byte by byte with the Java program by its author); a definition on which the two differ is not recorded.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import random
from pathlib import Path
from typing import Any

from definitions import CONCEPTS, definitions

HERE = Path(__file__).parent
DAY0 = dt.date(2018, 1, 1)
ANCESTORS = {1: (1, 11, 12, 13), 2: (2, 21), 3: (3, 31, 32), 31: (31,), 32: (32,), 4: (4,), 5: (5,), 6: (6,)}
COLUMNS = {
    "concept": (
        "concept_id",
        "concept_name",
        "domain_id",
        "vocabulary_id",
        "concept_code",
        "standard_concept",
        "invalid_reason",
    ),
    "concept_ancestor": ("ancestor_concept_id", "descendant_concept_id"),
    "concept_relationship": ("concept_id_1", "concept_id_2", "relationship_id", "invalid_reason"),
    "person": ("person_id", "gender_concept_id", "year_of_birth", "month_of_birth", "day_of_birth"),
    "observation_period": (
        "observation_period_id",
        "person_id",
        "observation_period_start_date",
        "observation_period_end_date",
    ),
    "drug_exposure": (
        "drug_exposure_id",
        "person_id",
        "drug_concept_id",
        "drug_exposure_start_date",
        "drug_exposure_end_date",
        "days_supply",
        "visit_occurrence_id",
    ),
    "condition_occurrence": (
        "condition_occurrence_id",
        "person_id",
        "condition_concept_id",
        "condition_start_date",
        "condition_end_date",
        "visit_occurrence_id",
    ),
    "measurement": (
        "measurement_id",
        "person_id",
        "measurement_concept_id",
        "measurement_date",
        "value_as_number",
        "value_as_concept_id",
        "unit_concept_id",
        "visit_occurrence_id",
    ),
    "procedure_occurrence": (
        "procedure_occurrence_id",
        "person_id",
        "procedure_concept_id",
        "procedure_date",
        "procedure_end_date",
        "visit_occurrence_id",
    ),
    "death": ("person_id", "death_date"),
}


def database(seed: int, persons: int) -> dict[str, list[tuple[Any, ...]]]:
    """Return the tables of a random database; ids above two billion, as large databases have them."""
    draw, out = random.Random(seed), {name: [] for name in COLUMNS}
    out["concept"] = [(i, n, "", "", str(i), "S", "D" if i == 13 else None) for i, n in CONCEPTS.items()]
    out["concept_ancestor"] = [(a, d) for a, under in ANCESTORS.items() for d in under]

    def day(n: int) -> str:
        return (DAY0 + dt.timedelta(n)).isoformat()

    for number in range(1, persons + 1):
        person = 9_000_000_000 + number if number % 5 == 0 else number
        birth = draw.randint(1990, 2006)
        out["person"].append((person, draw.choice((8507, 8532)), birth, draw.randint(1, 12), draw.randint(1, 28)))
        start = draw.randint(0, 300)
        end = start + draw.randint(100, 900)
        out["observation_period"].append((number * 10, person, day(start), day(end)))
        if draw.random() < 0.3:
            again = end + draw.randint(30, 100)
            out["observation_period"].append((number * 10 + 1, person, day(again), day(again + draw.randint(50, 400))))

        def add(table: str, most: int, *values: Any, person: int = person) -> None:
            for _ in range(draw.randint(0, most)):
                row = [v() if callable(v) else v for v in values]
                out[table].append((len(out[table]) + 1, person, *row))

        when = lambda: day(draw.randint(0, 1100))  # noqa: E731
        add("drug_exposure", 4, lambda: draw.choice((11, 12, 13, 1)), when, None, lambda: draw.choice((None, 30)), None)
        add("drug_exposure", 3, lambda: draw.choice((2, 21)), when, None, None, None)
        add("condition_occurrence", 4, lambda: draw.choice((3, 31, 31, 32)), when, None, None)
        add("procedure_occurrence", 1, 5, when, None, None)
        add(
            "measurement",
            5,
            4,
            when,
            lambda: draw.choice((None, 1.0, 4.9, 5.0, 5.1, 20.0, 90.0)),
            lambda: draw.choice((None, 7, 8)),
            lambda: draw.choice((9, 10, None)),
            None,
        )
        if draw.random() < 0.4:
            out["death"].append((person, when()))
    return out


def write_database(tables: dict[str, list[tuple[Any, ...]]]) -> None:
    (HERE / "database").mkdir(exist_ok=True)
    for name, found in tables.items():
        with (HERE / "database" / f"{name}.csv").open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerows([COLUMNS[name], *found])


def cohort_of(sql: str, connection: Any) -> dict[str, str]:
    connection.execute("DELETE FROM cohort")
    connection.execute(sql)
    found = connection.execute("SELECT subject_id, min(cohort_start_date) FROM cohort GROUP BY 1 ORDER BY 1").fetchall()
    return {str(person): day.isoformat() if isinstance(day, dt.date) else str(day)[:10] for person, day in found}


def connected() -> Any:
    import duckdb

    connection = duckdb.connect()
    for name, columns in COLUMNS.items():
        types = {
            c: "VARCHAR"
            if c.endswith(
                ("name", "_code", "reason", "domain_id", "vocabulary_id", "standard_concept", "relationship_id")
            )
            else "DATE"
            if c.endswith("date")
            else "DOUBLE"
            if "number" in c
            else "BIGINT"
            for c in columns
        }
        connection.execute(f"CREATE TABLE {name} ({', '.join(f'{c} {t}' for c, t in types.items())})")
        connection.execute(
            f"INSERT INTO {name} SELECT * FROM read_csv('{HERE}/database/{name}.csv', header=true, columns={types})"
        )
    for table, column in (  # which Circe reads in any case
        ("drug_exposure", "quantity"),
        ("drug_exposure", "refills"),
        ("measurement", "range_low"),
        ("measurement", "range_high"),
        ("procedure_occurrence", "quantity"),
        ("death", "cause_concept_id"),
    ):
        connection.execute(f"ALTER TABLE {table} ADD COLUMN {column} DOUBLE")
    connection.execute(
        "CREATE TABLE cohort (cohort_definition_id INT, subject_id BIGINT, cohort_start_date DATE, "
        "cohort_end_date DATE)"
    )
    return connection


def main() -> None:
    from circe.api import build_cohort_query as other_query
    from circe.api import cohort_expression_from_json
    from circe.cohortdefinition import BuildExpressionQueryOptions
    from duckcdm.circe import build_cohort_query
    from duckcdm.sqlrender import render, translate

    write_database(database(seed=8, persons=150))
    expected = {}
    for name, said in definitions().items():
        text = json.dumps(said, indent=1)
        sql = build_cohort_query(text, cdm_schema="main", target_table="main.cohort", cohort_id=1)
        one = cohort_of(translate(render(sql), "duckdb"), connected())
        options = BuildExpressionQueryOptions()
        options.cdm_schema = options.vocabulary_schema = options.result_schema = "main"
        options.target_table, options.cohort_id, options.generate_stats = "cohort", 1, False
        again = other_query(cohort_expression_from_json(text), options)
        two = cohort_of(
            translate(
                render(
                    again,
                    target_database_schema="main",
                    target_cohort_table="cohort",
                    target_cohort_id=1,
                    cdm_database_schema="main",
                    vocabulary_database_schema="main",
                    results_database_schema="main",
                ),
                "duckdb",
            ),
            connected(),
        )
        if one != two:
            print(f"{name}: the two differ ({len(one)} and {len(two)} persons); not recorded")
            continue
        print(f"{name}: {len(one)} persons")
        expected[name] = one
    (HERE / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
