"""The reference study's competing risks and transplantation, against R 4.2.2 (survival, cmprsk).

`expected/full.json` prints eight decimals.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from chartline.results.serialise import results_from_rows
from chartline.trace.explain import explain_result

if TYPE_CHECKING:
    from chartline.results.model import Result
    from chartline.study import StudyRun

pytestmark = pytest.mark.shared
SHARED = Path(__file__).resolve().parents[3] / "shared"


@cache
def expected() -> Any:
    return json.loads((SHARED / "ino-cohort" / "expected" / "full.json").read_text(encoding="utf-8"))


def printed(value: float) -> Any:
    return pytest.approx(value, abs=5.1e-9, rel=0)


def result(run: StudyRun, result_id: str) -> Result:
    return run.results[result_id]


def test_relapse_and_death_without_relapse(answered: StudyRun) -> None:
    want = expected()["cir"]
    for cause, key, number in (("relapse", "CIR_6_12", "relapses"), ("death", "NRM_6_12", "nrm_deaths")):
        events = result(answered, f"cir/CAUSE={cause}/events")
        assert (events.n, events.N) == (want[number], want["n"])
        shares = [result(answered, f"cir/CAUSE={cause}/incidence@{m}").value for m in (6, 12)]
        assert shares == [printed(x) for x in want[key]]


def test_at_every_time_relapse_death_and_neither_add_to_one(answered: StudyRun) -> None:
    for month in (6, 12):
        parts = [result(answered, f"cir/CAUSE={c}/incidence@{month}").value or 0 for c in ("relapse", "death")]
        assert sum(parts) + (result(answered, f"cir/event_free@{month}").value or 0) == pytest.approx(1, abs=1e-12)
        # and who is in neither is who is alive without relapse
        free = result(answered, f"rfs_from_cr/survival@{month}").value
        assert free == pytest.approx(result(answered, f"cir/event_free@{month}").value, abs=1e-12)


def test_transplantation_and_death_before_it(answered: StudyRun) -> None:
    want = expected()["hsct"]
    for cause, key in (("transplant", "cuminc_3_6_12"), ("death", "death_before_3_6_12")):
        shares = [result(answered, f"hsct_incidence/CAUSE={cause}/incidence@{m}").value for m in (3, 6, 12)]
        assert shares == [printed(x) for x in want[key]]
    assert result(answered, "hsct_incidence/CAUSE=transplant/events").n == want["all"]["x"]


def test_the_landmark_at_three_months(answered: StudyRun) -> None:
    want, key = expected()["landmark3"], "os_hsct/STRATEGY=landmark;LANDMARK=3"
    assert result(answered, f"{key}/n").n == want["n_at_landmark"]
    assert result(answered, f"{key}/n_excluded").n == want["excluded"]
    assert result(answered, f"{key};STATE=after/n").n == want["n_hsct"]
    assert result(answered, f"{key};STATE=before/n").n == want["n_no"]
    months = [3 + m for m in want["times_after_landmark_mo"]]
    for group, state in (("g=0", "before"), ("g=1", "after")):
        shares = [s for s, g in zip(want["surv"], want["surv_strata"], strict=True) if g == group]
        found = [result(answered, f"{key};STATE={state}/survival@{m}").value for m in months]
        assert found == [printed(x) for x in shares]
    assert result(answered, f"{key}/chisq_logrank").value == printed(want["logrank_chisq"])
    assert result(answered, f"{key}/p_logrank").value == printed(want["logrank_p"])


def test_transplantation_as_a_time_dependent_covariate(answered: StudyRun) -> None:
    want = expected()["cox_td_hsct"]
    r = result(answered, "os_hsct/STRATEGY=time_dependent/hazard_ratio")
    assert (r.value, r.lower, r.upper) == (printed(want["HR"]), printed(want["lower"]), printed(want["upper"]))
    assert result(answered, "os_hsct/STRATEGY=time_dependent/p").value == printed(want["p"])
    assert "Efron ties; ordinary likelihood (27 events for 1 coefficient" in r.method


def test_treatment_policy_is_the_main_analysis(answered: StudyRun) -> None:
    for month in (6, 12):
        policy = result(answered, f"os_hsct/STRATEGY=treatment_policy/survival@{month}")
        main = result(answered, f"os/survival@{month}")
        assert (policy.value, policy.lower, policy.upper) == (main.value, main.lower, main.upper)
    assert result(answered, "os_hsct/STRATEGY=treatment_policy/median").value == result(answered, "os/median").value


def test_each_patient_passes_each_state_once(answered: StudyRun) -> None:
    want = expected()
    assert result(answered, "course/FROM=first_response/entered").n == want["response"]["CRCRi"]["x"]
    assert result(answered, "course/FROM=transplant/entered").n == want["hsct"]["all"]["x"]
    assert result(answered, "course/FROM=relapse/entered").n == want["cir"]["relapses"]
    assert result(answered, "course/FROM=death/entered").n == want["os"]["events"]
    dead = result(answered, "course/STATE=death/state@12").value
    assert dead == printed(1 - want["os"]["surv"][1])


def test_each_centre_left_out_is_the_study_without_it(answered: StudyRun) -> None:
    for centre, of in expected()["per_centre"].items():
        r = result(answered, f"cr_cri_without/WITHOUT={centre}/proportion")
        whole = expected()["response"]["CRCRi"]
        assert (r.n, r.N) == (whole["x"] - of["CRCRi"], whole["n"] - of["n"])
        survival = result(answered, f"os_without/WITHOUT={centre}/median")
        assert (survival.n, survival.N) == (expected()["os"]["events"] - of["deaths"], whole["n"] - of["n"])


KINDS = ("cir", "hsct_incidence", "os_hsct", "course", "os_by_status", "cox_os", "response_by_status", "os_lost",
         "rfs_interval", "cr_cri_without", "os_without")  # fmt: skip


@pytest.mark.parametrize("analysis", KINDS)
def test_every_number_can_be_explained(answered: StudyRun, analysis: str) -> None:
    for result in answered.results.of(analysis):
        lines = list(explain_result(answered.out, result.id))
        assert f"  result id:  {result.id}" in lines and len(lines) > 3
    subjects = [line.split()[0] for line in explain_result(answered.out, analysis, members=True) if line[2:3].isalpha()]
    people = [s for s in subjects if "-" in s and s[0] in "ABCDE" and s[1] == "-"]
    assert len(people) == len(set(people)) >= 19


def test_an_explained_number_reads_as_in_the_report(answered: StudyRun) -> None:
    def first(what: str) -> str:
        return next(iter(explain_result(answered.out, what)))

    assert first("cox_os/TERM=STATUS=REFRACTORY/hazard_ratio").startswith(
        "Overall survival: 4.94 (95% CI 1.35 to 18.0)"
    )
    assert first("response_by_status").startswith("CR or CRi by disease status: −57.7% (95% CI")
    assert first("os_by_status") == "Overall survival by disease status: P <0.001"
    assert first("cir").startswith("Relapse and death without relapse at 6 months: 36.8% (95% CI")


def test_the_events_of_follow_up_are_explained_as_its_ends(answered: StudyRun) -> None:
    lines = list(explain_result(answered.out, "followup/events"))
    events, of = lines[0].removeprefix("Follow-up: "), answered.results["followup/events"].N
    assert lines[1].startswith("  method:     Reverse Kaplan-Meier: its events are ends of follow-up")
    assert f"{of} patients: {of - int(events)} with the endpoint's event, {events} end of follow-up" in lines


def test_the_members_of_an_incidence_are_those_with_the_event_by_then(answered: StudyRun) -> None:
    lines = list(explain_result(answered.out, "cir/CAUSE=relapse/incidence@6"))
    want = expected()["cir"]
    by_then = round((want["CIR_6_12"][0] + want["NRM_6_12"][0]) * want["n"])
    assert f"{want['n']} patients: {by_then} with the event by then, {want['n'] - by_then} still at risk" in lines


def test_the_result_file_reads_back(answered: StudyRun) -> None:
    rows = pl.read_parquet(answered.out / "results.parquet").to_dicts()
    assert list(results_from_rows(rows)) == list(answered.results)
