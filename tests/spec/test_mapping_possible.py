"""A best response that a protocol calls a remission, and that no centre's mapping can ever give, is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from chartline.errors import ProtocolError
from chartline.mapping.possible import check_remission, possible_values
from chartline.protocol.model import Protocol
from derive_cases import protocol
from mapping_tables import mapping


def lines(*best: Any) -> Any:
    """A mapping with one block of earlier lines for each way to give the best response."""
    blocks = [{"domain": "MH", "variables": {"MHTERM": "regimen", "MHBESTRSP": b}} for b in best]
    return mapping({"L": {"subject": "id", "records": blocks}}, code_lists={"best": {"CR": "1", "NR": "2"}})


def asking(*remission: str) -> Protocol:
    prior = protocol().prior_therapy
    assert prior is not None
    return protocol(prior_therapy=prior.model_dump(by_alias=True) | {"remission": list(remission)})


CODED = {"column": "best", "codes": "best"}


@pytest.mark.parametrize(
    ("best", "values"),
    [
        ([CODED], {"CR", "NR"}),
        ([{"column": "best", "codes": {"CRu": ["unconfirmed"]}}], {"CRu"}),
        ([CODED, {"constant": "PD"}], {"CR", "NR", "PD"}),
        ([], set()),  # not mapped at all
        (["best"], None),  # the column as it stands: anything
        ([CODED, "best"], None),
    ],
)
def test_what_a_mapping_can_give(best: list[Any], values: set[str] | None) -> None:
    of = lines(*best) if best else mapping({"L": {"subject": "id", "records": []}})
    assert possible_values(of, "MH", "MHBESTRSP") == values


def test_a_value_table_or_the_vocabulary_makes_a_response_known() -> None:
    unconfirmed = lines({"column": "best", "codes": {"CRu": ["unconfirmed"]}})
    check_remission(asking("CR", "CRi", "CRu"), [lines(CODED), unconfirmed], "")  # CRi: of the vocabulary, not seen
    check_remission(asking("CRx"), [lines(CODED), lines("best")], "")  # one centre's words are free


def test_any_other_is_refused_with_its_line_and_the_known_values(tmp_path: Path) -> None:
    file = tmp_path / "protocol.yaml"
    file.write_text("prior_therapy:\n  lines: {from: MH}\n  remission:\n    - CR\n    - CRx\n", encoding="utf-8")
    with pytest.raises(ProtocolError) as e:
        check_remission(asking("CR", "CRx"), [lines(CODED)], str(file))
    assert e.value.what == "There is no best response to a line (MHBESTRSP) `CRx`"
    assert e.value.where == f"{file} line 5, at prior_therapy.remission[1]"
    assert e.value.expected.startswith("did you mean `CR`? known: ")
    for word in ("CRi", "NR"):
        assert word in e.value.expected


def test_lines_of_medication_have_no_best_response() -> None:
    prior = asking("CRx").prior_therapy
    assert prior is not None
    from_cm = prior.model_dump(by_alias=True) | {"lines": {"from": "CM", "where": "CMCAT == 'PRIOR'"}}
    check_remission(protocol(prior_therapy=from_cm), [lines(CODED)], "")
