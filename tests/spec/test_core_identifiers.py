"""`chartline deidentify`: what is recognised as a direct identifier, by heading, by shape, and inside a text."""

from __future__ import annotations

import pytest

from chartline.core.identifiers import Kind, find_identifier, find_in_text, is_study_code, like_identifiers

NAMES = ["Asha Rao", "Vikram Singh"]


@pytest.mark.parametrize(
    ("heading", "kind"),
    [
        ("Patient name", Kind.NAME),
        ("PatientName", Kind.NAME),
        ("Father's name", Kind.NAME),
        ("Surname", Kind.NAME),
        ("Initials", Kind.NAME),
        ("Name", Kind.NAME),
        ("Mobile No.", Kind.TELEPHONE),
        ("contact number", Kind.TELEPHONE),
        ("E-mail", Kind.EMAIL),
        ("Address", Kind.ADDRESS),
        ("PIN code", Kind.ADDRESS),
        ("MRN", Kind.HOSPITAL),
        ("UHID", Kind.HOSPITAL),
        ("Hospital No", Kind.HOSPITAL),
        ("Reg. No.", Kind.HOSPITAL),
        ("IP No", Kind.HOSPITAL),
        ("Aadhaar", Kind.NATIONAL),
        ("NHS number", Kind.NATIONAL),
        ("Consultant", Kind.STAFF),
        ("Patient ID", Kind.SUBJECT),
        ("record_id", Kind.SUBJECT),
        ("person_id", Kind.SUBJECT),
        ("Photograph", Kind.PICTURE),
    ],
)
def test_a_heading_says_what_the_column_is(heading: str, kind: Kind) -> None:
    found = find_identifier(heading, NAMES if kind is Kind.NAME else [])
    assert found is not None
    assert found.kind is kind


@pytest.mark.parametrize(
    "heading",
    ["MRD", "MRD %", "Age", "Sex", "Date of birth", "Disease status", "Donor", "Remarks", "Hb", "concept_name",
     "Drug name", "visit_occurrence_id", "Diagnosis", "Cause of death", "Test name"],
)  # fmt: skip
def test_what_the_study_needs_is_no_identifier(heading: str) -> None:
    assert find_identifier(heading, ["1.5", "2", "positive"]) is None


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["9876543210", "+91 98765 43211"], Kind.TELEPHONE),
        (["a.rao@example.org", "v@example.in"], Kind.EMAIL),
        (["2345 6789 0123", "3456 7890 1234"], Kind.NATIONAL),
        (["ABCDE1234F"], Kind.NATIONAL),
        (["Mr Vikram Singh", "Smt. Asha Rao"], Kind.NAME),
    ],
)
def test_values_say_it_where_the_heading_does_not(values: list[str], kind: Kind) -> None:
    found = find_identifier("col7", values)
    assert found is not None
    assert found.kind is kind


@pytest.mark.parametrize("share", [1, 2, 3])
def test_half_of_the_values_must_have_the_shape(share: int) -> None:
    values = ["9876543210"] * share + ["none given", "see file", "unknown"]
    assert (find_identifier("col7", values) is not None) is (share >= 3)


@pytest.mark.parametrize(
    ("values", "code"),
    [
        (["A-01", "A-12"], True),
        (["IN-B-7"], True),
        (["1", "32"], True),
        (["1234"], True),
        (["12345"], False),  # five digits are a number of a hospital
        (["MH/2019/00123"], False),
        (["A-01", "20190012"], False),
        ([], False),
    ],
)
def test_a_study_code_has_up_to_four_digits(values: list[str], code: bool) -> None:
    assert is_study_code(values) is code


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Mr Vikram Singh was admitted", ["Vikram Singh"]),
        ("Seen by Dr. Asha Rao today", ["Asha Rao"]),
        ("MRN 2019/00123, repeat marrow", ["2019/00123"]),
        ("UHID: MH0042317.", ["MH0042317"]),
        ("call 98765 43210 or a.rao@example.org", ["98765 43210", "a.rao@example.org"]),
        ("Aadhaar 2345 6789 0123", ["2345 6789 0123"]),
        ("wife of Vikram Singh", ["Vikram Singh"]),
        ("S/o Gopal Das, stable", ["Gopal Das"]),
    ],
)
def test_an_identifier_inside_a_text_is_found(text: str, pieces: list[str]) -> None:
    assert [text[f.start : f.end] for f in find_in_text(text)] == pieces


@pytest.mark.parametrize(
    "text",
    [
        "MRD 0.01 % by flow",
        "MRD 4.1",
        "Sr Creatinine 88 umol/L",
        "46,XY,t(9;22)(q34;q11)[20]",
        "47,XX,+21,+8[10]/46,XX[10]",
        "ANC 0.5 on 2019-10-05",
        "cells acquired 1000000",
        "CR with incomplete recovery",
        "Flu/Bu2 then HSCT 2021-04-26",
    ],
)
def test_a_finding_is_left_alone(text: str) -> None:
    assert find_in_text(text) == []


def test_what_may_be_a_name_or_a_number_is_told() -> None:
    assert list(like_identifiers("transferred from Lakshmi Nursing with file 20190012")) == ["name-like", "number-like"]
    assert list(like_identifiers("marrow in remission on 2019-10-05, platelets 120")) == []


@pytest.mark.parametrize(
    ("heading", "values", "kind"),
    [
        ("Patient name", ["x"], "name"),
        ("Father's name", [], "name"),
        ("Nachname", ["Müller"], "name"),
        ("Name", ["Asha Rao", "Ravi Kumar"], "name"),
        ("UHID", ["100234"], "hospital number"),
        ("MRD No.", ["55"], "hospital number"),
        ("Mobile no", ["9876543210"], "telephone"),
        ("Contact", ["9876543210", "8876543210"], "telephone"),
        ("Remarks", ["a@b.org", "c.d@e.com"], "e-mail"),
        ("Pin code", ["500032"], "address"),
        ("ID proof", ["2345 6789 0123"], "national number"),
        ("SSN", [], "national number"),
    ],
)
def test_headings_and_values_of_other_countries(heading: str, values: list[str], kind: str) -> None:
    found = find_identifier(heading, values)
    assert found is not None
    assert found.kind == kind


@pytest.mark.parametrize(
    ("heading", "values"),
    [
        ("Specimen", ["marrow"]),
        ("Drug name", ["Filgrastim"]),
        ("Date of birth", ["1990-01-01"]),
        ("Age", ["34"]),
        ("Diagnosis", ["B-ALL"]),
        ("MRD cells acquired", ["1000000"]),
        ("Name", ["HB", "PLT 1", "ALT 2"]),
        ("Sex", ["M"]),
        ("MRD method", ["flow"]),
    ],
)
def test_what_names_no_person(heading: str, values: list[str]) -> None:
    assert find_identifier(heading, values) is None
