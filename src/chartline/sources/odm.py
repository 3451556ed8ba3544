"""CDISC ODM 1.3 as REDCap writes it (and plain ODM of the same shape) to one SourceTable per form.

In: an XML file with metadata and clinical data. Out: tables with the columns and values that the CSV export
of the same project gives. A row is a FormData element, labelled by its keys:
`project.xml!C-08/followup_arm_1/follow_up/1!lka` (record, event, form, repeat; the event is left out where
the project has none). Which forms repeat is taken from REDCap's own list of repeating instruments, or,
where a file has none, from repeat keys beyond 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree import ElementTree

import polars as pl

from chartline.errors import SourceError
from chartline.sources.base import SourceData, SourceTable, add_table
from chartline.sources.folder import SourceFile, seems
from chartline.sources.instruments import (
    REPEAT,
    Field,
    RedcapTable,
    choices_of,
    filled,
    parse_choices,
    plain_label,
)

_INSTANCE = "redcap_repeat_instance"
_EVENT = "redcap_event_name"
Element = ElementTree.Element


@dataclass(frozen=True)
class _Row:
    """One FormData: its keys and its items."""

    record: str
    event: str | None
    event_repeat: str
    form: str
    repeat: str
    items: dict[str, str]

    @property
    def label(self) -> str:
        event = self.event if self.event_repeat == "1" or not self.event else f"{self.event}#{self.event_repeat}"
        return "/".join(part for part in (self.record, event, self.form, self.repeat) if part)


@dataclass
class _Study:
    """The metadata: fields in order, names behind the object identifiers, what repeats."""

    fields: list[Field] = field(default_factory=list)
    columns: dict[str, list[str]] = field(default_factory=dict)  # form -> columns in order
    forms: dict[str, str] = field(default_factory=dict)  # FormOID -> form
    items: dict[str, str] = field(default_factory=dict)  # ItemOID -> column
    record_id: str = ""
    repeating: set[str] = field(default_factory=set)


def read_odm(file: SourceFile) -> SourceData:
    """Read one ODM file. Raises SourceError where it is not ODM, has no metadata, or repeats item groups."""
    root = parse_odm(file)
    study = _metadata(file, root)
    rows = list(_rows(file, root, study))
    declared = bool(study.repeating)
    if not declared:
        study.repeating = {row.form for row in rows if row.repeat != "1"}
    keys = _Keys.of(study, rows)
    tables: dict[str, SourceTable] = {}
    for form in study.columns:
        mine = [row for row in rows if row.form == form]
        add_table(tables, _table(file, study, keys, form, mine))
    return SourceData(tables)


class _DocumentType(Exception):
    """The XML has a <!DOCTYPE>."""


class _Plain(ElementTree.TreeBuilder):
    """Builds elements, and stops at a document type before anything of it is read."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise _DocumentType


def parse_odm(file: SourceFile) -> Element:
    """Return the root of an ODM file; comments and processing instructions are left out.

    Raises SourceError for what is not XML, declares a document type, is not ODM, or is a log of changes.
    """
    data = file.read()
    try:
        root = ElementTree.fromstring(data, ElementTree.XMLParser(target=_Plain()))
    except _DocumentType as error:
        raise SourceError(
            f"{file.name} declares a document type, which may hold entities that expand without end",
            where=file.name,
            expected="XML as REDCap exports it, without <!DOCTYPE>",
            do="export the project again as CDISC ODM (XML) with metadata and data",
        ) from error
    except (ElementTree.ParseError, LookupError, ValueError) as error:  # the last two: an encoding that is none
        looks = seems(data)
        raise SourceError(
            f"{file.name} is not a readable XML document: {error}",
            where=f"{file.name} (it seems to be {looks})",
            do="export the project again as CDISC ODM (XML) with metadata and data",
        ) from error
    if local_name(root.tag) != "ODM":
        raise SourceError(
            f"{file.name} is XML, but not CDISC ODM: its root is <{local_name(root.tag)}>", where=file.name
        )
    if root.get("FileType", "Snapshot") != "Snapshot":
        raise SourceError(
            f"{file.name} is a log of changes (FileType {root.get('FileType')}), not a state of the data",
            where=file.name,
            expected='FileType="Snapshot"',
        )
    return root


def local_name(tag: str) -> str:
    """Return a tag without its namespace."""
    return tag.rpartition("}")[2]


def elements(node: Element, tag: str) -> Iterator[Element]:
    """Yield the elements of this local name, in document order, in whatever namespace the file uses."""
    return node.iterfind(f".//{{*}}{tag}")


def redcap_attribute(node: Element, name: str) -> str | None:
    """Return an attribute of REDCap's own namespace, whatever version of it."""
    return next((value for key, value in node.attrib.items() if key.endswith(f"}}{name}")), None)


def _metadata(file: SourceFile, root: Element) -> _Study:
    study = _Study()
    groups = {group.get("OID", ""): group for group in elements(root, "ItemGroupDef")}
    definitions = {item.get("OID", ""): item for item in elements(root, "ItemDef")}
    lists = {codes.get("OID", ""): codes for codes in elements(root, "CodeList")}
    study.items = {oid: item.get("Name", oid) for oid, item in definitions.items()}
    for form in elements(root, "FormDef"):
        name = redcap_attribute(form, "FormName") or form.get("Name") or ""
        study.forms[form.get("OID", "")] = name
        columns: dict[str, None] = {}
        for group in elements(form, "ItemGroupRef"):
            for ref in groups.get(group.get("ItemGroupOID", ""), ()):
                item = definitions.get(ref.get("ItemOID", ""))
                if item is None:
                    continue
                one = _field(item, name, lists)
                study.fields.append(one)
                if one.type != "descriptive":  # a text on the form, without a value
                    columns[study.items[ref.get("ItemOID", "")]] = None
        study.columns[name] = list(columns)
    if not study.fields:
        raise SourceError(
            f"{file.name} has no metadata: it says nothing of its forms and fields",
            where=file.name,
            do="export the project with metadata and data",
        )
    version = next(elements(root, "MetaDataVersion"), root)
    study.record_id = redcap_attribute(version, "RecordIdField") or study.fields[0].name
    study.repeating = {
        redcap_attribute(node, "RepeatInstrument") or "" for node in elements(root, "RepeatingInstrument")
    }
    return study


def _field(item: Element, form: str, lists: dict[str, Element]) -> Field:
    name = item.get("Name", "")
    plain = redcap_attribute(item, "Variable") or name.split("___")[0]
    kind = redcap_attribute(item, "FieldType") or ("checkbox" if "___" in name else "text")
    ref = next(elements(item, "CodeListRef"), None)
    codes = lists.get(ref.get("CodeListOID", "")) if ref is not None else None
    question = next((text for asked in elements(item, "Question") for text in elements(asked, "TranslatedText")), None)
    label = plain_label(question.text if question is not None else None)
    if codes is None:
        return Field(plain, form, kind, parse_choices(kind, ""), label)
    boxes = redcap_attribute(codes, "CheckboxChoices")
    return Field(plain, form, kind, parse_choices("checkbox", boxes) if boxes else dict(_decoded(codes)), label)


def _decoded(codes: Element) -> Iterator[tuple[str, str]]:
    for item in elements(codes, "CodeListItem"):
        text = next(elements(item, "TranslatedText"), None)
        yield item.get("CodedValue", ""), (text.text or "") if text is not None else ""


def _rows(file: SourceFile, root: Element, study: _Study) -> Iterator[_Row]:
    for subject in elements(root, "SubjectData"):
        record = subject.get("SubjectKey", "")
        for child in subject:
            if local_name(child.tag) == "StudyEventData":
                event = redcap_attribute(child, "UniqueEventName") or child.get("StudyEventOID", "").partition(".")[2]
                repeat = child.get("StudyEventRepeatKey", "1")
                for form in elements(child, "FormData"):
                    yield _row(file, study, form, record, event, repeat)
            elif local_name(child.tag) == "FormData":
                yield _row(file, study, child, record, None, "1")


def _row(file: SourceFile, study: _Study, form: Element, record: str, event: str | None, repeat: str) -> _Row:
    oid = form.get("FormOID", "")
    if oid not in study.forms:
        raise SourceError(f"{file.name} has data of a form that its metadata do not have: {oid}", where=record)
    items: dict[str, str] = {}
    for group in elements(form, "ItemGroupData"):
        if group.get("ItemGroupRepeatKey", "1") != "1":
            raise SourceError(
                f"{file.name} repeats item groups inside a form, which REDCap's ODM never does",
                where=f"record {record}, form {study.forms[oid]}",
                do="ask the centre for a CSV export",
            )
        for item in group:
            name = study.items.get(item.get("ItemOID", ""), item.get("ItemOID", ""))
            items[name] = item.get("Value") or redcap_attribute(item, "DocName") or (item.text or "").strip()
    return _Row(record, event, repeat, study.forms[oid], form.get("FormRepeatKey", "1"), items)


@dataclass(frozen=True)
class _Keys:
    """The key columns of the project, and what REDCap keeps per record (its data access group)."""

    names: list[str]
    per_record: dict[str, dict[str, str]]

    @classmethod
    def of(cls, study: _Study, rows: list[_Row]) -> _Keys:
        per_record: dict[str, dict[str, str]] = {}
        for row in rows:
            extra = {name: value for name, value in row.items.items() if name.startswith("redcap_")}
            per_record.setdefault(row.record, {}).update(extra)
        names = [study.record_id]
        names += [_EVENT] if any(row.event for row in rows) else []
        again = study.repeating or any(row.event_repeat != "1" for row in rows)
        names += [REPEAT, _INSTANCE] if again else []
        names += sorted({name for extra in per_record.values() for name in extra})
        return cls(names, per_record)

    def values(self, study: _Study, row: _Row) -> dict[str, str | None]:
        repeats = row.form in study.repeating
        instance = row.repeat if repeats else row.event_repeat if row.event_repeat != "1" else None
        own = {study.record_id: row.record, _EVENT: row.event, REPEAT: row.form if repeats else None}
        return {**own, _INSTANCE: instance, **self.per_record[row.record]}


def _table(file: SourceFile, study: _Study, keys: _Keys, form: str, rows: list[_Row]) -> RedcapTable:
    own = [name for name in study.columns[form] if name not in keys.names and not name.startswith("redcap_")]
    data = [{**row.items, **keys.values(study, row)} for row in rows]
    schema = dict.fromkeys([*keys.names, *own], pl.String)
    frame = pl.DataFrame([{name: one.get(name) or None for name in schema} for one in data], schema=schema)
    keep = pl.repeat(True, len(rows), eager=True)
    if form not in study.repeating:
        keep = frame.select(filled(form, own).alias("keep")).to_series() if rows else keep
    mine = {name.split("___")[0] for name in own}
    fields = [one for one in study.fields if one.form == form]
    return RedcapTable(
        file=file.name,
        name=form,
        frame=frame.filter(keep),
        places={name: name for name in schema},
        row_labels=[row.label for row, kept in zip(rows, keep, strict=True) if kept],
        choices={name: codes for name, codes in choices_of(fields).items() if name in mine},
        labels={one.name: one.label for one in fields if one.label},
    )
