"""Cox models of real data sets, as R computed them (`reference.json` of each)."""

from __future__ import annotations

import csv
import datetime as dt
import json
import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chartline.stats import Episodes, estimate_concordance, estimate_cox, proportional_hazards_test
from chartline.stats.regression.cox import CoxFit
from chartline.stats.statistic import NotEstimable

pytestmark = pytest.mark.shared
Rows = list[dict[str, str]]
CLOSE = {"rel": 2e-9, "abs": 1e-9}  # the references carry coxph's own stopping rule, 1e-9 of the log-likelihood


def read(folder: Path, file: str, keep: Callable[[dict[str, str]], bool] = lambda r: True) -> Rows:
    with (folder / file).open(encoding="utf-8", newline="") as f:
        return [r for r in csv.DictReader(f) if keep(r)]


def numbers(rows: Rows, *names: str) -> Any:
    columns = [np.array([float(r[name]) for r in rows]) for name in names]
    return columns[0] if len(columns) == 1 else columns


def texts(rows: Rows, name: str) -> Any:
    return np.array([r[name] for r in rows])


def split(rows: Rows, time: str, event: str, changes: dict[str, str], absent: str = "") -> tuple[Rows, Any, Any, Any]:
    """Rows cut where a state begins (0 before, 1 after): rows with their states, entry, exit, event. As R's tmerge."""
    out, entry, exit_, status = [], [], [], []
    for row in rows:
        end = float(row[time])
        begins = {name: math.inf if row[c] == absent else float(row[c]) for name, c in changes.items()}
        cuts = sorted({0.0, end, *(b for b in begins.values() if 0 < b < end)})
        for start, stop in pairwise(cuts):
            out.append({**row, **{name: str(int(b <= start)) for name, b in begins.items()}})
            entry.append(start)
            exit_.append(stop)
            status.append(int(float(row[event])) if stop == end else 0)
    return out, np.array(entry), np.array(exit_), np.array(status)


def agrees(fit: CoxFit, expected: dict[str, Any], order: list[int] | None = None) -> None:
    """Every number that the reference has."""
    at = order or list(range(len(fit.names)))
    terms = expected["coef"]
    loose = {"rel": 3e-7, "abs": 1e-8}  # coefficients where coxph stopped; the likelihood is flat there
    assert (fit.n, fit.events) == (expected["n"], expected["nevent"])
    assert [float(fit.coefficients[i]) for i in at] == pytest.approx([t["coef"] for t in terms], **loose)
    assert [float(fit.std_errors[i]) for i in at] == pytest.approx([t["se"] for t in terms], **loose)
    assert [float(fit.lower[i]) for i in at] == pytest.approx([t["hr_lower95"] for t in terms], **loose)
    assert [float(fit.upper[i]) for i in at] == pytest.approx([t["hr_upper95"] for t in terms], **loose)
    assert (fit.loglik_null, fit.loglik) == pytest.approx((expected["loglik_null"], expected["loglik"]), **CLOSE)
    assert fit.score.chisq == pytest.approx(expected["score_test"]["test"], **CLOSE)
    assert fit.likelihood_ratio.p == pytest.approx(expected["lr_test"]["pvalue"], rel=1e-7)
    if not fit.robust:
        assert fit.wald.chisq == pytest.approx(expected["wald_test"]["test"], abs=0.00501)  # R rounds it
        c = estimate_concordance(fit)
        found = {"C": c.value, "se(C)": c.std_error}
        assert found == pytest.approx({k: expected["concordance"][k] for k in found}, rel=1e-9)
    zph = expected["cox_zph_km"]
    if zph is not None and all(isinstance(t["chisq"], float) for t in zph):
        found_zph = proportional_hazards_test(fit)
        values = [t.chisq for t in (*found_zph.terms.values(), found_zph.overall)]
        assert values == pytest.approx([t["chisq"] for t in zph], rel=1e-6)


def both(episodes: Episodes, expected: dict[str, Any], order: list[int] | None = None) -> None:
    for ties in ("efron", "breslow"):
        if ties in expected:
            agrees(estimate_cox(episodes, ties=ties), expected[ties], order)


@pytest.fixture
def reference(shared: Path) -> Callable[[str], tuple[Path, dict[str, Any]]]:
    def of(name: str) -> tuple[Path, dict[str, Any]]:
        folder = shared / "data" / name
        return folder, json.loads((folder / "reference.json").read_text(encoding="utf-8"))

    return of


def test_freireich_also_by_pair(reference: Any) -> None:
    folder, expected = reference("freireich_6mp42")
    rows = read(folder, "gehan.csv")
    time, status, pair = numbers(rows, "time", "status", "pair")
    treat = {"treat": texts(rows, "treat")}
    both(Episodes.of(time, status, covariates=treat, reference={"treat": "6-MP"}), expected["cox"])
    by_pair = Episodes.of(time, status, covariates=treat, reference={"treat": "6-MP"}, strata=pair)
    both(by_pair, expected["cox_stratified_pair"])


def test_aml_maintenance(reference: Any) -> None:
    folder, expected = reference("survival_leukemia_aml23")
    rows = read(folder, "leukemia.csv")
    both(Episodes.of(*numbers(rows, "time", "status"), covariates={"x": texts(rows, "x")}), expected["cox"])


def test_marrow_transplants_plain_stratified_and_with_changing_states(reference: Any) -> None:
    folder, expected = reference("kmsurv_bmt137")
    rows = read(folder, "bmt.csv")
    t, d, z1, z2, z8, z10 = numbers(rows, "t2", "d3", "z1", "z2", "z8", "z10")
    group = texts(rows, "group")
    covariates = {"group": group, "z1": z1, "z2": z2, "z1z2": (z1 - 28) * (z2 - 28), "z8": z8, "z10": z10}
    both(Episodes.of(t, d, covariates=covariates), expected["dfs_cox"])
    both(Episodes.of(t, d, covariates={"group": group, "z10": z10}, strata=z8), expected["dfs_cox_strat"])
    for row in rows:  # a time without its indicator is the end of follow-up
        for change, there in (("ta", "da"), ("tc", "dc"), ("tp", "dp")):
            row[change] = row[change] if row[there] == "1" else ""
    cut, entry, exit_, status = split(rows, "t2", "d3", {"agvhd": "ta", "cgvhd": "tc", "plt": "tp"})
    covariates = {"group": texts(cut, "group"), **{k: numbers(cut, k) for k in ("agvhd", "cgvhd", "plt")}}
    both(Episodes.of(exit_, status, entry=entry, covariates=covariates), expected["dfs_cox_time_dependent"])


def test_colon_stratified_and_clustered(reference: Any) -> None:
    folder, expected = reference("survival_colon")
    rows = read(folder, "colon.csv", lambda r: r["etype"] == "2" and r["nodes"] not in ("", "NA"))
    time, status, sex, age, nodes, extent = numbers(rows, "time", "status", "sex", "age", "nodes", "extent")
    covariates = {"rx": texts(rows, "rx"), "sex": sex, "age": age, "nodes": nodes}
    episodes = Episodes.of(time, status, covariates=covariates, reference={"rx": "Obs"}, strata=extent)
    both(episodes, expected["os_cox"])

    rows = read(folder, "colon.csv")
    rx, death = texts(rows, "rx"), numbers(rows, "etype") == 2
    arms = {name: (rx == name).astype(float) for name in ("Lev", "Lev+5FU")}
    both_arms = {**arms, **{f"{name} x death": x * death for name, x in arms.items()}}
    episodes = Episodes.of(
        *numbers(rows, "time", "status"), covariates=both_arms, strata=death.astype(int), cluster=texts(rows, "id")
    )
    fit = estimate_cox(episodes, robust=True)
    terms = expected["wlw_cluster"]["efron"]["coef"]
    assert list(fit.coefficients) == pytest.approx([t["coef"] for t in terms], rel=1e-7)
    assert [float(z) for z in fit.z] == pytest.approx([t["z"] for t in terms], rel=1e-6)
    assert list(np.sqrt(np.diag(fit.naive_variance))) == pytest.approx([t["se"] for t in terms], rel=1e-7)


def test_myeloid_naive_time_dependent_and_landmark(reference: Any) -> None:
    folder, expected = reference("survival_myeloid646")
    rows = read(folder, "myeloid.csv")
    time, death = numbers(rows, "futime", "death")
    covariates = {"trt": texts(rows, "trt"), "sex": texts(rows, "sex")}
    both(Episodes.of(time, death, covariates=covariates), expected["cox"])
    cut, entry, exit_, status = split(rows, "futime", "death", {"sct": "txtime", "cr": "crtime", "rel": "rltime"})
    states = {"trt": texts(cut, "trt"), **{k: numbers(cut, k) for k in ("sct", "cr", "rel")}}
    both(Episodes.of(exit_, status, entry=entry, covariates=states), expected["os_cox_hsct_time_dependent"])


def test_the_naive_comparison_of_transplanted_and_not_points_the_other_way(reference: Any) -> None:
    folder, _ = reference("survival_myeloid646")
    rows = read(folder, "myeloid.csv")
    time, death = numbers(rows, "futime", "death")
    trt, ever = texts(rows, "trt"), texts(rows, "txtime") != ""
    naive = estimate_cox(Episodes.of(time, death, covariates={"sct": ever.astype(int), "trt": trt}))
    assert float(naive.hazard_ratios[0]) == pytest.approx(0.738, abs=5e-4)
    cut, entry, exit_, status = split(rows, "futime", "death", {"sct": "txtime"})
    states = {"sct": numbers(cut, "sct"), "trt": texts(cut, "trt")}
    depends = estimate_cox(Episodes.of(exit_, status, entry=entry, covariates=states))
    assert float(depends.hazard_ratios[0]) == pytest.approx(1.769, abs=5e-4)
    later = time > 180
    by_then = np.array([bool(r["txtime"]) and float(r["txtime"]) <= 180 for r in rows])
    landmark = estimate_cox(Episodes.of(time[later], death[later], covariates={"sct": by_then[later].astype(int)}))
    assert float(landmark.hazard_ratios[0]) == pytest.approx(0.835, abs=5e-4)


def test_aml_trial_with_changing_states(reference: Any) -> None:
    folder, expected = reference("amlsg_0704_n740")
    names = ("AOD", "gender", "M_Risk", "wbc", "Performance_ECOG", "OS", "Status")
    rows = read(folder, "amlsg0704.csv", lambda r: all(r[n] not in ("", "NA") for n in names))
    covariates = {
        "AOD": numbers(rows, "AOD"), "gender": texts(rows, "gender"), "M_Risk": texts(rows, "M_Risk"),
        **{k: numbers(rows, k) for k in ("wbc", "Performance_ECOG")},
    }  # fmt: skip
    both(Episodes.of(*numbers(rows, "OS", "Status"), covariates=covariates), expected["os_cox"])
    rows = read(folder, "amlsg0704.csv", lambda r: float(r["OS"]) > 0)
    cut, entry, exit_, status = split(rows, "OS", "Status", {"hsct": "TPL_date", "cr": "CR_date"})
    states = {name: numbers(cut, name) for name in ("AOD", "hsct", "cr")}
    both(Episodes.of(exit_, status, entry=entry, covariates=states), expected["os_cox_hsct_time_dependent"])


def test_registry_of_transplants(reference: Any) -> None:
    folder, expected = reference("mstate_ebmt1")
    rows = read(folder, "ebmt1.csv", lambda r: r["yrel"] not in ("", "NA"))
    covariates = {"score": texts(rows, "score"), "age": numbers(rows, "age"), "yrel": texts(rows, "yrel")}
    reference_levels = {"score": "Low risk", "yrel": "1993-1996"}
    episodes = Episodes.of(*numbers(rows, "srv", "srvstat"), covariates=covariates, reference=reference_levels)
    both(episodes, expected["cox"], [1, 0, 2, 3, 4])


def test_each_transition_of_a_multistate_model(reference: Any) -> None:
    folder, expected = reference("mstate_ebmt3_2204")
    names = {"1": "Tx->PR", "2": "Tx->RelDeath", "3": "PR->RelDeath"}
    levels = {"dissub": "AML", "age": "<=20", "drmatch": "No gender mismatch", "tcd": "No TCD"}
    for trans, name in names.items():
        rows = read(folder, "ebmt3_long_reference.csv", lambda r, t=trans: r["trans"] == t)
        entry, exit_, status = numbers(rows, "Tstart", "Tstop", "status")
        covariates = {k: texts(rows, k) for k in levels}
        episodes = Episodes.of(exit_, status, entry=entry, covariates=covariates, reference=levels)
        both(episodes, expected["cox_by_transition_breslow"][name])


def test_one_cause_of_several(reference: Any) -> None:
    folder, expected = reference("survival_mgus2")
    rows = read(folder, "mgus2.csv", lambda r: r["mspike"] not in ("", "NA"))
    ptime, pstat, futime, death, age, mspike = numbers(rows, "ptime", "pstat", "futime", "death", "age", "mspike")
    covariates = {"age": age, "sex": texts(rows, "sex"), "mspike": mspike}
    status = np.where(pstat == 1, 1, 2 * death)
    time = np.where(pstat == 1, ptime, futime)
    episodes = Episodes.of(time, status, covariates=covariates, causes=("malignancy", "death"))
    for ties in ("efron", "breslow"):
        agrees(estimate_cox(episodes, ties=ties, cause="malignancy"), expected["cause_specific_pcm"][ties])


def test_breast_cancer_has_an_infinite_coefficient_that_coxph_stops_at(reference: Any) -> None:
    folder, expected = reference("coxphf_breast100")
    rows = read(folder, "breast.csv")
    covariates = {name: numbers(rows, name) for name in ("T", "N", "G", "CD")}
    fit = estimate_cox(Episodes.of(*numbers(rows, "TIME", "CENS"), covariates=covariates), ties="breslow")
    terms = expected["plain"]["breslow"]["coef"]
    assert fit.coefficients[2] == math.inf
    assert "G is plus infinity" in fit.warnings[0]
    assert [float(fit.coefficients[i]) for i in (0, 1, 3)] == pytest.approx(
        [terms[i]["coef"] for i in (0, 1, 3)], rel=1e-7
    )
    assert fit.loglik == pytest.approx(expected["plain"]["breslow"]["loglik"], abs=1e-7)
    with pytest.raises(NotEstimable, match="infinite"):
        proportional_hazards_test(fit)


def test_transplantation_in_the_reference_study(shared: Path) -> None:
    truth = shared / "ino-cohort" / "truth"
    expected = json.loads((shared / "ino-cohort" / "expected" / "full.json").read_text(encoding="utf-8"))["cox_td_hsct"]

    def key(row: dict[str, str]) -> tuple[str, str]:
        return row["SITEID"], row["SUBJID"]

    def day(text: str) -> dt.date:
        return dt.date.fromisoformat(text)

    moved = {key(r): day(r["PRSTDTC"]) for r in read(truth, "pr.csv") if r["PRCAT"] == "POST-INO HSCT"}
    last = {key(r): r for r in read(truth, "ss.csv")}
    rows: Rows = []
    for r in read(truth, "dm.csv", lambda r: r["ELIGFL"] == "Y" and not r["DUPOF"]):
        start, end = day(r["RFSTDTC"]), last[key(r)]
        change = moved.get(key(r))
        rows.append({"time": str((day(end["LKADTC"]) - start).days), "death": str(int(r["DTHFL"] == "Y")),
                     "change": "" if change is None else str((change - start).days)})  # fmt: skip
    cut, entry, exit_, status = split(rows, "time", "death", {"hsct": "change"})
    fit = estimate_cox(Episodes.of(exit_, status, entry=entry, covariates={"hsct": numbers(cut, "hsct")}))
    found = {"HR": float(fit.hazard_ratios[0]), "lower": float(fit.lower[0]), "upper": float(fit.upper[0])}
    assert found == pytest.approx({k: expected[k] for k in found}, abs=5e-8)
    assert float(fit.p[0]) == pytest.approx(expected["p"], abs=5e-8)
