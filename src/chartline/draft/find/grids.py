"""Workbooks and delimited text of a folder: where each table lies is looked for in its rows."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any

from chartline.draft.find.found import HEAD_BYTES, Found, head
from chartline.draft.find.layout import Layout, find_layout
from chartline.errors import StudyError
from chartline.sources.base import SourceNote
from chartline.sources.folder import SourceFile, seems
from chartline.sources.workbook import survey_sheets

_BOOKS = (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods")
_DELIMITED = (".csv", ".tsv", ".txt", ".tab")


def take_books(files: list[SourceFile], found: Found) -> list[SourceFile]:
    """Read workbooks; return the files that are none."""
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
        if found.read(spec, "xlsx", [file.name]):
            found.layouts.update(layouts)
    return rest


def take_delimited(files: list[SourceFile], found: Found) -> list[SourceFile]:
    """Read delimited text; return the files that are none."""
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
        delimiter, encoding = dialect(file)
        rows = _sample(data, delimiter, encoding)
        layout = find_layout(rows)
        if isinstance(layout, str):
            if file.name.lower().endswith(".txt"):
                found.leave(file.name, "text for people: no table in it")
            else:
                found.fail(file.name, layout)
            continue
        spec: dict[str, Any] = {"kind": "delimited", "path": file.name}
        name = next((t for path, t in found.called.items() if fnmatchcase(file.name, path)), "")
        if name:
            spec["table"] = name
        if delimiter != ",":
            spec["delimiter"] = delimiter
        if encoding != "utf-8":
            spec["encoding"] = encoding
        if layout.header_row != 1:
            spec["header_row"] = layout.header_row
        if found.read(spec, "delimited", [file.name]):
            found.layouts[name or PurePosixPath(file.name).stem] = layout
    return rest


def dialect(file: SourceFile) -> tuple[str, str]:
    """Return the delimiter and the encoding of a delimited file, by its beginning."""
    data = head(file)
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
        """How many lines have the mark as often as most lines that have it, and how often that is."""
        often = Counter(n for n in marks[mark] if n).most_common(1)
        return (often[0][1], often[0][0]) if often else (0, 0)

    return max(marks, key=steady), encoding


def _sample(data: bytes, delimiter: str, encoding: str) -> list[list[tuple[str | None, str | None]]]:
    text = data[:HEAD_BYTES].decode("utf-8-sig" if encoding == "utf-8" else encoding, "replace")
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
