"""Turnbull's estimate, as recorded by tests/reference/record_turnbull.R; an end of nothing is infinite."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

from chartline.stats.sensitivity.turnbull import estimate_turnbull
from chartline.verify.cases import Case


def _turnbull(case: Case) -> Mapping[str, Any]:
    intervals: Counter[tuple[float, float]] = Counter()
    for left, right, count in zip(*(case.column(c) for c in ("left", "right", "count")), strict=True):
        intervals[left, math.inf if right is None else right] += int(count)
    found = estimate_turnbull(intervals)
    median = found.quantile(0.5)
    return {
        "left": found.left,
        "right": [None if math.isinf(r) else r for r in found.right],
        "mass": found.mass,
        "survival": found.survival,
        "log_likelihood": found.log_likelihood,
        "median": [median.lower, median.upper],
    }


REPLAYS = {"turnbull": _turnbull}
