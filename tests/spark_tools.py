"""Spark for tests: one session that tests share, the reference study's centre E alone as a study of each kind of
source, and what runs below a process."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from unittest.mock import patch

import polars as pl

from omop_databases import free_port
from parted import study_of_centres

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Answer = TypeVar("Answer")
EXAMPLE = Path(__file__).parents[1] / "examples" / "inotuzumab-india"
CENTRE_E = EXAMPLE / "centres" / "centre_E"
SELECTION = """
concept_sets:
  ino:
    label: Inotuzumab ozogamicin
    concepts: [{id: 2000000201}]
    source_values: ["INOTUZUMAB%"]
  b_all:
    label: B-cell ALL
    concepts: [{id: 2000000200}]
selection:
  index: {table: drug_exposure, concepts: ino}
  age: {min: 18}
  require:
    - {label: B-cell ALL, table: condition_occurrence, concepts: b_all}
"""


@contextmanager
def quick_spark() -> Iterator[None]:
    """What is started meanwhile: Java compiles in haste and collects in one thread, and Spark has few tasks."""
    options = {"JDK_JAVA_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"}
    with patch.dict(os.environ, options | {"SPARK_CONF_DIR": str(Path(__file__).parent / "spark_conf")}):
        yield


def has_spark() -> bool:
    """Whether Spark can run here: the extra and Java."""
    from importlib.util import find_spec

    return find_spec("pyspark") is not None and (shutil.which("java") is not None or "JAVA_HOME" in os.environ)


@contextmanager
def shared_session(session: SparkSession) -> Iterator[None]:
    """Runs on Spark take this session, which stays when they end."""
    from chartline.engines.spark import session as room

    with patch.object(room, "spark_session", lambda master, folder: nullcontext(session)):
        yield


def study_of_centre_e(home: Path, source: str, lay: Callable[[Path], object] | None = None) -> Path:
    """Centre E of the reference study alone, under the short protocol, which selects in its database; answers, which
    name cells of its CSV files, are left out. `source` is what the mapping says of the source; `lay` puts files into
    the centre's folder."""
    study_of_centres(home, "E")
    text = (home / "protocol.yaml").read_text(encoding="utf-8").replace("  answers: answers.csv\n", "")
    (home / "protocol.yaml").write_text(text + SELECTION, encoding="utf-8")
    (home / "answers.csv").unlink()
    mapping = (home / "mappings" / "centre_E.yaml").read_text(encoding="utf-8")
    mapping = mapping.replace("{kind: omop, path: ., format: csv}", source)
    mapping = mapping.replace('  "*.parquet": the same tables as Parquet\n', "")
    assert source in mapping
    (home / "mappings" / "centre_E.yaml").write_text(mapping, encoding="utf-8")
    folder = home / "centres" / "centre_E"
    shutil.rmtree(folder)
    folder.mkdir()
    if lay is not None:
        lay(folder)
    return home


def put_in_catalog(session: SparkSession, schema: str, tables: Mapping[str, pl.DataFrame], folder: Path) -> None:
    """Make a schema of the catalog with these tables, Parquet in folders below one; all names are in capitals there."""
    session.sql(f"CREATE DATABASE {schema} LOCATION '{folder}'")
    for name, frame in tables.items():
        home = folder / name.upper()
        home.mkdir(parents=True)
        frame.rename({c: c.upper() for c in frame.columns}).write_parquet(home / "part-00000.parquet")
        session.sql(f"CREATE TABLE {schema}.{name.upper()} USING parquet LOCATION '{home}'")


def processes_below(root: int) -> dict[int, tuple[int, str]]:
    """The processes below one: id -> parent and command."""
    known: dict[int, tuple[int, str]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            known[int(entry.name)] = (parent, command)
    below: dict[int, tuple[int, str]] = {}
    for pid in known:
        above = known[pid][0]
        while above in known and above != root:
            above = known[above][0]
        if above == root:
            below[pid] = known[pid]
    return below


def listening(pids: set[int]) -> set[str]:
    """The addresses on which processes listen, as the system writes them ('0100007F' is 127.0.0.1)."""
    own = set()
    for pid in pids:
        try:
            for handle in Path(f"/proc/{pid}/fd").iterdir():
                own.add(str(handle.readlink()))
        except OSError:
            continue
    found = set()
    for file in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(file).read_text().splitlines()[1:]:
            cells = line.split()
            if cells[3] == "0A" and f"socket:[{cells[9]}]" in own:
                found.add(cells[1].partition(":")[0])
    return found


@contextmanager
def standalone_cluster(folder: Path, workers: int = 1) -> Iterator[tuple[str, list[int]]]:
    """A master of Spark and its workers (two cores each), as processes of their own on 127.0.0.1; yields the address
    and the workers' process ids. An executor is a child of its worker."""
    import pyspark

    home, port = Path(pyspark.__file__).parent, free_port()
    address = f"spark://127.0.0.1:{port}"
    run = [str(home / "bin" / "spark-class"), "org.apache.spark.deploy.{0}.{1}", "--host", "127.0.0.1"]
    env = os.environ | {"SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1"}
    env["SPARK_MASTER_OPTS"] = "-Dspark.master.rest.enabled=false"  # its port is a fixed one
    with (folder / "cluster.log").open("wb") as log, ExitStack() as stack:

        def start(name: str, *options: str) -> int:
            command = [part.format(name.lower(), name) for part in run] + ["--webui-port", "0", *options]
            process = subprocess.Popen(command, env=env, stdout=log, stderr=log, cwd=folder)
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process.pid

        start("Master", "--port", str(port))
        until(lambda: _answers(port), 300)
        size = ["--cores", "2", "--memory", "1g"]
        yield address, [start("Worker", *size, "--work-dir", str(folder / "work"), address) for _ in range(workers)]


def executors_of(worker: int) -> list[int]:
    """The executors of a worker that live."""
    return [pid for pid, (_, command) in processes_below(worker).items() if "CoarseGrainedExecutorBackend" in command]


def until(what: Callable[[], Answer | None], seconds: float, alive: Callable[[], bool] = lambda: True) -> Answer:
    """Wait until something is so; fail where it never is."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and alive():
        if found := what():
            return found
        time.sleep(0.02)
    raise AssertionError("it never came")


def _answers(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0
