"""Clopper-Pearson and Wilson intervals against R's binom.test and prop.test (`record_proportions.R`)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chartline.stats.proportions.proportion import clopper_pearson, wilson

ROWS = json.loads((Path(__file__).parent / "proportions.json").read_text())["rows"]


@pytest.mark.parametrize("row", ROWS, ids=lambda r: f"{float(r['n']):g} of {float(r['N']):g}, {float(r['level'])}")
def test_intervals(row: dict[str, str]) -> None:
    n, total, level = int(float(row["n"])), int(float(row["N"])), float(row["level"])
    exact, score = clopper_pearson(n, total, level), wilson(n, total, level)
    assert exact.lower == pytest.approx(float(row["cp_lower"]), rel=1e-12, abs=0)
    assert exact.upper == pytest.approx(float(row["cp_upper"]), rel=1e-12, abs=0)
    # R takes (p + z2/2n) - (...) as a difference: near 0 it keeps fewer digits than n/N itself
    assert score.lower == pytest.approx(float(row["w_lower"]), rel=1e-10, abs=1e-17)
    assert score.upper == pytest.approx(float(row["w_upper"]), rel=1e-12, abs=0)
