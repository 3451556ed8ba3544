"""Records that FHIR and OMOP make alike: a fact of the history, a state of the patient, a measure, tests, MRD, doses.

In: one kind of row, what it means, and the columns of its value and date. Out: a record block in the table's
bookkeeping; False where the rows hold nothing that can be read.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.draft.coded.kinds import BY_CODE, Kind, Meaning
from chartline.draft.coded.table import KeyedTable
from chartline.draft.fold import Spec
from chartline.draft.model import Target


def make_history(
    k: KeyedTable, kind: Kind, m: Meaning, value: str | None, where: dict[str, Any], unit: str = ""
) -> bool:
    if value is None:
        return False
    target = Target("MH", m.target.item, "MHORRES")
    variables: dict[str, Any] = {
        "MHCAT": {"constant": target.item},
        "MHTERM": {"constant": k.centre.study.label(target.item)},
    }
    codes = k.codes(value, target, kind.rows)
    variables["MHORRES"] = {"column": value, **codes} if codes else value
    if unit:
        variables["MHORRESU"] = {"constant": unit}
    k.use(value, target, m.confidence, m.reason, kind.key)
    k.add("MH", variables, where)
    return True


def make_status(
    k: KeyedTable, kind: Kind, m: Meaning, value: str | None, date: str | None, where: dict[str, Any]
) -> bool:
    variable = m.target.variable
    variables: dict[str, Any] = {}
    if variable in ("RELAPSE", "RELDTC", "RELTYPE"):
        variables["RELAPSE"] = {"constant": "Y"}
        if date is not None:
            variables["RELDTC"] = date
            k.use(date, Target("SS", "", "RELDTC"), m.confidence, m.reason, kind.key)
        site = Target("SS", "", "RELTYPE")
        if value is not None and k.centre.codes.recognised(site, k.profile(value, kind.rows).counts) >= 0.5:
            variables["RELTYPE"] = {"column": value, **k.codes(value, site, kind.rows)}
            k.use(value, site, m.confidence, m.reason, kind.key)
    elif variable in ("LKADTC", "DTHDTC"):
        if date is None:
            return False
        variables[variable] = date
        k.use(date, m.target, m.confidence, m.reason, kind.key)
        flag = Target("SS", "", "DTHFL")
        if value is not None and k.centre.codes.recognised(flag, k.profile(value, kind.rows).counts) >= 0.5:
            variables["DTHFL"] = {"column": value, **k.codes(value, flag, kind.rows)}
            k.use(value, flag, m.confidence, m.reason, kind.key)
    elif value is not None:
        codes = k.codes(value, m.target, kind.rows)
        variables[variable] = {"column": value, **codes} if codes else value
        k.use(value, m.target, m.confidence, m.reason, kind.key)
    if not variables:
        return False
    cells = tuple(v for v in variables if not (isinstance(variables[v], dict) and "constant" in variables[v]))
    k.add("SS", variables, where)
    return bool(cells)


def make_measure(
    k: KeyedTable, kind: Kind, m: Meaning, value: str | None, where: dict[str, Any], unit: dict[str, Any] | None = None
) -> bool:
    if value is None:
        return False
    k.use(value, m.target, m.confidence, m.reason, kind.key)
    k.add("DM", {m.target.variable: {"column": value, **unit} if unit else value}, where)
    return True


def make_tests(k: KeyedTable, labs: list[tuple[Kind, Meaning]], key: str, text: str | None) -> Spec:
    """Return how a mapping reads which laboratory test a row is; `text` is the column that says it in words."""
    test = Target("LB", "", "LBTESTCD")
    confidence = min(m.confidence for _, m in labs)
    reason = "by LOINC" if confidence >= BY_CODE else "by LOINC or its words"
    words: dict[str, list[str]] = {}
    for kind, meaning in labs:
        words.setdefault(meaning.target.item, []).append(kind.key)
    k.use(key, test, confidence, f"the code says which laboratory test, {reason}", "laboratory tests")
    out: Spec = {"column": key, "codes": k.fixed(test, key, words, reason, confidence)}
    if text is not None and text != key:
        out["display"] = text
        k.select(text)
    return out


def assay_and_specimen(k: KeyedTable, kind: Kind, key: str) -> Spec:
    """Return the assay and the specimen of an MRD sample, where the words of its code name one of each."""
    out: Spec = {}
    for variable in ("MRDASSAY", "MRDSPEC"):
        target = Target("RS", "", variable)
        terms = {term for text in kind.texts for term in _terms_in(k, target, text)}
        if len(terms) == 1:
            reason = "the words of the code say so"
            out[variable] = {"column": key, "codes": k.fixed(target, key, {terms.pop(): [kind.key]}, reason, 0.85)}
            k.use(key, target, 0.85, reason, kind.key)
    return out


def make_category(k: KeyedTable, kinds: list[Kind], key: str) -> Spec:
    """Return how a mapping reads what was given (a transfusion, a growth factor) from a code whose words say it."""
    target = Target("CM", "", "CMCAT")
    words: dict[str, list[str]] = {}
    for kind in kinds:
        label = next(t for t in kind.texts if k.centre.codes.recognised(target, {t: 1}))
        (word,) = k.centre.codes.translate(target, {kind.key: len(kind.rows)}, {kind.key: label})
        words.setdefault(word.term, []).append(kind.key)
    k.use(key, target, 0.88, "the code says what was given", ", ".join(kind.key for kind in kinds[:3]))
    return {"column": key, "codes": k.fixed(target, key, words, "its words are known", 0.9)}


def dose_of_text(k: KeyedTable, name: str, rows: pl.Series) -> Spec:
    """A text may say cycle, day and dose by surface: `C1D8 0.5 mg/m2`."""
    out: Spec = {}
    of = {"dose_cycle": "EXCYCLE", "dose_day": "EXCYDAY", "dose_m2": "EXDOSM2"}
    for part in k.parts(name, rows) if k.has(name) else []:
        if part.kind in of:
            target = Target("EX", "", of[part.kind])
            out[target.variable] = k.extract(name, part, target)
            k.use(name, target, 0.88, "the text says cycle, day or dose", "doses of the index drug")
    return out


def _terms_in(k: KeyedTable, target: Target, text: str) -> list[str]:
    """Return the terms of a target that words of a text name."""
    words = k.centre.study.words.canonical(text)
    tries = {" ".join(words[i:j]): 1 for i in range(len(words)) for j in range(i + 1, min(len(words), i + 3) + 1)}
    return [w.term for w in k.centre.codes.translate(target, tries) if w.sure]
