"""What a run on Spark that cannot be says: in each case one message, and no output. Spark need not be installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from chartline.cli.app import app
from chartline.errors import StudyError
from chartline.pipeline import run_on_spark
from omop_databases import free_port
from spark_tools import EXAMPLE, has_spark, study_of_centre_e


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return study_of_centre_e(tmp_path / "study", "{kind: omop, path: .}")


def refused(study: Path, master: str = "local[2]") -> StudyError:
    out = study.parent / "out"
    with pytest.raises(StudyError) as raised:
        run_on_spark(study, out, master)
    assert not out.exists() and not (study.parent / ".out.busy").exists()
    return raised.value


def test_spark_that_is_not_installed(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark", None)
    said = refused(study)
    assert (said.what, said.do) == ("Spark is not installed.", 'install it: pip install "chartline[spark]"')


@pytest.mark.skipif(not has_spark(), reason="needs Spark")
def test_java_that_is_not_there(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    assert refused(study).what == "Spark needs Java, which is not there."
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))
    assert refused(study).where == f"JAVA_HOME is {tmp_path / 'jdk'}"


@pytest.mark.skipif(not has_spark(), reason="needs Spark")
@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
def test_a_master_that_does_not_answer(study: Path, host: str) -> None:
    master = f"spark://{host}:{free_port()}"
    said = refused(study, master)
    assert said.what == "No Spark master answers at this address."
    assert said.where.startswith(master)


@pytest.mark.skipif(not has_spark(), reason="needs Spark")
def test_a_cluster_that_is_not_configured_says_why_in_spark_s_words(study: Path) -> None:
    command = [sys.executable, "-m", "chartline", "run", str(study), "--out", str(study.parent / "out")]
    env = {name: value for name, value in os.environ.items() if not name.endswith("_CONF_DIR")}
    done = subprocess.run([*command, "--spark", "yarn"], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == StudyError.exit_code
    assert done.stderr.startswith("StudyError: Spark does not start there.\n  where:    yarn (")
    assert "HADOOP_CONF_DIR or YARN_CONF_DIR must be set" in done.stderr
    assert len(done.stderr.splitlines()) == 4
    assert not (study.parent / "out").exists()


def test_a_study_without_a_database(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="Spark reads one OMOP database") as raised:
        run_on_spark(EXAMPLE, tmp_path / "out", "local[1]")
    assert raised.value.where == "the protocol has no `selection`"
    assert not (tmp_path / "out").exists()


def test_a_database_whose_rows_were_answered_about(study: Path) -> None:
    (study / "answers.csv").write_bytes((EXAMPLE / "answers.csv").read_bytes())
    protocol = study / "protocol.yaml"
    text = protocol.read_text("utf-8").replace("  centres:\n", "  answers: answers.csv\n  centres:\n", 1)
    protocol.write_text(text, encoding="utf-8")
    assert refused(study).where == "there are answers about rows of E, and an answer must find its row"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--spark", "local[2]", "--memory", "2GB"], "With --spark it is Spark that says how much memory"),
        (["--spark", "local[2]", "--workers", "2"], "With --spark it is Spark that says how much memory"),
        (["--spark", "local[2]", "--multiverse"], "A multiverse is not run in parts."),
        (["--catalog", "cdm"], "A catalog is one of Spark."),
    ],
)
def test_options_that_do_not_go_together(tmp_path: Path, options: list[str], said: str) -> None:
    done = CliRunner().invoke(app, ["run", str(EXAMPLE), "--out", str(tmp_path / "out"), *options])
    assert isinstance(done.exception, StudyError)
    assert said in str(done.exception)
    assert not (tmp_path / "out").exists()


def test_parts_that_did_not_come_back_or_came_twice(tmp_path: Path) -> None:
    """As from executors that have written to a disk of their own, or a file that lies there twice."""
    from chartline.engines.spark.parts import _check

    whole = pl.DataFrame({"part": [0, 0, 1], "name": ["a", "b", "a"], "content": [b"", b"", b""]})
    whole.write_parquet(tmp_path / "part-0.parquet")
    _check(tmp_path, {0, 1})
    with pytest.raises(StudyError, match="not whole: 1 of 3 parts are lacking"):
        _check(tmp_path, {0, 1, 2})
    whole.write_parquet(tmp_path / "part-1.parquet")
    with pytest.raises(StudyError, match="A part came back from Spark twice"):
        _check(tmp_path, {0, 1})
