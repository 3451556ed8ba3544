"""The tutorial's study: its files as printed, its numbers as worked out on paper.

Days from first dose: B05 25, B02 121, B08 159, B04 237, B01 407 (deaths); B06 406, B03 631 (alive).
Days from first response: B04 131, B01 291 (relapses); B06 378, B03 603 (in remission).
B07 is 16 years old and left out.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "docs"))

from console import run, write_files  # noqa: E402

MONTH = 30.4375


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("tutorial")
    write_files((ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8"), out)
    return out


def _headline(folder: Path, answers: str = "") -> dict[str, Any]:
    run(f"chartline run my-study --out out {answers}", folder)
    return json.loads((folder / "out" / "headline.json").read_text(encoding="utf-8"))["headline"]


def test_the_planted_error_is_the_only_one_and_missing_counts_are_asked(folder: Path) -> None:
    run("chartline check my-study --out questions", folder)
    lines = (folder / "questions" / "queries.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 3
    assert "patients.csv!row 5!Relapsed on" in lines[1]
    assert "block,N,B04" in lines[1]
    assert "warn,N,B07,counts_absent" in lines[2]


def test_without_the_answer_the_patient_is_withheld_where_relapse_matters(folder: Path) -> None:
    h = _headline(folder)
    assert (h["eligible"]["n"], h["cr_cri_rate"]["n"], h["cr_cri_rate"]["N"]) == (7, 3, 6)
    assert h["dor_median"]["estimate"] is None  # one relapse in three responders: S stays at 2/3
    assert (h["os_12m"]["estimate"], h["os_12m"]["N"]) == (pytest.approx(3 / 7), 7)


def test_with_the_answer_the_numbers_are_those_on_paper(folder: Path) -> None:
    h = _headline(folder, "--answers my-study/answers.csv")
    assert (h["screened"]["n"], h["eligible"]["n"]) == (8, 7)
    assert (h["cr_cri_rate"]["n"], h["cr_cri_rate"]["N"]) == (4, 7)
    assert (h["mrd_rate"]["n"], h["mrd_rate"]["N"]) == (4, 4)
    assert h["os_12m"]["estimate"] == pytest.approx(3 / 7)
    assert h["os_median"]["estimate"] == pytest.approx(237 / MONTH)  # S falls from 4/7 to 3/7
    # S is 1/2 from day 291 and flat to the last contact on day 603: the middle, as R's survfit
    assert h["dor_median"]["estimate"] == pytest.approx((291 + 603) / 2 / MONTH)
