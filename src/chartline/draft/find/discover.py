"""The files of a centre -> sources: which dialect each speaks and how it is laid out.

In: a folder and the files of it that the draft is about. Out: source declarations as a mapping holds them, the tables
read with them, and in words whatever could not be read, with its place. Every file is a source or is listed as not
read, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from chartline.draft.find.fhir import take_fhir
from chartline.draft.find.found import Found, head
from chartline.draft.find.grids import take_books, take_delimited
from chartline.draft.find.omop import take_omop
from chartline.draft.find.redcap import take_redcap
from chartline.errors import SourceError
from chartline.sources.folder import CentreFolder, SourceFile, seems

_PEOPLE = (".md", ".pdf", ".docx", ".doc", ".rtf", ".html", ".htm", ".png", ".jpg", ".jpeg", ".pptx")


def discover(root: Path, names: Sequence[str] | None, called: Mapping[str, str] | None = None) -> Found:
    """Find and read the sources in `root`; `names` are the files the draft is about, all if None.

    `called` are names that tables of delimited files have already: path (with wild cards) -> table.

    Raises SourceError where the folder is not there. A file that cannot be read is told in `unread`, not raised.
    """
    folder = CentreFolder(root)
    files = list(folder.all_files())
    found = Found(root, called or {})
    for file in files:
        if names is not None and file.name not in names:
            found.leave(file.name, "not part of this draft")
    mine = [f for f in files if names is None or f.name in names]
    for take in (take_omop, take_fhir, take_redcap, take_books, take_delimited, _take_rest):
        mine = take(mine, found)
    return found


def _looks(file: SourceFile) -> str:
    """Say what a file looks like. What an archive holds stands at its end."""
    start = head(file)
    try:
        return seems(file.read() if start.startswith(b"PK") else start)
    except SourceError:  # too large to be looked into
        return "a zip archive"


def _take_rest(files: list[SourceFile], found: Found) -> list[SourceFile]:
    for file in files:
        ending = file.path.suffix.lower()
        if ending in _PEOPLE or ending == "":
            found.leave(file.name, "a document for people: no table in it")
        elif ending == ".parquet":
            found.fail(file.name, "a Parquet file that is no OMOP table is not read")
        else:
            looks = _looks(file)
            unpack = "; unpack it, if it holds the data" if "archive" in looks else ""
            found.fail(file.name, f"chartline does not read this kind of file: it seems to be {looks}{unpack}")
    return []
