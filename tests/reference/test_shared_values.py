"""Planning and Turnbull's estimate against R results on published counts and times (`../shared`)."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pytest

from chartline.stats import estimate_turnbull, interval_precision, survival_precision

pytestmark = pytest.mark.shared


def test_intervals_at_the_counts_of_the_reference_abstract(shared: Path) -> None:
    cases = json.loads((shared / "data/reference_case_arithmetic/reference.json").read_text())["proportions"]
    assert len(cases) == 8
    for case in cases:
        for method in ("clopper_pearson", "wilson"):
            found = interval_precision(case["n"], case["x"] / case["n"], method=method)  # type: ignore[arg-type]
            assert found.count == case["x"]
            assert (found.lower, found.upper) == pytest.approx(case[method], rel=1e-10, abs=1e-12)


def test_turnbull_of_right_censored_times_is_the_curve_of_survfit(shared: Path) -> None:
    folder = shared / "data/freireich_6mp42"
    with (folder / "gehan.csv").open(encoding="utf-8", newline="") as f:
        rows = list(csv.DictReader(f))
    strata = json.loads((folder / "reference.json").read_text())["km"]["strata"]
    for stratum in strata:
        arm = stratum["stratum"].removeprefix("treat=")
        times = [(float(r["time"]), r["status"] == "1") for r in rows if r["treat"] == arm]
        found = estimate_turnbull([(t, t if event else math.inf) for t, event in times])
        assert (found.n, found.n_exact) == (stratum["n"], stratum["events"])
        for at in stratum["surv_at_log-log"]:
            bounds = found.survival_at(at["time"])
            assert (bounds.lower, bounds.upper) == pytest.approx((at["surv"], at["surv"]), rel=1e-10)
        for p, time in zip((0.25, 0.5, 0.75), stratum["quantiles_25_50_75_log-log"]["est"], strict=True):
            if time is not None:
                assert found.quantile(p).lower == found.quantile(p).upper == time


def test_uncensored_survival_of_the_reference_abstract() -> None:
    # 15 and 9 of 32 alive: the log-log intervals of survfit on 32 patients none of whom is censored
    for alive, lower, upper in ((15, 29.1, 62.8), (9, 14.0, 44.1)):
        found = survival_precision(32, alive / 32)
        assert (round(100 * found.lower, 1), round(100 * found.upper, 1)) == (lower, upper)
