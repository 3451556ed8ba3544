"""The files of a centre -> sources: which dialect each speaks and how it is laid out.

In: a folder and the files of it that the draft is about. Out: source declarations as a mapping holds them, the tables
read with them, and in words whatever could not be read, with its place. Every file is a source or is listed as not
read, with the reason.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from chartline.draft.layout import Layout, find_layout
from chartline.errors import StudyError
from chartline.sources.base import SourceData, SourceNote, SourceTable
from chartline.sources.folder import CentreFolder, SourceFile, seems
from chartline.sources.read import read_centre
from chartline.sources.spec import SourceSpec

_BOOKS = (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods")
_DELIMITED = (".csv", ".tsv", ".txt", ".tab")
_JSON = (".ndjson", ".jsonl", ".json")
_PEOPLE = (".md", ".pdf", ".docx", ".doc", ".rtf", ".html", ".htm", ".png", ".jpg", ".jpeg", ".pptx")
_DICTIONARY = ("variable / field name", "field_name")
# Tables by which a folder is known as OMOP: a person table beside at least one of the others, or one with its key.
_OMOP = frozenset(
    [
        "person",
        "observation_period",
        "visit_occurrence",
        "visit_detail",
        "condition_occurrence",
        "drug_exposure",
        "procedure_occurrence",
        "device_exposure",
        "measurement",
        "observation",
        "death",
        "note",
        "note_nlp",
        "specimen",
        "fact_relationship",
        "location",
        "care_site",
        "provider",
        "payer_plan_period",
        "cost",
        "drug_era",
        "dose_era",
        "condition_era",
        "episode",
        "episode_event",
        "metadata",
        "cdm_source",
        "concept",
        "vocabulary",
        "domain",
        "concept_class",
        "concept_relationship",
        "relationship",
        "concept_synonym",
        "concept_ancestor",
        "source_to_concept_map",
        "drug_strength",
        "cohort",
        "cohort_definition",
        "cohort_attribute",
        "attribute_definition",
    ]
)
_HEAD_BYTES = 262_144


@dataclass
class Found:
    """What was found in a centre's folder. `heads` are the labels of columns where they are not their names."""

    root: Path
    sources: list[dict[str, Any]] = field(default_factory=list)
    ignore_files: dict[str, str] = field(default_factory=dict)
    tables: dict[str, SourceTable] = field(default_factory=dict)
    kind_of: dict[str, str] = field(default_factory=dict)  # table -> dialect
    layouts: dict[str, Layout] = field(default_factory=dict)
    notes: list[SourceNote] = field(default_factory=list)
    unread: list[tuple[str, str]] = field(default_factory=list)  # file or sheet, why

    def leave(self, name: str, reason: str) -> None:
        self.ignore_files[name] = reason

    def fail(self, name: str, error: StudyError | str) -> None:
        """Note a file that cannot be read, with its place."""
        said = error if isinstance(error, str) else error.what
        where = "" if isinstance(error, str) or not error.where else f" ({_relative(error.where, self.root)})"
        self.unread.append((name, f"{said}{where}"))
        self.leave(name, f"open question: cannot be read: {said}")


def _relative(where: str, root: Path) -> str:
    return where.replace(f"{root}/", "")


def discover(root: Path, names: Sequence[str] | None) -> Found:
    """Find and read the sources in `root`; `names` are the files the draft is about, all if None.

    Raises SourceError where the folder is not there. A file that cannot be read is told in `unread`, not raised.
    """
    folder = CentreFolder(root)
    files = list(folder.all_files())
    found = Found(root)
    for file in files:
        if names is not None and file.name not in names:
            found.leave(file.name, "not part of this draft")
    mine = [f for f in files if names is None or f.name in names]
    for take in (_take_omop, _take_fhir, _take_redcap, _take_books, _take_delimited, _take_rest):
        mine = take(mine, found)
    return found


def _read(found: Found, spec: dict[str, Any], kind: str, names: Sequence[str]) -> bool:
    """Read one source; keep it if it can be read, else say why. Returns whether it was kept."""
    others = {f.name: "another source" for f in CentreFolder(found.root).all_files() if f.name not in names}
    try:
        data: SourceData = read_centre(found.root, [SourceSpec.model_validate(spec)], others)
    except StudyError as error:
        for name in names:
            found.fail(name, error)
        return False
    twice = [t for t in data.tables if t in found.tables]
    if twice:
        for name in names:
            found.fail(name, f"its table {twice[0]!r} has the name of another table of the centre")
        return False
    found.sources.append(spec)
    found.tables.update(data.tables)
    found.kind_of.update(dict.fromkeys(data.tables, kind))
    found.notes += data.notes
    return True


# OMOP ---------------------------------------------------------------------------------------------------------------


def _take_omop(files: list[SourceFile], found: Found) -> list[SourceFile]:
    by_folder: dict[str, list[SourceFile]] = {}
    for file in files:
        path = PurePosixPath(file.name.lower())
        if path.suffix in (".csv", ".parquet") and path.stem in _OMOP:
            by_folder.setdefault(str(PurePosixPath(file.name).parent), []).append(file)
    taken: set[str] = set()
    for file in files:
        if file.path.suffix.lower() in (".duckdb", ".db") and seems(_head(file)) == "a DuckDB database":
            _read(found, {"kind": "omop", "path": file.name}, "omop", [file.name])
            taken.add(file.name)
    for parent, group in by_folder.items():
        stems = {PurePosixPath(f.name.lower()).stem for f in group}
        if not (stems & {"person"} and len(stems) > 1) and not all(_keyed(f) for f in group):
            continue
        copies = {e: {PurePosixPath(f.name.lower()).stem for f in group if f.name.lower().endswith(e)} for e in _ENDS}
        spec: dict[str, Any] = {"kind": "omop", "path": parent}
        names = [f.name for f in group]
        if copies[".csv"] & copies[".parquet"]:
            keep = ".csv" if len(copies[".csv"]) >= len(copies[".parquet"]) else ".parquet"
            spec["format"] = keep[1:]
            both = copies[".csv"] & copies[".parquet"]
            dropped = [
                f.name
                for f in group
                if not f.name.lower().endswith(keep) and PurePosixPath(f.name.lower()).stem in both
            ]
            for name in dropped:
                found.leave(name, f"the same table as {PurePosixPath(name).stem}{keep}")
            names = [n for n in names if n not in dropped]
        _read_omop(found, spec, names)
        taken.update(f.name for f in group)
    return [f for f in files if f.name not in taken]


_ENDS = (".csv", ".parquet")


def _read_omop(found: Found, spec: dict[str, Any], names: list[str]) -> None:
    """Read the tables; one that cannot be read is left out with its reason, the others are kept."""
    for _ in range(len(names)):
        before = len(found.unread)
        for delimiter in (",", "\t", ";"):
            trial = spec | ({"delimiter": delimiter} if delimiter != "," else {})
            if _read(found, trial, "omop", names):
                for name in names:
                    found.ignore_files.pop(name, None)
                del found.unread[before:]
                return
        said = found.unread[before][1]
        bad = next((n for n in names if n in said or PurePosixPath(n).name in said), None)
        for name in names:
            found.ignore_files.pop(name, None)
        del found.unread[before:]
        if bad is None:
            for name in names:
                found.fail(name, said)
            return
        found.fail(bad, said)
        names = [n for n in names if n != bad]
    return


def _keyed(file: SourceFile) -> bool:
    """Whether a table's own key stands among its headings, or a person's."""
    stem = PurePosixPath(file.name.lower()).stem
    if not file.name.lower().endswith(".csv"):
        return False
    line = _head(file).split(b"\n", 1)[0].decode("utf-8", "replace").lower()
    return f"{stem}_id" in line or "person_id" in line


# FHIR ---------------------------------------------------------------------------------------------------------------


def _take_fhir(files: list[SourceFile], found: Found) -> list[SourceFile]:
    good: list[SourceFile] = []
    rest: list[SourceFile] = []
    for file in files:
        if not file.name.lower().endswith(_JSON):
            rest.append(file)
            continue
        problem = _not_fhir(file)
        if problem:
            found.fail(file.name, problem)
        else:
            good.append(file)
    while good:
        names = [f.name for f in good]
        before = len(found.unread)
        if _read(found, {"kind": "fhir", "path": _json_path(names)}, "fhir", names):
            break
        said = found.unread[before][1]
        bad = next((n for n in names if n in said or PurePosixPath(n).name in said), names[-1])
        for name in names:
            found.ignore_files.pop(name, None)
        del found.unread[before:]
        found.fail(bad, said)
        good = [f for f in good if f.name != bad]
    return rest


def _json_path(names: Sequence[str]) -> str:
    if len(names) == 1:
        return names[0]
    if all("/" not in n for n in names):
        endings = {PurePosixPath(n).suffix for n in names}
        return f"*{next(iter(endings))}" if len(endings) == 1 else "."
    return "**json"


def _not_fhir(file: SourceFile) -> StudyError | str:
    try:
        text = file.read().decode("utf-8-sig")
    except StudyError as error:
        return error
    except UnicodeDecodeError:
        return "it is not JSON in UTF-8"
    if '"resourceType"' not in text:
        return "it is JSON, but holds no FHIR resource"
    first = text.lstrip()[:1]
    if first == "[":
        return "it is a list, not a FHIR resource, a Bundle or one resource a line"
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        if error.msg != "Extra data":
            return f"line {error.lineno} is not valid JSON: {error.msg}"
    return ""


# REDCap -------------------------------------------------------------------------------------------------------------


def _take_redcap(files: list[SourceFile], found: Found) -> list[SourceFile]:
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
        delimiter, encoding = _dialect(one)
        if delimiter != ",":
            spec["delimiter"] = delimiter
        if encoding != "utf-8":
            spec["encoding"] = encoding
        projects += _read(found, spec, "redcap", [one.name, dictionary.name])
        taken.add(one.name)
    for file in files:
        if not file.name.lower().endswith(".xml") or not _is_odm(file):
            continue
        taken.add(file.name)
        if projects:
            found.leave(file.name, "the same project as CDISC ODM")
        else:
            _read(found, {"kind": "redcap", "odm": file.name}, "redcap", [file.name])
    return [f for f in files if f.name not in taken]


def _head(file: SourceFile) -> bytes:
    try:
        return file.read(_HEAD_BYTES)
    except StudyError:
        return b""


def _first_line(file: SourceFile) -> str:
    return _head(file).decode("utf-8-sig", "replace").split("\n", 1)[0]


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
    return b"<ODM" in _head(file)


# spreadsheets -------------------------------------------------------------------------------------------------------


def _take_books(files: list[SourceFile], found: Found) -> list[SourceFile]:
    from chartline.sources.workbook import survey_sheets

    rest: list[SourceFile] = []
    for file in files:
        if not file.name.lower().endswith(_BOOKS):
            rest.append(file)
            continue
        try:
            grids = survey_sheets(file)
        except StudyError as error:
            found.fail(file.name, error)
            continue
        spec: dict[str, Any] = {"kind": "xlsx", "path": file.name, "sheets": {}, "other_sheets": {}}
        layouts: dict[str, Layout] = {}
        for name, grid in grids.items():
            layout = find_layout(grid.rows, grid.merged)
            if isinstance(layout, str):
                spec["other_sheets"][name] = layout
                found.notes.append(
                    SourceNote("sheet_not_read", f"{file.name}!{name}", f"This sheet is left: {layout}.")
                )
                continue
            layouts[name] = layout
            spec["sheets"][name] = {
                k: v
                for k, v in (
                    ("header_row", layout.header_row),
                    ("first_row", layout.first_row),
                    ("group_row", layout.group_row),
                )
                if v is not None
            }
        if not spec["sheets"]:
            found.fail(file.name, "none of its sheets holds a table: " + "; ".join(
                f"{n}: {why}" for n, why in spec["other_sheets"].items()))  # fmt: skip
            continue
        if not spec["other_sheets"]:
            del spec["other_sheets"]
        if _read(found, spec, "xlsx", [file.name]):
            found.layouts.update(layouts)
    return rest


# delimited text -----------------------------------------------------------------------------------------------------


def _take_delimited(files: list[SourceFile], found: Found) -> list[SourceFile]:
    rest: list[SourceFile] = []
    for file in files:
        if not file.name.lower().endswith(_DELIMITED):
            rest.append(file)
            continue
        try:
            data = file.read()
        except StudyError as error:
            found.fail(file.name, error)
            continue
        looks = seems(data)
        if looks not in ("delimited text (CSV)", "plain text"):
            found.fail(file.name, f"its name says delimited text, but it seems to be {looks}")
            continue
        delimiter, encoding = _dialect(file)
        rows = _sample(data, delimiter, encoding)
        layout = find_layout(rows)
        if isinstance(layout, str):
            if file.name.lower().endswith(".txt"):
                found.leave(file.name, "text for people: no table in it")
            else:
                found.fail(file.name, layout)
            continue
        spec: dict[str, Any] = {"kind": "delimited", "path": file.name}
        if delimiter != ",":
            spec["delimiter"] = delimiter
        if encoding != "utf-8":
            spec["encoding"] = encoding
        if layout.header_row != 1:
            spec["header_row"] = layout.header_row
        if _read(found, spec, "delimited", [file.name]):
            found.layouts[PurePosixPath(file.name).stem] = layout
    return rest


def _dialect(file: SourceFile) -> tuple[str, str]:
    """Return the delimiter and the encoding of a delimited file, by its beginning."""
    data = _head(file)
    encoding = "utf-8"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    else:
        try:
            file.read().decode("utf-8-sig")
        except UnicodeDecodeError:
            encoding = "cp1252"
    lines = [n for n in data.decode(encoding, "replace").splitlines() if n.strip()][:50]
    quoted = [re.sub(r'"[^"]*"', '""', n) for n in lines]
    marks = {m: [n.count(m) for n in quoted] for m in (",", ";", "\t", "|")}

    def steady(mark: str) -> tuple[int, int]:
        most = max(marks[mark], default=0)
        return sum(n == most > 0 for n in marks[mark]), most

    return max(marks, key=steady), encoding


def _sample(data: bytes, delimiter: str, encoding: str) -> list[list[tuple[str | None, str | None]]]:
    text = data[:_HEAD_BYTES].decode("utf-8-sig" if encoding == "utf-8" else encoding, "replace")
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    out: list[list[tuple[str | None, str | None]]] = []
    try:
        for row in rows:
            out.append([(cell or None, "t" if cell else None) for cell in row])
            if len(out) == 200:
                break
    except csv.Error:
        pass
    width = max(map(len, out), default=0)
    return [row + [(None, None)] * (width - len(row)) for row in out]


def _take_rest(files: list[SourceFile], found: Found) -> list[SourceFile]:
    for file in files:
        ending = file.path.suffix.lower()
        if ending in _PEOPLE or ending == "":
            found.leave(file.name, "a document for people: no table in it")
        elif ending == ".parquet":
            found.fail(file.name, "a Parquet file that is no OMOP table is not read")
        else:
            found.fail(file.name, f"chartline does not read this kind of file: it seems to be {seems(_head(file))}")
    return []
