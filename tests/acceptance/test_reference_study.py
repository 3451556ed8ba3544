"""The reference study from raw charts: every printed number of the paper, and the same from a second implementation.

`expected/` was computed in R 4.2.2 (survival, cmprsk) from the clean data by code that shares nothing with ours.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

if TYPE_CHECKING:
    from chartline.study import StudyRun

pytestmark = pytest.mark.shared
SHARED = Path(__file__).resolve().parents[3] / "shared"


@cache
def expected(name: str) -> Any:
    return json.loads((SHARED / "ino-cohort" / "expected" / f"{name}.json").read_text(encoding="utf-8"))


def close(value: float) -> Any:
    """Eight significant digits, as far as the reference prints them (8 decimals)."""
    return pytest.approx(value, rel=1e-8, abs=5e-9)


PUBLISHED = {
    "CR/CRi": "cr_cri_rate",
    "MRD negativity among CR/CRi": "mrd_negative_rate",
    "deep response": "deep_response_rate",
    "HSCT": "hsct_rate",
    "grade 3/4 treatment-related liver toxicity": "liver_g34_rate",
    "myelosuppression-related AE": "myelosuppression_rate",
    "OS 6 months": "os_6m",
    "OS 12 months": "os_12m",
    "median DOR (months)": "dor_median",
    "median RFS (months)": "rfs_median",
    "median cycles given": "median_cycles",
    "median cycles to deep response": "cycles_to_deep",
}


def test_every_published_item_is_a_headline() -> None:
    assert {i["item"] for i in expected("published")["items"]} == set(PUBLISHED)


@pytest.mark.parametrize("item", list(PUBLISHED))
def test_every_printed_number_is_reproduced(answered: StudyRun, item: str) -> None:
    want = next(i for i in expected("published")["items"] if i["item"] == item)
    got = answered.headline["headline"][PUBLISHED[item]]
    if want["value"] is not None:
        assert got["estimate"] == close(want["value"])
    elif want["denominator"] is not None:
        assert got["estimate"] == want["numerator"] / want["denominator"]
    if want["denominator"] is not None and item not in ("OS 6 months", "OS 12 months"):
        assert (got["n"], got["N"]) == (want["numerator"], want["denominator"])
    if want["percent"] is not None:
        assert round(got["estimate"] * 100, 1) == want["percent"]


def test_who_was_screened_and_who_is_eligible(answered: StudyRun) -> None:
    want = expected("full")
    head = answered.headline["headline"]
    assert head["screened"]["n"] == want["n_screened"] == 37
    assert head["eligible"]["n"] == want["n_eligible"] == 32
    lost = {s.id: (s.n_no, s.n_unknown) for s in answered.cohort.attrition.steps if s.n_no or s.n_unknown}
    # one each, as in the attrition of full.json
    assert set(lost.values()) == {(1, 0)}
    assert len(lost) == len(want["attrition"]) - 1 == 5


@pytest.mark.parametrize(
    ("analysis", "path"),
    [
        ("cr_cri_rate", "response.CRCRi"),
        ("cr_rate", "response.CR"),
        ("cri_rate", "response.CRi"),
        ("mrd_negative_tested", "mrd.best_ever_A_tested"),
        ("mrd_negative_rate", "mrd.B_responders"),
        ("mrd_negative_all", "mrd.C_all"),
        ("deep_response_rate", "mrd.deep_C2_B"),
        ("deep_response_all", "mrd.deep_C2_C_all"),
        ("hsct_rate", "hsct.all"),
        ("liver_g34_rate", "liver.v5"),
        ("vod_rate", "liver.vod"),
        ("myelosuppression_rate", "myelosuppression.any"),
        ("myelosuppression_g34", "myelosuppression.emergent_g34_lab"),
    ],
)
def test_proportions_and_exact_intervals(answered: StudyRun, analysis: str, path: str) -> None:
    want: Any = expected("full")
    for key in path.split("."):
        want = want[key]
    r = answered.results.get(analysis, "proportion")
    assert r is not None and r.value is not None
    assert (r.n, r.N) == (want["x"], want["n"])
    assert 100 * r.value == close(want["pct"])
    assert [100 * (r.lower or 0), 100 * (r.upper or 0)] == [close(c) for c in want["ci"]]


@pytest.mark.parametrize(
    ("definition", "window", "denominator", "key"),
    [
        ("INO-VATE", "BEST", "tested", "best_ever_A_tested"),
        ("INO-VATE", "BEST", "responders", "B_responders"),
        ("INO-VATE", "BEST", "all", "C_all"),
        ("INO-VATE", "BEST", "low", "D_low"),
        ("INO-VATE", "BEST", "high", "D_high"),
        ("INO-VATE", "CYCLE", "tested", "deep_C2_A_tested"),
        ("INO-VATE", "CYCLE", "responders", "deep_C2_B"),
        ("INO-VATE", "CYCLE", "all", "deep_C2_C_all"),
        ("INO-VATE", "CYCLE", "high", "deep_C2_D_high"),
        ("European", "BEST", "responders", "euromrd_MRDCR"),
    ],
)
def test_mrd_rates(answered: StudyRun, definition: str, window: str, denominator: str, key: str) -> None:
    want = expected("full")["mrd"][key]
    r = answered.results.get("mrd", f"proportion_{denominator}", group=f"DEFINITION={definition};WINDOW={window}")
    assert r is not None and r.value is not None
    assert (r.n, r.N) == (want["x"], want["n"])
    assert 100 * r.value == close(want["pct"])
    assert [100 * (r.lower or 0), 100 * (r.upper or 0)] == [close(c) for c in want["ci"]]


def test_mrd_of_those_without_response_and_of_tests_that_were_not_sensitive(answered: StudyRun) -> None:
    want = expected("full")["mrd"]
    eligible = answered.adam["ADSL"].filter(pl.col("ELIGFL") == "Y")
    best = pl.col("MRD_INO_VATE_BEST")
    called = eligible.filter((pl.col("RESPFL") == "Y") & best.is_in(["NEGATIVE", "INADEQUATE"]))
    assert called.height == want["naive_neg_responders_incl_insufficient"]
    assert eligible.filter((pl.col("RESPFL") == "N") & (best == "NEGATIVE")).height == want["neg_among_nonresponders"]
    deep = answered.results.get("cycles_to_deep", "median")
    assert deep is not None and deep.value == want["cycles_to_deep_median"]


@pytest.mark.parametrize(
    ("analysis", "key"),
    [
        ("os", "os"),
        ("followup", "followup_reverseKM"),
        ("dor", "dor"),
        ("dor_relapse_only", "dor_relapse_only"),
        ("dor_cens_hsct", "dor_cens_hsct"),
        ("dor_cens_hsct_or_newtx", "dor_cens_hsct_or_newtx"),
        ("rfs", "rfs_first_dose"),
        ("rfs_cens_hsct", "rfs_first_dose_cens_hsct"),
        ("rfs_from_cr", "rfs_from_CR"),
    ],
)
def test_time_to_event(answered: StudyRun, analysis: str, key: str) -> None:
    want, get = expected("full")[key], answered.results.get
    median = get(analysis, "median")
    assert median is not None
    assert (median.n, median.N) == (want["events"], want["n"])
    assert median.value == close(want["median_mo"])
    for got, bound in zip((median.lower, median.upper), want["median_ci_mo"], strict=True):
        assert got is None if bound is None else got == close(bound)
    for i, months in enumerate(want["at_mo"]):
        s = get(analysis, "survival", months)
        assert s is not None
        assert s.value == close(want["surv"][i])
        for got, bound in ((s.lower, want["lower"][i]), (s.upper, want["upper"][i])):
            assert got is None if bound is None else got == close(bound)
        at_risk, censored = get(analysis, "n_risk", months), get(analysis, "n_censored_before", months)
        assert at_risk is not None and at_risk.value == want["n_risk"][i]
        assert censored is not None and censored.value == want["censored_before"][i]


def test_partial_dates_bound_the_medians(answered: StudyRun) -> None:
    want = expected("full")["partial_date_bounds"]
    for analysis, key in (("dor_partial_first", "first_of_month"), ("dor_partial_last", "day28")):
        r = answered.results.get(analysis, "median")
        assert r is not None and r.value == close(want[key]["DOR"])


def test_each_patient(answered: StudyRun) -> None:
    adsl = {r["USUBJID"]: r for r in answered.adam["ADSL"].iter_rows(named=True)}
    tte = {(r["USUBJID"], r["PARAMCD"]): r for r in answered.adam["ADTTE"].iter_rows(named=True)}
    for want in expected("full")["per_patient"]:
        s, got = want["id"], adsl[want["id"]]
        assert got["ELIGFL"] == "Y", s
        assert got["BOR"] == want["best"], s
        assert (got["NCYC"], got["NDOSE"]) == (want["ncyc"], want["ndose"]), s
        assert got["CUMDM2"] == close(want["m2"]), s
        assert str(got["FRSPDT"] or None) == str(want["first_response"]), s
        assert str(got["HSCTDT"] or None) == str(want["hsct"]), s
        assert (got["DEEPFL"] == "Y") == want["deep_C2"], s
        assert (got["RESPFL"] == "Y" and got["MRDNEGFL"] == "Y") == want["mrd_neg"], s
        for flag, key in (("LIVTOXFL", "tox_v5"), ("LIVANYFL", "any_v5"), ("VODFL", "vod"), ("MYELOFL", "myelo")):
            assert (got[flag] == "Y") == want[key], (s, flag)
        os = tte[s, "OS"]
        assert (os["AVAL"], os["CNSR"] == 0) == (want["os"], bool(want["dead"])), s
        for param, days in (("DOR", "dor_d"), ("RFS", "rfs_d")):
            row = tte.get((s, param))
            assert (row["AVAL"] if row else None) == want[days], (s, param)
            if row:
                assert (row["CNSR"] == 0) == bool(want["rfs_event"]), (s, param)


def test_worst_grades(answered: StudyRun) -> None:
    safe = set(answered.adam["ADSL"].filter(pl.col("ELIGFL") == "Y")["USUBJID"])
    worst = (
        pl.read_parquet(answered.out / "adam" / "adlb.parquet")
        .filter(pl.col("ANL01FL") == "Y")
        .group_by("USUBJID", "PARAMCD")
        .agg(pl.col("ATOXGR").max(), pl.col("BASE").first())
    )
    got = {(r["USUBJID"], r["PARAMCD"]): r for r in worst.iter_rows(named=True)}
    for want in expected("full")["worst_grades"]:
        if want["id"] not in safe or want["worst_v5"] is None or want["test"] == "CREA":
            continue
        row = got[want["id"], want["test"]]
        assert row["ATOXGR"] == want["worst_v5"], want
        assert row["BASE"] == close(want["base"]), want


def test_baseline_and_centres(answered: StudyRun) -> None:
    full = expected("full")
    want, adsl = full["baseline"], answered.adam["ADSL"].filter(pl.col("ELIGFL") == "Y")
    age = answered.results.get("table1.age", "median")
    assert age is not None and age.value == want["age_median"]
    assert [adsl["AGE"].min(), adsl["AGE"].max()] == want["age_range"]
    counts = {
        "male": ("SEX", "M"),
        "BCRABL_pos": ("BCRABL1", "POSITIVE"),
        "refractory": ("STATUS", "REFRACTORY"),
        "prior_hsct": ("PRHSCT", "Y"),
        "prior_blin": ("PRBLIN", "Y"),
    }
    for key, (variable, level) in counts.items():
        assert adsl.filter(pl.col(variable) == level).height == want[key], key
    for lines, n in want["lines"].items():
        assert adsl.filter(pl.col("LINES") == int(lines)).height == n
    for centre, c in full["per_centre"].items():
        of = adsl.filter(pl.col("SITEID") == centre)
        flags = [(of["RESPFL"] == "Y").sum(), (of["HSCTFL"] == "Y").sum(), (of["DTHFL"] == "Y").sum()]
        assert [of.height, *flags] == [c["n"], c["CRCRi"], c["hsct"], c["deaths"]], centre


def test_best_response_and_sensitivity_of_the_window(answered: StudyRun) -> None:
    want, adsl = expected("full")["response"], answered.adam["ADSL"].filter(pl.col("ELIGFL") == "Y")
    for variable, table in (("BOR", "best_table"), ("BOR_W28", "window_0_28"), ("BOR_PM7", "window_pm7")):
        assert dict(adsl.group_by(variable).len().iter_rows()) == want[table], variable
    first = adsl.filter(pl.col("RESPFL") == "Y")
    assert dict(first.group_by("FRSP").len().iter_rows()) == {
        "CR": want["first_response_CR"],
        "CRi": want["first_response_CRi"],
    }
    assert {str(k): n for k, n in first.group_by("FRSPCYC").len().iter_rows()} == want["by_cycle"]


def test_exposure_and_transplant(answered: StudyRun) -> None:
    full, get = expected("full"), answered.results.get

    def median(analysis: str) -> float | None:
        r = get(analysis, "median")
        return r.value if r else None

    want = full["exposure"]
    assert median("cycles") == want["cycles_median"]
    assert median("doses") == want["doses_median"]
    assert median("cum_m2") == close(want["cum_m2_median"])
    assert median("cum_mg") == close(want["cum_mg_median"])
    adsl = answered.adam["ADSL"].filter(pl.col("ELIGFL") == "Y")
    assert {str(k): n for k, n in adsl.group_by("NCYC").len().iter_rows()} == want["cycles"]
    assert adsl["NDOSE"].sum() == want["total_doses"]
    hsct = full["hsct"]
    r = get("hsct_in_response", "proportion")
    assert r is not None and (r.n, (r.N or 0) - (r.n or 0)) == (hsct["in_CRCRi"], hsct["not_CR"])
    assert median("hsct_interval") == hsct["interval_last_dose_median_d"]
    days = adsl["HSCTINT"].drop_nulls()
    assert [days.min(), days.max()] == hsct["interval_range"]


def test_the_number_of_deaths_and_losses(answered: StudyRun) -> None:
    want = expected("full")["os"]
    lost = answered.results.get("os", "n_censored_before", 12)
    assert lost is not None and lost.value == want["lost_before_12"] == 0
