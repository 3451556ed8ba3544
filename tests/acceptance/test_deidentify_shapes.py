"""The copy of every shape of charts is read with the mapping of the original, and says the same.

Centres of the reference study, some brought into the shapes that no centre of it has: xls and ods through LibreOffice,
CDISC ODM, Parquet, DuckDB. Not shifted, every value comes from the same cell; shifted, all dates of a patient move by
the same days, those that are known to the month included up to half a month, and nothing else changes.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import duckdb
import polars as pl
import pytest

from chartline.core.clinical import combine
from chartline.mapping.apply import map_centre
from chartline.mapping.load import load_mapping
from chartline.pipeline import deidentify_centre
from chartline.sources.read import read_centre
from chartline.trace.charted import charted_values
from office import CALC, needs_calc

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "inotuzumab-india"
KEY = bytes(range(32)).hex()
SHIFT = 7
Shape = Callable[[Path, str], str]  # puts the files into a folder, and changes the mapping's text to read them


@pytest.fixture
def key(tmp_path: Path) -> Path:
    file = tmp_path / "key"
    file.write_text(KEY + "\n")
    file.chmod(0o600)
    return file


def _as_they_are(centre: str) -> Shape:
    def put(folder: Path, mapping: str) -> str:
        shutil.copytree(EXAMPLE / "centres" / f"centre_{centre}", folder, dirs_exist_ok=True)
        return mapping

    return put


def _by_office(kind: str) -> Shape:
    def put(folder: Path, mapping: str) -> str:
        book = EXAMPLE / "centres" / "centre_A" / "CentreA_InO_review.xlsx"
        profile = f"-env:UserInstallation={(folder.parent / 'profile').as_uri()}"
        command = [str(CALC), profile, "--headless", "--convert-to", kind]
        subprocess.run([*command, "--outdir", str(folder), str(book)], check=True, capture_output=True, timeout=300)
        (folder / "mapping_facts.md").write_text("as the mapping lists")
        return mapping.replace("CentreA_InO_review.xlsx", f"CentreA_InO_review.{kind}")

    return put


def _odm(folder: Path, mapping: str) -> str:
    mapping = _as_they_are("C")(folder, mapping)
    for name in ("SynInO_DATA.csv", "SynInO_DataDictionary.csv"):
        (folder / name).unlink()
    mapping = mapping.replace("  SynInO_ODM.xml: the same data as CDISC ODM\n", "")
    source = "records: SynInO_DATA.csv, dictionary: SynInO_DataDictionary.csv"
    assert source in mapping
    return mapping.replace(source, "odm: SynInO_ODM.xml")


def _parquet(folder: Path, mapping: str) -> str:
    mapping = _as_they_are("E")(folder, mapping)
    for file in folder.glob("*.csv"):
        pl.read_csv(file, infer_schema_length=None, try_parse_dates=True).write_parquet(file.with_suffix(".parquet"))
        file.unlink()
    return mapping.replace("format: csv", "format: parquet").replace('  "*.parquet": the same tables as Parquet\n', "")


def _duckdb(folder: Path, mapping: str) -> str:
    with duckdb.connect(str(folder / "cdm.duckdb")) as database:
        for file in (EXAMPLE / "centres" / "centre_E").glob("*.csv"):
            database.execute(f"CREATE TABLE {file.stem} AS SELECT * FROM read_csv(?)", [str(file)])
    for name in ("mapping_facts.md", "_SYNTHETIC.txt"):
        (folder / name).write_text("as the mapping lists")
    return mapping.replace("{kind: omop, path: ., format: csv}", "{kind: omop, path: cdm.duckdb}")


SHAPES: dict[str, tuple[str, Shape]] = {
    "xlsx": ("A", _as_they_are("A")),
    "xlsx, dates exchanged": ("B", _as_they_are("B")),
    "REDCap": ("C", _as_they_are("C")),
    "ODM": ("C", _odm),
    "FHIR": ("D", _as_they_are("D")),
    "OMOP csv": ("E", _as_they_are("E")),
    "OMOP Parquet": ("E", _parquet),
    "OMOP DuckDB": ("E", _duckdb),
}
OFFICE = {"xls": ("A", _by_office("xls")), "ods": ("A", _by_office("ods"))}
every = pytest.mark.parametrize("shape", [*SHAPES, *(pytest.param(name, marks=needs_calc) for name in OFFICE)])


def _charted(folder: Path, mapping: Path) -> pl.DataFrame:
    signed = load_mapping(mapping)
    return charted_values(combine([map_centre(read_centre(folder, signed.sources, signed.ignore_files), signed)[0]]))


def _both(shape: str, tmp_path: Path, key: Path, shift_days: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What the mapping reads in the charts, and in their copy."""
    centre, put = {**SHAPES, **OFFICE}[shape]
    charts, mapping = tmp_path / "charts", tmp_path / "mapping.yaml"
    charts.mkdir()
    text = put(charts, (EXAMPLE / "mappings" / f"centre_{centre}.yaml").read_text("utf-8"))
    mapping.write_text(text, "utf-8")
    deidentify_centre(charts, key, tmp_path / "out", shift_days=shift_days, mapping=mapping)
    copy = tmp_path / "out" / "files"
    if shape in OFFICE:
        report = (tmp_path / "out" / "report.txt").read_text("utf-8")
        assert f"CentreA_InO_review.{shape}: copied as CentreA_InO_review.xlsx" in report
    before = _charted(charts, mapping)
    if shape in OFFICE:  # the one thing that the report says to change
        mapping.write_text(text.replace(f"CentreA_InO_review.{shape}", "CentreA_InO_review.xlsx"), "utf-8")
        before = before.with_columns(pl.col("ADDRESS").str.replace(f".{shape}", ".xlsx", literal=True))
    return before, _charted(copy, mapping)


@every
def test_every_value_comes_from_the_same_cell(shape: str, tmp_path: Path, key: Path) -> None:
    before, after = _both(shape, tmp_path, key, 0)
    assert before.height > 1_000
    assert before.equals(after)


@every
def test_shifted_every_date_of_a_patient_moves_by_the_same_days_and_nothing_else(
    shape: str, tmp_path: Path, key: Path
) -> None:
    before, after = _both(shape, tmp_path, key, SHIFT)
    place = ["DOMAIN", "USUBJID", "SEQ", "VARIABLE"]
    both = before.join(after.rename({"VALUE": "NEW"}), on=place, how="full")
    assert both["VALUE"].null_count() == both["NEW"].null_count() == 0
    days = both.filter(pl.col("VALUE").str.contains(r"^\d{4}-\d{2}-\d{2}"))
    old, new = (pl.col(c).str.slice(0, 10).str.to_date() for c in ("VALUE", "NEW"))
    moved = days.select("USUBJID", (new - old).dt.total_days().alias("BY"))
    by = moved.group_by("USUBJID").agg(pl.col("BY").unique())
    assert by["BY"].list.len().to_list() == [1] * by.height
    assert all(1 <= abs(days) <= SHIFT for days in by["BY"].list.first())
    months = both.filter(pl.col("VALUE").str.contains(r"^\d{4}-\d{2}$"))
    assert months["NEW"].str.contains(r"^\d{4}-\d{2}$").all()
    rest = both.filter(~pl.col("VALUE").str.contains(r"^\d{4}-\d{2}"))
    assert rest.filter(pl.col("VALUE") != pl.col("NEW")).is_empty()
