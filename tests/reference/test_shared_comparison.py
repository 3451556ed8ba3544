"""Log-rank and Peto-Peto tests, landmark analyses and transplants of real data sets, as R computed them."""

from __future__ import annotations

import csv
import datetime as dt
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chartline.stats import (
    Episodes,
    apply_strategy,
    estimate_cox,
    landmark_data,
    landmark_test,
    logrank_test,
    mantel_byar_test,
    naive_comparison,
    naive_episodes,
    split_at,
)

pytestmark = pytest.mark.shared
RITZ = "ALL_phenoData.csv"
Rows = list[dict[str, str]]


def read(shared: Path, folder: str, file: str) -> tuple[Rows, dict[str, Any]]:
    here = shared / "data" / folder
    with (here / file).open(encoding="utf-8", newline="") as f:
        return list(csv.DictReader(f)), json.loads((here / "reference.json").read_text(encoding="utf-8"))


def numbers(rows: Rows, name: str) -> Any:
    return np.array([float(r[name]) if r[name] not in ("", "NA") else np.nan for r in rows])


def texts(rows: Rows, name: str) -> list[str]:
    return [r[name] for r in rows]


def agrees(episodes: Episodes, expected: dict[str, Any], p: float = 1e-9) -> None:
    """Both tests of a reference; its groups are in an order of their own."""
    for key, weights in (("logrank", "logrank"), ("peto_peto_rho1", "peto")):
        e, found = expected.get(key), logrank_test(episodes, weights)
        if e is None:
            continue
        at = [found.groups.index(g.split("=", 1)[1]) for g in e["groups"]]
        assert [found.n[i] for i in at] == e["n"]
        assert [found.observed[i] for i in at] == pytest.approx(e["observed"], rel=1e-9)
        assert [found.expected[i] for i in at] == pytest.approx(e["expected"], rel=1e-9)
        assert (found.chisq, found.df) == pytest.approx((e["chisq"], e["df"]), rel=1e-9)
        assert found.p == pytest.approx(e["p"], rel=p)


# folder, file, key of the reference, time, event, group, stratum
PLAIN = [
    ("freireich_6mp42", "gehan.csv", "logrank", "time", "status", "treat", ""),
    ("freireich_6mp42", "gehan.csv", "logrank_stratified_pair", "time", "status", "treat", "pair"),
    ("survival_leukemia_aml23", "leukemia.csv", "logrank", "time", "status", "x", ""),
    ("kmsurv_bmt137", "bmt.csv", "dfs_logrank", "t2", "d3", "group", ""),
    ("kmsurv_bmt137", "bmt.csv", "os_logrank", "t1", "d1", "group", ""),
    ("kmsurv_bmt137", "bmt.csv", "dfs_logrank_stratified_by_hospital", "t2", "d3", "group", "z9"),
    ("survival_mgus2", "mgus2.csv", "logrank", "futime", "death", "sex", ""),
    ("survival_myeloid646", "myeloid.csv", "logrank", "futime", "death", "trt", ""),
    ("mstate_ebmt1", "ebmt1.csv", "logrank", "srv", "srvstat", "score", ""),
]


@pytest.mark.parametrize(("folder", "file", "key", "time", "event", "group", "stratum"), PLAIN)
def test_the_plain_tests(
    shared: Path, folder: str, file: str, key: str, time: str, event: str, group: str, stratum: str
) -> None:
    rows, expected = read(shared, folder, file)
    strata = texts(rows, stratum) if stratum else None
    status = (numbers(rows, event) > 0).astype(int)  # ebmt1 counts the causes of death; the reference does not
    agrees(Episodes.of(numbers(rows, time), status, group=texts(rows, group), strata=strata), expected[key])


def test_colon_deaths(shared: Path) -> None:
    rows, expected = read(shared, "survival_colon", "colon.csv")
    rows = [r for r in rows if r["etype"] == "2"]
    agrees(Episodes.of(numbers(rows, "time"), numbers(rows, "status"), group=texts(rows, "rx")), expected["os_logrank"])


def test_amlsg_risk_groups_and_landmark(shared: Path) -> None:
    rows, expected = read(shared, "amlsg_0704_n740", "amlsg0704.csv")
    risk = [r for r in rows if r["M_Risk"] not in ("", "NA") and r["OS"] not in ("", "NA")]
    episodes = Episodes.of(numbers(risk, "OS"), numbers(risk, "Status"), group=texts(risk, "M_Risk"))
    agrees(episodes, expected["os_logrank_ELN"])
    rows = [r for r in rows if r["OS"] not in ("", "NA")]
    data = landmark_data(numbers(rows, "OS"), numbers(rows, "Status"), numbers(rows, "CR_date"), 60)
    lands(data, expected["landmark60_logrank"])


def lands(data: Any, expected: dict[str, Any]) -> None:
    e, found = expected["logrank"], landmark_test(data).test
    assert [data.n_not, data.n_by] == e["n"]
    assert found.observed.tolist() == e["observed"]
    assert (found.chisq, found.p) == pytest.approx((e["chisq"], e["p"]), rel=1e-9)
    peto = expected["peto_peto_rho1"]
    assert landmark_test(data, "peto").test.chisq == pytest.approx(peto["chisq"], rel=1e-9)


def test_myeloid_transplant_naive_time_dependent_and_landmark(shared: Path) -> None:
    rows, expected = read(shared, "survival_myeloid646", "myeloid.csv")
    time, death = numbers(rows, "futime"), numbers(rows, "death")
    transplant, response = numbers(rows, "txtime"), numbers(rows, "crtime")
    lands(landmark_data(time, death, response, 100), expected["landmark100_logrank"])
    # adjusted for the treatment: naive 0.738, time-dependent 1.769; landmark day 180 (not adjusted) 0.835
    treatment = {"trt": texts(rows, "trt")}
    naive = naive_episodes(time, death, transplant, covariates=treatment)
    assert float(estimate_cox(naive).hazard_ratios[0]) == pytest.approx(0.738, abs=5e-4)
    assert naive_comparison(time, death, transplant).label == "biased: immortal time"
    adjusted = split_at(time, death, transplant, covariates=treatment)
    assert float(estimate_cox(adjusted).hazard_ratios[0]) == pytest.approx(1.769, abs=5e-4)
    changing = split_at(time, death, transplant)
    exact = estimate_cox(changing, ties="exact")
    assert mantel_byar_test(changing).chisq == pytest.approx(exact.score.chisq, rel=1e-9)
    by = landmark_data(time, death, transplant, 180)
    grouped = Episodes.of(by.episodes.exit, by.episodes.status, covariates={"by": by.episodes.group.astype(float)})
    assert float(estimate_cox(grouped).hazard_ratios[0]) == pytest.approx(0.835, abs=5e-4)


def test_target_minimal_residual_disease(shared: Path) -> None:
    rows, expected = read(shared, "target_all_p2_aall0232", "target_all_p2_aall0232.csv")
    first = {r["Patient ID"]: r for r in reversed(rows)}  # one row a patient: the first sample's
    rows = [r for r in first.values() if r["MRD Percentage Day 29"] and r["Time To Event (days)"]]
    events = ("Relapse", "Death", "Induction failure", "SMN", "Progression", "Death without Remissio")
    event = [int(r["First Event"] in events) for r in rows]
    positive = [str(int(m >= 0.01)) for m in numbers(rows, "MRD Percentage Day 29")]
    episodes = Episodes.of(numbers(rows, "Time To Event (days)"), event, group=positive)
    agrees(episodes, expected["efs_logrank_MRD"], p=1e-8)


def test_ritz_remission_by_fusion_gene(shared: Path) -> None:
    rows, expected = read(shared, "bioc_ALL_ritz128", RITZ)

    def days(r: dict[str, str]) -> int:
        try:
            last, remission = (dt.datetime.strptime(r[k], "%m/%d/%Y") for k in ("date last seen", "date.cr"))
        except ValueError:
            return 0  # a date is missing, or written in another order
        return (last - remission).days

    rows = [r for r in rows if r["relapse"] not in ("", "NA") and days(r) > 0]
    event = [int(r["relapse"] == "TRUE") for r in rows]
    fusion = [str(r["mol.biol"] == "BCR/ABL").upper() for r in rows]
    agrees(Episodes.of([days(r) for r in rows], event, group=fusion), expected["logrank"])


def test_the_reference_study_at_its_landmark(shared: Path) -> None:
    study = shared / "ino-cohort"
    expected = json.loads((study / "expected" / "full.json").read_text(encoding="utf-8"))["landmark3"]
    time, death, transplant = reference_study(study)
    data = landmark_data(time, death, transplant, expected["landmark_d"])
    assert (data.n, data.n_by, data.n_not) == (expected["n_at_landmark"], expected["n_hsct"], expected["n_no"])
    assert data.n_excluded == expected["excluded"]
    test = landmark_test(data).test
    assert test.chisq == pytest.approx(expected["logrank_chisq"], abs=6e-9)
    assert test.p == pytest.approx(expected["logrank_p"], abs=6e-9)
    assert apply_strategy("landmark", time, death, transplant, landmark=expected["landmark_d"]).n_excluded == 6


def reference_study(study: Path) -> tuple[list[int], list[int], list[float]]:
    """Days from the first dose to death or last contact, death, and days to the transplant after it."""

    def table(name: str) -> Rows:
        with (study / "truth" / f"{name}.csv").open(encoding="utf-8", newline="") as f:
            return list(csv.DictReader(f))

    day = dt.date.fromisoformat
    ends = {r["SUBJID"]: r for r in table("ss")}
    transplants = {r["SUBJID"]: r["PRSTDTC"] for r in table("pr") if r["PRCAT"] == "POST-INO HSCT"}
    time, death, at = [], [], []
    for r in (r for r in table("dm") if r["ELIGFL"] == "Y"):
        start, end = day(r["RFSTDTC"]), ends[r["SUBJID"]]
        time.append((day(end["DTHDTC"] or end["LKADTC"]) - start).days)
        death.append(int(end["DTHFL"] == "Y"))
        when = transplants.get(r["SUBJID"])
        at.append(float((day(when) - start).days) if when else float("nan"))
    return time, death, at
