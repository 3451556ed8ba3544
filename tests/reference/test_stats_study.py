"""The reference study and three real data sets against the R results beside them (`../shared`), without other rooms."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from chartline.counts.model import CountKey, EventTable
from chartline.stats.proportions.proportion import clopper_pearson
from chartline.stats.survival.follow_up import reverse
from chartline.stats.survival.kaplan_meier import Curve, estimate_curve

pytestmark = pytest.mark.shared
MONTH = 30.4375
EIGHT_DIGITS = 1e-8


def table(subjects: Iterable[tuple[int, int]]) -> EventTable:
    """(day, 1 = event) per subject -> EventTable."""
    exits = Counter(subjects)
    days = {day for day, _ in exits}
    rows = {((), d): (0, exits[d, 0], exits[d, 1]) for d in days}
    rows[((), 0)] = (sum(exits.values()), *rows.get(((), 0), (0, 0, 0))[1:])
    return EventTable(key=CountKey(analysis="x", protocol_digest="", unit="day"), rows=rows)


@pytest.fixture(scope="module")
def full(shared: Path) -> dict[str, Any]:
    return json.loads((shared / "ino-cohort/expected/full.json").read_text())  # type: ignore[no-any-return]


def as_published(curve: Curve, expected: dict[str, Any]) -> None:
    median = curve.quantile(0.5)
    assert (curve.n, sum(curve.events)) == (expected["n"], expected["events"])
    assert median.value == expected["median_d"]
    assert curve.first_time(0.5) == expected["first_time_S_le_0.5_d"]
    months = [None if v is None else v / MONTH for v in (median.value, median.lower, median.upper)]
    # the expected values are printed with 8 decimals
    for got, want in zip(months, [expected["median_mo"], *expected["median_ci_mo"]], strict=True):
        assert (got is None and want is None) or got == pytest.approx(want, rel=EIGHT_DIGITS)
    for i, at in enumerate(expected["at_mo"]):
        s = curve.survival_at(at * MONTH)
        for got, key in ((s.value, "surv"), (s.lower, "lower"), (s.upper, "upper")):
            want = expected[key][i]
            assert (got is None and want is None) or got == pytest.approx(want, abs=6e-9)
        assert curve.n_risk(at * MONTH) == expected["n_risk"][i]
        assert curve.n_censored_before(at * MONTH) == expected["censored_before"][i]


def test_overall_survival_and_follow_up(full: dict[str, Any]) -> None:
    os = table((p["os"], p["dead"]) for p in full["per_patient"])
    as_published(estimate_curve(os), full["os"])
    as_published(estimate_curve(reverse(os)), full["followup_reverseKM"])


@pytest.mark.parametrize(
    ("time", "expected"), [("dor_d", "dor"), ("dor_d", "rfs_from_CR"), ("rfs_d", "rfs_first_dose")]
)
def test_duration_of_response_and_relapse_free_survival(full: dict[str, Any], time: str, expected: str) -> None:
    of = [(p[time], p["rfs_event"]) for p in full["per_patient"] if p[time] is not None]
    as_published(estimate_curve(table(of)), full[expected])


def test_every_proportion_that_the_study_prints(full: dict[str, Any]) -> None:
    found = list(_proportions(full))
    assert len(found) > 20
    for p in found:
        exact = clopper_pearson(p["x"], p["n"])
        assert 100 * p["x"] / p["n"] == pytest.approx(p["pct"], abs=6e-9)
        assert [100 * exact.lower, 100 * exact.upper] == pytest.approx(p["ci"], abs=6e-9)


def _proportions(value: Any) -> Iterable[dict[str, Any]]:
    if isinstance(value, dict):
        if {"x", "n", "pct", "ci"} <= value.keys():
            yield value
        else:
            for v in value.values():
                yield from _proportions(v)


REAL = [
    ("survival_leukemia_aml23/leukemia.csv", "km", "x", "time", "status"),
    ("kmsurv_bmt137/bmt.csv", "dfs_km", "group", "t2", "d3"),
    ("freireich_6mp42/gehan.csv", "km", "treat", "time", "status"),
]


@pytest.mark.parametrize("interval", ["log-log", "log", "plain"])
@pytest.mark.parametrize(("file", "part", "by", "time", "status"), REAL, ids=[r[0].split("/")[0] for r in REAL])
def test_real_data(shared: Path, interval: Any, file: str, part: str, by: str, time: str, status: str) -> None:
    path = shared / "data" / file
    reference = json.loads((path.parent / "reference.json").read_text())
    rows = list(csv.DictReader(path.read_text().splitlines()))
    for stratum in reference[part]["strata"]:
        level = stratum["stratum"].split("=", 1)[1]
        of = [(int(r[time]), int(r[status])) for r in rows if r[by] == level]
        curve = estimate_curve(table(of), interval)
        assert (curve.n, sum(curve.events)) == (stratum["n"], stratum["events"])
        expected = stratum[f"quantiles_25_50_75_{interval}"]
        got = [curve.quantile(p) for p in (0.25, 0.5, 0.75)]
        assert [q.value for q in got] == expected["est"]
        assert [q.lower for q in got] == expected["lower"]
        assert [q.upper for q in got] == expected["upper"]
        for at in stratum[f"surv_at_{interval}"]:
            s = curve.survival_at(at["time"])
            assert curve.n_risk(at["time"]) == at["n_risk"]
            for value, key in ((s.value, "surv"), (s.lower, "lower"), (s.upper, "upper")):
                assert value == pytest.approx(at[key], rel=1e-11, abs=1e-13)
