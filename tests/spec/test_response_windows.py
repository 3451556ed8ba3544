"""The window of blood counts and the days without support: the rule set's own, unless the protocol sets others."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from chartline.derive.describe_response import recovery_sentences
from chartline.derive.response_rules import CountsWindow, ResponseRules, load_rules
from chartline.derive.subject import adsl_labels
from chartline.protocol.response import Response
from derive_cases import because, derive, protocol, row

DOSES = """
    USUBJID | EXSTDTC    | EXCYCLE | EXDOSM2
    P1      | 2020-01-01 | 1       | 0.8
"""
MARROWS = """
    USUBJID | RSDTC      | RSCYCLE | BMBLAST | PBBLAST | EMD
    P1      | 2019-12-28 | 0       | 60      | 5       | ABSENT
    P1      | 2020-01-28 | 1       | 1       | 0       | ABSENT
"""


def counts(day: str) -> str:
    return f"USUBJID|LBDTC|LBTESTCD|LBSTRESN\nP1|{day}|ANC|2\nP1|{day}|PLT|200"


def best(tables: dict[str, str], **response: Any) -> tuple[str, str]:
    """The best response of P1 and its sentence."""
    adam = derive({"EX": DOSES, "RS": MARROWS} | tables, response=response, response_variants={})
    return row(adam["ADSL"], "BOR")[0], " ".join(because(adam, "ADSL.BOR"))


@pytest.mark.parametrize(
    ("day", "window", "expected"),
    [
        ("2020-02-11", None, "CR"),  # 14 days after the marrow: the last day of the rule set's own window
        ("2020-02-12", None, "CRi"),
        ("2020-02-12", [0, 28], "CR"),
        ("2020-01-27", None, "CRi"),  # the day before the marrow
        ("2020-01-27", [-7, 7], "CR"),
        ("2020-02-05", [-7, 7], "CRi"),  # 8 days after
    ],
)
def test_a_window_of_the_protocol_stands_in_place_of_the_rule_sets(day: str, window: Any, expected: str) -> None:
    assert best({"LB": counts(day)}, counts_window_days=window)[0] == expected


@pytest.mark.parametrize(("free", "expected"), [(None, "CR"), (9, "CR"), (10, "CRi"), (0, "CR")])
def test_days_without_support_of_the_protocol_stand_in_place_of_the_rule_sets(free: int | None, expected: str) -> None:
    """G-CSF until 18 January, counts on the 28th: ten days between."""
    given = "USUBJID|CMCAT|CMSTDTC|CMENDTC\nP1|G-CSF|2020-01-10|2020-01-18"
    found, sentence = best({"LB": counts("2020-01-28"), "CM": given}, support_free_days=free)
    assert found == expected
    assert ("with G-CSF in the 10 days before" in sentence) == (expected == "CRi")


def test_a_variant_takes_what_the_response_sets_and_else_its_own_rule_set() -> None:
    """Counts 20 days after the marrow."""
    variants = {"CIBMTR": {"criteria": "cibmtr"}}
    tables = {"EX": DOSES, "RS": MARROWS, "LB": counts("2020-02-17")}
    choices: tuple[dict[str, Any], ...] = ({}, {"counts_window_days": [0, 28]})
    found = [derive(tables, response=choice, response_variants=variants)["ADSL"] for choice in choices]
    assert [row(adsl, "BOR", "BOR_CIBMTR") for adsl in found] == [("CRi", "CRi"), ("CR", "CR")]


def test_the_label_of_a_variant_names_its_window_and_the_days_that_the_protocol_set() -> None:
    variants = {"A": {"criteria": "cibmtr"}, "B": {"support_free_days": 3}, "C": {"criteria": "recorded"}}
    labels = adsl_labels(protocol(response={}, response_variants=variants))
    assert [labels[f"BOR_{v}"] for v in variants] == [
        "Best response (cibmtr, counts 0 to 14 days from the marrow)",
        "Best response (ino_vate, counts 0 to 14 days from the marrow, 3 days without support)",
        "Best response (recorded)",
    ]


OWN = "within 14 days after the marrow"
SUPPORT = "without G-CSF (neutrophils) or platelet transfusion (platelets) in the {} before"


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({}, f"{OWN}, {SUPPORT.format('7 days')}."),
        ({"counts_window_days": (0, 14), "support_free_days": 7}, f"{OWN}, {SUPPORT.format('7 days')}."),
        (
            {"criteria": "eln_2024"},
            f"{OWN}, without G-CSF (neutrophils), platelet transfusion (platelets) or red-cell transfusion in the 7 "
            "days before.",
        ),
        (
            {"counts_window_days": (-7, 1)},
            f"from 7 days before to 1 day after the marrow, {SUPPORT.format('7 days')}. The protocol set this window; "
            f"that of the rule set is {OWN}.",
        ),
        (
            {"support_free_days": 1},
            f"{OWN}, {SUPPORT.format('1 day')}. The protocol set the days without support; the rule set has 7 days for "
            "G-CSF, 7 days for platelet transfusion.",
        ),
    ],
)
def test_the_methods_say_when_counts_proved_recovery_and_what_the_protocol_set(
    choice: dict[str, Any], expected: str
) -> None:
    said = recovery_sentences(Response.model_validate(choice))
    assert said == f"Blood counts proved recovery if seen on one day {expected}"


def test_rules_that_ask_for_no_counts_have_no_window() -> None:
    assert recovery_sentences(Response(criteria="recorded", counts_window_days=(0, 28))) == ""


@pytest.mark.parametrize(
    ("window", "said"),
    [
        ((3, 5), "on one day from 3 to 5 days after the marrow"),
        ((-7, -1), "on one day from 7 days to 1 day before the marrow"),
        ((-7, 0), "on one day within 7 days before the marrow"),
        ((0, 0), "on the day of the marrow"),
    ],
)
def test_every_window_has_words(window: tuple[int, int], said: str) -> None:
    assert f"if seen {said}, without" in recovery_sentences(Response(counts_window_days=window))


def test_a_window_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ValidationError, match="after its last"):
        Response(counts_window_days=(14, 0))
    with pytest.raises(ValidationError, match="after its last"):
        CountsWindow(days=(14, 0), origin="ours")


def test_a_rule_set_that_asks_for_counts_says_when() -> None:
    rules = load_rules("ino_vate").model_dump(exclude_none=True)
    del rules["counts_window"]
    with pytest.raises(ValidationError, match="go together"):
        ResponseRules.model_validate(rules)
