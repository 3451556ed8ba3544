"""A new version of a centre's files against the mapping it has: every kind of difference, and nothing where none is."""

from __future__ import annotations

from pathlib import Path

import pytest

from chartline.draft.draft import draft_centre
from chartline.draft.replay import differences_of, table_names
from chartline.mapping.load import load_mapping
from chartline.protocol.load import load_protocol

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "inotuzumab-india"
PROTOCOL = load_protocol(EXAMPLE)
MAPPING = """
chartline: mapping/1
centre: K
signed_by: a data manager
signed_on: 2026-11-26
sources:
  - {kind: delimited, path: patients.csv, delimiter: ";"}
  - {kind: delimited, path: death*.csv, delimiter: ";"}
ignore_files: {"*.txt": letters}
dates: {order: DMY, partial: true}
tables:
  patients:
    subject: ID
    ignore: {Remark: empty, Ward: not needed}
    records:
      - domain: DM
        variables: {SEX: {column: Sex, codes: {F: f, M: m}}, BRTHDTC: DOB, AGE: Age}
  deaths:
    subject: ID
    records:
      - domain: SS
        variables: {DTHDTC: Died}
"""
FILES = {
    "patients.csv": "ID;Sex;DOB;Age;Remark;Ward\nK1;f;13/04/1980;41;;7\nK2;m;27/11/1975;45;;8\n",
    "deaths.csv": "ID;Died\nK1;20/05/2021\n",
    "letter.txt": "Dear all,\n",
}


def differences(tmp_path: Path, changed: dict[str, str | None], mapping_text: str = MAPPING) -> list[str]:
    """Write the files, some of them changed (None: gone), and return what is told."""
    folder = tmp_path / "k"
    folder.mkdir()
    for name, text in (FILES | changed).items():
        if text is not None:
            (folder / name).write_text(text, encoding="utf-8")
    file = tmp_path / "mapping.yaml"
    file.write_text(mapping_text, encoding="utf-8")
    mapping = load_mapping(file)
    draft = draft_centre(folder, None, PROTOCOL, "K", [mapping], table_names(mapping))
    return [d.line for d in differences_of(draft, mapping, folder, None)]


def patients(*rows: str, heads: str = "ID;Sex;DOB;Age;Remark;Ward") -> dict[str, str | None]:
    return {"patients.csv": "\n".join([heads, *rows]) + "\n"}


def test_the_same_files_differ_in_nothing(tmp_path: Path) -> None:
    assert differences(tmp_path, {}) == []


def test_new_patients_differ_in_nothing(tmp_path: Path) -> None:
    more = patients("K1;f;13/04/1980;41;;7", "K2;m;27/11/1975;45;;8", "K3;f;03/04/1990;30;;9")
    assert differences(tmp_path, more) == []


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (
            patients("K1;f;13/04/1980;41;;7;400", heads="ID;Sex;DOB;Age;Remark;Ward;LDH"),
            "new column: patients, `LDH`: ",
        ),
        (patients("K1;f;13/04/1980;;7", heads="ID;Sex;DOB;Remark;Ward"), "gone column: patients, `Age`"),
        (patients("K1;f;13/04/1980;41;moved;7"), "no longer empty: patients, `Remark`: 1 of 1 filled"),
        (patients("K1;weiblich;13/04/1980;41;;7"), "new word: patients, `Sex`: `weiblich` (1 cell) (proposed: F"),
        (patients("K1;f;13/04/1980;adult;;7"), "changed kind: patients, `Age`: is read as number, and holds code"),
        (
            patients("K1;f;04/13/1980;41;;7"),
            "changed dates: patients, `DOB`: dates are read as DMY; 1 of 1 unambiguous",
        ),
        (patients("K1;f;someday;41;;7"), "changed kind: patients, `DOB`: is read as date, and holds code (someday)"),
        ({"labs.csv": "ID;HB\nK1;9\n"}, "new file: `labs.csv`: the mapping does not speak of it"),
        ({"deaths.csv": None}, "gone file: `death*.csv`: the mapping reads it"),
        ({"deaths.csv": None}, "gone table: deaths: the mapping reads it"),
        ({"deathbeds.csv": "ID;Bed\nK1;7\n"}, "new table: deathbeds: 1 row; the whole of it is proposed below"),
        (
            {"patients.csv": "Register | |\n" + str(FILES["patients.csv"])},
            "changed layout: patients: headings stand in row 2",
        ),
    ],
)
def test_a_difference_is_told_with_its_place(tmp_path: Path, changed: dict[str, str | None], told: str) -> None:
    found = differences(tmp_path, changed)
    assert any(told in line for line in found), found


def test_only_the_difference_is_told(tmp_path: Path) -> None:
    found = differences(tmp_path, patients("K1;f;13/04/1980;41;moved;7", "K2;m;27/11/1975;45;;8"))
    assert len(found) == 1
    assert "Ward" not in " ".join(found)  # that nobody needs it was decided


def test_a_table_keeps_the_name_that_the_mapping_gives_it(tmp_path: Path) -> None:
    named = MAPPING.replace('path: patients.csv, delimiter: ";"', 'path: "pat*.csv", table: people, delimiter: ";"')
    assert differences(tmp_path, {}, named.replace("  patients:", "  people:")) == []
