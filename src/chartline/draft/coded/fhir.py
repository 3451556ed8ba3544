"""FHIR resources -> their part of the mapping. In: one table a resource type. Out: entries, columns, questions.

The structure is known (`vocabulary/structures.csv`); what is not is which codes a centre uses. A code is known by
LOINC or RxNorm, else by its words (display, text, the code itself). Components, notes and texts that hold several
values are taken apart. What no word explains is asked about, and its rows or columns are left unread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chartline.draft.centre import Centre
from chartline.draft.coded.fhir_consent import draft_consent
from chartline.draft.coded.fhir_elements import CODE, TEXTS, optional, plain, subject
from chartline.draft.coded.fhir_findings import draft_observation
from chartline.draft.coded.fhir_treatment import draft_administration, draft_procedure, draft_statement
from chartline.draft.coded.kinds import Kind, is_leukaemia, keys_of, kinds_of, rows_of
from chartline.draft.coded.table import KeyedTable
from chartline.draft.model import Target
from chartline.mapping.signed import OPEN_QUESTION as OPEN
from chartline.sources.base import SourceTable


def draft_fhir(tables: dict[str, SourceTable], centre: Centre) -> dict[str, dict[str, Any]]:
    """Return the mapping's entry of each resource type that holds something of the study."""
    out: dict[str, dict[str, Any]] = {}
    for name, table in tables.items():
        make = _MAKERS.get(name)
        if make is None or table.frame.height == 0:
            n = table.frame.height
            centre.draft.unused[name] = f"{OPEN}chartline has no use for {n} resource{'s' * (n != 1)} of this type"
            continue
        out[name] = make(KeyedTable(table, "fhir", centre))
    return out


def _patient(k: KeyedTable) -> dict[str, Any]:
    rows = k.all_rows
    k.name_subject("id", "the patient's id")
    k.add("DM", plain(k, rows, "DM"))
    if k.has("deceasedDateTime"):
        k.use("deceasedDateTime", Target("SS", "", "DTHDTC"), 0.95, "FHIR says what this element is")
        k.add("SS", {"DTHDTC": "deceasedDateTime", "DTHFL": {"constant": "Y"}})
    if k.has("deceasedBoolean"):
        target = Target("SS", "", "DTHFL")
        k.use("deceasedBoolean", target, 0.95, "FHIR says what this element is")
        words = {"Y": ["true"], "N": ["false"]}
        name = k.fixed(target, "deceasedBoolean", words, "FHIR says true or false", 0.95)
        k.add("SS", {"DTHFL": {"column": "deceasedBoolean", "codes": name}})
    return optional(k.finish("id") | {"one_row_per_subject": True}, ["deceased*"], k)


# conditions and adverse events ------------------------------------------------------------------------------------


def _condition(k: KeyedTable) -> dict[str, Any]:
    who = subject(k)
    key = k.first(*CODE)
    if key is None:
        return k.finish(who)
    mine: list[Kind] = []
    rest: list[Kind] = []
    for kind in kinds_of(k.table.frame, key, TEXTS, "code.coding[0].system"):
        (mine if is_leukaemia(kind) else rest).append(kind)
    if mine:
        rows = rows_of(mine)
        where = {} if not rest else {key: keys_of(mine)}
        if rest:
            k.select(key)
        k.add("MH", {"MHCAT": {"constant": "DIAGNOSIS"}, **plain(k, rows, "MH", "DIAGNOSIS")}, where)
    k.leave_rows(key, rest)
    return k.finish(who)


def _event(k: KeyedTable) -> dict[str, Any]:
    who = subject(k)
    rows = k.all_rows
    variables = plain(k, rows, "AE")
    date = variables.get("AESTDTC")
    findings: list[tuple[str, Target]] = []
    for name in [n for n in k.columns if n.startswith("extension[") and k.has(n)]:
        found = _extension(k, name)
        if found is None:
            continue
        target, confidence, why = found
        if target.domain == "AE" and target.variable not in variables:
            variables[target.variable] = {"column": name, **c} if (c := k.codes(name, target, rows)) else name
            k.use(name, target, confidence, why)
        elif target.domain == "FA" and target.variable == "FAORRES":
            findings.append((name, target))
            k.use(name, target, confidence, why)
    k.add("AE", variables, anchor=() if "AETERM" in variables else tuple(variables))
    for name, target in findings:
        made: dict[str, Any] = {
            "FAOBJ": {"constant": "VOD/SOS"},
            "FATESTCD": {"constant": target.item},
            "FAORRES": name,
        }
        if date is not None:
            made["FADTC"] = date
            k.use("date", Target("FA", "VOD/SOS", "FADTC"), 0.8, "the date of the event", "VOD/SOS")
        k.add("FA", made)
    return optional(k.finish(who), ["extension*"], k)


def _extension(k: KeyedTable, name: str) -> tuple[Target, float, str] | None:
    url = name[len("extension[") :].split("]")[0]
    tail = url.replace("/", ":").rsplit(":", 1)[-1]
    texts = (tail, tail.replace("_", ""))
    best = k.centre.study.words.best(texts, lambda target: target.domain in ("AE", "FA"), 0.6)
    return None if best is None else (best[0], round(0.9 * best[1], 2), f"the extension is called `{tail}`")


_MAKERS: dict[str, Callable[[KeyedTable], dict[str, Any]]] = {
    "Patient": _patient,
    "Condition": _condition,
    "Consent": draft_consent,
    "MedicationAdministration": draft_administration,
    "MedicationStatement": draft_statement,
    "MedicationRequest": draft_statement,
    "Procedure": draft_procedure,
    "AdverseEvent": _event,
    "Observation": draft_observation,
}
