"""The capture workbook: what a centre can type, choose and change in it, and how it is read back."""

from __future__ import annotations

import csv
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from chartline.capture.ask import capture_of
from chartline.capture.cell_rules import bounded_formula, date_formula
from chartline.capture.model import Capture
from chartline.capture.reading import FIRST_ROW, HEADER_ROW, SUBJECT
from chartline.capture.workbook import CODEBOOK, INSTRUCTIONS, LISTS, sheet_names, write_workbook
from chartline.core.clinical import ClinicalData
from chartline.errors import MappingError, OutputError, ProtocolError
from chartline.mapping.load import load_mapping
from chartline.pipeline import read_study, template_study
from chartline.protocol.load import load_protocol
from chartline.protocol.model import Protocol
from chartline.study import StudyData
from filled_forms import fill_workbook
from odd_protocol import ODD
from office import CALC, needs_calc

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="module")
def capture() -> Capture:
    return capture_of(load_protocol(EXAMPLES / "inotuzumab-india"))


@pytest.fixture(scope="module")
def book(capture: Capture, tmp_path_factory: pytest.TempPathFactory) -> Any:
    file = tmp_path_factory.mktemp("book") / "F.xlsx"
    write_workbook(capture, file, "F")
    return openpyxl.load_workbook(file)


def columns(sheet: Any) -> dict[str, int]:
    return {" ".join(c.value.split()): c.column for c in sheet[HEADER_ROW] if c.value}


def rules(sheet: Any, heading: str) -> Any:
    """The validation of the first data cell under a heading."""
    cell = sheet.cell(FIRST_ROW, columns(sheet)[heading]).coordinate
    return next(v for v in sheet.data_validations.dataValidation if cell in v.sqref)


def test_one_sheet_a_form_with_instructions_before_and_a_code_book_after(capture: Capture, book: Any) -> None:
    assert book.sheetnames == [INSTRUCTIONS, *sheet_names(capture).values(), CODEBOOK, LISTS]
    assert book[LISTS].sheet_state == "hidden"


def test_headings_are_locked_and_frozen_and_data_cells_are_free(capture: Capture, book: Any) -> None:
    for form in capture.forms:
        sheet = book[sheet_names(capture)[form.name]]
        assert sheet.protection.sheet and sheet.protection.password is None
        assert sheet.freeze_panes == ("A3" if form.of_centre else "B3")
        assert all(c.protection.locked for c in sheet[HEADER_ROW] if c.value)
        assert not any(c.protection.locked for c in sheet[FIRST_ROW][: len(columns(sheet))])


def test_nothing_is_filled_in_beforehand(capture: Capture, book: Any) -> None:
    for name in sheet_names(capture).values():
        assert [c.value for row in book[name].iter_rows(min_row=FIRST_ROW) for c in row if c.value is not None] == []


def test_every_column_has_a_rule_and_says_what_it_means(capture: Capture, book: Any) -> None:
    for form in capture.forms:
        sheet = book[sheet_names(capture)[form.name]]
        for heading in columns(sheet):
            rule = rules(sheet, heading)
            assert rule.prompt and len(rule.prompt) <= 255 and len(rule.promptTitle) <= 32
            assert rule.error and len(rule.error) <= 255
            assert len(rule.formula1) <= 255  # what Excel takes


def test_a_list_shows_labels_and_only_some_lists_take_other_words(book: Any) -> None:
    sex = rules(book["Patients"], "Sex *")
    assert (sex.type, sex.errorStyle) == ("list", None)  # none: stop
    cells = sex.formula1.split("!")[1].replace("$", "")
    assert [c[0].value for c in book[LISTS][cells]] == ["Male", "Female"]
    assert rules(book["Medical history"], "Disease status *").errorStyle == "information"


def test_a_patient_is_chosen_from_the_first_sheet(book: Any) -> None:
    assert rules(book["Doses"], SUBJECT).formula1 == "'Patients'!$A$3:$A$2002"


def test_numbers_have_the_plausible_range(book: Any) -> None:
    grade = rules(book["Adverse events"], "CTCAE grade (highest) *")
    assert (grade.type, float(grade.formula1), float(grade.formula2)) == ("whole", 1, 5)
    cd22 = rules(book["Medical history"], "CD22-positive blasts (%)")
    assert (cd22.type, float(cd22.formula1), float(cd22.formula2)) == ("decimal", 0, 100)


def test_it_prints_on_a4_across_with_its_headings(capture: Capture, book: Any) -> None:
    for name in sheet_names(capture).values():
        sheet = book[name]
        assert (sheet.page_setup.orientation, sheet.page_setup.paperSize) == ("landscape", 9)
        assert sheet.print_title_rows == "$1:$2" and sheet.sheet_properties.pageSetUpPr.fitToPage


def test_the_code_book_explains_every_item_and_why_it_is_asked(capture: Capture, book: Any) -> None:
    rows = list(book[CODEBOOK].iter_rows(min_row=2, values_only=True))
    assert len(rows) == sum(len(f.items) for f in capture.forms)
    status = next(r for r in rows if r[1] == "Disease status *")
    assert status[:5] == ("Medical history", "Disease status *", "yes", "list, or other words", "Relapsed\nRefractory")
    assert status[6].startswith("Eligibility: Relapsed or refractory disease")


def test_the_same_study_gives_the_same_bytes(capture: Capture, tmp_path: Path) -> None:
    for name in ("one.xlsx", "two.xlsx"):
        write_workbook(capture, tmp_path / name, "F")
    assert (tmp_path / "one.xlsx").read_bytes() == (tmp_path / "two.xlsx").read_bytes()


def test_no_word_of_a_protocol_becomes_a_formula(tmp_path: Path) -> None:
    write_workbook(capture_of(Protocol.model_validate(ODD)), tmp_path / "odd.xlsx", "=1+1")
    with zipfile.ZipFile(tmp_path / "odd.xlsx") as z:
        sheets = [z.read(n).decode() for n in z.namelist() if n.startswith("xl/worksheets/sheet")]
        assert not any("<f>" in s for s in sheets)
        assert not any(n for n in z.namelist() if "vba" in n.lower() or "externalLink" in n)


def _study(home: Path, declared: dict[str, Any]) -> Path:
    from ruamel.yaml import YAML

    (home / "mappings").mkdir(parents=True)
    (home / "centres" / "F").mkdir(parents=True)
    with (home / "protocol.yaml").open("w", encoding="utf-8") as f:
        YAML(typ="safe").dump(declared, f)
    template_study(home, home / "centres" / "F" / "F.xlsx", "F")
    (home / "centres" / "F" / "F.yaml").rename(home / "mappings" / "F.yaml")
    return home


def _read(home: Path, **entered: list[dict[str, Any]]) -> StudyData:
    capture = capture_of(load_protocol(home))
    every = {form.name: entered.get(form.name, []) for form in capture.forms}
    fill_workbook(capture, every, home / "centres" / "F" / "F.xlsx")
    return read_study(home)


PATIENT = {SUBJECT: "1", "brthdtc": "1980-05", "sex": "F"}


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    return _study(tmp_path / "study", ODD)


def test_a_filled_row_comes_back_as_it_was_meant(odd: Path) -> None:
    study = _read(
        odd,
        patient=[PATIENT, {SUBJECT: "2", "brthdtc": "1990", "sex": "M"}],
        history=[
            {SUBJECT: "1", "karyo": "a | b", "dupl": "BB", "dupl2": "x"},
            {SUBJECT: "2", "karyo": "=mine, too", "dupl": "AA"},
        ],
        doses=[{SUBJECT: "1", "excycle": 1, "exstdtc": "2021-01-01"}],
        assessments=[{SUBJECT: "1", "rsdtc": "2021-01-30", "rsvisit": "DAY 29", "mrdval": "<0.01", "mrdspec": "BLOOD"}],
        laboratory=[{SUBJECT: "1", "lbdtc": "2021-01-02", "bili": 1.0, "bili_unit": "mg/dL", "alt": 30}],
        limits=[{"limit_test": "ALT", "limit_high": 40, "limit_unit": "U/L"}],
        tumour_lysis_syndrome=[{SUBJECT: "1", "tumour_lysis_syndrom_date": "2021-01-03", "seizure_2": "N"}],
        follow_up=[{SUBJECT: "1", "lkadtc": "2021-06-01", "dthfl": "Y", "dthdtc": "2021-06"}],
    )
    data: ClinicalData = study.data
    history = data["MH"].filter(data["MH"]["MHCAT"].is_in(["KARYO", "DUPL"])).sort("USUBJID", "MHCAT")
    assert history.select("USUBJID", "MHCAT", "MHORRES").rows() == [
        ("F-1", "DUPL", "BB"),
        ("F-1", "KARYO", "a | b"),
        ("F-2", "DUPL", "AA"),
        ("F-2", "KARYO", "=mine, too"),
    ]
    assert data["RS"].select("RSVISIT", "MRDVAL", "MRDVAL_OP", "MRDSPEC").rows() == [("DAY 29", 0.01, "<", "BLOOD")]
    # 1 mg/dL bilirubin is 17.1 umol/L; ALT has the limit of the centre's sheet
    assert sorted(data["LB"].select("LBTESTCD", "LBSTRESN", "LBSTNRHI").rows()) == [
        ("ALT", 30.0, 40.0),
        ("BILI", 17.1, None),
    ]
    assert data["FA"].select("FAOBJ", "FATESTCD", "FAORRES", "FADTC").rows() == [
        ("tumour lysis syndrome", "SEIZURE", "N", "2021-01-03")
    ]
    assert data["SS"].select("DTHFL", "DTHDTC").rows() == [("Y", "2021-06")]
    assert "mapping_unsigned" not in {q.rule for q in study.queries}


def test_an_empty_workbook_is_no_fault_and_holds_no_patient(odd: Path) -> None:
    assert _read(odd).data["DM"].is_empty()


@pytest.mark.parametrize(
    ("form", "entry", "rule"),
    [
        ("patient", {"sex": "femal"}, "value_not_in_code_list"),
        ("doses", {"exstdtc": "05/06/2021"}, "not_a_date"),
        ("doses", {"exstdtc": "2021-06"}, "partial_date"),
        ("laboratory", {"lbdtc": "2021-01-01", "bili": 1.0}, "unknown_unit"),
    ],
)
def test_a_wrong_entry_that_slipped_through_is_asked_about(
    odd: Path, form: str, entry: dict[str, Any], rule: str
) -> None:
    """Validation is a help and no guard: whoever pastes gets past it. Nothing is taken for what it is not."""
    capture = capture_of(load_protocol(odd))
    row = {SUBJECT: "1"} | entry
    if "sex" in entry:
        every = {f.name: [] for f in capture.forms}
        file = odd / "centres" / "F" / "F.xlsx"
        fill_workbook(capture, every | {"patient": [PATIENT]}, file)
        book = openpyxl.load_workbook(file)
        sheet = book["Patients"]
        sheet.cell(FIRST_ROW, columns(sheet)["Sex *"]).value = entry["sex"]
        book.save(file)
        study = read_study(odd)
    else:
        study = _read(odd, patient=[PATIENT], **{form: [row]})
    assert rule in {q.rule for q in study.queries}, [(q.rule, q.message) for q in study.queries]


def test_a_renamed_heading_is_refused_by_name(odd: Path) -> None:
    file = odd / "centres" / "F" / "F.xlsx"
    book = openpyxl.load_workbook(file)
    sheet = book["Doses"]
    sheet.cell(HEADER_ROW, columns(sheet)["Date given *"]).value = "Infusion"
    book.save(file)
    with pytest.raises(MappingError, match=r"Date given \*"):
        read_study(odd)


def test_the_mapping_is_signed_by_the_template(odd: Path) -> None:
    signed = load_mapping(odd / "mappings" / "F.yaml")
    capture = capture_of(load_protocol(odd))
    assert signed.signed_by.endswith(f"workbook template of {capture.study}, digest {capture.digest}")
    assert signed.signed_on is not None


def test_whose_workbook_it_is_must_be_said_where_there_are_several_centres(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match="5 centres"):
        template_study(EXAMPLES / "inotuzumab-india", tmp_path / "x.xlsx", None)
    with pytest.raises(ProtocolError, match="no id of a centre"):
        template_study(EXAMPLES / "inotuzumab-india", tmp_path / "x.xlsx", "../F")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        template_study(EXAMPLES / "aml-amlsg-0704", tmp_path / "nowhere" / "x.xlsx", None)
    with pytest.raises(OutputError, match="no name of such a file"):
        template_study(EXAMPLES / "aml-amlsg-0704", tmp_path / "x.csv", None)
    assert list(tmp_path.iterdir()) == []


def test_a_workbook_that_may_be_filled_is_never_replaced(tmp_path: Path) -> None:
    study, out = EXAMPLES / "aml-amlsg-0704", tmp_path / "x.xlsx"
    template_study(study, out, None)
    before = {f.name: f.read_bytes() for f in tmp_path.iterdir()}
    assert set(before) == {"x.xlsx", "x.yaml"}
    with pytest.raises(OutputError, match="there already"):
        template_study(study, out, None)
    out.unlink()
    with pytest.raises(OutputError, match=r"x\.yaml is there already"):  # nor is a mapping
        template_study(study, out, None)
    assert {f.name: f.read_bytes() for f in tmp_path.iterdir()} == {"x.yaml": before["x.yaml"]}


@needs_calc
def test_libreoffice_judges_entries_as_the_rules_say(capture: Capture, tmp_path: Path) -> None:
    """The formulas of the validations, computed by LibreOffice for right and wrong entries."""
    items = {i.name: i for f in capture.forms for i in f.items}
    whole = [
        "2021-03-05",
        "2021-13-05",
        "2021-02-30",
        "05/03/2021",
        "05-03-2021",
        "2021-3-5",
        "2024-01-01",
        "1899-01-01",
        "2021-03",
        "2021",
        "x",
    ]
    allowed = {"2021-03-05"}
    partial = {"2021-03-05", "2021-03", "2021"}
    numbers = [("5", True), ("<5", True), ("5 to 10", True), ("101", False), ("-1", False), ("many", False)]
    asked: list[tuple[str, str, bool]] = []
    for name, right in (("exstdtc", allowed), ("reldtc", partial)):
        asked += [(text, date_formula(items[name], "A{row}", "2023-12-31"), text in right) for text in whole]
    asked += [(text, bounded_formula(items["bmblast"], "A{row}"), right) for text, right in numbers]
    book = openpyxl.Workbook()
    sheet = book.active
    for row, (text, formula, _) in enumerate(asked, 1):
        number = text.lstrip("-").isdigit() and "{row}<=" in formula and "ISNUMBER(A" in formula
        sheet.cell(row, 1).value = float(text) if number else text
        sheet.cell(row, 1).number_format = "General" if number else "@"
        sheet.cell(row, 2).value = f"=IFERROR({formula.replace('{row}', str(row)).removeprefix('=')},FALSE)"
    book.save(tmp_path / "rules.xlsx")
    profile = f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"
    command = [str(CALC), profile, "--headless", "--convert-to", "csv", "--outdir", str(tmp_path)]
    subprocess.run([*command, str(tmp_path / "rules.xlsx")], check=True, capture_output=True, timeout=120)
    with (tmp_path / "rules.csv").open(encoding="utf-8") as f:
        judged = [line[1] == "TRUE" for line in csv.reader(f)]
    assert [(t, j) for (t, _, _), j in zip(asked, judged, strict=True)] == [(t, r) for t, _, r in asked]


@needs_calc
def test_a_workbook_saved_by_libreoffice_reads_the_same(odd: Path, tmp_path: Path) -> None:
    rows: dict[str, list[dict[str, Any]]] = {
        "patient": [PATIENT],
        "doses": [{SUBJECT: "1", "excycle": 1, "exstdtc": "2021-01-01"}],
        "assessments": [{SUBJECT: "1", "rsdtc": "2021-01-30", "mrdval": "<0.01"}],
        "follow_up": [{SUBJECT: "1", "lkadtc": "2021-06-01", "dthfl": "Y", "dthdtc": "2021-06"}],
    }
    before = _read(odd, **rows)
    file = odd / "centres" / "F" / "F.xlsx"
    profile = f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"
    command = [str(CALC), profile, "--headless", "--convert-to", "xlsx:Calc MS Excel 2007 XML"]
    subprocess.run(
        [*command, "--outdir", str(tmp_path / "saved"), str(file)], check=True, capture_output=True, timeout=120
    )
    shutil.copy(tmp_path / "saved" / "F.xlsx", file)
    after = read_study(odd)
    for domain in ("DM", "EX", "RS", "SS"):
        assert after.data[domain].equals(before.data[domain]), domain
    assert [q.id for q in after.queries] == [q.id for q in before.queries]
