"""A study that selects in its database: the numbers of every step are those of the truth, of a published count, or of
the same question asked by hand, and they stand in the report."""

from __future__ import annotations

import csv
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from chartline.cli.app import app
from chartline.counts.model import AttritionTable
from chartline.errors import ProtocolError
from chartline.pipeline import run_study, simulate_database
from chartline.protocol.selection import EVENT_COLUMNS, ConceptSet, Selection
from chartline.sources.asked import Asked
from chartline.sources.folder import CentreFolder
from chartline.sources.omop import open_cdm
from chartline.sources.selected import look_up_concepts, read_selected
from chartline.sources.spec import SourceSpec


def test_the_attrition_in_a_simulated_database_is_that_of_its_truth(tmp_path: Path) -> None:
    simulate_database(20_000, 3, tmp_path / "sim", treated=0.004, processes=2)
    drawn = json.loads((tmp_path / "sim" / "truth.json").read_text())["drawn"]
    assert 20_000 == drawn["persons"] > drawn["treated"] > drawn["in_period"] > drawn["adults"] > 30
    done = run_study(tmp_path / "sim", tmp_path / "out")
    table = done.counts["selection"]
    assert isinstance(table, AttritionTable)
    assert table.screened == 20_000
    # Whoever is drawn as treated has B-cell ALL before the first dose.
    assert [(s.id, s.n_in, s.n_out) for s in table.steps] == [
        ("index", 20_000, drawn["treated"]),
        ("index_days", drawn["treated"], drawn["in_period"]),
        ("age", drawn["in_period"], drawn["adults"]),
        ("require1", drawn["adults"], drawn["adults"]),
    ]
    assert done.cohort.attrition.screened == done.cohort.attrition.eligible == drawn["adults"]
    with (tmp_path / "out" / "figures" / "flow.csv").open(encoding="utf-8", newline="") as stream:
        flow = [row[:2] + row[3:] for row in csv.reader(stream)]
    assert flow[1:7] == [
        ["Persons in the database", "", "20000"],
        ["No record: Inotuzumab ozogamicin", str(20_000 - drawn["treated"]), str(drawn["treated"])],
        ["Not first record from 2017-02-01 to 2022-10-31", str(drawn["treated"] - drawn["in_period"]),
         str(drawn["in_period"])],
        ["Not aged 18 years or over", str(drawn["in_period"] - drawn["adults"]), str(drawn["adults"])],
        ["No record: B-cell acute lymphoblastic leukaemia", "0", str(drawn["adults"])],
        ["Screened", "", str(drawn["adults"])],
    ]  # fmt: skip
    report = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Persons in the database" in report and "Patients were selected in the database by codes" in report


GIBLEED = Path(__file__).parents[1] / "data" / "gibleed"


@pytest.mark.shared
def test_gibleed_gives_the_published_counts_and_what_r_gave(shared: Path, tmp_path: Path) -> None:
    """Eunomia's GiBleed: 2,694 persons, 1,844 with celecoxib; the survival is R's, from `reference.json`."""
    cdm = shared / "data" / "omop_gibleed_partial_5.3"
    expected = json.loads((cdm / "reference.json").read_text())
    celecoxib = next(s for s in expected["time_to_gi_bleed"]["km"]["strata"] if s["stratum"] == "drug=celecoxib")
    a_year = next(at for at in celecoxib["surv_at_log-log"] if at["time"] == 365)
    study = tmp_path / "study"
    shutil.copytree(GIBLEED, study)
    (study / "cdm").symlink_to(cdm, target_is_directory=True)
    done = run_study(study, tmp_path / "out")
    table = done.counts["selection"]
    assert isinstance(table, AttritionTable)
    users = expected["persons_with_celecoxib_era"]
    assert (table.screened, users) == (expected["persons"], 1844)
    both, before = (expected["time_to_gi_bleed"][key] for key in ("n_both_excluded", "n_prior_excluded"))
    assert [(s.n_in, s.n_out) for s in table.steps] == [
        (2694, users), (users, users - both), (users - both, users - both - before),
    ]  # fmt: skip
    value = {(r.statistic, r.at): r for r in done.results if r.analysis == "bleeding"}
    assert (value["n", None].value, value["events", None].value) == (celecoxib["n"], celecoxib["events"])
    assert value["n_risk", 12].value == a_year["n_risk"]
    survival = value["survival", 12]
    assert survival.value == pytest.approx(a_year["surv"], rel=1e-10)
    assert (survival.lower, survival.upper) == pytest.approx((a_year["lower"], a_year["upper"]), rel=1e-8)
    # The report speaks of no response, of no rule set, and says once where patients are censored.
    report = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Response criteria" not in report and "INO-VATE" not in report and "rule sets" not in report
    assert "to gastrointestinal haemorrhage; otherwise censored at the date last known alive" in report


LOINC = {"ALT": "1742-6", "AST": "1920-8", "BILI": "1975-2", "HGB": "718-7", "PLT": "777-3"}


def _asked(index: dict[str, Any], sets: dict[str, Any], **selection: Any) -> Asked:
    named = {name: ConceptSet.model_validate({"label": name, **one}) for name, one in sets.items()}
    return Asked(Selection.model_validate({"index": index} | selection), named)


@pytest.mark.shared
@pytest.mark.parametrize("archive", ["Synthea27Nj_5.4.zip", "Synthea27NjParquet_5.4.zip"])
def test_synthea_has_the_records_that_r_counted(shared: Path, tmp_path: Path, archive: str) -> None:
    """CSV in capitals and Parquet; `concept_ancestor` is there and empty."""
    data = shared / "data" / "omop_synthea27nj_5.4"
    expected = json.loads((data / "reference.json").read_text())
    with zipfile.ZipFile(data / archive) as packed:
        packed.extractall(tmp_path, [n for n in packed.namelist() if not n.startswith("__MACOSX")])
    home = next(path for path in (tmp_path, *tmp_path.iterdir()) if any(path.glob("*.[cp]*")) and path.is_dir())
    sets = {n: {"concepts": [{"vocabulary": "LOINC", "code": c, "descendants": True}]} for n, c in LOINC.items()}
    for name in LOINC:
        what = _asked({"table": "measurement", "concepts": name}, sets)
        with open_cdm(CentreFolder(home), SourceSpec(kind="omop", path=".")) as database:
            (line,) = look_up_concepts(database, what)
            source = read_selected(database, what)
        counted = expected["measurements_by_lab"][name]
        assert (line.records, line.persons) == (counted["rows"], counted["persons"])
        assert line.note == "no concept_ancestor: without descendants"
        assert source.selected is not None
        assert (source.selected.screened, source.selected.steps[-1].n_out) == (expected["persons"], counted["persons"])
        assert source.tables["person"].frame.height == counted["persons"]


@pytest.mark.shared
def test_the_hand_made_toys_are_counted_by_hand(shared: Path) -> None:
    """Read with the csv module: who has the record, and that the rows of nobody else come."""
    toys = shared / "data" / "omop_ehrdata_toy"
    for toy, table, concept in (
        ("vanilla", "drug_exposure", 19073183),
        ("capital_letters", "measurement", 3031147),
        ("multiple_visit_occurrences", "visit_occurrence", 8870),
    ):
        file = next(path for path in (toys / toy).iterdir() if path.stem.lower() == table)
        with file.open(encoding="utf-8-sig", newline="") as stream:
            rows = [{k.lower(): v for k, v in row.items()} for row in csv.DictReader(stream)]
        column = EVENT_COLUMNS[table].concept
        mine = {row["person_id"] for row in rows if row[column] == str(concept)}
        assert mine, toy
        what = _asked({"table": table, "concepts": "it"}, {"it": {"concepts": [{"id": concept}]}})
        with open_cdm(CentreFolder(toys / toy), SourceSpec(kind="omop", path=".")) as database:
            source = read_selected(database, what)
        assert set(source.tables["person"].frame["person_id"]) == mine, toy
        assert source.tables[table].frame.height == sum(row["person_id"] in mine for row in rows), toy


@pytest.mark.shared
def test_chartline_concepts_tells_the_published_counts(shared: Path, tmp_path: Path) -> None:
    """Eunomia's own cohorts: celecoxib 1,844, diclofenac 850, gastrointestinal haemorrhage 479 persons."""
    study = tmp_path / "study"
    shutil.copytree(GIBLEED, study)
    (study / "cdm").symlink_to(shared / "data" / "omop_gibleed_partial_5.3", target_is_directory=True)
    done = CliRunner().invoke(app, ["concepts", str(study), "--out", str(tmp_path / "concepts.csv")])
    assert done.exit_code == 0, done.output
    assert "  celecoxib: RxNorm 140587 (celecoxib): 1,844 records of 1,844 persons in drug_era" in done.output
    with (tmp_path / "concepts.csv").open(encoding="utf-8", newline="") as stream:
        rows = [(row["concept_set"], row["concept_id"], row["persons"], row["note"]) for row in csv.DictReader(stream)]
    assert rows == [
        ("celecoxib", "1118084", "1844", ""), ("diclofenac", "1124300", "850", ""), ("gi_bleed", "192671", "479", ""),
    ]  # fmt: skip


def test_chartline_concepts_of_a_study_without_a_selection(tmp_path: Path) -> None:
    example = Path(__file__).parents[2] / "examples" / "inotuzumab-india"
    done = CliRunner().invoke(app, ["concepts", str(example), "--out", str(tmp_path / "concepts.csv")])
    assert isinstance(done.exception, ProtocolError) and "has no selection" in str(done.exception)
    assert list(tmp_path.iterdir()) == []
