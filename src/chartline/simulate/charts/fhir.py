"""The forms of a synthetic centre as FHIR R4 ndjson: each row a panel, its answers the components.

Patient holds who they are; each row of another form is an Observation whose code is the form and whose components are
the items: valueString for words and dates, valueQuantity for numbers. The mapping is that of the forms with every
column replaced by the path of its component. What speaks of the centre alone is of type Basic.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from chartline.capture.model import Capture, Form, Item
from chartline.capture.workbook import sheet_names
from chartline.simulate.charts.draw import NUMBER, Filled
from chartline.simulate.charts.forms import Declared, shown

_TAG = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason",
    "code": "HTEST",
    "display": "test health data",
}
_SYSTEM = "urn:chartline:forms"


def write_fhir(capture: Capture, filled: Filled, folder: Path, declared: Declared) -> Declared:
    """Write Patient.ndjson and Observation.ndjson; return the mapping that reads them."""
    _ndjson(folder / "Patient.ndjson", [_patient(str(r[NUMBER])) for r in filled["patient"]])
    _ndjson(folder / "Observation.ndjson", list(_panels(capture, filled, of_centre=False)))
    records: dict[bool, list[Declared]] = {False: [], True: []}
    for form in capture.forms:
        for block in declared["tables"][sheet_names(capture)[form.name]]["records"]:
            of_form = {"code.coding[0].code": form.name}
            records[form.of_centre].append(replaced(block, form, _path(form), of_form))
    told = {"id": "number of the resource", "meta*": "tags", "code.coding[0].system": "our own"}
    of_panels = {"status": "all final", "component[*].code.*": "names of the components"}
    tables: Declared = {
        "Patient": {"subject": "id", "one_row_per_subject": True, "ignore": {"meta*": "tags"}, "records": []},
        "Observation": {
            "subject": {"column": "subject.reference", "extract": "^Patient/(.+)$"},
            "optional_columns": ["component[*"],
            "ignore": told | of_panels,
            "records": records[False],
        },
    }
    if records[True]:
        _ndjson(folder / "Basic.ndjson", list(_panels(capture, filled, of_centre=True)))
        tables["Basic"] = {"optional_columns": ["extension[*"], "ignore": told, "records": records[True]}
    return declared | {"sources": [{"kind": "fhir", "path": "*.ndjson"}], "tables": tables}


def replaced(block: Declared, form: Form, path: Callable[[Item], str], where: dict[str, Any]) -> Declared:
    """Return a record of the mapping with the headings of a form replaced by other columns."""
    columns = {item.heading: path(item) for item in form.items}

    def value(said: Any) -> Any:
        if isinstance(said, str):
            return columns.get(said, said)
        out = dict(said)
        if "column" in out:
            out["column"] = columns[out["column"]]
        if isinstance(out.get("unit"), dict):
            out["unit"] = value(out["unit"])
        return out

    tests = where | {columns[heading]: test for heading, test in block.get("where", {}).items()}
    return block | {"where": tests, "variables": {v: value(said) for v, said in block["variables"].items()}}


def _path(form: Form) -> Callable[[Item], str]:
    """Where the answer of an item stands: a component of a panel, or an extension of what speaks of no patient."""

    def path(item: Item) -> str:
        number = item.type in ("number", "integer")
        if form.of_centre:
            return f"extension[{_SYSTEM}:{item.name}].{'valueDecimal' if number else 'valueString'}"
        return f"component[{item.name}].{'valueQuantity.value' if number else 'valueString'}"

    return path


def _patient(number: str) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": number, "meta": {"tag": [_TAG]}}


def _panels(capture: Capture, filled: Filled, of_centre: bool) -> Iterator[dict[str, Any]]:
    for form in capture.forms:
        for place, row in enumerate(filled[form.name], 1) if form.of_centre == of_centre else ():
            said = [(i, row[i.name]) for i in form.items if row.get(i.name) is not None]
            out = {
                "resourceType": "Basic" if of_centre else "Observation",
                "id": f"{form.name.replace('_', '-')}-{place}",
                "meta": {"tag": [_TAG]},
                "code": {"coding": [{"system": _SYSTEM, "code": form.name}]},
            }
            if of_centre:
                yield out | {"extension": [_extension(i, value) for i, value in said]}
            else:
                subject = {"reference": f"Patient/{row[NUMBER]}"}
                yield out | {"status": "final", "subject": subject, "component": [_component(i, v) for i, v in said]}


def _extension(item: Item, value: Any) -> dict[str, Any]:
    number = item.type in ("number", "integer")
    return {"url": f"{_SYSTEM}:{item.name}", "valueDecimal" if number else "valueString": _said(item, value)}


def _component(item: Item, value: Any) -> dict[str, Any]:
    code = {"code": {"coding": [{"system": _SYSTEM, "code": item.name}]}}
    if item.type in ("number", "integer"):
        return code | {"valueQuantity": {"value": value}}
    return code | {"valueString": _said(item, value)}


def _said(item: Item, value: Any) -> Any:
    return value if item.type in ("number", "integer") else str(shown(item, value))


def _ndjson(file: Path, resources: list[dict[str, Any]]) -> None:
    file.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in resources), encoding="utf-8")
