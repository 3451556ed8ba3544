"""What a study asks its centres to write down: what the protocol reads, each item with the reason, and nothing else."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from chartline.capture.ask import capture_of
from chartline.capture.draft_form import NAME_LENGTH
from chartline.capture.model import Capture, Item
from chartline.capture.words import findings, questions, units_of
from chartline.core.clinical import variables
from chartline.derive.response_rules import available_rules, load_rules
from chartline.derive.syndrome_rules import Finding, Measure, available_syndromes, load_syndrome
from chartline.mapping.units import factor
from chartline.mapping.words import tests as laboratory_tests
from chartline.protocol.load import load_protocol
from chartline.protocol.model import Protocol

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "docs"))
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def protocol(**parts: Any) -> Protocol:
    """A small study of blinatumomab, with what a test adds to it."""
    base: dict[str, Any] = {
        "chartline": "protocol/1",
        "study": {"id": "S", "title": "A study"},
        "data": {"cut_off": "2023-12-31", "centres": [{"id": "F", "folder": "f", "mapping": "f.yaml"}]},
        "treatment": {"drug": "BLINATUMOMAB", "label": "blinatumomab"},
        "sets": {"everyone": {"label": "Everyone", "where": "ELIGFL == 'Y'"}},
        "response": {"criteria": "ino_vate", "before": []},
    }
    return Protocol.model_validate(base | parts)


def asked(capture: Capture) -> dict[str, list[str]]:
    return {form.name: [item.name for item in form.items] for form in capture.forms}


def item(capture: Capture, name: str) -> Item:
    return next(i for form in capture.forms for i in form.items if i.name == name)


def test_a_study_that_asks_nothing_asks_for_who_was_treated_and_how_they_are() -> None:
    assert asked(capture_of(protocol())) == {
        "patient": ["brthdtc", "age", "sex"],  # the same person twice is found by these
        "doses": ["excycle", "exstdtc"],
        "follow_up": ["lkadtc", "dthfl", "dthdtc"],
    }


@pytest.mark.parametrize(
    ("checks", "is_asked"),
    [({}, False), ({"drug_before_consent": False}, False), ({"drug_before_consent": True}, True),
     ({"drug_before_consent": {"days": 28}}, True)],
)  # fmt: skip
def test_consent_is_asked_where_the_study_has_it_checked(checks: dict[str, Any], is_asked: bool) -> None:
    assert ("rficdtc" in asked(capture_of(protocol(checks=checks)))["patient"]) is is_asked


def test_every_item_says_why_it_is_asked() -> None:
    for study in ("inotuzumab-india", "aml-amlsg-0704", "all-aall0232"):
        for form in capture_of(load_protocol(EXAMPLES / study)).forms:
            assert [i.name for i in form.items if not i.why] == []


@pytest.mark.parametrize(
    ("declared", "kind", "unit", "choices"),
    [
        ({"type": "integer"}, "integer", "", []),
        ({"type": "number", "unit": "%"}, "number", "%", []),
        ({"type": "date", "value": "MHSTDTC"}, "date", "", []),
        ({"type": "flag"}, "choice", "", ["Yes", "No"]),
        ({"categories": ["POSITIVE", "NEGATIVE"]}, "choice", "", ["Positive", "Negative"]),
        ({"categories": ["A", "B"], "labels": {"A": "Type A", "B": "Type B"}}, "choice", "", ["Type A", "Type B"]),
        ({"groups": {"High": "X >= 5", "Low": "X < 5"}, "unit": "mm"}, "number", "mm", []),
        ({}, "text", "", []),
    ],
)
def test_a_characteristic_becomes_a_question_of_its_kind(
    declared: dict[str, Any], kind: str, unit: str, choices: list[str]
) -> None:
    x = {"label": "X", "from": "MH", "where": "MHCAT == 'X'", "value": "MHORRES"} | declared
    got = item(capture_of(protocol(characteristics={"X": x})), "x")
    assert (got.type, got.unit, [c.label for c in got.choices], got.required) == (kind, unit, choices, False)


def test_what_decides_on_eligibility_is_required_and_takes_the_answers_of_those_who_are_not_eligible() -> None:
    status = {"label": "Status", "from": "MH", "where": "MHCAT == 'STATUS'", "value": "MHORRES"}
    p = protocol(
        characteristics={"STATUS": status | {"categories": ["RELAPSED", "REFRACTORY"]}},
        eligibility=[
            {"id": "rr", "label": "Relapsed or refractory", "require": "STATUS in ('RELAPSED', 'REFRACTORY')"}
        ],
    )
    got = item(capture_of(p), "status")
    assert (got.required, got.other) == (True, True)
    assert got.why == ("Eligibility: Relapsed or refractory",)


def test_words_that_a_criterion_compares_with_are_offered() -> None:
    p = protocol(
        characteristics={
            "DIAG": {"label": "Diagnosis", "from": "MH", "where": "MHCAT == 'DIAGNOSIS'", "value": "MHTERM"},
            "DIAGDT": {
                "label": "Date of diagnosis",
                "from": "MH",
                "where": "MHCAT == 'DIAGNOSIS'",
                "value": "MHSTDTC",
                "type": "date",
            },
        },
        eligibility=[{"id": "b", "label": "B-ALL", "require": "DIAG == 'B-ALL'"}],
    )
    capture = capture_of(p)
    got = item(capture, "diag")
    assert ([c.term for c in got.choices], got.other) == (["B-ALL"], True)
    history = next(f for f in capture.forms if f.name == "history")
    assert [(r.constants, r.items) for r in history.records] == [
        ({"MHCAT": "DIAGNOSIS"}, {"MHTERM": "diag", "MHSTDTC": "diagdt"})  # one row of the history holds both
    ]


def test_the_rule_set_for_response_decides_what_is_asked_of_a_marrow() -> None:
    rate = [{"id": "r", "kind": "proportion", "label": "CR", "population": "everyone", "numerator": "RESPFL == 'Y'"}]
    names = asked(capture_of(protocol(analyses=rate)))
    # INO-VATE: marrow and blood blasts, extramedullary disease, leukaemia in the cerebrospinal fluid; two counts,
    # without G-CSF and platelets
    assert names["assessments"] == ["rsdtc", "rscycle", "bmblast", "pbblast", "emd", "csfblast"]
    assert names["laboratory"] == ["lbdtc", "lbgcsf", "lbplttx", "anc", "anc_unit", "plt", "plt_unit"]
    assert "limits" not in names  # no grade is asked for
    recorded = protocol(
        analyses=rate, response={"criteria": "recorded", "assessments": "INVRESP is present", "before": []}
    )
    names = asked(capture_of(recorded))
    assert names["assessments"] == ["rsdtc", "rscycle", "invresp"]
    assert "laboratory" not in names


def test_mrd_is_asked_where_an_analysis_reads_it() -> None:
    rate = [{"id": "m", "kind": "proportion", "label": "MRD", "population": "everyone", "numerator": "MRDNEGFL == 'Y'"}]
    names = asked(capture_of(protocol(analyses=rate, response={"criteria": "recorded", "before": []})))["assessments"]
    assert names[-6:] == ["mrdassay", "mrdspec", "mrdsens", "mrdcells", "mrdval", "mrdclass"]


def test_a_safety_flag_asks_for_its_tests_with_limits_and_for_its_events() -> None:
    p = protocol(
        ae_groups={"vod": ["veno-occlusive disease"]},
        safety_flags={
            "TOXFL": {
                "label": "Liver toxicity",
                "any_of": [
                    {"kind": "lab", "tests": ["ALT", "BILI"], "min_grade": 3},
                    {"kind": "ae", "group": "vod", "min_grade": 3},
                ],
            }
        },
    )
    names = asked(capture_of(p))
    assert names["laboratory"] == ["lbdtc", "alt", "bili", "bili_unit"]  # ALT has one usual unit, bilirubin two
    assert names["limits"] == ["limit_test", "limit_sex", "limit_low", "limit_high", "limit_unit"]
    assert names["adverse_events"] == ["aeterm", "aestdtc", "aeendtc", "aetoxgr"]
    got = item(capture_of(p), "aeterm")
    assert ([c.label for c in got.choices], got.other) == (["Veno-occlusive disease"], True)


def test_a_relapse_is_asked_where_an_endpoint_reads_it_and_its_date_only_after_a_yes() -> None:
    endpoint = [{"id": "RFS", "use": "relapse_free_survival", "population": "everyone"}]
    capture = capture_of(protocol(endpoints=endpoint))
    assert asked(capture)["follow_up"] == ["relapse", "reldtc", "lkadtc", "dthfl", "dthdtc"]
    assert item(capture, "reldtc").asked_if == ("relapse", ("Y",))


def test_conditions_on_several_words_become_a_list() -> None:
    capture = capture_of(
        protocol(
            transplant={"from": "PR", "where": "PRTRT in ('ALLOGENEIC HSCT', 'AUTOLOGOUS HSCT')"},
            new_therapy={"from": "CM", "where": "CMCAT == 'CAR-T' or CMCAT == 'CHEMOTHERAPY'"},
        )
    )
    assert [c.term for c in item(capture, "transplant_kind").choices] == ["ALLOGENEIC HSCT", "AUTOLOGOUS HSCT"]
    assert [c.term for c in item(capture, "cmcat").choices] == ["CAR-T", "CHEMOTHERAPY"]


def test_events_of_the_study_s_own_are_asked_where_their_rows_stand() -> None:
    capture = capture_of(
        protocol(
            milestones={
                "gvhd": {"label": "acute GVHD", "from": "AE", "where": "AETERM == 'acute GVHD' and AETOXGR >= 3"},
                "sec": {"label": "second malignancy", "from": "MH", "where": "MHCAT == 'SECOND'"},
                "rt": {"label": "radiotherapy", "from": "PR", "where": "PRTRT == 'RADIOTHERAPY'"},
            }
        )
    )
    assert [c.term for c in item(capture, "aeterm").choices] == ["acute GVHD"]
    assert "aetoxgr" in asked(capture)["adverse_events"]
    assert item(capture, "sec_date").label == "Date: Second malignancy"
    assert asked(capture)["procedures"] == ["procedure_date", "prtrt"]


def test_history_by_a_condition_of_its_own_is_asked_row_by_row() -> None:
    free = {"label": "Free", "from": "MH", "where": "MHCAT == 'A' or MHCAT == 'B'", "value": "MHORRES"}
    count = {"label": "Relapses", "from": "MH", "where": "MHCAT == 'C'", "value": "MHTERM", "take": "count"}
    capture = capture_of(protocol(characteristics={"FREE": free, "NREL": count}))
    assert [c.term for c in item(capture, "mhcat").choices] == ["A", "B", "C"]


def test_a_study_from_an_event_asks_for_its_date_and_for_no_dose() -> None:
    names = asked(capture_of(load_protocol(EXAMPLES / "aml-amlsg-0704")))
    assert names["history"][0] == "index_date"
    assert "doses" not in names
    assert names["laboratory"] == ["lbdtc", "hb", "hb_unit", "wbc", "wbc_unit", "plt", "plt_unit"]


def test_the_tutorial_s_protocol_asks_for_what_its_centre_sent(tmp_path: Path) -> None:
    from console import write_files

    write_files((EXAMPLES.parent / "docs" / "tutorial.md").read_text(encoding="utf-8"), tmp_path)
    names = asked(capture_of(load_protocol(tmp_path / "my-study")))
    assert {form: len(items) for form, items in names.items()} == {
        "patient": 3,
        "history": 3,  # diagnosis, status, number of lines
        "doses": 2,  # cycle and date: nothing reads an amount
        "assessments": 12,
        "laboratory": 8,  # date, two kinds of support, neutrophils and platelets with their units, ALT
        "limits": 5,
        "transplants": 2,
        "other_treatment": 4,
        "follow_up": 5,
    }


def test_two_characteristics_whose_names_begin_alike_stay_two() -> None:
    long = "A" * 30
    x = {"from": "MH", "value": "MHORRES", "type": "number"}
    both = {
        f"{long}1": x | {"label": "One", "where": "MHCAT == '1'"},
        f"{long}2": x | {"label": "Two", "where": "MHCAT == '2'"},
    }
    names = asked(capture_of(protocol(characteristics=both)))["history"]
    assert len(names) == 2 and all(len(n) <= NAME_LENGTH for n in names)


def test_a_characteristic_of_another_domain_is_asked_in_its_form() -> None:
    x = {"label": "X"}
    capture = capture_of(
        protocol(
            transplant={"from": "PR", "where": "PRTRT == 'ALLOGENEIC HSCT'"},
            characteristics={
                "DAY29": x | {"from": "RS", "where": "RSVISIT == 'DAY 29'", "value": "MRDVAL", "type": "number"},
                "WBC0": x | {"from": "LB", "where": "LBTESTCD == 'WBC'", "value": "LBSTRESN", "type": "number"},
                "PRIOR": x | {"from": "PR", "where": "PRTIMING == 'BEFORE'", "value": "PROCCUR", "type": "flag"},
                "ICE": x | {"from": "FA", "where": "FATESTCD == 'ICE'", "value": "FAORRES", "type": "number"},
                "OWN": x | {"from": "FA", "where": "FATESTCD == 'FRAILTY'", "value": "FAORRES"},
                "COUNTRY": x | {"from": "DM", "value": "COUNTRY"},
            },
        )
    )
    names = asked(capture)
    assert names["assessments"] == ["rsdtc", "rsvisit", "mrdval"]
    assert names["laboratory"] == ["lbdtc", "wbc", "wbc_unit"]
    assert names["transplants"] == ["prstdtc", "prtiming"] and "procedures" not in names  # a row is one that was done
    assert names["findings"] == ["finding_date", "ice", "frailty"]
    assert names["patient"][-1] == "country"


@pytest.mark.parametrize("name", available_rules())
def test_every_variable_that_a_response_rule_set_reads_can_be_asked_for(name: str) -> None:
    assert load_rules(name).variables <= set(questions())


def test_every_variable_that_no_form_writes_itself_can_be_asked_for() -> None:
    """A characteristic or event may read any of them; none may be left out in silence."""
    written = {"MHCAT", "MHTERM", "MHORRES", "MHORRESU", "EXTRT", "LBTESTCD", "LBORRES", "LBORRESU", "LBSTRESN"}
    written |= {"LBSTNRLO", "LBSTNRHI", "LBSUMM", "LBCYCLE", "FAOBJ", "FATESTCD", "FAORRES", "FADTC"}
    assert {v for of in variables().values() for v in of} - written == set(questions())


def test_every_variable_is_asked_for_in_words_and_a_range_has_two_ends() -> None:
    known = {v for of in variables().values() for v in of}
    assert set(questions()) <= known
    for q in (*questions().values(), *findings().values()):
        assert q.low is None or q.high is None or q.low < q.high


@pytest.mark.parametrize("name", available_syndromes())
def test_every_finding_that_a_syndrome_reads_can_be_asked_for(name: str) -> None:
    """Its code is in the vocabulary, with the unit of the criteria and with every answer that they understand."""
    for criterion in load_syndrome(name, "syndromes").items.values():
        for part in criterion.any_of:
            for code in part.measure if isinstance(part, Measure) else ():
                assert findings()[code].unit == part.unit, code
            for code in part.finding if isinstance(part, Finding) else ():
                assert {*part.yes, *part.no} <= {c.term for c in findings()[code].choices}, code


def test_every_unit_that_is_offered_is_read_and_no_two_mean_the_same() -> None:
    for test, (_, standard) in laboratory_tests().items():
        offered = units_of(test)
        assert offered[0] == standard
        by = [factor(u, standard, test) for u in offered]
        assert None not in by and len(set(by)) == len(by)


def test_observation_is_asked_for_where_patients_enter_late() -> None:
    late = {"id": "OSOBS", "use": "overall_survival", "enter_at": "observed_from", "censor_at": ["observed_until"]}
    assert {"obsstdtc", "obsendtc"} <= set(asked(capture_of(protocol(endpoints=[late])))["follow_up"])
    assert not {"obsstdtc", "obsendtc"} & set(asked(capture_of(protocol()))["follow_up"])
