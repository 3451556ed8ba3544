"""The headline as FHIR R4 Measure and MeasureReport, one pair a scoring.

Source: FHIR R4 (4.0.1), resources Measure and MeasureReport, code systems measure-scoring and measure-population. R4
gives a Measure one scoring, so the headline is told in up to three:

    proportion            n of N: initial population, denominator, numerator; the score is n / N
    continuous-variable   medians, survival at a time: the measure population; the score is the estimate with its unit
    cohort                numbers of patients: the initial population

A MeasureReport is of the type summary and refers to no patient. What R4 has no place for, the interval and the method,
stands in the narrative. A hidden small cell has no value and the reason `masked` (data-absent-reason). A proportion
whose analysis is also counted a centre has a stratifier by centre.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any

from chartline.results.disclosure import hidden_results
from chartline.results.model import Result
from chartline.results.wording import group_words

if TYPE_CHECKING:
    from chartline.exchange.model import FinishedRun

_POPULATION = "http://terminology.hl7.org/CodeSystem/measure-population"
_SCORING = "http://terminology.hl7.org/CodeSystem/measure-scoring"
_ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
_UCUM = "http://unitsofmeasure.org"
_UCUM_UNITS = {"months": "mo", "days": "d", "years": "a", "proportion": "1", "mg": "mg", "mg/m2": "mg/m2", "%": "%"}
_NAMESPACE = uuid.UUID("c86e5a5c-1d0c-5c59-9f1e-6b2f3b7a9a51")  # of the names from which Measures get their url
_TITLES = {"proportion": "proportions", "continuous-variable": "medians and estimates", "cohort": "patients"}
_DISPLAY = {
    "initial-population": "Initial Population",
    "denominator": "Denominator",
    "numerator": "Numerator",
    "measure-population": "Measure Population",
}
_IN = {
    "proportion": ("initial-population", "denominator", "numerator"),
    "continuous-variable": ("initial-population", "measure-population"),
    "cohort": ("initial-population",),
}

Json = dict[str, Any]


def measure_files(run: FinishedRun, at: datetime) -> dict[str, str]:
    """Return file name -> JSON text of every Measure and MeasureReport; `at` is when they are made."""
    hidden = hidden_results(run.results, run.smallest_cell)
    out = {}
    for scoring in _IN:
        entries = {k: e for k, e in run.headline.items() if _scoring(run, e) == scoring}
        if entries:
            out[f"Measure-{scoring}.json"] = _text(_measure(run, scoring, entries, at))
            out[f"MeasureReport-{scoring}.json"] = _text(_report(run, scoring, entries, hidden, at))
    return out


def _text(resource: Json) -> str:
    return json.dumps(resource, indent=2, ensure_ascii=False) + "\n"


def _scoring(run: FinishedRun, entry: Json) -> str:
    result = run.results[entry["result_id"]]
    if result.is_count:
        return "cohort"
    return "proportion" if result.statistic.startswith("proportion") else "continuous-variable"


def _url(run: FinishedRun, scoring: str) -> str:
    """The canonical address of a Measure: the same for the same protocol, and claiming no domain."""
    return uuid.uuid5(_NAMESPACE, f"{run.study}/{run.protocol_digest}/{scoring}").urn


def _id(run: FinishedRun, scoring: str, kind: str) -> str:
    name = "".join(c if c.isascii() and (c.isalnum() or c == "-") else "-" for c in f"{run.study}-{scoring}")
    return f"{name[: 64 - len(kind) - 1]}-{kind}"


def _coded(system: str, code: str, display: str) -> Json:
    return {"coding": [{"system": system, "code": code, "display": display}]}


def _measure(run: FinishedRun, scoring: str, entries: dict[str, Json], at: datetime) -> Json:
    study = run.protocol.study
    return {
        "resourceType": "Measure",
        "id": _id(run, scoring, "measure"),
        "url": _url(run, scoring),
        "version": run.protocol_digest[:16],
        "name": "".join(c for c in f"Headline_{run.study}_{scoring}".replace("-", "_") if c.isalnum() or c == "_"),
        "title": f"{study.title}: {_TITLES[scoring]}",
        "status": "active",
        "experimental": bool(study.notice),
        "date": at.astimezone(UTC).date().isoformat(),
        "description": " ".join(filter(None, (study.notice, study.objective))) or study.title,
        "scoring": _coded(_SCORING, scoring, scoring.replace("-", " ").title()),
        "group": [_measure_group(run, scoring, key, entry) for key, entry in entries.items()],
    }


def _measure_group(run: FinishedRun, scoring: str, key: str, entry: Json) -> Json:
    result = run.results[entry["result_id"]]
    group: Json = {"code": {"text": key}, "description": _words(entry)}
    group["population"] = [
        {
            "code": _coded(_POPULATION, code, _DISPLAY[code]),
            "criteria": {"language": "text/plain", "expression": _criteria(run, result, code)},
        }
        for code in _IN[scoring]
    ]
    if scoring == "proportion" and _by_centre(run, result):
        group["stratifier"] = [
            {"code": {"text": "Centre"}, "criteria": {"language": "text/plain", "expression": "SITEID"}}
        ]
    return group


def _words(entry: Json) -> str:
    return f"{entry['label']}. {entry['definition']}" if entry["definition"] else entry["label"]


def _criteria(run: FinishedRun, result: Result, code: str) -> str:
    """Return the condition of a population as the protocol writes it, or the name of the step that is counted."""
    declared: Any = next((a for a in run.protocol.analyses if a.id == result.analysis), None)
    analysis_set = run.protocol.sets.get(getattr(declared, "population", None) or "")
    if code == "numerator":
        return str(getattr(declared, "numerator", result.label))
    if analysis_set is not None:
        return analysis_set.where
    endpoint = next((e for e in run.protocol.endpoints if e.id == getattr(declared, "endpoint", "")), None)
    if endpoint is not None and endpoint.population in run.protocol.sets:
        return run.protocol.sets[endpoint.population].where
    return result.label or result.analysis


# the report ----------------------------------------------------------------------------------------------------------


def _report(run: FinishedRun, scoring: str, entries: dict[str, Json], hidden: frozenset[str], at: datetime) -> Json:
    cut_off = run.protocol.data.cut_off
    unknown = {"extension": [{"url": _ABSENT, "valueCode": "unknown"}]}
    return {
        "resourceType": "MeasureReport",
        "id": _id(run, scoring, "report"),
        "text": {"status": "generated", "div": _narrative(run, entries, hidden)},
        "status": "complete",
        "type": "summary",
        "measure": f"{_url(run, scoring)}|{run.protocol_digest[:16]}",
        "date": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "period": {"end": cut_off.isoformat()} if cut_off else unknown,
        "group": [_group(run, scoring, key, entry, hidden) for key, entry in entries.items()],
    }


def _group(run: FinishedRun, scoring: str, key: str, entry: Json, hidden: frozenset[str]) -> Json:
    result = run.results[entry["result_id"]]
    group: Json = {"code": {"text": key}, **_counted(scoring, result, hidden)}
    strata = _by_centre(run, result) if scoring == "proportion" else []
    if strata:
        group["stratifier"] = [{"code": [{"text": "Centre"}], "stratum": [_stratum(run, s, hidden) for s in strata]}]
    return group


def _stratum(run: FinishedRun, result: Result, hidden: frozenset[str]) -> Json:
    return {"value": {"text": group_words(run.protocol, result.group)}, **_counted("proportion", result, hidden)}


def _counted(scoring: str, result: Result, hidden: frozenset[str]) -> Json:
    """Return the populations of a group or stratum with their numbers, and its score."""
    masked = result.id in hidden
    of = {
        "numerator": result.n,
        "initial-population": result.n if scoring == "cohort" else result.N,
        "denominator": result.N,
        "measure-population": result.N,
    }
    populations = [{"code": _coded(_POPULATION, c, _DISPLAY[c]), **_count(of[c], masked)} for c in _IN[scoring]]
    if scoring == "cohort":
        return {"population": populations}
    if masked or result.value is None:
        why = "masked" if masked else "not-applicable"
        return {"population": populations, "measureScore": {"extension": [{"url": _ABSENT, "valueCode": why}]}}
    return {"population": populations, "measureScore": _quantity(result)}


def _count(n: int | None, masked: bool) -> Json:
    if masked or n is None:
        return {"_count": {"extension": [{"url": _ABSENT, "valueCode": "masked" if masked else "unknown"}]}}
    return {"count": n}


def _quantity(result: Result) -> Json:
    assert result.value is not None
    said: Json = {"value": result.value}
    if result.unit:
        said["unit"] = result.unit
    if result.unit in _UCUM_UNITS:
        said |= {"system": _UCUM, "code": _UCUM_UNITS[result.unit]}
    return said


def _by_centre(run: FinishedRun, result: Result) -> list[Result]:
    return [
        r
        for r in run.results.of(result.analysis)
        if (r.statistic, r.at) == (result.statistic, result.at) and r.group.startswith("SITEID=") and ";" not in r.group
    ]


# the narrative -------------------------------------------------------------------------------------------------------


def _narrative(run: FinishedRun, entries: dict[str, Json], hidden: frozenset[str]) -> str:
    head = "".join(f"<th>{escape(t)}</th>" for t in ("", "Estimate", "n / N", "95 % interval", "Method"))
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in _line(e, run.results[e['result_id']], hidden))}</tr>"
        for e in entries.values()
    )
    notice = f"<p>{escape(run.protocol.study.notice)}</p>" if run.protocol.study.notice else ""
    digests = f"Protocol {run.protocol_digest}; data {run.data_digest}."
    return (
        f'<div xmlns="http://www.w3.org/1999/xhtml"><p>{escape(run.protocol.study.title)}</p>{notice}'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><p>{digests}</p></div>"
    )


def _line(entry: Json, result: Result, hidden: frozenset[str]) -> Iterable[str]:
    if result.id in hidden:
        return entry["label"], "not shown: small cell", "", "", result.method
    counts = "" if result.n is None else f"{result.n}" if result.N is None else f"{result.n} / {result.N}"
    if result.value is None:
        return entry["label"], result.reason, counts, "", result.method
    interval = "" if result.lower is None or result.upper is None else f"{result.lower:.4g} to {result.upper:.4g}"
    return entry["label"], f"{result.value:.4g} {result.unit}", counts, interval, result.method
