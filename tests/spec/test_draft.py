"""`chartline draft`: a strange spreadsheet in, a mapping to sign out; what is uncertain is a question."""

from __future__ import annotations

import datetime as dt
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest

from chartline.draft.draft import draft_centre
from chartline.draft.model import Draft
from chartline.draft.review import review_workbook
from chartline.draft.verb import draft_files
from chartline.draft.words import vocabulary
from chartline.draft.write import scalar, yaml_text
from chartline.errors import MappingError, OutputError, SourceError, StudyError
from chartline.mapping.apply import map_centre
from chartline.mapping.load import load_mapping
from chartline.mapping.model import Mapping
from chartline.pipeline import check_study, multiverse_study, run_study
from chartline.protocol.load import load_protocol
from chartline.protocol.model import Protocol
from chartline.sources.read import read_centre
from parted import run_unreported

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "inotuzumab-india"


@pytest.fixture(scope="module")
def protocol() -> Protocol:
    return load_protocol(EXAMPLE)


def csv_centre(folder: Path, **files: str) -> Path:
    """Write files as `name=text`; cells are divided by | and trimmed."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        rows = [[c.strip() for c in line.split("|")] for line in text.strip().splitlines()]
        (folder / f"{name}.csv").write_text("\n".join(";".join(r) for r in rows) + "\n", encoding="utf-8")
    return folder


def drafted(draft: Draft, tmp_path: Path) -> Mapping:
    file = tmp_path / "draft.yaml"
    file.write_text(yaml_text(draft), encoding="utf-8")
    return load_mapping(file)


def meaning(draft: Draft, table: str) -> dict[str, str]:
    """Return column -> what it is proposed to be."""
    return {
        c.name: " + ".join(p.target.label for p in c.proposals) if c.role == "value" else c.role
        for c in draft.columns
        if c.table == table
    }


PATIENTS = """
Pat ID | Name | DOB | Sex | Rel/Ref | Prior BMT | Last contact | Expired | DOD | Shoe size
K01 | Asha Rao | 13/04/1980 | F | relapse | no | 20/05/2021 | yes | 20/05/2021 | 40
K02 | Ravi Kumar | 27/11/1975 | M | refractory | yes | 28/06/2021 | no | | 41
K03 | Meera Iyer | 03/04/1990 | F | relapse | no | 14/07/2021 | no | NA | 38
K04 | Arjun Das | 30/08/1969 | M | relapse | no | 15/07/2021 | yes | 01/02/2020 | 43
Total | | | | | | | 2 | |
Note: as of March | | | | | | | | |
"""


def test_one_row_a_patient(protocol: Protocol, tmp_path: Path) -> None:
    draft = draft_centre(csv_centre(tmp_path / "k", patients=PATIENTS), None, protocol, "K")
    assert meaning(draft, "patients") == {
        "Pat ID": "subject",
        "Name": "ignored",
        "DOB": "DM BRTHDTC",
        "Sex": "DM SEX",
        "Rel/Ref": "MH STATUS MHORRES",
        "Prior BMT": "MH PRIOR HSCT MHORRES + PR BEFORE PROCCUR",
        "Last contact": "SS LKADTC",
        "Expired": "SS DTHFL",
        "DOD": "SS DTHDTC",
        "Shoe size": "open",
    }
    assert draft.dates == "8 of 10 unambiguous day/month; 2 ambiguous; 0 impossible"
    mapping = drafted(draft, tmp_path)
    table = mapping.tables["patients"]
    assert mapping.signed_by == ""
    assert (mapping.dates.order, mapping.subject_pattern, mapping.missing) == ("DMY", "^K[0-9]{2}$", ("na",))
    assert [e.reason for e in table.exclude_rows] == ["row of totals", "note under the table"]
    assert table.ignore["Name"].startswith("direct identifier")
    assert table.ignore["Shoe size"].startswith("open question: ")
    assert [q.column for q in draft.questions] == ["Shoe size"]
    source = read_centre(tmp_path / "k", mapping.sources, mapping.ignore_files)
    data, _ = map_centre(source, mapping)
    dead = data["SS"].select("USUBJID", "DTHFL").rows()
    assert dead == [("K01", "Y"), ("K02", "N"), ("K03", "N"), ("K04", "Y")]


def test_the_values_of_people_are_not_shown(protocol: Protocol, tmp_path: Path) -> None:
    draft = draft_centre(csv_centre(tmp_path / "k", patients=PATIENTS), None, protocol, "K")
    assert "Asha" not in yaml_text(draft)
    cells = {c.value for sheet in workbook(draft, tmp_path) for row in sheet.iter_rows() for c in row}
    assert not any("Asha" in str(c) for c in cells)


def workbook(draft: Draft, tmp_path: Path) -> Any:
    file = tmp_path / "review.xlsx"
    file.write_bytes(review_workbook(draft))
    return openpyxl.load_workbook(file)


def test_wide_groups_become_one_block(protocol: Protocol, tmp_path: Path) -> None:
    text = """
    ID | C1 D1 date | C1 D1 mg/m2 | C1 D8 date | C1 D8 mg/m2 | C1 BM date | C1 BM blasts % | C2 BM date | C2 BM blasts %
    K01 | 13/04/2020 | 0,8 | 20/04/2020 | 0,5 | 30/04/2020 | 3 | 29/05/2020 | 1
    K02 | 14/04/2020 | 0,8 | 21/04/2020 | 0,5 | 28/04/2020 | 40 | 27/05/2020 | 22
    """
    draft = draft_centre(csv_centre(tmp_path / "k", wide=text), None, protocol, "K")
    doses, marrows = draft.mapping["tables"]["wide"]["records"]
    assert doses["for_each"] == {"cycle": ["1"], "day": ["1", "8"]}
    assert doses["variables"]["EXSTDTC"] == "C{cycle} D{day} date"
    assert doses["variables"]["EXDOSM2"] == {"column": "C{cycle} D{day} mg/m2", "decimal": ","}
    assert marrows["for_each"] == {"cycle": ["1", "2"]}
    assert (marrows["variables"]["RSCYCLE"], marrows["variables"]["BMBLAST"]) == (
        {"constant": "{cycle}"}, "C{cycle} BM blasts %"
    )  # fmt: skip
    drafted(draft, tmp_path)


def test_equal_words_are_told_apart_by_the_sheet(protocol: Protocol, tmp_path: Path) -> None:
    events = """
    ID | Event | Start | End | Grade
    K01 | Fever | 13/04/2020 | 15/04/2020 | 2
    K02 | Nausea | 14/04/2020 | 16/04/2020 | 1
    """
    lines = """
    ID | Line | Regimen | Start | Stop | Best response
    K01 | 1 | Hyper-CVAD | 13/04/2018 | 15/06/2018 | CR
    K02 | 1 | FLAG | 14/04/2018 | 16/06/2018 | NR
    """
    draft = draft_centre(csv_centre(tmp_path / "k", toxicity=events, prior_therapy=lines), None, protocol, "K")
    assert meaning(draft, "toxicity")["Start"] == "AE AESTDTC"
    assert meaning(draft, "prior_therapy")["Start"] == "MH PRIOR LINE MHSTDTC"


def test_a_long_list_of_results(protocol: Protocol, tmp_path: Path) -> None:
    text = """
    ID | Test | Date | Result | Unit | LLN | ULN
    K01 | Hb | 13/04/2020 | 9.1 | g/dL | 12 | 16
    K01 | SGPT | 13/04/2020 | 40 | U/L | | 40
    K02 | Platelets | 14/04/2020 | 0.4 | lakh/uL | 1.5 | 4
    K02 | Ferritin | 14/04/2020 | 400 | ng/mL | | 300
    """
    draft = draft_centre(csv_centre(tmp_path / "k", labs=text), None, protocol, "K")
    (record,) = draft.mapping["tables"]["labs"]["records"]
    assert record["variables"]["LBORRES"] == {"column": "Result", "unit": {"column": "Unit"}}
    assert draft.mapping["code_lists"]["lbtestcd"] == {"HB": ["Hb"], "ALT": ["SGPT"], "PLT": ["Platelets"]}
    assert ["Ferritin" in q.text for q in draft.questions] == [True]


@pytest.mark.parametrize("numbers", ["8.1, 9.0", "0.5, 0.7"])
def test_a_unit_that_nothing_decides_leaves_the_column_unread(protocol: Protocol, tmp_path: Path, numbers: str) -> None:
    rows = "\n".join(f"K0{i} | 1{i}/04/2020 | {n}" for i, n in enumerate(numbers.split(", "), 3))
    draft = draft_centre(csv_centre(tmp_path / "k", labs=f"ID | Date | HB\n{rows}"), None, protocol, "K")
    assert meaning(draft, "labs")["HB"] == "open"
    assert any("unit" in q.text for q in draft.questions)


def test_dates_that_nothing_decides_are_not_read_until_a_person_says(protocol: Protocol, tmp_path: Path) -> None:
    text = "ID | DOB | Sex\nK01 | 03/04/1980 | F\nK02 | 05/06/1975 | M"
    draft = draft_centre(csv_centre(tmp_path / "k", patients=text), None, protocol, "K")
    assert draft.mapping["dates"]["order"] == "ISO"
    assert any("day before month" in q.text for q in draft.questions)


def test_two_columns_of_one_meaning_are_asked_about(protocol: Protocol, tmp_path: Path) -> None:
    text = "ID | Sex | DOB | Date of birth\nK01 | F | 13/04/1980 | 13/04/1980\nK02 | M | 14/04/1980 | 14/05/1980"
    draft = draft_centre(csv_centre(tmp_path / "k", patients=text), None, protocol, "K")
    found = meaning(draft, "patients")
    assert sorted((found["DOB"], found["Date of birth"])) == ["DM BRTHDTC", "open"]


def test_a_date_of_which_nothing_says_what_it_dates_is_a_question(protocol: Protocol, tmp_path: Path) -> None:
    draft = draft_centre(
        csv_centre(tmp_path / "k", x="ID | Date\nK01 | 13/04/2020\nK02 | 14/04/2020"), None, protocol, "K"
    )
    assert meaning(draft, "x")["Date"] == "open"
    assert any("is called so too" in q.text for q in draft.questions)


def test_a_unit_that_only_the_values_tell_is_asked_about(protocol: Protocol, tmp_path: Path) -> None:
    rows = "\n".join(f"K0{i} | 1{i}/04/2020 | {n}" for i, n in enumerate((12.4, 13.1, 11.9, 14.0, 12.7, 15.2), 3))
    draft = draft_centre(csv_centre(tmp_path / "k", labs=f"ID | Date | HB\n{rows}"), None, protocol, "K")
    assert meaning(draft, "labs")["HB"] == "LB HB LBORRES"
    (asked,) = [q for q in draft.questions if q.column == "HB"]
    assert (asked.text.partition("?")[0], asked.proposal) == ("is the unit of Haemoglobin g/dL", "g/dL")


def test_a_column_of_units_beside_a_test_is_read_with_it(protocol: Protocol, tmp_path: Path) -> None:
    """9.1 g/dL is 91 g/L; a column that holds anything but units of the test is no column of units."""
    rows = "K1 | 13/04/2020 | 9.1 | g/dL | 80 | many\nK2 | 14/04/2020 | 93 | g/L | 41 | few"
    folder = csv_centre(tmp_path / "k", labs=f"ID | Lab date | Hb | Hb unit | PLT | PLT unit\n{rows}")
    draft = draft_centre(folder, None, protocol, "K")
    assert {c.name: c.role for c in draft.columns if "unit" in c.name} == {"Hb unit": "selector", "PLT unit": "open"}
    assert not any(q.column == "Hb" for q in draft.questions)
    mapping = drafted(draft, tmp_path)
    data, _ = map_centre(read_centre(folder, mapping.sources, mapping.ignore_files), mapping)
    haemoglobin = data["LB"].filter(pl.col("LBTESTCD") == "HB")
    assert haemoglobin["LBSTRESN"].to_list() == [91.0, 93.0]


def test_of_a_table_that_does_not_say_whose_its_rows_are_nothing_is_read(protocol: Protocol, tmp_path: Path) -> None:
    draft = draft_centre(csv_centre(tmp_path / "k", x="Sex | DOB\nF | 13/04/1980\nM | 14/04/1980"), None, protocol, "K")
    assert meaning(draft, "x") == {"Sex": "open", "DOB": "open"}
    assert any(q.text.startswith("no column holds the patient's id") for q in draft.questions)


def test_a_column_of_which_nothing_says_what_it_belongs_to_is_a_question(protocol: Protocol, tmp_path: Path) -> None:
    """A start of nothing, a limit or result of no test could be in no record; a consent stands by itself."""
    rows = "K1 | 2020-03-04 | 5 | 9 | 2020-01-31\nK2 | 2021-09-14 | 7 | 8 | 2021-01-30"
    folder = csv_centre(tmp_path / "k", x=f"ID | Start | ULN | Lab result | Consent date\n{rows}")
    draft = draft_centre(folder, None, protocol, "K")
    opens = dict.fromkeys(("Start", "ULN", "Lab result"), "open")
    assert meaning(draft, "x") == {"ID": "subject", **opens, "Consent date": "DM RFICDTC"}
    asked = {q.column: q.text for q in draft.questions}
    assert set(asked) == set(opens)
    assert "no column of the table says of what" in asked["ULN"]
    mapping = drafted(draft, tmp_path)
    data, _ = map_centre(read_centre(folder, mapping.sources, mapping.ignore_files), mapping)
    assert data["DM"]["RFICDTC"].to_list() == ["2020-01-31", "2021-01-30"]


def test_a_table_of_any_one_column_gives_a_mapping_that_reads_it(protocol: Protocol, tmp_path: Path) -> None:
    kinds = {(r["domain"], r["name"]): r["type"] for r in vocabulary("variables.csv")}
    cells = {"date": "2020-01-31 2021-03-13", "number": "5 7", "flag": "Y N"}
    words = [r for r in vocabulary("synonyms.csv") if (r["domain"], r["variable"]) in kinds]
    assert len(words) > 100
    files = {}
    for n, r in enumerate(words):
        first, second = cells.get(kinds[r["domain"], r["variable"]], "one two").split()
        files[f"t{n}"] = f"ID | {r['words'].split(';')[0]}\nK1 | {first}\nK2 | {second}"
    folder = csv_centre(tmp_path / "k", **files)
    mapping = drafted(draft_centre(folder, None, protocol, "K"), tmp_path)
    map_centre(read_centre(folder, mapping.sources, mapping.ignore_files), mapping)


def test_ids_that_begin_like_a_note_are_ids_where_all_have_one_shape(protocol: Protocol, tmp_path: Path) -> None:
    rows = "\n".join(f"KEY-00{i} | F" for i in range(1, 6))
    draft = draft_centre(csv_centre(tmp_path / "k", x=f"Pat ID | Sex\n{rows}\nKey: F is female |"), None, protocol, "K")
    assert draft.mapping["subject_pattern"] == "^KEY-[0-9]{3}$"
    assert [text for _, text in draft.layout] == ["note under the table, left out: 1, first at x.csv!row 7"]


def test_days_and_months_that_another_locale_swapped_are_read_swapped_and_asked_about(
    protocol: Protocol, tmp_path: Path
) -> None:
    """Five true dates with days up to 12 beside texts with days above 12: by chance 1 in 450 (0.4^5 x 0.6^3)."""
    (tmp_path / "k").mkdir()
    book = openpyxl.Workbook()
    book.active.append(["ID", "Date of birth"])
    for i in range(1, 6):
        book.active.append([f"K{i}", dt.datetime(1980, i, 4)])
    for i, text in enumerate(("20/11/1977", "22/11/1982", "24/04/1978"), 6):
        book.active.append([f"K{i}", text])
    book.save(tmp_path / "k" / "patients.xlsx")
    draft = draft_centre(tmp_path / "k", None, protocol, "K")
    (record,) = draft.mapping["tables"]["Sheet"]["records"]
    assert record["variables"]["BRTHDTC"]["dates"]["true_dates"] == "swap_day_month"
    assert any("by chance 1 in 452" in q.text for q in draft.questions)  # 1 / 0.002212


# other centres ------------------------------------------------------------------------------------------------------


def test_what_is_signed_is_reused_and_cited(protocol: Protocol, tmp_path: Path) -> None:
    signed = load_mapping(EXAMPLE / "mappings" / "centre_A.yaml")
    text = (
        "ID | Time point | BM date | Response\nK01 | D28 | 13/04/2020 | morph. remission\nK02 | D28 | 14/04/2020 | CR"
    )
    folder = csv_centre(tmp_path / "k", marrow=text)
    known = draft_centre(folder, None, protocol, "K", [signed])
    reason = next(c.reason for c in known.columns if c.name == "BM date")
    assert reason == "as in Centre A, column `BM date`"
    words = [w for c in known.coded for w in c.words if w.word == "morph. remission"]
    assert (words[0].term, words[0].reason) == ("CRi", "as in Centre A, column `Response (treating team)`")
    unsigned = signed.model_copy(update={"signed_by": ""})
    alone = draft_centre(folder, None, protocol, "K", [unsigned])
    assert "as in" not in next(c.reason for c in alone.columns if c.name == "BM date")


def test_what_two_centres_decided_otherwise_is_not_reused(protocol: Protocol, tmp_path: Path) -> None:
    """One centre calls a partial remission `good`, the other a complete one; a third is asked."""
    text = """
chartline: mapping/1
centre: {centre}
label: Centre {centre}
signed_by: a data manager
signed_on: 2026-11-26
sources: [{{kind: delimited, path: x.csv}}]
tables:
  x:
    subject: ID
    records:
      - {{domain: RS, variables: {{RSDTC: "BM date", INVRESP: {{column: Response, codes: {{{term}: good, NR: bad}}}}}}}}
"""
    signed = []
    for centre, term in (("P", "PR"), ("Q", "CR")):
        file = tmp_path / f"{centre}.yaml"
        file.write_text(text.format(centre=centre, term=term), encoding="utf-8")
        signed.append(load_mapping(file))
    marrows = csv_centre(
        tmp_path / "k",
        marrow="ID | BM date | Response\nK1 | 13/04/2020 | good\nK2 | 14/04/2020 | bad\nK3 | 15/04/2020 | CR",
    )
    draft = draft_centre(marrows, None, protocol, "K", signed)
    (coded,) = [c for c in draft.coded if c.column == "Response"]
    assert {w.word: (w.term if w.sure else "open") for w in coded.words} == {"good": "open", "bad": "NR", "CR": "CR"}


def study_of(tmp_path: Path) -> Path:
    study = tmp_path / "study"
    shutil.copytree(EXAMPLE, study)
    return study


def test_a_new_version_of_the_files_is_told_by_its_differences(tmp_path: Path) -> None:
    study = study_of(tmp_path)
    files = [study / "centres" / "centre_E"]
    assert draft_files(files, study).lines == [
        f"Nothing differs from {study / 'mappings' / 'centre_E.yaml'}: it fits these files as it stands."
    ]
    book = study / "centres" / "centre_A" / "CentreA_InO_review.xlsx"
    wb = openpyxl.load_workbook(book)
    sheet = wb["Patients"]
    sheet.cell(5, 21, "Height (cm)")
    sheet.cell(6, 21, 171)
    sheet.cell(5, 22, "LDH (U/L)")
    sheet.cell(6, 22, 400)
    sheet.cell(6, 4, "weiblich")
    sheet.cell(5, 20, "Blina before")  # was `Prior blinatumomab`
    wb.save(book)
    done = draft_files([study / "centres" / "centre_A"], study, out=tmp_path / "A.yaml")
    text = "\n".join(done.lines)
    assert "new column: Patients, `Height (cm)`" in text
    assert "new column: Patients, `LDH (U/L)`: 1 of 9 filled, number (proposed: Lactate dehydrogenase" in text
    assert "gone column: Patients, `Prior blinatumomab`" in text
    assert "new word: Patients, `Sex`: `weiblich` (1 cell) (proposed: F" in text
    assert len([line for line in done.lines if line.startswith("  ")]) == 5  # and nothing else
    written = str(done.files[tmp_path / "A.yaml"])
    assert 'signed_by: ""  # was: data manager, Centre A' in written
    assert "\nsigned_on:" not in written
    assert "# True date cells; month-only dates are text yyyy-mm." in written  # comments of the old one stay


# signing ------------------------------------------------------------------------------------------------------------


def _edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_mapping_that_nobody_signed_is_refused_by_a_run_and_shown_by_a_check(tmp_path: Path) -> None:
    study = study_of(tmp_path)
    _edit(study / "mappings" / "centre_B.yaml", "signed_by: data manager, Centre B\n", "")
    for use in (run_study, multiverse_study):
        with pytest.raises(MappingError, match="Nobody has signed the mapping of Centre B") as e:
            use(study, tmp_path / "out")
        assert "chartline check" in e.value.do
    assert not (tmp_path / "out").exists()
    done = check_study(study)
    assert [q.centre for q in done.queries if q.rule == "mapping_unsigned"] == ["B"]


def test_a_mapping_signed_without_a_date_is_refused(tmp_path: Path) -> None:
    study = study_of(tmp_path)
    _edit(study / "mappings" / "centre_B.yaml", "signed_on: 2024-02-01\n", "")
    with pytest.raises(MappingError, match="mapping of Centre B is signed without a date") as e:
        run_unreported(study, tmp_path / "out")
    assert "data manager, Centre B" in e.value.do


def test_a_mapping_signed_with_an_open_question_is_refused(tmp_path: Path) -> None:
    study = study_of(tmp_path)
    _edit(
        study / "mappings" / "centre_C.yaml",
        "SynInO_ODM.xml: the same data as CDISC ODM",
        "SynInO_ODM.xml: 'open question: what is it?'",
    )
    with pytest.raises(MappingError, match=r"1 open question in it: file SynInO_ODM\.xml"):
        run_unreported(study, tmp_path / "out")


# the files that are written -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["N", "no", "01", "1_000", "a: b", "- x", "#", "", "é", "{x}", "'", '"', "true", "2020"]
)
def test_any_text_survives_yaml(text: str) -> None:
    from ruamel.yaml import YAML

    assert YAML(typ="base").load(f"k: {scalar(text)}") == {"k": text}
    assert YAML(typ="safe").load(f"k: {scalar(text)}") == {"k": text}


def test_the_workbook_holds_no_formula(protocol: Protocol, tmp_path: Path) -> None:
    text = "ID | Sex | =cmd()\nK01 | F | =1+1\nK02 | M | @x"
    draft = draft_centre(csv_centre(tmp_path / "k", patients=text), None, protocol, "K")
    draft.ask("t", "c", "=HYPERLINK(1)")
    book = workbook(draft, tmp_path)
    assert [s.title for s in book] == ["Read me", "Open questions", "Columns", "Words", "Seen by the readers"][
        : len(list(book))
    ]
    assert all(c.data_type != "f" for sheet in book for row in sheet.iter_rows() for c in row)


def test_a_draft_never_overwrites(tmp_path: Path) -> None:
    folder = csv_centre(tmp_path / "k", patients=PATIENTS)
    out = tmp_path / "k.yaml"
    out.write_text("somebody's work")
    with pytest.raises(OutputError, match="is there already"):
        draft_files([folder], EXAMPLE, out=out)
    with pytest.raises(OutputError, match="not a YAML file"):
        draft_files([folder], EXAMPLE, out=tmp_path / "k.xlsx")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"ID;Sex\n", "headings and no rows"),
        (b"ID;Sex\nK1;F;9\n", "row 2 has 3 values"),
        (bytes(range(256)), "binary data"),
        (b"%PDF-1.4", "a PDF document"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_place(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "k").mkdir()
    (tmp_path / "k" / "data.csv").write_bytes(content)
    with pytest.raises(SourceError, match="Nothing here can be read") as e:
        draft_files([tmp_path / "k"], EXAMPLE, out=tmp_path / "k.yaml")
    assert says in e.value.do
    assert e.value.do.count("data.csv") == 1 + ("row 2" in says)  # its name once, and once with the row


def test_an_archive_is_said_to_be_one_and_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "k").mkdir()
    with zipfile.ZipFile(tmp_path / "k" / "export.zip", "w") as archive:
        archive.writestr("Patient.ndjson", "x" * 10_000)
    with pytest.raises(SourceError) as e:
        draft_files([tmp_path / "k"], EXAMPLE, out=tmp_path / "k.yaml")
    assert "a zip archive of something else (Patient.ndjson); unpack it" in e.value.do


def test_one_bad_file_beside_a_good_one_is_a_question(protocol: Protocol, tmp_path: Path) -> None:
    folder = csv_centre(tmp_path / "k", patients=PATIENTS)
    (folder / "broken.xlsx").write_bytes(b"PK\x03\x04 no zip")
    (folder / "letter.pdf").write_bytes(b"%PDF-1.4")
    draft = draft_centre(folder, None, protocol, "K")
    mapping = drafted(draft, tmp_path)
    assert mapping.ignore_files["broken.xlsx"].startswith("open question: cannot be read")
    assert mapping.ignore_files["letter.pdf"].startswith("a document")
    assert any(q.text.startswith("broken.xlsx") for q in draft.questions)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    for files in ([tmp_path / "nowhere"], [tmp_path, EXAMPLE / "answers.csv"]):
        with pytest.raises(StudyError):
            draft_files(files, EXAMPLE)


def test_the_same_files_give_the_same_draft(protocol: Protocol) -> None:
    folder = EXAMPLE / "centres" / "centre_D"
    first, second = (draft_centre(folder, None, protocol, "D") for _ in range(2))
    assert yaml_text(first) == yaml_text(second)
    assert review_workbook(first) == review_workbook(replace(second))
