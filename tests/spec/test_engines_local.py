"""Worker processes: what they do, and say when they fail, die or take too much; and the claim on an out folder."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from chartline.engines import work
from chartline.engines.local import Crew, Task, bar, rate_words, watched
from chartline.engines.memory import MB, taken
from chartline.engines.work import finished_whole, work_folder
from chartline.errors import MappingError, MemoryShort, OutputError, WorkerLost
from chartline.outputs import claimed


def write_name(folder: Path, name: str) -> None:
    (folder / name).write_text(str(os.getpid()))


def count_threads(done: Path) -> None:
    import polars as pl

    done.write_text(str(pl.thread_pool_size()), encoding="utf-8")


def refuse(where: str) -> None:
    raise MappingError("The column is not there", where=where, do="name it")


def fill_the_disk() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def die(marks: Path, times: int) -> None:
    """Be killed the first `times` times, then do the work."""
    mark = marks / f"tried-{len(list(marks.iterdir()))}"
    mark.touch()
    if len(list(marks.iterdir())) <= times:
        os.kill(os.getpid(), signal.SIGKILL)


def take(megabytes: int, seconds: float, done: Path) -> None:
    kept = bytearray(megabytes * MB)
    kept[::4096] = b"x" * len(kept[::4096])
    time.sleep(seconds)
    done.touch()


def test_every_task_is_done_in_another_process(tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []
    with Crew(2) as crew:
        crew.work([Task(n, write_name, (tmp_path, n)) for n in "abcd"], lambda done, of: heard.append((done, of)))
    pids = {int((tmp_path / n).read_text()) for n in "abcd"}
    assert os.getpid() not in pids and len(pids) <= 2
    assert heard == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.parametrize("tasks", [1, 2])
def test_tasks_that_start_together_share_the_cores(tasks: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POLARS_MAX_THREADS", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    with Crew(2) as crew:
        crew.work([Task(str(i), count_threads, (tmp_path / str(i),)) for i in range(tasks)])
    assert [(tmp_path / str(i)).read_text() for i in range(tasks)] == {1: ["6"], 2: ["3", "3"]}[tasks]


def test_an_error_of_a_task_is_raised_as_it_was() -> None:
    with Crew(1) as crew, pytest.raises(MappingError) as raised:
        crew.work([Task("a", refuse, ("file.csv",))])
    assert (raised.value.what, raised.value.where, raised.value.do) == (
        "The column is not there",
        "file.csv",
        "name it",
    )


def test_a_full_disk_of_a_worker_is_the_systems_own_error() -> None:
    with Crew(1) as crew, pytest.raises(OSError) as raised:
        crew.work([Task("a", fill_the_disk)])
    assert raised.value.errno == errno.ENOSPC


def test_a_worker_that_is_killed_once_is_replaced(tmp_path: Path) -> None:
    with Crew(2) as crew:
        crew.work([Task("a", die, (tmp_path, 1))])
    assert len(list(tmp_path.iterdir())) == 2


def test_a_worker_that_is_killed_twice_stops_the_run_and_says_how(tmp_path: Path) -> None:
    with Crew(1) as crew, pytest.raises(WorkerLost, match=r"did part 7 died twice \(signal 9\)"):
        crew.work([Task("part 7", die, (tmp_path, 9))])
    assert len(list(tmp_path.iterdir())) == 2


def test_no_worker_outlives_its_crew() -> None:
    with Crew(2) as crew:
        crew.work([Task("a", time.sleep, (0,)), Task("b", time.sleep, (0,))])
        pids = [w.pid for w in crew._idle]
        assert taken(pids) > 0
    assert taken(pids) == 0


def test_two_large_tasks_go_one_after_the_other_where_memory_is_short(tmp_path: Path) -> None:
    """Each takes 300 MB: two at once and their processes are more than 550 MB on top of this one, one is not."""
    limit = taken([os.getpid()]) + 550 * MB
    with Crew(2, limit) as crew:
        crew.work([Task(n, take, (300, 1.0, tmp_path / n)) for n in "ab"])
        assert crew.workers == 1
    assert {p.name for p in tmp_path.iterdir()} == {"a", "b"}


def test_a_task_that_is_too_large_alone_is_refused_with_what_to_do(tmp_path: Path) -> None:
    limit = taken([os.getpid()]) + 200 * MB
    with (
        Crew(1, limit) as crew,
        pytest.raises(MemoryShort, match="part 3 takes more than the memory allowed") as raised,
    ):
        crew.work([Task("part 3", take, (400, 5.0, tmp_path / "x"), "use more --parts")])
    assert raised.value.do == "use more --parts; what is finished is kept"
    assert not (tmp_path / "x").exists()


def test_progress_is_told_with_rate_and_time_left() -> None:
    assert rate_words(0, 64, 0.0) == "0 of 64"
    assert rate_words(16, 64, 8.0) == "16 of 64, 2.0 a second, 24 s left"  # 48 left at 2 a second
    assert rate_words(2, 64, 20.0) == "2 of 64, 10.0 s each, 10 min 20 s left"  # 62 left at 10 s
    assert [bar(done, 64) for done in (0, 16, 64)] == ["─" * 24, "━" * 6 + "─" * 18, "━" * 24]
    assert bar(0, 0) == "─" * 24
    told: list[str] = []
    watched("Deriving", told.append)(0, 4)
    assert told == ["Deriving " + "─" * 24 + " 0 of 4"]


def test_what_is_finished_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), finished_whole(tmp_path / "part") as folder:
        (folder / "half").touch()
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
    with finished_whole(tmp_path / "part") as folder:
        (folder / "whole").touch()
    assert [p.name for p in tmp_path.rglob("*")] == ["part", "whole"]


def test_work_of_another_study_is_removed_and_half_written_pieces_too(tmp_path: Path) -> None:
    old = work_folder(tmp_path / "out", "a" * 64)
    own = work_folder(tmp_path / "out", "b" * 64)
    assert not old.exists() and own.stat().st_mode & 0o077 == 0
    (own / ".part-0001.new-99").mkdir()
    (own / "part-0000").mkdir()
    assert [p.name for p in work_folder(tmp_path / "out", "b" * 64).iterdir()] == ["part-0000"]


def _in_another_process(out: Path, what: str) -> subprocess.CompletedProcess[str]:
    code = f"import os, pathlib, chartline.outputs\nwith chartline.outputs.claimed(pathlib.Path({str(out)!r})): {what}"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_an_out_folder_is_claimed_by_one_run_at_a_time(tmp_path: Path) -> None:
    with claimed(tmp_path / "out"):
        second = _in_another_process(tmp_path / "out", "pass")
        assert "OutputError" in second.stderr and f"process {os.getpid()}" in second.stderr
    with claimed(tmp_path / "out"):  # and freely once the first has ended
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_claim_of_a_run_that_was_killed_holds_nobody(tmp_path: Path) -> None:
    assert _in_another_process(tmp_path / "out", "os.kill(os.getpid(), 9)").returncode == -signal.SIGKILL
    assert (tmp_path / ".out.busy").exists()
    with claimed(tmp_path / "out"):
        pass


def test_a_claim_where_nothing_can_be_written_is_an_output_error() -> None:
    with pytest.raises(OutputError), claimed(Path("/proc/nowhere/out")):
        pass


def test_parts_outlive_what_python_compiles_and_not_a_change_of_the_code(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "derive" / "__pycache__").mkdir(parents=True)
    (tmp_path / "derive" / "rfs.py").write_text("RFS = 1\n", encoding="utf-8")
    monkeypatch.setattr(work, "files", lambda package: tmp_path)
    first = work.own_stamp()
    (tmp_path / "derive" / "__pycache__" / "rfs.cpython-311.pyc").write_bytes(b"compiled")
    assert work.own_stamp() == first
    (tmp_path / "derive" / "rfs.py").write_text("RFS = 2.0\n", encoding="utf-8")
    assert work.own_stamp() != first
