"""define.xml: what the datasets, variables, code lists and derivations of the exported tables are.

Source: CDISC Define-XML 2.1, over ODM 1.3.2. The tables are ADaM-named and claim no conformity: every dataset is marked
as not of a standard, and the context is not a submission. Every variable has its label, type and, where it is derived,
the rule set that derives it; each endpoint of ADTTE has its own line (value-level metadata) with its definition; the
protocol in words is the comment on the whole.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl

from chartline.exchange.columns import Column, Dataset
from chartline.exchange.dataset_json import file_name
from chartline.exchange.oids import item_group_oid, item_oid, metadata_oid, study_oid
from chartline.protocol.names import adsl_types, level_label, levels_in_order
from chartline.trace.listings import methods_text

if TYPE_CHECKING:
    from chartline.exchange.model import FinishedRun

ODM = "http://www.cdisc.org/ns/odm/v1.3"
DEF = "http://www.cdisc.org/ns/def/v2.1"
XLINK = "http://www.w3.org/1999/xlink"
XML = "http://www.w3.org/XML/1998/namespace"
_TYPES = {"string": "text", "integer": "integer", "double": "float", "boolean": "boolean"}
_DIGITS, _PLACES = 17, 15  # what a double can hold, in all and after the point
_SAS_NAME = 8
_METHODS = "COM.METHODS"
_YN = {"Y": "Yes", "N": "No"}
_RESPONSES = ("BOR", "FRSP", "INVBOR")  # and BOR_<variant>
_PARAMETERS = ("ADTTE", "ADTTEB")


def define_xml(run: FinishedRun, datasets: Sequence[Dataset], at: datetime) -> bytes:
    """Return the document; `at` is when it is made."""
    for prefix, uri in (("", ODM), ("def", DEF), ("xlink", XLINK)):
        ET.register_namespace(prefix, uri)
    root = ET.Element(
        f"{{{ODM}}}ODM",
        {
            "ODMVersion": "1.3.2",
            "FileType": "Snapshot",
            "FileOID": f"{study_oid(run)}.{run.data_digest[:16]}",
            "CreationDateTime": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "Originator": "chartline",
            "SourceSystem": "chartline",
            "SourceSystemVersion": run.version,
            f"{{{DEF}}}Context": "Other",
        },
    )
    study = _add(root, "Study", OID=study_oid(run))
    names = _add(study, "GlobalVariables")
    for tag, text in (
        ("StudyName", run.study),
        ("StudyDescription", " ".join(filter(None, (run.protocol.study.notice, run.protocol.study.title)))),
        ("ProtocolName", run.study),
    ):
        _add(names, tag).text = text
    metadata = _add(study, "MetaDataVersion", OID=metadata_oid(run), Name=f"{run.study}, derived tables")
    metadata.set(f"{{{DEF}}}DefineVersion", "2.1.0")
    metadata.set(f"{{{DEF}}}CommentOID", _METHODS)
    lists = {(d.name, c.name): items for d in datasets for c in d.columns if (items := _code_list(run, d, c))}
    _value_lists(metadata, run, datasets)
    for dataset in datasets:
        _item_group(metadata, run, dataset)
    for dataset in datasets:
        for column in dataset.columns:
            _item(metadata, run, dataset, column, lists)
        _endpoint_items(metadata, run, dataset)
    _code_lists(metadata, lists)
    _methods(metadata, run, datasets)
    _comment(metadata, run)
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="UTF-8", xml_declaration=True)
    return document


def _add(parent: ET.Element, tag: str, ns: str = ODM, /, **attributes: str) -> ET.Element:
    return ET.SubElement(parent, f"{{{ns}}}{tag}", attributes)


def _describe(parent: ET.Element, text: str) -> None:
    translated = _add(_add(parent, "Description"), "TranslatedText")
    translated.set(f"{{{XML}}}lang", "en")
    translated.text = text


def _item_group(metadata: ET.Element, run: FinishedRun, dataset: Dataset) -> None:
    repeating = "No" if dataset.name == "ADSL" else "Yes"
    group = _add(
        *(metadata, "ItemGroupDef"),
        OID=item_group_oid(dataset.name),
        Name=dataset.name,
        Repeating=repeating,
        IsReferenceData="No",
        SASDatasetName=dataset.name,
        Purpose="Analysis",
    )
    for name, value in (
        ("Structure", dataset.structure or "Rows of the derived table"),
        ("ArchiveLocationID", f"LF.{dataset.name}"),
        ("IsNonStandard", "Yes"),
    ):
        group.set(f"{{{DEF}}}{name}", value)
    _describe(group, dataset.label)
    for place, column in enumerate(dataset.columns, 1):
        ref = _add(group, "ItemRef", ItemOID=item_oid(dataset.name, column.name), OrderNumber=str(place))
        ref.set("Mandatory", "Yes" if column.key else "No")
        if column.key:
            ref.set("KeySequence", str(column.key))
        if _derived(run, dataset, column):
            ref.set("MethodOID", f"MT.{dataset.name}.{column.name}")
    _add(group, "Class", DEF, Name=dataset.kind)
    leaf = _add(group, "leaf", DEF, ID=f"LF.{dataset.name}")
    leaf.set(f"{{{XLINK}}}href", file_name(dataset))
    _add(leaf, "title", DEF).text = file_name(dataset)


def _item(
    metadata: ET.Element,
    run: FinishedRun,
    dataset: Dataset,
    column: Column,
    lists: dict[tuple[str, str], dict[str, str]],
) -> None:
    item = _typed(metadata, item_oid(dataset.name, column.name), column)
    _describe(item, column.label)
    if (dataset.name, column.name) in lists:
        _add(item, "CodeListRef", CodeListOID=_list_oid(dataset.name, column.name, lists))
    if _derived(run, dataset, column):
        _add(item, "Origin", DEF, Type="Derived", Source="Sponsor")
    elif column.name.startswith("SRC") or column.key:
        _add(item, "Origin", DEF, Type="Assigned", Source="Sponsor")
    if column.name == "AVAL" and dataset.name in _PARAMETERS:
        _add(item, "ValueListRef", DEF, ValueListOID=f"VL.{dataset.name}.AVAL")


def _typed(metadata: ET.Element, oid: str, column: Column) -> ET.Element:
    item = _add(metadata, "ItemDef", OID=oid, Name=column.name)
    if column.target:  # a date that ADaM stores as a number
        item.set("DataType", "integer")
        item.set("Length", "8")
        item.set(f"{{{DEF}}}DisplayFormat", column.display)
    else:
        item.set("DataType", _TYPES[column.data_type])
    if column.data_type == "string":
        item.set("Length", str(column.length))
    elif column.data_type == "integer":
        item.set("Length", "20")  # the digits and the sign of 64 bits
    elif column.data_type == "double":
        item.set("Length", str(_DIGITS))
        item.set("SignificantDigits", str(_PLACES))
    if len(column.name) <= _SAS_NAME:
        item.set("SASFieldName", column.name)
    return item


# what is derived, and how --------------------------------------------------------------------------------------------


def _derived(run: FinishedRun, dataset: Dataset, column: Column) -> bool:
    return f"{dataset.name}.{column.name}" in run.definitions["values"]


def _methods(metadata: ET.Element, run: FinishedRun, datasets: Iterable[Dataset]) -> None:
    for dataset in datasets:
        for column in dataset.columns:
            if _derived(run, dataset, column):
                said = run.definitions["values"][f"{dataset.name}.{column.name}"]
                _method(metadata, f"{dataset.name}.{column.name}", f"{said['label']}. By {said['rules']}.")
        for name, words in _endpoints(run, dataset).items():
            _method(metadata, f"{dataset.name}.AVAL.{name}", words)


def _method(metadata: ET.Element, of: str, words: str) -> None:
    method = _add(metadata, "MethodDef", OID=f"MT.{of}", Name=f"Derivation of {of}", Type="Computation")
    _describe(method, words)


def _endpoints(run: FinishedRun, dataset: Dataset) -> dict[str, str]:
    """Return the endpoints of a table of times -> what each is, in the words of the analysis that defines it."""
    if dataset.name not in _PARAMETERS:
        return {}
    out = {}
    for e in run.protocol.endpoints:
        own = (a for a in run.protocol.analyses if getattr(a, "endpoint", "") == e.id and a.definition)
        said = run.definitions["values"].get(f"ADTTE.{e.id}", {"label": e.id, "rules": "the protocol"})
        words = next((a.definition for a in own), "")
        out[e.id] = " ".join(filter(None, (f"{said['label']}, in days.", words, f"By {said['rules']}.")))
    return out


def _value_lists(metadata: ET.Element, run: FinishedRun, datasets: Iterable[Dataset]) -> None:
    """Write value-level metadata: one line an endpoint, where the parameter is that endpoint."""
    tables = [d for d in datasets if _endpoints(run, d)]
    for dataset in tables:
        values = _add(metadata, "ValueListDef", DEF, OID=f"VL.{dataset.name}.AVAL")
        for place, name in enumerate(_endpoints(run, dataset), 1):
            ref = _add(
                *(values, "ItemRef"),
                ItemOID=item_oid(dataset.name, f"AVAL.{name}"),
                OrderNumber=str(place),
                Mandatory="No",
                MethodOID=f"MT.{dataset.name}.AVAL.{name}",
            )
            _add(ref, "WhereClauseRef", DEF, WhereClauseOID=f"WC.{dataset.name}.{name}")
    for dataset in tables:
        for name in _endpoints(run, dataset):
            where = _add(metadata, "WhereClauseDef", DEF, OID=f"WC.{dataset.name}.{name}")
            check = _add(where, "RangeCheck", Comparator="EQ", SoftHard="Soft")
            check.set(f"{{{DEF}}}ItemOID", item_oid(dataset.name, "PARAMCD"))
            _add(check, "CheckValue").text = name


def _endpoint_items(metadata: ET.Element, run: FinishedRun, dataset: Dataset) -> None:
    value = next((c for c in dataset.columns if c.name == "AVAL"), None)
    for name in _endpoints(run, dataset):
        assert value is not None
        item = _typed(metadata, item_oid(dataset.name, f"AVAL.{name}"), value)
        _describe(item, f"{value.label}: {name}")
        _add(item, "Origin", DEF, Type="Derived", Source="Sponsor")


def _comment(metadata: ET.Element, run: FinishedRun) -> None:
    parts = (f"{heading}: {' '.join(sentences)}" for heading, sentences in methods_text(run.protocol))
    words = "\n".join(parts)
    if run.day_counting:
        words += f"\nDates of {', '.join(run.day_counting)} are fictitious: these centres count days from an event."
    _describe(_add(metadata, "CommentDef", DEF, OID=_METHODS), words)


# code lists ----------------------------------------------------------------------------------------------------------


def _code_list(run: FinishedRun, dataset: Dataset, column: Column) -> dict[str, str]:
    """Return code -> decode of a variable that has a closed list; {} for one that has none.

    Every code that occurs is in the list, and every one that the protocol or the rule set declares.
    """
    if column.data_type != "string":
        return {}
    if column.name == "PARAMCD" and any(c.name == "PARAM" for c in dataset.columns):
        pairs = dataset.table.scan().select("PARAMCD", "PARAM").unique().collect().sort("PARAMCD")
        return {code: label or code for code, label in pairs.iter_rows() if code}
    flag = column.name.endswith("FL") or adsl_types(run.protocol).get(column.name) == "flag"
    declared = _declared(run, column.name)
    if not flag and not declared:
        return {}
    seen = dataset.table.scan().select(pl.col(column.name).drop_nulls().unique()).collect()[column.name].sort()
    items = (_YN if flag else declared).copy()
    return items | {code: level_label(run.protocol, column.name, code) for code in seen if code not in items}


def _declared(run: FinishedRun, name: str) -> dict[str, str]:
    if name in _RESPONSES or name.startswith("BOR_"):
        response = run.definitions["response"]
        return {**response["categories"], response["not_evaluable"]: "Not evaluable"}
    return {code: level_label(run.protocol, name, code) for code in levels_in_order(run.protocol, name)}


def _list_oid(dataset: str, name: str, lists: dict[tuple[str, str], dict[str, str]]) -> str:
    if lists[dataset, name] == _YN:
        return "CL.YN"
    return "CL.CENTRE" if name in ("CENTRE", "SITEID") else f"CL.{dataset}.{name}"


def _code_lists(metadata: ET.Element, lists: dict[tuple[str, str], dict[str, str]]) -> None:
    done: set[str] = set()
    for (dataset, name), items in lists.items():
        oid = _list_oid(dataset, name, lists)
        if oid in done:
            continue
        done.add(oid)
        title = {"CL.YN": "Yes or no", "CL.CENTRE": "Centre"}.get(oid, f"{name} of {dataset}")
        code_list = _add(metadata, "CodeList", OID=oid, Name=title, DataType="text")
        code_list.set(f"{{{DEF}}}IsNonStandard", "Yes")
        for place, (code, words) in enumerate(items.items(), 1):
            item = _add(code_list, "CodeListItem", CodedValue=code, OrderNumber=str(place))
            decode = _add(_add(item, "Decode"), "TranslatedText")
            decode.set(f"{{{XML}}}lang", "en")
            decode.text = words
