"""How a mapping declares its sources, and what read_centre demands of a folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from chartline.errors import MappingError, SourceError
from chartline.sources.read import read_centre
from chartline.sources.spec import SheetSpec, SourceSpec

LABS = SourceSpec(kind="delimited", path="labs.csv")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "labs.csv").write_text("id,anc\n1,0.5\n")
    return tmp_path


def test_a_file_becomes_a_table_under_its_own_name(folder: Path) -> None:
    data = read_centre(folder, [LABS], {})
    assert data.tables["labs"].frame.rows() == [("1", "0.5")]
    assert data.tables["labs"].address(0, "anc") == "labs.csv!row 2!anc"


def test_a_file_that_nobody_reads_is_an_error_that_names_it(folder: Path) -> None:
    (folder / "_notes.txt").write_text("hello")
    with pytest.raises(MappingError, match=r"neither read nor ignored: _notes\.txt"):
        read_centre(folder, [LABS], {})


def test_an_ignored_file_and_a_system_file_are_not_looked_at(folder: Path) -> None:
    (folder / "notes.txt").write_text("hello")
    (folder / ".DS_Store").write_bytes(b"\0")
    assert list(read_centre(folder, [LABS], {"notes.txt": "a letter"}).tables) == ["labs"]
    assert list(read_centre(folder, [LABS], {"*.txt": "letters"}).tables) == ["labs"]


def test_a_file_in_a_folder_below_is_found_too(folder: Path) -> None:
    (folder / "old").mkdir()
    (folder / "old" / "labs.csv").write_text("id\n1\n")
    with pytest.raises(MappingError, match=r"old/labs\.csv"):
        read_centre(folder, [LABS], {})


def test_a_file_cannot_be_read_and_ignored(folder: Path) -> None:
    with pytest.raises(MappingError, match="both read and ignored"):
        read_centre(folder, [LABS], {"labs.csv": "old"})


def test_a_missing_file_says_what_is_there(folder: Path) -> None:
    with pytest.raises(SourceError, match=r"No file matches 'lab.csv'") as error:
        read_centre(folder, [SourceSpec(kind="delimited", path="lab.csv")], {})
    assert "labs.csv" in error.value.expected


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="folder is not there"):
        read_centre(tmp_path / "nowhere", [LABS], {})


def test_two_tables_of_one_name_are_refused(folder: Path) -> None:
    (folder / "more.csv").write_text("id\n1\n")
    with pytest.raises(MappingError, match="Two tables of the centre are called 'labs'"):
        read_centre(folder, [LABS, SourceSpec(kind="delimited", path="more.csv", table="labs")], {})


def test_a_name_typed_composed_finds_a_file_stored_decomposed(tmp_path: Path) -> None:
    (tmp_path / "Zoe\u0308.csv").write_text("id\n1\n")  # as macOS stores ë
    assert read_centre(tmp_path, [SourceSpec(kind="delimited", path="Zo\u00eb.csv")], {}).tables


def test_a_locked_file_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(self: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", locked)
    with pytest.raises(SourceError, match=r"labs\.csv may not be read"):
        read_centre(folder, [LABS], {})


def test_an_empty_file_says_so(folder: Path) -> None:
    (folder / "labs.csv").write_bytes(b"")
    with pytest.raises(SourceError, match=r"labs\.csv is empty \(0 bytes\)"):
        read_centre(folder, [LABS], {})


def test_no_file_is_changed(folder: Path) -> None:
    before = (folder / "labs.csv").read_bytes(), (folder / "labs.csv").stat().st_mtime_ns
    read_centre(folder, [LABS], {})
    assert ((folder / "labs.csv").read_bytes(), (folder / "labs.csv").stat().st_mtime_ns) == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kind": "xlsx", "path": "a.xlsx"}, "at least one sheet"),
        ({"kind": "delimited"}, "needs a path"),
        ({"kind": "delimited", "path": "a.csv", "sheets": {}}, "sheets: not an option of kind delimited"),
        ({"kind": "omop", "path": ".", "header_row": 2}, "header_row: not an option of kind omop"),
        ({"kind": "redcap", "records": "a.csv"}, "either records and dictionary, or odm"),
        ({"kind": "redcap", "records": "a", "dictionary": "b", "odm": "c"}, "or odm"),
        ({"kind": "fhir", "path": "../other"}, "must lie inside the centre's folder"),
        ({"kind": "fhir", "path": "/etc"}, "must lie inside the centre's folder"),
        ({"kind": "delimited", "path": "a.csv", "delimiter": ";;"}, "at most 1 character"),
        ({"kind": "delimited", "path": "a.csv", "delimiter": "¦"}, "one ASCII character"),
        ({"kind": "delimited", "path": "a.csv", "delimiter": '"'}, "one ASCII character"),
        ({"kind": "delimited", "path": "a.csv", "colour": "red"}, "Extra inputs are not permitted"),
    ],
)
def test_a_declaration_that_cannot_be_is_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        SourceSpec(**options)


def test_rows_of_a_sheet_must_be_in_order() -> None:
    assert SheetSpec(header_row=5).data_row == 6
    with pytest.raises(ValidationError, match="must come after header_row"):
        SheetSpec(header_row=5, first_row=5)
    with pytest.raises(ValidationError, match="must come before header_row"):
        SheetSpec(header_row=5, group_row=6)


def test_every_option_explains_itself() -> None:
    for model in (SourceSpec, SheetSpec):
        for name, field in model.model_fields.items():
            assert field.description, name
            assert field.examples, name
