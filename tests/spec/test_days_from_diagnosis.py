"""A study of days from diagnosis: no dates, no doses, response as recorded; with the protocols and mappings of the two
examples on invented rows of the same shape, so that nobody needs the published data to test it.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest

from chartline.errors import ProtocolError
from chartline.pipeline import run_study
from chartline.protocol.load import load_protocol
from chartline.study import StudyRun

EXAMPLES = Path(__file__).parents[2] / "examples"
AML = """\
PDID,TypeAML,M_Risk,AOD,Center,ERDate,TPL_type,\
Date_LF,CR_date,Recurrence_date,TPL_date,TPL_Phase,Status,HB,platelet,wbc,gender,BM_Blasts,Performance_ECOG
P1,AML,Favorable,40,1,0,,230,30,130,,,1,9.1,50,10,1,80,1
P2,AML,Inter-1,50,1,0,,425,25,,,,1,8.0,60,20,2,70,0
P3,sAML,Inter-2,60,2,0,ALLO,540,40,,90,CR1,0,7.5,70,30,1,60,
P4,AML,Adverse,55,2,0,,12,,,,,1,10.2,80,40,2,,2
P5,tAML,,45,3,0,FREMD,277,179,,75,RD1,1,9.9,90,50,1,30,1
"""
CHILDREN = """\
Patient ID,Sample ID,Diagnosis Age,Diagnosis Age (days),Cancer Type Detailed,BCR ABL1 Status,CNS Status,\
Molecular Subtype,WBC,Bone Marrow Blasts Day 29,MRD Percentage Day 29,MRD Percentage Day 29 Sensitivity,\
First Event,Time To Event (days),Overall Survival Days,Overall Survival Status,Sex
C1,C1-09,4,1500,B-ALL,Negative,CNS 1,,10,3,0.5,0.01,Relapse,400,700,1:DECEASED,Male
C1,C1-40,4,1500,B-ALL,Negative,CNS 1,,10,3,0.5,0.01,Relapse,400,700,1:DECEASED,Male
C2,C2-09,7,2600,B-ALL,Unknown,CNS 2a,,20,0,0,0.01,None,900,900,0:LIVING,Female
C3,C3-09,9,3300,B-ALL,Negative,CNS 1,,30,1,0.009,0.001,SMN,600,1000,0:LIVING,Female
C4,C4-09,12,4400,B-ALL,Positive,CNS 3,,40,60,0.01,0.01,Induction failure,28,200,1:DECEASED,Male
C5,C5-09,14,5200,B-ALL,Negative,CNS 1,,50,2,,,Death,300,300,1:DECEASED,Male
C6,C6-09,15,5500,B-ALL,Negative,CNS 1,,60,0,0,0.01,,,,0:LIVING,Female
C7,C7-09,16,5900,B-ALL,Negative,CNS 1,,70,0,0,0.01,None,724,1626,0:LIVING,Female
"""


def _run(study: str, file: str, rows: str, to: Path) -> StudyRun:
    shutil.copytree(EXAMPLES / study, to / study, ignore=shutil.ignore_patterns("data"))
    (to / study / "data").mkdir()
    (to / study / "data" / file).write_text(rows, encoding="utf-8")
    return run_study(to / study, to / "out")


@pytest.fixture(scope="module")
def aml(tmp_path_factory: pytest.TempPathFactory) -> StudyRun:
    return _run("aml-amlsg-0704", "amlsg0704.csv", AML, tmp_path_factory.mktemp("aml"))


@pytest.fixture(scope="module")
def children(tmp_path_factory: pytest.TempPathFactory) -> StudyRun:
    return _run("all-aall0232", "target_all_p2_aall0232.csv", CHILDREN, tmp_path_factory.mktemp("all"))


def _times(run: StudyRun, endpoint: str) -> dict[str, tuple[int, str | None]]:
    """Subject -> days and the event that ended them (null: censored)."""
    rows = run.adam["ADTTE"].filter(pl.col("PARAMCD") == endpoint).select("USUBJID", "AVAL", "CAUSE")
    return {subject: (days, cause) for subject, days, cause in rows.iter_rows()}


def test_overall_survival_counts_the_days_from_diagnosis(aml: StudyRun) -> None:
    assert _times(aml, "OS") == {
        "P1": (230, "death"),
        "P2": (425, "death"),
        "P3": (540, None),
        "P4": (12, "death"),
        "P5": (277, "death"),
    }
    # Deaths on days 12, 230 and 277 of five, four and three at risk: 4/5 x 3/4 x 2/3.
    assert aml.results["os/survival@12"].value == pytest.approx(0.4, abs=1e-12)


def test_relapse_free_survival_is_a_difference_of_days(aml: StudyRun) -> None:
    """From the recorded remission: 130 - 30, 425 - 25, 540 - 40, 277 - 179 (reached after transplantation)."""
    assert _times(aml, "RFS") == {"P1": (100, "relapse"), "P2": (400, "death"), "P3": (500, None), "P5": (98, "death")}


def test_the_response_is_the_recorded_one(aml: StudyRun) -> None:
    cr = aml.results["cr/proportion"]
    assert (cr.n, cr.N) == (4, 5)
    why = aml.adam.trace.filter(pl.col("USUBJID") == "P1", pl.col("ITEM") == "ADSL.BOR")
    assert why["BECAUSE"].to_list() == ["Counted as CR: recorded by the treating team as CR on day 30"]
    none = aml.adam.trace.filter(pl.col("USUBJID") == "P4", pl.col("ITEM") == "ADSL.BOR")
    assert none["BECAUSE"].to_list() == ["not evaluable: no response recorded"]


def test_a_transplant_is_one_after_diagnosis(aml: StudyRun) -> None:
    assert aml.results["transplanted/proportion"].n == 2
    assert aml.results["transplanted_cr/proportion"].n == 1  # P5 was transplanted on day 75, before the remission


def test_no_dose_is_counted_where_there_is_no_drug(aml: StudyRun) -> None:
    adsl = aml.adam["ADSL"]
    assert adsl["TRTSDT"].cast(pl.String).unique().to_list() == ["2000-01-01"]
    assert adsl.select("TRTEDT", "NDOSE", "NCYC", "CUMMG").null_count().row(0) == (5, 5, 5, 5)


def test_a_patient_has_one_row_whatever_the_number_of_samples(children: StudyRun) -> None:
    assert children.adam["ADSL"].height == 7
    [note] = [q for q in children.study.queries if q.rule == "rows_excluded"]
    assert note.saw == "1 row"


def test_the_first_event_in_words_ends_event_free_survival(children: StudyRun) -> None:
    assert _times(children, "EFS") == {
        "C1": (400, "relapse"),
        "C2": (900, None),
        "C3": (600, "other"),
        "C4": (28, "other"),
        "C5": (300, "death"),
        "C7": (724, None),  # no longer followed for events, though known to be alive on day 1626
    }
    assert _times(children, "OS")["C7"] == (1626, None)


def test_a_patient_without_any_day_is_missing_and_asked_about(children: StudyRun) -> None:
    assert (children.results["os/n"].value, children.results["os/n"].missing) == (6, 1)
    assert [q.subject for q in children.study.queries if q.rule == "date_missing"] == ["C6"]


def test_a_number_is_sorted_into_its_groups(children: StudyRun) -> None:
    """0.009 is below the threshold, 0.01 is not, and a blank belongs to no group."""
    groups = dict(children.adam["ADSL"].select("USUBJID", "MRD29").iter_rows())
    negative, positive = "Negative (below 0.01%)", "Positive (0.01% or more)"
    assert groups == {
        **{"C1": positive, "C2": negative, "C3": negative, "C4": positive},
        **{"C5": None, "C6": negative, "C7": negative},
    }
    tested = children.results["mrd_negative/proportion"]
    assert (tested.n, tested.N) == (4, 6)


@pytest.mark.parametrize("study", ["aml", "children"])
def test_the_report_says_what_the_days_are_and_nothing_of_doses(study: str, request: pytest.FixtureRequest) -> None:
    html = (request.getfixturevalue(study).out / "report.html").read_text(encoding="utf-8").lower()
    assert "times are days from diagnosis" in html
    for word in ("first dose", "last dose", "inotuzumab", "cut-off", "ctcae", "g-csf"):
        assert word not in html, word


# what such a protocol cannot ask --------------------------------------------------------------------------------


def _protocol(to: Path, old: str, new: str) -> None:
    text = (EXAMPLES / "aml-amlsg-0704" / "protocol.yaml").read_text(encoding="utf-8")
    assert old in text
    (to / "protocol.yaml").write_text(text.replace(old, new), encoding="utf-8")
    load_protocol(to)


def test_a_protocol_has_one_day_0(tmp_path: Path) -> None:
    both = "treatment: {drug: X, label: x}\nindex: {"
    for new in ("study_drug: {", both):
        with pytest.raises(ProtocolError, match=r"exactly one of `treatment` and `index`|study_drug"):
            _protocol(tmp_path, "index: {", new)


def test_cycles_cannot_be_asked_for_where_day_0_is_no_dose(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match="NCYC"):
        _protocol(
            tmp_path,
            "analyses:\n",
            "analyses:\n  - {id: c, kind: summary, label: C, population: everyone, variable: NCYC}\n",
        )


def test_nobody_is_on_treatment_where_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match="nobody is on treatment"):
        _protocol(tmp_path, "  patient_level: false", "  patient_level: false\n  lab_tests: [ALT]")


def test_nobody_is_lost_before_a_cut_off_that_is_not_known(tmp_path: Path) -> None:
    lost = "analyses:\n  - {id: lost, kind: lost_to_follow_up, label: L, endpoint: OS, at_months: [12]}\n"
    with pytest.raises(ProtocolError, match="cut-off"):
        _protocol(tmp_path, "analyses:\n", lost)


def test_groups_are_the_categories_of_a_text(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match="`groups` goes with"):
        _protocol(tmp_path, 'type: number, unit: "%"}', "type: number, groups: {Many: BLASTS > 50}}")
