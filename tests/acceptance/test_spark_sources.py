"""Spark reads what every other source gives: the reference study's centre E, from Parquet and from a catalog, gives
the same clinical data and the same results as CSV, DuckDB and PostgreSQL; and columns of other types the same text.

Skipped where Spark or Java is not installed. All tests share one session.
"""

from __future__ import annotations

import json
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from chartline.core.clinical import ClinicalData
from chartline.errors import MappingError, SourceError
from chartline.mapping.apply import map_centre, wanted_of
from chartline.mapping.load import load_mapping
from chartline.pipeline import run_on_spark, run_study
from chartline.protocol.atlas import read_definition
from chartline.protocol.selection import ConceptSet, Selection
from chartline.sources.asked import Asked
from chartline.sources.folder import CentreFolder
from chartline.sources.omop import open_cdm
from chartline.sources.omop_atlas import select_cohort
from chartline.sources.read import read_centre
from chartline.sources.selected import read_selected
from chartline.sources.spec import SourceSpec
from omop_databases import typed_tables, wheel_server, write_duckdb, write_parquet, write_parts, write_postgres
from parted import numbers_of, without_reports
from spark_tools import CENTRE_E, EXAMPLE, has_spark, put_in_catalog, quick_spark, shared_session, study_of_centre_e

if not has_spark():
    pytest.skip("needs Spark and Java", allow_module_level=True)
if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from chartline.engines.spark.database import SparkCdm

MAPPING = load_mapping(EXAMPLE / "mappings" / "centre_E.yaml")
TABLES = typed_tables(CENTRE_E)


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """Only numbers are compared."""
    with quick_spark(), without_reports():
        yield


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    from chartline.engines.spark.session import spark_session

    home = tmp_path_factory.mktemp("spark")
    with spark_session("local[2]", home) as session:
        put_in_catalog(session, "cdm_e", TABLES, home / "cdm_e")
        yield session


def of_parquet(spark: SparkSession, folder: Path, path: str = ".") -> SparkCdm:
    """The Parquet files of a folder, as a run opens them."""
    from chartline.engines.spark.database import SparkCdm
    from chartline.sources.cdm_duckdb import CdmFolder

    with open_cdm(CentreFolder(folder), SourceSpec(kind="omop", path=path)) as database:
        assert isinstance(database, CdmFolder)
        places = {table: [file.path for file in copies] for table, copies in database.files.items()}
        return SparkCdm.of_parquet(spark, database.name, places, database.tables)


def of_catalog(spark: SparkSession, schema: str, listed: tuple[str, ...] = ()) -> SparkCdm:
    from chartline.engines.spark.database import SparkCdm

    return SparkCdm.of_catalog(spark, schema, listed)


def asked(**selection: Any) -> Asked:
    """Whoever had inotuzumab, as `test_omop_selected.py` asks every other dialect."""
    ino = ConceptSet(label="Inotuzumab ozogamicin", concepts=[{"id": 2000000201}], source_values=["INOTUZUMAB%"])
    index = {"table": "drug_exposure", "concepts": "ino"}
    return Asked(Selection.model_validate({"index": index} | selection), {"ino": ino}, wanted_of(MAPPING))


def records(data: ClinicalData) -> dict[str, set[tuple[Any, ...]]]:
    """Every record table as its rows. CSV alone keeps how a number was written ('22.0')."""
    written = ("LBORRES", "LBORNRLO", "LBORNRHI", "EXDOSE_RAW")
    return {
        domain: set(
            data[domain].with_columns(
                pl.col(c).str.replace(r"(\.\d*?)0+$", "$1").str.replace(r"\.$", "")
                for c in written if c in data[domain]
            ).rows()
        )
        for domain in data.domains
    }  # fmt: skip


def test_centre_e_gives_the_same_clinical_data(spark: SparkSession, tmp_path: Path) -> None:
    """All record tables of CSV read without Spark, of a file a table, of parts, and of a catalog in capitals."""
    everybody, _ = map_centre(read_centre(CENTRE_E, MAPPING.sources, MAPPING.ignore_files), MAPPING)
    write_parquet(TABLES, tmp_path / "files")
    write_parts(TABLES, tmp_path / "parts")
    databases = (
        of_parquet(spark, tmp_path / "files"),
        of_parquet(spark, tmp_path / "parts", "*/*.parquet"),
        of_catalog(spark, "cdm_e"),
    )
    for database in databases:
        source = read_selected(database, asked())
        assert source.selected is not None
        assert source.selected.screened == TABLES["person"].height
        data, _ = map_centre(source, MAPPING)
        assert records(data) == records(everybody), database.name
        assert {d: data[d].height for d in data.domains} == {d: everybody[d].height for d in everybody.domains}


def test_a_row_is_called_as_on_one_machine(spark: SparkSession, tmp_path: Path) -> None:
    """Addresses too are the same: by key, and without one by file and row."""
    tables = {n: t.drop(f"{n}_id", strict=False) if n == "measurement" else t for n, t in TABLES.items()}
    write_parts(tables, tmp_path)
    own = read_selected(of_parquet(spark, tmp_path, "*/*.parquet"), asked())
    there = read_centre(tmp_path, [SourceSpec(kind="omop", path="*/*.parquet")], {}, asked())
    assert own.files == {name: there.files[name] for name in own.files}
    for name, table in there.tables.items():
        assert list(own.tables[name].row_labels) == list(table.row_labels), name
        assert own.tables[name].frame.equals(table.frame), name
    assert any(label.startswith("part-00001.parquet row ") for label in own.tables["measurement"].row_labels)


def test_the_study_of_centre_e_has_the_same_results_from_every_source(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """headline.json, counts.json and results.csv; the folder in which the run is started stays empty."""
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    plain = "{kind: omop, path: .}"
    with wheel_server() as server:
        write_postgres(TABLES, server, "cdm")
        for study in (
            study_of_centre_e(tmp_path / "csv", plain, lambda f: [t.write_csv(f / f"{n}.csv") for n, t in _text()]),
            study_of_centre_e(tmp_path / "parquet", plain, lambda folder: write_parquet(TABLES, folder)),
            study_of_centre_e(
                tmp_path / "duckdb", "{kind: omop, path: cdm.duckdb}",
                lambda folder: write_duckdb(TABLES, folder / "cdm.duckdb"),
            ),
            study_of_centre_e(tmp_path / "postgres", f'{{kind: omop, database: "{server}", schemas: [cdm]}}'),
        ):  # fmt: skip
            run_study(study, study / "out")
    with shared_session(spark):
        run_on_spark(tmp_path / "parquet", tmp_path / "parquet" / "spark", "local[2]", parts=3)
        run_on_spark(tmp_path / "postgres", tmp_path / "postgres" / "catalog", "local[2]", parts=2, catalog="cdm_e")
    assert numbers_of(tmp_path / "parquet" / "spark") == numbers_of(tmp_path / "parquet" / "out")
    expected = undigested(tmp_path / "csv" / "out")
    for out in ("parquet/out", "duckdb/out", "postgres/out", "parquet/spark", "postgres/catalog"):
        assert undigested(tmp_path / out) == expected, out
    assert json.loads(expected["headline.json"])["headline"]["eligible"]["n"] > 0  # it is not about nobody
    assert list((tmp_path / "cwd").iterdir()) == []


def undigested(out: Path) -> dict[str, bytes]:
    """The numbers without the digest of what they were made from, in which the name of the source is."""
    digest = json.loads((out / "headline.json").read_bytes())["data_digest"].encode()
    return {name: content.replace(digest, b"") for name, content in numbers_of(out).items()}


def _text() -> list[tuple[str, pl.DataFrame]]:
    return [(file.stem, pl.read_csv(file, infer_schema=False)) for file in sorted(CENTRE_E.glob("*.csv"))]


def test_ids_days_and_numbers_of_any_type_are_the_same_text(spark: SparkSession) -> None:
    """A catalog with names in capitals, ids as decimals and text, days as text and time stamps, exact decimals."""
    spark.sql("CREATE DATABASE odd")
    spark.sql(
        "CREATE TABLE odd.PERSON USING parquet AS SELECT CAST(p AS DECIMAL(20, 0)) AS PERSON_ID, 1980 AS YEAR_OF_BIRTH "
        "FROM VALUES (-3000000000), (5), (6) AS t(p)"
    )
    spark.sql(
        "CREATE TABLE odd.MEASUREMENT USING parquet AS SELECT m AS MEASUREMENT_ID, CAST(p AS STRING) AS PERSON_ID, "
        "7 AS MEASUREMENT_CONCEPT_ID, d AS MEASUREMENT_DATE, CAST(t AS TIMESTAMP) AS MEASUREMENT_DATETIME, "
        "CAST(v AS DECIMAL(12, 4)) AS VALUE_AS_NUMBER, CAST(v AS FLOAT) AS RANGE_LOW FROM VALUES "
        "(2, -3000000000, '2020-01-03', '2020-01-03 08:30:00+02:00', 1.5), "
        "(1, 5, '2020-01-02', '2020-01-02 00:00:00Z', 12), (3, 5, '', NULL, NULL) AS t(m, p, d, t, v)"
    )
    what = Asked(
        Selection.model_validate({"index": {"table": "measurement", "concepts": "it"}}),
        {"it": ConceptSet(label="It", concepts=[{"id": 7}])},
    )
    source = read_selected(of_catalog(spark, "odd"), what)
    assert source.tables["person"].frame["person_id"].to_list() == ["-3000000000", "5"]
    assert source.tables["measurement"].frame.rows() == [
        ("1", "5", "7", "2020-01-02", "2020-01-02", "12", "12"),
        ("2", "-3000000000", "7", "2020-01-03", "2020-01-03T06:30:00", "1.5", "1.5"),
        ("3", "5", "7", None, None, None, None),
    ]
    assert source.tables["measurement"].row_labels[0] == "measurement!measurement_id=1"
    assert source.tables["measurement"].file == "odd"


def test_what_leads_to_a_table_without_persons_leads_there_in_every_part(spark: SparkSession, tmp_path: Path) -> None:
    """Of concepts and care sites a part has what its own persons name, as a part that is read on one machine."""
    from chartline.engines.spark.parts import _by_part

    tables = {
        "person": pl.DataFrame({"person_id": [1, 2, 3], "care_site_id": [10, 11, 12]}),
        "drug_exposure": pl.DataFrame(
            {"drug_exposure_id": [1, 2, 3], "person_id": [1, 2, 3], "drug_concept_id": [7, 8, 9]}
        ),
        "care_site": pl.DataFrame({"care_site_id": [10, 11, 12], "place_of_service_concept_id": [5, 6, 6]}),
        "concept": pl.DataFrame({"concept_id": [5, 6, 7, 8, 9]}),
        "cdm_source": pl.DataFrame({"cdm_source_name": ["ours"]}),
    }
    write_parquet(tables, tmp_path)
    database = of_parquet(spark, tmp_path)
    every = _by_part(database, pl.Series([1, 2]), {name: table.columns for name, table in tables.items()}, 2)

    def found(table: str, column: str) -> set[tuple[int, int]]:
        rows = every.where(f"{table} IS NOT NULL").select("part", f"{table}.{column}").collect()
        return {(row[0], row[1]) for row in rows}

    assert found("care_site", "care_site_id") == {(0, 11), (1, 10)}
    assert found("concept", "concept_id") == {(0, 6), (0, 8), (1, 5), (1, 7)}
    assert found("cdm_source", "cdm_source_name") == {(0, "ours"), (1, "ours")}


def test_nobody_who_is_selected_is_counted_too(spark: SparkSession, tmp_path: Path) -> None:
    study = study_of_centre_e(tmp_path / "study", "{kind: omop, path: .}", lambda folder: write_parquet(TABLES, folder))
    protocol = study / "protocol.yaml"
    protocol.write_text(protocol.read_text("utf-8").replace("age: {min: 18}", "age: {min: 118}"), encoding="utf-8")
    run_study(study, tmp_path / "one")
    with shared_session(spark):
        done = run_on_spark(study, tmp_path / "spark", "local[2]", parts=2)
    assert done.headline["headline"]["eligible"]["n"] == 0
    assert numbers_of(tmp_path / "spark") == numbers_of(tmp_path / "one")


def test_a_fault_of_the_study_is_told_as_on_one_machine(spark: SparkSession, tmp_path: Path) -> None:
    """It is found on an executor: a column that the mapping neither maps nor ignores."""
    tables = TABLES | {"person": TABLES["person"].with_columns(soul=pl.lit("immortal"))}
    study = study_of_centre_e(tmp_path / "study", "{kind: omop, path: .}", lambda folder: write_parquet(tables, folder))
    with pytest.raises(MappingError) as on_one:
        run_study(study, tmp_path / "one")
    with shared_session(spark), pytest.raises(MappingError) as on_spark:
        run_on_spark(study, tmp_path / "spark", "local[2]", parts=2)
    assert "soul" in str(on_spark.value)
    assert str(on_spark.value) == str(on_one.value)
    assert not (tmp_path / "spark").exists()


def test_a_damaged_file_is_named_and_the_rerun_ends_right(spark: SparkSession, tmp_path: Path) -> None:
    """The foot of the file is whole, its rows are not: Spark finds it out when it reads them."""
    study = study_of_centre_e(
        tmp_path / "study", '{kind: omop, path: "*/*.parquet"}', lambda folder: write_parts(TABLES, folder)
    )
    file = study / "centres" / "centre_E" / "measurement" / "part-00001.parquet"
    whole = file.read_bytes()
    file.write_bytes(whole[:40] + bytes(byte ^ 0xFF for byte in whole[40:2000]) + whole[2000:])
    with shared_session(spark), pytest.raises(SourceError, match="Spark cannot read a file of the database") as raised:
        run_on_spark(study, tmp_path / "out", "local[2]", parts=2)
    assert "measurement/part-00001.parquet" in raised.value.where
    assert not (tmp_path / "out").exists()
    file.write_bytes(whole)
    run_study(study, tmp_path / "one")
    with shared_session(spark):
        run_on_spark(study, tmp_path / "out", "local[2]", parts=2)
    assert numbers_of(tmp_path / "out") == numbers_of(tmp_path / "one")


CIRCE = Path(__file__).parents[1] / "reference" / "circe"


def test_a_definition_of_atlas_selects_whom_circe_selects(spark: SparkSession, tmp_path: Path) -> None:
    """Persons and days as two other implementations of Circe recorded them, of the most nested definitions."""
    definitions = runpy.run_path(str(CIRCE / "definitions.py"))["definitions"]()
    expected = json.loads((CIRCE / "expected.json").read_text())
    tables = {file.stem: pl.read_csv(file) for file in (CIRCE / "database").glob("*.csv")}
    tables["death"] = tables["death"].with_columns(cause_concept_id=pl.lit(None, pl.Int64))
    write_parquet(tables, tmp_path / "cdm")
    database = of_parquet(spark, tmp_path / "cdm")
    for name in ("groups_in_groups", "correlated_inside"):
        (tmp_path / "cohort.json").write_text(json.dumps(definitions[name]))
        found = select_cohort(database, read_definition(tmp_path / "cohort.json"))
        assert found.screened == 150
        days = {str(person): str(day) for person, day in found.persons.iter_rows()}
        assert days == expected[name]


def test_what_is_not_in_the_catalog_is_named(spark: SparkSession) -> None:
    with pytest.raises(SourceError, match="Spark's catalog has no schema nowhere") as raised:
        of_catalog(spark, "nowhere")
    assert "cdm_e, default" in raised.value.expected
    with pytest.raises(MappingError, match="declared but not there: device_exposure"):
        of_catalog(spark, "cdm_e", ("person", "device_exposure"))
    with pytest.raises(SourceError, match="The schema default of Spark's catalog has no tables"):
        of_catalog(spark, "default")
    lacking = of_catalog(spark, "cdm_e", ("person",))
    with pytest.raises(SourceError, match="cdm_e has no table drug_exposure"):
        read_selected(lacking, asked())
