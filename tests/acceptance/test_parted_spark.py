"""The command on Spark: the same bytes as one process, and what is killed is counted once; on this machine alone and on
a cluster of processes of its own. Skipped where Spark or Java is not installed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path

import pytest

from chartline.errors import StudyError
from chartline.pipeline import run_on_spark, run_study, simulate_database
from parted import numbers_of
from spark_tools import executors_of, has_spark, listening, processes_below, quick_spark, standalone_cluster, until

if not has_spark():
    pytest.skip("needs Spark and Java", allow_module_level=True)

PARTS = 4
LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F"}  # 127.0.0.1, as the system writes it


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    with quick_spark():
        yield


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of a simulated database of 200 persons, of whom about 20 are selected; its answer is at `one`."""
    folder = tmp_path_factory.mktemp("spark")
    simulate_database(200, 1, folder / "db", treated=0.1, processes=1)
    run_study(folder / "db", folder / "one")
    return folder


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, list[int]]]:
    with standalone_cluster(tmp_path_factory.mktemp("cluster")) as found:
        yield found


@contextmanager
def started(study: Path, out: Path, master: str, parts: int) -> Iterator[subprocess.Popen[str]]:
    """The command, running in an empty folder; it is ended with the test."""
    where = out.parent / f"cwd of {out.name}"
    where.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "chartline", "run", str(study), "--out", str(out)]
    command += ["--spark", master, "--parts", str(parts)]
    process = subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=where)
    try:
        yield process
        assert list(where.iterdir()) == []
    finally:
        process.kill()
        process.communicate()


def ends_well(process: subprocess.Popen[str]) -> None:
    said, complaint = process.communicate(timeout=400)
    assert (process.returncode, complaint) == (0, ""), said + complaint


def work(out: Path, name: str) -> Path | None:
    """A folder of a run's work folder, if it is there."""
    return next(iter(out.parent.glob(f".{escape(out.name)}.parts-*/{name}")), None)


def test_spark_writes_the_same_bytes_though_a_worker_of_it_is_killed(database: Path) -> None:
    """On this machine: a Python worker of Spark is killed at its first part. The run says nothing on the way, leaves
    nothing where it was started, and listens to this machine alone; its out folder is called like a pattern."""
    out, heard = database / "a [1] folder*", set[str]()
    with started(database / "db", out, "local[2]", PARTS) as process:
        until(lambda: work(out, ".spark-charts.new-*/_temporary"), 400, lambda: process.poll() is None)
        killed = until(lambda: _python_worker(process.pid), 300, lambda: process.poll() is None)
        os.kill(killed, signal.SIGKILL)
        while process.poll() is None:
            heard |= listening({process.pid, *processes_below(process.pid)})
            time.sleep(0.5)
        ends_well(process)
    assert heard and heard <= LOOPBACK
    assert numbers_of(out) == numbers_of(database / "one")
    for name in ("queries.csv", "assertions.csv", "code_lists.csv", "report.html"):
        assert (out / name).read_bytes() == (database / "one" / name).read_bytes(), name


def _python_worker(root: int) -> int | None:
    """A process below `root` that runs Python for Spark: a child of its daemon."""
    below = processes_below(root)
    daemons = {pid for pid, (_, command) in below.items() if "pyspark.daemon" in command}
    return next((pid for pid in daemons if below[pid][0] in daemons), None)


def kill_executor(worker: int) -> int:
    """kill -9 of the executor's own process."""
    (executor,) = until(lambda: executors_of(worker), 300)
    os.kill(executor, signal.SIGKILL)
    return executor


def test_executors_and_a_run_that_are_killed_cost_time_and_nothing_else(
    database: Path, cluster: tuple[str, list[int]]
) -> None:
    """An executor is killed while it charts, then the run while it derives; it goes on from the charts, and another
    executor is killed while it derives. Nothing is half-written, and every patient is counted once."""
    out, (address, (worker,)) = database / "killed", cluster
    with started(database / "db", out, address, PARTS) as process:
        until(lambda: work(out, ".spark-charts.new-*/_temporary"), 400, lambda: process.poll() is None)
        first = kill_executor(worker)
        until(lambda: work(out, ".spark-parts.new-*/_temporary"), 400, lambda: process.poll() is None)
        java = [pid for pid, (_, command) in processes_below(process.pid).items() if "java" in command]
        process.kill()
        process.wait()
    assert not out.exists() and java
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in java), 300)
    until(lambda: not executors_of(worker), 300)  # Spark's processes end with the run
    charts = work(out, "spark-charts")
    assert charts is not None
    kept = charts.stat().st_ino
    with started(database / "db", out, address, PARTS) as process:
        until(lambda: work(out, f".spark-parts.new-{process.pid}/_temporary"), 400, lambda: process.poll() is None)
        assert charts.stat().st_ino == kept  # the database was not read again
        assert kill_executor(worker) != first
        ends_well(process)
    assert numbers_of(out) == numbers_of(database / "one")
    assert not list(database.glob(".killed.*"))


def test_a_cluster_without_executors_is_not_waited_for_for_ever(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chartline.engines.spark import session

    monkeypatch.setattr(session, "_PATIENCE", 3.0)
    words = "Spark has had no executor for 3 seconds"
    with standalone_cluster(tmp_path, workers=0) as (address, _), pytest.raises(StudyError, match=words):
        run_on_spark(database / "db", tmp_path / "out", address, parts=3)
    assert not (tmp_path / "out").exists()


def test_executors_with_other_versions_are_refused(
    database: Path, cluster: tuple[str, list[int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chartline.engines.spark import session

    real = session.version
    monkeypatch.setattr(session, "version", lambda name: "0.1" if name == "chartline" else real(name))
    with pytest.raises(StudyError, match="An executor has other versions than this machine") as raised:
        run_on_spark(database / "db", tmp_path / "out", cluster[0], parts=3)
    assert raised.value.expected.startswith("chartline 0.1, Polars ")
