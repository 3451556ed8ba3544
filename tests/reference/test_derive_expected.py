"""Every number of the reference study that the patient side decides, against a second implementation in R.

`expected/full.json` was computed in R 4.2 (survival, cmprsk) from the same truth tables.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from chartline.cohort.model import Cohort
from chartline.cohort.select import select_cohort
from chartline.core.clinical import ClinicalData
from chartline.core.dates import PartialPolicy
from chartline.derive.derive import derive_all
from chartline.derive.model import Adam
from chartline.protocol.model import Protocol

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def expected(shared: Path) -> dict[str, Any]:
    return json.loads((shared / "ino-cohort" / "expected" / "full.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def cohort(truth_data: ClinicalData, reference_protocol: Protocol) -> Cohort:
    return select_cohort(truth_data, reference_protocol, [], "digest")


@pytest.fixture(scope="module")
def adam(truth_data: ClinicalData, reference_protocol: Protocol, cohort: Cohort) -> Adam:
    return derive_all(truth_data, cohort, reference_protocol, [])


@pytest.fixture(scope="module")
def eligible(adam: Adam) -> pl.DataFrame:
    return adam["ADSL"].filter(pl.col("ELIGFL") == "Y").sort("USUBJID")


def _levels(frame: pl.DataFrame, name: str) -> dict[str, int]:
    return {str(k): n for k, n in frame[name].drop_nulls().value_counts().iter_rows()}


def test_attrition(cohort: Cohort, expected: dict[str, Any]) -> None:
    steps = {s.id: s.n_no for s in cohort.attrition.steps}
    freq = {r["Var1"]: r["Freq"] for r in expected["attrition"]}
    assert cohort.attrition.screened == expected["n_screened"]
    assert cohort.attrition.eligible == expected["n_eligible"] == freq["ELIGIBLE"]
    assert steps == {
        "duplicate": freq["DUPLICATE"],
        "treated": 0,
        "period": freq["FIRST DOSE OUTSIDE STUDY PERIOD"],
        "adult": freq["AGE<18 AT FIRST DOSE"],
        "b_all": freq["NOT B-ALL (MIXED PHENOTYPE / T-ALL)"],
        "relapsed_refractory": freq["NOT R/R (MRD-DIRECTED FIRST-LINE CONSOLIDATION)"],
    }
    dropped = cohort.subjects.filter(pl.col("DUPOF").is_not_null())
    assert dropped.select("USUBJID", "DUPOF").rows() == [("D-06", "C-05")]


def test_every_patient(eligible: pl.DataFrame, adam: Adam, expected: dict[str, Any]) -> None:
    times = {(r["PARAMCD"], r["USUBJID"]): r for r in adam["ADTTE"].iter_rows(named=True)}
    got = []
    for r in eligible.iter_rows(named=True):
        os, dor, rfs = (times.get((code, r["USUBJID"])) for code in ("OS", "DOR", "RFS"))
        got.append(
            {
                "id": r["USUBJID"],
                "site": r["SITEID"],
                "best": r["BOR"],
                "os": os["AVAL"],
                "dead": 1 - os["CNSR"],
                "ncyc": r["NCYC"],
                "ndose": r["NDOSE"],
                "m2": r["CUMDM2"],
                "first_response": r["FRSPDT"] and str(r["FRSPDT"]),
                "mrd_neg": r["MRDNEGFL"] == "Y",
                "deep_C2": r["DEEPFL"] == "Y",
                "hsct": r["HSCTDT"] and str(r["HSCTDT"]),
                "dor_d": dor and dor["AVAL"],
                "rfs_d": rfs and rfs["AVAL"],
                "rfs_event": rfs and 1 - rfs["CNSR"],
                "myelo": r["MYELOFL"] == "Y",
                "vod": r["VODFL"] == "Y",
                "tox_v5": r["LIVTOXFL"] == "Y",
                "any_v5": r["LIVANYFL"] == "Y",
            }
        )
    want = [{k: p[k] for k in got[0]} for p in sorted(expected["per_patient"], key=lambda p: p["id"])]
    assert got == want


def test_response_table(eligible: pl.DataFrame, expected: dict[str, Any]) -> None:
    r = expected["response"]
    assert _levels(eligible, "BOR") == r["best_table"]
    assert _levels(eligible, "FRSP") == {"CR": r["first_response_CR"], "CRi": r["first_response_CRi"]}
    assert _levels(eligible, "FRSPCYC") == r["by_cycle"]
    assert _levels(eligible, "BOR_W28") == r["window_0_28"]
    assert _levels(eligible, "BOR_PM7") == r["window_pm7"]
    assert _levels(eligible, "RESPFL")["Y"] == r["CRCRi"]["x"]


def test_mrd(eligible: pl.DataFrame, expected: dict[str, Any]) -> None:
    m = expected["mrd"]
    responders = eligible.filter(pl.col("RESPFL") == "Y")
    tested = responders.filter(pl.col("MRDTSTFL") == "Y")
    assert (_levels(responders, "MRDNEGFL")["Y"], tested.height) == (
        m["best_ever_A_tested"]["x"],
        m["best_ever_A_tested"]["n"],
    )
    deep = responders.filter(pl.col("DEEPFL") == "Y")
    assert deep.height == m["deep_C2_B"]["x"]
    assert _levels(deep, "MRDNEGCY") == m["cycles_to_deep"]
    assert responders.filter(pl.col("MRDNEGFL") == "Y")["MRDNEGCY"].median() == m["cycles_to_any_neg_median"]


def test_exposure(eligible: pl.DataFrame, expected: dict[str, Any]) -> None:
    e = expected["exposure"]
    assert _levels(eligible, "NCYC") == e["cycles"]
    assert eligible["NDOSE"].sum() == e["total_doses"] and eligible["NDOSE"].median() == e["doses_median"]
    assert eligible["CUMDM2"].median() == pytest.approx(e["cum_m2_median"], abs=1e-9)
    assert eligible["CUMMG"].median() == pytest.approx(e["cum_mg_median"], abs=1e-9)
    responders = eligible.filter(pl.col("RESPFL") == "Y")
    assert responders["NCYC"].median() == e["cycles_median_responders"]


def test_transplant(eligible: pl.DataFrame, expected: dict[str, Any]) -> None:
    h = expected["hsct"]
    done = eligible.filter(pl.col("HSCTFL") == "Y")
    assert done.height == h["all"]["x"]
    assert _levels(done, "HSCTRESP") == {"Y": h["in_CRCRi"], "N": h["not_CR"]}
    assert done["HSCTINT"].median() == h["interval_last_dose_median_d"]
    assert [done["HSCTINT"].min(), done["HSCTINT"].max()] == h["interval_range"]


@pytest.mark.parametrize(
    ("code", "key"),
    [
        ("OS", "os"),
        ("DOR", "dor"),
        ("DORREL", "dor_relapse_only"),
        ("DORHSCT", "dor_cens_hsct"),
        ("DORNTX", "dor_cens_hsct_or_newtx"),
        ("RFS", "rfs_first_dose"),
        ("RFSHSCT", "rfs_first_dose_cens_hsct"),
        ("RFSCR", "rfs_from_CR"),
    ],
)
def test_endpoint_by_kaplan_meier(adam: Adam, expected: dict[str, Any], code: str, key: str) -> None:
    """n, events, at risk and survival at 6 and 12 months, by a product-limit estimate written out here."""
    rows = adam["ADTTE"].filter(pl.col("PARAMCD") == code)
    want = expected[key]
    assert (rows.height, rows.filter(pl.col("CNSR") == 0).height) == (want["n"], want["events"])
    times = sorted(zip(rows["AVAL"], rows["CNSR"], strict=True))
    for month, survival, at_risk, censored in zip(
        want["at_mo"], want["surv"], want["n_risk"], want["censored_before"], strict=True
    ):
        day, s = month * 30.4375, 1.0
        for t in sorted({t for t, c in times if c == 0 and t <= day}):
            n = sum(u >= t for u, _ in times)
            s *= 1 - sum(u == t and c == 0 for u, c in times) / n
        assert s == pytest.approx(survival, abs=1e-8)
        assert sum(t >= day for t, _ in times) == at_risk
        assert sum(t < day and c > 0 for t, c in times) == censored
    first = next(t for t, _ in times if _survival(times, t) <= 0.5 + 1e-12)
    assert first == want["first_time_S_le_0.5_d"]


def _survival(times: list[tuple[int, int]], day: float) -> float:
    s = 1.0
    for t in sorted({t for t, c in times if c == 0 and t <= day}):
        s *= 1 - sum(u == t and c == 0 for u, c in times) / sum(u >= t for u, _ in times)
    return s


def test_relapses_and_deaths_in_remission(adam: Adam, expected: dict[str, Any]) -> None:
    rows = adam["ADTTE"].filter(pl.col("PARAMCD") == "DOR")
    cir = expected["cir"]
    assert _levels(rows, "CAUSE") == {"relapse": cir["relapses"], "death": cir["nrm_deaths"]}
    assert rows.filter(pl.col("ADTF") == "D").height == expected["partial_date_bounds"]["n_partial_relapse"]


def test_centres_and_baseline(eligible: pl.DataFrame, expected: dict[str, Any]) -> None:
    for centre, want in expected["per_centre"].items():
        here = eligible.filter(pl.col("SITEID") == centre)
        got = {"n": here.height} | {
            k: here.filter(pl.col(v) == "Y").height
            for k, v in (("CRCRi", "RESPFL"), ("hsct", "HSCTFL"), ("deaths", "DTHFL"))
        }
        assert got == want, centre
    b = expected["baseline"]
    assert eligible["AGE"].median() == b["age_median"]
    assert [eligible["AGE"].min(), eligible["AGE"].max()] == b["age_range"]
    assert _levels(eligible, "SEX")["M"] == b["male"]
    assert _levels(eligible, "BCRABL1")["POSITIVE"] == b["BCRABL_pos"]
    assert _levels(eligible, "STATUS")["REFRACTORY"] == b["refractory"]
    assert _levels(eligible, "PRHSCT")["Y"] == b["prior_hsct"]
    assert _levels(eligible, "PRBLIN")["Y"] == b["prior_blin"]
    assert _levels(eligible, "LINES") == b["lines"]


def _worst(adam: Adam, eligible: pl.DataFrame) -> dict[tuple[str, str], dict[str, Any]]:
    adlb = adam["ADLB"].join(eligible.select("USUBJID"), on="USUBJID", how="semi")
    rows = adlb.group_by("USUBJID", "LBTESTCD").agg(
        pl.col("BASE").first(),
        pl.col("BTOXGR").first(),
        pl.col("ATOXGR").filter(pl.col("ANL01FL") == "Y").max().alias("WORST"),
        pl.col("ATOXGR").filter(pl.col("WORSTFL") == "Y").first().alias("MARKED"),
    )
    return {(r["USUBJID"], r["LBTESTCD"]): r for r in rows.iter_rows(named=True)}


@pytest.mark.parametrize("version", ["v5", "v4"])
def test_worst_grades(
    version: str,
    truth_data: ClinicalData,
    reference_protocol: Protocol,
    cohort: Cohort,
    eligible: pl.DataFrame,
    expected: dict[str, Any],
) -> None:
    laboratory = reference_protocol.laboratory.model_copy(update={"grading": f"ctcae_{version}"})
    protocol = reference_protocol.model_copy(update={"laboratory": laboratory})
    adam = derive_all(truth_data, cohort, protocol, [])
    rows = _worst(adam, eligible)
    for want in expected["worst_grades"]:
        got = rows[want["id"], want["test"]]
        assert got["BASE"] == pytest.approx(want["base"]), want
        assert (got["WORST"], got["MARKED"]) == (want[f"worst_{version}"],) * 2, want
        if want[f"base_g_{version}"] is not None:
            assert got["BTOXGR"] == want[f"base_g_{version}"], want
    liver = adam["ADSL"].filter(pl.col("ELIGFL") == "Y", pl.col("LIVTOXFL") == "Y")
    assert liver.height == expected["liver"]["v5" if version == "v5" else "v4.03"]["x"]
    by_test = {
        t: sum(r["WORST"] is not None and r["WORST"] >= 3 for k, r in rows.items() if k[1] == t)
        for t in ("ALP", "ALT", "AST", "BILI", "GGT")
    }
    assert by_test == expected["liver"][f"lab_g34_{version}_by_test"]


def test_safety(eligible: pl.DataFrame, expected: dict[str, Any]) -> None:
    flags = {name: _levels(eligible, name)["Y"] for name in ("LIVANYFL", "VODFL", "MYELOFL", "MYELO34")}
    m = expected["myelosuppression"]
    liver = expected["liver"]
    assert flags == {
        "LIVANYFL": liver["v5_any_cause"],
        "VODFL": liver["vod"]["x"],
        "MYELOFL": m["any"]["x"],
        "MYELO34": m["emergent_g34_lab"]["x"],
    }


def test_nothing_is_withheld_from_clean_data(adam: Adam) -> None:
    assert adam.withheld.is_empty()


def test_partial_relapse_dates_under_the_other_policies(
    truth_data: ClinicalData, reference_protocol: Protocol, cohort: Cohort, expected: dict[str, Any]
) -> None:
    dor = next(e for e in reference_protocol.endpoints if e.id == "DOR")
    policies = {"DORFIRST": PartialPolicy.FIRST, "DORLAST": PartialPolicy.LAST}
    more = tuple(dor.model_copy(update={"id": code, "partial_dates": p}) for code, p in policies.items())
    asked = reference_protocol.model_copy(update={"endpoints": (*reference_protocol.endpoints, *more)})
    adam = derive_all(truth_data, cohort, asked, [])
    for code, key in (("DORFIRST", "first_of_month"), ("DORLAST", "day28")):
        rows = adam["ADTTE"].filter(pl.col("PARAMCD") == code)
        times = sorted(zip(rows["AVAL"], rows["CNSR"], strict=True))
        median = next(t for t, _ in times if _survival(times, t) <= 0.5 + 1e-12)
        assert median / 30.4375 == pytest.approx(expected["partial_date_bounds"][key]["DOR"], abs=1e-6)


def test_a_centre_that_kept_only_peaks_and_nadirs_gives_the_same_flags(
    shared: Path, reference_protocol: Protocol, eligible: pl.DataFrame
) -> None:
    from truth_data import truth_clinical_data

    data = truth_clinical_data(shared / "ino-cohort", summaries=True)
    adam = derive_all(data, select_cohort(data, reference_protocol, [], "digest"), reference_protocol, [])
    flags = ["USUBJID", "BOR", "LIVTOXFL", "LIVANYFL", "MYELOFL", "MYELO34"]
    again = adam["ADSL"].filter(pl.col("ELIGFL") == "Y").sort("USUBJID")
    assert again.select(flags).equals(eligible.select(flags))
