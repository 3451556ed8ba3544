"""CDISC ODM, as REDCap writes it: read as tables of forms, written anew with the same elements in their places.

What a copy never holds: who entered, changed or signed a value (AdminData, AuditRecord, Signature, UserRef), remarks
on values (Annotation), files stored in the project, comments in the XML, and the Originator. Fields that the project
marks as identifiers are dropped, dates excepted. Source: CDISC Operational Data Model 1.3.2, sections 3.1.2 to 3.1.4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

from chartline.core.identifiers import Kind
from chartline.deidentify.grid import Cell, Grid, Row
from chartline.deidentify.model import Action, Decision
from chartline.errors import SourceError
from chartline.sources.folder import SourceFile
from chartline.sources.odm import Element, elements, local_name, parse_odm, redcap_attribute

Scrub = Callable[[Grid, int, Row], Row]
Text = Callable[[str], str]
_DROPPED = {
    "AdminData": Kind.STAFF, "AuditRecord": Kind.STAFF, "AuditRecords": Kind.STAFF, "UserRef": Kind.STAFF,
    "Signature": Kind.STAFF, "Signatures": Kind.STAFF, "Annotation": Kind.NAME, "Annotations": Kind.NAME,
    "ItemDataBase64Binary": Kind.PICTURE, "ItemDataHexBinary": Kind.PICTURE, "ItemDataURI": Kind.PICTURE,
}  # fmt: skip
_WHY = "an element of ODM that can name a person"
_KEY = "SubjectKey"
_SUBJECTS = "SubjectData"


class Odm:
    """One ODM file: a grid for each form, and one of the subjects."""

    def __init__(self, file: SourceFile) -> None:
        """Read the file. Raises SourceError where it is no sound ODM, or larger than is read."""
        self._file, self.name = file, file.name
        self._root = parse_odm(file)
        self.decisions = self._drop()
        items = {item.get("OID", ""): item for item in elements(self._root, "ItemDef")}
        self._names = {oid: item.get("Name", oid) for oid, item in items.items()}
        self._forms = {form.get("OID", ""): form.get("Name", "") for form in elements(self._root, "FormDef")}
        version = next(elements(self._root, "MetaDataVersion"), self._root)
        self._record = redcap_attribute(version, "RecordIdField") or next(iter(self._names.values()), _KEY)
        # field -> its validation type, as `plan.marked_fields` has them of a data dictionary
        self.marked = {
            redcap_attribute(item, "Variable") or item.get("Name") or "": _validation(item)
            for item in items.values()
            if redcap_attribute(item, "Identifier") == "y"
        }
        self._subjects = list(elements(self._root, "SubjectData"))
        self._rows = self._read()
        self.grids = [self._subject_grid(), *map(self._form_grid, self._rows)]

    def _drop(self) -> list[Decision]:
        """Leave out what a copy never holds; return how much of it there was."""
        counts: dict[str, int] = {}
        for parent in list(self._root.iter()):
            for child in [c for c in parent if local_name(c.tag) in _DROPPED]:
                parent.remove(child)
                counts[local_name(child.tag)] = counts.get(local_name(child.tag), 0) + 1
        counts["Originator"] = int(self._root.attrib.pop("Originator", None) is not None)
        return [
            Decision(self.name, "", tag, _DROPPED.get(tag, Kind.STAFF), Action.DROP, _WHY, n)
            for tag, n in counts.items()
            if n
        ]

    # Rows ---------------------------------------------------------------------------------------------------------

    def _read(self) -> dict[str, list[tuple[int, dict[str, Element]]]]:
        """Return, by form, its rows: the number of the subject, and the items by OID. An item that stands twice in a
        group begins another row, so that no value is passed over."""
        rows: dict[str, list[tuple[int, dict[str, Element]]]] = {}
        for n, subject in enumerate(self._subjects):
            for form in elements(subject, "FormData"):
                mine = rows.setdefault(form.get("FormOID", ""), [])
                for group in elements(form, "ItemGroupData"):
                    row: dict[str, Element] = {}
                    for item in group:
                        if (oid := item.get("ItemOID", "")) in row:
                            mine.append((n, row))
                            row = {}
                        row[oid] = item
                    mine.append((n, row))
        return rows

    def _subject_grid(self) -> Grid:
        def records() -> Iterator[Row]:
            for subject in self._subjects:
                yield [subject.get(_KEY)]

        return Grid(self.name, _SUBJECTS, (self._record,), 0, records, lambda r, c: f"subject {r + 1}", subject=0)

    def _form_grid(self, form: str) -> Grid:
        rows = self._rows[form]
        oids = list(dict.fromkeys(oid for _, row in rows for oid in row))
        headings = (self._record, *(self._names.get(oid, oid) for oid in oids))

        def records() -> Iterator[Row]:
            for n, row in rows:
                yield [self._subjects[n].get(_KEY), *(_value(row[oid]) if oid in row else None for oid in oids)]

        def place(r: int, c: int) -> str:
            return f"subject {rows[r][0] + 1}!{headings[c]}"

        return Grid(self.name, self._forms.get(form) or form, headings, 0, records, place, subject=0)

    # Writing ------------------------------------------------------------------------------------------------------

    def write(self, to: Path, scrub: Scrub, text: Text) -> None:
        """Write the copy: every item scrubbed as a cell of its form, every other text of the file by `text`."""
        subjects, *forms = self.grids
        done = {
            id(item)
            for grid, rows in zip(forms, self._rows.values(), strict=True)
            for item in self._put(grid, rows, scrub)
        }
        keys = [scrub(subjects, r, row)[0] for r, row in enumerate(subjects.rows())]
        for subject, key in zip(self._subjects, keys, strict=True):
            subject.set(_KEY, "" if key is None else str(key))
        for node in self._root.iter():
            if id(node) not in done:
                _scrub_texts(node, text)
        for prefix, uri in _namespaces(self._file).items():
            ElementTree.register_namespace(prefix, uri)
        try:
            ElementTree.ElementTree(self._root).write(to, encoding="UTF-8", xml_declaration=True)
        except RecursionError:
            raise SourceError(
                f"{self.name} is nested too deeply", where=self.name, expected="ODM as REDCap exports it"
            ) from None

    def _put(self, grid: Grid, rows: list[tuple[int, dict[str, Element]]], scrub: Scrub) -> Iterator[Element]:
        """Put the scrubbed values into the items of one form; yield the items."""
        oids = list(dict.fromkeys(oid for _, row in rows for oid in row))
        scrubbed = [scrub(grid, r, row)[1:] for r, row in enumerate(grid.rows())]
        for (_, items), cells in zip(rows, scrubbed, strict=True):
            for oid, cell in zip(oids, cells, strict=True):
                if oid in items:
                    _set(items[oid], cell)
                    yield items[oid]


def _validation(item: Element) -> str:
    return redcap_attribute(item, "TextValidationType") or item.get("DataType") or ""


def _value(item: Element) -> str | None:
    return item.get("Value") or (item.text or "").strip() or None


def _set(item: Element, cell: Cell) -> None:
    text = "" if cell is None else str(cell)
    if "Value" in item.attrib:
        item.set("Value", text)
    else:
        item.text = text


def _scrub_texts(node: Element, text: Text) -> None:
    """Search what a person wrote: the texts of elements, and of attributes those that hold an address. Names, codes
    and identifiers of the project stay, for the file refers to itself by them."""
    if node.text and node.text.strip():
        node.text = text(node.text)
    for name, value in node.attrib.items():
        if "@" in value:
            node.set(name, text(value))


def _namespaces(file: SourceFile) -> dict[str, str]:
    """Return the prefixes by which a file names its namespaces, so that its copy does the same."""
    found: dict[str, str] = {}

    class Prefixes:
        def start_ns(self, prefix: str, uri: str) -> None:
            if not prefix.startswith("ns"):  # those which ElementTree gives by itself
                found.setdefault(prefix or "", uri)

        def close(self) -> None:
            return None

    ElementTree.fromstring(file.read(), ElementTree.XMLParser(target=Prefixes()))
    return found
