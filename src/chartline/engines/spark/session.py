"""A session of Spark: started in words that people understand, watched while it works, and never waited for in vain.

In: the address of a master and a folder of this machine. Out: a session whose settings cannot change a number; what
Spark prints goes to `spark.log` in that folder. Every fault is a `StudyError`.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, TypeVar

from chartline.errors import SourceError, StudyError

if TYPE_CHECKING:
    from pyspark import SparkConf
    from pyspark.sql import SparkSession as SparkSession

Answer = TypeVar("Answer")
_LOG = "spark.log"
_LOOK = 0.5  # seconds between two looks at the tasks
_PATIENCE = 300.0  # seconds without any executor, after which a run stops waiting for one
# What a cluster may have set otherwise and a number must not depend on.
_FIXED = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",  # a day or an id that is none is an error, and not a null
    "spark.sql.files.ignoreCorruptFiles": "false",
    "spark.sql.files.ignoreMissingFiles": "false",
    "spark.sql.execution.arrow.useLargeVarTypes": "true",  # a part may have more than 2 GB of text
    "spark.ui.showConsoleProgress": "false",
}


@contextmanager
def spark_session(master: str, folder: Path) -> Iterator[SparkSession]:
    """Yield a session on `local[2]` or the address of a cluster. `folder` takes what Spark leaves on this machine.

    On this machine alone it listens on no other address than 127.0.0.1, and repeats a task that failed up to three
    times, as a cluster does. Raises `StudyError` where Spark or Java is not installed and where no master answers.
    """
    _check_installed()
    check_answers(master)
    try:
        session = _started(master, folder)
    except Exception as e:  # of Spark, Py4J or the system: which one is no matter here
        log = folder / _LOG
        gone = "JAVA_GATEWAY_EXITED" in str(e) and log.exists()  # then Java alone has said why
        raise StudyError(
            "Spark does not start there.",
            where=f"{master} ({_cause(log.read_text('utf-8', 'replace') if gone else str(e))})",
            expected=f"a master of Spark {version('pyspark')} that answers and admits this machine",
            do=f"look at the address and the cluster; all that Spark said is in {log}",
        ) from e
    try:
        yield session
    finally:
        session.stop()


def _check_installed() -> None:
    try:
        import pyspark  # noqa: F401
    except ImportError as e:
        raise StudyError(
            "Spark is not installed.",
            expected="the extra `spark` of chartline, and Java 17 or later",
            do='install it: pip install "chartline[spark]"',
        ) from e
    home = os.environ.get("JAVA_HOME")
    if shutil.which("java", path=f"{home}/bin" if home else None) is None:
        raise StudyError(
            "Spark needs Java, which is not there.",
            where=f"JAVA_HOME is {home}" if home else "no `java` in the folders of PATH, and JAVA_HOME is not set",
            expected="Java 17 or later",
            do="install it, or set JAVA_HOME to the folder where it is",
        )


def check_answers(master: str) -> None:
    """Raise `StudyError` where nobody answers at `spark://HOST:PORT`; several masters are divided by commas."""
    if not master.startswith("spark://"):
        return
    why = ""
    for place in master.removeprefix("spark://").split(","):
        host, _, port = place.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
        except (OSError, ValueError) as e:
            why = str(e)
        else:
            return
    raise StudyError(
        "No Spark master answers at this address.",
        where=f"{master} ({why})",
        expected="a master that runs, as spark://HOST:7077",
        do="start it or correct the address; --spark local[2] needs none",
    )


def is_here(master: str) -> bool:
    """Whether Spark works in processes of this machine alone."""
    return master == "local" or master.startswith(("local[", "local-cluster["))


def _with_retries(master: str) -> str:
    """Return `local[2,4]` for `local[2]`: without it Spark gives up at the first failure of a task."""
    if master == "local":
        return "local[1,4]"
    inside = master.removeprefix("local[").removesuffix("]")
    return f"local[{inside},4]" if master.startswith("local[") and "," not in inside else master


def _started(master: str, folder: Path) -> SparkSession:
    from pyspark import SparkConf, SparkContext
    from pyspark.java_gateway import launch_gateway
    from pyspark.sql import SparkSession

    # Executors on this machine run this very Python; on others the user names theirs.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    master = _with_retries(master)
    gateway = SparkContext._gateway
    if gateway is None:
        with (folder / _LOG).open("ab") as log:  # Java's own words; those of Spark's start cannot be turned off
            asked = SparkConf(loadDefaults=False).setMaster(master)
            gateway = launch_gateway(asked, {"stdout": log, "stderr": log})  # type: ignore[no-untyped-call]
    conf = SparkConf(_jvm=gateway.jvm)  # what the cluster's spark-defaults.conf says
    context = SparkContext(gateway=gateway, conf=_settings(conf, master, folder))
    return SparkSession(context)


def _settings(conf: SparkConf, master: str, folder: Path) -> SparkConf:
    conf.setMaster(master).setAppName("chartline")
    for key, value in _FIXED.items():
        conf.set(key, value)
    conf.setIfMissing("spark.ui.enabled", "false")
    conf.setIfMissing("spark.sql.warehouse.dir", (folder / "spark-warehouse").as_uri())
    if is_here(master):
        conf.set("spark.driver.bindAddress", "127.0.0.1").set("spark.driver.host", "127.0.0.1")
        conf.set("spark.local.dir", str(folder / "spark-local"))  # rows of patients, on the disk of the work folder
    return conf


# while it works ---------------------------------------------------------------------------------------------------


def attended(session: SparkSession, tell: Callable[[str], None], action: Callable[[], Answer]) -> Answer:
    """Return what an action of Spark gives, telling how far it is (': 3 of 64 tasks'). Raises `StudyError` where there
    has been nobody to do the tasks for five minutes: Spark itself would wait for ever."""
    from pyspark import InheritableThread

    tell("")
    future: Future[Answer] = Future()
    thread = InheritableThread(target=_into, args=(future, action), daemon=True)
    thread.start()
    seen = time.monotonic()
    while not wait_for([future], timeout=_LOOK).done:
        done, of = _tasks(session)
        if of:
            tell(f": {done:,} of {of:,} tasks")
        if not of or _has_executors(session):
            seen = time.monotonic()
        elif time.monotonic() - seen > _PATIENCE:
            session.sparkContext.cancelAllJobs()
            raise StudyError(
                f"Spark has had no executor for {_PATIENCE:,.0f} seconds.",
                where=_master(session),
                expected="at least one executor that takes the memory and the cores asked for",
                do="look at the cluster: are its workers up, is there room on them? Then run again",
            )
    return future.result()


def _into(future: Future[Answer], action: Callable[[], Answer]) -> None:
    try:
        future.set_result(action())
    except BaseException as e:
        future.set_exception(e)


def _tasks(session: SparkSession) -> tuple[int, int]:
    """How many tasks of the stages at work are done, of how many."""
    tracker = session.sparkContext.statusTracker()
    stages = [info for stage in tracker.getActiveStageIds() if (info := tracker.getStageInfo(stage)) is not None]
    return sum(s.numCompletedTasks for s in stages), sum(s.numTasks for s in stages)


def _has_executors(session: SparkSession) -> bool:
    known = len(session.sparkContext._jsc.sc().statusTracker().getExecutorInfos())  # the driver is one of them
    return known > (0 if _is_one_process(session) else 1)


def _is_one_process(session: SparkSession) -> bool:
    return _master(session).startswith("local[")


def _master(session: SparkSession) -> str:
    return session.sparkContext.master or ""


def check_executors(session: SparkSession, folder: Path, tell: Callable[[str], None]) -> None:
    """Raise `StudyError` where an executor has not this chartline, or does not see the work folder."""
    if _is_one_process(session):
        return
    context = session.sparkContext
    token, number = token_hex(8), max(context.defaultParallelism, 2)
    (folder / token).touch()
    try:
        with told(folder):
            found = attended(
                session, lambda of: tell("Waiting for executors"),
                lambda: context.parallelize(range(number), number).map(lambda _: look_around(folder / token)).collect(),
            )  # fmt: skip
    finally:
        (folder / token).unlink()
    own = look_around(folder)
    for host, sees, *versions in sorted(set(found)):
        if tuple(versions) != own[2:]:
            raise StudyError(
                "An executor has other versions than this machine.",
                where=f"{host}: {_versions(versions)}",
                expected=_versions(own[2:]),
                do="install the same versions of chartline and Polars on every executor",
            )
        if not sees:
            raise StudyError(
                "An executor does not see the work folder.",
                where=f"{host}: {folder}",
                expected="a disk that this machine and all executors share, and executors of the same user",
                do="name an --out on such a disk",
            )


def _versions(versions: tuple[str, ...] | list[str]) -> str:
    return f"chartline {versions[0]}, Polars {versions[1]}"


def look_around(file: Path) -> tuple[str, bool, str, str]:
    """Return the host where this runs, whether it sees a file and can write beside it, and its versions of chartline
    and Polars."""
    sees = os.access(file.parent, os.R_OK | os.W_OK | os.X_OK) and file.exists()
    return socket.gethostname(), sees, version("chartline"), version("polars")


# what is said of a fault ------------------------------------------------------------------------------------------


@contextmanager
def told(folder: Path | None = None, where: str = "") -> Iterator[None]:
    """Tell a fault of Spark in a few words; `folder` is where its log is."""
    try:
        yield
    except StudyError:
        raise
    except Exception as e:
        raise _in_words(str(e), where, folder) from e


def _in_words(said: str, where: str, folder: Path | None) -> StudyError:
    if "CAST_INVALID_INPUT" in said:
        return SourceError(
            "The database holds a day or an id that cannot be read as one",
            where=f"{where} ({_line(said, 'CAST_INVALID_INPUT')})".strip(),
            expected="days as dates or as text like 2020-04-03, ids as whole numbers",
            do="correct the export",
        )
    if "FAILED_READ_FILE" in said:
        return SourceError(
            "Spark cannot read a file of the database",
            where=f"{where} ({_line(said, 'FAILED_READ_FILE')})".strip(),
            do="export the table again; nothing was written",
        )
    cause = _cause(said)
    if "No module named" in said:
        return StudyError(
            "An executor lacks a library.",
            where=cause,
            expected="chartline with the extra `spark` in the Python of every executor",
            do="install it there, or name the right Python in PYSPARK_PYTHON",
        )
    log = folder / _LOG if folder is not None else None
    hint = f"; all that Spark said is in {log}" if log is not None and log.exists() and log.stat().st_size else ""
    return StudyError("Spark could not do it.", where=f"{where} ({cause})".strip(), do=f"see what it says{hint}")


def _line(said: str, word: str) -> str:
    """Return the first line with a word of Spark's, from that word on."""
    return next(word + line.strip().partition(word)[2] for line in said.splitlines() if word in line)


def _cause(said: str) -> str:
    """Return the line that says most: the innermost cause, else the last error of Python, else the first line."""
    lines = [line.strip() for line in said.splitlines() if line.strip()] or ["it did not say why"]
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    errors = [line.removeprefix(": ") for line in lines if "Error: " in line or "Exception: " in line]
    return (causes or errors or lines[:1])[-1]
