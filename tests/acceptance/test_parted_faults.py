"""What happens to a run in parts when something breaks: no wrong number, nothing half-written, a clear message, and a
rerun that ends right. The run is the real command in a process of its own; the study is two centres of the example
under a short protocol.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chartline.errors import OutputError, StudyError, WorkerLost
from chartline.pipeline import run_study
from parted import NUMBERS, numbers_of, run_inline, study_of_centres, without_reports

PARTS = 4


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study, which no test changes."""
    return study_of_centres(tmp_path_factory.mktemp("two") / "study")


@pytest.fixture(scope="module")
def right(home: Path) -> Path:
    """What a run must end with: the out folder of a run that nothing disturbed."""
    return run_study(home, home.parent / "right").out


@pytest.fixture(scope="module")
def earlier(home: Path, right: Path) -> Path:
    """An out folder that stands there before a run: that of the charts without their answers."""
    with without_reports():
        out = run_study(home, home.parent / "earlier", use_answers=False).out
    assert numbers_of(out) != numbers_of(right)
    return out


@contextmanager
def started(
    home: Path, out: Path, *options: str, parts: tuple[str, ...] = ("--parts", str(PARTS))
) -> Iterator[subprocess.Popen[str]]:
    """The command, running; it is ended with the test."""
    command = [sys.executable, "-m", "chartline.cli", "run", str(home), "--out", str(out), *parts, *options]
    process = subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def until(what: Callable[[], object], process: subprocess.Popen[str]) -> object:
    """Wait until something is so, while the process runs."""
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        if found := what():
            return found
        time.sleep(0.01)
    pytest.fail(f"it never came: {process.communicate()}")


def finished(out: Path) -> list[Path]:
    """The parts that a run has finished."""
    return sorted(out.parent.glob(f".{out.name}.parts-*/parts-{PARTS}/part-*"))


def work_of(out: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """What a run keeps and writes beside its out folder, as `os.walk` tells it."""
    for folder in out.parent.glob(f".{out.name}.*"):
        yield from os.walk(folder)


def workers_of(process: subprocess.Popen[str]) -> list[int]:
    """The worker processes of a run: its children that multiprocessing has spawned."""
    return children_of(process, b"spawn_main")


def children_of(process: subprocess.Popen[str], command: bytes) -> list[int]:
    """The children of a run in whose command line something stands."""
    try:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        return [int(c) for c in children if command in Path(f"/proc/{c}/cmdline").read_bytes()]
    except OSError:
        return []


def test_a_worker_that_is_killed_costs_time_and_nothing_else(home: Path, right: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with started(home, out) as process:
        until(lambda: len(finished(out)) >= 2, process)
        (worker,) = workers_of(process)
        os.kill(worker, signal.SIGKILL)
        assert process.wait(180) == 0, process.communicate()
    assert numbers_of(out) == numbers_of(right)


@pytest.mark.parametrize("parts", [("--parts", "6"), ()], ids=["in parts", "in one piece"])
def test_a_report_process_that_is_killed_stops_the_run_with_a_message(
    home: Path, right: Path, earlier: Path, tmp_path: Path, parts: tuple[str, ...]
) -> None:
    out = tmp_path / "out"
    shutil.copytree(earlier, out)
    with started(home, out, parts=parts) as process:
        (reporter,) = until(lambda: children_of(process, b"chartline.report.worker"), process)  # type: ignore[misc]
        os.kill(reporter, signal.SIGKILL)
        _, said = process.communicate(timeout=180)
    assert process.returncode == WorkerLost.exit_code
    assert "The process that wrote the report died (signal 9)" in said and "Traceback" not in said
    assert numbers_of(out) == numbers_of(earlier)
    with started(home, out, parts=parts) as process:
        assert process.wait(180) == 0, process.communicate()
    assert numbers_of(out) == numbers_of(right)


def test_a_run_that_is_killed_leaves_no_output_and_goes_on_from_its_parts(
    home: Path, right: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with started(home, out, "--workers", "2") as process:
        until(lambda: len(finished(out)) >= 2, process)
        workers = workers_of(process)
        process.kill()
    assert not out.exists()
    kept = {part: part.stat().st_ino for part in finished(out)}
    assert len(kept) >= 2
    end = time.monotonic() + 20
    while any(Path(f"/proc/{w}").exists() for w in workers) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(Path(f"/proc/{w}").exists() for w in workers)
    with started(home, out, "--workers", "2") as process:
        until(lambda: len(finished(out)) > len(kept), process)
        assert {part: part.stat().st_ino for part in kept} == kept  # not made again
        assert process.wait(180) == 0, process.communicate()
    assert numbers_of(out) == numbers_of(right)
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_killed_again_and_again_at_random_moments_a_run_ends_with_the_same_bytes(
    home: Path, right: Path, earlier: Path, tmp_path: Path
) -> None:
    """Eight kills, each when a random number of files is kept or being written: in the midst of charts, of the checks
    of all, of parts, of the report. What stands at `out` is a whole output at every moment."""
    out = tmp_path / "out"
    shutil.copytree(earlier, out)
    whole = (numbers_of(earlier), numbers_of(right))
    for files in sorted(random.Random(20261126).sample(range(180), 8)):
        with started(home, out, "--workers", "2") as process:
            while process.poll() is None and sum(len(names) for _, _, names in work_of(out)) < files:
                time.sleep(0.002)
            process.kill()
            process.wait()
        assert numbers_of(out) in whole
    with started(home, out, "--workers", "2") as process:
        assert process.wait(180) == 0, process.communicate()
    for name in (*NUMBERS, "queries.csv", "report.html"):
        assert (out / name).read_bytes() == (right / name).read_bytes(), name
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("parts", [("--parts", "6"), ()], ids=["in parts", "in one piece"])
def test_a_second_run_on_the_same_out_folder_is_refused(
    home: Path, right: Path, tmp_path: Path, parts: tuple[str, ...]
) -> None:
    """Whichever of the two is run in parts."""
    out = tmp_path / "out"
    with started(home, out, parts=parts) as first:
        until(lambda: (tmp_path / ".out.busy").exists() and (tmp_path / ".out.busy").read_text(), first)
        with started(home, out, parts=() if parts else ("--parts", "6")) as second:
            _, said = second.communicate(timeout=60)
            assert second.returncode == OutputError.exit_code
            assert f"Another run is writing to this out folder (process {first.pid})" in said
        assert first.wait(180) == 0, first.communicate()
    assert numbers_of(out) == numbers_of(right)


def test_a_full_disk_in_a_worker_says_so_and_keeps_the_last_output(
    home: Path, right: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full at the third part, as the system says it; there is room again for the rerun."""
    from chartline import publish

    out = tmp_path / "out"
    run_inline(home, out, 1)
    before = numbers_of(out)
    write, calls = publish.write_listings, []

    def full(*arguments: object) -> None:
        calls.append(1)
        if len(calls) == 3:
            raise OSError(28, os.strerror(28), str(out))
        write(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(publish, "write_listings", full)
    with pytest.raises(OutputError, match="The disk is full"):
        run_inline(home, out, PARTS)
    assert numbers_of(out) == before
    assert len(finished(out)) == 2
    monkeypatch.setattr(publish, "write_listings", write)
    run_inline(home, out, PARTS)
    assert numbers_of(out) == numbers_of(right)


_SMALL_DISK = """
mount -t tmpfs -o size={size}k none "$1" || exit 77
cp -r "$2" "$1/out"
"$3" -m chartline.cli run "$4" --out "$1/out" --parts {parts}; echo "code $?"
cp "$1/out/results.csv" "$5/kept.csv"
mount -o remount,size=200m none "$1"
"$3" -m chartline.cli run "$4" --out "$1/out" --parts {parts} || exit
ls -A "$1"; cp -r "$1/out" "$5/out"
"""


@pytest.mark.parametrize("room", [0, 200, 800, 1500])
def test_a_disk_that_is_really_full_says_so_and_with_room_again_the_run_ends_right(
    home: Path, right: Path, earlier: Path, tmp_path: Path, room: int
) -> None:
    """A small disk of its own (tmpfs in a namespace, no root needed), on which `room` kB are free beside the last
    output; it is full at once, while charts are kept, parts are written, or the report is."""
    disk = tmp_path / "disk"
    disk.mkdir()
    used = sum(-(-p.stat().st_size // 4096) * 4 for p in earlier.rglob("*"))
    script = _SMALL_DISK.format(size=used + room, parts=PARTS)
    arguments = (disk, earlier, sys.executable, home, tmp_path)
    if shutil.which("unshare") is None:
        pytest.skip("no unshare here")
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh", *map(str, arguments)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode == 77 or "unshare failed" in done.stderr:
        pytest.skip("no file system may be mounted here")
    assert done.returncode == 0, done.stderr
    assert "code 13" in done.stdout and "The disk is full" in done.stderr and "free some room" in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "kept.csv").read_bytes() == (earlier / "results.csv").read_bytes()
    assert done.stdout.splitlines()[-1] == "out"
    assert numbers_of(tmp_path / "out") == numbers_of(right)


def test_a_changed_file_makes_every_part_anew(right: Path, tmp_path: Path) -> None:
    """A run stops at its second part; then a file of a centre changes. Nothing of the first run may be taken."""
    study, out = study_of_centres(tmp_path / "study"), tmp_path / "out"
    with pytest.MonkeyPatch.context() as patch:
        from chartline import publish

        calls: list[int] = []
        write = publish.write_listings
        patch.setattr(publish, "write_listings", lambda *a: calls.append(1) or (write(*a) if len(calls) < 2 else 1 / 0))
        with pytest.raises(ZeroDivisionError):
            run_inline(study, out, PARTS)
    assert len(finished(out)) == 1
    file = study / "centres" / "centre_D" / "Patient.ndjson"
    text = file.read_text("utf-8")
    died = '"deceasedDateTime": "2020-12-22"'
    assert text.count(died) == 1
    file.write_text(text.replace(died, died.replace("22", "23")), encoding="utf-8")
    run_inline(study, out, PARTS)
    with without_reports():
        run_study(study, tmp_path / "whole")
    assert numbers_of(out) == numbers_of(tmp_path / "whole") != numbers_of(right)


def test_a_finished_part_that_was_damaged_is_refused_and_named(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.MonkeyPatch.context() as patch:
        from chartline.pipeline import parted

        patch.setattr(parted, "pool", lambda *a: 1 / 0)  # all parts are finished, the rest is not
        with pytest.raises(ZeroDivisionError):
            run_inline(home, out, PARTS)
    told = finished(out)[1] / "told.json"
    told.write_bytes(told.read_bytes()[:100])
    with pytest.raises(StudyError, match="A finished part of an earlier run cannot be read") as raised:
        run_inline(home, out, PARTS)
    assert str(told.parent) in str(raised.value) and not out.exists()
    shutil.rmtree(told.parent)
    run_inline(home, out, PARTS)
    assert (out / "headline.json").exists()
