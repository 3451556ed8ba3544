"""Run a command of the loop and kill it (SIGKILL) before each step that it takes on disk; then run it again.

    python killed.py COMMAND TEMPLATE FOLDER

TEMPLATE holds the study and what the command needs; for each step a copy is made at FOLDER/<number>. FOLDER/whole is an
undisturbed run. A step is a statement of the database (of many INSERTs in one transaction the first and the last), or a
file made, written, renamed or removed. The process forks before any library has started a thread.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import chartline.checks.confirmed
import chartline.checks.outdated
import chartline.derive.endpoint
import chartline.derive.override_file
import chartline.derive.rule_sets
import chartline.mapping.answered_subjects
import chartline.mapping.apply
import chartline.mapping.possible
import chartline.pipeline
import chartline.queries.answers
import chartline.queries.judge
import chartline.queries.loop
import chartline.report.docx
import chartline.sources.delimited
from chartline.errors import LockError

KILLED = -signal.SIGKILL


def main(command: str, template: Path, folder: Path) -> None:
    for i in range(_count(command, template, folder) + 1):
        place = Path(shutil.copytree(template, folder / str(i)))
        assert _in_a_child(lambda p=place, n=i: _run(command, p, n)) == KILLED, i
        assert _in_a_child(lambda p=place: _run(command, p)) == 0, i


def _count(command: str, template: Path, folder: Path) -> int:
    """Run undisturbed and return the number of steps at which a run can be killed."""
    place = Path(shutil.copytree(template, folder / "whole"))
    told = folder / "steps"
    assert _in_a_child(lambda: told.write_text("\n".join(_run(command, place)), "utf-8")) == 0
    return len(told.read_text("utf-8").splitlines())


def _in_a_child(work: Callable[[], object]) -> int:
    child = os.fork()
    if child == 0:
        work()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _run(command: str, place: Path, kill_at: int | None = None) -> list[str]:
    """Run the command; return its steps, or die before the one that is asked for."""
    steps: list[str] = []

    def step(what: str) -> None:
        if what == "INSERT" and steps[-2:] == ["INSERT", "INSERT"]:
            steps.pop()  # of many in a row the first and the last; the count moves on with the last
        if len(steps) == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        steps.append(what)

    _watch(step)
    _COMMANDS[command](place)
    if len(steps) == kill_at:  # after the last
        os.kill(os.getpid(), signal.SIGKILL)
    return steps


def _watch(step: Callable[[str], None]) -> None:
    class Watched(sqlite3.Connection):
        def execute(self, sql: str, *more: Any) -> sqlite3.Cursor:
            word = sql.split()[0].upper()
            if word not in ("SELECT", "PRAGMA"):
                step(word)
            return super().execute(sql, *more)

    connect = sqlite3.connect
    sqlite3.connect = lambda *a, **k: connect(*a, **k, factory=Watched)  # type: ignore[assignment]
    for name in ("mkdir", "write_bytes", "replace", "unlink"):
        setattr(Path, name, _counted(getattr(Path, name), name, step))


def _counted(method: Callable[..., Any], name: str, step: Callable[[str], None]) -> Callable[..., Any]:
    def counted(self: Path, *args: Any, **kwargs: Any) -> Any:
        idle = {"mkdir": self.exists(), "unlink": not self.exists()}
        if not idle.get(name, False):
            step(f"{name} {self.name.partition('.new-')[0]}")
        return method(self, *args, **kwargs)

    return counted


_COMMANDS: dict[str, Callable[[Path], object]] = {
    "export": lambda at: chartline.pipeline.export_queries(at / "study", at / "sent", centre="N", by="Ana"),
    "import": lambda at: chartline.pipeline.import_answers(at / "study", [at / "N.xlsx", at / "S.xlsx"], by="Ana"),
    "lock": lambda at: _lock(at / "study"),
}


def _lock(home: Path) -> None:
    """Lock, or find it locked by the run that was killed."""
    try:
        chartline.pipeline.lock_study(home, by="Ana", reason="done")
    except LockError as e:
        assert "locked already" in e.what


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
