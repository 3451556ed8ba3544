"""OMOP measurements and observations: laboratory tests, marrows, responses and MRD, facts of the history."""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.draft.coded.composite import Part
from chartline.draft.coded.kinds import Kind, Meaning, meaning_of, rows_of
from chartline.draft.coded.omop_concepts import NO_CONCEPT, Cdm, use
from chartline.draft.coded.records import assay_and_specimen, make_history, make_measure, make_status, make_tests
from chartline.draft.coded.table import KeyedTable
from chartline.draft.lists import put_list
from chartline.draft.model import Coded, Target, Word
from chartline.draft.words import vocabulary
from chartline.mapping import units


def draft_measurement(cdm: Cdm, k: KeyedTable) -> dict[str, Any]:
    return _coded(cdm, k, "measurement", ("value_as_number", "value_source_value", "value_as_concept_id"))


def draft_observation(cdm: Cdm, k: KeyedTable) -> dict[str, Any]:
    return _coded(cdm, k, "observation", ("value_as_string", "value_as_number", "value_source_value"))


def _coded(cdm: Cdm, k: KeyedTable, name: str, values: tuple[str, ...]) -> dict[str, Any]:
    who = cdm.subject(k)
    key, source, date = f"{name}_concept_id", f"{name}_source_value", f"{name}_date"
    if not k.has(key):
        return k.finish(who)
    labs: list[tuple[Kind, Meaning]] = []
    rest: list[Kind] = []
    for kind in cdm.kinds(k, key, source):
        meaning = meaning_of(kind, k.centre.study.words)
        if meaning is not None and meaning.target.domain == "LB":
            labs.append((kind, meaning))
        elif not _one_kind(k, kind, meaning, values, date, key, source):
            rest.append(kind)
    if labs and k.has("value_as_number"):
        _labs(cdm, k, labs, key, source, date)
    k.select(key)
    k.leave_rows(key, rest)
    return k.finish(who)


def _labs(cdm: Cdm, k: KeyedTable, labs: list[tuple[Kind, Meaning]], key: str, source: str, date: str) -> None:
    said = "laboratory tests"
    text = source if k.has(source) else None
    variables: dict[str, Any] = {"LBTESTCD": make_tests(k, labs, key, text)}
    if k.has(date):
        variables["LBDTC"] = use(k, date, Target("LB", "", "LBDTC"), said)
    unit = _unit(cdm, k, rows_of([kind for kind, _ in labs]))
    if unit:
        variables["LBORRES"] = {"column": use(k, "value_as_number", Target("LB", "", "LBORRES"), said), **unit}
        for name, variable in (("range_low", "LBSTNRLO"), ("range_high", "LBSTNRHI")):
            if k.has(name):
                variables[variable] = use(k, name, Target("LB", "", variable), said)
        k.add("LB", variables, {key: [kind.key for kind, _ in labs]})
    else:
        k.centre.draft.ask(k.table.name, "value_as_number", "laboratory results without any unit")


def _unit(cdm: Cdm, k: KeyedTable, rows: pl.Series) -> dict[str, Any]:
    """Return how the unit of laboratory tests is read: by concept, and where that is none as the source wrote it."""
    concepts = k.profile("unit_concept_id", rows).counts if k.has("unit_concept_id") else {}
    if set(concepts) - {NO_CONCEPT}:
        words: dict[str, list[str]] = {}
        seen: list[Word] = []
        ours = {r["code"]: r["means"] for r in vocabulary("codes.csv") if r["system"] == "OMOP"}
        for value, n in concepts.items():
            name = cdm.names.get(value, ("", "", ""))
            unit = next((u for u in (name[2], name[0], ours.get(value, "")) if u and units.is_known(u)), "")
            if unit:
                words.setdefault(unit, []).append(value)
                seen.append(Word(value, n, unit, 0.95, f"concept {value} is {name[0] or unit}"))
            elif value != NO_CONCEPT:
                k.centre.draft.ask(
                    k.table.name, "unit_concept_id", f"which unit is concept {value} ({n} rows)? {name[0]}"
                )
        k.select("unit_concept_id")
        if words:
            k.centre.draft.coded.append(Coded(k.table.name, "unit_concept_id", Target("LB", "", "LBORRESU"), seen))
            out: dict[str, Any] = {"column": "unit_concept_id", "codes": put_list("units", words, k.centre.lists)}
            if NO_CONCEPT in concepts:
                out["missing"] = [NO_CONCEPT]
                if k.has("unit_source_value"):
                    k.select("unit_source_value")
                    out["otherwise"] = {"column": "unit_source_value"}
            return {"unit": out}
    if k.has("unit_source_value"):
        k.select("unit_source_value")
        return {"unit": {"column": "unit_source_value"}}
    return {}


def _one_kind(
    k: KeyedTable, kind: Kind, m: Meaning | None, values: tuple[str, ...], date: str, key: str, source: str
) -> bool:
    value = k.first(*values, rows=kind.rows)
    where = {key: kind.key}
    mrd = any("mrd" in k.centre.study.words.canonical(t) for t in kind.texts)
    if (m is not None and m.target.domain == "RS") or mrd:
        return _assessment(k, kind, m, values, date, where, source, key, mrd)
    if m is None:
        return False
    if m.target.domain == "MH":
        return make_history(k, kind, m, value, where)
    if m.target.domain == "DM":
        return make_measure(k, kind, m, value, where)
    return make_status(k, kind, m, value, date if k.has(date) else None, where)


def _assessment(
    k: KeyedTable,
    kind: Kind,
    m: Meaning | None,
    values: tuple[str, ...],
    date: str,
    where: dict[str, Any],
    source: str,
    key: str,
    mrd: bool,
) -> bool:
    variables: dict[str, Any] = {}
    if m is not None and m.target.domain == "RS" and not mrd:
        value = k.first(*values, rows=kind.rows)
        if value is not None:
            variables[m.target.variable] = _read(k, kind, value, m.target, m.confidence, m.reason)
    if mrd:
        for name in values:
            if name not in k.columns or not k.filled(name, kind.rows):
                continue
            number = k.profile(name, kind.rows).kind == "number"
            target = Target("RS", "", "MRDVAL" if number else "MRDCLASS")
            if target.variable not in variables:
                variables[target.variable] = _read(k, kind, name, target, 0.85, "the value of an MRD sample")
    if not variables:
        return False
    head: dict[str, Any] = {}
    if k.has(date):
        head["RSDTC"] = use(k, date, Target("RS", "", "RSDTC"), kind.key)
    if k.has(source):
        head |= _source_parts(k, kind, source, mrd)
    if mrd:
        head |= assay_and_specimen(k, kind, key)
    k.add("RS", head | variables, where)
    return True


def _read(k: KeyedTable, kind: Kind, name: str, target: Target, confidence: float, reason: str) -> Any:
    codes = k.codes(name, target, kind.rows)
    k.use(name, target, confidence, reason, kind.key)
    unit: dict[str, Any] = {}
    stated = name == "value_as_number" and k.has("unit_concept_id") and k.filled("unit_concept_id", kind.rows)
    if stated and ("units" in k.centre.lists or _units_known(k, kind)):
        unit = {"unit": {"column": "unit_concept_id", "codes": "units"}}
        k.select("unit_concept_id")
    return {"column": name, **codes, **unit} if codes or unit else name


def _units_known(k: KeyedTable, kind: Kind) -> bool:
    """Make the list of units from these rows, where no laboratory test made it before."""
    ours = {r["code"]: r["means"] for r in vocabulary("codes.csv") if r["system"] == "OMOP"}
    seen = k.profile("unit_concept_id", kind.rows).values
    words = {ours[v]: [v] for v in seen if units.is_known(ours.get(v, ""))}
    if words:
        put_list("units", words, k.centre.lists)
    return bool(words)


def _source_parts(k: KeyedTable, kind: Kind, source: str, mrd: bool) -> dict[str, Any]:
    """The source value of a marrow or MRD sample may carry visit, cycle, cells, limit of detection, method."""
    out: dict[str, Any] = {}
    parts = k.parts(source, kind.rows)
    for part in parts:
        found = k.name_part(part, "RS", "mrd" if mrd else "")
        if found is None and (not part.name or part.constant):
            found = _unnamed(part, mrd)
        if found is None or found[0].variable in out:
            continue
        out[found[0].variable] = k.extract(source, part, found[0])
        k.use(source, found[0], found[1], found[2], kind.key)
    texts = k.table.frame[source].gather(kind.rows).drop_nulls()
    target = Target("RS", "", "RSCYCLE")
    pattern = rf"(?i)(?:{'|'.join(k.centre.study.words.written(target, least=2))}) *([0-9]+)"
    if "RSCYCLE" not in out and texts.str.contains(pattern).any():
        out["RSCYCLE"] = {"column": source, "extract": pattern, "extract_optional": True}
        k.use(source, target, 0.85, "the text says after which cycle", kind.key)
    return out


def _unnamed(part: Part, mrd: bool) -> tuple[Target, float, str] | None:
    if mrd and part.place == 0:
        return Target("RS", "", "MRDMETH"), 0.8, "how MRD was measured comes first"
    if not mrd and part.place > 0 and len(part.values) > 1:
        return Target("RS", "", "RSVISIT"), 0.8, "the visit comes after the name"
    return None
