"""The small study is made once; `make fuzz` asks for more runs than a usual test does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from small_study import SmallStudy


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallStudy]:
    yield SmallStudy(tmp_path_factory.mktemp("study"))
