"""What nobody reads is not asked: whether a study reads assessments and amounts of doses, and the checks of both."""

from __future__ import annotations

from typing import Any

import pytest

from chartline.checks.context import Reads
from chartline.checks.engine import Asks
from chartline.derive.reads import reads_of
from chartline.protocol.model import Protocol
from checks_cases import alone, asked_both_ways
from truth_data import tiny

SURVIVAL: dict[str, Any] = {
    "chartline": "protocol/1",
    "study": {"id": "S", "title": "Survival after a first dose"},
    "data": {"centres": [{"id": "A", "folder": "a", "mapping": "a.yaml"}]},
    "treatment": {"drug": "DRUG", "label": "the drug"},
    "sets": {"treated": {"label": "Treated", "where": "ELIGFL == 'Y'"}},
    "endpoints": [{"id": "OS", "use": "overall_survival", "population": "treated"}],
    "analyses": [{"id": "os", "kind": "survival", "label": "Overall survival", "endpoint": "OS"}],
}


def study(**more: Any) -> Protocol:
    return Protocol.model_validate(SURVIVAL | more)


def endpoint(**said: Any) -> dict[str, Any]:
    own = {"id": "X", "label": "An endpoint", "population": "treated", "origin": "first_dose"}
    return {"endpoints": [*SURVIVAL["endpoints"], own | {"events": ["death"], "last": "last_alive"} | said]}


def analysis(**said: Any) -> dict[str, Any]:
    return {"analyses": [*SURVIVAL["analyses"], {"id": "x", "label": "An analysis", "population": "treated"} | said]}


def rate(numerator: str) -> dict[str, Any]:
    return analysis(kind="proportion", numerator=numerator)


def median(variable: str) -> dict[str, Any]:
    return analysis(kind="summary", variable=variable)


def milestone(**said: Any) -> dict[str, Any]:
    return {"milestones": {"own": {"label": "an event"} | said}}


NOT_READ = Reads(assessments=False, amounts=False)
ASSESSED = Reads(assessments=True, amounts=False)
AMOUNTS = Reads(assessments=False, amounts=True)


@pytest.mark.parametrize(
    ("more", "reads"),
    [
        ({}, NOT_READ),
        (rate("DTHFL == 'Y'"), NOT_READ),
        (median("NDOSE"), NOT_READ),  # doses are counted, whatever their amount
        (endpoint(events=["relapse", "death"]), NOT_READ),  # a relapse as the centre recorded it
        (endpoint(events=["relapse", "death"]) | {"response": {"relapse": "derived"}}, ASSESSED),
        (rate("RESPFL == 'Y'"), ASSESSED),
        (rate("MRDNEGFL == 'Y'"), ASSESSED),
        (rate("RESPFL_ELN == 'Y'") | {"response_variants": {"ELN": {"criteria": "eln_2024"}}}, ASSESSED),
        ({"sets": SURVIVAL["sets"] | {"cr": {"label": "In remission", "where": "BOR == 'CR'"}}}, ASSESSED),
        ({"eligibility": [{"id": "cr", "label": "In remission", "require": "RESPFL == 'Y'"}]}, ASSESSED),
        ({"report": {"table1": ["BOR"]}}, ASSESSED),
        (endpoint(origin="first_response"), ASSESSED),
        (endpoint(use="relapse_free_survival", origin=None, events=None, last=None, label=None), ASSESSED),
        (endpoint(last="last_assessed"), ASSESSED),
        (analysis(kind="intercurrent", endpoint="OS", event="first_response", population=None), ASSESSED),
        (milestone(no_response_by={"days": 60}) | endpoint(events=["own"]), ASSESSED),
        (milestone(**{"from": "RS", "where": "MRDCLASS == 'NEGATIVE'"}), ASSESSED),
        (median("CUMDM2"), AMOUNTS),
        (median("CUMMG"), AMOUNTS),
        ({"treatment": {"drug": "DRUG", "label": "the drug", "max_dose_m2": 0.8}}, AMOUNTS),
        (milestone(**{"from": "EX", "where": "EXDOSM2 > 1"}), AMOUNTS),
    ],
)
def test_what_a_study_reads(more: dict[str, Any], reads: Reads) -> None:
    cleaned = {k: [{n: v for n, v in e.items() if v is not None} for e in x] if k in ("endpoints", "analyses") else x
               for k, x in more.items()}  # fmt: skip
    assert reads_of(study(**cleaned)) == reads


BARE = {
    "EX": "USUBJID|EXTRT|EXSTDTC\nP1|DRUG|2020-01-01\nP2|DRUG|2020-01-01\nP3|DRUG|2020-01-01",
    "SS": "USUBJID|LKADTC|DTHFL\nP1|2021-01-01|N\nP2|2021-01-01|N\nP3|2021-01-01|N",
}


@pytest.mark.parametrize(
    ("rule", "with_it", "without"),
    [("assessment_absent", ASSESSED, AMOUNTS), ("dose_unquantified", AMOUNTS, ASSESSED)],
)
def test_what_nobody_reads_is_not_asked(rule: str, with_it: Reads, without: Reads) -> None:
    data, protocol = tiny(**BARE), alone(study(), rule)
    assert asked_both_ways(data, Asks(protocol, reads=without)) == []
    (query,) = asked_both_ways(data, Asks(protocol, reads=with_it))
    assert query.rule == rule
    assert asked_both_ways(data, Asks(protocol)) == [query]  # where nobody says what is read
