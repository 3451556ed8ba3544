"""Competing risks and states on published data sets, against what R computed from the same files (marker `shared`)."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chartline.stats import (
    Episodes,
    count_transitions,
    estimate_cumulative_incidence,
    estimate_cumulative_incidences,
    estimate_fine_gray,
    estimate_relapse_nrm_rfs,
    estimate_states,
    gray_test,
    illness_death,
)

pytestmark = pytest.mark.shared
CRR = 2e-5  # crr stops at gtol = 1e-6: its digits end there


class Data:
    """The columns of one data set and its recorded outputs."""

    def __init__(self, folder: Path) -> None:
        (name,) = [f for f in folder.glob("*.csv") if not f.stem.endswith("_reference")]
        with name.open(encoding="utf-8", newline="") as f:
            rows = list(csv.DictReader(f))
        self.columns = {k: [r[k] for r in rows] for k in rows[0]}
        self.reference = json.loads((folder / "reference.json").read_text(encoding="utf-8"))

    def number(self, name: str) -> np.ndarray[Any, Any]:
        return np.array([float(v) if v else np.nan for v in self.columns[name]])

    def text(self, name: str) -> np.ndarray[Any, Any]:
        return np.array(self.columns[name])


def bmt137(shared: Path) -> tuple[Data, Any, Any]:
    d = Data(shared / "data" / "kmsurv_bmt137")
    relapse, either = d.number("d2"), d.number("d3")
    return d, d.number("t2"), np.where(relapse == 1, 1, np.where(either == 1, 2, 0))


def mgus2(shared: Path) -> tuple[Data, Any, Any]:
    d = Data(shared / "data" / "survival_mgus2")
    pcm = d.number("pstat")
    return d, np.where(pcm == 1, d.number("ptime"), d.number("futime")), np.where(pcm == 1, 1, 2 * d.number("death"))


def remission(shared: Path) -> tuple[Data, Any, Any, Any]:
    """myeloid: from complete remission to relapse or death."""
    d = Data(shared / "data" / "survival_myeloid646")
    cr, relapse, end, death = d.number("crtime"), d.number("rltime"), d.number("futime"), d.number("death")
    time = np.where(np.isnan(relapse), end, relapse) - cr
    status = np.where(~np.isnan(relapse), 1, np.where(death == 1, 2, 0))
    keep = ~np.isnan(cr) & (np.nan_to_num(time) > 0)
    return d, time[keep], status[keep], d.text("trt")[keep]


def check_cuminc(recorded: dict[str, Any], time: Any, status: Any, group: Any, causes: Sequence[str]) -> None:
    """Estimates, variances and Gray's tests of cmprsk::cuminc, curves named "<group> <cause>"."""
    rows = Episodes.of(time, status, group=group, causes=[f"cause {c}" for c in causes])
    curves = estimate_cumulative_incidences(rows, variance="gray")
    compared = 0
    for kind in ("est", "var"):
        for line in recorded[kind]:
            group_name, cause = line["curve"].rsplit(" ", 1)
            at = curves[group_name].at([float(t) for t in recorded["times"]]).causes[f"cause {cause}"]
            found = at.estimate if kind == "est" else at.std_error**2
            for t, f in zip(recorded["times"], found, strict=True):
                if line[str(t)] is not None:
                    assert f == pytest.approx(line[str(t)], rel=1e-10), (line["curve"], t)
                    compared += 1
    assert compared
    for line in recorded.get("gray_tests") or []:
        test = gray_test(rows, f"cause {line['cause']}")
        assert (test.chisq, test.df) == (pytest.approx(line["stat"], rel=1e-9), line["df"])
        assert test.p == pytest.approx(line["pv"], rel=1e-8, abs=1e-15)


def check_states(recorded: dict[str, Any], time: Any, status: Any, group: Any) -> None:
    """Probabilities and infinitesimal jackknife errors of survfit, event-free first."""
    curves = estimate_cumulative_incidences(Episodes.of(time, status, group=group))
    for row in recorded["rows"]:
        at = curves[row["stratum"].split("=")[1]].at(row["time"])
        shares = [at.event_free, *at.causes.values()]
        assert [s.estimate[0] for s in shares] == pytest.approx(row["pstate"], rel=1e-10, abs=1e-13)
        assert [s.std_error[0] for s in shares] == pytest.approx(row["se"], rel=1e-9, abs=1e-9)


def check_crr(recorded: dict[str, Any], fit: Any) -> None:
    assert fit.n == recorded["n"]
    assert fit.coefficients == pytest.approx([c["coef"] for c in recorded["coef"]], rel=CRR, abs=CRR)
    assert fit.std_errors == pytest.approx([c["se"] for c in recorded["coef"]], rel=CRR)
    assert fit.loglik == pytest.approx(recorded["loglik"], rel=1e-9)
    assert fit.loglik_null == pytest.approx(recorded["loglik_null"], rel=1e-11)


def test_marrow_transplants_137(shared: Path) -> None:
    d, time, status = bmt137(shared)
    check_cuminc(d.reference["cif"], time, status, d.text("group"), "12")
    check_states(d.reference["cif_aj"], time, status, d.text("group"))
    rows = Episodes.of(time, status, group=d.text("group"))
    assert gray_test(rows, 1).chisq == pytest.approx(11.92288, abs=5e-6)
    assert gray_test(rows, 2).chisq == pytest.approx(0.13741, abs=5e-6)
    covariates = {"group": d.text("group"), "z1": d.number("z1"), "z10": d.number("z10")}
    for cause, name in ((1, "fine_gray_relapse"), (2, "fine_gray_trm")):
        fit = estimate_fine_gray(Episodes.of(time, status, covariates=covariates), cause)
        check_crr(d.reference[name], fit)
    aged = Episodes.of(time, status, covariates={"group": d.text("group"), "age": d.number("z1")})
    assert estimate_fine_gray(aged).coefficients[:2] == pytest.approx([-0.81309, 0.49646], abs=5e-6)


def test_one_minus_kaplan_meier_overstates_relapse(shared: Path) -> None:
    _, time, status = bmt137(shared)
    naive = estimate_cumulative_incidence(Episodes.of(time, status == 1)).at(3 * 365.25)
    right = estimate_relapse_nrm_rfs(
        Episodes.of(time, status, causes=("relapse", "death")), 3 * 365.25, relapse="relapse"
    )
    assert naive.causes["event"].estimate[0] == pytest.approx(0.37513, abs=5e-6)
    assert right.relapse.estimate[0] == pytest.approx(0.30870, abs=5e-6)


def test_monoclonal_gammopathy(shared: Path) -> None:
    d, time, status = mgus2(shared)
    check_cuminc(d.reference["cif"], time, status, d.text("sex"), "12")
    check_states(d.reference["cif_aj"], time, status, d.text("sex"))
    keep = ~np.isnan(d.number("mspike"))
    covariates = {"age": d.number("age"), "male": d.text("sex") == "M", "mspike": d.number("mspike")}
    rows = Episodes.of(time[keep], status[keep], covariates={k: v[keep] for k, v in covariates.items()})
    check_crr(d.reference["fg_pcm"], estimate_fine_gray(rows))


def test_liver_transplants_815(shared: Path) -> None:
    d = Data(shared / "data" / "survival_transplant815")
    status = [["censored", "death", "ltx", "withdraw"].index(e) for e in d.columns["event"]]
    check_states(d.reference["cif_aj"], d.number("futime"), status, d.text("abo"))


def test_six_causes_of_ebmt2(shared: Path) -> None:
    d = Data(shared / "data" / "mstate_ebmt2_8966")
    time, status = d.number("time"), d.number("status").astype(int)
    check_cuminc(d.reference["cif_by_match"], time, status, d.text("match"), "123456")
    check_cuminc(d.reference["cif_all"], time, status, np.ones(time.size), "123456")


def test_remission_and_relapse_of_myeloid(shared: Path) -> None:
    d, time, status, arm = remission(shared)
    check_cuminc(d.reference["relapse_cif"], time, status, arm, "12")
    check_crr(d.reference["relapse_fg"], estimate_fine_gray(Episodes.of(time, status, covariates={"trt": arm})))
    cr, end, death = d.number("crtime"), d.number("futime"), d.number("death")
    first, kind = np.where(np.isnan(cr), end, cr), np.where(~np.isnan(cr), 1, np.where(death == 1, 2, 0))
    check_cuminc(d.reference["cr_cif"], first, kind, d.text("trt"), "12")


def test_marrow_transplants_408(shared: Path) -> None:
    d = Data(shared / "data" / "timereg_bmt408")
    time, status = d.number("time"), d.number("cause").astype(int)
    check_cuminc(d.reference["cif"], time, status, d.number("tcell"), "12")
    rows = Episodes.of(time, status, covariates={n: d.number(n) for n in ("platelet", "age", "tcell")})
    check_crr(d.reference["fg1"], estimate_fine_gray(rows, 1))
    check_crr(d.reference["fg2"], estimate_fine_gray(rows, 2))


def test_platelet_recovery_of_ebmt3(shared: Path) -> None:
    d = Data(shared / "data" / "mstate_ebmt3_2204")
    at = np.where(d.number("prstat") == 1, d.number("prtime"), np.nan)
    rows = illness_death(
        d.number("rfstime"), d.number("rfsstat"), at, states=("transplant", "recovered"), ends=("relapse or death",)
    )
    counts = count_transitions(rows)
    assert (counts.moves[0, 1], counts.moves[0, 2], counts.moves[1, 2]) == (1169, 458, 383)
    for k, row in enumerate(d.reference["event_table"]):
        assert [*counts.moves[k], counts.last_seen[k], counts.entered[k]] == [
            row["Tx"], row["PR"], row["RelDeath"], row["no event"], row["total entering"],
        ]  # fmt: skip
    states = estimate_states(rows)
    for row in d.reference["probtrans_from_Tx"]:
        at_day = states.at(row["at"])
        assert at_day.probability[0] == pytest.approx([row[f"pstate{k}"] for k in (1, 2, 3)], rel=1e-10)
        assert at_day.std_error[0] == pytest.approx([row[f"se{k}"] for k in (1, 2, 3)], rel=1e-9)
