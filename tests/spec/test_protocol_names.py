"""How readers see the levels of a variable: in the words of the protocol, else in sentence case."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from chartline.derive.response_rules import load_rules
from chartline.protocol.names import in_sentence, level_label, level_words
from chartline.protocol.reporting import Characteristic
from counts_cases import tiny_protocol


@pytest.mark.parametrize(
    ("level", "words"),
    [
        ("LATE", "Late"), ("MALE", "Male"), ("REFRACTORY", "Refractory"), ("M", "Male"), ("", "Missing"),
        ("NOT ASSESSED", "Not assessed"), ("RELAPSE (EXTRAMEDULLARY)", "Relapse (extramedullary)"),
        ("B-CELL", "B-cell"), ("PH POSITIVE", "Ph positive"), ("TKI_NAIVE", "TKI naive"), ("NO HSCT", "No HSCT"),
        ("STAGE IV", "Stage IV"), ("CRI", "CRi"), ("CRi", "CRi"), ("MRD", "MRD"), ("ALT", "ALT"),
        ("BCR::ABL1", "BCR::ABL1"), ("T(9;22)", "T(9;22)"), ("FLT3-ITD", "FLT3-ITD"), ("40+", "40+"),
        ("De novo", "De novo"), ("second line", "second line"),
    ],
)  # fmt: skip
def test_capitals_become_sentence_case_but_for_abbreviations_and_names(level: str, words: str) -> None:
    assert level_words(level) == words


def test_the_responses_of_a_rule_set_keep_their_codes() -> None:
    codes = [c for c in load_rules("ino_vate").best if c != "NE"]
    assert "CRi" in codes and [level_words(c) for c in codes] == codes


def test_inside_a_sentence_an_abbreviation_keeps_its_capital() -> None:
    assert [in_sentence(x) for x in ("Late", "Ph positive", "CR or CRi")] == ["late", "Ph positive", "CR or CRi"]


def test_the_words_of_the_protocol_win() -> None:
    stage = {
        "label": "Stage", "from": "DM", "value": "SEX", "categories": ["LATE", "MRD"], "labels": {"MRD": "MRD only"}
    }  # fmt: skip
    age = {"label": "Age", "from": "DM", "value": "AGE", "type": "number", "bands": {"OLD": "AGE >= 60"}}
    p = tiny_protocol(characteristics={"STAGE": stage, "YEARS": age})
    assert [level_label(p, "STAGE", x) for x in ("LATE", "MRD", "")] == ["Late", "MRD only", "Missing"]
    assert level_label(p, "YEARS", "OLD") == "OLD"


def test_a_label_of_no_category_is_refused() -> None:
    given = {"label": "Stage", "from": "DM", "value": "SEX", "categories": ["LATE"], "labels": {"LAET": "Late"}}
    with pytest.raises(ValidationError, match="labels for LAET, which the categories do not have"):
        Characteristic.model_validate(given)
