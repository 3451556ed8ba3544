"""What can lie in a centre's folder besides files, and what can happen to a file while it is read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from chartline.core.digest import digest_file
from chartline.errors import MappingError, SourceError, StudyError
from chartline.sources import delimited
from chartline.sources.folder import CentreFolder
from chartline.sources.read import read_centre
from chartline.sources.spec import SourceSpec

CSV = SourceSpec(kind="delimited", path="d.csv")


@pytest.fixture
def centre(tmp_path: Path) -> Path:
    folder = tmp_path / "centre"
    folder.mkdir()
    (folder / "d.csv").write_text("id,v\n1,2\n")
    return folder


@pytest.mark.parametrize("name", ["../secret.csv", "a/../../secret.csv", "/etc/passwd"])
@pytest.mark.parametrize("option", ["path", "records", "dictionary", "odm"])
def test_a_mapping_names_no_file_outside_of_the_folder(name: str, option: str) -> None:
    kind = "delimited" if option == "path" else "redcap"
    rest = {"records": "d.csv", "dictionary": "d.csv"} if option in ("records", "dictionary") else {}
    with pytest.raises(ValueError, match="must lie inside the centre's folder"):
        SourceSpec(kind=kind, **{**rest, option: name})


def test_a_link_out_of_the_folder_is_not_followed(centre: Path) -> None:
    (centre.parent / "secret.csv").write_text("id,v\n1,2\n")
    (centre / "e.csv").symlink_to(centre.parent / "secret.csv")
    with pytest.raises(SourceError, match=r"e.csv is a link that leads out of the centre's folder"):
        read_centre(centre, [CSV])
    assert read_centre(centre, [CSV], {"e.csv": "not ours"}).files.keys() == {"d.csv"}
    with pytest.raises(SourceError, match=r"e.csv is a link that leads out"):
        read_centre(centre, [CSV.model_copy(update={"path": "e.csv"})], {"*.csv": "nothing is read"})


def test_a_link_inside_of_the_folder_is_a_file_like_any_other(centre: Path) -> None:
    (centre / "raw").mkdir()
    (centre / "raw" / "e.csv").write_text("id,v\n1,2\n")
    (centre / "e.csv").symlink_to("raw/e.csv")
    data = read_centre(centre, [CSV, CSV.model_copy(update={"path": "e.csv"})], {"raw/*": "the same file"})
    assert data.tables["e"].frame.rows() == [("1", "2")]


def test_the_folder_itself_may_be_a_link(centre: Path) -> None:
    (centre.parent / "link").symlink_to(centre)
    assert read_centre(centre.parent / "link", [CSV]).tables["d"].frame.rows() == [("1", "2")]


@pytest.mark.parametrize("target", ["nowhere.csv", "loop.csv", ".."])
def test_links_that_lead_to_no_file(centre: Path, target: str) -> None:
    (centre / "loop.csv").symlink_to(target)
    with pytest.raises(SourceError, match=r"loop.csv is a link (that leads|to a folder)"):
        read_centre(centre, [CSV])


def test_a_pipe_is_not_waited_for(centre: Path) -> None:
    os.mkfifo(centre / "p.csv")
    with pytest.raises(SourceError, match=r"p.csv is no file, but a pipe, socket or device"):
        read_centre(centre, [CSV])


def test_a_folder_where_a_file_should_be(centre: Path) -> None:
    (centre / "d.csv").unlink()
    (centre / "d.csv").mkdir()
    with pytest.raises(SourceError, match=r"d.csv is a folder, and no file that can be read lies directly in it"):
        read_centre(centre, [CSV])


def test_a_file_where_the_folder_should_be(centre: Path) -> None:
    with pytest.raises(SourceError, match="The centre's folder is not there"):
        read_centre(centre / "d.csv", [CSV])


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
@pytest.mark.parametrize("name", ["d.csv", "."])
def test_what_may_not_be_read(centre: Path, name: str) -> None:
    (centre / name).chmod(0)
    try:
        with pytest.raises(SourceError, match="read"):
            read_centre(centre, [CSV])
    finally:
        (centre / name).chmod(0o700)


def test_a_file_that_is_denied_or_goes_away_is_told(centre: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(self: Path, *args: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(SourceError, match=r"d.csv may not be read") as error:
        read_centre(centre, [CSV])
    assert error.value.do == "ask for the right to read this file"


@pytest.mark.parametrize("how", ["longer", "replaced", "gone"])
def test_a_file_that_changes_while_it_is_read(centre: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """Half of the old and half of the new file would be nobody's data, and the digest that of another file."""
    path = centre / "d.csv"

    def read_and_change(folder: CentreFolder, spec: SourceSpec) -> object:
        data = read(folder, spec)
        if how == "gone":
            path.unlink()
        elif how == "longer":
            path.write_text("id,v\n1,2\n2,3\n")
        else:
            (centre.parent / "new.csv").write_text("id,v\n1,9\n")
            (centre.parent / "new.csv").replace(path)
        return data

    read = delimited.read_delimited
    monkeypatch.setattr(delimited, "read_delimited", read_and_change)
    with pytest.raises(SourceError, match=r"was changed while it was read|cannot be read: No such file"):
        read_centre(centre, [CSV])


def test_the_digest_is_that_of_the_file_that_was_read(centre: Path) -> None:
    assert read_centre(centre, [CSV]).files == {"d.csv": digest_file(centre / "d.csv")}


def test_ten_thousand_strange_files_do_not_fill_the_screen(centre: Path) -> None:
    for number in range(1_000):
        (centre / f"scan {number:04d}.dcm").touch()
    with pytest.raises(MappingError, match="1000 file") as error:
        read_centre(centre, [CSV])
    assert "scan 0009.dcm and 990 more" in error.value.what
    with pytest.raises(StudyError) as missing:
        read_centre(centre, [CSV.model_copy(update={"path": "e.csv"})])
    assert len(str(missing.value)) < 1_000
