"""OMOP exports as they come: capitals, two copies, ids as decimals, keys that repeat, files that are
something else."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from chartline.errors import MappingError, SourceError
from chartline.sources.base import SourceData
from chartline.sources.read import read_centre
from chartline.sources.spec import SourceSpec


def read(folder: Path, path: str = ".", ignore: dict[str, str] | None = None, **options: Any) -> SourceData:
    return read_centre(folder, [SourceSpec(kind="omop", path=path, **options)], ignore or {})


def test_capitals_become_lower_case_but_addresses_stay_true(tmp_path: Path) -> None:
    (tmp_path / "DEATH.CSV").write_text("PERSON_ID,DEATH_DATE\n3,2020-01-01\n")
    table = read(tmp_path).tables["death"]
    assert table.columns == ["person_id", "death_date"]
    assert table.address(0, "death_date") == "DEATH.CSV!person_id=3!DEATH_DATE"


def test_a_repeated_or_missing_key_is_named_by_its_row(tmp_path: Path) -> None:
    (tmp_path / "measurement.csv").write_text("measurement_id,person_id\n7,1\n7,1\n,2\n")
    data = read(tmp_path)
    assert data.tables["measurement"].row_labels == ["measurement_id=7", "row 3", "row 4"]
    assert [(note.rule, note.address) for note in data.notes] == [
        ("repeated_key", "measurement.csv!row 3!measurement_id")
    ]


def test_a_table_without_a_key_is_named_by_rows(tmp_path: Path) -> None:
    (tmp_path / "fact_relationship.csv").write_text("fact_id_1,fact_id_2\n1,2\n")
    assert read(tmp_path).tables["fact_relationship"].row_labels == ["row 2"]


def test_ids_saved_as_decimals_are_ids(tmp_path: Path) -> None:
    text = "measurement_id,person_id,unit_concept_id,value_as_number\n1,1.0,8840.0,2.0\n2,1.0,,3.5\n"
    (tmp_path / "measurement.csv").write_text(text)
    data = read(tmp_path)
    frame = data.tables["measurement"].frame
    assert frame.rows() == [("1", "1", "8840", "2.0"), ("2", "1", None, "3.5")]
    assert [(note.rule, note.address) for note in data.notes] == [
        ("decimal_id", "measurement.csv!person_id"),
        ("decimal_id", "measurement.csv!unit_concept_id"),
    ]


TYPED = pl.DataFrame(
    {
        "measurement_id": pl.Series([1, 2], dtype=pl.Int64),
        "day": [dt.date(2020, 4, 3), None],
        "moment": [dt.datetime(2020, 4, 3), dt.datetime(2020, 4, 3, 8, 30)],
        "clock": [dt.time(8, 30), None],
        "number": [48.0, float("nan")],
        "exact": pl.Series(["1.50", "2.00"]).cast(pl.Decimal(10, 2)),
        "flag": [True, None],
        "text": ["", "x"],
        "nothing": pl.Series([None, None], dtype=pl.Null),
    }
)
AS_TEXT = [
    ("1", "2020-04-03", "2020-04-03", "08:30:00", "48", "1.5", "true", None, None),
    ("2", None, "2020-04-03T08:30:00", None, None, "2", None, "x", None),
]


def test_typed_columns_read_as_a_person_would_write_them(tmp_path: Path) -> None:
    TYPED.write_parquet(tmp_path / "measurement.parquet")
    assert read(tmp_path).tables["measurement"].frame.rows() == AS_TEXT


def test_a_duckdb_file_reads_the_same(tmp_path: Path) -> None:
    import duckdb

    with duckdb.connect(str(tmp_path / "cdm.duckdb")) as connection:
        connection.execute(
            "CREATE TABLE MEASUREMENT (measurement_id BIGINT, day DATE, moment TIMESTAMP, clock TIME, number DOUBLE, "
            "exact DECIMAL(10, 2), flag BOOLEAN, text VARCHAR, nothing INTEGER)"
        )
        rows = [[None if cell != cell else cell for cell in row] for row in TYPED.rows()]
        connection.executemany("INSERT INTO MEASUREMENT VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        connection.execute("CREATE TABLE person (person_id INTEGER)")
    data = read(tmp_path, "cdm.duckdb")
    assert data.tables["measurement"].frame.rows() == AS_TEXT
    assert data.tables["measurement"].address(1, "number") == "cdm.duckdb!measurement!measurement_id=2!number"
    assert data.tables["person"].frame.shape == (0, 1)
    assert list(read(tmp_path, "cdm.duckdb", tables=["person"]).tables) == ["person"]


def test_a_view_in_a_database_cannot_read_other_files(tmp_path: Path) -> None:
    import duckdb

    secret = tmp_path.parent / "secret.csv"
    secret.write_text("a\n1\n")
    with duckdb.connect(str(tmp_path / "cdm.duckdb")) as connection:
        connection.execute(f"CREATE VIEW person AS SELECT * FROM read_csv('{secret}')")
    with pytest.raises(SourceError, match=r"cdm\.duckdb cannot be read as a DuckDB database"):
        read(tmp_path, "cdm.duckdb")


def test_two_copies_need_a_declared_format_and_the_other_is_named(tmp_path: Path) -> None:
    (tmp_path / "person.csv").write_text("person_id\n1\n")
    pl.DataFrame({"person_id": [2]}).write_parquet(tmp_path / "person.parquet")
    with pytest.raises(MappingError, match="The OMOP table 'person' is there more than once"):
        read(tmp_path)
    with pytest.raises(MappingError, match=r"neither read nor ignored: person\.csv"):
        read(tmp_path, format="parquet")
    copy = {"person.csv": "the same as person.parquet"}
    assert read(tmp_path, ignore=copy, format="parquet").tables["person"].frame.rows() == [("2",)]
    assert read(tmp_path, ignore=copy).tables["person"].frame.rows() == [("2",)]


def test_a_declared_table_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "person.csv").write_text("person_id\n1\n")
    with pytest.raises(MappingError, match="declared but not there: death"):
        read(tmp_path, tables=["person", "death"])


def test_tables_that_were_not_asked_for_must_be_ignored_by_name(tmp_path: Path) -> None:
    (tmp_path / "person.csv").write_text("person_id\n1\n")
    (tmp_path / "note.csv").write_text("note_id\n1\n")
    with pytest.raises(MappingError, match=r"neither read nor ignored: note\.csv"):
        read(tmp_path, tables=["person"])


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("person.parquet", b"person_id\n1\n", "not a readable Parquet file: it seems to be plain text"),
        ("person.parquet", b"PAR1" + b"\0" * 40 + b"PAR1", "not a readable Parquet file"),
        ("person.csv", b"PAR1" + b"\0" * 40 + b"PAR1", "it seems to be a Parquet file"),
        ("person.csv", b"PERSON_ID,person_id\n1,2\n", "two columns that differ only in capitals"),
        ("person.csv", b"", "is empty"),
    ],
)
def test_a_file_that_is_something_else(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=words):
        read(tmp_path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"SQLite format 3\0", "is not an OMOP database: it seems to be an SQLite database"),
        (b"\0" * 8 + b"DUCK" + b"\0" * 5000, "cannot be read as a DuckDB database"),
    ],
)
def test_a_database_that_is_none(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "cdm.duckdb").write_bytes(content)
    with pytest.raises(SourceError, match=words):
        read(tmp_path, "cdm.duckdb")


def test_a_folder_of_parts_is_one_table(tmp_path: Path) -> None:
    (tmp_path / "cdm" / "Measurement").mkdir(parents=True)
    for part, ids in (("part-00001", [3]), ("part-00000", [1, 2])):
        frame = pl.DataFrame({"MEASUREMENT_ID": ids, "person_id": [7] * len(ids)})
        frame.write_parquet(tmp_path / "cdm" / "Measurement" / f"{part}.parquet")
    table = read(tmp_path, "cdm/*/*.parquet").tables["measurement"]
    assert table.frame["measurement_id"].to_list() == ["1", "2", "3"]
    assert table.address(2, "person_id") == "cdm/Measurement!measurement_id=3!person_id"


def test_parts_that_differ_and_parts_beside_a_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "death").mkdir()
    pl.DataFrame({"person_id": [1]}).write_parquet(tmp_path / "death" / "part-0.parquet")
    pl.DataFrame({"person": [1]}).write_parquet(tmp_path / "death" / "part-1.parquet")
    with pytest.raises(SourceError, match="parts of death do not have the same columns"):
        read(tmp_path, "death/*")
    (tmp_path / "death.csv").write_text("person_id\n1\n")
    with pytest.raises(MappingError, match="more than once"):
        read(tmp_path, "**")
