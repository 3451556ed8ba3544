"""Mean, standard deviation and the nine quantile types against R (`record_quantiles.R`)."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from chartline.stats.values.summary import quantile, summarise

RECORDED = json.loads((Path(__file__).parent / "quantiles.json").read_text())


@pytest.mark.parametrize("row", RECORDED["rows"], ids=lambda r: r["set"][0])
def test_summary_is_r(row: dict[str, Any]) -> None:
    values = Counter(float(v) for v in row["values"])
    s = summarise(values, missing=3)
    assert (s.n, s.missing, s.min, s.max) == (values.total(), 3, min(values), max(values))
    assert s.mean == pytest.approx(float(row["mean"][0]), rel=1e-14)
    assert (s.sd is None and row["sd"] == ["NA"]) or s.sd == pytest.approx(float(row["sd"][0]), rel=1e-12)
    for kind, recorded in enumerate(row["quantiles"], 1):
        got = [quantile(values, float(p), kind) for p in RECORDED["p"]]
        assert got == pytest.approx([float(q) for q in recorded], rel=1e-14), kind


def test_nothing_has_no_quantile() -> None:
    assert summarise({1.0: 0}, missing=2).median is None
    with pytest.raises(ValueError, match="no quantile of no values"):
        quantile({}, 0.5)
    with pytest.raises(ValueError, match="type 10"):
        quantile({1.0: 1}, 0.5, 10)
