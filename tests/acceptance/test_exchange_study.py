"""The example study, run and exported in every format: what others read is what the study counted."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest
from typer.testing import CliRunner

from chartline.cli.app import app
from chartline.errors import OutputError
from chartline.exchange.model import ExchangeError
from chartline.exchange.write import FORMATS, OF_PATIENTS
from chartline.pipeline import export_run
from exchange_rules import (
    faults_of_cohort,
    faults_of_dataset,
    faults_of_measure,
    faults_of_report,
    faults_of_results,
    results_and_settings,
)

if TYPE_CHECKING:
    from chartline.study import StudyRun

ALL = tuple(FORMATS)


@pytest.fixture(scope="module")
def exported(answered: StudyRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    to = tmp_path_factory.mktemp("exchange") / "to"
    export_run(answered.out, to, ALL)
    return to


def test_every_result_is_in_the_omop_file_and_reads_back_unrounded(answered: StudyRun, exported: Path) -> None:
    text = (exported / "omop-results" / "summarised_result.csv").read_text(encoding="utf-8")
    assert faults_of_results(text) == []
    rows, settings = results_and_settings(text)
    assert [s["analysis_id"] for s in settings.values()] == list(dict.fromkeys(r.analysis for r in answered.results))
    of_os = [r for r in rows if settings[r["result_id"]]["analysis_id"] == "os"]
    median = next(float(r["estimate_value"]) for r in of_os if r["estimate_name"] == "median")
    assert median == answered.results["os/median"].value
    known = sum(r.value is not None for r in answered.results)
    names = {r.statistic for r in answered.results} | {"count", "missing_count"}
    names |= {f"{r.statistic}_count" for r in answered.results if r.is_count}
    assert sum(r["estimate_name"] in names and r["estimate_value"] != "NA" for r in rows) >= known


@pytest.mark.shared
def test_the_headline_in_omop_and_fhir_is_that_of_the_reference(exported: Path, shared: Path) -> None:
    """expected/full.json is of an independent program in R."""
    expected = json.loads((shared / "ino-cohort" / "expected" / "full.json").read_text(encoding="utf-8"))
    said = {}
    for scoring in ("proportion", "continuous-variable", "cohort"):
        file = exported / "measure-report" / f"MeasureReport-{scoring}.json"
        said |= {g["code"]["text"]: g for g in json.loads(file.read_text(encoding="utf-8"))["group"]}
    counts = {
        name: {p["code"]["coding"][0]["code"]: p["count"] for p in group["population"]} for name, group in said.items()
    }
    responders, transplanted = expected["response"]["CRCRi"], expected["hsct"]["all"]
    for name, of in (("cr_cri_rate", responders), ("hsct_rate", transplanted)):
        assert (counts[name]["numerator"], counts[name]["denominator"]) == (of["x"], of["n"])
        assert said[name]["measureScore"]["value"] == of["pct"] / 100
    assert counts["eligible"]["initial-population"] == expected["n_eligible"]
    assert [said[k]["measureScore"]["value"] for k in ("os_6m", "os_12m")] == expected["os"]["surv"]
    assert said["os_median"]["measureScore"]["value"] == pytest.approx(expected["os"]["median_mo"], rel=1e-8)
    text = (exported / "omop-results" / "summarised_result.csv").read_text(encoding="utf-8")
    rows, settings = results_and_settings(text)
    survival = {
        r["additional_level"]: (float(r["estimate_value"]), r["estimate_name"])
        for r in rows
        if settings[r["result_id"]]["analysis_id"] == "os" and r["estimate_name"] == "survival"
    }
    assert [survival[f"{m} &&& months"][0] for m in expected["os"]["at_mo"]] == expected["os"]["surv"]


def test_no_patient_is_in_the_results_nor_in_the_measures(answered: StudyRun, exported: Path) -> None:
    patients = answered.adam["ADSL"]["USUBJID"].to_list()
    for part in ("omop-results", "measure-report"):
        assert part not in OF_PATIENTS
        for file in (exported / part).iterdir():
            text = file.read_text(encoding="utf-8")
            assert [p for p in patients if re.search(rf"\b{re.escape(p)}\b", text)] == []


def test_each_part_with_patients_says_so(exported: Path) -> None:
    said = json.loads((exported / "exchange.json").read_text(encoding="utf-8"))["parts"]
    assert {name for name, part in said.items() if part["patient_level"]} == set(OF_PATIENTS)
    for name in (*OF_PATIENTS, "omop-cohort-keys"):
        assert "single patients" in (exported / name / "PATIENT-LEVEL.txt").read_text(encoding="utf-8")


def test_a_stricter_threshold_leaves_no_small_count_anywhere(answered: StudyRun, tmp_path: Path) -> None:
    export_run(answered.out, tmp_path / "to", ("omop-results", "measure-report"), smallest_cell=5)
    text = (tmp_path / "to" / "omop-results" / "summarised_result.csv").read_text(encoding="utf-8")
    assert faults_of_results(text) == []
    rows, settings = results_and_settings(text)
    shown = [
        int(r["estimate_value"]) for r in rows if r["estimate_type"] == "integer" and r["estimate_value"].isdigit()
    ]
    assert shown and not [n for n in shown if 0 < n < 5]
    assert {s["min_cell_count"] for s in settings.values()} == {"5"}
    for file in (tmp_path / "to" / "measure-report").glob("MeasureReport-*.json"):
        report = json.loads(file.read_text(encoding="utf-8"))
        assert faults_of_report(report) == []
        counts = [p["count"] for g in report["group"] for p in g["population"] if "count" in p]
        assert not [n for n in counts if 0 < n < 5]


def test_the_cohorts_are_the_eligible_and_centre_e_has_its_own_person_ids(answered: StudyRun, exported: Path) -> None:
    eligible = answered.adam["ADSL"].filter(pl.col("ELIGFL") == "Y")
    n = 0
    for folder in (exported / "omop-cohort").iterdir():
        if folder.is_dir():
            files = {f.stem: f.read_text(encoding="utf-8") for f in folder.glob("*.csv")}
            assert faults_of_cohort(files) == []
            n += files["cohort"].count("\n") - 1
    assert n == eligible.height
    rows = (exported / "omop-cohort" / "E" / "cohort.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert {int(r.split(",")[1]) for r in rows} <= {1, 2, 3, 4, 5, 6}  # person_id of its person.csv
    assert not (exported / "omop-cohort-keys" / "E.csv").exists()


def test_every_derived_table_is_a_dataset_of_the_published_form(answered: StudyRun, exported: Path) -> None:
    tables = {f.stem: pl.read_parquet(f) for f in (answered.out / "adam").glob("*.parquet")}
    written = {f.stem: json.loads(f.read_text(encoding="utf-8")) for f in (exported / "dataset-json").glob("*.json")}
    assert set(written) == set(tables)
    for name, said in written.items():
        rows = said.pop("rows")
        assert faults_of_dataset(said, rows) == []
        iso = tables[name].with_columns(pl.col(pl.Date).dt.to_string("%Y-%m-%d"))
        assert [tuple(r) for r in rows] == iso.rows()
        keys = [c["name"] for c in said["columns"] if "keySequence" in c]
        assert not keys or not tables[name].select(keys).is_duplicated().any()


def test_the_measures_are_those_that_r4_allows(exported: Path) -> None:
    files = sorted((exported / "measure-report").iterdir())
    assert len(files) == 6
    for file in files:
        resource = json.loads(file.read_text(encoding="utf-8"))
        assert (faults_of_measure if file.name.startswith("Measure-") else faults_of_report)(resource) == []


def test_the_export_is_there_as_a_whole_or_not_at_all(
    answered: StudyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    to = tmp_path / "to"
    export_run(answered.out, to, ("omop-results",))
    before = sorted(p.name for p in to.rglob("*"))

    def full(*_: object) -> list[str]:
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(FORMATS, "measure-report", full)
    with pytest.raises(OutputError, match="The disk is full"):
        export_run(answered.out, to, ALL)
    assert sorted(p.name for p in to.rglob("*")) == before
    assert [p.name for p in tmp_path.iterdir()] == ["to"]


def test_a_folder_of_something_else_is_never_replaced(answered: StudyRun, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match="files that this command did not make"):
        export_run(answered.out, tmp_path, ALL)


def test_the_command_names_what_it_wrote_and_of_whom(answered: StudyRun, tmp_path: Path) -> None:
    to = str(tmp_path / "to")
    done = CliRunner().invoke(app, ["export", str(answered.out), "--to", to, "--as", "omop-cohort"])
    assert done.exit_code == 0 and "(patient-level): centre A: 8 patients" in done.output
    done = CliRunner().invoke(app, ["export", str(answered.out), "--to", to, "--as", "omop-results"])
    assert done.exit_code == 0 and "1709 statistics" in done.output and "report.smallest_cell" in done.output


def test_a_looser_threshold_than_the_protocols_is_refused(answered: StudyRun, tmp_path: Path) -> None:
    import shutil

    finished = Path(shutil.copytree(answered.out, tmp_path / "out"))
    declared = json.loads((finished / "cut" / "protocol.json").read_text(encoding="utf-8"))
    declared["report"]["smallest_cell"] = 11
    (finished / "cut" / "protocol.json").write_text(json.dumps(declared), encoding="utf-8")
    with pytest.raises(ExchangeError, match="shows smaller numbers of patients than the protocol allows"):
        export_run(finished, tmp_path / "to", ALL, smallest_cell=10)
    run, _ = export_run(finished, tmp_path / "to", ("omop-results",))
    assert run.smallest_cell == 11
