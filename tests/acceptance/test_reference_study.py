"""The reference study from raw charts: every printed number of the paper, and the same from a second implementation.

`expected/` was computed in R 4.2.2 (survival, cmprsk) from the clean data by code that shares nothing with ours.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from chartline.counts.model import CrossTab
from chartline.trace.listings import regraded_lines
from published import PUBLISHED, check_published, close, expected

if TYPE_CHECKING:
    from chartline.study import StudyRun

pytestmark = pytest.mark.shared
SHARED = Path(__file__).resolve().parents[3] / "shared"


def test_every_published_item_is_a_headline() -> None:
    assert {i["item"] for i in expected("published")["items"]} == set(PUBLISHED)


@pytest.mark.parametrize("item", list(PUBLISHED))
def test_every_printed_number_is_reproduced(answered: StudyRun, item: str) -> None:
    check_published(answered, item)


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
        ("cr_cri_rate_eln", "response.ELN2024_CRCRi"),
        ("cr_cri_rate_cibmtr", "response.CIBMTR_CRCRi"),
        ("liver_g34_v4", "liver.v4.03"),
        ("vod_rate", "liver.vod"),
        ("myelosuppression_rate", "myelosuppression.any"),
        ("myelosuppression_g34", "myelosuppression.emergent_g34_lab"),
    ],
)
def test_proportions_and_exact_intervals(answered: StudyRun, analysis: str, path: str) -> None:
    want: Any = expected("full")
    for key in path.split(".", 1):
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
    for analysis, name in (("dor_dates", "DOR"), ("rfs_dates", "RFS")):
        n = answered.results.get(analysis, "partial")
        assert n is not None and n.value == want["n_partial_relapse"]
        r = answered.results.get(analysis, "median", group="DATES=earliest")
        assert r is not None and r.value == close(want["first_of_month"][name])


def test_event_free_survival_follows_from_the_reference(answered: StudyRun) -> None:
    """All 19 responses came by the end of cycle 2, so the other 13 failed or died before; those who are
    free of events later are the responders free of relapse, of 32, since nobody was censored before a year."""
    full = expected("full")
    response, rfs = full["response"]["CRCRi"], full["rfs_first_dose"]
    assert sum(full["response"]["by_cycle"].get(c, 0) for c in ("1", "2")) == response["x"]
    failed = answered.results.get("efs_day1", "events", group="CAUSE=faild1")
    assert failed is not None and failed.value == response["n"] - response["x"]
    for months, at_risk in zip(rfs["at_mo"], rfs["n_risk"], strict=True):
        free = answered.results.get("efs", "survival", months)
        assert free is not None and free.value == close(at_risk / response["n"])


def test_every_assertion_holds(answered: StudyRun) -> None:
    assert [(v.assertion.id, v.on, v.breaches) for v in answered.assertions if v.verdict == "breached"] == []
    assert len({v.assertion.id for v in answered.assertions if v.verdict == "held"}) == 11


def test_each_patient(answered: StudyRun) -> None:
    adsl = {r["USUBJID"]: r for r in answered.adam["ADSL"].iter_rows(named=True)}
    tte = {(r["USUBJID"], r["PARAMCD"]): r for r in answered.adam["ADTTE"].iter_rows(named=True)}
    for want in expected("full")["per_patient"]:
        s, got = want["id"], adsl[want["id"]]
        assert got["ELIGFL"] == "Y", s
        assert (got["BOR"], got["BOR_ELN"], got["BOR_CIBMTR"]) == (want["best"], want["eln"], want["cib"]), s
        assert (got["NCYC"], got["NDOSE"]) == (want["ncyc"], want["ndose"]), s
        assert got["CUMDM2"] == close(want["m2"]), s
        assert str(got["FRSPDT"] or None) == str(want["first_response"]), s
        assert str(got["HSCTDT"] or None) == str(want["hsct"]), s
        assert (got["DEEPFL"] == "Y") == want["deep_C2"], s
        assert (got["RESPFL"] == "Y" and got["MRDNEGFL"] == "Y") == want["mrd_neg"], s
        flags = {"LIVTOXFL": "tox_v5", "LIVTOXFL_V4": "tox_v4", "LIVANYFL": "any_v5"}
        flags |= {"VODFL": "vod", "MYELOFL": "myelo"}
        for flag, key in flags.items():
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


def test_liver_toxicity_under_two_versions_and_who_changes(answered: StudyRun) -> None:
    want = expected("full")["per_patient"]
    table = answered.counts["versions.livtoxfl"]
    assert isinstance(table, CrossTab)
    yes = {True: "Y", False: "N"}
    for pair in {(w["tox_v5"], w["tox_v4"]) for w in want}:
        n = sum((w["tox_v5"], w["tox_v4"]) == pair for w in want)
        assert table.where(LIVTOXFL=yes[pair[0]], LIVTOXFL_V4=yes[pair[1]]) == n
    lines = regraded_lines(answered.adam, answered.study.protocol)
    change = {line.subject for line in lines if line.flag == "LIVTOXFL"}
    assert {w["id"] for w in want if w["tox_v5"] != w["tox_v4"]} <= change


def test_shift_of_grades_from_baseline(answered: StudyRun) -> None:
    """The worst grade by the grade at baseline, as the independent program has them (neutrophils need no baseline)."""
    table = answered.counts["lab_grades"]
    assert isinstance(table, CrossTab)
    want = [w for w in expected("full")["worst_grades"] if w["test"] in ("ANC", "PLT", "HB", "WBC")]
    cells = Counter((w["test"], w["base_g_v5"], w["worst_v5"]) for w in want)
    assert len(want) == 4 * 32 and None not in {k[1] for k in cells}
    for (test, base, worst), n in cells.items():
        assert table.where(TEST=test, BASE=str(base), GRADE=str(worst)) == n, (test, base, worst)


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
    tables = {"BOR": "best_table", "BOR_ELN": "ELN2024", "BOR_CIBMTR": "CIBMTR"}
    for variable, table in (tables | {"BOR_W28": "window_0_28", "BOR_PM7": "window_pm7"}).items():
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
    done = adsl.filter(pl.col("HSCTFL") == "Y")
    assert done.filter(pl.col("HSCTSTAT").is_in(["CR", "CRi"])).height == hsct["in_CRCRi"]
    # nobody had another therapy before transplantation (truth/cm.csv), so who was in response was bridged
    assert done["HSCTBRFL"].value_counts(sort=True).rows() == [("Y", hsct["in_CRCRi"]), ("N", hsct["not_CR"])]


def test_cycles_against_their_plan(answered: StudyRun) -> None:
    """Doses and mg/m2 of each patient, and from the truth (truth/ex.csv) who had a dose omitted or a cycle late."""
    truth = pl.read_csv(SHARED / "ino-cohort" / "truth" / "ex.csv", infer_schema=False)
    adcyc, want = answered.adam["ADCYC"], expected("full")["per_patient"]
    total = adcyc.group_by("USUBJID").agg(pl.col("NDOSE").sum(), pl.col("GIVENM2").sum().round(6))
    sums = {s: (n, m2) for s, n, m2 in total.iter_rows()}
    for patient in want:
        if patient["id"] in sums:
            assert sums[patient["id"]] == (patient["ndose"], close(patient["m2"])), patient["id"]
    omitted = truth.filter(pl.col("EXADJ") == "next dose (D15) omitted: hepatotoxicity")
    said = set(omitted.select("SUBJID", pl.col("EXCYCLE").cast(pl.Int64)).rows())
    assert said
    assert said <= set(adcyc.filter(pl.col("NOMIT") > 0).select("USUBJID", "CYCLE").rows())
    begun = {
        (r["SUBJID"], int(r["EXCYCLE"])): dt.date.fromisoformat(r["EXSTDTC"])
        for r in truth.filter(pl.col("EXCYDAY") == "1").iter_rows(named=True)
    }
    # more than 7 days beyond 21 days (cycle 1) or 28 days (later ones)
    late = {(s, n) for (s, n), day in begun.items() if n > 1 and (day - begun[s, n - 1]).days > (28 if n == 2 else 35)}
    assert late
    assert set(adcyc.filter(pl.col("DLYFL") == "Y").select("USUBJID", "CYCLE").rows()) == late


def test_earlier_therapy_counted_from_its_lines(answered: StudyRun) -> None:
    want, adsl = expected("full")["baseline"], answered.adam["ADSL"].filter(pl.col("ELIGFL") == "Y")
    assert {str(n): k for n, k in adsl.group_by("SALVAGE").len().iter_rows()} == want["lines"]
    for variable, level, key in (
        ("RRSTAT", "Primary refractory", "refractory"),
        ("PRBLINFL", "Y", "prior_blin"),
    ):
        assert adsl.filter(pl.col(variable) == level).height == want[key]


def test_the_number_of_deaths_and_losses(answered: StudyRun) -> None:
    want = expected("full")["os"]
    lost = answered.results.get("os", "n_censored_before", 12)
    assert lost is not None and lost.value == want["lost_before_12"] == 0


def test_time_to_response_and_who_is_not_evaluable(answered: StudyRun) -> None:
    """RFS counts from the first dose and DOR from the response, to the same event: they differ by the time to it."""
    adsl = {r["USUBJID"]: r for r in answered.adam["ADSL"].iter_rows(named=True)}
    for want in expected("full")["per_patient"]:
        got = adsl[want["id"]]
        days = want["rfs_d"] - want["dor_d"] if want["rfs_d"] is not None else None
        assert got["TTRESP"] == days, want["id"]
        assert got["NEREAS"] == ("Early death" if want["best"] == "NE" and want["os"] <= 30 else None), want["id"]


def test_the_treating_team_and_the_rules_differ_where_the_edge_cases_say_so(answered: StudyRun) -> None:
    """edge_cases.csv: the team wrote CR or CRi although the rule says otherwise, of these and of nobody else."""
    planted = {"A-02": "CRi", "B-03": "CRi", "D-01": "CR", "D-03": "CR", "E-01": "CR"}
    adsl = answered.adam["ADSL"].filter(pl.col("ELIGFL") == "Y")
    differ = adsl.filter((pl.col("BOR") != pl.col("INVBOR")) & pl.col("INVBOR").is_in(["CR", "CRi"]))
    assert dict(differ.select("USUBJID", "INVBOR").iter_rows()) == planted
    kappa = answered.results.get("investigator_response", "agreement")
    # One more: a persistent extramedullary disease (C-06), which the team called a partial remission.
    assert kappa is not None and (kappa.n, kappa.N) == (26, 32)


def test_the_derived_relapse_is_the_recorded_one_where_an_assessment_shows_it(answered: StudyRun) -> None:
    """Of 12 eligible relapses, two have no assessment (month-only dates) and one is extramedullary at a centre that
    records no sites at relapse; nobody has one that was not recorded."""
    adsl = answered.adam["ADSL"].filter((pl.col("ELIGFL") == "Y") & (pl.col("RELFL") == "Y"))
    derived = adsl.filter(pl.col("DRELFL") == "Y")
    assert adsl.height == 12
    assert set(adsl["USUBJID"]) - set(derived["USUBJID"]) == {"A-06", "D-04", "B-02"}
    assert derived.filter(pl.col("RELDT") != pl.col("DRELDT")).height == 0
    others = answered.adam["ADSL"].filter((pl.col("RELFL") != "Y").fill_null(True) & (pl.col("ELIGFL") == "Y"))
    assert others.filter(pl.col("DRELFL") == "Y").height == 0
