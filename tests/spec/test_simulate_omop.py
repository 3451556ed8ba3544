"""Synthetic databases: OMOP CDM 5.4, the same bytes for the same seed, and patients whose truth is known."""

from __future__ import annotations

import csv
import json
from hashlib import sha256
from math import exp, sqrt
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from chartline.errors import StudyError
from chartline.pipeline import simulate_database
from chartline.simulate.cdm import cdm_table, columns_of
from chartline.simulate.leukaemia import draw_course
from chartline.simulate.omop import draw_block
from chartline.simulate.truth import ASSESSED, Truth
from parted import run_unreported


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): sha256(p.read_bytes()).hexdigest() for p in files}


def test_the_same_seed_gives_the_same_bytes_however_many_processes_draw(tmp_path: Path) -> None:
    for name, seed, processes in (("one", 3, 1), ("two", 3, 2), ("other", 4, 1)):
        simulate_database(10_050, seed, tmp_path / name, treated=0.001, processes=processes)
    one, two, other = (_digests(tmp_path / name) for name in ("one", "two", "other"))
    assert one == two
    assert one["cdm/measurement/part-00000.parquet"] != other["cdm/measurement/part-00000.parquet"]
    assert {f for f in one if "measurement" in f} == {f"cdm/measurement/part-0000{i}.parquet" for i in (0, 1)}
    person = pl.read_parquet(tmp_path / "two" / "cdm" / "person" / "part-00000.parquet")  # blocks share a file
    assert person["person_id"].to_list() == list(range(1, 10_051))


def test_a_hundred_measurements_a_person_within_the_days_observed_and_ids_that_are_unique() -> None:
    tables = draw_block(np.arange(1, 2001), 1, 0, Truth(treated=0.01))
    lab, periods = tables["measurement"], tables["observation_period"]
    assert abs(lab.height / 2000 - 100) < 4  # a standard error of a person's count is about 32 / sqrt(2000) = 0.7
    for name in ("measurement", "visit_occurrence", "condition_occurrence", "drug_exposure", "observation_period"):
        assert tables[name][f"{name}_id"].is_unique().all(), name
    seen = lab.join(periods, on="person_id")
    inside = pl.col("measurement_date").is_between("observation_period_start_date", "observation_period_end_date")
    assert seen.height == lab.height and seen.select(inside.all()).item()
    assert periods["person_id"].to_list() == list(range(1, 2001))


def test_nothing_stands_in_a_chart_after_death() -> None:
    tables = draw_block(np.arange(1, 3001), 2, 0, Truth(treated=0.1))
    death = tables["death"].select("person_id", "death_date")
    assert death.height > 200
    for name, day in (
        ("measurement", "measurement_date"),
        ("drug_exposure", "drug_exposure_start_date"),
        ("visit_occurrence", "visit_start_date"),
        ("condition_occurrence", "condition_end_date"),
    ):
        late = tables[name].join(death, on="person_id").filter(pl.col(day) > pl.col("death_date"))
        assert late.height == 0, name


@pytest.mark.shared
def test_every_table_has_the_columns_of_the_specification(shared: Path) -> None:
    published: dict[str, list[tuple[str, str]]] = {}
    with (shared / "data" / "omop_cdm_spec" / "OMOP_CDMv5.4_Field_Level.csv").open(encoding="utf-8") as f:
        for r in csv.DictReader(f):
            published.setdefault(r["cdmTableName"].lower(), []).append((r["cdmFieldName"].lower(), r["isRequired"]))
    for name, frame in draw_block(np.arange(1, 301), 1, 0, Truth(treated=0.5)).items():
        assert frame.columns == [c for c, _ in published[name]], name
        must = [c for c, required in published[name] if required == "TRUE"]
        assert frame.select(pl.col(must).null_count()).row(0) == (0,) * len(must), name


def test_a_column_that_the_specification_does_not_have_is_refused() -> None:
    assert "person_id" in columns_of("death")
    with pytest.raises(KeyError, match="death: death_day"):
        cdm_table("death", {"person_id": [1], "death_date": [None], "death_day": [1]})
    with pytest.raises(KeyError, match="death: death_date"):
        cdm_table("death", {"person_id": [1]})


def test_the_truth_is_the_weibull_it_says() -> None:
    truth = Truth()
    assert truth.survival(0) == 1
    assert truth.survival(330.9) == pytest.approx(exp(-1))  # the scale; within a day nobody dies
    assert truth.survival(truth.median_days()) == pytest.approx(0.5, abs=0.002)
    first, second = (exp(-((d / 330) ** 1.1)) for d in ASSESSED[:2])
    assert truth.remission() == pytest.approx(0.7 * (0.65 * first + 0.35 * second))


def test_the_patients_are_drawn_from_the_truth() -> None:
    """20,000 courses: each share within four standard errors of what `truth.json` says."""
    truth, n, rng = Truth(), 20_000, np.random.default_rng(11)
    courses = [draw_course(truth, 4000, rng) for _ in range(n)]
    for seen, expected in (
        (sum(c.death > 182 for c in courses), truth.survival(182.625)),
        (sum(c.death > 365 for c in courses), truth.survival(365.25)),
        (sum(c.remission is not None for c in courses), truth.remission()),
    ):
        assert abs(seen / n - expected) < 4 * sqrt(expected * (1 - expected) / n)


def test_a_course_is_in_order() -> None:
    rng = np.random.default_rng(5)
    for c in (draw_course(Truth(), 1000, rng) for _ in range(2000)):
        assert c.doses[0] == 0 and c.doses[-1] <= c.end
        if c.remission is None:
            assert c.relapse is None and c.transplant is None
        else:
            assert c.remission < c.death
            assert c.relapse is None or c.remission < c.relapse < c.end
            assert c.transplant is None or c.remission < c.transplant < min(c.end, c.relapse or c.end)


def test_the_study_that_comes_with_a_database_runs_and_asks_nothing(tmp_path: Path) -> None:
    simulate_database(150, 9, tmp_path / "sim", treated=1, processes=1)
    done = run_unreported(tmp_path / "sim", tmp_path / "out")
    assert {q.rule for q in done.study.queries} <= {"follow_up_short"}  # a note: who was lost to follow-up
    said = json.loads((tmp_path / "sim" / "truth.json").read_text())["implied"]
    headline = json.loads((tmp_path / "out" / "headline.json").read_text())["headline"]
    n = headline["eligible"]["n"]
    assert 120 < n <= 150  # a few have their first dose after the study's period
    for key in ("os_6m", "os_12m", "cr_cri_rate"):
        error = sqrt(said[key] * (1 - said[key]) / n)
        assert abs(headline[key]["estimate"] - said[key]) < 4 * error, key


def test_a_database_in_which_nobody_was_treated_has_its_tables_and_the_study_nobody(tmp_path: Path) -> None:
    simulate_database(30, 1, tmp_path / "sim", treated=0, processes=1)
    run_unreported(tmp_path / "sim", tmp_path / "out")
    assert json.loads((tmp_path / "out" / "headline.json").read_text())["headline"]["eligible"]["n"] == 0


@pytest.mark.parametrize(
    ("number", "seed", "treated", "what"),
    [
        (0, 1, 0.1, "0 persons"),
        (10**16, 1, 0.1, "persons cannot be simulated"),
        (1, -1, 0.1, "seed"),
        (1, 1, 1.5, "share"),
    ],
)
def test_what_cannot_be_drawn_is_refused(tmp_path: Path, number: int, seed: int, treated: float, what: str) -> None:
    with pytest.raises(StudyError, match=what):
        simulate_database(number, seed, tmp_path / "sim", treated=treated, processes=1)
    assert list(tmp_path.iterdir()) == []
