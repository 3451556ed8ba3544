"""FHIR, what was given and done: doses of the index drug, other drugs, earlier lines, transplants, transfusions."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from typing import Any

import polars as pl

from chartline.draft.coded.composite import Part
from chartline.draft.coded.fhir_elements import CODE, MEDICATION, TEXTS, optional, plain, subject
from chartline.draft.coded.kinds import Kind, is_index_drug, keys_of, kinds_of, procedure_group, rows_of
from chartline.draft.coded.records import dose_of_text, make_category
from chartline.draft.coded.table import KeyedTable
from chartline.draft.model import Target


def draft_administration(k: KeyedTable) -> dict[str, Any]:
    who = subject(k)
    key = k.first(*MEDICATION)
    if key is None:
        return k.finish(who)
    system = "medicationCodeableConcept.coding[0].system"
    drug: list[Kind] = []
    rest: list[Kind] = []
    for kind in kinds_of(k.table.frame, key, MEDICATION, system):
        (drug if is_index_drug(kind, k.centre) else rest).append(kind)
    if drug:
        rows = rows_of(drug)
        k.select(key)
        variables = {"EXTRT": {"constant": k.centre.study.drug}, **plain(k, rows, "EX")}
        variables |= dose_of_text(k, "dosage.text", rows)
        k.add("EX", variables, {key: keys_of(drug)})
    k.leave_rows(key, rest)
    return optional(k.finish(who), ["note*"], k)


def draft_statement(k: KeyedTable) -> dict[str, Any]:
    who = subject(k)
    drug = k.first(*MEDICATION)
    category = k.first("category.text", "category[0].text", "category.coding[0].display")
    if drug is None:
        return k.finish(who)
    lines: list[Kind] = []
    rest: list[Kind] = []
    if category is not None:
        words = k.centre.study.words
        for kind in kinds_of(k.table.frame, category, ()):
            about = words.context_of(kind.key)
            (lines if about.get("MH PRIOR LINE", 0) > 0.5 else rest).append(kind)
    if lines and category is not None:
        _lines(k, lines, category, drug)
    rows = rows_of(rest) if lines and rest else k.all_rows
    where: dict[str, Any] = {}
    if lines and rest and category is not None:
        where = {category: {"not": {"matches": _prefix(lines)}}}
    if rest or not lines:
        variables = plain(k, rows, "CM")
        if category is not None:
            target = Target("CM", "", "CMCAT")
            variables["CMCAT"] = {"column": category, **c} if (c := k.codes(category, target, rows)) else category
            k.use(category, target, 0.8, "the category of the statement", _said(rest))
        variables["CMTRT"] = drug
        k.use(drug, Target("CM", "", "CMTRT"), 0.9, "the medication", _said(rest))
        k.add("CM", variables, where)
    return optional(k.finish(who), ["note*", "reasonCode*", "effectivePeriod.end"], k)


def _said(kinds: list[Kind]) -> str:
    return ", ".join(m.key for m in kinds[:3])


def _prefix(lines: list[Kind]) -> str:
    shared = lines[0].key
    for m in lines:
        while not m.key.startswith(shared):
            shared = shared[:-1]
    shared = re.sub(r"\s*\d*$", "", shared)
    return f"^{shared}" if shared else f"^(?:{'|'.join(re.escape(m.key) for m in lines)})$"


def _lines(k: KeyedTable, lines: list[Kind], category: str, drug: str) -> None:
    rows = rows_of(lines)
    said = _said(lines)
    variables: dict[str, Any] = {"MHCAT": {"constant": "PRIOR LINE"}, "MHTERM": drug}
    k.use(drug, Target("MH", "PRIOR LINE", "MHTERM"), 0.9, "the medication of an earlier line", said)
    k.select(category)
    number = rf"{_prefix(lines)}\D*([0-9]+)$"
    if all(m.key.rstrip()[-1:].isdigit() for m in lines):
        variables["MHSEQN"] = {"column": category, "extract": number}
        k.use(category, Target("MH", "PRIOR LINE", "MHSEQN"), 0.85, "the category ends in the line's number", said)
    for name, variable in (
        ("effectivePeriod.start", "MHSTDTC"),
        ("effectiveDateTime", "MHSTDTC"),
        ("effectivePeriod.end", "MHENDTC"),
    ):
        if k.has(name) and k.filled(name, rows) and variable not in variables:
            variables[variable] = name
            k.use(name, Target("MH", "PRIOR LINE", variable), 0.9, "FHIR says what this element is", said)
    variables |= _named_parts(k, rows, "MH PRIOR LINE", said)
    k.add("MH", variables, {category: {"matches": _prefix(lines)}})


def _named_parts(k: KeyedTable, rows: pl.Series, context: str, said: str) -> dict[str, Any]:
    """Read texts of notes that name their values: `best response CR`, `donor MUD; conditioning Flu/Mel`."""
    out: dict[str, Any] = {}
    for name in [n for n in k.columns if n.startswith("note[") and n.endswith(".text") and k.filled(n, rows)]:
        for part in k.parts(name, rows):
            found = k.name_part(part, context)
            if found is not None and found[0].variable not in out:
                out[found[0].variable] = k.extract(name, part, found[0])
                k.use(name, found[0], found[1], found[2], said)
    return out


# procedures ---------------------------------------------------------------------------------------------------------


def draft_procedure(k: KeyedTable) -> dict[str, Any]:
    who = subject(k)
    key = k.first(*CODE)
    if key is None:
        return k.finish(who)
    groups: dict[str, list[Kind]] = defaultdict(list)
    for kind in kinds_of(k.table.frame, key, TEXTS, "code.coding[0].system"):
        groups[procedure_group(kind, k.centre)].append(kind)
    k.select(key)
    if groups["PR"]:
        _transplants(k, groups["PR"], key)
    if groups["CM"]:
        _transfusions(k, groups["CM"], key)
    k.leave_rows(key, groups[""])
    return optional(k.finish(who), ["note*"], k)


def _transplants(k: KeyedTable, kinds: list[Kind], key: str) -> None:
    rows = rows_of(kinds)
    variables: dict[str, Any] = {"PRTRT": {"constant": k.centre.study.hsct}, **plain(k, rows, "PR")}
    variables |= _timing(k, rows, key) | _named_parts(k, rows, "PR", _said(kinds))
    k.add("PR", variables, {key: keys_of(kinds)})


def _timing(k: KeyedTable, rows: pl.Series, key: str) -> dict[str, Any]:
    """Find what says whether a transplantation was before or after the index treatment: a word in an id or a text."""
    target = Target("PR", "", "PRTIMING")
    for name in [n for n in k.columns if n != key and k.filled(n, rows) == len(rows)]:
        texts = k.table.frame[name].gather(rows).to_list()
        found = [[w for w in _words(t) if k.centre.codes.recognised(target, {w: 1})] for t in texts]
        if not all(len(set(f)) == 1 for f in found):
            continue
        words = sorted({f[0] for f in found})
        pattern = rf"(?:^|[^A-Za-z])({'|'.join(words)})(?:[^A-Za-z]|$)"
        part = Part("", pattern, Counter(f[0] for f in found), 0)
        asked = (
            f"does `{words[0]}` in this column say whether the transplantation was before or after the index treatment?"
        )
        k.centre.draft.ask(k.table.name, name, f"{asked} It is read so")
        k.use(name, target, 0.7, f"its texts hold {' or '.join(words)}", "")
        return {"PRTIMING": k.extract(name, part, target)}
    k.centre.draft.ask(
        k.table.name, key, "nothing says whether a transplantation was before or after the index treatment"
    )
    return {}


def _words(text: str) -> list[str]:
    return re.findall(r"[A-Za-z]+", text)


def _transfusions(k: KeyedTable, kinds: list[Kind], key: str) -> None:
    rows = rows_of(kinds)
    variables: dict[str, Any] = {"CMCAT": make_category(k, kinds, key)}
    text = k.first("code.text", "code.coding[0].display", rows=rows)
    if text is not None:
        variables["CMTRT"] = text
        k.use(text, Target("CM", "", "CMTRT"), 0.85, "what was given, in words", _said(kinds))
    date = k.first("performedDateTime", "performedPeriod.start", rows=rows)
    if date is not None:
        for variable in ("CMSTDTC", "CMENDTC"):
            variables[variable] = date
            k.use(date, Target("CM", "", variable), 0.85, "given on one day", _said(kinds))
    k.add("CM", variables, {key: keys_of(kinds)})
