"""FHIR exports as they come: repeats, conflicts, broken lines, odd arrays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from chartline.errors import SourceError
from chartline.sources.base import SourceData
from chartline.sources.read import read_centre
from chartline.sources.spec import SourceSpec

PATIENT = {"resourceType": "Patient", "id": "p1", "birthDate": "1970"}


def read(folder: Path, path: str = ".", **options: Any) -> SourceData:
    return read_centre(folder, [SourceSpec(kind="fhir", path=path, **options)], {})


def lines(folder: Path, *resources: dict[str, Any], name: str = "x.ndjson") -> None:
    (folder / name).write_text("".join(json.dumps(one) + "\n" for one in resources))


def bundle(folder: Path, *resources: dict[str, Any], name: str = "Bundle.json", **more: Any) -> None:
    entry = [{"fullUrl": "urn:x", "resource": one} for one in resources]
    (folder / name).write_text(json.dumps({"resourceType": "Bundle", "entry": entry, **more}))


def one(folder: Path, **elements: Any) -> dict[str, str | None]:
    """Return the single row that a resource becomes."""
    lines(folder, {"resourceType": "Observation", **elements})
    return read(folder).tables["Observation"].frame.row(0, named=True)


def test_arrays_are_keyed_as_fhir_slices_them(tmp_path: Path) -> None:
    row = one(
        tmp_path,
        extension=[{"url": "urn:g", "valueInteger": 4}, {"valueString": "no url"}],
        identifier=[{"system": "urn:mrn", "value": "7"}],
        component=[
            {"code": {"coding": [{"system": "s", "code": "B"}, {"code": "C"}]}, "valueString": "x"},
            {"code": {"text": "no code"}, "valueString": "y"},
        ],
        note=[{"text": "a"}, {"text": "b"}],
        given=["A", "B"],
    )
    assert row == {
        "extension[urn:g].valueInteger": "4",
        "extension[1].valueString": "no url",
        "identifier[urn:mrn].value": "7",
        "component[B].code.coding[0].system": "s",
        "component[B].code.coding[1].code": "C",
        "component[B].valueString": "x",
        "component[1].code.text": "no code",
        "component[1].valueString": "y",
        "note[0].text": "a",
        "note[1].text": "b",
        "given[0]": "A",
        "given[1]": "B",
    }


def test_the_same_discriminator_twice_keeps_both(tmp_path: Path) -> None:
    row = one(tmp_path, extension=[{"url": "u", "valueString": "a"}, {"url": "u", "valueString": "b"}])
    assert row == {"extension[u].valueString": "a", "extension[u#2].valueString": "b"}


def test_nested_extensions_and_extended_primitives(tmp_path: Path) -> None:
    inner = {"url": "race", "extension": [{"url": "text", "valueString": "x"}]}
    row = one(tmp_path, extension=[inner], _birthDate={"extension": [{"url": "u", "valueCode": "unknown"}]})
    assert row == {
        "extension[race].extension[text].valueString": "x",
        "_birthDate.extension[u].valueCode": "unknown",
    }


def test_numbers_are_short_booleans_are_words_null_is_nothing(tmp_path: Path) -> None:
    text = '{"resourceType":"Observation","a":48.0,"b":1e-3,"c":12345678901234567890,"d":true,"e":null,"f":"","g":[]}'
    (tmp_path / "x.ndjson").write_text(text)
    row = read(tmp_path).tables["Observation"].frame.row(0, named=True)
    assert row == {"a": "48", "b": "0.001", "c": "12345678901234567890", "d": "true"}


@pytest.mark.parametrize("value", ["text", 5, {"coding": "B"}, {"coding": ["B"]}, {"coding": [{"code": {"x": 1}}]}])
def test_a_component_with_nonsense_for_a_code_is_keyed_by_position(tmp_path: Path, value: Any) -> None:
    assert all(name.startswith("component[0].code") for name in one(tmp_path, component=[{"code": value}]))


def test_the_same_resource_twice_is_read_once_from_the_lines(tmp_path: Path) -> None:
    bundle(tmp_path, {**PATIENT, "meta": {"versionId": "2"}}, name="A.json")
    lines(tmp_path, PATIENT)
    data = read(tmp_path)
    table = data.tables["Patient"]
    assert (table.frame.height, table.address(0, "birthDate")) == (1, "x.ndjson!line 1!birthDate")
    assert [(note.rule, note.address) for note in data.notes] == [("repeated_resource", "A.json!entry 1")]


def test_two_versions_of_a_resource_are_both_kept_and_told(tmp_path: Path) -> None:
    lines(tmp_path, PATIENT)
    bundle(tmp_path, {**PATIENT, "birthDate": "1971"})
    data = read(tmp_path)
    table = data.tables["Patient"]
    assert [table.address(row, "birthDate") for row in (0, 1)] == [
        "x.ndjson!line 1!birthDate",
        "Bundle.json!entry 1!birthDate",
    ]
    assert [(note.rule, note.address) for note in data.notes] == [("conflicting_resource", "Bundle.json!entry 1")]
    assert data.notes[0].message == (
        "Patient/p1 comes twice with different content (birthDate): also at x.ndjson!line 1. Both are read."
    )


def test_resources_without_an_id_are_never_taken_for_the_same(tmp_path: Path) -> None:
    lines(tmp_path, *[{"resourceType": "Patient", "gender": "male"}] * 2)
    assert read(tmp_path).tables["Patient"].frame.height == 2


def test_types_that_are_not_wanted_are_counted(tmp_path: Path) -> None:
    lines(tmp_path, PATIENT, {"resourceType": "Claim"}, {"resourceType": "Claim"})
    data = read(tmp_path, resources=["Patient"])
    assert list(data.tables) == ["Patient"]
    assert data.notes[0].message == "2 resource(s) of type Claim are not in the mapping's list and were not read."


def test_one_page_of_a_search_is_told(tmp_path: Path) -> None:
    bundle(tmp_path, PATIENT, link=[{"relation": "next", "url": "http://x"}])
    assert [note.rule for note in read(tmp_path).notes] == ["bundle_has_next_page"]


def test_an_entry_without_a_resource_keeps_the_count_of_the_others(tmp_path: Path) -> None:
    text = {"resourceType": "Bundle", "entry": [{"response": {"status": "204"}}, {"resource": PATIENT}]}
    (tmp_path / "b.json").write_text(json.dumps(text))
    data = read(tmp_path)
    assert data.tables["Patient"].row_labels == ["entry 2"]
    assert [(note.rule, note.address) for note in data.notes] == [("entry_without_resource", "b.json!entry 1")]


def test_a_single_resource_and_lines_under_the_name_json(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text(json.dumps(PATIENT, indent=2))
    lines(tmp_path, {**PATIENT, "id": "p2"}, {**PATIENT, "id": "p3"}, name="two.json")
    assert read(tmp_path).tables["Patient"].row_labels == [
        "one.json!line 1",
        "two.json!line 1",
        "two.json!line 2",
    ]


def test_blank_lines_and_a_byte_order_mark_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "x.ndjson").write_text("\ufeff\n" + json.dumps(PATIENT) + "\r\n\r\n", encoding="utf-8")
    assert read(tmp_path).tables["Patient"].row_labels == ["line 2"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("x.ndjson", b'{"resourceType": "Patient"}\n{"resourceType": ', "x.ndjson, line 2 is not valid JSON"),
        ("x.ndjson", b'{"resourceType": "Patient", "a": NaN}', "line 1 is not valid JSON: NaN is not a JSON number"),
        ("x.ndjson", b'{"resourceType": "Patient"}\n[1]\n', "line 2 is JSON, but not a FHIR resource"),
        ("x.ndjson", b'{"id": "p"}', "it has no resourceType"),
        ("x.json", b'{\n"resourceType": "Bundle",\n"entry": [}', "x.json, line 3 is not valid JSON"),
        ("x.json", b'{"resourceType": "Bundle", "entry": 5}', "a Bundle whose entry is not a list"),
        ("x.json", b'{"resourceType": "Bundle", "entry": [{"resource": 5}]}', "entry 1 is JSON, but not a FHIR"),
        ("x.json", b"PK\x03\x04\xff\xff", "not JSON: it seems to be a zip archive"),
        ("x.ndjson", b"[" * 100_000, "nested too deeply"),
        ("x.json", b"", "is empty"),
    ],
)
def test_what_is_not_fhir_is_named_with_its_line(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=words):
        read(tmp_path)
