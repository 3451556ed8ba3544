"""Concept sets of tens of thousands of concepts, and tables of which the study needs a few rows: the answer is that of
Polars on the same rows, the same in every dialect, and no other rows travel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from chartline.protocol.selection import ConceptSet, Selection
from chartline.sources.asked import Asked
from chartline.sources.base import SourceData
from chartline.sources.cdm_postgres import Postgres
from chartline.sources.folder import CentreFolder
from chartline.sources.omop import open_cdm
from chartline.sources.selected import look_up_concepts, read_selected
from chartline.sources.spec import SourceSpec
from omop_databases import Tables, wheel_server, write_duckdb, write_parquet, write_postgres

PERSONS, RECORDS, CONCEPTS = 20_000, 400_000, 50_000
RARE = range(1, 11)
MANY = range(2_000_000_000, 2_000_000_000 + CONCEPTS)  # as a site numbers its own
EVERY = 9


def drawn() -> Tables:
    """Each person has about twenty records; four in five are of one of the 50,000 concepts."""
    rng = np.random.default_rng(20261126)
    concept = rng.integers(MANY.start, MANY.stop + CONCEPTS // 4, RECORDS)
    concept[rng.integers(0, RECORDS, 60)] = rng.integers(RARE.start, RARE.stop, 60)
    person = rng.integers(0, PERSONS, RECORDS) - PERSONS // 2  # of both signs
    days = rng.integers(0, 2000, RECORDS)
    drugs = pl.DataFrame({"drug_exposure_id": np.arange(RECORDS), "person_id": person, "drug_concept_id": concept})
    start = pl.lit("2015-01-01").str.to_date() + pl.duration(days=pl.lit(pl.Series(days)))
    ancestors = pl.DataFrame({"ancestor_concept_id": [EVERY] * CONCEPTS, "descendant_concept_id": list(MANY)})
    return {
        "person": pl.DataFrame({"person_id": np.arange(PERSONS) - PERSONS // 2}),
        "drug_exposure": drugs.with_columns(start.alias("drug_exposure_start_date")),
        "concept_ancestor": ancestors,
    }


TABLES = drawn()
INDEX = {"table": "drug_exposure", "concepts": "rare"}
SETS = {
    "rare": ConceptSet(label="rare", concepts=[{"id": i} for i in RARE]),
    "many": ConceptSet(label="many", concepts=[{"id": i} for i in MANY]),
    "every": ConceptSet(label="every", concepts=[{"id": EVERY, "descendants": True}]),
}


@pytest.fixture(scope="module", params=["parquet", "duckdb", "postgres"])
def laid(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, SourceSpec]]:
    folder = tmp_path_factory.mktemp("large")
    if request.param == "parquet":
        write_parquet(TABLES, folder)
        yield folder, SourceSpec(kind="omop", path=".")
    elif request.param == "duckdb":
        write_duckdb(TABLES, folder / "cdm.duckdb")
        yield folder, SourceSpec(kind="omop", path="cdm.duckdb")
    else:
        with wheel_server() as address:
            write_postgres(TABLES, address, "cdm")
            yield folder, SourceSpec(kind="omop", database=address, schemas=("cdm",))


def read(laid: tuple[Path, SourceSpec], index: dict[str, str] = INDEX, **selection: object) -> SourceData:
    folder, spec = laid
    with open_cdm(CentreFolder(folder), spec) as database:
        return read_selected(database, Asked(Selection.model_validate({"index": index} | selection), SETS))


def persons(data: SourceData) -> set[int]:
    return set(data.tables["person"].frame["person_id"].cast(pl.Int64))


def treated(concepts: range, before: pl.DataFrame | None = None) -> pl.DataFrame:
    """By Polars: who has a record of the concepts (before a day of theirs), with the first day."""
    rows = TABLES["drug_exposure"].filter(pl.col("drug_concept_id").is_in(list(concepts)))
    if before is not None:
        rows = rows.join(before, on="person_id").filter(pl.col("drug_exposure_start_date") < pl.col("day"))
    day = pl.col("drug_exposure_start_date").min().alias("day")
    return rows.group_by("person_id").agg(day, pl.col("drug_concept_id").n_unique().alias("n"))


def test_a_record_of_one_of_fifty_thousand_concepts_is_required_or_is_the_index(laid: tuple[Path, SourceSpec]) -> None:
    rare, many = set(treated(RARE)["person_id"]), set(treated(MANY)["person_id"])
    rule = {"label": "x", "table": "drug_exposure", "concepts": "many"}
    assert persons(read(laid, require=[rule])) == rare & many
    assert persons(read(laid, exclude=[rule])) == rare - many
    swapped = {"table": "drug_exposure", "concepts": "many"}
    assert persons(read(laid, swapped, require=[rule | {"concepts": "rare"}])) == rare & many


@pytest.mark.parametrize("least", [1, 9])
def test_different_drugs_among_fifty_thousand_are_counted(laid: tuple[Path, SourceSpec], least: int) -> None:
    before = treated(MANY, treated(RARE).select("person_id", "day"))
    assert persons(read(laid, prior_lines={"concepts": "many", "at_least": least})) == set(
        before.filter(pl.col("n") >= least)["person_id"]
    )


def test_fifty_thousand_descendants_are_one_drug(laid: tuple[Path, SourceSpec]) -> None:
    before = treated(MANY, treated(RARE).select("person_id", "day"))
    assert persons(read(laid, prior_lines={"concepts": "every", "at_least": 1})) == set(before["person_id"])
    assert persons(read(laid, prior_lines={"concepts": "every", "at_least": 2})) == set()


def test_every_one_of_fifty_thousand_concepts_has_its_records_counted(laid: tuple[Path, SourceSpec]) -> None:
    folder, spec = laid
    what = Asked(Selection.model_validate({"index": {"table": "drug_exposure", "concepts": "many"}}), SETS)
    with open_cdm(CentreFolder(folder), spec) as database:
        lines = look_up_concepts(database, what)
    expected = TABLES["drug_exposure"].filter(pl.col("drug_concept_id").is_in(list(MANY)))
    records = dict(expected.group_by("drug_concept_id").len().iter_rows())
    seen = dict(expected.group_by("drug_concept_id").agg(pl.col("person_id").n_unique()).iter_rows())
    assert [(c.concept_id, c.records, c.persons) for c in lines] == [
        (i, records.get(i, 0), seen.get(i, 0)) for i in MANY
    ]


def test_of_a_server_only_the_rows_of_the_selected_persons_travel(monkeypatch: pytest.MonkeyPatch) -> None:
    """400,000 records of 20,000 persons: what comes is the candidates and their rows."""
    came: list[int] = []
    copied = Postgres._copied

    def counting(self: Postgres, sql: str) -> tuple[pl.DataFrame, list[int]]:
        found = copied(self, sql)
        came.append(found[0].height)
        return found

    monkeypatch.setattr(Postgres, "_copied", counting)
    chosen = treated(RARE)
    theirs = TABLES["drug_exposure"].join(chosen, on="person_id", how="semi").height
    with wheel_server() as address:
        write_postgres({name: TABLES[name] for name in ("person", "drug_exposure")}, address, "cdm")
        read((Path(), SourceSpec(kind="omop", database=address, schemas=("cdm",))))
    # The candidates once when they are chosen and once in `person`, their rows, and a count or two of the selection.
    assert 2 * chosen.height + theirs <= sum(came) <= 2 * chosen.height + theirs + 10
    assert theirs < RECORDS / 100
