"""Databases that are hard to select from: odd quoting, ids as decimals, repeated keys, servers that go away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from chartline.errors import MappingError, SourceError
from chartline.mapping.apply import wanted_of
from chartline.mapping.model import Mapping
from chartline.protocol.selection import ConceptSet, Selection
from chartline.sources import csvtext, omop_persons
from chartline.sources.asked import Asked, Wanted
from chartline.sources.base import SourceData
from chartline.sources.cdm_postgres import Postgres
from chartline.sources.folder import CentreFolder
from chartline.sources.omop import open_cdm
from chartline.sources.read import read_centre
from chartline.sources.selected import read_selected
from chartline.sources.spec import SourceSpec
from omop_databases import wheel_server, write_postgres

ASKED = Asked(
    Selection.model_validate({"index": {"table": "drug_exposure", "concepts": "it"}}),
    {"it": ConceptSet(label="It", concepts=[{"id": 7}])},
)
WANTED = {"person": Wanted(), "drug_exposure": Wanted()}
PERSON = "person_id,year_of_birth,month_of_birth,day_of_birth\n1,1980,,\n2,1980,,\n3,1980,,\n"
DRUG = "drug_exposure_id,person_id,drug_concept_id,drug_exposure_start_date,drug_source_value\n"


def write(folder: Path, **tables: str) -> None:
    for name, text in tables.items():
        (folder / f"{name}.csv").write_text(text)


def read(folder: Path, asked: Asked = ASKED, **options: Any) -> SourceData:
    return read_centre(folder, [SourceSpec(kind="omop", path=".", **options)], {}, asked)


def test_only_the_rows_of_the_selected_persons_are_there_and_keep_their_place(tmp_path: Path) -> None:
    drugs = DRUG + "1,1,8,2020-01-01,\n2,2,7,2020-01-02,\n2,2,8,2020-01-03,\n\n4,3,8,2020-01-01,\n"
    write(tmp_path, person=PERSON, drug_exposure=drugs, note="note_id,person_id\n1,1\n2,2\n")
    data = read(tmp_path)
    assert {name: table.frame["person_id"].to_list() for name, table in data.tables.items()} == {
        "person": ["2"], "drug_exposure": ["2", "2"], "note": ["2"],
    }  # fmt: skip
    assert data.tables["drug_exposure"].row_labels == ["drug_exposure_id=2", "row 4"]
    assert [note.address for note in data.notes] == ["drug_exposure.csv!row 4!drug_exposure_id"]


def test_the_digest_of_the_rows_does_not_depend_on_how_many_are_looked_at_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drugs = DRUG + "1,1,7,2020-01-01,\n2,2,7,2020-01-02,\n3,2,8,2020-01-03,\n4,1,8,2020-01-01,\n5,3,7,2020-01-01,a\n"
    write(tmp_path, person=PERSON, drug_exposure=drugs)
    whole = read(tmp_path).files
    monkeypatch.setattr(omop_persons, "_AT_ONCE", 1)
    assert read(tmp_path).files == whole and len(set(whole.values()) - {"0" * 64}) == 1


def test_ids_as_decimals_and_odd_quoting_and_blocks_do_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csvtext, "_SLOW_ROWS", 2)
    drugs = '1,1.0,8.0,2020-01-01,"a ""word"", b"\n2,2.0,7.0,2020-01-02,"two\nlines"\n3,3.0,7.0,2020-01-02,"in""ch"\n'
    write(tmp_path, person=PERSON, drug_exposure=DRUG + drugs)
    data = read(tmp_path).tables["drug_exposure"]
    assert data.frame["drug_source_value"].to_list() == ["two\nlines", 'in"ch']
    assert data.frame["person_id"].to_list() == ["2", "3"]


def test_tables_that_the_mapping_ignores_come_with_their_headings_alone(tmp_path: Path) -> None:
    write(tmp_path, person=PERSON, drug_exposure=DRUG + "1,2,7,2020-01-01,\n", note="note_id,person_id\n1,2\n")
    data = read(tmp_path, Asked(ASKED.selection, ASKED.concept_sets, WANTED))
    assert data.tables["note"].frame.shape == (0, 2)


def test_columns_that_the_mapping_ignores_come_with_their_headings_alone(tmp_path: Path) -> None:
    """But for the keys, what it uses all the same, and cells that were answered about."""
    write(tmp_path, person=PERSON, drug_exposure=DRUG + "1,2,7,2020-01-01,Ino\n")
    mapping = Mapping.model_validate(
        {
            "chartline": "mapping/1", "centre": "X", "sources": [{"kind": "omop", "path": "."}],
            "tables": {
                "person": {"subject": "person_id", "ignore": {"*_of_birth": "not used"}},
                "drug_exposure": {
                    "subject": "person_id", "ignore": {"drug_*": "not used"},
                    "records": [{"domain": "EX", "variables": {"EXSTDTC": "drug_exposure_start_date"}}],
                },
            },
        }
    )  # fmt: skip

    def rows(*answered: str) -> list[dict[str, str | None]]:
        asked = Asked(ASKED.selection, ASKED.concept_sets, wanted_of(mapping, answered))
        return [read(tmp_path, asked).tables[name].frame.row(0, named=True) for name in ("person", "drug_exposure")]

    person = {"person_id": "2", "year_of_birth": None, "month_of_birth": None, "day_of_birth": None}
    dose = {"drug_exposure_id": "1", "person_id": "2", "drug_exposure_start_date": "2020-01-01"}
    empty = {"drug_concept_id": None, "drug_source_value": None}
    assert rows() == [person, dose | empty]
    named = "drug_exposure.csv!drug_exposure_id=1!drug_source_value"
    assert rows(named) == [person, dose | empty | {"drug_source_value": "Ino"}]


def test_of_the_vocabulary_only_what_is_used_travels(tmp_path: Path) -> None:
    head = "concept_id,concept_name,vocabulary_id,concept_code,standard_concept\n"
    write(
        tmp_path, person=PERSON, drug_exposure=DRUG + "1,2,7,2020-01-01,\n1,2,9,2020-01-01,\n3,3,8,2020-01-01,\n",
        concept=head + "".join(f"{i},n,V,{i},S\n" for i in range(6, 11)),
        concept_ancestor="ancestor_concept_id,descendant_concept_id\n6,7\n6,8\n",
    )  # fmt: skip
    data = read(tmp_path)
    assert data.tables["concept"].frame["concept_id"].to_list() == ["7", "9"]
    assert data.tables["concept_ancestor"].frame.rows() == [("6", "7")]


def test_the_input_is_the_rows_that_were_read(tmp_path: Path) -> None:
    """What changes for others than the selected persons is no change of the study's data; what changes for them is."""
    digests = []
    for drugs in ("1,2,7,2020-01-01,\n", "1,2,7,2020-01-01,\n9,1,8,2020-01-01,\n", "1,2,7,2020-01-02,\n"):
        write(tmp_path, person=PERSON, drug_exposure=DRUG + drugs)
        digests.append(read(tmp_path).files)
    assert list(digests[0]) == ["rows of the centre's folder"]
    assert digests[0] == digests[1] != digests[2]


def test_nobody_selected_is_an_answer(tmp_path: Path) -> None:
    write(tmp_path, person=PERSON, drug_exposure=DRUG + "1,2,8,2020-01-01,\n")
    data = read(tmp_path)
    assert data.tables["person"].frame.height == 0
    assert data.selected is not None and data.selected.steps[0].n_no == 3


def test_text_in_an_encoding_that_duckdb_does_not_know_is_refused(tmp_path: Path) -> None:
    write(tmp_path, person=PERSON, drug_exposure=DRUG)
    with pytest.raises(SourceError, match="A selection cannot look into text in cp1252"):
        read(tmp_path, encoding="cp1252")


def test_a_parquet_file_that_is_none_is_refused_by_name(tmp_path: Path) -> None:
    write(tmp_path, person=PERSON)
    (tmp_path / "drug_exposure.parquet").write_bytes(b"PAR1" + b"\0" * 40 + b"PAR1")
    with pytest.raises(SourceError, match=r"drug_exposure\.parquet is not a readable Parquet file"):
        read(tmp_path)


def test_columns_that_a_step_needs_must_be_there(tmp_path: Path) -> None:
    write(tmp_path, person=PERSON, drug_exposure="drug_exposure_id,person_id,drug_concept_id\n1,2,7\n")
    with pytest.raises(
        SourceError, match="drug_exposure of the centre's folder has no column drug_exposure_start_date"
    ):
        read(tmp_path)


# servers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"database": "mysql://h/db"}, "postgresql://user@host"),
        ({"database": "postgresql://h"}, "postgresql://user@host"),
        ({"database": "postgresql://u:secret@h/db"}, "database holds a password"),
        ({"database": "postgresql://u@h/db?password=secret"}, "database holds a password"),
        ({"database": "postgresql://u@h/db", "path": "."}, "a database is a server, not a file"),
        ({"path": ".", "schemas": ["cdm"]}, "an option of `database`"),
        ({"database": "postgresql://u@h/db", "password": "no name"}, "password"),
    ],
)
def test_a_server_is_declared_without_its_password(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words) as refused:
        SourceSpec(kind="omop", **options)
    assert "'secret'" not in str(refused.value)


def test_the_password_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_PASSWORD", raising=False)
    spec = SourceSpec(kind="omop", database="postgresql://u@127.0.0.1:1/db", password="NO_SUCH_PASSWORD")
    with pytest.raises(SourceError, match="environment variable NO_SUCH_PASSWORD is not set"):
        open_cdm(CentreFolder(tmp_path), spec)
    monkeypatch.setenv("NO_SUCH_PASSWORD", "very secret")
    with pytest.raises(SourceError, match="The database cannot be reached") as refused:
        open_cdm(CentreFolder(tmp_path), spec)
    assert "very secret" not in str(refused.value)


def test_without_psycopg_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(Exception, match=r'pip install "chartline\[postgres\]"'):
        open_cdm(CentreFolder(tmp_path), SourceSpec(kind="omop", database="postgresql://u@127.0.0.1:1/db"))


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with wheel_server() as address:
        write_postgres(_tables("2020-01-02"), address, "CDM")
        write_postgres(_tables("soon"), address, "odd")
        yield address


def _tables(day: str) -> dict[str, pl.DataFrame]:
    """In capitals, days and ids as text."""
    drugs = {
        "DRUG_EXPOSURE_ID": [1, 2], "PERSON_ID": ["-9007199254740993", "2"], "DRUG_CONCEPT_ID": [7, 8],
        "DRUG_EXPOSURE_START_DATE": [day, day], "DRUG_SOURCE_VALUE": ["", 'said "no", Zoë\nand left'],
    }  # fmt: skip
    persons = {"PERSON_ID": [-9007199254740993, 2], "YEAR_OF_BIRTH": [1980, None]}
    return {"DRUG_EXPOSURE": pl.DataFrame(drugs), "PERSON": pl.DataFrame(persons)}


def test_a_server_in_capitals_with_days_and_ids_as_text(tmp_path: Path, server: str) -> None:
    spec = SourceSpec(kind="omop", database=server, schemas=("CDM",))
    data = read_centre(tmp_path, [spec], {}, ASKED)
    assert data.tables["drug_exposure"].frame.rows() == [("1", "-9007199254740993", "7", "2020-01-02", None)]
    address = "postgres!drug_exposure!drug_exposure_id=1!PERSON_ID"
    assert data.tables["drug_exposure"].address(0, "person_id") == address
    assert set(data.files) == {"rows of postgres"}
    everybody = read_centre(tmp_path, [spec]).tables["drug_exposure"].frame
    assert everybody["drug_source_value"].to_list() == [None, 'said "no", Zoë\nand left']


def test_a_day_that_is_none_is_refused_by_a_server(tmp_path: Path, server: str) -> None:
    with pytest.raises(SourceError, match="holds a day"):
        read_centre(tmp_path, [SourceSpec(kind="omop", database=server, schemas=("odd",))], {}, ASKED)


def test_schemas_and_tables_that_are_not_there(tmp_path: Path, server: str) -> None:
    with pytest.raises(SourceError, match="has no tables in nowhere"):
        read_centre(tmp_path, [SourceSpec(kind="omop", database=server, schemas=("nowhere",))], {}, ASKED)
    with pytest.raises(MappingError, match="declared but not there: death"):
        read_centre(
            tmp_path, [SourceSpec(kind="omop", database=server, schemas=("CDM",), tables=("death",))], {}, ASKED
        )


def test_a_server_can_only_be_read(server: str) -> None:
    with Postgres(server, ("CDM",), None) as database, pytest.raises(SourceError, match="refused a question"):
        database.query("SELECT 1 FROM (SELECT lo_create(0)) AS written")


def test_a_connection_that_drops_in_the_middle_gives_no_data(server: str) -> None:
    import psycopg

    with Postgres(server, ("CDM",), None) as database:
        pid = database.query("SELECT pg_backend_pid() AS pid")["pid"][0]
        with psycopg.connect(server, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s)", (pid,))
        with pytest.raises(SourceError, match="connection to the database postgres was lost"):
            read_selected(database, ASKED)


def test_a_connection_that_drops_while_rows_come_gives_no_data(server: str) -> None:
    """Ten million rows, and the server ends the connection in the midst of them."""
    import threading

    import psycopg

    with Postgres(server, ("CDM",), None) as database:
        pid = database.query("SELECT pg_backend_pid() AS pid")["pid"][0]

        def end() -> None:
            with psycopg.connect(server, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s)", (pid,))

        timer = threading.Timer(0.3, end)
        timer.start()
        try:
            with pytest.raises(SourceError, match="connection to the database postgres was lost"):
                database.query("SELECT n FROM generate_series(1, 100000000) AS n")
        finally:
            timer.join()


# Parquet in parts -----------------------------------------------------------------------------------------------


def _parts(folder: Path, frames: list[pl.DataFrame]) -> None:
    for table, parts in (("person", [pl.DataFrame({"person_id": [1, 2, 3]})]), ("drug_exposure", frames)):
        (folder / table).mkdir()
        for number, frame in enumerate(parts):
            frame.write_parquet(folder / table / f"part-{number:05}.parquet")


def _drugs(keys: list[int | None], persons: list[int]) -> pl.DataFrame:
    return pl.DataFrame(
        {"drug_exposure_id": keys, "person_id": persons, "drug_concept_id": [7] * len(keys)},
        schema=dict.fromkeys(("drug_exposure_id", "person_id", "drug_concept_id"), pl.Int64),
    ).with_columns(pl.lit("2020-01-01").str.to_date().alias("drug_exposure_start_date"))


SEVEN = Asked(
    Selection.model_validate(
        {
            "index": {"table": "drug_exposure", "concepts": "it"},
            "exclude": [{"label": "Twice", "table": "drug_exposure", "concepts": "it", "at_least": 3}],
        }
    ),
    ASKED.concept_sets,
)


def test_a_row_of_a_part_without_a_key_is_named_by_its_part(tmp_path: Path) -> None:
    _parts(tmp_path, [_drugs([5, 6, None], [1, 1, 1]), _drugs([7, 5], [1, 2]), _drugs([None, 8], [2, 3])])
    data = read_centre(tmp_path, [SourceSpec(kind="omop", path="*/*.parquet")], {}, SEVEN)
    table = data.tables["drug_exposure"]
    assert table.frame["person_id"].to_list() == ["2", "2", "3"]
    assert table.row_labels == ["drug_exposure_id=5", "part-00002.parquet row 1", "drug_exposure_id=8"]
    assert table.address(1, "person_id") == "drug_exposure!part-00002.parquet row 1!person_id"


def test_parts_with_other_columns_and_a_corrupt_part_are_refused_by_name(tmp_path: Path) -> None:
    spec = SourceSpec(kind="omop", path="*/*.parquet")
    _parts(tmp_path, [_drugs([5], [1]), _drugs([6], [2]).rename({"drug_concept_id": "drug"})])
    with pytest.raises(SourceError, match=r"parts of drug_exposure do not have the same columns(.|\n)*part-00001"):
        read_centre(tmp_path, [spec], {}, ASKED)
    file = tmp_path / "drug_exposure" / "part-00001.parquet"
    _drugs([6], [2]).cast({"person_id": pl.String}).write_parquet(file)
    with pytest.raises(SourceError, match=r"parts of drug_exposure do not have the same columns(.|\n)*part-00001"):
        read_centre(tmp_path, [spec], {}, ASKED)
    _drugs([6], [2]).write_parquet(file)
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(SourceError, match=r"part-00001\.parquet is not a readable Parquet file"):
        read_centre(tmp_path, [spec], {}, ASKED)


def test_a_part_that_is_corrupt_inside_gives_no_data(tmp_path: Path) -> None:
    """Its end, where Parquet keeps what stands where, is whole; a page of the rows is not."""
    _parts(tmp_path, [_drugs(list(range(5000)), [1] * 5000)])
    file = tmp_path / "drug_exposure" / "part-00000.parquet"
    data = bytearray(file.read_bytes())
    data[4:200] = bytes(196)
    file.write_bytes(bytes(data))
    with pytest.raises(SourceError, match=r"drug_exposure"):
        read_centre(tmp_path, [SourceSpec(kind="omop", path="*/*.parquet")], {}, ASKED)
