"""REDCap projects of a folder: a data dictionary with its records, or one CDISC ODM file."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from chartline.draft.find.found import Found, head
from chartline.draft.find.grids import dialect
from chartline.sources.folder import SourceFile

_DICTIONARY = ("variable / field name", "field_name")


def take_redcap(files: list[SourceFile], found: Found) -> list[SourceFile]:
    """Read REDCap projects; return the files that are none."""
    taken: set[str] = set()
    dictionaries = [f for f in files if f.name.lower().endswith(".csv") and _is_dictionary(f)]
    projects = 0
    for dictionary in dictionaries:
        taken.add(dictionary.name)
        fields = _dictionary_fields(dictionary)
        records = [
            f
            for f in files
            if f not in dictionaries and f.name not in taken and f.name.lower().endswith(".csv") and _belongs(f, fields)
        ]
        same = [f for f in records if PurePosixPath(f.name).parent == PurePosixPath(dictionary.name).parent]
        if not records:
            found.unread.append((dictionary.name, "a REDCap data dictionary without records: no file has its fields"))
            found.leave(dictionary.name, "open question: a REDCap data dictionary without records")
            continue
        one = (same or records)[0]
        spec = {"kind": "redcap", "records": one.name, "dictionary": dictionary.name}
        delimiter, encoding = dialect(one)
        if delimiter != ",":
            spec["delimiter"] = delimiter
        if encoding != "utf-8":
            spec["encoding"] = encoding
        projects += found.read(spec, "redcap", [one.name, dictionary.name])
        taken.add(one.name)
    for file in files:
        if not file.name.lower().endswith(".xml") or not _is_odm(file):
            continue
        taken.add(file.name)
        if projects:
            found.leave(file.name, "the same project as CDISC ODM")
        else:
            found.read({"kind": "redcap", "odm": file.name}, "redcap", [file.name])
    return [f for f in files if f.name not in taken]


def _first_line(file: SourceFile) -> str:
    return head(file).decode("utf-8-sig", "replace").split("\n", 1)[0]


def _is_dictionary(file: SourceFile) -> bool:
    first = _first_line(file).strip().strip('"').lower()
    return first.startswith(_DICTIONARY)


def _dictionary_fields(file: SourceFile) -> list[str]:
    text = file.read().decode("utf-8-sig", "replace")
    return [row[0] for row in csv.reader(io.StringIO(text)) if row][1:]


def _belongs(file: SourceFile, fields: Sequence[str]) -> bool:
    names = {n.strip().strip('"') for n in re.split(r"[,;\t]", _first_line(file))}
    return bool(fields) and fields[0] in names and len(names & set(fields)) >= min(2, len(fields))


def _is_odm(file: SourceFile) -> bool:
    return b"<ODM" in head(file)
