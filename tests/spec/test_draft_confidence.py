"""How sure a draft is: no single kind of evidence makes a proposal sure (above 0.9)."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from chartline.draft.coded.kinds import Kind, is_slip
from chartline.draft.draft import draft_centre
from chartline.draft.model import Column
from chartline.draft.words import vocabulary
from chartline.mapping.load import load_mapping
from chartline.protocol.load import load_protocol

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "inotuzumab-india"
PROTOCOL = load_protocol(EXAMPLE)


def columns_of(folder: Path, name: str, text: str, *, signed: str = "") -> dict[str, Column]:
    """Draft one table, its cells divided by |, and return its columns by name."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [";".join(c.strip() for c in line.split("|")) for line in text.strip().splitlines()]
    (folder / f"{name}.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    mappings = [load_mapping(EXAMPLE / "mappings" / f"{signed}.yaml")] if signed else []
    return {c.name: c for c in draft_centre(folder, None, PROTOCOL, "K", mappings).columns}


def test_known_words_and_dates_below_an_exact_heading_are_sure(tmp_path: Path) -> None:
    found = columns_of(
        tmp_path,
        "patients",
        """
        ID | Sex | Date of birth
        K1 | F | 13/04/1980
        K2 | M | 27/11/1975
        """,
    )
    assert found["Sex"].confidence > 0.9
    assert found["Date of birth"].confidence > 0.9


def test_words_over_values_that_could_be_anything_are_not_sure(tmp_path: Path) -> None:
    found = columns_of(tmp_path, "patients", "ID | Karyotype | Age\nK1 | 46,XX | 41\nK2 | 47,XY,+8 | 37")
    for name in ("Karyotype", "Age"):
        assert (found[name].role, found[name].confidence) == ("value", 0.88)
        assert "its values could be anything" in found[name].reason


LDH = "ID | LDH (U/L){more}\n" + "\n".join(f"K{i} | {200 + i}{{cell}}" for i in range(1, 8))


def test_a_finding_without_a_day_may_be_that_of_any_day(tmp_path: Path) -> None:
    found = columns_of(tmp_path, "patients", LDH.format(more="", cell=""))
    assert (found["LDH (U/L)"].role, found["LDH (U/L)"].confidence) == ("value", 0.8)
    assert "nothing says on which day" in found["LDH (U/L)"].reason


def test_the_same_finding_beside_the_day_of_its_sample_is_sure(tmp_path: Path) -> None:
    found = columns_of(tmp_path, "patients", LDH.format(more=" | Lab date", cell=" | 13/04/2020"))
    assert found["LDH (U/L)"].confidence > 0.9


def test_a_baseline_says_when_and_a_numbered_day_without_a_date_does_not(tmp_path: Path) -> None:
    text = """
    ID | Baseline LDH (U/L) | BM blasts day 8 (%) | BM blasts day 15 (%)
    K1 | 201 | 40 | 3
    K2 | 202 | 30 | 2
    """
    found = columns_of(tmp_path, "patients", text)
    assert found["Baseline LDH (U/L)"].confidence > 0.8
    assert found["BM blasts day 8 (%)"].confidence == found["BM blasts day 15 (%)"].confidence == 0.8


@pytest.mark.parametrize(("heading", "is_said"), [("BMT date", False), ("Post InO BMT date", True)])
def test_a_transplantation_is_before_or_after_only_where_something_says_so(
    tmp_path: Path, heading: str, is_said: bool
) -> None:
    found = columns_of(tmp_path, "patients", f"ID | {heading}\nK1 | 13/04/2020\nK2 | 27/11/2020")
    assert found[heading].role == "value"
    assert (found[heading].confidence > 0.8) is is_said
    assert ("before or after" in found[heading].reason) is not is_said


def test_what_was_signed_for_another_centre_is_not_weighed_again(tmp_path: Path) -> None:
    text = "ID | Karyotype\nK1 | 46,XX\nK2 | 47,XY,+8"
    found = columns_of(tmp_path, "patients", text, signed="centre_A")["Karyotype"]
    assert found.reason.startswith("as in Centre A")
    assert found.confidence > 0.9


def test_a_column_without_a_value_is_not_sure(tmp_path: Path) -> None:
    found = columns_of(tmp_path, "patients", "ID | Sex | Date of birth\nK1 | F | \nK2 | M | ")
    assert found["Date of birth"].confidence == 0.8


# codes ----------------------------------------------------------------------------------------------------------------


def kind(loinc: str) -> Kind:
    return Kind(loinc, [loinc], pl.Series([0]), loinc=loinc)


@pytest.mark.parametrize("code", ["1742-6", "1920-8", "718-7"])
def test_a_loinc_code_ends_in_its_check_digit(code: str) -> None:
    """1742: twice every other digit from the right is 4, 4, 14, 1; their digits sum up to 14, and 14 + 6 = 20."""
    assert not is_slip(kind(code))


@pytest.mark.parametrize("code", ["1742-9", "1724-6", "1742", "ALT"])
def test_a_slip_in_a_loinc_code_is_seen(code: str) -> None:
    assert is_slip(kind(code))


def test_no_code_of_the_vocabulary_is_a_slip() -> None:
    ours = [r["loinc"] for r in vocabulary("tests.csv") if r["loinc"]]
    ours += [r["code"] for r in vocabulary("codes.csv") if r["system"] == "LOINC"]
    assert len(ours) > 40
    assert [code for code in ours if is_slip(kind(code))] == []
    assert not is_slip(kind(""))  # a code of the centre's own
