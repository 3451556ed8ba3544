"""Protocols that the fuzzer found: each loaded, and then stopped a run with a traceback. The changed line is shown."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from chartline.errors import ProtocolError
from chartline.protocol.load import load_protocol
from chartline.protocol.toxicity import SafetyFlag

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "inotuzumab-india"
Write = Callable[[str, str], Path]


@pytest.fixture
def changed(tmp_path: Path) -> Write:
    """The reference study with one text of its protocol in place of another."""

    def write(old: str, new: str) -> Path:
        shutil.copytree(EXAMPLE, tmp_path / "study")
        path = tmp_path / "study" / "protocol.yaml"
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, old
        path.write_text(text.replace(old, new), encoding="utf-8")
        return path

    return write


def test_a_syndrome_named_twice_in_the_report(changed: Write) -> None:
    with pytest.raises(ProtocolError, match="HYLAW stands twice in `syndromes`"):
        load_protocol(changed("VODE23, HYLAW,", "VODE23, HYLAW, HYLAW,"))


def test_a_variable_named_twice_in_table_1(changed: Write) -> None:
    """Two results had the id `table1.sex/SEX=F/n`."""
    with pytest.raises(ProtocolError, match="SEX stands twice in `table1`"):
        load_protocol(changed("table1: [AGE, SEX, STATUS,", "table1: [AGE, SEX, STATUS, SEX,"))


@pytest.mark.parametrize("label", ["ECOG {score}", "ECOG {USUBJID}", "{", "}} {{}"])
def test_a_brace_in_a_label(changed: Write, label: str) -> None:
    """Polars fills braces in: a label `{USUBJID}` would have shown the patient's id in place of its name."""
    with pytest.raises(ProtocolError, match="has a curly bracket"):
        load_protocol(changed("label: ECOG performance status", f'label: "{label}"'))


@pytest.mark.parametrize("month", ["-12", "-0.5", ".inf", ".nan", "'inf'"])
def test_a_month_before_the_origin_or_beyond_all_time(changed: Write, month: str) -> None:
    """`date_bounds` read its curve at a month before the curve begins, and the run stopped with a traceback."""
    old = "endpoint: DOR, at_months: [6, 12], sensitivity: true}"
    with pytest.raises(ProtocolError, match=r"a number of 0 or more|not a finite number"):
        load_protocol(changed(old, f"endpoint: DOR, at_months: [6, {month}], sensitivity: true}}"))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "id: os, kind: survival, label: Overall survival, endpoint: OS, at_months: [6, 12]",
            "id: os, kind: survival, label: Overall survival, endpoint: OS, at_months: [6, 12, 6]",
            "6 stands twice in `at_months`",
        ),
        (
            "measures: [difference, odds_ratio]",
            "measures: [difference, difference]",
            "difference stands twice in `measures`",
        ),
        ("tests: [logrank, permutation]", "tests: [logrank, logrank]", "logrank stands twice in `tests`"),
        ("landmark_months: [3]", "landmark_months: [3, 3.0]", "3 stands twice in `landmark_months`"),
        (
            "events: [transplant, death]",
            "events: [transplant, death, transplant]",
            "transplant stands twice in `events`",
        ),
        (
            "categories: [RELAPSED, REFRACTORY]",
            "categories: [RELAPSED, RELAPSED]",
            "RELAPSED stands twice in `categories`",
        ),
    ],
)
def test_a_word_or_number_twice_in_a_list_of_which_each_makes_a_result(
    changed: Write, old: str, new: str, said: str
) -> None:
    """Two results had one id."""
    with pytest.raises(ProtocolError, match=said):
        load_protocol(changed(old, new))


def test_a_safety_endpoint_without_components() -> None:
    """Nobody could have it; deriving it ended in a traceback."""
    with pytest.raises(ValidationError, match="any_of"):
        SafetyFlag(label="VOD/SOS", any_of=())


def test_a_list_that_must_not_be_empty_says_how_many_it_needs(changed: Write) -> None:
    with pytest.raises(ProtocolError, match="`tests` has too few entries") as told:
        load_protocol(changed("tests: [logrank, permutation]", "tests: []"))
    assert told.value.expected == "1 or more, found 0"
