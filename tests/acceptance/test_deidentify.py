"""`chartline deidentify` at the centre's door: nothing that identifies leaves, and what the study needs still reads.

The planted folder holds the same two invented people in every shape that charts come in, with their identifiers
wherever a file can hide them. The reference study, which has no identifiers, must come out of it as it went in.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import shutil
import zipfile
from pathlib import Path

import duckdb
import openpyxl
import polars as pl
import pytest
from openpyxl.comments import Comment
from openpyxl.workbook.defined_name import DefinedName

from chartline.cuts.records import compare_values
from chartline.deidentify.key import Key
from chartline.deidentify.scrub import IdentifierRemains
from chartline.errors import OutputError, StudyError
from chartline.pipeline import deidentify_centre, estimated, read_study
from chartline.sources.folder import SourceFile
from chartline.sources.odm import read_odm
from chartline.study import StudyRun
from chartline.trace.charted import charted_values

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "inotuzumab-india"
KEY = bytes(range(32)).hex()
# Invented people; the numbers are of no register.
NAMES = ("Vikramjit Chaudhuri", "Ashalata Deshmukh")
MRN = ("MH/2019/0042317", "20190017")
OTHER = (
    *("98765 43210", "vikramjit@example.org", "12 Tulip Lane, Nagpur", "2345 6789 0123", "Chaudhuri", "Vikramjit"),
    *("Ashalata", "Deshmukh", "440010", "9123456780", "Ranganathan"),
)
PLANTED = (*NAMES, *MRN, *OTHER)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    file = tmp_path / "key"
    file.write_text(KEY + "\n")
    file.chmod(0o600)
    return file


def _csv(file: Path, rows: list[list[object]], **how: str) -> None:
    with file.open("w", encoding=how.pop("encoding", "utf-8"), newline="") as f:
        csv.writer(f, **how).writerows(rows)  # type: ignore[arg-type]


def _workbook(file: Path) -> None:
    book = openpyxl.Workbook()
    book.properties.creator, book.properties.lastModifiedBy = NAMES
    book.properties.title = f"Patients of Dr {NAMES[1]}"
    sheet = book.active
    assert sheet is not None
    sheet.title = "Patients"
    sheet["A1"] = f"Registry kept by Dr {NAMES[1]}"
    head = ["MRN", "Patient name", "Mobile", "Address", "PIN code", "First dose", "Hb", "Remarks", "Consultant"]
    for c, text in enumerate(head, 1):
        sheet.cell(3, c, text)
    day = dt.date(2020, 1, 1)
    remark = f"{NAMES[0]} (MRN {MRN[0]}) called from 98765 43210; Chaudhuri tolerated cycle 1"
    sheet.append([MRN[0], NAMES[0], "98765 43210", OTHER[2], "440010", day, 9.5, remark, "Dr Ranganathan"])
    sheet.append([int(MRN[1]), NAMES[1], "9123456780", "unknown", "440010", day, 8.1, "stable", "Dr Ranganathan"])
    sheet["G4"].comment = Comment(f"checked with {NAMES[0]}", NAMES[1])
    sheet.oddHeader.left.text = NAMES[0]
    sheet.row_dimensions[5].hidden = True
    book.defined_names["Chaudhuri"] = DefinedName("Chaudhuri", attr_text="Patients!$A$4")
    labs = book.create_sheet("Labs")
    labs.append(["MRN", "Date", "Test", "Value"])
    labs.append([MRN[0], day, "ALT", 45])
    labs.append([MRN[1], "2020-02", "ALT", 20190017])  # a finding that equals a number
    labs.sheet_state = "hidden"
    book.save(file)


def _folder(folder: Path) -> Path:
    folder.mkdir()
    _workbook(folder / "registry.xlsx")
    rows = [["Patient ID", "UHID", "Name", "Date", "Note"],
            ["A-01", MRN[0], NAMES[0], "01/02/2020", f"wife of {NAMES[0]} rang, ID 2345 6789 0123"],
            ["A-02", MRN[1], NAMES[1], "03/02/2020", "Deshmukh well, mail vikramjit@example.org"]]  # fmt: skip
    _csv(folder / "follow_up.csv", rows, delimiter=";", encoding="cp1252")
    _csv(folder / "redcap.csv", [["record_id", "nickname", "dob", "note"], ["1", "Chaudhuri", "1980-01-01", "ok"]])
    dictionary = ["Variable / Field Name", "Text Validation Type OR Show Slider Number", "Identifier?"]
    _csv(folder / "dictionary.csv", [dictionary, ["nickname", "", "y"], ["dob", "date_ymd", "y"], ["note", "", ""]])
    patient = {
        "resourceType": "Patient", "id": "20190017", "gender": "female", "birthDate": "1980-05-04",
        "identifier": [{"system": "urn:hospital", "value": MRN[1]}],
        "name": [{"family": "Deshmukh", "given": ["Ashalata"], "text": NAMES[1]}],
        "telecom": [{"system": "phone", "value": "9123456780"}],
        "address": [{"line": [OTHER[2]], "postalCode": "440010"}],
        "text": {"status": "generated", "div": f"<div>{NAMES[1]}</div>"},
    }  # fmt: skip
    finding = {
        "resourceType": "Observation", "id": "o1", "effectiveDateTime": "2020-01-01T09:00:00Z",
        "valueString": "blasts 2 %",
        "subject": {"reference": "Patient/20190017", "display": NAMES[1]},
        "performer": [{"reference": "Practitioner/7", "display": "Ranganathan"}],
        "note": [{"text": f"Seen with {NAMES[1]}, MRN {MRN[1]}"}],
    }  # fmt: skip
    (folder / "resources.ndjson").write_text("\n".join(map(json.dumps, (patient, finding))))
    bundle = {"resourceType": "Bundle", "entry": [{"fullUrl": "urn:x/Patient/20190017", "resource": patient}]}
    (folder / "bundle.json").write_text(json.dumps(bundle))
    person = {"person_id": [1, 2], "person_source_value": [*MRN], "year_of_birth": [1980, 1975]}
    pl.DataFrame(person).write_parquet(folder / "person.parquet")
    pl.DataFrame({"note_id": [1], "person_id": [1], "note_text": [f"Mr {NAMES[0]}, {MRN[0]}"]}).write_csv(
        folder / "note.csv"
    )
    (folder / "project.xml").write_text(_odm(), encoding="utf-8")
    _database(folder / "cdm.duckdb")
    (folder / "letter.txt").write_text(f"Dear {NAMES[0]}")
    return folder


def _odm() -> str:
    """A project of REDCap: the second person, whose record is named by the hospital number."""
    marked = ' redcap:Identifier="y"'
    fields = (
        ("chart_key", "text", ""), ("nickname", "text", marked), ("seen", "date", marked), ("note", "text", ""),
        ("scan", "text", ""),
    )  # fmt: skip
    definitions = "".join(
        f'<ItemDef OID="I.{n}" Name="{n}" DataType="{t}" redcap:Variable="{n}" redcap:FieldType="text"'
        f'{mark}><Question><TranslatedText>{n}</TranslatedText></Question></ItemDef>'
        for n, t, mark in fields
    )  # fmt: skip
    refs = "".join(f'<ItemRef ItemOID="I.{n}" Mandatory="No"/>' for n, _, _ in fields)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><!-- exported by {NAMES[0]} -->'
        '<ODM xmlns="http://www.cdisc.org/ns/odm/v1.3" xmlns:redcap="https://projectredcap.org" FileType="Snapshot" '
        f'Originator="{NAMES[0]}"><Study OID="S"><GlobalVariables><StudyName>S</StudyName>'
        f"<StudyDescription>kept by Dr {NAMES[1]}</StudyDescription></GlobalVariables>"
        '<MetaDataVersion OID="M" Name="M" redcap:RecordIdField="chart_key" redcap:Notify="vikramjit@example.org">'
        '<FormDef OID="F.f" Name="f" Repeating="No" redcap:FormName="f"><ItemGroupRef ItemGroupOID="G.f"/></FormDef>'
        f'<ItemGroupDef OID="G.f" Name="f" Repeating="No">{refs}</ItemGroupDef>{definitions}</MetaDataVersion></Study>'
        f'<AdminData><User OID="U"><FullName>{NAMES[0]}</FullName></User></AdminData>'
        f'<ClinicalData StudyOID="S" MetaDataVersionOID="M"><SubjectData SubjectKey="{MRN[1]}">'
        '<FormData FormOID="F.f" FormRepeatKey="1"><ItemGroupData ItemGroupOID="G.f" ItemGroupRepeatKey="1">'
        f'<AuditRecord><UserRef UserOID="U"/><Reason>asked {NAMES[0]}</Reason></AuditRecord>'
        f'<ItemData ItemOID="I.chart_key" Value="{MRN[1]}"/><ItemData ItemOID="I.nickname" Value="{NAMES[1]}"/>'
        f'<ItemData ItemOID="I.seen" Value="2020-01-01"/>'
        f'<ItemDataString ItemOID="I.note">{NAMES[1]} well</ItemDataString>'
        '<ItemDataBase64Binary ItemOID="I.scan" redcap:DocName="Ashalata.jpg">YXNo</ItemDataBase64Binary>'
        "</ItemGroupData></FormData></SubjectData></ClinicalData></ODM>"
    )


def _database(file: Path) -> None:
    with duckdb.connect(str(file)) as database:
        database.execute(
            "CREATE TABLE person (person_id INTEGER, person_source_value VARCHAR, birth_datetime TIMESTAMP)"
        )
        database.execute("INSERT INTO person VALUES (1, ?, TIMESTAMP '1980-05-04'), (2, ?, NULL)", [*MRN])
        database.execute("CREATE TABLE note (note_id INTEGER, person_id INTEGER, note_date DATE, note_text VARCHAR)")
        database.execute("INSERT INTO note VALUES (7, 2, DATE '2020-01-01', ?)", [f"{NAMES[1]} came"])
        database.execute("CREATE TABLE gone AS SELECT ? AS name", [NAMES[0]])
        database.execute("DROP TABLE gone")


def _texts(folder: Path) -> dict[str, str]:
    """Everything that the files of a folder say, unpacked: the parts of a workbook, the columns of a Parquet file."""
    out = {}
    for file in sorted(p for p in folder.rglob("*") if p.is_file()):
        data = file.read_bytes()
        said = [data.decode("latin-1"), data.decode("utf-8", "ignore"), data.decode("utf-16-le", "ignore")]
        if zipfile.is_zipfile(io.BytesIO(data)):
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                said += [f"{n}\n{archive.read(n).decode('utf-8', 'ignore')}" for n in archive.namelist()]
        if file.suffix == ".parquet":
            said.append(pl.read_parquet(file).write_csv() + str(pl.read_parquet_metadata(file)))
        if file.suffix == ".duckdb":
            with duckdb.connect(str(file), read_only=True) as database:
                tables = [
                    name for (name,) in database.execute("SELECT table_name FROM information_schema.tables").fetchall()
                ]
                said += [str(database.execute(f"SELECT * FROM {name}").fetchall()) for name in tables]
        out[file.relative_to(folder).as_posix()] = "\n".join(said)
    return out


def test_no_identifier_is_left_in_any_byte_of_any_file(tmp_path: Path, key: Path) -> None:
    folder = _folder(tmp_path / "charts")
    deidentify_centre(folder, key, tmp_path / "out")
    before, after = _texts(folder), _texts(tmp_path / "out")
    assert set(PLANTED) <= {p for p in PLANTED for text in before.values() if p in text}  # else nothing is tested
    left = [(name, p) for name, text in after.items() for p in PLANTED if p in text]
    assert left == [("files/registry.xlsx", MRN[1])]  # the finding that equals a number, which is told instead
    said = (tmp_path / "out" / "report.txt").read_text()
    assert "registry.xlsx!Labs Value: equals a hospital number, 1 cell (D3)" in said


def test_the_same_number_has_the_same_pseudonym_in_every_file(tmp_path: Path, key: Path) -> None:
    deidentify_centre(_folder(tmp_path / "charts"), key, tmp_path / "out")
    files = tmp_path / "out" / "files"
    first, second = (Key(bytes.fromhex(KEY)).pseudonym(n) for n in MRN)
    sheet = openpyxl.load_workbook(files / "registry.xlsx")["Patients"]
    assert [sheet["A4"].value, sheet["A5"].value] == [first, int(second)]
    with (files / "follow_up.csv").open(encoding="cp1252", newline="") as f:
        assert [r["UHID"] for r in csv.DictReader(f, delimiter=";")] == [first, second]
    assert pl.read_parquet(files / "person.parquet")["person_source_value"].to_list() == [first, second]
    patient, finding = (json.loads(line) for line in (files / "resources.ndjson").read_text().splitlines())
    assert patient["id"] == patient["identifier"][0]["value"] == second
    assert finding["subject"] == {"reference": f"Patient/{second}"}
    assert first in (files / "note.csv").read_text()


def test_a_project_of_redcap_reads_as_before_and_names_nobody(tmp_path: Path, key: Path) -> None:
    deidentify_centre(_folder(tmp_path / "charts"), key, tmp_path / "out")
    second = Key(bytes.fromhex(KEY)).pseudonym(MRN[1])
    read = read_odm(SourceFile("project.xml", tmp_path / "out" / "files" / "project.xml"))
    assert read.tables["f"].frame.to_dicts() == [
        {"chart_key": second, "nickname": None, "seen": "2020-01-01", "note": "[name removed] well", "scan": None}
    ]
    xml = (tmp_path / "out" / "files" / "project.xml").read_text("utf-8")
    assert xml.count("<ODM xmlns=") == 1 and 'redcap:RecordIdField="chart_key"' in xml  # its prefixes stay
    said = (tmp_path / "out" / "report.txt").read_text("utf-8")
    assert "project.xml ItemDataBase64Binary: dropped: 1 cell (an element of ODM that can name a person)" in said


def test_a_database_keeps_its_tables_and_types(tmp_path: Path, key: Path) -> None:
    deidentify_centre(_folder(tmp_path / "charts"), key, tmp_path / "out", shift_days=30, dates="DMY")
    first, second = (Key(bytes.fromhex(KEY)).pseudonym(n) for n in MRN)
    with duckdb.connect(str(tmp_path / "out" / "files" / "cdm.duckdb"), read_only=True) as database:
        types = [row[:2] for row in database.execute("DESCRIBE person").fetchall()]
        people = database.execute("SELECT * FROM person").fetchall()
        notes = database.execute("SELECT * FROM note").fetchall()
    assert types == [("person_id", "INTEGER"), ("person_source_value", "VARCHAR"), ("birth_datetime", "TIMESTAMP")]
    assert [row[:2] for row in people] == [(1, first), (2, second)]
    assert notes[0][:2] + notes[0][3:] == (7, 2, "[name removed] came")
    assert isinstance(notes[0][2], dt.date) and notes[0][2] != dt.date(2020, 1, 1)


def test_a_second_copy_under_the_same_key_is_the_same_and_under_another_is_not(tmp_path: Path, key: Path) -> None:
    folder = _folder(tmp_path / "charts")
    for name, file in (("one", key), ("two", key), ("other", tmp_path / "new key")):
        deidentify_centre(folder, file, tmp_path / name, shift_days=30, dates="DMY")
    one, two, other = (
        {p.name: p.read_bytes() for p in (tmp_path / n / "files").iterdir() if p.suffix in (".csv", ".xml", ".ndjson")}
        for n in ("one", "two", "other")
    )
    assert len(one) == 6
    assert one == two
    assert all(one[name] != other[name] for name in ("follow_up.csv", "note.csv", "project.xml", "resources.ndjson"))


def test_what_the_study_needs_stays_in_its_place(tmp_path: Path, key: Path) -> None:
    deidentify_centre(_folder(tmp_path / "charts"), key, tmp_path / "out")
    files = tmp_path / "out" / "files"
    book = openpyxl.load_workbook(files / "registry.xlsx")
    sheet = book["Patients"]
    assert book.sheetnames == ["Patients", "Labs"]
    assert (book["Labs"].sheet_state, sheet.row_dimensions[5].hidden) == ("hidden", True)
    assert [c.value for c in sheet[3]][5:8] == ["First dose", "Hb", "Remarks"]
    assert (sheet["F4"].value.date(), sheet["G4"].value, sheet["B4"].value) == (dt.date(2020, 1, 1), 9.5, None)
    assert sheet["H4"].value.endswith("tolerated cycle 1")
    with (files / "redcap.csv").open(newline="") as f:
        assert list(csv.DictReader(f)) == [{"record_id": "1", "nickname": "", "dob": "1980-01-01", "note": "ok"}]
    patient = json.loads((files / "resources.ndjson").read_text().splitlines()[0])
    assert sorted(patient) == ["birthDate", "gender", "id", "identifier", "resourceType"]


def test_what_was_done_is_reported_and_what_could_not_be_copied(tmp_path: Path, key: Path) -> None:
    lines, made = deidentify_centre(_folder(tmp_path / "charts"), key, tmp_path / "out")
    said = "\n".join(lines)
    assert not made
    assert "letter.txt: not copied: plain text" in said
    assert "registry.xlsx!Patients MRN: replaced by a pseudonym: 2 cells (the heading says hospital number)" in said
    assert "redcap.csv nickname: dropped: 1 cell (marked as an identifier in the REDCap project)" in said
    assert "registry.xlsx: 1 comment left out." in said
    record = json.loads((tmp_path / "out" / "deidentification.json").read_text())
    assert record["files"]["note.csv"]["what"] == "copied"
    assert KEY not in "".join(_texts(tmp_path / "out").values())


def test_the_input_is_not_changed_and_the_output_is_whole_or_not_there(tmp_path: Path, key: Path) -> None:
    folder = _folder(tmp_path / "charts")
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    deidentify_centre(folder, key, tmp_path / "out", shift_days=20, dates="DMY")
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()} == before
    (folder / "broken.ndjson").write_text("{")
    with pytest.raises(StudyError, match="not valid JSON"):
        deidentify_centre(folder, key, tmp_path / "again")
    assert not (tmp_path / "again").exists()
    with pytest.raises(OutputError, match="inside the folder"):
        deidentify_centre(folder, key, folder / "out")


def test_a_folder_without_files_is_no_success_and_makes_no_key(tmp_path: Path) -> None:
    (tmp_path / "charts" / "empty").mkdir(parents=True)
    with pytest.raises(StudyError, match="holds no file"):
        deidentify_centre(tmp_path / "charts", tmp_path / "new.key", tmp_path / "out")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["charts"]


def test_a_file_that_is_named_after_a_patient_is_refused(tmp_path: Path, key: Path) -> None:
    folder = _folder(tmp_path / "charts")
    shutil.copy(folder / "note.csv", folder / "Report Chaudhuri.csv")
    with pytest.raises(IdentifierRemains, match="rename"):
        deidentify_centre(folder, key, tmp_path / "out")


def test_the_centre_declares_what_was_not_recognised_and_what_was_taken_wrongly(tmp_path: Path, key: Path) -> None:
    folder = tmp_path / "charts"
    folder.mkdir()
    _csv(folder / "t.csv", [["Code", "Ward", "City"], ["x7", "Tulip", "Pune"]])
    deidentify_centre(folder, key, tmp_path / "out", pseudonym=["Code"], drop=["Ward"], keep=["City"])
    with (tmp_path / "out" / "files" / "t.csv").open(newline="") as f:
        (row,) = csv.DictReader(f)
    assert row == {"Code": Key(bytes.fromhex(KEY)).pseudonym("x7"), "Ward": "", "City": "Pune"}


def test_all_dates_of_a_patient_move_by_the_same_days_whatever_number_names_the_patient(
    tmp_path: Path, key: Path
) -> None:
    """A-01 has a study code in one file and a hospital number in the others; the second file links them."""
    deidentify_centre(_folder(tmp_path / "charts"), key, tmp_path / "out", shift_days=30, dates="DMY")
    files = tmp_path / "out" / "files"
    sheet = openpyxl.load_workbook(files / "registry.xlsx")
    with (files / "follow_up.csv").open(encoding="cp1252", newline="") as f:
        seen = dt.datetime.strptime(next(csv.DictReader(f, delimiter=";"))["Date"], "%d/%m/%Y")
    first = sheet["Patients"]["F4"].value
    assert first != dt.datetime(2020, 1, 1)
    assert seen - first == dt.timedelta(days=31)  # 1 January to 1 February
    assert sheet["Labs"]["B2"].value == first
    patient, finding = (json.loads(line) for line in (files / "resources.ndjson").read_text().splitlines())
    born, found = (dt.date.fromisoformat(t[:10]) for t in (patient["birthDate"], finding["effectiveDateTime"]))
    assert found - born == dt.date(2020, 1, 1) - dt.date(1980, 5, 4)  # ISO dates are read beside the declared order
    assert found != dt.date(2020, 1, 1)


def test_a_date_inside_a_text_is_told_where_dates_are_shifted(tmp_path: Path, key: Path) -> None:
    folder = tmp_path / "charts"
    folder.mkdir()
    _csv(folder / "t.csv", [["Patient ID", "Note", "Seen"], ["A-01", "relapse on 12/03/2020", "12/03/20"]])
    lines, _ = deidentify_centre(folder, key, tmp_path / "out", shift_days=9, dates="DMY")
    told = [line.strip() for line in lines if "not shifted" in line]
    assert told == [
        "t.csv Note: a date that was not shifted, 1 cell (row 2)",
        "t.csv Seen: a date that was not shifted, 1 cell (row 2)",
    ]
    quiet, _ = deidentify_centre(folder, key, tmp_path / "out2")
    assert not any("a date that was" in line for line in quiet)


@pytest.mark.parametrize(
    "rows",
    [
        [["MRN", "Name"], [MRN[0], NAMES[0], "one value more"]],
        [["MRN", "MRN"], [MRN[0], MRN[1]]],
        [["", "Patient name", "Hb"], ["first", NAMES[0], "stable, well, home"]],
        [["Registry of 2019"], [], ["MRN", "Patient name"], [MRN[0], NAMES[0], "a", "b", "c"]],
        [["Patient name", NAMES[0]], ["MRN", MRN[0]], ["Hb", "9.1"]],  # a form: its headings in a column
        [["variable", "value"], ["Patient name", NAMES[0]], ["Hb", "9.1"]],
    ],
)
def test_headings_are_found_however_the_table_is_laid_out(tmp_path: Path, key: Path, rows: list[list[object]]) -> None:
    folder = tmp_path / "charts"
    folder.mkdir()
    _csv(folder / "t.csv", rows)
    deidentify_centre(folder, key, tmp_path / "out")
    text = (tmp_path / "out" / "files" / "t.csv").read_text()
    assert not [p for p in (*NAMES, *MRN) if p in text]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.parquet", b"PAR1xx"),
        ("a.ndjson", b"{"),
        ("a.csv", b""),
        ("a.xlsx", b"PK\x03\x04cut short"),
        ("a.json", b"[1, 2]"),
        ("a.ndjson", b'{"resourceType": "Patient", "id": 5, "name": "x", "telecom": "y", "identifier": null}'),
    ],
)
def test_a_broken_file_is_copied_clean_left_out_or_refused(tmp_path: Path, key: Path, name: str, data: bytes) -> None:
    folder = tmp_path / "charts"
    folder.mkdir()
    (folder / name).write_bytes(data)
    try:
        lines, _ = deidentify_centre(folder, key, tmp_path / "out")
    except StudyError:
        assert not (tmp_path / "out").exists()
    else:
        assert lines[0] in ("1 file copied, 0 not", "0 files copied, 1 not")


def test_a_finding_that_equals_a_hospital_number_is_told_and_not_changed(tmp_path: Path, key: Path) -> None:
    folder = tmp_path / "charts"
    folder.mkdir()
    rows = [["120000", "34000"], ["230417", "120000"], ["230418", "98000"]]  # platelets per uL of the second patient
    _csv(folder / "t.csv", [["MRN", "PLT"], *rows])
    lines, _ = deidentify_centre(folder, key, tmp_path / "out")
    with (tmp_path / "out" / "files" / "t.csv").open(newline="") as f:
        assert [r["PLT"] for r in csv.DictReader(f)] == ["34000", "120000", "98000"]
    assert "  t.csv PLT: equals a hospital number, 1 cell (row 3)" in lines


def test_a_column_of_known_numbers_or_names_is_recognised_whatever_it_is_called(tmp_path: Path, key: Path) -> None:
    folder = tmp_path / "charts"
    folder.mkdir()
    _csv(folder / "a.csv", [["MRN", "Patient name"], [MRN[1], NAMES[0]], ["20190018", NAMES[1]]])
    _csv(folder / "b.csv", [["key", "who", "Hb"], ["20190018", NAMES[1], "9.1"], [MRN[1], NAMES[0], "8.2"]])
    deidentify_centre(folder, key, tmp_path / "out")
    made = [Key(bytes.fromhex(KEY)).pseudonym(n) for n in ("20190018", MRN[1])]
    with (tmp_path / "out" / "files" / "b.csv").open(newline="") as f:
        assert [tuple(r.values()) for r in csv.DictReader(f)] == [(made[0], "", "9.1"), (made[1], "", "8.2")]


def test_a_hospital_number_in_a_remark_becomes_its_pseudonym(tmp_path: Path, key: Path) -> None:
    deidentify_centre(_folder(tmp_path / "charts"), key, tmp_path / "out")
    remark = openpyxl.load_workbook(tmp_path / "out" / "files" / "registry.xlsx")["Patients"]["H4"].value
    first = Key(bytes.fromhex(KEY)).pseudonym(MRN[0])
    assert remark == (f"[name removed] (MRN {first}) called from [telephone removed]; [name removed] tolerated cycle 1")


# The reference study ----------------------------------------------------------------------------------------------


def _study(folder: Path, key: Path, shift_days: int = 0) -> Path:
    """The example with the files of every centre de-identified; as B declares, one of its columns is exchanged."""
    study = Path(shutil.copytree(EXAMPLE, folder / "study"))
    for centre in "ABCDE":
        source, out = EXAMPLE / "centres" / f"centre_{centre}", folder / centre
        more = {"dates": "DMY", "swapped": ["C1 D1 date"]} if centre == "B" else {}
        deidentify_centre(source, key, out, shift_days=shift_days, **more)  # type: ignore[arg-type]
        shutil.rmtree(study / "centres" / f"centre_{centre}")
        shutil.copytree(out / "files", study / "centres" / f"centre_{centre}")
    return study


def test_charts_without_identifiers_come_out_with_every_value_and_every_cell(tmp_path: Path, key: Path) -> None:
    before, after = (charted_values(read_study(s).data) for s in (EXAMPLE, _study(tmp_path, key)))
    assert compare_values(before, after) == ()
    assert before.equals(after)  # the cells and what they say included


def _without_duplicates(study: Path, folder: Path) -> StudyRun:
    """Run a study as the charts came, nobody taken for a duplicate: answers quote the dates of the charts, and who is
    one person at two centres is recognised by dates, which two centres shift differently."""
    file = study / "protocol.yaml"
    text = file.read_text(encoding="utf-8")
    line = "duplicates: {match: [BRTHDT, SEX, TRTSDT]"
    assert line in text
    copy = folder / "protocol"
    shutil.copytree(study, copy)
    nobody = line.replace("]", ", BSA]")  # body surface area, which centres D and E do not give
    (copy / "protocol.yaml").write_text(text.replace(line, nobody), encoding="utf-8")
    return estimated(read_study(copy, use_answers=False), folder)


def test_shifted_dates_give_the_same_study_but_for_months_without_a_day(tmp_path: Path, key: Path) -> None:
    """Two relapses (A-06, D-04) are known to the month: their times may change by up to half a month, nothing else."""
    (tmp_path / "s").mkdir()
    shifted = _study(tmp_path / "s", key, shift_days=7)
    one, two = (_without_duplicates(s, tmp_path / n) for s, n in ((EXAMPLE, "one"), (shifted, "two")))
    columns = ["PARAMCD", "USUBJID", "AVAL", "CNSR", "CAUSE"]
    times = [r.adam["ADTTE"].select(columns).sort(columns[:2]) for r in (one, two)]
    months = pl.col("USUBJID").is_in(["A-06", "D-04"])
    assert times[0].filter(~months).equals(times[1].filter(~months))
    gap = times[0].join(times[1], on=columns[:2])
    assert gap.select((pl.col("AVAL") - pl.col("AVAL_right")).abs().max()).item() <= 15
    same = ["USUBJID", "ELIGFL", "AGE", "BOR", "RESPFL", "NCYC", "CUMMG", "MRDNEGFL", "HSCTINT", "LIVTOXFL", "MYELOFL"]
    assert one.adam["ADSL"].select(same).equals(two.adam["ADSL"].select(same))
    moved = {k for k, v in one.headline["headline"].items() if v != two.headline["headline"][k]}
    assert moved <= {"dor_median", "rfs_median"}
    starts = [r.adam["ADSL"].select("USUBJID", "TRTSDT").drop_nulls() for r in (one, two)]
    days = starts[0].join(starts[1], on="USUBJID").select((pl.col("TRTSDT_right") - pl.col("TRTSDT")).dt.total_days())
    assert days.to_series().abs().min() >= 1 and days.to_series().abs().max() <= 7  # type: ignore[operator]
