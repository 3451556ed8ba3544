"""The same cohort query by hand in DuckDB, Polars and Spark, the bare scan below it, and lifelines on its cohort.

    python queries.py TOOL CDM RUNS

In: the folder of a simulated database (`cdm/<table>/part-*.parquet`). Out: a line a run with its seconds, then a line
`values` with what was found. Libraries are imported, and Spark's session started, before the clock starts; how long a
session takes is printed as `starting`.

The question: of adults with a first dose of inotuzumab ozogamicin (the ingredient or what descends from it) from
1 February 2017 to 31 October 2022, how many are there, how many days are they followed (to death or last contact), how
many die, how many marrows are looked at from the first dose on, and how many of them have an ALT above five times its
upper limit within 42 days of the first dose?
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

INGREDIENT, PRODUCT, MARROW, LAST_CONTACT, ALT = 2_000_000_201, 2_000_000_202, 2_000_000_210, 2_000_000_231, 3_006_923
FIRST, LAST, ADULT, ON_TREATMENT, TIMES = date(2017, 2, 1), date(2022, 10, 31), 18, 42, 5
# What the question reads: the columns of each table, and the rows that can matter where that is known by a concept.
READS = {
    "person": ("person_id, year_of_birth, month_of_birth, day_of_birth", ""),
    "drug_exposure": (
        "person_id, drug_concept_id, drug_exposure_start_date",
        f"drug_concept_id IN ({INGREDIENT}, {PRODUCT})",
    ),
    "death": ("person_id, death_date", ""),
    "observation": ("person_id, observation_concept_id, observation_date", f"observation_concept_id = {LAST_CONTACT}"),
    "measurement": (
        "person_id, measurement_concept_id, measurement_date, value_as_number, range_high",
        f"measurement_concept_id IN ({MARROW}, {ALT})",
    ),
}  # fmt: skip

_SQL = f"""
WITH treated AS (
  SELECT e.person_id, min(e.drug_exposure_start_date) AS first_dose
  FROM drug_exposure e
  JOIN concept_ancestor a ON a.descendant_concept_id = e.drug_concept_id AND a.ancestor_concept_id = {INGREDIENT}
  GROUP BY e.person_id
), cohort AS (
  SELECT t.person_id, t.first_dose
  FROM treated t JOIN person p ON p.person_id = t.person_id
  WHERE t.first_dose BETWEEN DATE '{FIRST}' AND DATE '{LAST}'
    AND year(t.first_dose) - p.year_of_birth
      - CASE WHEN month(t.first_dose) * 100 + day(t.first_dose) < p.month_of_birth * 100 + p.day_of_birth
        THEN 1 ELSE 0 END >= {ADULT}
), ended AS (
  SELECT c.person_id, c.first_dose, d.death_date, max(o.observation_date) AS last_contact
  FROM cohort c
  LEFT JOIN death d ON d.person_id = c.person_id
  LEFT JOIN observation o ON o.person_id = c.person_id AND o.observation_concept_id = {LAST_CONTACT}
  GROUP BY c.person_id, c.first_dose, d.death_date
), measured AS (
  SELECT c.person_id,
    sum(CASE WHEN m.measurement_concept_id = {MARROW} THEN 1 ELSE 0 END) AS marrows,
    max(CASE WHEN m.measurement_concept_id = {ALT} AND DATEDIFF_DAYS <= {ON_TREATMENT}
        AND m.value_as_number > {TIMES} * m.range_high THEN 1 ELSE 0 END) AS toxic
  FROM cohort c JOIN measurement m ON m.person_id = c.person_id AND m.measurement_date >= c.first_dose
  WHERE m.measurement_concept_id IN ({MARROW}, {ALT})
  GROUP BY c.person_id
)
SELECT e.person_id, DAYS_FOLLOWED AS days, CASE WHEN e.death_date IS NULL THEN 0 ELSE 1 END AS died,
  coalesce(m.marrows, 0) AS marrows, coalesce(m.toxic, 0) AS toxic
FROM ended e LEFT JOIN measured m ON m.person_id = e.person_id
"""
_END = "coalesce(e.death_date, e.last_contact)"
Query = tuple[Callable[[], Any], Callable[[Any], list[float]]]


def selection(cdm: Path) -> Query:
    """What chartline asks of the database: who is selected by the study's protocol, and all their rows as text."""
    from chartline.sources.read import read_centre

    mapping, asked = _study(cdm)

    def run() -> Any:
        return read_centre(cdm.parent, mapping.sources, mapping.ignore_files, asked)

    return run, lambda data: [data.tables["person"].frame.height]


def select(cdm: Path) -> Query:
    """chartline's one SELECT alone: which persons the study's protocol selects. On DuckDB, its tables opened before."""
    from chartline.sources.folder import CentreFolder
    from chartline.sources.omop import open_cdm
    from chartline.sources.selected import choose_persons

    mapping, asked = _study(cdm)
    database = open_cdm(CentreFolder(cdm.parent, mapping.ignore_files), mapping.sources[0])
    return lambda: choose_persons(database, asked)[0], lambda candidates: [candidates.persons.height]


def spark_select(cdm: Path) -> Query:
    """The same SELECT, word for word, on Spark."""
    from chartline.engines.spark.database import SparkCdm
    from chartline.sources.folder import CentreFolder
    from chartline.sources.omop import open_cdm
    from chartline.sources.selected import choose_persons

    mapping, asked = _study(cdm)
    with open_cdm(CentreFolder(cdm.parent, mapping.ignore_files), mapping.sources[0]) as here:
        files = {table: [file.path for file in copies] for table, copies in here.files.items()}
        database = SparkCdm.of_parquet(_spark(), here.name, files, here.tables)
    return lambda: choose_persons(database, asked)[0], lambda candidates: [candidates.persons.height]


def _study(cdm: Path) -> Any:
    """The mapping of the one centre, and what the study asks of its database."""
    from chartline.pipeline.read import declare_study

    said = declare_study(cdm.parent)
    (centre,) = said.mappings
    return said.mappings[centre], said.asked_of(centre)


def bare_scan(cdm: Path) -> Query:
    """The sum of every column that the question reads, of the rows that its concepts leave: nothing is joined."""
    connection = _duckdb(cdm)

    def run() -> list[float]:
        return [_sums(connection, table, *reads) for table, reads in READS.items()]

    return run, lambda sums: sums


def _sums(connection: Any, table: str, columns: str, where: str) -> float:
    kinds = {name: kind for name, kind, *_ in connection.execute(f"DESCRIBE {table}").fetchall()}
    parts = [f"coalesce({_sum_of(name, kinds[name])}, 0)" for name in columns.split(", ")]
    found = connection.execute(f"SELECT {' + '.join(parts)} FROM {table}" + (f" WHERE {where}" if where else ""))
    return float(found.fetchone()[0])


def _sum_of(name: str, kind: str) -> str:
    """A sum must be read; max and count DuckDB answers from the file's statistics."""
    if kind == "VARCHAR":
        return f"sum(length({name}))"
    if kind == "DATE":
        return f"sum(CAST({name} - DATE '1970-01-01' AS DOUBLE))"
    return f"sum(epoch({name}))" if kind.startswith("TIMESTAMP") else f"sum({name})"


def study_scan(cdm: Path) -> Query:
    """The sum of every column that the study's mapping reads, of the rows of its patients, who are known before: what
    a run must at least read of the tables."""
    from chartline.mapping.load import load_mapping

    connection, mapping = _duckdb(cdm), load_mapping(cdm.parent / "mapping.yaml")
    connection.execute(f"CREATE TABLE patients AS SELECT person_id FROM ({_duckdb_sql()})")
    reads = {table: _read_columns(connection, table, of.ignore) for table, of in mapping.tables.items()}

    def run() -> list[float]:
        where = "person_id IN (SELECT person_id FROM patients)"
        return [_sums(connection, table, columns, where) for table, columns in reads.items()]

    return run, lambda sums: sums


def _read_columns(connection: Any, table: str, ignored: Iterable[str]) -> str:
    """The columns of a table that a mapping does not ignore, and its key, by which a cell is found again."""
    names = [str(column[0]) for column in connection.execute(f"DESCRIBE {table}").fetchall()]
    return ", ".join(n for n in names if n == f"{table}_id" or not any(fnmatchcase(n, i) for i in ignored))


def _duckdb_sql() -> str:
    sql = _SQL.replace("DATEDIFF_DAYS", "m.measurement_date - c.first_dose")
    return sql.replace("DAYS_FOLLOWED", f"{_END} - e.first_dose")


def duckdb_query(cdm: Path) -> Query:
    connection = _duckdb(cdm)
    total = f"SELECT count(*), sum(days), sum(died), sum(marrows), sum(toxic) FROM ({_duckdb_sql()})"
    return lambda: connection.execute(total).fetchone(), _numbers


def polars_query(cdm: Path) -> Query:
    import polars as pl

    def scan(table: str) -> pl.LazyFrame:
        return pl.scan_parquet(cdm / table / "*.parquet")

    def run() -> tuple[Any, ...]:
        kin = scan("concept_ancestor").filter(pl.col("ancestor_concept_id") == INGREDIENT)
        drugs = kin.select(drug_concept_id="descendant_concept_id")
        first = scan("drug_exposure").join(drugs, on="drug_concept_id", how="semi")
        first = first.group_by("person_id").agg(first_dose=pl.col("drug_exposure_start_date").min())
        day, born = pl.col("first_dose"), (pl.col("month_of_birth") * 100 + pl.col("day_of_birth"))
        before = (day.dt.month().cast(pl.Int64) * 100 + day.dt.day().cast(pl.Int64)) < born
        age = day.dt.year() - pl.col("year_of_birth") - before.cast(pl.Int64)
        cohort = (
            first.join(scan("person"), on="person_id")
            .filter(day.is_between(FIRST, LAST), age >= ADULT)
            .select("person_id", "first_dose")
            .collect()
            .lazy()
        )
        last = scan("observation").filter(pl.col("observation_concept_id") == LAST_CONTACT)
        last = last.group_by("person_id").agg(last_contact=pl.col("observation_date").max())
        ended = cohort.join(scan("death").select("person_id", "death_date"), on="person_id", how="left")
        ended = ended.join(last, on="person_id", how="left").with_columns(
            days=(pl.coalesce("death_date", "last_contact") - day).dt.total_days(),
            died=pl.col("death_date").is_not_null(),
        )
        concept, taken = pl.col("measurement_concept_id"), pl.col("measurement_date")
        high = (pl.col("value_as_number") > TIMES * pl.col("range_high")).fill_null(False)
        rows = scan("measurement").filter(concept.is_in([MARROW, ALT])).join(cohort, on="person_id")
        measured = (
            rows.filter(taken >= day)
            .group_by("person_id")
            .agg(
                marrows=(concept == MARROW).sum(),
                toxic=((concept == ALT) & ((taken - day).dt.total_days() <= ON_TREATMENT) & high).any(),
            )
        )
        both = ended.join(measured, on="person_id", how="left")
        return both.select(pl.len(), pl.col("days", "died", "marrows", "toxic").sum()).collect().row(0)

    return run, _numbers


def spark_query(cdm: Path) -> Query:
    spark = _spark()
    for table in (*READS, "concept_ancestor"):
        spark.read.parquet(str(cdm / table)).createOrReplaceTempView(table)
    sql = _SQL.replace("DATEDIFF_DAYS", "datediff(m.measurement_date, c.first_dose)")
    sql = sql.replace("DAYS_FOLLOWED", f"datediff({_END}, e.first_dose)")
    total = f"SELECT count(*), sum(days), sum(died), sum(marrows), sum(toxic) FROM ({sql})"
    return lambda: tuple(spark.sql(total).collect()[0]), _numbers


def _spark() -> Any:
    import os

    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.driver.memory", "4g")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", "2")  # kinder to Spark than its 200
        .config("spark.log.level", "ERROR")
        .getOrCreate()
    )
    return session


def lifelines_fit(cdm: Path) -> Query:
    """Kaplan-Meier of the cohort, extracted before the clock starts."""
    from lifelines import KaplanMeierFitter

    connection = _duckdb(cdm)
    rows = connection.execute(_duckdb_sql()).fetchnumpy()
    days, died = rows["days"], rows["died"]
    return lambda: KaplanMeierFitter().fit(days, died), lambda fit: [len(days), float(fit.median_survival_time_)]


def _duckdb(cdm: Path) -> Any:
    import duckdb

    connection = duckdb.connect()
    for table in (folder.name for folder in cdm.iterdir()):
        connection.execute(f"CREATE VIEW {table} AS SELECT * FROM read_parquet('{cdm / table}/*.parquet')")
    return connection


def _numbers(row: Any) -> list[float]:
    return [float(x) for x in row]


TOOLS: dict[str, Callable[[Path], Query]] = {
    "selection": selection,
    "select": select,
    "spark_select": spark_select,
    "bare_scan": bare_scan,
    "study_scan": study_scan,
    "duckdb": duckdb_query,
    "polars": polars_query,
    "spark": spark_query,
    "lifelines": lifelines_fit,
}


def main() -> None:
    tool, cdm, runs = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    begin = time.perf_counter()
    run, values = TOOLS[tool](cdm)
    print("starting", round(time.perf_counter() - begin, 3), flush=True)
    for _ in range(runs):
        begin = time.perf_counter()
        found = run()
        print(round(time.perf_counter() - begin, 6), flush=True)
    print("values", json.dumps(values(found)), flush=True)


if __name__ == "__main__":
    main()
