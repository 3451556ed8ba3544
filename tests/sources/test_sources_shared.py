"""The readers on real and reference files, counted again by another program (csv, json, pyarrow)."""

from __future__ import annotations

import csv
import json
import shutil
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from chartline.sources.base import SourceData
from chartline.sources.read import read_centre
from chartline.sources.spec import SourceSpec

pytestmark = pytest.mark.shared

FACTS = {"mapping_facts.md": "facts for the mapping", "_SYNTHETIC.txt": "a label"}


def read(folder: Path, ignore: dict[str, str], **spec: Any) -> SourceData:
    return read_centre(folder, [SourceSpec(**spec)], ignore)


def csv_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as stream:
        return list(csv.DictReader(stream))


# ---------------------------------------------------------------- the synthetic study: cells that were planted


def centre(shared: Path, letter: str) -> Path:
    return shared / "ino-cohort" / "centres" / f"centre_{letter}"


def values(data: SourceData, table: str, column: str) -> dict[str, str | None]:
    """Return address -> value of one column."""
    found = data.tables[table]
    return {found.address(row, column): found.raw(row, column) for row in range(found.frame.height)}


def test_centre_a_cells(shared: Path) -> None:
    sheets = ["InO doses", "Labs", "Marrow", "Follow up"]
    others = "Patients,Prior therapy,Reference ranges,Adverse events,VOD form,Transplant,Other treatment,README"
    data = read(
        centre(shared, "A"),
        FACTS,
        kind="xlsx",
        path="CentreA_InO_review.xlsx",
        sheets={name: {"header_row": 5, "group_row": 4} for name in sheets},
        other_sheets=dict.fromkeys(others.split(","), "not needed here"),
    )
    book = "CentreA_InO_review.xlsx"
    assert values(data, "Follow up", "Relapse date")[f"{book}!Follow up!C13"] == "2020-06-10"
    assert values(data, "InO doses", "Dose mg/m2")[f"{book}!InO doses!E6"] == "8"
    assert values(data, "Labs", "PLT (lakh/uL)")[f"{book}!Labs!F77"] == "41"  # lakh, so 4100 x 10^9/L
    assert values(data, "Marrow", "BM blasts %")[f"{book}!Marrow!E15"] == "20"
    assert [(note.rule, note.address) for note in data.notes] == [("hidden_row", f"{book}!InO doses!row 9")]


def test_centre_b_column_of_dates_and_texts(shared: Path) -> None:
    data = read(
        centre(shared, "B"),
        FACTS,
        kind="xlsx",
        path="CentreB_master.xlsx",
        sheets={"Master": {"header_row": 2}},
        other_sheets={"Registration": "", "Ref ranges": ""},
    )
    master = data.tables["Master"]
    assert master.kinds is not None
    true_dates = {
        master.address(row, "C1 D1 date") for row, kind in enumerate(master.kinds["C1 D1 date"]) if kind == "d"
    }
    assert true_dates == {f"CentreB_master.xlsx!Master!AR{row}" for row in (3, 5, 8, 9, 11)}  # planted error Q27


def test_centre_c_csv_and_odm_are_equal(shared: Path) -> None:
    folder = centre(shared, "C")
    names = {"records": "SynInO_DATA.csv", "dictionary": "SynInO_DataDictionary.csv"}
    from_csv = read(folder, FACTS | {"*.xml": "a copy"}, kind="redcap", **names)
    from_odm = read(folder, FACTS | {"*.csv": "a copy"}, kind="redcap", odm="SynInO_ODM.xml")
    assert list(from_csv.tables) == list(from_odm.tables)
    for name, table in from_csv.tables.items():
        assert from_odm.tables[name].columns == table.columns
        assert from_odm.tables[name].frame.rows() == table.frame.rows(), name
    instruments = Counter(row["redcap_repeat_instrument"] for row in csv_rows(folder / "SynInO_DATA.csv"))
    for form in ("prior_therapy", "ino_dose", "response", "labs", "adverse_event", "other_treatment"):
        assert from_csv.tables[form].frame.height == instruments[form]
    assert values(from_csv, "follow_up", "dth_date")["SynInO_DATA.csv!row 258!dth_date"] == "2031-12-28"
    assert from_csv.notes == ()


def test_centre_d_lines_and_bundle(shared: Path) -> None:
    folder = centre(shared, "D")
    data = read(folder, FACTS, kind="fhir", path=".")
    for kind, table in data.tables.items():
        assert table.frame.height == len((folder / f"{kind}.ndjson").read_text().splitlines())
    cell = "Observation.ndjson!line 525!valueQuantity.value"
    assert values(data, "Observation", "valueQuantity.value")[cell] == "77000"
    bundle = json.loads((folder / "Bundle_D-01.json").read_text())
    assert [note.rule for note in data.notes] == ["repeated_resource"]
    assert data.notes[0].message.startswith(f"{len(bundle['entry'])} resource(s)")


def test_centre_e_csv_and_parquet(shared: Path) -> None:
    folder = centre(shared, "E")
    data = read(folder, FACTS | {"*.parquet": "copies"}, kind="omop", path=".")
    for name, table in data.tables.items():
        assert table.frame.height == len(csv_rows(folder / f"{name}.csv"))
    cell = "measurement.csv!measurement_id=619!unit_concept_id"
    assert values(data, "measurement", "unit_concept_id")[cell] == "8840"
    copies = FACTS | {"measurement.csv": "copy", "drug_exposure.csv": "copy"}
    parquet = read(folder, copies, kind="omop", path=".", format="parquet")
    for name in ("measurement", "drug_exposure"):
        assert parquet.tables[name].row_labels == data.tables[name].row_labels


# ---------------------------------------------------------------- REDCap


PROJECTS = {  # folder -> form -> rows, counted by reading data.csv
    "clinical-trial-1": {"demographics": 500},
    "repeating-instruments": {"demographics": 2, "bp": 4},
    "longitudinal": {"demographics": 3, "visit_lab_data": 4, "patient_morale_questionnaire": 10},
    "dag": {"demographics": 3},
    "decimal-dot": {"demographics": 4},
}


@pytest.mark.parametrize("name", PROJECTS)
def test_redcap_projects_from_csv_and_xml(shared: Path, tmp_path: Path, name: str) -> None:
    for file in ("data.csv", "dictionary.csv", "project.xml"):
        shutil.copy(shared / "data" / "redcap_redcapr" / name / file, tmp_path / file)
    pair = {"records": "data.csv", "dictionary": "dictionary.csv"}
    from_csv = read(tmp_path, {"project.xml": "a copy"}, kind="redcap", **pair)
    from_xml = read(tmp_path, {"*.csv": "a copy"}, kind="redcap", odm="project.xml")
    for form, rows in PROJECTS[name].items():
        assert from_csv.tables[form].frame.height == rows
        assert from_xml.tables[form].frame.shape == from_csv.tables[form].frame.shape
        assert from_xml.tables[form].columns == from_csv.tables[form].columns


def test_every_redcap_xml_reads(shared: Path, tmp_path: Path) -> None:
    found = [*(shared / "data" / "redcap_redcapr").glob("*/project.xml")]
    found += [*(shared / "data" / "redcap_pycap").glob("*.xml")]
    assert len(found) == 19
    for number, path in enumerate(found):
        folder = tmp_path / str(number)
        folder.mkdir()
        shutil.copy(path, folder / "p.xml")
        assert read(folder, {}, kind="redcap", odm="p.xml").tables


# ---------------------------------------------------------------- FHIR


def test_synthea_bundles(shared: Path, tmp_path: Path) -> None:
    count: Counter[str] = Counter()
    for path in sorted((shared / "data" / "fhir_synthea_r4_oncology").glob("*.json"))[:2]:
        shutil.copy(path, tmp_path / path.name)
        for entry in json.loads(path.read_text(encoding="utf-8"))["entry"]:
            count[entry["resource"]["resourceType"]] += 1
    data = read(tmp_path, {}, kind="fhir", path="*.json")
    repeated = sum(int(note.message.split()[0]) for note in data.notes if note.rule == "repeated_resource")
    assert sum(table.frame.height for table in data.tables.values()) + repeated == sum(count.values())
    assert data.tables["Patient"].frame.height == 2
    assert data.tables["Observation"].frame.height == count["Observation"]
    systolic = "component[8480-6].valueQuantity.value"
    assert data.tables["Observation"].frame[systolic].drop_nulls().cast(float).is_between(60, 250).all()


def test_bulk_export(shared: Path, tmp_path: Path) -> None:
    wanted = ("Patient", "Condition", "Procedure", "Immunization")
    count = {}
    with zipfile.ZipFile(shared / "data" / "fhir_bulk_ndjson_10_patients" / "10-patients-bulk.zip") as archive:
        for name in archive.namelist():
            kind = Path(name).name.split(".")[0]
            if kind in wanted:
                (tmp_path / Path(name).name).write_bytes(archive.read(name))
                count[kind] = len(archive.read(name).splitlines())
    data = read(tmp_path, {}, kind="fhir", path=".")
    assert {kind: table.frame.height for kind, table in data.tables.items()} == count
    assert data.tables["Patient"].file == "Patient.000.ndjson"
    assert count["Patient"] == data.tables["Patient"].frame["id"].n_unique()


# ---------------------------------------------------------------- OMOP


@pytest.mark.parametrize("name", ["vanilla", "capital_letters", "multiple_units", "empty_observation"])
def test_toy_databases(shared: Path, name: str) -> None:
    folder = shared / "data" / "omop_ehrdata_toy" / name
    data = read(folder, {}, kind="omop", path=".")
    counted = {path.stem.lower(): len(csv_rows(path)) for path in folder.glob("*.csv")}
    assert {table: found.frame.height for table, found in data.tables.items()} == counted
    assert all(column == column.lower() for found in data.tables.values() for column in found.columns)


def test_synthea_csv_and_parquet(shared: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    folder = shared / "data" / "omop_synthea27nj_5.4"
    wanted = ("person", "death", "measurement", "drug_strength", "cdm_source")
    for file, below in (("Synthea27Nj_5.4.zip", "csv"), ("Synthea27NjParquet_5.4.zip", "parquet")):
        (tmp_path / below).mkdir()
        with zipfile.ZipFile(folder / file) as archive:
            for name in archive.namelist():
                if "__MACOSX" not in name and Path(name).stem.lower() in wanted:
                    (tmp_path / below / Path(name).name).write_bytes(archive.read(name))
    from_csv = read(tmp_path / "csv", {}, kind="omop", path=".")
    from_parquet = read(tmp_path, {"csv/*": "a copy"}, kind="omop", path="parquet", format="parquet")
    assert set(from_csv.tables) == set(wanted)
    for name in wanted:
        counted = parquet.read_metadata(tmp_path / "parquet" / f"{name}.parquet").num_rows
        assert from_csv.tables[name].frame.height == from_parquet.tables[name].frame.height == counted
    assert from_csv.tables["measurement"].frame.height == 10_040
    key = ["measurement_id", "person_id", "measurement_concept_id"]
    ours, theirs = from_csv.tables["measurement"].frame, from_parquet.tables["measurement"].frame
    assert ours.select(key).sort(key).rows() == theirs.select(key).sort(key).rows()
