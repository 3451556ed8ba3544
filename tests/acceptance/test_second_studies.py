"""Two published data sets of real patients, each run from its own protocol, against what R gives for the same file.

The data are not part of the project: the tests copy the study beside the file of the shared folder. `reference.json`
(survival, cmprsk) lies beside the data.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from chartline.pipeline import run_study
from chartline.results.model import Results
from chartline.study import StudyRun
from chartline.timelines import write_timeline

pytestmark = pytest.mark.shared
ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "data"
DAYS = 30.4375  # of a month
MONTHS = {182: 6, 365: 12, 730: 24, 1095: 36, 1826: 60}  # R's days fall into the same day of the curve as our months
ELN = {"Adverse": "Adverse", "Favorable": "Favourable", "Inter-1": "Intermediate-1", "Inter-2": "Intermediate-2"}


def _run(study: str, folder: str, to: Path) -> tuple[StudyRun, dict[str, Any]]:
    source = SHARED / folder
    if not source.exists():
        pytest.skip(f"{source} is absent")
    shutil.copytree(ROOT / "examples" / study, to / study, ignore=shutil.ignore_patterns("data"))
    (to / study / "data").mkdir()
    for file in source.glob("*.csv"):
        shutil.copy(file, to / study / "data")
    return run_study(to / study, to / "out"), json.loads((source / "reference.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def aml(tmp_path_factory: pytest.TempPathFactory) -> tuple[StudyRun, dict[str, Any]]:
    return _run("aml-amlsg-0704", "amlsg_0704_n740", tmp_path_factory.mktemp("aml"))


@pytest.fixture(scope="module")
def children(tmp_path_factory: pytest.TempPathFactory) -> tuple[StudyRun, dict[str, Any]]:
    return _run("all-aall0232", "target_all_p2_aall0232", tmp_path_factory.mktemp("all"))


def _eight(ours: float | None, theirs: float | None, rel: float = 5e-9) -> None:
    if theirs is None:
        assert ours is None
    else:
        assert ours == pytest.approx(theirs, rel=rel)


def _curve(results: Results, analysis: str, stratum: Mapping[str, Any], group: str = "", events: bool = True) -> None:
    """One stratum of R's survfit: numbers, median and quartiles with their interval, every landmark."""
    at = f"{analysis}/{group}/" if group else f"{analysis}/"
    assert (results[f"{at}n"].value, results[f"{at}events"].value) == (stratum["n"], stratum["events"])
    quantiles = stratum["quantiles_25_50_75_log-log"]
    for i, name in enumerate(("q1", "median", "q3")):
        row = results[f"{at}{name}"]
        for ours, theirs in ((row.value, "est"), (row.lower, "lower"), (row.upper, "upper")):
            value = quantiles[theirs][i]
            _eight(ours, None if value is None else value / DAYS)
    for landmark in stratum.get("surv_at_log-log", ()):
        row = results[f"{at}survival@{MONTHS[landmark['time']]}"]
        _eight(row.value, landmark["surv"])
        _eight(row.lower, landmark["lower"])
        _eight(row.upper, landmark["upper"])


def _incidence(results: Results, analysis: str, cif: Mapping[str, Any], causes: Mapping[str, tuple[str, ...]]) -> None:
    """R's cuminc: the estimate at each time; several of our causes may be one of R's."""
    for curve in cif["est"]:
        stratum, _, cause = curve["curve"].rpartition(" ")
        group = f"ELN={ELN[stratum]};" if stratum in ELN else ""
        for day, value in curve.items():
            if day.isdigit():
                rows = [results[f"{analysis}/{group}CAUSE={c}/incidence@{MONTHS[int(day)]}"] for c in causes[cause]]
                _eight(sum(r.value or 0 for r in rows), value)


# AML: days from diagnosis, remission as recorded ----------------------------------------------------------------------


def test_aml_everyone_is_counted(aml: tuple[StudyRun, dict[str, Any]]) -> None:
    run, reference = aml
    counts = reference["counts"]
    expected = {
        "cr": counts["with_CR_date"],
        "relapse": counts["with_recurrence"],
        "transplanted": counts["with_TPL"],
        "dead": counts["deaths"],
    }
    assert {a: run.results[f"{a}/proportion"].n for a in expected} == expected
    assert {run.results[f"{a}/proportion"].N for a in expected} == {counts["n"]}
    assert all(not q.blocks for q in run.study.queries)


def test_aml_survival_and_follow_up_equal_r(aml: tuple[StudyRun, dict[str, Any]]) -> None:
    run, reference = aml
    [stratum] = reference["os_km"]["strata"]
    _curve(run.results, "os", stratum)
    for stratum in reference["os_km_by_ELN"]["strata"]:
        _curve(run.results, "os_eln", stratum, f"ELN={ELN[stratum['stratum'].removeprefix('M_Risk=')]}")
    [stratum] = reference["followup"]["strata"]
    _curve(run.results, "follow_up", stratum)


def test_aml_groups_are_compared_as_in_r(aml: tuple[StudyRun, dict[str, Any]]) -> None:
    run, reference = aml
    for ours, theirs in (("logrank", "logrank"), ("fleming_harrington", "peto_peto_rho1")):
        expected = reference["os_logrank_ELN"][theirs]
        _eight(run.results[f"os_eln_test/chisq_{ours}"].value, expected["chisq"])
        _eight(run.results[f"os_eln_test/p_{ours}"].value, expected["p"])


def test_aml_relapse_free_survival_is_derived_from_the_days(aml: tuple[StudyRun, dict[str, Any]]) -> None:
    run, reference = aml
    [stratum] = reference["rfs_km"]["strata"]
    _curve(run.results, "rfs", stratum)
    causes = {"1": ("relapse",), "2": ("death",)}
    _incidence(run.results, "cir", reference["cir"], causes)
    _incidence(run.results, "cir_eln", reference["cir_by_ELN"], causes)
    for test in reference["cir_by_ELN"]["gray_tests"]:
        row = f"cir_eln/CAUSE={causes[test['cause']][0]}"
        _eight(run.results[f"{row}/chisq_gray"].value, test["stat"])
        _eight(run.results[f"{row}/p_gray"].value, test["pv"])


def test_aml_models_equal_r(aml: tuple[StudyRun, dict[str, Any]]) -> None:
    run, reference = aml
    terms = {"AOD": "AGE", "factor(gender)2": "SEX=F", "wbc": "WBC", "Performance_ECOG": "ECOG"}
    terms |= {f"M_Risk{theirs}": f"ELN={ours}" for theirs, ours in ELN.items()}
    cox = reference["os_cox"]["efron"]
    assert run.results["os_cox/n"].value == cox["n"]
    for term in cox["coef"]:
        row = run.results[f"os_cox/TERM={terms[term['term']]}/hazard_ratio"]
        for ours, theirs in ((row.value, "hr"), (row.lower, "hr_lower95"), (row.upper, "hr_upper95")):
            _eight(ours, term[theirs])
    # crr stops where a step changes the likelihood by less than 1e-6, so its coefficients are good to six digits.
    fine_gray = reference["fg_relapse"]
    assert run.results["relapse_fine_gray/n"].value == fine_gray["n"]
    for term in fine_gray["coef"]:
        row = run.results[f"relapse_fine_gray/TERM={terms[term['term']]}/subdistribution_hazard_ratio"]
        _eight(row.value, term["shr"], rel=2e-6)


def test_aml_remission_by_a_landmark_equals_r(aml: tuple[StudyRun, dict[str, Any]]) -> None:
    """Two months are 60.875 days, so whole days up to 60."""
    run, reference = aml
    of = "remission_by_day_60/STRATEGY=landmark;LANDMARK=2"
    expected = reference["landmark60_logrank"]["logrank"]
    assert [run.results[f"{of};STATE={s}/n"].value for s in ("before", "after")] == expected["n"]
    _eight(run.results[f"{of}/chisq_logrank"].value, expected["chisq"])


# children with ALL: several rows a patient, MRD on day 29, the first event in words ---------------------------------


def test_children_are_counted_once(children: tuple[StudyRun, dict[str, Any]]) -> None:
    """R left out the five patients without any time; here they are members without a time, and asked about."""
    run, reference = children
    assert run.results["dead/proportion"].N == 845
    assert (run.results["os/n"].value, run.results["os/n"].missing) == (reference["n_patients"], 5)
    asked = [q.subject for q in run.study.queries if q.rule == "date_missing"]
    assert len(asked) == 5
    [excluded] = [q for q in run.study.queries if q.rule == "rows_excluded"]
    assert excluded.message.startswith("120 rows left out as declared: one row a sample")  # 965 rows, 845 patients


def test_children_survival_equals_r(children: tuple[StudyRun, dict[str, Any]]) -> None:
    run, reference = children
    for analysis, name in (("os", "os_km"), ("efs", "efs_km"), ("follow_up", "followup")):
        [stratum] = reference[name]["strata"]
        _curve(run.results, analysis, stratum)
    _incidence(run.results, "first_event", reference["relapse_cif"], {"1": ("relapse",), "2": ("death", "other")})


def test_children_first_events_are_those_of_the_file(children: tuple[StudyRun, dict[str, Any]]) -> None:
    run, reference = children
    said = reference["first_event"]
    expected = {
        "relapse": said["Relapse"] + said["Progression"],
        "other": said["Induction failure"] + said["SMN"],
        "death": said["Death"] + said["Death without Remissio"],
    }
    assert {c: run.results[f"efs/CAUSE={c}/events"].value for c in expected} == expected


def test_children_by_mrd_equal_r(children: tuple[StudyRun, dict[str, Any]]) -> None:
    run, reference = children
    groups = {"mrdpos=0": "MRD29=Negative (below 0.01%)", "mrdpos=1": "MRD29=Positive (0.01% or more)"}
    for stratum in reference["efs_km_MRD_Bprecursor"]["strata"]:
        _curve(run.results, "efs_mrd", stratum, groups[stratum["stratum"]])
    for ours, theirs in (("logrank", "logrank"), ("fleming_harrington", "peto_peto_rho1")):
        expected = reference["efs_logrank_MRD"][theirs]
        _eight(run.results[f"efs_mrd_test/chisq_{ours}"].value, expected["chisq"])
        _eight(run.results[f"efs_mrd_test/p_{ours}"].value, expected["p"])


@pytest.mark.parametrize("study", ["aml", "children"])
def test_no_report_speaks_of_what_the_study_has_not(study: str, request: pytest.FixtureRequest) -> None:
    run, _ = request.getfixturevalue(study)
    html = (run.out / "report.html").read_text(encoding="utf-8").lower()
    for word in ("inotuzumab", "first dose", "last dose", "g-csf", "ctcae", "cut-off"):
        assert word not in html, word
    assert "times are days from diagnosis" in html
    assert "calendar dates are not known" in html


@pytest.mark.parametrize("study", ["aml", "children"])
def test_no_reader_meets_a_fictitious_date(study: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Days run from 2000-01-01; both studies followed their patients for less than 25 years."""
    run: StudyRun = request.getfixturevalue(study)[0]
    fictitious = r"(1999|20[01]\d|202[0-4])-\d\d-\d\d"
    trace = pl.read_parquet(run.out / "trace.parquet")
    for name, kind in trace.schema.items():
        if kind == pl.String:
            assert not trace[name].str.contains(fictitious).any(), name
    assert trace["BECAUSE"].str.contains(r"diagnosis on day 0").any()
    timeline = write_timeline(run.out, str(trace["USUBJID"][0]), tmp_path / "p.html")
    for file in (run.out / "queries.csv", run.out / "report.html", run.out / "assertions.csv", timeline):
        assert not re.search(fictitious, file.read_text(encoding="utf-8")), file.name
