"""The REDCap data dictionary: it keeps REDCap's rules, and an export of its project is read by its own mapping."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest

from chartline.capture.ask import capture_of
from chartline.capture.redcap import dictionary_text, instruments_text
from chartline.mapping.load import load_mapping
from chartline.pipeline import read_study, redcap_study
from chartline.protocol.load import load_protocol
from chartline.protocol.model import Protocol
from filled_forms import records_csv
from odd_protocol import ODD
from redcap_rules import COLUMNS, faults

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
STUDIES = [load_protocol(EXAMPLES / e) for e in ("inotuzumab-india", "aml-amlsg-0704", "all-aall0232")]
REAL = ["simple", "longitudinal", "checkboxes-1", "repeating-instruments", "survey", "validation-types-1"]


def rows_of(text: str) -> tuple[list[str], list[dict[str, str]]]:
    reader = csv.DictReader(io.StringIO(text))
    rows = list(reader)
    return list(reader.fieldnames or ()), rows


@pytest.mark.parametrize("p", [*STUDIES, Protocol.model_validate(ODD)], ids=lambda p: p.study.id)
def test_the_dictionary_keeps_every_rule(p: Protocol) -> None:
    assert faults(*rows_of(dictionary_text(capture_of(p)))) == []


def test_names_are_as_short_as_redcap_recommends() -> None:
    for p in (*STUDIES, Protocol.model_validate(ODD)):
        _, rows = rows_of(dictionary_text(capture_of(p)))
        assert [r[COLUMNS[0]] for r in rows if len(r[COLUMNS[0]]) > 26] == []


@pytest.mark.shared
@pytest.mark.parametrize("project", REAL)
def test_real_dictionaries_keep_the_rules_as_they_are_written_here(project: str) -> None:
    file = SHARED / "redcap_redcapr" / project / "dictionary.csv"
    assert faults(*rows_of(file.read_text(encoding="utf-8-sig"))) == []


@pytest.mark.shared
def test_a_large_real_dictionary_keeps_them_but_for_branching_on_boxes_that_are_not_there() -> None:
    file = next((SHARED / "redcap_impowr_dictionary").glob("*.csv"))
    found = faults(*rows_of(file.read_text(encoding="cp1252")))
    assert [f.split(":")[0] for f in found] == ["narcanadm_other", "imp_staff_othertxt", "imp_staff_physspec"]


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("Variable / Field Name", "Sex", "a name is small letters"),
        ("Variable / Field Name", "9sex", "a name is small letters"),
        ("Variable / Field Name", "sex__a", "a name is small letters"),
        ("Variable / Field Name", "age", "named 2 times"),
        ("Form Name", "Patient Form", "is no name"),
        ("Field Type", "list", "there is no field type"),
        ("Field Label", " ", "needs a label"),
        ("Choices, Calculations, OR Slider Labels", "", "a list needs choices"),
        ("Choices, Calculations, OR Slider Labels", "1 Male | 2, Female", "is not `code, label`"),
        ("Choices, Calculations, OR Slider Labels", "1, Male | 1, Female", "two choices have one code"),
        ("Choices, Calculations, OR Slider Labels", "m/w, Male", "has other signs"),
        ("Text Validation Type OR Show Slider Number", "date", "there is no validation"),
        ("Text Validation Min", "0", "a limit needs a validation"),
        ("Required Field?", "yes", "are y or blank"),
        ("Branching Logic (Show field only if...)", "[nothing] = '1'", "which is no field"),
        ("Branching Logic (Show field only if...)", "[sex] = '7'", "which it does not offer"),
        ("Branching Logic (Show field only if...)", "[sex(1)] = '1'", "reads a box of [sex], which is none"),
        ("Branching Logic (Show field only if...)", "([sex] = '1'", "do not match"),
        ("Branching Logic (Show field only if...)", "[sex <> ''", "do not match"),
        ("Variable / Field Name", "s" * 101, "at most 100 characters"),
        ("Form Name", "follow_up", "its fields do not stand together"),
        ("Field Type", "yesno", "the choices of yesno are fixed"),
        ("Field Type", "notes", "a notes field has no validation"),
        ("Text Validation Max", "tall", "the limit 'tall' is no number"),
    ],
)
def test_a_broken_rule_would_be_found(column: str, value: str, said: str) -> None:
    header, rows = rows_of(dictionary_text(capture_of(STUDIES[0])))
    sex = next(r for r in rows if r[COLUMNS[0]] == "sex")
    if value in ("notes", "tall"):
        sex[COLUMNS[7]] = "number"  # what has a validation at all
    sex[column] = value
    assert any(said in fault for fault in faults(header, rows)), faults(header, rows)


def test_a_project_whose_first_field_is_no_text_or_whose_limits_are_crossed_would_be_found() -> None:
    header, rows = rows_of(dictionary_text(capture_of(STUDIES[0])))
    rows[0][COLUMNS[3]] = "dropdown"
    dose = next(r for r in rows if r[COLUMNS[0]] == "exdosm2")
    dose[COLUMNS[8]], dose[COLUMNS[9]] = "2", "1"
    found = " ".join(faults(header, rows))
    assert "the first field is the record id and must be a text field" in found
    assert "exdosm2: the lowest value is above the highest" in found
    assert "the columns are" in " ".join(faults(header[1:], rows))


def test_other_words_are_asked_for_only_where_other_was_chosen() -> None:
    rows = [r for p in STUDIES for r in rows_of(dictionary_text(capture_of(p)))[1]]
    own_words = [r for r in rows if r[COLUMNS[4]].endswith(": in your own words")]
    assert own_words
    assert [r for r in own_words if not re.fullmatch(r"\[[a-z0-9_]+\] = '[^']+'", r[COLUMNS[11]])] == []


def test_forms_repeat_but_for_those_with_one_entry_a_patient() -> None:
    repeat = json.loads(instruments_text(capture_of(STUDIES[0])))
    assert {"patient", "history", "follow_up"}.isdisjoint(f["form_name"] for f in repeat)
    assert {"form_name": "doses", "custom_form_label": "[excycle]"} in repeat


def test_dates_that_must_be_whole_are_dates_and_others_are_text_with_a_hint() -> None:
    _, rows = rows_of(dictionary_text(capture_of(STUDIES[0])))
    by_name = {r[COLUMNS[0]]: r for r in rows}
    dose, relapse = by_name["exstdtc"], by_name["reldtc"]
    assert (dose[COLUMNS[7]], dose[COLUMNS[8]], dose[COLUMNS[9]]) == ("date_ymd", "1900-01-01", "2023-12-31")
    assert relapse[COLUMNS[7]] == "" and "yyyy-mm" in relapse[COLUMNS[6]]
    assert relapse[COLUMNS[11]] == "[relapse] = '1'"  # asked after a yes
    assert by_name["relapse"][COLUMNS[3]] == "yesno"
    assert by_name["brthdtc"][COLUMNS[10]] == "y"  # could tell who it is
    assert (by_name["exdosm2"][COLUMNS[7]], by_name["exdosm2"][COLUMNS[8]]) == ("number", "0")
    assert by_name["bmblast"][COLUMNS[7]] == by_name["plt"][COLUMNS[7]] == ""  # "<5" is an answer


def test_no_cell_of_the_file_begins_a_formula() -> None:
    _, rows = rows_of(dictionary_text(capture_of(Protocol.model_validate(ODD))))
    assert [v for r in rows for v in r.values() if v.startswith(("=", "+", "-", "@", "\t", "\r"))] == []


def _odd_study(home: Path) -> Path:
    from ruamel.yaml import YAML

    (home / "mappings").mkdir(parents=True)
    (home / "centres" / "F").mkdir(parents=True)
    with (home / "protocol.yaml").open("w", encoding="utf-8") as f:
        YAML(typ="safe").dump(ODD, f)
    redcap_study(home, home / "centres" / "F" / "dictionary.csv", "F")
    (home / "centres" / "F" / "dictionary.yaml").rename(home / "mappings" / "F.yaml")
    (home / "centres" / "F" / "dictionary.repeating.json").unlink()
    return home


def test_an_export_with_odd_words_comes_back_as_it_was_meant(tmp_path: Path) -> None:
    home = _odd_study(tmp_path / "study")
    capture = capture_of(load_protocol(home))
    entered = {form.name: [] for form in capture.forms} | {
        "patient": [
            {"Patient": "1", "brthdtc": "1980-05", "sex": "F"},
            {"Patient": "2", "brthdtc": "1990", "sex": "M"},
        ],
        "history": [{"Patient": "1", "karyo": "a | b"}, {"Patient": "2", "karyo": "=mine, too"}],
        "doses": [{"Patient": n, "excycle": 1, "exstdtc": f"2021-0{n}-01"} for n in ("1", "2")],
        "follow_up": [
            {"Patient": "1", "lkadtc": "2021-05-01", "dthfl": "N"},
            {"Patient": "2", "lkadtc": "2021-06-01", "dthfl": "Y", "dthdtc": "2021-06"},
        ],
    }
    records_csv(capture, entered, home / "centres" / "F" / "records.csv")
    study = read_study(home)
    history = study.data["MH"].filter(study.data["MH"]["MHCAT"] == "KARYO")
    assert history.select("USUBJID", "MHORRES").rows() == [("F-1", "a | b"), ("F-2", "=mine, too")]
    assert study.data["DM"].select("USUBJID", "SEX", "BRTHDTC").rows() == [
        ("F-1", "F", "1980-05"),
        ("F-2", "M", "1990"),
    ]
    assert study.data["SS"].select("DTHFL", "DTHDTC").rows() == [("N", None), ("Y", "2021-06")]
    assert study.data["EX"].select("USUBJID", "EXTRT", "EXSTDTC").rows() == [
        ("F-1", "BLINATUMOMAB", "2021-01-01"),
        ("F-2", "BLINATUMOMAB", "2021-02-01"),
    ]
    asked = {q.rule for q in study.queries}
    assert not asked & {"unknown_word", "row_not_mapped", "not_a_date", "mapping_unsigned", "column_not_mapped"}


def test_the_mapping_is_signed_by_the_dictionary_and_changes_with_what_is_asked(tmp_path: Path) -> None:
    home = _odd_study(tmp_path / "study")
    signed = load_mapping(home / "mappings" / "F.yaml")
    capture = capture_of(load_protocol(home))
    assert signed.signed_by.endswith(f"REDCap dictionary of {capture.study}, digest {capture.digest}")
    assert signed.signed_on is not None
    more = ODD | {"endpoints": [{"id": "RFS", "use": "relapse_free_survival", "population": "all"}]}
    assert capture_of(Protocol.model_validate(more)).digest != capture.digest
