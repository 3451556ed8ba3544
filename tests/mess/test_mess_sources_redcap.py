"""REDCap exports as they come: repeats, check boxes, forms nobody opened, exports that do not fit their
dictionary."""

from __future__ import annotations

from pathlib import Path

import pytest

from chartline.errors import MappingError, SourceError
from chartline.sources.base import SourceData
from chartline.sources.instruments import RedcapTable
from chartline.sources.read import read_centre
from chartline.sources.spec import SourceSpec

SPEC = SourceSpec(kind="redcap", records="data.csv", dictionary="dict.csv")
HEAD = '"Variable / Field Name","Form Name","Field Type","Choices, Calculations, OR Slider Labels"\n'
FIELDS = """record_id,base,text,
sex,base,radio,"1, Male | 2, Female, or so"
site,base,checkbox,"1, Skin | -2, Brain"
title,base,descriptive,
pain,base,slider,"none | some | much"
dose_date,dose,text,
given,dose,yesno,
"""
DATA = """record_id,redcap_event_name,redcap_repeat_instrument,redcap_repeat_instance,sex,site___1,site____2,pain,\
base_complete,dose_date,given,dose_complete
A,start_arm_1,,,1,0,1,,0,,,
A,start_arm_1,dose,1,,,,,,2020-01-01,1,2
A,start_arm_1,dose,2,,,,,,2020-01-08,0,2
B,start_arm_1,,,,0,0,,0,,,
B,late_arm_1,,,,0,0,,2,2020-02-01,,0
C,start_arm_1,,,,0,0,,0,,,0
"""


def read(folder: Path, data: str = DATA, fields: str = FIELDS) -> SourceData:
    (folder / "data.csv").write_text(data)
    (folder / "dict.csv").write_text(HEAD + fields)
    return read_centre(folder, [SPEC], {})


def test_each_instrument_gets_its_own_rows_and_columns(tmp_path: Path) -> None:
    tables = read(tmp_path).tables
    keys = ["record_id", "redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance"]
    assert tables["base"].columns == [*keys, "sex", "site___1", "site____2", "pain", "base_complete"]
    assert tables["base"].row_labels == ["row 2", "row 6"]
    assert tables["dose"].columns == [*keys, "dose_date", "given", "dose_complete"]
    assert tables["dose"].row_labels == ["row 3", "row 4", "row 6"]  # two repeats, and one in a plain event
    assert tables["dose"].address(1, "dose_date") == "data.csv!row 4!dose_date"


def test_unchecked_boxes_and_the_status_incomplete_do_not_fill_a_form(tmp_path: Path) -> None:
    data = read(tmp_path)
    assert data.tables["base"].frame["record_id"].to_list() == ["A", "B"]  # B at its second event: complete
    assert [(note.rule, note.address) for note in data.notes] == [("empty_record", "data.csv!row 7!record_id")]


def test_code_lists_come_with_the_tables(tmp_path: Path) -> None:
    base, dose = read(tmp_path).tables.values()
    assert isinstance(base, RedcapTable) and isinstance(dose, RedcapTable)
    assert base.choices == {
        "sex": {"1": "Male", "2": "Female, or so"},
        "site": {"1": "Skin", "-2": "Brain"},
        "base_complete": {"0": "Incomplete", "1": "Unverified", "2": "Complete"},
    }
    assert dose.choices["given"] == {"1": "Yes", "0": "No"}
    kept = base.with_frame(base.frame, None)
    assert isinstance(kept, RedcapTable) and kept.choices == base.choices


def test_a_field_left_out_of_the_export_is_noted(tmp_path: Path) -> None:
    data = read(tmp_path, fields=FIELDS + "name,base,text,\n")
    assert data.notes[0].rule == "field_not_exported"
    assert data.notes[0].message == "The dictionary has fields that the export leaves out: name."


def test_a_column_that_the_dictionary_does_not_have(tmp_path: Path) -> None:
    with pytest.raises(
        MappingError, match="columns that its dictionary does not have: dose_date, given, dose_complete"
    ):
        read(tmp_path, fields=FIELDS.replace("dose_date,dose,text,\ngiven,dose,yesno,\n", ""))


def test_a_check_box_column_of_a_field_that_is_no_check_box(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="does not have: site___1, site____2"):
        read(tmp_path, fields=FIELDS.replace("site,base,checkbox", "site,base,radio"))


def test_an_export_with_labels_instead_of_names(tmp_path: Path) -> None:
    with pytest.raises(MappingError) as error:
        read(tmp_path, DATA.replace(",dose,1,", ",Dose of drug,1,"))
    assert "rows of instruments that its dictionary does not have: Dose of drug" in error.value.what
    assert "raw CSV" in error.value.do


def test_values_in_a_row_of_another_instrument_are_noted(tmp_path: Path) -> None:
    data = read(tmp_path, DATA.replace("A,start_arm_1,dose,2,,", "A,start_arm_1,dose,2,2,"))
    note = next(note for note in data.notes if note.rule == "value_outside_instrument")
    assert note.address == "data.csv!row 4"
    assert note.message == "1 row(s) of another instrument hold values of 'base'; these are not read."


def test_a_dictionary_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text(DATA)
    (tmp_path / "dict.csv").write_text("a,b\n1,2\n")
    with pytest.raises(MappingError, match=r"dict\.csv is not a REDCap data dictionary: no column 'Variable"):
        read_centre(tmp_path, [SPEC], {})


def test_the_dictionary_as_the_api_exports_it(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text(DATA)
    head = "field_name,form_name,field_type,select_choices_or_calculations\n"
    (tmp_path / "dict.csv").write_text(head + FIELDS)
    assert list(read_centre(tmp_path, [SPEC], {}).tables) == ["base", "dose"]


def test_a_project_without_events_and_repeats(tmp_path: Path) -> None:
    data = "record_id,sex,site___1,site____2,pain,base_complete,dose_date,given,dose_complete\nA,1,0,0,,2,,,0\n"
    tables = read(tmp_path, data).tables
    assert tables["base"].columns[0:2] == ["record_id", "sex"]
    assert (tables["base"].frame.height, tables["dose"].frame.height) == (1, 0)


ODM = """<ODM xmlns="http://www.cdisc.org/ns/odm/v1.3" xmlns:redcap="https://projectredcap.org" FileType="Snapshot">
<Study OID="S"><MetaDataVersion OID="M" redcap:RecordIdField="record_id">
<FormDef OID="Form.base" Name="Base line" redcap:FormName="base"><ItemGroupRef ItemGroupOID="G1"/></FormDef>
<FormDef OID="Form.dose" Name="Dose" redcap:FormName="dose"><ItemGroupRef ItemGroupOID="G2"/></FormDef>
<ItemGroupDef OID="G1"><ItemRef ItemOID="record_id"/><ItemRef ItemOID="sex"/></ItemGroupDef>
<ItemGroupDef OID="G2"><ItemRef ItemOID="given"/></ItemGroupDef>
<ItemDef OID="record_id" Name="record_id"/>
<ItemDef OID="sex" Name="sex" redcap:FieldType="radio"><CodeListRef CodeListOID="sex.choices"/></ItemDef>
<ItemDef OID="given" Name="given" redcap:FieldType="yesno"/>
<CodeList OID="sex.choices"><CodeListItem CodedValue="1"><Decode><TranslatedText>Male</TranslatedText></Decode>
</CodeListItem></CodeList></MetaDataVersion></Study><ClinicalData>
<SubjectData SubjectKey="A"><StudyEventData StudyEventOID="Event.x" redcap:UniqueEventName="start_arm_1">
<FormData FormOID="Form.base" FormRepeatKey="1"><ItemGroupData ItemGroupOID="G1"><ItemData ItemOID="record_id"
 Value="A"/><ItemData ItemOID="sex" Value="1"/></ItemGroupData></FormData>
<FormData FormOID="Form.dose" FormRepeatKey="1"><ItemGroupData ItemGroupOID="G2"><ItemData ItemOID="given" Value="1"/>
</ItemGroupData></FormData><FormData FormOID="Form.dose" FormRepeatKey="2"><ItemGroupData ItemGroupOID="G2">
<ItemData ItemOID="given" Value="0"/></ItemGroupData></FormData></StudyEventData></SubjectData></ClinicalData></ODM>"""


def read_xml(folder: Path, text: str) -> SourceData:
    (folder / "p.xml").write_text(text)
    return read_centre(folder, [SourceSpec(kind="redcap", odm="p.xml")], {})


def test_odm_gives_the_tables_of_the_csv_export(tmp_path: Path) -> None:
    tables = read_xml(tmp_path, ODM).tables
    base, dose = tables["base"], tables["dose"]
    assert base.frame.rows() == [("A", "start_arm_1", None, None, "1")]
    assert dose.frame.rows() == [
        ("A", "start_arm_1", "dose", "1", "1"),
        ("A", "start_arm_1", "dose", "2", "0"),
    ]
    assert dose.address(1, "given") == "p.xml!A/start_arm_1/dose/2!given"
    assert isinstance(base, RedcapTable) and base.choices["sex"] == {"1": "Male"}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("</ODM>", "", "not a readable XML document"),
        ("ODM", "OMD", "XML, but not CDISC ODM: its root is <OMD>"),
        ('FileType="Snapshot"', 'FileType="Transactional"', "is a log of changes"),
        ("FormDef", "FormDefinition", "has no metadata"),
        ('FormOID="Form.dose" FormRepeatKey="2"', 'FormOID="Form.none"', "a form that its metadata do not have"),
        ('<ItemGroupData ItemGroupOID="G1">', '<ItemGroupData ItemGroupRepeatKey="2">', "repeats item groups"),
    ],
)
def test_odm_that_is_not_what_redcap_writes(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in ODM
    with pytest.raises(SourceError, match=words):
        read_xml(tmp_path, ODM.replace(old, new))
