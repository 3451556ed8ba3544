"""Synthetic centres of a protocol, in five shapes: a run finds what was drawn, and nothing else."""

from __future__ import annotations

import json
from collections import Counter
from importlib.resources import files
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from chartline.capture.ask import capture_of
from chartline.cli.app import app
from chartline.draft.draft import draft_centre
from chartline.draft.write import yaml_text
from chartline.mapping.apply import map_centre
from chartline.mapping.load import load_mapping
from chartline.pipeline import simulate_centres
from chartline.protocol.load import load_protocol
from chartline.protocol.model import Protocol
from chartline.simulate.charts.draw import Drawn, draw_centre
from chartline.sources.read import read_centre
from chartline.study import StudyRun
from parted import run_unreported

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
REFERENCE = EXAMPLES / "inotuzumab-india"


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("simulated") / "study"
    simulate_centres(REFERENCE, 60, 7, out)
    return out


@pytest.fixture(scope="module")
def run(simulated: Path) -> StudyRun:
    return run_unreported(simulated, simulated.parent / "out")


def truth(study: Path) -> dict[str, Any]:
    return json.loads((study / "truth.json").read_text(encoding="utf-8"))


def counted(adsl: pl.DataFrame) -> dict[str, int]:
    eligible = adsl.filter(pl.col("ELIGFL") == "Y")
    flags = {"dead": "DTHFL", "responders": "RESPFL", "mrd_negative": "MRDNEGFL", "relapsed": "RELFL"}
    flags |= {"transplanted": "HSCTFL"}
    return {
        "screened": adsl.height,
        "eligible": eligible.height,
        **{name: eligible.filter(pl.col(flag) == "Y").height for name, flag in flags.items()},
    }


def test_a_run_finds_the_truth_in_every_shape(simulated: Path, run: StudyRun) -> None:
    true = truth(simulated)
    adsl = run.adam["ADSL"]
    assert {c: counted(adsl.filter(pl.col("CENTRE") == c)) for c in "VWXYZ"} == true["centres"]
    assert counted(adsl) == true["all"]
    assert true["all"]["screened"] == 60 > true["all"]["eligible"] > true["all"]["responders"] > 0


def test_the_five_shapes_are_those_of_charts(simulated: Path) -> None:
    kinds = {
        "V": "charts.xlsx",
        "W": "doses.xlsx",
        "X": "records.csv",
        "Y": "Observation.ndjson",
        "Z": "measurement.csv",
    }
    for centre, file in kinds.items():
        assert (simulated / "centres" / centre / file).is_file()
        assert "Synthetic" in (simulated / "centres" / centre / "_SYNTHETIC.txt").read_text(encoding="utf-8")
        assert "signed_by: " in (simulated / "mappings" / f"{centre}.yaml").read_text(encoding="utf-8")


def test_nothing_that_was_drawn_blocks_an_analysis(run: StudyRun) -> None:
    assert [q.message for q in run.study.queries if q.blocks] == []


def test_sound_charts_of_every_shape_are_asked_less_than_one_question_per_ten_patients(run: StudyRun) -> None:
    asked = Counter(q.centre for q in run.study.queries if q.asks)
    screened = Counter(run.adam["ADSL"]["CENTRE"].to_list())
    assert {c: asked[c] / n < 0.1 for c, n in screened.items()} == dict.fromkeys("VWXYZ", True)


@pytest.mark.parametrize("centre", ["V", "X"])
def test_a_draft_reads_each_test_in_the_unit_that_stands_in_a_column_beside_it(
    simulated: Path, centre: str, tmp_path: Path
) -> None:
    """A list of units in a workbook, and the codes of a REDCap project; as the signed mapping reads them."""
    folder = simulated / "centres" / centre
    draft = draft_centre(folder, None, load_protocol(simulated), centre)
    (tmp_path / "draft.yaml").write_text(yaml_text(draft), encoding="utf-8")
    read = {}
    for which, file in (("draft", tmp_path / "draft.yaml"), ("signed", simulated / "mappings" / f"{centre}.yaml")):
        mapping = load_mapping(file)
        data, _ = map_centre(read_centre(folder, mapping.sources, mapping.ignore_files), mapping)
        values = data["LB"].filter(pl.col("LBTESTCD").is_in(["HB", "WBC", "ANC", "PLT", "BILI", "CREA"]))
        patient = pl.col("USUBJID").str.strip_prefix(f"{centre}-")  # which the mapping of a form puts before
        read[which] = sorted(values.select(patient, "LBTESTCD", "LBDTC", "LBSTRESN").rows(), key=str)
    assert len(read["signed"]) > 100
    assert read["draft"] == read["signed"]


def test_the_study_says_that_it_is_synthetic(simulated: Path, run: StudyRun) -> None:
    assert run.study.protocol.study.notice == truth(simulated)["notice"]
    assert "Synthetic data" in run.study.protocol.study.notice


def test_the_same_seed_gives_the_same_files_and_another_gives_others(simulated: Path, tmp_path: Path) -> None:
    def texts(study: Path) -> dict[str, bytes]:
        files = (f for f in study.rglob("*") if f.is_file())
        return {f.relative_to(study).as_posix(): f.read_bytes() for f in files}

    simulate_centres(REFERENCE, 60, 7, tmp_path / "same")
    simulate_centres(REFERENCE, 60, 8, tmp_path / "other")
    assert texts(tmp_path / "same") == texts(simulated) != texts(tmp_path / "other")


@pytest.mark.parametrize("example", ["aml-amlsg-0704", "all-aall0232"])
def test_any_protocol_has_centres(example: str, tmp_path: Path) -> None:
    """Day 0 is the diagnosis here, and the forms ask for less."""
    simulate_centres(EXAMPLES / example, 40, 1, tmp_path / "study")
    run = run_unreported(tmp_path / "study", tmp_path / "out")
    eligible = run.adam["ADSL"].filter(pl.col("ELIGFL") == "Y")
    true = truth(tmp_path / "study")["all"]
    assert (eligible.height, eligible.filter(pl.col("DTHFL") == "Y").height) == (true["eligible"], true["dead"])
    assert eligible.filter(pl.col("RELFL") == "Y").height == true["relapsed"]


@pytest.fixture(scope="module")
def drawn() -> tuple[Protocol, Drawn]:
    p = load_protocol(REFERENCE)
    return p, draw_centre(capture_of(p), p, 200, Random(3))


def test_nothing_is_written_after_death_or_the_last_contact(drawn: tuple[Protocol, Drawn]) -> None:
    p, centre = drawn
    last = {c.number: c.on(c.last) for c in centre.patients}
    dates = [
        (row["Patient"], value)
        for rows in centre.forms.values()
        for row in rows
        for value in row.values()
        if hasattr(value, "isoformat")
    ]
    assert len(dates) > 2000 and all(on <= last[number] for number, on in dates)
    assert p.data.cut_off is not None and max(last.values()) <= p.data.cut_off


def test_events_of_a_patient_come_in_order(drawn: tuple[Protocol, Drawn]) -> None:
    for c in drawn[1].patients:
        if c.relapse is not None:
            assert c.response is not None and c.response < c.relapse < c.last
        if c.transplant is not None:
            assert c.response is not None and c.response < c.transplant < min(c.relapse or c.last, c.last)
        assert c.death is None or c.death == c.last


def test_about_one_in_ten_is_not_eligible(drawn: tuple[Protocol, Drawn]) -> None:
    """Binomial(200, 0.1): 20, and within four standard deviations of 4.2."""
    assert 3 <= sum(c.eligible is False for c in drawn[1].patients) <= 37


def test_the_command_asks_for_one_of_a_study_and_a_database(tmp_path: Path) -> None:
    both = CliRunner().invoke(app, ["simulate", str(REFERENCE), "--omop", "5", "--out", str(tmp_path / "x")])
    none = CliRunner().invoke(app, ["simulate", "--out", str(tmp_path / "x")])
    assert both.exit_code == none.exit_code == 2 and not (tmp_path / "x").exists()
    done = CliRunner().invoke(app, ["simulate", str(REFERENCE), "--patients", "5", "--out", str(tmp_path / "x")])
    assert done.exit_code == 0 and "5 patients at five centres" in done.output


def test_a_study_of_a_database_has_synthetic_centres_without_its_selection_and_with_observation(tmp_path: Path) -> None:
    """Simulated centres have no codes to select by, and are observed where follow-up begins with an observation."""
    text = (files("chartline") / "simulate" / "study" / "protocol.yaml").read_text(encoding="utf-8")
    study = tmp_path / "study"
    study.mkdir()
    os = "{id: OS, use: overall_survival, population: treated"
    assert os in text and "\nselection:" in text
    observed = text.replace(os, f"{os}, enter_at: observed_from, censor_at: [observed_until]")
    (study / "protocol.yaml").write_text(observed, encoding="utf-8")
    simulate_centres(study, 60, 1, tmp_path / "sim")
    done = run_unreported(tmp_path / "sim", tmp_path / "out")
    assert done.study.protocol.selection is None and "selection" not in done.counts
    days = pl.read_parquet(tmp_path / "out" / "adam" / "adsl.parquet").select("TRTSDT", "OBSSTDT", "OBSENDT", "LKADT")
    assert days.height == 60 and days["OBSSTDT"].null_count() == 0
    assert (days["OBSENDT"] == days["LKADT"]).all()
    late = (days["OBSSTDT"] > days["TRTSDT"]).sum()
    assert 1 <= late <= 25  # one in six of 60 is 10
    survival = [r.value for r in done.results if r.analysis == "os" and r.statistic == "survival"]
    assert len(survival) == 3 and None not in survival
