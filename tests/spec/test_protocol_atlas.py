"""What of a cohort definition of ATLAS is read, what is passed over, and what is refused, with its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from chartline.errors import ProtocolError
from chartline.protocol.atlas import Definition, read_definition
from chartline.protocol.load import load_protocol, protocol_digest
from chartline.protocol.model import Protocol
from chartline.protocol.selection import AtlasSelection


def cohort(**more: Any) -> dict[str, Any]:
    """The least that ATLAS exports: the first exposure to a drug."""
    drug = {"concept": {"CONCEPT_ID": 35606196, "CONCEPT_NAME": "inotuzumab ozogamicin"}, "includeDescendants": True}
    return {
        "ConceptSets": [{"id": 0, "name": "Inotuzumab", "expression": {"items": [drug]}}],
        "PrimaryCriteria": {
            "CriteriaList": [{"DrugExposure": {"CodesetId": 0}}],
            "ObservationWindow": {"PriorDays": 0, "PostDays": 0},
            "PrimaryCriteriaLimit": {"Type": "First"},
        },
    } | more


def within(criteria: dict[str, Any], **more: Any) -> dict[str, Any]:
    window = {"Start": {"Days": 30, "Coeff": -1}, "End": {"Days": 0, "Coeff": 1}}
    return {"Criteria": criteria, "StartWindow": window, "Occurrence": {"Type": 2, "Count": 1}} | more


def rule(**group: Any) -> list[dict[str, Any]]:
    return [{"name": "Earlier", "expression": {"Type": "ALL", **group}}]


def read(said: Any, folder: Path) -> Definition:
    file = folder / "cohort.json"
    file.write_text(said if isinstance(said, str) else json.dumps(said))
    return read_definition(file)


def test_what_says_nothing_is_passed_over(tmp_path: Path) -> None:
    """ATLAS writes nulls, empty lists and exclusions of nothing; they ask for nothing."""
    silent = {"CodesetId": 0, "DrugTypeExclude": False, "DrugType": [], "StopReason": None, "CorrelatedCriteria": None}
    said = cohort(InclusionRules=[], CensorWindow={}, AdditionalCriteria=None)
    said["PrimaryCriteria"]["CriteriaList"] = [{"DrugExposure": silent}]
    assert read(said, tmp_path) == read(cohort(), tmp_path)


def test_when_somebody_leaves_the_cohort_is_passed_over(tmp_path: Path) -> None:
    leaving = {
        "EndStrategy": {"DateOffset": {"DateField": "StartDate", "Offset": 30}},
        "CensoringCriteria": [{"Death": {}}],
        "CollapseSettings": {"CollapseType": "ERA", "EraPad": 30},
    }
    assert read(cohort(**leaving), tmp_path) == read(cohort(), tmp_path)


def test_the_definition_may_stand_inside_its_description(tmp_path: Path) -> None:
    """The web service gives the definition as text inside an object with its name."""
    assert read({"name": "InO", "expression": json.dumps(cohort())}, tmp_path) == read(cohort(), tmp_path)


@pytest.mark.parametrize(
    ("said", "what", "place"),
    [
        (
            cohort(InclusionRules=rule(CriteriaList=[within({"DrugExposure": {"RouteConcept": [{"CONCEPT_ID": 1}]}})])),
            "says `RouteConcept`, which is not supported",
            "InclusionRules[0].expression.CriteriaList[0].Criteria.DrugExposure.RouteConcept",
        ),
        (
            cohort(InclusionRules=rule(CriteriaList=[within({"DrugExposure": {"CodesetId": 0}}, RestrictVisit=True)])),
            "says `RestrictVisit`, which is not supported",
            "InclusionRules[0].expression.CriteriaList[0].RestrictVisit",
        ),
        (
            cohort(InclusionRules=rule(CriteriaList=[within({"Specimen": {"CodesetId": 0}})])),
            "asks about `Specimen`, which is not supported",
            "InclusionRules[0].expression.CriteriaList[0].Criteria.Specimen",
        ),
        (
            cohort(InclusionRules=rule(DemographicCriteriaList=[{"Race": [{"CONCEPT_ID": 8527}]}])),
            "says `Race`, which is not supported",
            "InclusionRules[0].expression.DemographicCriteriaList[0].Race",
        ),
        (cohort(CensorWindow={"StartDate": "2018-01-01"}), "says `CensorWindow`", "cohort.json: CensorWindow"),
    ],
)  # fmt: skip
def test_what_is_not_read_is_refused_with_its_place(said: Any, what: str, place: str, tmp_path: Path) -> None:
    with pytest.raises(ProtocolError) as error:
        read(said, tmp_path)
    assert what in error.value.what
    assert error.value.where.endswith(place)


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ("{", "is not valid JSON"),
        ({"items": []}, "is not a cohort definition"),
        (cohort(ConceptSets=[]), "there is no concept set 0, which a condition names"),
        (
            cohort(InclusionRules=rule(DemographicCriteriaList=[{"Age": {"Value": 18, "Op": "!eq"}}])),
            "`!eq` is not one of the words that may stand here",
        ),
        (
            cohort(InclusionRules=rule(DemographicCriteriaList=[{"Age": {"Value": 18, "Op": "bt"}}])),
            "needs an `Extent`",
        ),
        (cohort(InclusionRules=[{"name": "x", "expression": {"Type": "AT_LEAST"}}]), "needs a `Count`"),
    ],
)
def test_what_is_no_definition_is_refused(said: Any, what: str, tmp_path: Path) -> None:
    with pytest.raises(ProtocolError) as error:
        read(said, tmp_path)
    assert what in error.value.what


PROTOCOL = """\
chartline: protocol/1
study: {id: T, title: T}
data: {centres: [{id: A, folder: a, mapping: a.yaml}]}
treatment: {drug: INO, label: ino}
selection: {circe: cohort.json}
"""


def test_a_protocol_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "protocol.yaml").write_text(PROTOCOL)
    (tmp_path / "cohort.json").write_text(json.dumps(cohort()))
    definition = read_definition(tmp_path / "cohort.json")
    assert load_protocol(tmp_path).selection == AtlasSelection(circe="cohort.json", definition=definition)


def test_another_definition_makes_another_protocol(tmp_path: Path) -> None:
    """The digest of the protocol is of what it declares, and the definition is part of that."""
    (tmp_path / "protocol.yaml").write_text(PROTOCOL)
    digests = []
    for limit in ("First", "Last"):
        primary = cohort()["PrimaryCriteria"] | {"PrimaryCriteriaLimit": {"Type": limit}}
        (tmp_path / "cohort.json").write_text(json.dumps(cohort(PrimaryCriteria=primary)))
        protocol = load_protocol(tmp_path)
        digests.append(protocol_digest(protocol))
        again = Protocol.model_validate(protocol.model_dump(mode="json", by_alias=True, exclude_unset=True))
        assert again == protocol
    assert digests[0] != digests[1]


def test_a_file_that_cannot_be_read_is_found_when_the_protocol_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "protocol.yaml").write_text(PROTOCOL)
    with pytest.raises(ProtocolError, match=r"There is no file cohort.json"):
        load_protocol(tmp_path)


def test_a_selection_has_one_of_the_two_forms(tmp_path: Path) -> None:
    both = "selection: {circe: cohort.json, index: {table: drug_exposure, concepts: ino}}"
    (tmp_path / "protocol.yaml").write_text(PROTOCOL.replace("selection: {circe: cohort.json}", both))
    with pytest.raises(ProtocolError, match="`index`") as error:
        load_protocol(tmp_path)
    assert "line 5" in error.value.where
