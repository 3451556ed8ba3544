"""What programs of others make of an export: fhir.resources, odmlib with CDISC's XML Schema, omopgenerics in R.

`test_exchange_study.py` holds the files against the published rules as restated here; this file against readers that
know nothing of chartline. Each is skipped where its library is not installed.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from chartline.exchange.write import FORMATS
from chartline.pipeline import export_run

if TYPE_CHECKING:
    from chartline.study import StudyRun


@pytest.fixture(scope="module", params=[1, 5], ids=["every number", "cells of 5 and more"])
def exported(request: pytest.FixtureRequest, answered: StudyRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    to = tmp_path_factory.mktemp("readers") / "to"
    export_run(answered.out, to, tuple(FORMATS), smallest_cell=request.param)
    return to


# FHIR ----------------------------------------------------------------------------------------------------------------


def _fhir(resource: dict[str, Any]) -> Any:
    """Read a resource with fhir.resources, as R4B, whose Measure and MeasureReport are those of R4."""
    pytest.importorskip("fhir.resources")
    from fhir.resources.R4B.measure import Measure
    from fhir.resources.R4B.measurereport import MeasureReport

    return {"Measure": Measure, "MeasureReport": MeasureReport}[resource["resourceType"]].model_validate(resource)


def test_fhir_resources_reads_every_measure_and_writes_the_same_again(exported: Path) -> None:
    files = sorted((exported / "measure-report").iterdir())
    assert len(files) == 6
    for file in files:
        said = json.loads(file.read_text(encoding="utf-8"))
        assert json.loads(_fhir(said).model_dump_json()) == said, file.name


def test_fhir_resources_refuses_a_report_that_breaks_the_rules(exported: Path) -> None:
    """So that the test above can fail."""
    said = json.loads((exported / "measure-report" / "MeasureReport-proportion.json").read_text(encoding="utf-8"))
    for wrong in ({"status": None}, {"period": "2023"}, {"group": [{"population": [{"count": "nineteen"}]}]}):
        with pytest.raises(ValueError, match="validation error"):
            _fhir(said | wrong)


# CDISC ---------------------------------------------------------------------------------------------------------------


def test_odmlib_reads_each_dataset_as_the_table_it_was(exported: Path, answered: StudyRun) -> None:
    pytest.importorskip("odmlib")
    from odmlib.dataset_json_1_1 import DatasetJSON

    files = sorted((exported / "dataset-json").glob("*.json"))
    assert len(files) == len(list((answered.out / "adam").glob("*.parquet"))) > 5
    for file in files:
        read = DatasetJSON.read_json(str(file))
        table = pl.read_parquet(answered.out / "adam" / f"{file.stem}.parquet")
        assert (read.name, read.records, read.column_names) == (file.stem.upper(), table.height, table.columns)
        days = table.with_columns(pl.col(pl.Date).dt.to_string("%Y-%m-%d"))
        assert [tuple(row) for row in read.rows] == days.rows()
        assert read.to_dict() == json.loads(file.read_text(encoding="utf-8"))


def test_odmlib_resolves_every_reference_of_the_metadata(exported: Path) -> None:
    pytest.importorskip("odmlib")
    from odmlib.dataset_json_1_1 import DatasetJSON
    from odmlib.define_loader import XMLDefineLoader
    from odmlib.loader import ODMLoader
    from odmlib.oid_generator import create_oid_checker

    loader = ODMLoader(XMLDefineLoader(model_package="define_2_1", ns_uri="http://www.cdisc.org/ns/def/v2.1"))
    loader.open_odm_document(str(exported / "dataset-json" / "define.xml"))
    document = loader.load_odm()
    oids = create_oid_checker("define_2_1")
    document.verify_oids(oids)
    assert oids.check_oid_refs() and not oids.check_unreferenced_oids()
    groups = {group.Name: group for group in document.Study.MetaDataVersion.ItemGroupDef}
    for file in (exported / "dataset-json").glob("*.json"):
        read = DatasetJSON.read_json(str(file))
        assert read.itemGroupOID == groups[read.name].OID
        assert [ref.ItemOID for ref in groups[read.name].ItemRef] == [column.itemOID for column in read.columns]


def test_the_xml_schema_of_define_xml_accepts_the_metadata(exported: Path) -> None:
    """The schema is CDISC's own, which odmlib brings; nothing is fetched."""
    pytest.importorskip("odmlib")
    from odmlib.schema_manager import get_schema_path
    from xmlschema import XMLSchema

    schema = XMLSchema(get_schema_path("define", "2.1"), allow="local")
    define = exported / "dataset-json" / "define.xml"
    assert [str(fault) for fault in schema.iter_errors(str(define))] == []
    broken = define.read_text(encoding="utf-8").replace("<ItemDef ", "<ItemDef Colour='red' ", 1)
    assert list(schema.iter_errors(broken))


# OMOP ----------------------------------------------------------------------------------------------------------------

_OMOPGENERICS = """
if (!requireNamespace("omopgenerics", quietly = TRUE)) quit(status = 77)
options(warn = 2)
results <- omopgenerics::importSummarisedResult(commandArgs(TRUE))
settings <- omopgenerics::settings(results)
omopgenerics::validateResultArgument(results)
cat(nrow(results), length(unique(results$result_id)), nrow(settings), "\\n")
"""


def test_omopgenerics_imports_the_results(exported: Path) -> None:
    if shutil.which("Rscript") is None:
        pytest.skip("R is not installed")
    folder = exported / "omop-results"
    done = subprocess.run(
        ["Rscript", "-e", _OMOPGENERICS, str(folder)], capture_output=True, text=True, check=False, timeout=300
    )
    if done.returncode == 77:
        pytest.skip("the R package omopgenerics is not installed")
    assert done.returncode == 0, done.stderr
    rows, ids, settings = map(int, done.stdout.split())
    written = pl.read_csv(folder / "summarised_result.csv", infer_schema=False)
    assert rows == written.filter(pl.col("variable_name") != "settings").height
    assert ids == settings == written["result_id"].n_unique()
