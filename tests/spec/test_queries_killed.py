"""Killed at any step of export, import or lock (SIGKILL), and run again: nothing is lost and nothing is doubled.

`tests/killed.py` kills a process before each step that it takes on disk and then runs the command again. What is left
must be what an undisturbed run leaves: the same entries in the log, the same texts beside it, the same files.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from chartline.pipeline import export_queries
from chartline.state.store import read_log
from query_cases import correct, fill, no_problem, query_of, small_study

RUNNER = Path(__file__).resolve().parents[1] / "killed.py"


def template(folder: Path, command: str) -> Path:
    """Make what the command begins from: a study, and for the import two workbooks that came back."""
    at = folder / "template"
    at.mkdir()
    home = small_study(at)
    if command == "import":
        export_queries(home, folder / "sent", by="Ana")
        sex, death = query_of(home, "value_not_in_code_list", "N2"), query_of(home, "after_death", "N1")
        fill(folder / "sent/N.xlsx", at / "N.xlsx", {(sex, 1): correct("F"), (death, 1): no_problem("checked")})
        seen = query_of(home, "impossible_date", "S1")
        fill(folder / "sent/S.xlsx", at / "S.xlsx", {(seen, 1): correct("2023-02-28")})
    return at


def left(at: Path) -> dict[str, Any]:
    """Return what a run left: the log but for the time of day and what follows from it, and every file."""
    entries = [(e.number, e.by, e.event, e.about, dict(e.body)) for e in read_log(at / "study")]
    files = {str(f.relative_to(at)): f.read_bytes() for f in at.rglob("*") if f.is_file()}
    timed = ("study.sqlite", "log.ndjson", "lock.json")
    return {"log": entries, **{n: b if not n.endswith(timed) else None for n, b in files.items()}}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork")
@pytest.mark.parametrize(
    ("command", "through"),
    [
        ("export", {"CREATE", "replace .N.xlsx", "replace .N.docx"}),
        ("import", {"replace .queries.csv", "replace .amendments.csv"}),
        ("lock", {"replace .lock.json"}),
    ],
)
def test_killed_at_any_step_and_run_again(tmp_path: Path, command: str, through: set[str]) -> None:
    folder = tmp_path / "runs"
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, str(RUNNER), command, str(template(tmp_path, command)), str(folder)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    steps = (folder / "steps").read_text("utf-8").splitlines()
    assert through | {"BEGIN", "INSERT", "COMMIT", "replace .log.ndjson"} <= set(steps)
    assert len(steps) >= 8
    whole = left(folder / "whole")
    for i, step in enumerate([*steps, "the end"]):
        assert left(folder / str(i)) == whole, f"killed before step {i}: {step}"
