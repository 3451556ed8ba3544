"""Curves, restricted means and follow-up of real data sets, as R computed them (`reference.json` of each)."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chartline.stats import (
    Episodes,
    estimate_curve,
    estimate_landmark_curve,
    estimate_restricted_mean,
    reverse,
)
from chartline.stats.survival.kaplan_meier import Curve, Estimate

pytestmark = pytest.mark.shared
Rows = list[dict[str, str]]
SCALES: tuple[Any, ...] = ("log-log", "log", "plain")

# folder, file, key of reference.json, time, status, group, which rows
SETS: list[tuple[str, str, str, str, str, str | None, Callable[[dict[str, str]], bool]]] = [
    ("freireich_6mp42", "gehan.csv", "km", "time", "status", "treat", lambda r: True),
    ("survival_leukemia_aml23", "leukemia.csv", "km", "time", "status", "x", lambda r: True),
    ("kmsurv_bmt137", "bmt.csv", "dfs_km", "t2", "d3", "group", lambda r: True),
    ("kmsurv_bmt137", "bmt.csv", "os_km", "t1", "d1", "group", lambda r: True),
    ("kmsurv_bmt137", "bmt.csv", "os_km_all", "t1", "d1", None, lambda r: True),
    ("kmsurv_bmt137", "bmt.csv", "followup_reverse_km", "t1", "d1", None, lambda r: True),
    ("survival_colon", "colon.csv", "recurrence_km", "time", "status", "rx", lambda r: r["etype"] == "1"),
    ("survival_colon", "colon.csv", "os_km", "time", "status", "rx", lambda r: r["etype"] == "2"),
    ("survival_mgus2", "mgus2.csv", "os_km", "futime", "death", "sex", lambda r: True),
    ("survival_myeloid646", "myeloid.csv", "os_km", "futime", "death", "trt", lambda r: True),
    ("survival_myeloid646", "myeloid.csv", "followup", "futime", "death", None, lambda r: True),
    ("amlsg_0704_n740", "amlsg0704.csv", "os_km", "OS", "Status", None, lambda r: True),
    ("amlsg_0704_n740", "amlsg0704.csv", "os_km_by_ELN", "OS", "Status", "M_Risk", lambda r: r["M_Risk"] != ""),
    ("amlsg_0704_n740", "amlsg0704.csv", "efs_km", "efs", "EFSSTAT", None, lambda r: r["efs"] != ""),
    ("amlsg_0704_n740", "amlsg0704.csv", "rfs_km", "rfs", "rfsstat", None, lambda r: r["CR_date"] != ""),
    ("amlsg_0704_n740", "amlsg0704.csv", "followup", "OS", "Status", None, lambda r: True),
    ("mstate_ebmt1", "ebmt1.csv", "os_km", "srv", "srvstat", "score", lambda r: True),
]


def read(folder: Path, file: str) -> Rows:
    with (folder / file).open(encoding="utf-8", newline="") as f:
        return list(csv.DictReader(f))


def episodes(rows: Rows, time: str, status: str) -> Episodes:
    return Episodes.of([float(r[time]) for r in rows], [int(float(r[status])) for r in rows])


def as_recorded(value: float | None, recorded: float | None) -> bool:
    """R's values were written with 12 decimals."""
    return value == pytest.approx(recorded, rel=1e-9, abs=2e-12) if recorded is not None else value is None


def compare(curve: Curve, scale: str, expected: dict[str, Any], shift: float = 0) -> int:
    quantiles = expected[f"quantiles_25_50_75_{scale}"]
    compared = 0
    for i, p in enumerate((0.25, 0.5, 0.75)):
        q = curve.quantile(p)
        for value, name in ((q.value, "est"), (q.lower, "lower"), (q.upper, "upper")):
            recorded = quantiles[name][i]
            assert as_recorded(None if value is None else value - shift, recorded), (scale, p, name)
            compared += 1
    for at in expected.get(f"surv_at_{scale}", []):
        time = at["time"] + shift
        assert curve.n_risk(time) == at["n_risk"]
        s: Estimate = curve.survival_at(time)
        error = curve.std_error[int(np.searchsorted(curve.times_days, time, side="right")) - 1]
        for value, name in ((s.value, "surv"), (s.lower, "lower"), (s.upper, "upper"), (error, "std_err")):
            assert as_recorded(value, at[name]), (scale, time, name)
            compared += 1
    return compared


@pytest.mark.parametrize("of", SETS, ids=lambda s: f"{s[0]} {s[2]}")
def test_a_real_data_set_is_as_r_has_it(of: tuple[Any, ...], shared: Path) -> None:
    name, file, key, time, status, group, chosen = of
    folder = shared / "data" / name
    rows = [r for r in read(folder, file) if chosen(r)]
    strata = json.loads((folder / "reference.json").read_text())[key]["strata"]
    for expected in strata:
        level = expected["stratum"].split("=", 1)[-1]
        some = [r for r in rows if group is None or r[group] == level]
        data = episodes(some, time, status)
        data = reverse(data) if "follow" in key else data
        assert data.n == expected["n"] and int(data.events_of().sum()) == expected["events"]
        assert sum(compare(estimate_curve(data, scale), scale, expected) for scale in SCALES) >= 27
        if "rmst" in expected:
            mean = estimate_restricted_mean(data, expected["rmst"]["tau"])
            assert as_recorded(mean.mean, expected["rmst"]["rmst"]) and as_recorded(
                mean.std_error, expected["rmst"]["se"]
            )


@pytest.mark.parametrize(
    ("name", "file", "key", "time", "status", "response", "landmark"),
    [
        ("survival_myeloid646", "myeloid.csv", "landmark100_km", "futime", "death", "crtime", 100),
        ("amlsg_0704_n740", "amlsg0704.csv", "landmark60_CR_km", "OS", "Status", "CR_date", 60),
    ],
)
def test_survival_after_a_landmark_by_response(
    name: str, file: str, key: str, time: str, status: str, response: str, landmark: int, shared: Path
) -> None:
    folder = shared / "data" / name
    reference = json.loads((folder / "reference.json").read_text())[key]["strata"]
    for expected in reference:
        responded = expected["stratum"].endswith("=1")
        rows = [r for r in read(folder, file) if (r[response] != "" and float(r[response]) <= landmark) is responded]
        for scale in SCALES:
            curve = estimate_landmark_curve(episodes(rows, time, status), landmark, scale)
            assert curve.n == expected["n"]
            compare(curve, scale, expected, landmark)
