"""A hospital's own list of patients, as it is kept for years, drafted beside the signed mappings of other centres.

One row a patient, headings that are short and generic (`Status`, `Remarks`, `Best resp.`), counts and notes below.
"""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest

from chartline.draft.draft import draft_centre
from chartline.draft.model import Column, Draft
from chartline.draft.write import yaml_text
from chartline.mapping.apply import map_centre
from chartline.mapping.load import load_mapping
from chartline.protocol.load import load_protocol
from chartline.sources.read import read_centre

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "inotuzumab-india"
PROTOCOL = load_protocol(EXAMPLE)
SIGNED = [load_mapping(file) for file in sorted((EXAMPLE / "mappings").glob("*.yaml"))]
SHEET = """
S No | Study No | DOB | M/F | InO start | Best resp. | Resp after C1 | Platelets at C1 (lakh/cumm) | Status | Remarks
1 | N-01 | 12/4/1980 | M | 13/06/2019 | CRi | CR with incomplete | 1.2 | Alive | on fu
2 | N-02 | 25/12/1975 | F | 21/02/2019 | CR | iCR | 0.9 | Expired | BMT planned
3 | N-03 | 7/9/1990 | M | 3/3/2020 | NR | NR | ND | lost to f/u |
4 | N-04 | 31/1/1966 | f | 12/7/2018 | CR | CR | 2.5 lakh | Dead | septic shock
5 | N-05 | 5/5/1988 | Male | 1/9/2021 | CR | CRi | 80,000 | alive |
Total | 5
Note: platelets from the registers
"""


def written(folder: Path) -> Path:
    book = openpyxl.Workbook()
    book.active.append(["Haematology: patients on InO (updated in March)"])
    for line in SHEET.strip().splitlines():
        book.active.append([cell.strip() or None for cell in line.split("|")])
    folder.mkdir()
    book.save(folder / "master.xlsx")
    return folder


@pytest.fixture(scope="module")
def draft(tmp_path_factory: pytest.TempPathFactory) -> tuple[Draft, Path]:
    folder = written(tmp_path_factory.mktemp("draft") / "north")
    return draft_centre(folder, None, PROTOCOL, "N", SIGNED), folder


def column(draft: Draft, name: str) -> Column:
    (found,) = [c for c in draft.columns if c.name == name]
    return found


def proposed(draft: Draft, name: str) -> str:
    c = column(draft, name)
    return c.proposals[0].target.label if c.role == "value" else c.role


@pytest.mark.parametrize(
    ("name", "means"),
    [
        ("DOB", "DM BRTHDTC"),
        ("M/F", "DM SEX"),
        ("InO start", "EX EXSTDTC"),  # the study's drug says that it is no earlier treatment
        ("Resp after C1", "RS INVRESP"),  # a cycle that several headings name
        ("Status", "SS DTHFL"),  # by its words: alive, expired, dead
        ("S No", "ignored"),
        ("Platelets at C1 (lakh/cumm)", "open"),  # texts among the numbers
        ("Best resp.", "open"),
    ],
)
def test_what_a_column_is(draft: tuple[Draft, Path], name: str, means: str) -> None:
    assert proposed(draft[0], name) == means


def test_what_was_signed_for_another_kind_of_sheet_is_not_reused(draft: tuple[Draft, Path]) -> None:
    """`Best response` of Centre A is that of an earlier line, and its `Remark` is one of a dose."""
    for name in ("Best resp.", "Remarks"):
        assert not column(draft[0], name).reason.startswith("as in")
        assert column(draft[0], name).confidence <= 0.88
    assert column(draft[0], "DOB").reason.startswith("as in Centre B")  # a date of birth is one on any sheet


def test_each_spelling_of_a_response_is_the_one_that_it_means(draft: tuple[Draft, Path]) -> None:
    (coded,) = [c for c in draft[0].coded if c.target.variable == "INVRESP" and c.column == "Resp after C1"]
    words = {w.word: w.term for w in coded.words if w.sure}
    assert words == {"CR with incomplete": "CRi", "iCR": "CRi", "CRi": "CRi", "CR": "CR", "NR": "NR"}


def test_a_count_and_a_note_below_the_table_are_of_nobody(draft: tuple[Draft, Path]) -> None:
    """The count stands below the patients' numbers, its word in the column before."""
    said = " / ".join(text for _, text in draft[0].layout)
    assert "row of totals, left out: 1, first at master.xlsx!Sheet!row 8" in said
    assert "note under the table, left out: 1, first at master.xlsx!Sheet!row 9" in said
    assert not any("whose are they" in q.text for q in draft[0].questions)


def test_the_draft_reads_the_five_patients(draft: tuple[Draft, Path], tmp_path: Path) -> None:
    file = tmp_path / "n.yaml"
    file.write_text(yaml_text(draft[0]), encoding="utf-8")
    mapping = load_mapping(file)
    data, _ = map_centre(read_centre(draft[1], mapping.sources, mapping.ignore_files), mapping)
    assert data["DM"]["USUBJID"].to_list() == [f"N-0{i}" for i in range(1, 6)]
    first_doses = ["2019-06-13", "2019-02-21", "2020-03-03", "2018-07-12", "2021-09-01"]
    assert data["EX"]["EXSTDTC"].to_list() == first_doses
    assert data["SS"]["DTHFL"].to_list() == ["N", "Y", None, "Y", "N"]


def test_a_remark_without_a_dose_is_none_of_a_dose(tmp_path: Path) -> None:
    """A table that is called after doses and holds a remark alone made a record that can never exist."""
    folder = tmp_path / "k"
    folder.mkdir()
    (folder / "InO doses.csv").write_text("ID;Remarks\nK1;given at home\nK2;delayed\n", encoding="utf-8")
    found = draft_centre(folder, None, PROTOCOL, "K", SIGNED)
    assert proposed(found, "Remarks") == "open"
    assert "records" not in found.mapping["tables"]["InO doses"]
    (tmp_path / "k.yaml").write_text(yaml_text(found), encoding="utf-8")
    mapping = load_mapping(tmp_path / "k.yaml")
    map_centre(read_centre(folder, mapping.sources, mapping.ignore_files), mapping)


def test_numbers_below_a_generic_heading_are_not_sure(tmp_path: Path) -> None:
    """0 and 1 below `Status` may be of any event."""
    folder = tmp_path / "k"
    folder.mkdir()
    (folder / "x.csv").write_text("ID;Sex;Status\nK1;F;0\nK2;M;1\nK3;M;1\n", encoding="utf-8")
    assert column(draft_centre(folder, None, PROTOCOL, "K"), "Status").confidence <= 0.88
