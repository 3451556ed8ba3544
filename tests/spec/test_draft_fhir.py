"""Drafting FHIR resources: codes, slips in them, and what is left unread."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl

from chartline.draft.draft import draft_centre
from chartline.draft.write import yaml_text
from chartline.mapping.apply import map_centre
from chartline.mapping.load import load_mapping
from chartline.protocol.load import load_protocol
from chartline.sources.read import read_centre

PROTOCOL = load_protocol(Path(__file__).resolve().parents[2] / "examples" / "inotuzumab-india")


def observation(n: int, code: str, display: str, value: float, unit: str = "U/L") -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": f"o{n}",
        "status": "final",
        "subject": {"reference": "Patient/K1"},
        "code": {"coding": [{"system": "http://loinc.org", "code": code, "display": display}]},
        "effectiveDateTime": "2020-04-13",
        "valueQuantity": {"value": value, "unit": unit, "code": unit, "system": "http://unitsofmeasure.org"},
    }


def write(folder: Path, name: str, *resources: dict[str, Any]) -> None:
    (folder / name).write_text("\n".join(map(json.dumps, resources)) + "\n", encoding="utf-8")


ALT = "Alanine aminotransferase [Enzymatic activity/volume] in Serum or Plasma"
PATIENT = {"resourceType": "Patient", "id": "K1", "gender": "female", "birthDate": "1980-04-13"}


def test_a_slip_in_a_loinc_code_is_a_question_whatever_its_words_say(tmp_path: Path) -> None:
    """1742-6 is ALT; 1742-9 cannot be a code, for its last digit does not fit (see test_draft_confidence.py)."""
    write(tmp_path, "o.ndjson", PATIENT, observation(1, "1742-6", ALT, 30), observation(2, "1742-9", ALT, 31))
    draft = draft_centre(tmp_path, None, PROTOCOL, "K")
    assert draft.mapping["code_lists"]["lbtestcd"] == {"ALT": ["1742-6"]}
    assert ["1742-9" in q.text and "slip" in q.text for q in draft.questions] == [True]


def test_a_code_that_we_do_not_know_is_read_by_its_words_and_never_surely(tmp_path: Path) -> None:
    """1743-4 is ALT with pyridoxal phosphate, which our list does not hold; its name is that of ALT."""
    write(tmp_path, "o.ndjson", PATIENT, observation(1, "1743-4", ALT, 30))
    draft = draft_centre(tmp_path, None, PROTOCOL, "K")
    (coded,) = [c for c in draft.coded if c.target.variable == "LBTESTCD"]
    assert [(w.word, w.term, w.confidence) for w in coded.words] == [("1743-4", "ALT", 0.88)]


def consent(n: int, status: str, scope: str, day: str, permits: str = "permit") -> dict[str, Any]:
    return {
        "resourceType": "Consent",
        "id": f"c{n}",
        "status": status,
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": scope}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": f"Patient/K{n}"},
        "dateTime": day,
        "provision": {"type": permits},
    }


def test_the_day_of_a_consent_that_was_given_is_read(tmp_path: Path) -> None:
    """Of research and treatment; a consent that is inactive by now was given once. What was refused is no consent."""
    patients = [PATIENT | {"id": f"K{n}"} for n in range(1, 7)]
    given = [
        consent(1, "active", "research", "2020-04-01"),
        consent(2, "inactive", "treatment", "2020-05-02T10:00:00Z"),
    ]
    refused = [consent(3, "rejected", "research", "2020-04-03"), consent(4, "active", "research", "2020-04-04", "deny")]
    other = [consent(5, "active", "patient-privacy", "2020-04-05"), consent(6, "proposed", "research", "2020-04-06")]
    write(tmp_path, "o.ndjson", *patients, *given, *refused, *other)
    draft = draft_centre(tmp_path, None, PROTOCOL, "K")
    table = draft.mapping["tables"]["Consent"]
    assert table["records"] == [
        {
            "domain": "DM",
            "where": {"scope.coding[0].code": ["research", "treatment"]},
            "anchor": ["RFICDTC"],
            "variables": {"RFICDTC": "dateTime"},
        }
    ]
    assert ["patient-privacy (1)" in q.text for q in draft.questions] == [True]
    (tmp_path / "draft").mkdir()
    file = tmp_path / "draft" / "k.yaml"
    file.write_text(yaml_text(draft), encoding="utf-8")
    mapping = load_mapping(file)
    data, queries = map_centre(read_centre(tmp_path, mapping.sources, {"draft/*": "ours"}), mapping)
    read = data["DM"].filter(pl.col("RFICDTC").is_not_null())
    assert dict(zip(read["USUBJID"], read["RFICDTC"], strict=True)) == {"K1": "2020-04-01", "K2": "2020-05-02"}
    assert [q for q in queries if q.asks] == []


def test_of_resources_that_the_study_does_not_need_the_rows_are_one_question(tmp_path: Path) -> None:
    weight = observation(1, "29463-7", "Body weight", 61, "kg")
    weight |= {"method": {"text": "scale"}, "bodySite": {"text": "whole"}}
    write(tmp_path, "o.ndjson", PATIENT, weight)
    draft = draft_centre(tmp_path, None, PROTOCOL, "K")
    assert ["Body weight (1)" in q.text for q in draft.questions] == [True]


def test_one_file_that_cannot_be_read_is_left_out_and_the_others_are_read(tmp_path: Path) -> None:
    write(tmp_path, "o.ndjson", PATIENT, observation(1, "1742-6", ALT, 30))
    (tmp_path / "broken.ndjson").write_text(json.dumps(PATIENT) + "\n{not json\n", encoding="utf-8")
    draft = draft_centre(tmp_path, None, PROTOCOL, "K")
    assert set(draft.mapping["tables"]) == {"Patient", "Observation"}
    assert draft.mapping["ignore_files"]["broken.ndjson"].startswith("open question: cannot be read")
    assert any(q.text.startswith("broken.ndjson") for q in draft.questions)
