"""Kaplan-Meier against R's survival::survfit on data typed into `record_survival.R`:

>= 12 significant digits.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from chartline.counts.model import CountKey, EventTable
from chartline.stats.survival.kaplan_meier import Curve, Estimate, estimate_curve

ROWS = json.loads((Path(__file__).parent / "survival.json").read_text())["rows"]
KEY = CountKey(analysis="os", protocol_digest="", unit="day")


def table(entry: list[int], time: list[int], status: list[int]) -> EventTable:
    out = EventTable(key=KEY)
    for e, t, s in zip(entry, time, status, strict=True):
        rows = {((), t): (0, 1 - s, s)} | ({((), e): (1, 0, 0)} if e != t else {})
        if e == t:
            rows = {((), t): (1, 1 - s, s)}
        out = out + EventTable(key=KEY, rows=rows)
    return out


def same(values: list[float | None] | tuple[float | None, ...], recorded: list[str]) -> bool:
    expected = [None if r == "NA" else float(r) for r in recorded]
    assert [v is None for v in values] == [e is None for e in expected], (values, recorded)
    assert [v for v in values if v is not None] == pytest.approx(
        [e for e in expected if e is not None], rel=1e-12, abs=1e-15
    )
    return True


@pytest.fixture(params=ROWS, ids=lambda r: f"{r['set'][0]}, {r['type'][0]}, {r['level'][0]}")
def row(request: pytest.FixtureRequest) -> dict[str, Any]:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def curve(row: dict[str, Any]) -> Curve:
    return estimate_curve(table(row["entry"], row["data_time"], row["status"]), row["type"][0], row["level"][0])


def test_every_step(row: dict[str, Any], curve: Curve) -> None:
    fit = row["fit"]
    assert list(curve.times_days) == fit["time"]
    assert list(curve.at_risk) == fit["n_risk"]
    assert list(curve.events) == fit["n_event"]
    assert list(curve.censored) == fit["n_censor"]
    assert curve.survival == pytest.approx([float(s) for s in fit["surv"]], rel=1e-12, abs=0)
    assert same(curve.lower, fit["lower"]) and same(curve.upper, fit["upper"])
    assert same(curve.std_error, fit["se"])


def test_survival_and_patients_at_risk_at_times(row: dict[str, Any], curve: Curve) -> None:
    at = row["at"]
    got = [curve.survival_at(t) for t in at["time"]]
    assert same([e.value for e in got], at["surv"])
    first = curve.times_days[0]
    for t, e, lower, upper in zip(at["time"], got, at["lower"], at["upper"], strict=True):
        if t < first and row["type"][0] == "log-log":
            # R puts S = 1 (1 to 1) at time 0 before the first time, and NA at S = 1 after it; we say missing
            # at both
            assert (e, lower, upper) == (Estimate(1.0), "1", "1")
        else:
            assert same([e.lower, e.upper], [lower, upper])
    if not any(row["entry"]):  # with late entry R takes n.risk of the next time, which counts those who enter after t
        assert [curve.n_risk(t) for t in at["time"]] == at["n_risk"]


def test_quantiles_and_their_intervals(row: dict[str, Any], curve: Curve) -> None:
    q = row["quantile"]
    got = [curve.quantile(p) for p in q["p"]]
    assert same([e.value for e in got], q["time"])
    assert same([e.lower for e in got], q["lower"])
    assert same([e.upper for e in got], q["upper"])
