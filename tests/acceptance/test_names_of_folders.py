"""A study is read and written in a folder whose name would be a pattern of a shell: `InO [2024] *?`."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from chartline.cli import app
from chartline.pipeline import run_study, simulate_database
from parted import numbers_of, run_inline, run_unreported, study_of_centres


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("names") / "InO [2024] *?"


def test_a_run_and_what_reads_it(folder: Path) -> None:
    study_of_centres(folder / "study", "ABCDE")  # workbooks, REDCap, FHIR and OMOP
    run_unreported(folder / "study", folder / "out")
    run_inline(folder / "study", folder / "parts", 2)
    assert numbers_of(folder / "parts") == numbers_of(folder / "out")
    for command in (
        ["explain", "os_12m", "--members", "--out", str(folder / "out")],
        ["timeline", "--all", "--out", str(folder / "out"), "--to", str(folder / "patients")],
        ["diff", str(folder / "out"), str(folder / "parts")],
        ["export", str(folder / "out"), "--to", str(folder / "exported")],
        ["quality", str(folder / "study"), "--out", str(folder / "quality")],
    ):
        done = CliRunner().invoke(app, command)
        assert done.exit_code == 0, (command, done.output)


def test_a_database_in_parquet_and_csv(folder: Path) -> None:
    simulate_database(400, 1, folder / "db", treated=0.1, processes=1)
    run_study(folder / "db", folder / "db-out")
    assert (folder / "db-out" / "report.html").is_file()
