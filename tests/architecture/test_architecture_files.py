"""What is in the repository: no developer's machine, no package registry, no file that nobody can read."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Assembled, so that this file does not name what it looks for.
_HOSTS = (
    "py" + "pi.org",
    "python" + "hosted.org",
    "arti" + "factory",
    "nexus" + "repo",
    "index" + "-url",
    "conda" + ".anaconda",
)
_PATHS = ("/ro" + "ot/", "/ho" + "me/", "/Us" + "ers/", "/wo" + "rk/", "/mn" + "t/", r"C:\\Us" + "ers")
FORBIDDEN = re.compile("|".join([*(re.escape(h) for h in _HOSTS), *(rf"(?<![\w.]){p}\w" for p in _PATHS)]))
TEXT_LIMIT = 2_000_000  # bytes; a larger file is data


def _tracked() -> list[Path]:
    try:
        done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git clone")
    return [ROOT / name for name in done.stdout.split("\0") if name]


def test_no_file_names_a_registry_host_or_a_path_of_someones_machine() -> None:
    found = []
    for path in _tracked():
        if not path.is_file() or path.stat().st_size > TEXT_LIMIT:
            continue
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue  # a spreadsheet, a picture, Parquet
        found += [f"{path.relative_to(ROOT)}:{i}" for i, line in enumerate(lines, 1) if FORBIDDEN.search(line)]
    assert found == []


@pytest.mark.parametrize("line", ["see /ho" + "me/ana/study", "--index" + "-url https://x", "at /wo" + "rk/main"])
def test_such_a_line_would_be_found(line: str) -> None:
    assert FORBIDDEN.search(line)


@pytest.mark.parametrize("line", ["examples/work/x", "see https://site.example/home/", "a /tmp folder"])
def test_other_lines_are_not(line: str) -> None:
    assert not FORBIDDEN.search(line)
