"""FHIR R4 resources to SourceTables, one per resource type, flattened to one column per leaf.

In: ndjson files (bulk export), Bundles and single resources in JSON. Out: tables whose column names are
paths. The elements of an array are told apart as FHIR slicing does, by their discriminator where they have
one:

    extension[urn:x:grade].valueInteger      by url
    identifier[urn:x:mrn].value              by system
    component[BM-BLASTS].valueQuantity.value by code.coding[0].code
    code.coding[0].code, note[1].text        any other array, by position from 0

The second element with the same discriminator is `component[BM-BLASTS#2]`. The discriminator itself, being
in the path, is not a column again; nor is resourceType, which names the table. What wraps a resource in a
Bundle (fullUrl, request, search) is transport and is not read. Numbers are in shortest form (48.0 -> '48'),
booleans 'true', 'false'.

A row is labelled 'line 525' of an ndjson file or 'entry 12' of a Bundle, both counted from 1. Where
resources of one type come from several files, the label starts with the file: `Bundle_1.json!entry
12!birthDate`. A resource that comes twice with the same content (its `meta` apart) is read once, from an
ndjson file rather than from a Bundle.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from chartline.errors import SourceError
from chartline.sources.base import SourceData, SourceNote, SourceTable, add_table
from chartline.sources.fhir_json import DECODE_AS_TEXT, LINES, json_documents
from chartline.sources.folder import CentreFolder, SourceFile
from chartline.sources.limits import JSON_CELLS, too_many_cells
from chartline.sources.spec import SourceSpec

_ENDINGS = (*LINES, ".json")
_BY = {"extension": "url", "modifierExtension": "url", "identifier": "system"}

Resource = dict[str, Any]


@dataclass(frozen=True)
class _Row:
    """One resource and where it stands."""

    file: str
    label: str
    resource: Resource

    @property
    def address(self) -> str:
        return f"{self.file}!{self.label}"


@dataclass
class _Types:
    """Resources by type, those that came before left out."""

    wanted: tuple[str, ...]
    rows: dict[str, list[_Row]] = field(default_factory=dict)
    first: dict[tuple[str, str], _Row] = field(default_factory=dict)
    notes: list[SourceNote] = field(default_factory=list)
    passed: dict[str, int] = field(default_factory=dict)  # resource type -> how many were not wanted

    def add(self, rows: Iterable[_Row]) -> None:
        """Add the resources of one file; note those that are there already."""
        again: list[_Row] = []
        for row in rows:
            kind = row.resource["resourceType"]
            if self.wanted and kind not in self.wanted:
                self.passed[kind] = self.passed.get(kind, 0) + 1
                continue
            if len(row.resource) == 1:
                self.notes.append(SourceNote("empty_resource", row.address, f"This {kind} holds nothing but its type."))
                continue
            known = self._known(kind, row)
            if known is not None and _equal(known, row):
                again.append(row)
                continue
            if known is not None:
                self.notes.append(_conflict(kind, known, row))
            self.rows.setdefault(kind, []).append(row)
        if again:
            self.notes.append(_repeated(again))

    def _known(self, kind: str, row: _Row) -> _Row | None:
        name = row.resource.get("id")
        if not isinstance(name, str):
            return None
        first = self.first.setdefault((kind, name), row)
        return None if first is row else first


def read_fhir(centre: CentreFolder, spec: SourceSpec) -> SourceData:
    """Read all resources of the files that `spec.path` means (`resources`: only these types).

    Raises SourceError for what is not JSON, and names the file and line.
    """
    files = centre.find(spec.path or ".", _ENDINGS)
    types = _Types(spec.resources)
    for file in sorted(files, key=lambda one: not one.name.lower().endswith(LINES)):
        types.add(_resources(file, types.notes))
    for kind, count in types.passed.items():
        message = f"{count} resource(s) of type {kind} are not in the mapping's list and were not read."
        types.notes.append(SourceNote("resource_not_read", kind, message))
    tables: dict[str, SourceTable] = {}
    for kind, rows in types.rows.items():
        add_table(tables, _table(kind, rows))
    return SourceData(tables, tuple(types.notes))


def _resources(file: SourceFile, notes: list[SourceNote]) -> Iterator[_Row]:
    by_line, documents = json_documents(file, DECODE_AS_TEXT)
    if not by_line:
        return _from_document(file, next(documents)[1], notes)
    return (
        _Row(file.name, f"line {number}", _checked(file, f"line {number}", resource)) for number, resource in documents
    )


def _from_document(file: SourceFile, document: Any, notes: list[SourceNote]) -> Iterator[_Row]:
    resource = _checked(file, "line 1", document)
    if resource["resourceType"] != "Bundle":
        yield _Row(file.name, "line 1", resource)
        return
    entries = resource.get("entry", [])
    if not isinstance(entries, list):
        raise SourceError(f"{file.name} is a Bundle whose entry is not a list", where=file.name)
    if any(link.get("relation") == "next" for link in _objects(resource, "link")):
        message = "This Bundle is one page of several: it links to a next page. Are all pages here?"
        notes.append(SourceNote("bundle_has_next_page", file.name, message))
    for number, entry in enumerate(entries, 1):
        if isinstance(entry, dict) and "resource" in entry:
            yield _Row(file.name, f"entry {number}", _checked(file, f"entry {number}", entry["resource"]))
        else:
            notes.append(SourceNote("entry_without_resource", f"{file.name}!entry {number}", "Nothing to read here."))


def _checked(file: SourceFile, label: str, resource: Any) -> Resource:
    if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
        raise SourceError(
            f"{file.name}, {label} is JSON, but not a FHIR resource: it has no resourceType",
            where=f"{file.name}!{label}",
            expected='an object with "resourceType"',
        )
    return resource


def _content(resource: Resource) -> Resource:
    """What two copies of a resource must share; `meta` tells when and by which server it was written."""
    return {name: value for name, value in resource.items() if name != "meta"}


def _equal(first: _Row, second: _Row) -> bool:
    try:
        return _content(first.resource) == _content(second.resource)
    except RecursionError as error:
        raise _too_deep(second) from error


def _too_deep(row: _Row) -> SourceError:
    return SourceError(f"{row.file}, {row.label} is nested too deeply", where=row.address, expected="a FHIR resource")


def _conflict(kind: str, first: _Row, second: _Row) -> SourceNote:
    name = f"{kind}/{second.resource['id']}"
    changed = sorted(
        key
        for key in first.resource.keys() | second.resource.keys()
        if key != "meta" and first.resource.get(key) != second.resource.get(key)
    )
    message = (
        f"{name} comes twice with different content ({', '.join(changed)}): also at {first.address}. Both are read."
    )
    return SourceNote("conflicting_resource", second.address, message)


def _repeated(rows: list[_Row]) -> SourceNote:
    message = f"{len(rows)} resource(s) of this file came before with the same content, and were read once."
    return SourceNote("repeated_resource", rows[0].address, message)


def _table(kind: str, rows: list[_Row]) -> SourceTable:
    one_file = len({row.file for row in rows}) == 1
    columns: dict[str, list[str | None]] = {}
    for index, row in enumerate(rows):
        try:
            for name, value in row.resource.items():
                if name != "resourceType":
                    _flatten(name, value, columns, index)
        except RecursionError as error:
            raise _too_deep(row) from error
        if len(columns) * len(rows) > JSON_CELLS:
            do = "ask for fewer resource types or elements, or for the data in a table"
            what = f"{kind} needs {len(columns):,} columns for {len(rows):,} resources: it"
            raise too_many_cells(what, row.address, len(columns) * len(rows), JSON_CELLS, do)
    for values in columns.values():
        values.extend([None] * (len(rows) - len(values)))
    return SourceTable(
        file=rows[0].file if one_file else "",
        name=kind,
        frame=pl.DataFrame([_series(rows, name, values) for name, values in columns.items()]),
        places={name: name for name in columns},
        row_labels=[row.label if one_file else row.address for row in rows],
    )


def _series(rows: list[_Row], name: str, values: list[str | None]) -> pl.Series:
    try:
        return pl.Series(name, values, dtype=pl.String)
    except UnicodeEncodeError as error:  # half of a character, which JSON can write and no text can hold
        texts = enumerate([name, *(value or "" for value in values)])
        at = next(i for i, text in texts if any("\ud800" <= letter <= "\udfff" for letter in text))
        row = rows[max(at - 1, 0)]
        raise SourceError(
            f"{row.file}, {row.label} holds half of a character (a lone surrogate)",
            where=f"{row.address}!{ascii(name)[1:-1]}",
            expected="text in Unicode",
            do="export the file again",
        ) from error


def _flatten(path: str, value: Any, columns: dict[str, list[str | None]], row: int) -> None:
    """Put every leaf below `path` into its column; a column is as long as its last row with a value."""
    if isinstance(value, dict):
        for name, child in value.items():
            _flatten(f"{path}.{name}", child, columns, row)
    elif isinstance(value, list):
        for key, child in _keyed(path.rpartition(".")[2], value):
            _flatten(f"{path}[{key}]", child, columns, row)
    elif value is not None and value != "":
        cells = columns.get(path)
        if cells is None:
            cells = columns[path] = []
        if len(cells) < row:
            cells.extend([None] * (row - len(cells)))
        cells.append(value if isinstance(value, str) else "true" if value else "false")


def _keyed(name: str, elements: list[Any]) -> Iterable[tuple[str | int, Any]]:
    """Return the elements of the array `name`, each with its key: the discriminator (without it inside), or its
    position."""
    return _sliced(name, elements) if name in _BY or name == "component" else enumerate(elements)


def _sliced(name: str, elements: list[Any]) -> Iterator[tuple[str | int, Any]]:
    seen: dict[str, int] = {}
    for position, element in enumerate(elements):
        key = _discriminator(name, element)
        if key is None:
            yield position, element
            continue
        seen[key] = seen.get(key, 0) + 1
        yield key if seen[key] == 1 else f"{key}#{seen[key]}", _without(name, element)


def _discriminator(name: str, element: Any) -> str | None:
    if not isinstance(element, dict):
        return None
    if name == "component":
        codings = _objects(element.get("code"), "coding")
        key = codings[0].get("code") if codings else None
    else:
        key = element.get(_BY[name]) if name in _BY else None
    return key if isinstance(key, str) else None


def _objects(parent: Any, name: str) -> list[dict[str, Any]]:
    """The elements of an array of objects; none where a file has something else in its place."""
    found = parent.get(name) if isinstance(parent, dict) else None
    whole = isinstance(found, list) and all(isinstance(one, dict) for one in found)
    return found if whole and found else []


def _without(name: str, element: Resource) -> Resource:
    """The element without its discriminator, which the path holds."""
    if name in _BY:
        return {key: value for key, value in element.items() if key != _BY[name]}
    first, *others = element["code"]["coding"]
    rest = {key: value for key, value in first.items() if key != "code"}
    return {**element, "code": {**element["code"], "coding": [rest, *others]}}
