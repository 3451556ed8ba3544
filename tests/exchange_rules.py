"""The published rules of the formats that `chartline export` writes, restated: what a reader of each would refuse.

summarised_result   omopgenerics 1.3.6, `newSummarisedResult` and its table of fields
cohort table        omopgenerics 1.3.6, `newCohortTable`
Dataset-JSON        CDISC Dataset-JSON 1.1, attributes and supported combinations of data types
MeasureReport       FHIR R4 (4.0.1), required elements and value sets
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from io import StringIO
from itertools import pairwise
from typing import Any

RESULT_COLUMNS = [
    *("result_id", "cdm_name", "group_name", "group_level", "strata_name", "strata_level", "variable_name"),
    *("variable_level", "estimate_name", "estimate_type", "estimate_value", "additional_name", "additional_level"),
]
MAY_BE_NA = {"result_id", "variable_level", "estimate_value"}
ESTIMATE_TYPES = {"numeric", "integer", "date", "character", "proportion", "percentage", "logical"}
SETTINGS = {"result_type", "package_name", "package_version", "group", "strata", "additional", "min_cell_count"}
SNAKE = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")

Table = list[dict[str, str]]


def read_csv(text: str) -> Table:
    return list(csv.DictReader(StringIO(text)))


def results_and_settings(text: str) -> tuple[Table, dict[str, dict[str, str]]]:
    """Return the rows that are results, and result_id -> settings, as omopgenerics takes a file apart."""
    rows = read_csv(text)
    settings: dict[str, dict[str, str]] = {}
    for row in rows:
        if row["variable_name"] == "settings":
            settings.setdefault(row["result_id"], {})[row["estimate_name"]] = row["estimate_value"]
    return [row for row in rows if row["variable_name"] != "settings"], settings


def faults_of_results(text: str) -> list[str]:
    """Return what omopgenerics would refuse, warn of or set right in silence."""
    rows, settings = results_and_settings(text)
    out = [] if next(csv.reader(StringIO(text))) == RESULT_COLUMNS else ["columns"]
    out += [f"NA in {n}: {r}" for r in rows for n, v in r.items() if v == "NA" and n not in MAY_BE_NA]
    out += [f"type: {r}" for r in rows if r["estimate_type"] not in ESTIMATE_TYPES]
    out += [f"not in the settings: {r}" for r in rows if r["result_id"] not in settings]
    for pair in ("group", "strata", "additional"):
        for name, level in {(r[f"{pair}_name"], r[f"{pair}_level"]) for r in rows}:
            names, levels = name.split(" &&& "), level.split(" &&& ")
            out += [f"{name} and {level} differ in length"] if len(names) != len(levels) else []
            out += [f"{n} is not snake_case" for n in names if not SNAKE.fullmatch(n)]
    keys = Counter(tuple(v for n, v in r.items() if n != "estimate_value") for r in rows)
    out += [f"twice: {k}" for k, n in keys.items() if n > 1]
    out += [f"{r['estimate_value']} is no {r['estimate_type']}" for r in rows if not _is_of_its_type(r)]
    return out + _faults_of_settings(settings)


def _faults_of_settings(settings: dict[str, dict[str, str]]) -> list[str]:
    out = [f"{i} lacks {SETTINGS - set(said)}" for i, said in settings.items() if SETTINGS - set(said)]
    said_twice = Counter(tuple(sorted(said.items())) for said in settings.values())
    out += ["two result_id with the same settings"] if max(said_twice.values()) > 1 else []
    for i, said in settings.items():
        parts = [set(said[p].split(" &&& ")) - {""} for p in ("group", "strata", "additional")]
        out += [f"{i}: a name in two of {parts}"] if len(set.union(*parts)) != sum(map(len, parts)) else []
    return out


def _is_of_its_type(row: dict[str, str]) -> bool:
    value = row["estimate_value"]
    if value in ("NA", "-") or row["estimate_type"] == "character":
        return True
    number = r"-?\d+" if row["estimate_type"] == "integer" else r"-?\d+(\.\d+)?(e[+-]?\d+)?"
    return re.fullmatch(number, value) is not None


COHORT = {
    "cohort": ["cohort_definition_id", "subject_id", "cohort_start_date", "cohort_end_date"],
    "cohort_settings": ["cohort_definition_id", "cohort_name"],
    "cohort_attrition": [
        *("cohort_definition_id", "number_records", "number_subjects", "reason_id", "reason"),
        *("excluded_records", "excluded_subjects"),
    ],
    "cohort_definition": [
        *("cohort_definition_id", "cohort_definition_name", "cohort_definition_description"),
        *("definition_type_concept_id", "cohort_definition_syntax", "subject_concept_id", "cohort_initiation_date"),
    ],
}


def faults_of_cohort(files: dict[str, str]) -> list[str]:
    """Return what `newCohortTable` would refuse of the CSV files of a cohort."""
    tables = {name: read_csv(text) for name, text in files.items()}
    out = [f"{n} lacks columns" for n, columns in COHORT.items() if not set(columns) <= set(tables[n][0] or columns)]
    rows = tables["cohort"]
    out += [f"NA: {r}" for r in rows for c in COHORT["cohort"] if r[c] in ("", "NA")]
    out += [f"ends before it starts: {r}" for r in rows if r["cohort_end_date"] < r["cohort_start_date"]]
    who = Counter((r["cohort_definition_id"], r["subject_id"]) for r in rows)
    out += [f"overlapping: {k}" for k, n in who.items() if n > 1]
    ids = {name: {r["cohort_definition_id"] for r in t} for name, t in tables.items()}
    out += ["settings and attrition differ in cohorts"] if ids["cohort_settings"] != ids["cohort_attrition"] else []
    out += ["a cohort without settings"] if not ids["cohort"] <= ids["cohort_settings"] else []
    out += [f"{r} is no integer" for r in rows if not re.fullmatch(r"-?\d+", r["subject_id"])]
    steps = tables["cohort_attrition"]
    for before, now in pairwise(steps):
        left = int(before["number_subjects"]) - int(now["number_subjects"])
        out += [f"attrition does not add up at {now}"] if left != int(now["excluded_subjects"]) else []
    out += ["the attrition ends in another number"] if int(steps[-1]["number_subjects"]) != len(rows) else []
    return out


DATASET = {
    *("datasetJSONCreationDateTime", "datasetJSONVersion", "itemGroupOID", "records", "name", "label", "columns"),
}
_JSON_OF = {"string": str, "date": str, "integer": int, "double": (int, float), "boolean": bool}


def faults_of_dataset(dataset: dict[str, Any], rows: list[list[Any]]) -> list[str]:
    """Return what the specification forbids of a Dataset-JSON document and its rows."""
    out = [f"lacks {DATASET - set(dataset)}"] if DATASET - set(dataset) else []
    out += [] if re.fullmatch(r"1\.1(\.(0|[1-9][0-9]*))?", dataset["datasetJSONVersion"]) else ["version"]
    when = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?([+-]\d\d:\d\d|Z)?"
    out += [] if re.fullmatch(when, dataset["datasetJSONCreationDateTime"]) else ["creation"]
    out += [] if dataset["records"] == len(rows) else ["records"]
    keys = sorted(c["keySequence"] for c in dataset["columns"] if "keySequence" in c)
    out += [] if keys == list(range(1, len(keys) + 1)) else [f"keys {keys}"]
    for column in dataset["columns"]:
        lacks = {"itemOID", "name", "label", "dataType"} - set(column)
        out += [f"{column['name']} lacks {lacks}"] if lacks else []
        dated = column["dataType"] == "date"
        out += [f"target of {column['name']}"] if (column.get("targetDataType") == "integer") != dated else []
    for row in rows:
        out += ["a row is not as long as the columns"] if len(row) != len(dataset["columns"]) else []
        for column, value in zip(dataset["columns"], row, strict=True):
            if value is None:
                continue
            if not isinstance(value, _JSON_OF[column["dataType"]]):
                out.append(f"{column['name']}: {value!r} is no {column['dataType']}")
            if column["dataType"] == "date" and not re.fullmatch(r"\d{4}-\d\d-\d\d", value):
                out.append(f"{column['name']}: {value!r} is no ISO date")
            if column["dataType"] == "string" and len(value) > column["length"]:
                out.append(f"{column['name']}: {value!r} is longer than {column['length']}")
    return out


POPULATIONS = {
    "initial-population",
    "numerator",
    "numerator-exclusion",
    "denominator",
    "denominator-exclusion",
    "denominator-exception",
    "measure-population",
    "measure-population-exclusion",
    "measure-observation",
}
OF_SCORING = {  # which populations a scoring asks for (FHIR R4, Measure: population types by scoring)
    "proportion": {"initial-population", "denominator", "numerator"},
    "continuous-variable": {"initial-population", "measure-population"},
    "cohort": {"initial-population"},
}
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")


def faults_of_measure(measure: dict[str, Any]) -> list[str]:
    """Return what FHIR R4 forbids of a Measure, as far as ours use it."""
    out = [] if measure["resourceType"] == "Measure" and _ID.fullmatch(measure["id"]) else ["type or id"]
    out += [] if measure["status"] in ("draft", "active", "retired", "unknown") else ["status"]
    out += [] if re.fullmatch(r"[A-Z]([A-Za-z0-9_]){0,254}", measure["name"]) else ["mea-0: name"]
    scoring = measure["scoring"]["coding"][0]["code"]
    for group in measure["group"]:
        codes = {p["code"]["coding"][0]["code"] for p in group["population"]}
        out += [f"{scoring}: {codes}"] if codes != OF_SCORING[scoring] else []
        for part in (*group["population"], *group.get("stratifier", ())):
            criteria = part["criteria"]
            out += ["exp-1"] if not (criteria.get("language") and criteria.get("expression")) else []
    return out


def faults_of_report(report: dict[str, Any]) -> list[str]:
    """Return what FHIR R4 forbids of a MeasureReport of the type summary, as far as ours use it."""
    out = [] if report["resourceType"] == "MeasureReport" and _ID.fullmatch(report["id"]) else ["type or id"]
    out += [] if report["status"] in ("complete", "pending", "error") else ["status"]
    out += [] if report["type"] in ("individual", "subject-list", "summary", "data-collection") else ["type"]
    out += [] if report["measure"] and report["period"] else ["measure and period are required"]
    out += ["a summary has no subject"] if {"subject", "evaluatedResource"} & set(report) else []
    strata = [s for g in report["group"] for st in g.get("stratifier", ()) for s in st["stratum"]]
    for group in (*report["group"], *strata):
        for population in group["population"]:
            code = population["code"]["coding"][0]["code"]
            out += [f"{code} is no population"] if code not in POPULATIONS else []
            out += [f"{population}: a count or a reason"] if ("count" in population) == ("_count" in population) else []
            out += [f"{population}: no number"] if not isinstance(population.get("count", 0), int) else []
        score = group.get("measureScore", {"value": 0})
        out += ["ele-1"] if not ({"value", "extension"} & set(score)) else []
        out += ["qty-3"] if "code" in score and "system" not in score else []
    return out
