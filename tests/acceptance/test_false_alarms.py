"""Sound charts are asked next to nothing: the five centres with every planted error undone, in their five shapes.

That they then carry the truth is `test_mapping_truth.py`; what is counted, and the table, is `benchmarks/checks.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chartline.checks.engine import rules

pytestmark = pytest.mark.shared
BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
# The treating team's own reading differs from the rule in these (edge_cases.csv: pbblast, blast5), in the truth too.
DISAGREEMENTS = [("B-03", "response_discordant"), ("D-01", "response_discordant")]


@pytest.fixture(scope="module")
def benchmark() -> Iterator[Any]:
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import checks
    finally:
        sys.path.remove(str(BENCHMARKS))
    yield checks
    del sys.modules["checks"]


@pytest.fixture(scope="module")
def measured(benchmark: Any) -> dict[str, Any]:
    return benchmark.measured()


def test_sound_charts_are_asked_less_than_one_question_per_ten_patients(measured: dict[str, Any]) -> None:
    assert measured["patients"] == 37
    assert measured["false_alarms"] / measured["patients"] < 0.1
    assert sum(s["false_alarms"] for s in measured["shapes"]) == measured["false_alarms"]


def test_what_is_asked_of_the_truth_is_where_its_own_team_disagrees(benchmark: Any) -> None:
    assert sorted((q.subject, q.rule) for q in benchmark.asked(benchmark.sound())) == DISAGREEMENTS


def test_every_check_is_reported(measured: dict[str, Any]) -> None:
    assert [c["check"] for c in measured["checks"]] == list(rules())
