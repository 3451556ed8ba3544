"""What is odd about a database is read, or refused in the same words, from every kind of source: ids with sign and of
64 bits, names in capitals, days and ids as text, an empty vocabulary, tables that are not there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest

from chartline.errors import SourceError
from chartline.protocol.selection import ConceptSet, Selection
from chartline.sources.asked import Asked
from chartline.sources.base import SourceData
from chartline.sources.folder import CentreFolder
from chartline.sources.omop import open_cdm
from chartline.sources.read import read_centre
from chartline.sources.spec import SourceSpec
from omop_databases import Tables, wheel_server, write_duckdb, write_parquet, write_parts, write_postgres

LARGE, NEGATIVE, OTHER = 2**53 + 1, -(2**31) - 7, 3  # more than a double holds; less than 32 bits hold
SITE = 2_147_483_999  # a concept of the site's own, above 2^31


def database() -> dict[str, pl.DataFrame]:
    """Three persons; the first two have the drug."""
    ids = [LARGE, NEGATIVE, OTHER]
    drugs = {
        "drug_exposure_id": [2**40, -5, 6], "person_id": ids, "drug_concept_id": [SITE, SITE, 1],
        "drug_exposure_start_date": ["2020-02-29", "2020-03-01", "2020-03-02"],
    }  # fmt: skip
    concept = dict.fromkeys(
        ("concept_id", "concept_name", "vocabulary_id", "concept_code", "standard_concept"), pl.String
    )
    return {
        "person": pl.DataFrame(
            {"person_id": ids, "year_of_birth": [1980, 1990, 2000], "month_of_birth": [1] * 3, "day_of_birth": [1] * 3}
        ),
        "drug_exposure": pl.DataFrame(drugs).with_columns(pl.col("drug_exposure_start_date").str.to_date()),
        "concept": pl.DataFrame(schema=concept | {"concept_id": pl.Int64}),
        "concept_ancestor": pl.DataFrame(
            schema=dict.fromkeys(("ancestor_concept_id", "descendant_concept_id"), pl.Int64)
        ),
    }


def as_it_is(tables: Tables) -> Tables:
    return tables


def in_capitals(tables: Tables) -> Tables:
    return {name.upper(): frame.rename(str.upper) for name, frame in tables.items()}


def as_text(tables: Tables) -> Tables:
    return {name: frame.with_columns(pl.all().cast(pl.String)) for name, frame in tables.items()}


def without_vocabulary(tables: Tables) -> Tables:
    return {name: tables[name] for name in ("person", "drug_exposure")}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with wheel_server() as address:
        yield address


def laid(dialect: str, tables: Tables, folder: Path, request: pytest.FixtureRequest) -> SourceSpec:
    if dialect == "postgres":
        address, schema = request.getfixturevalue("server"), f"s{abs(hash(str(folder)))}"
        write_postgres(tables, address, schema)
        return SourceSpec(kind="omop", database=address, schemas=(schema,))
    if dialect == "duckdb":
        write_duckdb(tables, folder / "cdm.duckdb")
        return SourceSpec(kind="omop", path="cdm.duckdb")
    if dialect == "csv":
        for name, frame in tables.items():
            frame.write_csv(folder / f"{name}.csv")
        return SourceSpec(kind="omop", path=".")
    {"parquet": write_parquet, "parts": write_parts}[dialect](tables, folder)
    return SourceSpec(kind="omop", path="." if dialect == "parquet" else "*/*.parquet")


def asked(**concept: object) -> Asked:
    index = {"table": "drug_exposure", "concepts": "it", "from": "2020-02-01"}
    return Asked(
        Selection.model_validate({"index": index, "age": {"min": 18}}),
        {"it": ConceptSet(label="It", concepts=[concept or {"id": SITE, "descendants": True}])},
    )


DIALECTS = ["csv", "parquet", "parts", "duckdb", "postgres"]


@pytest.mark.parametrize("change", [as_it_is, in_capitals, as_text, without_vocabulary])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_odd_databases_give_the_same_rows(
    dialect: str, change: Callable[[Tables], Tables], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    spec = laid(dialect, change(database()), tmp_path, request)
    data: SourceData = read_centre(tmp_path, [spec], {}, asked())
    drugs = data.tables["drug_exposure"].frame.sort("drug_exposure_start_date")
    assert drugs.select("drug_exposure_id", "person_id", "drug_concept_id", "drug_exposure_start_date").rows() == [
        (str(2**40), str(LARGE), str(SITE), "2020-02-29"),
        ("-5", str(NEGATIVE), str(SITE), "2020-03-01"),
    ]
    assert set(data.tables["person"].frame["person_id"]) == {str(LARGE), str(NEGATIVE)}
    assert data.selected is not None and data.selected.screened == 3
    assert [(s.n_in, s.n_out) for s in data.selected.steps] == [(3, 2), (2, 2), (2, 2)]


@pytest.mark.parametrize("change", [as_it_is, in_capitals, as_text])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_rows_of_persons_are_counted_where_they_lie(
    dialect: str, change: Callable[[Tables], Tables], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    spec = laid(dialect, change(database()), tmp_path, request)
    with open_cdm(CentreFolder(tmp_path), spec) as cdm:
        drugs, nobody = cdm.tables["drug_exposure"], pl.Series([], dtype=pl.Int64)
        counted = [cdm.count(drugs, who) for who in (None, pl.Series([LARGE, NEGATIVE, 99]), nobody)]
    assert counted == [3, 2, 0]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(("lacking", "words"), [("concept", "has no table concept"), ("person", "has no table person")])
def test_a_table_that_is_needed_and_not_there_is_refused(
    dialect: str, lacking: str, words: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    tables = {name: frame for name, frame in database().items() if name != lacking}
    spec = laid(dialect, tables, tmp_path, request)
    with pytest.raises(SourceError, match=words):
        read_centre(tmp_path, [spec], {}, asked(vocabulary="RxNorm", code="1") if lacking == "concept" else asked())


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_code_in_an_empty_vocabulary_is_refused(dialect: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    spec = laid(dialect, database(), tmp_path, request)
    with pytest.raises(SourceError, match="is empty, so no code can be looked up"):
        read_centre(tmp_path, [spec], {}, asked(vocabulary="RxNorm", name="inotuzumab ozogamicin"))


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("written", ["29/02/2020", "soon"])
def test_a_day_as_text_that_is_none_is_refused(
    dialect: str, written: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    tables = database()
    tables["drug_exposure"] = tables["drug_exposure"].with_columns(drug_exposure_start_date=pl.lit(written))
    spec = laid(dialect, tables, tmp_path, request)
    with pytest.raises(SourceError, match="holds a day"):
        read_centre(tmp_path, [spec], {}, asked())
