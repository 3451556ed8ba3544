"""Milestones of a study's own in a protocol: what may be said, and that a wrong word is named with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from chartline.cohort.select import select_cohort
from chartline.counts.count import count_analyses
from chartline.derive.derive import derive_all
from chartline.errors import ProtocolError
from chartline.pipeline import read_study
from chartline.protocol.load import load_protocol
from chartline.results.model import Results
from chartline.stats.estimate import estimate_all
from derive_cases import eligible, protocol
from truth_data import tiny

PROTOCOL = """\
chartline: protocol/1
study: {id: D, title: Demonstration}
data: {cut_off: 2023-12-31, centres: [{id: A, folder: a, mapping: a.yaml}]}
treatment: {drug: DRUG, label: drug}
milestones:
  agvhd: {label: acute GVHD, from: AE, where: "AETOXGR >= 3", after: transplant}
  switch: {label: switch, first_of: [transplant, new_therapy], unless_after: first_response}
  failed: {label: failure, no_response_by: {days: 60}}
sets: {all: {label: All, where: "AGVHDFL == 'N' or FAILEDDT is missing"}}
endpoints:
  - {id: X, label: X, origin: agvhd, events: [failed, death], censor_at: [switch]}
analyses:
  - {id: x, kind: intercurrent, label: X, endpoint: X, event: transplant}
"""


def load(tmp_path: Path, old: str = "", new: str = "") -> Any:
    assert old in PROTOCOL
    file = tmp_path / "protocol.yaml"
    file.write_text(PROTOCOL.replace(old, new), encoding="utf-8")
    return load_protocol(file)


def test_a_milestone_of_its_own_may_stand_wherever_another_may(tmp_path: Path) -> None:
    p = load(tmp_path)
    assert list(p.milestones) == ["agvhd", "switch", "failed"]
    assert p.endpoints[0].origin == "agvhd"


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("origin: agvhd", "origin: agvdh", 11, "There is no milestone of this use `agvdh`"),
        ("events: [failed, death]", "events: [faild, death]", 11, "There is no milestone of this use `faild`"),
        ("censor_at: [switch]", "censor_at: [switsh]", 11, "There is no milestone of this use `switsh`"),
        ("event: transplant", "event: transplnt", 13, "There is no milestone of this use `transplnt`"),
        ("after: transplant", "after: failed", 6, "There is no milestone declared before it `failed`"),
        ("unless_after: first_response", "unless_after: response", 7, "There is no milestone declared before it"),
        ("from: AE", "from: AX", 6, "There is no domain `AX`"),
        ("AETOXGR >= 3", "AETOXGRADE >= 3", 6, "There is no variable `AETOXGRADE`"),
        ("AETOXGR >= 3", "AETOXGR == 'three'", 6, "AETOXGR is compared with 'three'"),
        ("AGVHDFL", "AGVHDXX", 9, "There is no variable `AGVHDXX`"),
        ("  failed:", "  death:", 8, "The milestone `death` is called like"),
        ("  failed:", "  rel:", 8, "The milestone `rel` is called like"),  # RELFL and RELDT are taken
        ("  failed:", "  treatment_failure:", 8, "treatment_failure"),
        ("no_response_by: {days: 60}", "no_response_by: {days: 60, cycle: 2}", 8, "a landmark is either"),
        ("no_response_by: {days: 60}", "no_response_by: {days: 60}, from: AE", 8, "declared by one of"),
        ('where: "AETOXGR >= 3", ', "", 6, "`from` and `where` go together"),
        ("after: transplant", "without: {medication: G-CSF}", 6, "`without` goes with rows of LB"),
        ("no_response_by: {days: 60}", "no_response_by: {days: 60}, after: transplant", 8, "`after` goes with `from`"),
        ("after: transplant", "dated: landmark", 6, "`dated` goes with `no_response_by`"),
    ],
)
def test_a_wrong_word_is_named_with_its_line(tmp_path: Path, old: str, new: str, line: int, says: str) -> None:
    with pytest.raises(ProtocolError) as e:
        load(tmp_path, old, new)
    assert says in f"{e.value.what} {e.value.expected}"
    assert f"line {line}" in e.value.where


def test_a_domain_without_dates_of_its_own_is_named_with_its_line(tmp_path: Path) -> None:
    load(tmp_path, 'from: AE, where: "AETOXGR >= 3"', "from: SS, where: \"RELAPSE == 'Y'\"")
    with pytest.raises(ProtocolError, match="Rows of SS have no date of their own") as e:
        read_study(tmp_path)
    assert "line 6" in e.value.where


# --- a milestone of its own on the way: GVHD on day 120 of a patient transplanted on day 90, and one without ---

TABLES = {
    "EX": "USUBJID|EXSTDTC|EXCYCLE\nP1|2020-01-01|1\nP2|2020-01-01|1\n",
    "SS": "USUBJID|RELAPSE|RELDTC|LKADTC|DTHFL|DTHDTC\nP1|N||2020-12-31|Y|2020-12-31\nP2|N||2020-12-31|N|\n",
    "PR": "USUBJID|PRTRT|PROCCUR|PRTIMING|PRSTDTC\nP1|ALLOGENEIC HSCT|Y|AFTER|2020-03-31\n",
    "AE": "USUBJID|AETERM|AESTDTC|AETOXGR\nP1|acute GVHD|2020-04-30|3\n",
}
GVHD = {"agvhd": {"label": "acute GVHD", "from": "AE", "where": "AETOXGR >= 3", "after": "transplant"}}
OS = {"id": "OS", "use": "overall_survival", "population": "treated"}


def results(*analyses: dict[str, Any]) -> Results:
    p = protocol(
        milestones=GVHD, endpoints=[OS], analyses=[{"label": a["id"], **a} for a in analyses], headline={},
        published=(), report={}, multiverse=None,
    )  # fmt: skip
    data = eligible(tiny(**TABLES))
    cohort = select_cohort(data, p, [], "digest")
    adam = derive_all(data, cohort, p, [])
    return Results(estimate_all(count_analyses(adam, cohort.attrition, p, "digest"), p), "digest", "data")


def test_a_state_is_entered_when_a_milestone_of_its_own_happens() -> None:
    of = results(
        {"id": "course", "kind": "multistate", "population": "treated", "states": ["agvhd"], "at_months": [3, 6]}
    )
    # day 120 is between 3 months (91.3 days) and 6 (182.6): one of two patients is in the state then
    assert [of[f"course/STATE=agvhd/state@{m}"].value for m in (3, 6)] == [0, 0.5]


def test_strategies_for_a_milestone_of_its_own_and_its_words() -> None:
    of = results({
        "id": "os", "kind": "intercurrent", "endpoint": "OS", "event": "agvhd", "at_months": [6],
        "strategies": ["hypothetical", "composite"],
    })  # fmt: skip
    censored = of["os/STRATEGY=hypothetical/survival@6"]
    composite = of["os/STRATEGY=composite/survival@6"]
    assert (censored.value, composite.value) == (1, 0.5)  # P1 censored at GVHD, or with it as the event
    assert "acute GVHD" in composite.method
