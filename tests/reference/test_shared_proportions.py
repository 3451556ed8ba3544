"""The reference study's own counts, with R's exact and score intervals (marker `shared`)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from chartline.stats.proportions.fisher import fisher_test
from chartline.stats.proportions.odds_ratio import exact_odds_ratio
from chartline.stats.proportions.proportion import clopper_pearson, wilson

pytestmark = pytest.mark.shared


@pytest.fixture
def arithmetic(shared: Path) -> dict[str, Any]:
    path = shared / "data" / "reference_case_arithmetic" / "reference.json"
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def test_the_intervals_of_every_printed_proportion(arithmetic: dict[str, Any]) -> None:
    rows = arithmetic["proportions"]
    assert len(rows) >= 8
    for row in rows:
        for name, function in (("clopper_pearson", clopper_pearson), ("wilson", wilson)):
            found = function(row["x"], row["n"])
            assert [found.lower, found.upper] == pytest.approx(row[name], rel=1e-10, abs=1e-13), (row["x"], name)


def test_fishers_test_of_a_table(arithmetic: dict[str, Any]) -> None:
    recorded = arithmetic["fisher_example"]
    a, b, c, d = recorded["table"]
    assert fisher_test([[a, b], [c, d]]).p == pytest.approx(recorded["p"], rel=1e-10)
    found = exact_odds_ratio(a, a + b, c, c + d)
    # R's fisher.test finds its roots to 1e-4 of 1 / odds ratio; record_two_proportions.R has them to the last digit
    assert found.estimate == pytest.approx(recorded["or_cmle"], rel=1e-5)
    assert [found.lower, found.upper] == pytest.approx(recorded["ci"], rel=1e-2)
