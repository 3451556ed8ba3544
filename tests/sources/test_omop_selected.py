"""A selection in every dialect: the reference study's centre E gives the same clinical data from CSV, Parquet, Parquet
in parts, DuckDB and two PostgreSQL servers; and only the selected persons' rows travel."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from chartline.core.clinical import ClinicalData
from chartline.mapping.apply import map_centre, wanted_of
from chartline.mapping.load import load_mapping
from chartline.protocol.selection import ConceptSet, Selection
from chartline.sources.asked import Asked
from chartline.sources.base import SourceData
from chartline.sources.read import read_centre
from chartline.sources.spec import SourceSpec
from omop_databases import (
    DEBIAN,
    debian_server,
    typed_tables,
    wheel_server,
    write_duckdb,
    write_parquet,
    write_parts,
    write_postgres,
)

EXAMPLE = Path(__file__).parents[2] / "examples" / "inotuzumab-india"
CENTRE_E = EXAMPLE / "centres" / "centre_E"
MAPPING = load_mapping(EXAMPLE / "mappings" / "centre_E.yaml")
DIALECTS = ["csv", "parquet", "parts", "duckdb", "postgres", "debian"]


@pytest.fixture(scope="module")
def wheel() -> Iterator[str]:
    with wheel_server() as address:
        yield address


@pytest.fixture(scope="module")
def debian() -> Iterator[str]:
    if not DEBIAN.is_dir():
        pytest.skip("needs Debian's PostgreSQL 15")
    with debian_server() as address:
        yield address


def lay(dialect: str, folder: Path, request: pytest.FixtureRequest, tables: dict[str, pl.DataFrame]) -> SourceSpec:
    """Write the tables in a dialect; return the source that reads them."""
    folder.mkdir(exist_ok=True)
    if dialect in ("postgres", "debian"):
        address = request.getfixturevalue("wheel" if dialect == "postgres" else "debian")
        schema = f"Cdm {abs(hash(str(folder)))}"
        write_postgres(tables, address, schema)
        return SourceSpec(kind="omop", database=address, schemas=(schema,))
    if dialect == "duckdb":
        write_duckdb(tables, folder / "cdm.duckdb", schema="cdm")
        return SourceSpec(kind="omop", path="cdm.duckdb")
    if dialect == "csv":
        for file in CENTRE_E.glob("*.csv"):
            shutil.copy(file, folder)
    else:
        {"parquet": write_parquet, "parts": write_parts}[dialect](tables, folder)
    return SourceSpec(kind="omop", path="*/*.parquet" if dialect == "parts" else ".")


SETS = {
    "ino": ConceptSet(label="Inotuzumab ozogamicin", concepts=[{"id": 2000000201}], source_values=["INOTUZUMAB%"]),
    "b_all": ConceptSet(label="B-ALL", concepts=[{"vocabulary": "LOCAL", "code": "LOCAL-200", "descendants": True}]),
    "lines": ConceptSet(label="Earlier regimens", source_values=["%| best %"]),
    "hsct": ConceptSet(label="Allogeneic HSCT", concepts=[{"id": 2000000209}]),
}


def asked(**selection: Any) -> Asked:
    index = {"table": "drug_exposure", "concepts": "ino"}
    return Asked(Selection.model_validate({"index": index} | selection), SETS, wanted_of(MAPPING))


def rows_of(table: str) -> list[dict[str, str]]:
    with (CENTRE_E / f"{table}.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def first_dose() -> dict[int, str]:
    """Person -> day of the first dose, from the file itself."""
    out: dict[int, str] = {}
    for row in rows_of("drug_exposure"):
        if row["drug_concept_id"] == "2000000201" or row["drug_source_value"].startswith("INOTUZUMAB"):
            person = int(row["person_id"])
            out[person] = min(out.get(person, "9999"), row["drug_exposure_start_date"])
    return out


def as_sets(data: ClinicalData) -> dict[str, set[tuple[Any, ...]]]:
    """Each domain as its rows."""
    return {d: set(map(tuple, _plain(data[d]).rows())) for d in data.domains}


def _plain(frame: pl.DataFrame) -> pl.DataFrame:
    """CSV alone keeps how a number was written ('22.0'); typed columns give its shortest form."""
    return frame.with_columns(
        pl.col(c).str.replace(r"(\.\d*?)0+$", "$1").str.replace(r"\.$", "") for c in _WRITTEN if c in frame
    )


_WRITTEN = ("LBORRES", "LBORNRLO", "LBORNRHI", "EXDOSE_RAW")


def values_of(column: str, source: SourceData) -> set[str]:
    """What stands in a column of that name, in whatever table."""
    frames = [table.frame for table in source.tables.values() if column in table.frame]
    assert frames
    return {value for frame in frames for value in frame[column].drop_nulls()}


def read(folder: Path, spec: SourceSpec, what: Asked | None) -> SourceData:
    return read_centre(folder, [spec], {}, what)


@pytest.fixture(scope="module")
def everybody() -> ClinicalData:
    """Centre E as it is read without a selection."""
    return map_centre(read_centre(CENTRE_E, MAPPING.sources, MAPPING.ignore_files), MAPPING)[0]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_gives_the_same_clinical_data(
    dialect: str, tmp_path: Path, request: pytest.FixtureRequest, everybody: ClinicalData
) -> None:
    spec = lay(dialect, tmp_path / "e", request, typed_tables(CENTRE_E))
    source = read(tmp_path / "e", spec, asked())
    assert source.selected is not None
    assert source.selected.screened == len(rows_of("person"))
    assert source.selected.steps[-1].n_out == len(first_dose())
    data, _ = map_centre(source, MAPPING)
    assert as_sets(data) == as_sets(everybody)
    assert values_of("race_concept_id", source) == values_of("drug_type_concept_id", source) == set()
    assert values_of("drug_exposure_id", source)  # is ignored too, but names the row
    for domain in data.domains:
        assert data[domain].height == everybody[domain].height
