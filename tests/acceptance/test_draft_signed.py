"""Five drafts, signed as they stand: a person who reads them and agrees gets the printed numbers of the study.

The open questions are decided as a person would who follows each draft: what is open is not needed.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from chartline.draft.verb import draft_files
from parted import run_unreported
from published import PUBLISHED, check_published, expected

if TYPE_CHECKING:
    from chartline.study import StudyRun

pytestmark = pytest.mark.shared
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "inotuzumab-india"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> StudyRun:
    home = tmp_path_factory.mktemp("drafted") / "study"
    shutil.copytree(EXAMPLE, home)
    for file in (home / "mappings").glob("*.yaml"):
        file.unlink()
    for centre in "ABCDE":
        target = home / "mappings" / f"centre_{centre}.yaml"
        text = str(draft_files([home / "centres" / f"centre_{centre}"], home, out=target).files[target])
        text = text.replace('signed_by: ""', "signed_by: a data manager\nsigned_on: 2024-02-01")
        target.write_text(text.replace("open question: ", "not needed: "), encoding="utf-8")
    return run_unreported(home, home.parent / "out")


@pytest.mark.parametrize("item", list(PUBLISHED))
def test_five_signed_drafts_give_every_printed_number(run: StudyRun, item: str) -> None:
    check_published(run, item)


def test_five_signed_drafts_give_the_flow_of_patients(run: StudyRun) -> None:
    assert run.headline["headline"]["screened"]["n"] == expected("full")["n_screened"]
    assert run.headline["headline"]["eligible"]["n"] == expected("full")["n_eligible"]
