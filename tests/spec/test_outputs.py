"""The out folder is replaced as a whole or not at all."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from chartline.errors import OutputError
from chartline.outputs import MARK, recover, staged, write_all


def write(out: Path, text: str) -> None:
    with staged(out) as folder:
        (folder / MARK).write_text("{}")
        (folder / "report.html").write_text(text)


def names(folder: Path) -> set[str]:
    return {p.name for p in folder.iterdir()}


def test_a_second_run_replaces_the_first_whole(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write(out, "first")
    (out / "left-over.csv").touch()
    write(out, "second")
    assert (out / "report.html").read_text() == "second"
    assert names(out) == {MARK, "report.html"}
    assert names(tmp_path) == {"out"}


def test_a_failing_run_leaves_the_last_output_as_it_was(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write(out, "first")
    with pytest.raises(ValueError, match="broken"), staged(out) as folder:
        (folder / "report.html").write_text("half")
        raise ValueError("broken")
    assert (out / "report.html").read_text() == "first"
    assert names(tmp_path) == {"out"}


def test_a_killed_run_leaves_the_last_output_and_the_next_run_clears_up(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write(out, "first")
    code = (
        "import sys, time; from pathlib import Path; from chartline.outputs import staged\n"
        "with staged(Path(sys.argv[1])) as f:\n"
        "    (f / 'report.html').write_text('half'); print('writing', flush=True); time.sleep(30)"
    )
    run = subprocess.Popen([sys.executable, "-c", code, str(out)], stdout=subprocess.PIPE)
    assert run.stdout is not None
    run.stdout.readline()
    os.kill(run.pid, signal.SIGKILL)
    run.wait(timeout=10)
    run.stdout.close()
    assert (out / "report.html").read_text() == "first"
    write(out, "second")
    assert (out / "report.html").read_text() == "second"
    assert names(tmp_path) == {"out"}


def test_a_kill_between_the_two_renames_is_put_right(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write(out, "first")
    out.rename(tmp_path / ".out.old")
    recover(out)
    assert (out / "report.html").read_text() == "first"


@pytest.mark.parametrize("make", ["file", "foreign", "read-only"])
def test_a_place_that_is_not_ours_is_refused(tmp_path: Path, make: str) -> None:
    out = tmp_path / "out"
    if make == "file":
        out.write_text("mine")
    else:
        out.mkdir()
        (out / ("thesis.docx" if make == "foreign" else MARK)).write_text("mine")
    if make == "read-only":
        out.chmod(0o555)
    with pytest.raises(OutputError) as e:
        write(out, "x")
    assert "another --out" in e.value.do
    out.chmod(0o755)
    assert (out if make == "file" else next(out.iterdir())).read_text() == "mine"


def test_a_full_disk_is_said_so_and_nothing_is_left(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write(out, "first")
    with pytest.raises(OutputError, match="The disk is full"), staged(out):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert (out / "report.html").read_text() == "first"
    assert names(tmp_path) == {"out"}


def test_a_full_disk_is_recognised_inside_a_librarys_own_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="The disk is full"), staged(tmp_path / "out"):
        raise RuntimeError("parquet: underlying IO error: No space left on device (os error 28)")
    with pytest.raises(RuntimeError, match="another fault"), staged(tmp_path / "out"):
        raise RuntimeError("another fault")


def test_a_running_run_is_not_cleared_up(tmp_path: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"])
    try:
        busy = tmp_path / f".out.new-{other.pid}"
        busy.mkdir()
        recover(tmp_path / "out")
        assert busy.exists()
    finally:
        other.kill()
        other.wait()
    time.sleep(0)
    recover(tmp_path / "out")
    assert not busy.exists()


def test_files_that_belong_together_are_there_all_or_none(tmp_path: Path) -> None:
    first, second = tmp_path / "book.xlsx", tmp_path / "no folder" / "book.yaml"
    first.write_text("old")
    with pytest.raises(OutputError, match="cannot be written: No such file"):
        write_all({first: "new", second: "new"})
    assert [f.name for f in tmp_path.iterdir()] == ["book.xlsx"]
    assert first.read_text() == "old"
    write_all({first: "whole", tmp_path / "book.yaml": b"both"})
    assert {f.name: f.read_text() for f in tmp_path.iterdir()} == {"book.xlsx": "whole", "book.yaml": "both"}


def test_a_full_disk_is_recognised_where_a_file_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="The disk is full"):
        write_all({tmp_path / "book.xlsx": "new"})
    assert list(tmp_path.iterdir()) == []
