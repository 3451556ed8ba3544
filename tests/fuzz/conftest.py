"""The small study is made once; `make fuzz` asks for more runs than a usual test does."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from small_study import SmallStudy


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallStudy]:
    study = SmallStudy(tmp_path_factory.mktemp("study"))
    assert study.data and study.protocols
    gc.freeze()  # a tenth of the time of a run is spent on looking through what stays
    yield study
    gc.unfreeze()
