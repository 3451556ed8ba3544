"""The same three patients in every dialect give the same values, and every address leads back to its cell.

The patients are written here by other programs than the ones that read them (openpyxl, csv, json, pyarrow,
DuckDB), and read back through their addresses with those programs again.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

import openpyxl
import polars as pl
import pytest

from chartline.sources.base import SourceTable
from chartline.sources.read import read_centre
from chartline.sources.spec import SourceSpec

PATIENTS = [
    {"id": 1, "born": dt.date(1970, 3, 4), "dose": 0.5, "remark": 'said "no", Zoë'},
    {"id": 2, "born": dt.date(1999, 12, 31), "dose": 2.0, "remark": None},
    {"id": 3, "born": None, "dose": None, "remark": "plain"},
]
EXPECTED = pl.DataFrame(
    {
        "id": ["1", "2", "3"],
        "born": ["1970-03-04", "1999-12-31", None],
        "dose": ["0.5", "2", None],
        "remark": ['said "no", Zoë', None, "plain"],
    }
)
FIELDS = EXPECTED.columns


def as_text(value: Any) -> str | None:
    """The text that a person sees: 2.0 is 2, a date is ISO."""
    if value is None or value == "":
        return None
    if isinstance(value, dt.datetime):
        return value.date().isoformat()
    return f"{value:g}" if isinstance(value, float) else str(value)


def rows(names: dict[str, str]) -> list[dict[str, Any]]:
    return [{names[field]: patient[field] for field in names} for patient in PATIENTS]


def write_csv(path: Path, names: dict[str, str], delimiter: str = ",", **extra: str) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, delimiter=delimiter)
        writer.writerow([*names.values(), *extra])
        for row in rows(names):
            writer.writerow([*(as_text(value) or "" for value in row.values()), *extra.values()])


def csv_cell(folder: Path, address: str, delimiter: str = ",") -> Any:
    """`file!row 3!column` read with the csv module; `file!key=3!column` by searching the key."""
    file, label, column = address.split("!")
    with (folder / file).open(newline="", encoding="utf-8") as stream:
        records = list(csv.reader(stream, delimiter=delimiter))
    head = records[0]
    if label.startswith("row "):
        return records[int(label[4:]) - 1][head.index(column)]
    key, value = label.split("=")
    return next(one for one in records if one[head.index(key)] == value)[head.index(column)]


SAME = {field: field for field in FIELDS}
OMOP = {"id": "observation_id", "born": "observation_date", "dose": "value_as_number", "remark": "value_as_string"}
PATHS = {
    "id": "id",
    "born": "effectiveDateTime",
    "dose": "component[DOSE].valueQuantity.value",
    "remark": "note[0].text",
}


# ---------------------------------------------------------------- one writer and one way back per dialect


def write_xlsx(folder: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Patients"
    sheet.append(["A title"])
    sheet.append(FIELDS)
    for row in rows(SAME):
        sheet.append(list(row.values()))
    book.save(folder / "book.xlsx")


def xlsx_cell(folder: Path, address: str) -> Any:
    file, sheet, cell = address.split("!")
    return openpyxl.load_workbook(folder / file)[sheet][cell].value


def write_semicolon(folder: Path) -> None:
    write_csv(folder / "patients.csv", SAME, ";")


def write_redcap(folder: Path) -> None:
    names = {**SAME, "id": "record_id"}
    write_csv(folder / "data.csv", names, patients_complete="2")
    head = ["Variable / Field Name", "Form Name", "Field Type", "Choices, Calculations, OR Slider Labels"]
    lines = [head, *([name, "patients", "text", ""] for name in names.values())]
    with (folder / "dictionary.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows(lines)


def write_odm(folder: Path) -> None:
    names = {**SAME, "id": "record_id"}
    items = "".join(f'<ItemDef OID="I.{name}" Name="{name}" DataType="text"/>' for name in names.values())
    refs = "".join(f'<ItemRef ItemOID="I.{name}"/>' for name in names.values())
    data = "".join(
        f'<SubjectData SubjectKey="{row["record_id"]}"><FormData FormOID="F.patients" FormRepeatKey="1">'
        '<ItemGroupData ItemGroupOID="IG">'
        + "".join(
            f'<ItemData ItemOID="I.{name}" Value={quoteattr(as_text(value) or "")}/>'
            for name, value in row.items()
            if value is not None
        )
        + "</ItemGroupData></FormData></SubjectData>"
        for row in rows(names)
    )
    (folder / "project.xml").write_text(
        '<ODM xmlns="http://www.cdisc.org/ns/odm/v1.3" FileType="Snapshot"><Study OID="S"><MetaDataVersion OID="M">'
        '<FormDef OID="F.patients" Name="patients"><ItemGroupRef ItemGroupOID="IG"/></FormDef>'
        f'<ItemGroupDef OID="IG" Name="patients">{refs}</ItemGroupDef>{items}</MetaDataVersion></Study>'
        f"<ClinicalData>{data}</ClinicalData></ODM>",
        encoding="utf-8",
    )


def odm_cell(folder: Path, address: str) -> Any:
    file, label, column = address.split("!")
    record, form, repeat = label.split("/")
    root = ElementTree.parse(folder / file).getroot()
    if column == "record_id":
        return record
    return root.find(
        f".//{{*}}SubjectData[@SubjectKey='{record}']/{{*}}FormData[@FormOID='F.{form}'][@FormRepeatKey='{repeat}']"
        f"//{{*}}ItemData[@ItemOID='I.{column}']"
    ).get("Value")


def resources() -> list[dict[str, Any]]:
    made = []
    for patient in PATIENTS:
        one: dict[str, Any] = {"resourceType": "Observation", "id": str(patient["id"])}
        if patient["born"]:
            one["effectiveDateTime"] = patient["born"].isoformat()
        if patient["dose"] is not None:
            quantity = {"value": patient["dose"]}
            one["component"] = [{"code": {"coding": [{"code": "DOSE"}]}, "valueQuantity": quantity}]
        if patient["remark"]:
            one["note"] = [{"text": patient["remark"]}]
        made.append(one)
    return made


def write_ndjson(folder: Path) -> None:
    lines = "\n".join(json.dumps(one, ensure_ascii=False) for one in resources())
    (folder / "Observation.ndjson").write_text(lines + "\n", encoding="utf-8")


def write_bundle(folder: Path) -> None:
    bundle = {"resourceType": "Bundle", "entry": [{"resource": one} for one in resources()]}
    (folder / "Bundle.json").write_text(json.dumps(bundle, indent=1), encoding="utf-8")


def fhir_cell(folder: Path, address: str) -> Any:
    file, label, path = address.split("!")
    number = int(label.split()[1]) - 1
    text = (folder / file).read_text(encoding="utf-8")
    if label.startswith("line"):
        node: Any = json.loads(text.splitlines()[number])
    else:
        node = json.loads(text)["entry"][number]["resource"]
    for name, key in re.findall(r"(\w+)(?:\[([^\]]+)\])?", path):
        node = node[name]
        if key.isdigit():
            node = node[int(key)]
        elif key:
            node = next(one for one in node if one["code"]["coding"][0]["code"] == key)
    return node


def write_omop_csv(folder: Path) -> None:
    write_csv(folder / "OBSERVATION.csv", {field: name.upper() for field, name in OMOP.items()})


def omop_csv_cell(folder: Path, address: str) -> Any:
    file, label, column = address.split("!")
    return csv_cell(folder, f"{file}!{label.upper()}!{column}")


def write_omop_parquet(folder: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(arrow.Table.from_pylist(rows(OMOP)), folder / "observation.parquet")


def parquet_cell(folder: Path, address: str) -> Any:
    file, label, column = address.split("!")
    table = pytest.importorskip("pyarrow.parquet").read_table(folder / file).to_pylist()
    key, value = label.split("=")
    return next(row for row in table if str(row[key]) == value)[column]


def write_omop_duckdb(folder: Path) -> None:
    import duckdb

    with duckdb.connect(str(folder / "cdm.duckdb")) as connection:
        connection.execute(
            "CREATE TABLE Observation (observation_id INTEGER, observation_date DATE, value_as_number DOUBLE, "
            "value_as_string VARCHAR)"
        )
        connection.executemany("INSERT INTO Observation VALUES (?, ?, ?, ?)", [list(r.values()) for r in rows(OMOP)])


def duckdb_cell(folder: Path, address: str) -> Any:
    import duckdb

    file, table, label, column = address.split("!")
    key, value = label.split("=")
    with duckdb.connect(str(folder / file), read_only=True) as connection:
        return connection.execute(f"SELECT {column} FROM {table} WHERE {key} = ?", [int(value)]).fetchone()[0]


@dataclass(frozen=True)
class Dialect:
    write: Callable[[Path], None]
    spec: dict[str, Any]
    table: str
    names: dict[str, str]
    cell: Callable[[Path, str], Any]


DIALECTS = {
    "xlsx": Dialect(
        write_xlsx,
        {"kind": "xlsx", "path": "book.xlsx", "sheets": {"Patients": {"header_row": 2}}},
        "Patients",
        SAME,
        xlsx_cell,
    ),
    "delimited": Dialect(
        write_semicolon,
        {"kind": "delimited", "path": "patients.csv", "delimiter": ";"},
        "patients",
        SAME,
        lambda folder, address: csv_cell(folder, address, ";"),
    ),
    "redcap": Dialect(
        write_redcap,
        {"kind": "redcap", "records": "data.csv", "dictionary": "dictionary.csv"},
        "patients",
        {**SAME, "id": "record_id"},
        csv_cell,
    ),
    "odm": Dialect(
        write_odm, {"kind": "redcap", "odm": "project.xml"}, "patients", {**SAME, "id": "record_id"}, odm_cell
    ),
    "ndjson": Dialect(write_ndjson, {"kind": "fhir", "path": "*.ndjson"}, "Observation", PATHS, fhir_cell),
    "bundle": Dialect(write_bundle, {"kind": "fhir", "path": "."}, "Observation", PATHS, fhir_cell),
    "omop csv": Dialect(write_omop_csv, {"kind": "omop", "path": "."}, "observation", OMOP, omop_csv_cell),
    "omop parquet": Dialect(write_omop_parquet, {"kind": "omop", "path": "."}, "observation", OMOP, parquet_cell),
    "omop duckdb": Dialect(write_omop_duckdb, {"kind": "omop", "path": "cdm.duckdb"}, "observation", OMOP, duckdb_cell),
}


def read(dialect: Dialect, folder: Path) -> SourceTable:
    dialect.write(folder)
    data = read_centre(folder, [SourceSpec(**dialect.spec)], {})
    assert list(data.tables) == [dialect.table]
    assert data.notes == ()
    return data.tables[dialect.table]


@pytest.mark.parametrize("name", DIALECTS)
def test_every_dialect_gives_the_same_values(name: str, tmp_path: Path) -> None:
    dialect = DIALECTS[name]
    table = read(dialect, tmp_path)
    found = table.frame.select(pl.col(dialect.names[field]).alias(field) for field in FIELDS)
    assert found.rows() == EXPECTED.rows()
    assert set(table.frame.schema.values()) == {pl.String}


@pytest.mark.parametrize("name", DIALECTS)
def test_every_address_leads_back_to_its_cell(name: str, tmp_path: Path) -> None:
    dialect = DIALECTS[name]
    table = read(dialect, tmp_path)
    seen = 0
    for row in range(table.frame.height):
        for column in dialect.names.values():
            value = table.raw(row, column)
            if value is not None:
                assert as_text(dialect.cell(tmp_path, table.address(row, column))) == value
                seen += 1
    assert seen == 9  # twelve cells, three of them blank


def test_only_a_spreadsheet_tells_the_kind_of_a_cell(tmp_path: Path) -> None:
    table = read(DIALECTS["xlsx"], tmp_path)
    assert table.kinds is not None
    assert table.kinds.rows() == [("n", "d", "n", "t"), ("n", "d", "n", None), ("n", None, None, "t")]
    assert table.address(0, "dose") == "book.xlsx!Patients!C3"
    assert table.address(0) == "book.xlsx!Patients!row 3"
