"""The example study, run once with and once without the centres' answers, for all acceptance tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from chartline.study import StudyRun

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "inotuzumab-india"


@pytest.fixture(scope="session")
def answered(tmp_path_factory: pytest.TempPathFactory) -> StudyRun:
    """The study with the answers laid over the charts."""
    from chartline.pipeline import run_study

    return run_study(EXAMPLE, tmp_path_factory.mktemp("answered") / "out")


@pytest.fixture(scope="session")
def unanswered(tmp_path_factory: pytest.TempPathFactory) -> StudyRun:
    """The study as the charts came."""
    from chartline.pipeline import run_study

    return run_study(EXAMPLE, tmp_path_factory.mktemp("unanswered") / "out", use_answers=False)


@pytest.fixture
def unreported() -> Iterator[None]:
    """Runs of this process write no report meanwhile."""
    from parted import without_reports

    with without_reports():
        yield


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A copy of the example that a test may change."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "study"))
