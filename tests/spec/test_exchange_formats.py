"""What a finished run becomes for others: OMOP results and cohort, Dataset-JSON with Define-XML, measure reports."""

from __future__ import annotations

import csv
import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import UTC, date, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from chartline.exchange.cohort import centre_cohorts, subject_ids
from chartline.exchange.columns import describe_dataset
from chartline.exchange.dataset_json import LARGE, is_large, write_dataset
from chartline.exchange.define import DEF, ODM, define_xml
from chartline.exchange.measures import measure_files
from chartline.exchange.model import ExchangeError, FinishedRun
from chartline.exchange.read import read_finished, tables_of
from chartline.exchange.summarised import summarised_result
from chartline.exchange.text import csv_text, snake_case
from chartline.protocol.model import Protocol
from chartline.results.model import Result, Results
from exchange_rules import (
    faults_of_cohort,
    faults_of_dataset,
    faults_of_measure,
    faults_of_report,
    faults_of_results,
    results_and_settings,
)

AT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)

RESPONSE = Result("cr_cri_rate", "n", 19.0, n=19, N=32, unit="patients", is_count=True, label="CR or CRi")
RATE = Result(
    *("cr_cri_rate", "proportion", 19 / 32),
    lower=0.40644,
    upper=0.76301,
    level=0.95,
    unit="proportion",
    n=19,
    N=32,
    missing=2,
    method="Clopper-Pearson",
    label="CR or CRi",
)
SURVIVAL = Result(
    *("os", "survival", 9 / 32),
    at=12.0,
    at_unit="months",
    unit="proportion",
    n=9,
    N=32,
    method="Kaplan-Meier",
    label="Overall survival",
)
NOT_REACHED = Result("os", "q3", None, unit="months", N=32, method="Kaplan-Meier", reason="upper quartile not reached")


@pytest.fixture
def run(reference_protocol: Protocol, tmp_path: Path) -> FinishedRun:
    """A finished run of the reference protocol with two patients and few results."""
    return FinishedRun(
        folder=tmp_path,
        version="0.1.0",
        protocol=reference_protocol,
        protocol_digest="a" * 64,
        data_digest="b" * 64,
        results=Results([RESPONSE, RATE, SURVIVAL, NOT_REACHED], "a" * 64, "b" * 64),
        headline={
            key: {"label": r.title, "definition": "As defined.", "result_id": r.id}
            for key, r in (("cr_cri_rate", RATE), ("os_12m", SURVIVAL), ("responders", RESPONSE))
        },
        definitions={
            "values": {
                "ADSL.BOR": {"label": "Best response", "rules": "INO-VATE, version 2"},
                "ADTTE.OS": {"label": "Overall survival", "rules": "the protocol"},
            },
            "response": {"categories": {"CR": "Complete remission"}, "not_evaluable": "NE"},
            "days_from": {},
        },
        tables=tables_of(_adam(tmp_path / "adam")),
        smallest_cell=1,
    )


def _adam(folder: Path) -> Path:
    folder.mkdir()
    adsl = pl.DataFrame(
        {
            "CENTRE": ["E", "E", "A"],
            "USUBJID": ["E-01", "E-02", "A-01"],
            "ELIGFL": ["Y", "N", "Y"],
            "ELIGREAS": [None, "Aged under 18 years", None],
            "AGE": [40, 17, None],
            "BSA": [1.73, None, 1.9],
            "BOR": ["CR", None, "NE"],
            "TRTSDT": [date(2020, 1, 5), date(2020, 2, 1), date(2021, 1, 1)],
            "DTHDT": [date(2020, 6, 1), None, None],
            "LKADT": [date(2020, 6, 1), date(2021, 1, 1), date(2024, 5, 1)],
            "OBSSTDT": pl.Series([None, None, None], dtype=pl.Date),
            "OBSENDT": pl.Series([None, None, None], dtype=pl.Date),
            "SRCADDR": ["person.csv!person_id=11", "person.csv!person_id=-12", "book.xlsx!Patients!row 6"],
        }
    )
    adsl.write_parquet(
        folder / "adsl.parquet",
        metadata={"labels": json.dumps({"AGE": "Age at first dose, years", "BOR": "Best response"})},
    )
    return folder


# OMOP summarised_result ----------------------------------------------------------------------------------------------


def test_a_rate_is_one_row_a_number_in_the_columns_of_omopgenerics(run: FinishedRun) -> None:
    rows, _ = results_and_settings(summarised_result(run))
    said = [(r["estimate_name"], r["estimate_type"], r["estimate_value"]) for r in rows if r["result_id"] == "1"]
    assert said == [
        ("count", "integer", "19"),
        ("denominator_count", "integer", "32"),
        ("proportion", "proportion", "0.59375"),
        ("proportion_lower", "proportion", "0.40644"),
        ("proportion_upper", "proportion", "0.76301"),
        ("missing_count", "integer", "2"),
    ]
    assert {(r["cdm_name"], r["group_name"], r["group_level"]) for r in rows[:1]} == {
        ("SYN-INO-IN32", "cohort_name", "treated")
    }
    assert {r["variable_name"] for r in rows[:6]} == {"CR or CRi"}


def test_a_time_stands_in_the_additional_columns_and_what_is_not_reached_says_why(run: FinishedRun) -> None:
    rows, _ = results_and_settings(summarised_result(run))
    survival = next(r for r in rows if r["estimate_name"] == "survival")
    assert (survival["additional_name"], survival["additional_level"]) == ("time &&& time_unit", "12 &&& months")
    assert (survival["estimate_value"], survival["estimate_type"]) == ("0.28125", "proportion")
    quartile = {r["estimate_name"]: r["estimate_value"] for r in rows if r["estimate_name"].startswith("q3")}
    assert quartile == {"q3": "NA", "q3_reason": "upper quartile not reached"}


def test_settings_name_the_package_the_analysis_and_the_threshold(run: FinishedRun) -> None:
    _, settings = results_and_settings(summarised_result(run))
    assert settings["1"]["result_type"] == "chartline_proportion"
    assert (settings["1"]["package_name"], settings["1"]["package_version"]) == ("chartline", "0.1.0")
    assert settings["1"]["analysis_methods"] == "Clopper-Pearson"
    assert settings["1"]["min_cell_count"] == "0"
    assert settings["2"]["additional"] == "time &&& time_unit"


def test_levels_of_a_subgroup_are_strata_and_those_of_a_counted_variable_its_levels(run: FinishedRun) -> None:
    of_sex = [
        Result("table1.sex", "n", 6.0, group, n=6, N=8, unit="patients", is_count=True, label="Sex")
        for group in ("SITEID=A;SEX=M", "SEX=F")
    ]
    rows, _ = results_and_settings(summarised_result(replace(run, results=Results(of_sex, "a", "b"))))
    where = [(r["strata_name"], r["strata_level"], r["variable_level"]) for r in rows if r["estimate_name"] == "count"]
    assert where == [("centre", "Centre A", "Male"), ("overall", "overall", "Female")]


def test_a_level_that_is_a_criterion_or_a_flag_is_told_by_its_label(run: FinishedRun) -> None:
    counted = [
        Result(analysis, "n", 6.0, group, n=6, unit="patients", is_count=True)
        for analysis, group in (
            ("attrition", "STEP=duplicate"),
            ("attrition", "STEP=adult"),
            ("safety_components", "FLAG=LIVTOXFL;VALUE=Y"),
            ("lab_grades", "TEST=ALT;BASE=0;GRADE=3"),
        )
    ]
    rows, _ = results_and_settings(summarised_result(replace(run, results=Results(counted, "a", "b"))))
    assert [(r["variable_name"], r["strata_level"]) for r in rows] == [
        ("Attrition", "Same person recorded at two centres"),
        ("Attrition", "Aged 18 years or over at first dose"),
        ("Components of the safety flags", "Grade 3-4 treatment-related liver toxicity &&& Yes"),
        ("Laboratory grades at baseline and worst on treatment", "ALT &&& 0 &&& 3"),
    ]


def test_a_small_cell_is_a_hyphen_and_the_settings_say_below_what(run: FinishedRun) -> None:
    """19 of 32 leave 13; with a threshold of 14 the 13 are few. 2 missing are few from 3 on."""
    rows, settings = results_and_settings(summarised_result(replace(run, smallest_cell=3)))
    assert [r["estimate_name"] for r in rows if r["estimate_value"] == "-"] == ["missing_count"]
    rows, settings = results_and_settings(summarised_result(replace(run, smallest_cell=14)))
    assert {r["estimate_value"] for r in rows if r["result_id"] == "1"} == {"-"}
    assert settings["1"]["min_cell_count"] == "14"


def test_what_omopgenerics_asks_for_holds(run: FinishedRun) -> None:
    assert faults_of_results(summarised_result(run)) == []
    assert faults_of_results(summarised_result(replace(run, smallest_cell=5))) == []


def test_the_rules_of_omopgenerics_find_a_file_that_breaks_them(run: FinishedRun) -> None:
    text = summarised_result(run)
    assert faults_of_results(text.replace("time &&& time_unit", "time", 1))
    assert faults_of_results(text.replace(",proportion,0.59375", ",share,0.59375"))
    assert faults_of_results(text + text.splitlines()[1] + "\n")
    assert faults_of_results(text.replace("cohort_name", "CohortName"))


def test_no_text_of_a_protocol_becomes_a_formula() -> None:
    text = csv_text(("a", "b", "c", "d"), [("=HYPERLINK(1)", "-", None, "-0.5")])
    assert list(csv.reader(StringIO(text)))[1] == ["'=HYPERLINK(1)", "-", "NA", "-0.5"]


@pytest.mark.parametrize(
    ("label", "name"), [("Disease status", "disease_status"), ("BCR::ABL1", "bcr_abl1"), ("CD22 (%)", "cd22")]
)
def test_names_are_snake_case(label: str, name: str) -> None:
    assert snake_case(label) == name


# OMOP cohort ---------------------------------------------------------------------------------------------------------


def test_a_cohort_begins_on_day_0_and_ends_with_death_last_contact_or_the_cut_off(run: FinishedRun) -> None:
    """A-01 was seen on 2024-05-01, after the cut-off of 2023-12-31; E-02 is not eligible."""
    a, e = centre_cohorts(run)
    assert e.files["cohort"].splitlines()[1:] == ["1,11,2020-01-05,2020-06-01"]
    assert a.files["cohort"].splitlines()[1].endswith(",2021-01-01,2023-12-31")
    assert (a.centre, a.n, e.n, e.undated) == ("A", 1, 1, ())


def test_subject_id_is_the_person_id_of_an_omop_database_and_elsewhere_a_stable_number_with_its_key(
    run: FinishedRun,
) -> None:
    a, e = centre_cohorts(run)
    assert e.key == ""
    number = int(a.files["cohort"].splitlines()[1].split(",")[1])
    assert 0 < number < 2**31
    assert a.key == f"subject_id,USUBJID\n{number},A-01\n"
    assert subject_ids(["A-01", "A-02"], ["x", "y"])[0][0] == number


def test_person_ids_may_be_negative_and_of_64_bits() -> None:
    addresses = ["person.csv!person_id=-9223372036854775808", "db!main.person!person_id=7"]
    assert subject_ids(["a", "b"], addresses) == ([-(2**63), 7], True)


def test_attrition_counts_down_to_the_cohort(run: FinishedRun) -> None:
    _, e = centre_cohorts(run)
    rows = [r.split(",") for r in e.files["cohort_attrition"].splitlines()[1:]]
    assert [(r[2], r[-1]) for r in rows] == [("2", "0")] * 4 + [("1", "1")] + [("1", "0")] * 2


@pytest.mark.parametrize(
    ("start", "end", "death", "last"),
    [
        (date(2020, 1, 1), date(2020, 3, 1), None, "2020-03-01"),  # not 2020-06-01, the last day known alive
        (date(2020, 1, 5), date(2020, 3, 1), None, "2020-03-01"),  # begins on day 0
        (date(2020, 1, 1), date(2020, 1, 5), None, "2020-01-05"),  # ends on day 0
        (date(2020, 1, 1), date(2020, 3, 1), date(2020, 2, 2), "2020-02-02"),  # a cohort does not outlast its person
        (date(2020, 1, 1), date(2020, 3, 1), date(2020, 4, 4), "2020-03-01"),
        (date(2020, 1, 1), date(2025, 1, 1), None, "2023-12-31"),  # the cut-off
        (date(2020, 1, 1), None, None, "2020-06-01"),  # goes on: the last day known alive
        (date(2020, 1, 1), None, date(2020, 2, 2), "2020-02-02"),
        (date(2020, 1, 6), date(2020, 3, 1), None, None),  # the first period begins after day 0
    ],
)
def test_a_cohort_lies_within_the_observation_period_of_day_0(
    run: FinishedRun, tmp_path: Path, start: date, end: date | None, death: date | None, last: str | None
) -> None:
    """E-01: day 0 is 2020-01-05, last known alive on 2020-06-01."""
    file = tmp_path / "adam" / "adsl.parquet"
    days = {"OBSSTDT": start, "OBSENDT": end, "DTHDT": death}
    pl.read_parquet(file).with_columns(**{n: pl.lit(d, pl.Date) for n, d in days.items()}).write_parquet(file)
    _, e = centre_cohorts(run)
    assert e.files["cohort"].splitlines()[1:] == ([f"1,11,2020-01-05,{last}"] if last else [])
    assert e.undated == (() if last else ("E-01",))
    assert not last or faults_of_cohort(e.files) == []


def test_who_has_no_last_day_is_left_out_and_named(run: FinishedRun, tmp_path: Path) -> None:
    adsl = pl.read_parquet(tmp_path / "adam" / "adsl.parquet")
    adsl.with_columns(LKADT=pl.lit(None, pl.Date), DTHDT=pl.lit(None, pl.Date)).write_parquet(
        tmp_path / "adam" / "adsl.parquet"
    )
    a, e = centre_cohorts(run)
    assert (a.n, a.undated, e.undated) == (0, ("A-01",), ("E-01",))
    assert a.files["cohort_attrition"].splitlines()[-1].endswith(",1,1")


def test_what_omopgenerics_asks_of_a_cohort_holds(run: FinishedRun) -> None:
    for cohort in centre_cohorts(run):
        assert faults_of_cohort(cohort.files) == []
        broken = cohort.files | {"cohort": cohort.files["cohort"].replace("2020-01-05", "2022-01-05")}
        assert bool(faults_of_cohort(broken)) == (cohort.centre == "E")


# Dataset-JSON and Define-XML -----------------------------------------------------------------------------------------


def test_a_table_is_metadata_and_rows_with_iso_dates_null_for_missing_and_no_number_rounded(
    run: FinishedRun, tmp_path: Path
) -> None:
    dataset = describe_dataset(run.tables["ADSL"])
    said = json.loads(write_dataset(run, dataset, tmp_path, AT).read_text(encoding="utf-8"))
    assert said["datasetJSONVersion"] == "1.1.0" and said["datasetJSONCreationDateTime"] == "2026-03-01T12:30:00Z"
    assert (said["itemGroupOID"], said["name"], said["records"]) == ("IG.ADSL", "ADSL", 3)
    columns = {c["name"]: c for c in said["columns"]}
    assert columns["USUBJID"] == {
        "itemOID": "IT.ADSL.USUBJID",
        "name": "USUBJID",
        "label": "USUBJID",
        "dataType": "string",
        "length": 4,
        "keySequence": 2,
    }
    assert columns["TRTSDT"]["dataType"] == "date" and columns["TRTSDT"]["targetDataType"] == "integer"
    assert columns["AGE"] == {
        "itemOID": "IT.ADSL.AGE",
        "name": "AGE",
        "label": "Age at first dose, years",
        "dataType": "integer",
    }
    assert columns["BSA"]["dataType"] == "double"
    assert said["rows"][0][:8] == ["E", "E-01", "Y", None, 40, 1.73, "CR", "2020-01-05"]
    rows = said.pop("rows")
    assert faults_of_dataset(said, rows) == []
    assert faults_of_dataset(said, rows[1:]) == ["records"]


def test_a_table_in_parts_is_read_part_by_part_and_written_as_ndjson(run: FinishedRun, tmp_path: Path) -> None:
    parts = tmp_path / "parts" / "adex"
    parts.mkdir(parents=True)
    for i in (0, 1):
        dose = pl.DataFrame({"USUBJID": [f"A-0{i}"], "EXDOSE": [0.8 + i]})
        dose.write_parquet(parts / f"part-{i}.parquet", metadata={"labels": json.dumps({"EXDOSE": "Dose, mg"})})
    table = tables_of(tmp_path / "parts")["ADEX"]
    dataset = describe_dataset(table)
    file = write_dataset(run, dataset, tmp_path, AT)
    head, *rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert file.name == "adex.ndjson" and head["records"] == 2 and head["columns"][1]["label"] == "Dose, mg"
    assert rows == [["A-00", 0.8], ["A-01", 1.8]]
    assert faults_of_dataset(head, rows) == []


@pytest.mark.parametrize(("records", "large"), [(LARGE - 1, False), (LARGE, True), (LARGE + 1, True)])
def test_a_table_of_many_records_is_ndjson(run: FinishedRun, records: int, large: bool) -> None:
    assert is_large(replace(describe_dataset(run.tables["ADSL"]), records=records)) == large


def test_a_number_that_json_cannot_say_is_an_error_and_not_another_number(run: FinishedRun, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    pl.DataFrame({"AVAL": [float("nan")]}).write_parquet(folder / "adlb.parquet")
    with pytest.raises(ExchangeError, match="a number that JSON cannot say"):
        describe_dataset(tables_of(folder)["ADLB"])


def test_texts_and_numbers_read_back_as_they_were(run: FinishedRun, tmp_path: Path) -> None:
    table = pl.DataFrame(
        {
            "TEXT": ['a "quoted" \\ text', "line\nfeed\tand \x01", "Fièvre 39 °C, {not} [json]", "", None],
            "NUMBER": [0.1 + 0.2, 1e-7, -5e300, 3.0, None],
            "WHOLE": [2**62, -1, 0, 1, None],
            "DAY": [date(1900, 1, 1), date(2024, 2, 29), None, date(2024, 12, 31), None],
        }
    )
    folder = tmp_path / "other"
    folder.mkdir()
    table.write_parquet(folder / "adlb.parquet")
    file = write_dataset(run, describe_dataset(tables_of(folder)["ADLB"]), tmp_path, AT)
    rows = json.loads(file.read_text(encoding="utf-8"))["rows"]
    assert rows == [[t, n, w, d and d.isoformat()] for t, n, w, d in table.iter_rows()]


def test_define_xml_describes_each_variable_that_the_datasets_name(run: FinishedRun, tmp_path: Path) -> None:
    dataset = describe_dataset(run.tables["ADSL"])
    root = ET.fromstring(define_xml(run, [dataset], AT))
    items = {i.get("OID"): i for i in root.iter(f"{{{ODM}}}ItemDef")}
    said = json.loads(write_dataset(run, dataset, tmp_path, AT).read_text(encoding="utf-8"))
    assert set(items) == {c["itemOID"] for c in said["columns"]}
    study, metadata = root.find(f"{{{ODM}}}Study"), root.find(f".//{{{ODM}}}MetaDataVersion")
    assert study is not None and metadata is not None
    assert (study.get("OID"), metadata.get("OID")) == (said["studyOID"], said["metaDataVersionOID"])
    group = root.find(f".//{{{ODM}}}ItemGroupDef")
    assert group is not None and group.get("OID") == said["itemGroupOID"]
    best = items["IT.ADSL.BOR"]
    assert (best.get("DataType"), best.get("Length")) == ("text", "2")
    method = next(m for m in root.iter(f"{{{ODM}}}MethodDef") if m.get("OID") == "MT.ADSL.BOR")
    assert "".join(method.itertext()).strip() == "Best response. By INO-VATE, version 2."
    listed = next(c for c in root.iter(f"{{{ODM}}}CodeList") if c.get("OID") == "CL.ADSL.BOR")
    codes = {i.get("CodedValue"): "".join(i.itertext()).strip() for i in listed}
    assert codes == {"CR": "Complete remission", "NE": "Not evaluable"}


def test_every_reference_in_define_xml_resolves(run: FinishedRun) -> None:
    root = ET.fromstring(define_xml(run, [describe_dataset(t) for t in run.tables.values()], AT))
    ids = {e.get("OID") or e.get("ID") for e in root.iter()} - {None}
    attributes = ("ItemOID", "MethodOID", "CodeListOID", f"{{{DEF}}}ArchiveLocationID", f"{{{DEF}}}CommentOID")
    attributes += ("ValueListOID", "WhereClauseOID", f"{{{DEF}}}ItemOID")
    refs = {e.get(a) for e in root.iter() for a in attributes} - {None}
    assert refs and refs <= ids


# FHIR ----------------------------------------------------------------------------------------------------------------


def measures(run: FinishedRun) -> dict[str, Any]:
    return {name: json.loads(text) for name, text in measure_files(run, AT).items()}


def test_a_rate_is_a_group_of_a_proportion_measure(run: FinishedRun) -> None:
    report = measures(run)["MeasureReport-proportion.json"]
    (group,) = report["group"]
    counts = {p["code"]["coding"][0]["code"]: p["count"] for p in group["population"]}
    assert counts == {"initial-population": 32, "denominator": 32, "numerator": 19}
    assert group["measureScore"] == {
        "value": 0.59375,
        "unit": "proportion",
        "system": "http://unitsofmeasure.org",
        "code": "1",
    }
    assert report["period"] == {"end": "2023-12-31"} and report["type"] == "summary"


def test_the_report_names_its_measure_and_the_measure_the_protocols_conditions(run: FinishedRun) -> None:
    files = measures(run)
    measure, report = files["Measure-proportion.json"], files["MeasureReport-proportion.json"]
    assert report["measure"] == f"{measure['url']}|{measure['version']}"
    criteria = {p["code"]["coding"][0]["code"]: p["criteria"]["expression"] for p in measure["group"][0]["population"]}
    assert criteria["numerator"] == "RESPFL == 'Y'" and criteria["denominator"] == "ELIGFL == 'Y'"


def test_survival_is_an_estimate_and_no_numerator(run: FinishedRun) -> None:
    (group,) = measures(run)["MeasureReport-continuous-variable.json"]["group"]
    assert [p["count"] for p in group["population"]] == [32, 32] and group["measureScore"]["value"] == 0.28125


def test_a_rate_that_is_counted_by_centre_has_strata(run: FinishedRun) -> None:
    of_centre = [replace(RATE, group=f"SITEID={c}", value=n / 8, n=n, N=8) for c, n in (("A", 6), ("B", 1))]
    results = Results([*run.results, *of_centre], "a", "b")
    (group,) = measures(replace(run, results=results))["MeasureReport-proportion.json"]["group"]
    strata = group["stratifier"][0]["stratum"]
    assert [(s["value"]["text"], s["measureScore"]["value"]) for s in strata] == [
        ("Centre A", 0.75),
        ("Centre B", 0.125),
    ]


def test_a_small_cell_is_masked(run: FinishedRun) -> None:
    files = measures(replace(run, smallest_cell=14))
    (group,) = files["MeasureReport-proportion.json"]["group"]
    assert all(p["_count"]["extension"][0]["valueCode"] == "masked" for p in group["population"])
    assert "value" not in group["measureScore"]
    assert "not shown: small cell" in files["MeasureReport-proportion.json"]["text"]["div"]
    assert "19" not in files["MeasureReport-proportion.json"]["text"]["div"].replace("a" * 64, "").split("<table>")[1]


def test_what_r4_asks_for_holds(run: FinishedRun) -> None:
    for smallest in (1, 14):
        for name, resource in measures(replace(run, smallest_cell=smallest)).items():
            assert (faults_of_measure if name.startswith("Measure-") else faults_of_report)(resource) == []
    measure = measures(run)["Measure-cohort.json"]
    assert faults_of_measure(measure | {"status": "done"}) == ["status"]


# the out folder ------------------------------------------------------------------------------------------------------


def test_a_folder_that_is_no_finished_run_is_refused_with_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(ExchangeError, match="not the out folder of a finished run: it has no headline"):
        read_finished(tmp_path)
