"""Every file of the reference material, each in a folder of its own: read, and counted again by another program, or
refused with its place. What is refused is listed here, with the reason."""

from __future__ import annotations

import csv
import json
import shutil
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chartline.errors import StudyError
from chartline.sources.base import SourceData
from chartline.sources.read import read_centre
from chartline.sources.spec import SourceSpec

pytestmark = pytest.mark.shared

SETS = ("redcap_*", "fhir_*", "mcode_*", "omop_*", "bioc_ALL_ritz128")


def files(shared: Path, ending: str) -> list[Path]:
    return sorted(path for name in SETS for path in (shared / "data").glob(f"{name}/**/*{ending}"))


def read(original: Path, folder: Path, **spec: Any) -> SourceData:
    folder.mkdir()
    shutil.copy(original, folder / original.name)
    return read_centre(folder, [SourceSpec(**{"path": original.name, **spec})])


def refusals(shared: Path, ending: str, tmp_path: Path, **spec: Any) -> Iterator[tuple[Path, SourceData | StudyError]]:
    for number, path in enumerate(files(shared, ending)):
        try:
            yield path, read(path, tmp_path / str(number), **spec)
        except StudyError as error:
            assert path.name in f"{error.what} {error.where}", error
            yield path, error


def test_every_csv_file(shared: Path, tmp_path: Path) -> None:
    refused = {}
    for path, found in refusals(shared, ".csv", tmp_path, kind="delimited"):
        if isinstance(found, StudyError):
            refused[path.name] = found.what
            continue
        (table,) = found.tables.values()
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = [row for row in csv.reader(stream)]
        cells = [[cell or None for cell in row] for row in rows[1:]]
        while cells and not any(cells[-1]):
            cells.pop()
        names = {name: i for i, name in enumerate(" ".join(head.split()) for head in rows[0])}
        assert table.frame.height == len(cells), path
        for column in table.columns:
            if column in names and rows[0].count(rows[0][names[column]]) == 1:
                there = [row[names[column]] if row else None for row in cells]
                assert table.frame[column].to_list() == there, (path, column)
    assert refused == {
        "IMPOWRREDCapLibrary_DataDictionary_2022-10-23.csv": "IMPOWRREDCapLibrary_DataDictionary_2022-10-23.csv is not "
        "utf-8: byte 70295 (a9) on line 588 cannot be read",  # cp1252, as the message proposes
        "data.csv": "data.csv has no headings in row 1",  # redcap_redcapr/single-column: a line feed is all it holds
    }


def test_every_json_file(shared: Path, tmp_path: Path) -> None:
    read_files, refused = 0, Counter[str]()
    for path, found in refusals(shared, ".json", tmp_path, kind="fhir"):
        document = json.loads(path.read_text(encoding="utf-8-sig"))
        is_fhir = isinstance(document, dict) and isinstance(document.get("resourceType"), str)
        if isinstance(found, StudyError):
            refused[found.what.split(", ", 1)[1]] += 1
            assert not is_fhir or document["resourceType"] == "Bundle", path
            continue
        read_files += 1
        resources = [document]
        if document["resourceType"] == "Bundle":
            resources = [entry["resource"] for entry in document.get("entry", []) if "resource" in entry]
        kinds = Counter(one["resourceType"] for one in resources)
        repeated = sum(int(n.message.split()[0]) for n in found.notes if n.rule == "repeated_resource")
        empty = sum(n.rule == "empty_resource" for n in found.notes)
        assert sum(t.frame.height for t in found.tables.values()) + repeated + empty == sum(kinds.values()), path
        assert set(found.tables) == {one["resourceType"] for one in resources if len(one) > 1}
    assert read_files > 300
    assert all("is JSON, but not a FHIR resource: it has no resourceType" in what for what in refused), refused


def test_every_redcap_project(shared: Path, tmp_path: Path) -> None:
    seen = 0
    for home in sorted((shared / "data" / "redcap_redcapr").iterdir()):
        dictionary = next((home / n for n in ("dictionary.csv", "dictionay.csv") if (home / n).exists()), None)
        if dictionary is None or not (home / "data.csv").exists() or home.name == "single-column":  # no data: above
            continue
        seen += 1
        folder = tmp_path / home.name
        folder.mkdir()
        shutil.copy(home / "data.csv", folder / "data.csv")
        shutil.copy(dictionary, folder / "dictionary.csv")
        data = read_centre(folder, [SourceSpec(kind="redcap", records="data.csv", dictionary="dictionary.csv")])
        with (home / "data.csv").open(newline="", encoding="utf-8-sig") as stream:
            ids = {next(iter(row.values())) for row in csv.DictReader(stream)}
        empty = {n.address.split("!")[1] for n in data.notes if n.rule == "empty_record"}
        there = {table.frame[:, 0][i] for table in data.tables.values() for i in range(table.frame.height)}
        assert len(there) + len(empty) == len(ids), home.name
    assert seen == 15  # of 17 folders: simple-write has no files of this kind


def test_every_zip_of_omop_and_fhir(shared: Path, tmp_path: Path) -> None:
    for number, path in enumerate(files(shared, ".zip")):
        folder = tmp_path / str(number)
        folder.mkdir()
        rows = 0
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if "__MACOSX" in name or not name.endswith((".csv", ".ndjson")):
                    continue
                if archive.getinfo(name).file_size > 20_000_000:
                    continue  # a vocabulary of a million concepts: read in test_sources_shared, not here
                (folder / Path(name).name).write_bytes(archive.read(name))
        if not any(folder.iterdir()):
            continue
        ndjson = any(one.suffix == ".ndjson" for one in folder.iterdir())
        (folder / "log.ndjson").unlink(missing_ok=True)  # the log of the export, which the reader refuses by its line
        data = read_centre(folder, [SourceSpec(kind="fhir" if ndjson else "omop", path=".")])
        for one in folder.iterdir():
            if ndjson:
                rows += sum(bool(line.strip()) for line in one.read_bytes().split(b"\n"))
            else:
                with one.open(newline="", encoding="utf-8-sig") as stream:
                    rows += sum(1 for _ in csv.reader(stream)) - 1
        repeated = sum(int(n.message.split()[0]) for n in data.notes if n.rule == "repeated_resource")
        assert sum(t.frame.height for t in data.tables.values()) + repeated == rows, path


def test_the_ritz_cohort(shared: Path, tmp_path: Path) -> None:
    """Dates as month/day/year in text, blanks, and words where a date of relapse would stand."""
    path = shared / "data" / "bioc_ALL_ritz128" / "ALL_phenoData.csv"
    table = read(path, tmp_path / "c", kind="delimited").tables["ALL_phenoData"]
    assert table.frame.height == 128
    assert table.raw(0, "diagnosis") == "5/21/1997"
    assert (table.raw(0, "f.u"), table.raw(0, "date last seen")) == ("BMT / DEATH IN CR", None)
    assert table.address(0, "f.u") == "ALL_phenoData.csv!row 2!f.u"
    assert table.frame["f.u"].eq("BMT / DEATH IN CR").sum() == 4
