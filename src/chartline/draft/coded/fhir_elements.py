"""Elements that FHIR resources have alike: the patient, a quantity with its unit, what the structure itself says."""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.draft.coded.structure import known_columns
from chartline.draft.coded.table import KeyedTable
from chartline.draft.model import Target

VALUES = (
    "valueQuantity.value",
    "valueInteger",
    "valueDecimal",
    "valueString",
    "valueCodeableConcept.text",
    "valueCodeableConcept.coding[0].display",
    "valueCodeableConcept.coding[0].code",
    "valueBoolean",
    "valueCode",
    "valueDate",
)
CODE = ("code.coding[0].code", "code.text")
TEXTS = ("code.text", "code.coding[0].display")
MEDICATION = (
    "medicationCodeableConcept.text",
    "medicationCodeableConcept.coding[0].display",
    "medicationCodeableConcept.coding[0].code",
)
_FORMS = ("^Patient/(.+)$", "^urn:uuid:(.+)$", "^(?:.*/)?Patient/([^/]+)$")
DATES = ("effectiveDateTime", "effectivePeriod.start", "effectiveInstant", "issued")


def subject(k: KeyedTable) -> Any:
    """Return how a mapping reads whose a resource is; None, and a question, where no reference is understood."""
    for name in ("subject.reference", "patient.reference"):
        if not k.has(name):
            continue
        values = k.table.frame[name].drop_nulls()
        for form in _FORMS:
            if values.str.contains(form).all():
                k.name_subject(name, "reference to the patient")
                return {"column": name, "extract": form}
    k.centre.draft.ask(k.table.name, "subject.reference", "no form of reference to a patient was recognised")
    return None


def plain(k: KeyedTable, rows: pl.Series, domain: str, item: str = "") -> dict[str, Any]:
    """Return the variables that the structure itself gives, for columns with a value in these rows."""
    out: dict[str, Any] = {}
    for name, target in known_columns(k.dialect, k.table.name):
        if target.domain != domain or (item and target.item != item) or not k.has(name):
            continue
        if target.variable in out or not (k.filled(name, rows) or target.variable.endswith("ENDTC")):
            continue
        out[target.variable] = reading(k, name, target, rows)
        k.use(name, target, 0.95, "FHIR says what this element is")
    return out


def quantity_unit(k: KeyedTable, name: str) -> dict[str, Any]:
    """Return how the unit of `..value` is read, {} where no column beside it holds one."""
    stem, _, last = name.rpartition(".")
    if last != "value":
        return {}
    for unit in (f"{stem}.code", f"{stem}.unit"):
        if k.has(unit):
            k.select(unit)
            return {"unit": {"column": unit}}
    return {}


def reading(k: KeyedTable, name: str, target: Target, rows: pl.Series) -> Any:
    """Return how a mapping reads a column in some rows: its words, its unit."""
    codes = k.codes(name, target, rows)
    unit = quantity_unit(k, name)
    return {"column": name, **codes, **unit} if codes or unit else name


def optional(entry: dict[str, Any], names: list[str], k: KeyedTable) -> dict[str, Any]:
    """Say which columns a later export may lack: FHIR leaves out what is empty."""
    there = [n for n in names if any(c.startswith(n.rstrip("*")) for c in k.columns)]
    subject = {"subject": entry.pop("subject")} if "subject" in entry else {}
    return {**subject, **({"optional_columns": there} if there else {}), **entry}
