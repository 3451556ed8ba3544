"""What is written right of the wall names no subject: the tutorial's study is run, and its eight ids looked for."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "docs"))

from console import run, write_files  # noqa: E402

SUBJECT = re.compile(r"\bB0[1-8]\b")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wall")
    write_files((ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8"), folder)
    run("chartline run my-study --out out", folder)
    return folder / "out"


@pytest.mark.parametrize("name", ["counts.json", "results.csv", "headline.json", "study.lock"])
def test_no_subject_is_named_right_of_the_wall(out: Path, name: str) -> None:
    assert SUBJECT.findall((out / name).read_text(encoding="utf-8")) == []


def test_they_are_named_left_of_it_where_a_query_is_open(out: Path) -> None:
    assert SUBJECT.findall((out / "queries.csv").read_text(encoding="utf-8")) == ["B04", "B07"]
