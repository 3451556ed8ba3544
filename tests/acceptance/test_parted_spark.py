"""Spark and one process give the same answer, and a Python worker of Spark that is killed is counted once.

Skipped where Spark or Java is not installed.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chartline.errors import StudyError
from chartline.pipeline import run_on_spark, run_study, simulate_database
from parted import numbers_of

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "inotuzumab-india"
pytest.importorskip("pyspark")
if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
    pytest.skip("Spark needs Java", allow_module_level=True)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of a simulated database of 400 persons, of whom about 40 are selected; its answer is at `one`."""
    folder = tmp_path_factory.mktemp("spark")
    simulate_database(400, 1, folder / "db", treated=0.1, processes=1)
    run_study(folder / "db", folder / "one")
    return folder


def _command(study: Path, out: Path, master: str, parts: int) -> list[str]:
    where = ["--out", str(out), "--spark", master, "--parts", str(parts)]
    return [sys.executable, "-m", "chartline.cli", "run", str(study), *where]


def test_spark_writes_the_same_bytes(database: Path) -> None:
    out = database / "spark"
    done = subprocess.run(_command(database / "db", out, "local[2]", 3), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert numbers_of(out) == numbers_of(database / "one")
    for name in ("queries.csv", "assertions.csv", "report.html"):
        assert (out / name).read_bytes() == (database / "one" / name).read_bytes(), name


def _python_workers(root: int) -> Iterator[int]:
    """The processes below `root` that run Python for Spark: children of its daemon."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            parents[int(entry.name)] = (int(stat.rpartition(")")[2].split()[1]), command)
    for pid, (parent, command) in parents.items():
        daemon = b"pyspark.daemon" in command and b"pyspark.daemon" in parents.get(parent, (0, b""))[1]
        ancestor = parent
        while daemon and ancestor in parents and ancestor != root:
            ancestor = parents[ancestor][0]
        if daemon and ancestor == root:
            yield pid


def test_a_python_worker_of_spark_that_is_killed_is_counted_once(database: Path) -> None:
    out = database / "killed"
    command = _command(database / "db", out, "local[2,4]", 6)  # in each place up to four failures
    with subprocess.Popen(command, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        killed = None
        while killed is None and process.poll() is None:
            killed = next(_python_workers(process.pid), None)
            time.sleep(0.02)
        assert killed is not None
        time.sleep(1)  # it is at work on a part
        os.kill(killed, signal.SIGKILL)
        _, said = process.communicate(timeout=400)
    assert process.returncode == 0, said
    assert numbers_of(out) == numbers_of(database / "one")


def test_a_study_without_a_database_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="Spark reads one OMOP database"):
        run_on_spark(EXAMPLE, tmp_path / "out", "local[1]")
    assert not (tmp_path / "out").exists()
