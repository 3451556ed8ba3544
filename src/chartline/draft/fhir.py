"""FHIR resources -> their part of the mapping. In: one table a resource type. Out: entries, columns, questions.

The structure is known (`vocabulary/structures.csv`); what is not is which codes a centre uses. A code is known by
LOINC or RxNorm, else by its words (display, text, the code itself). Components, notes and texts that hold several
values are taken apart. What no word explains is asked about, and its rows or columns are left unread.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

import polars as pl

from chartline.draft.coded_records import make_history, make_measure, make_status, terms_in
from chartline.draft.composite import Part
from chartline.draft.flat import Centre
from chartline.draft.keyed import KeyedTable, Kind, Meaning, known_columns, sure
from chartline.draft.model import OPEN, Target
from chartline.draft.words import vocabulary
from chartline.sources.base import SourceTable

_VALUE = (
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
_CODE = ("code.coding[0].code", "code.text")
_TEXTS = ("code.text", "code.coding[0].display")
_MEDICATION = (
    "medicationCodeableConcept.text",
    "medicationCodeableConcept.coding[0].display",
    "medicationCodeableConcept.coding[0].code",
)
_FORMS = ("^Patient/(.+)$", "^urn:uuid:(.+)$", "^(?:.*/)?Patient/([^/]+)$")
_DATES = ("effectiveDateTime", "effectivePeriod.start", "effectiveInstant", "issued")


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


def _subject(k: KeyedTable) -> Any:
    for name in ("subject.reference", "patient.reference"):
        if not k.has(name):
            continue
        values = k.table.frame[name].drop_nulls()
        for form in _FORMS:
            if values.str.contains(form).all():
                c = k.columns[name]
                c.role, c.reason, c.confidence = "subject", "reference to the patient", 0.95
                return {"column": name, "extract": form}
    k.centre.draft.ask(k.table.name, "subject.reference", "no form of reference to a patient was recognised")
    return None


def _plain(k: KeyedTable, rows: pl.Series, domain: str, item: str = "") -> dict[str, Any]:
    """Return the variables that the structure itself gives, for columns with a value in these rows."""
    out: dict[str, Any] = {}
    for name, target in known_columns(k.dialect, k.table.name):
        if target.domain != domain or (item and target.item != item) or not k.has(name):
            continue
        if not k.filled(name, rows) and not target.variable.endswith("ENDTC"):
            continue
        if target.variable in out:
            continue
        codes = k.codes(name, target, rows)
        unit = _quantity_unit(k, name)
        out[target.variable] = {"column": name, **codes, **unit} if codes or unit else name
        k.use(name, target, 0.95, "FHIR says what this element is")
    return out


def _quantity_unit(k: KeyedTable, name: str) -> dict[str, Any]:
    stem, _, last = name.rpartition(".")
    if last != "value":
        return {}
    for unit in (f"{stem}.code", f"{stem}.unit"):
        if k.has(unit):
            k.select(unit)
            return {"unit": {"column": unit}}
    return {}


def _all(k: KeyedTable) -> pl.Series:
    return pl.Series(range(k.table.frame.height), dtype=pl.UInt32)


# one a patient ------------------------------------------------------------------------------------------------------


def _patient(k: KeyedTable) -> dict[str, Any]:
    rows = _all(k)
    k.columns["id"].role, k.columns["id"].reason, k.columns["id"].confidence = "subject", "the patient's id", 0.95
    k.add("DM", _plain(k, rows, "DM"))
    if k.has("deceasedDateTime"):
        k.use("deceasedDateTime", Target("SS", "", "DTHDTC"), 0.95, "FHIR says what this element is")
        k.add("SS", {"DTHDTC": "deceasedDateTime", "DTHFL": {"constant": "Y"}})
    if k.has("deceasedBoolean"):
        target = Target("SS", "", "DTHFL")
        k.use("deceasedBoolean", target, 0.95, "FHIR says what this element is")
        words = {"Y": ["true"], "N": ["false"]}
        name = k.fixed(target, "deceasedBoolean", words, "FHIR says true or false", 0.95)
        k.add("SS", {"DTHFL": {"column": "deceasedBoolean", "codes": name}})
    return _optional(k.finish("id") | {"one_row_per_subject": True}, ["deceased*"], k)


def _optional(entry: dict[str, Any], names: list[str], k: KeyedTable) -> dict[str, Any]:
    """Say which columns a later export may lack: FHIR leaves out what is empty."""
    there = [n for n in names if any(c.startswith(n.rstrip("*")) for c in k.columns)]
    subject = {"subject": entry.pop("subject")} if "subject" in entry else {}
    return {**subject, **({"optional_columns": there} if there else {}), **entry}


# conditions ---------------------------------------------------------------------------------------------------------


def _condition(k: KeyedTable) -> dict[str, Any]:
    subject = _subject(k)
    key = k.first(*_CODE)
    if key is None:
        return k.finish(subject)
    mine: list[Kind] = []
    rest: list[Kind] = []
    for kind in k.kinds(key, _TEXTS, "code.coding[0].system"):
        (mine if _is_leukaemia(kind, k) else rest).append(kind)
    if mine:
        rows = pl.concat([m.rows for m in mine])
        where = {} if not rest else {key: [m.key for m in mine]}
        if rest:
            k.select(key)
        k.add("MH", {"MHCAT": {"constant": "DIAGNOSIS"}, **_plain(k, rows, "MH", "DIAGNOSIS")}, where)
    k.leave_rows(key, rest)
    return k.finish(subject)


def _is_leukaemia(kind: Kind, k: KeyedTable) -> bool:
    said = " ".join(kind.texts).lower()
    icd = kind.key.upper().startswith(("C91", "C92", "C93", "C94", "C95"))
    snomed = kind.key in {
        r["code"] for r in vocabulary("codes.csv") if r["system"] == "SNOMED CT" and r["means"] == "B-ALL"
    }
    return icd or snomed or any(w in said for w in ("leukaemia", "leukemia", "lymphoma", "myelodysplas", "myeloma"))


# medication ---------------------------------------------------------------------------------------------------------


def _administration(k: KeyedTable) -> dict[str, Any]:
    subject = _subject(k)
    key = k.first(*_MEDICATION)
    if key is None:
        return k.finish(subject)
    system = "medicationCodeableConcept.coding[0].system"
    drug: list[Kind] = []
    rest: list[Kind] = []
    for kind in k.kinds(key, _MEDICATION, system):
        (drug if _is_drug(kind, k.centre) else rest).append(kind)
    if drug:
        rows = pl.concat([d.rows for d in drug])
        k.select(key)
        variables = {"EXTRT": {"constant": k.centre.study.drug}, **_plain(k, rows, "EX")}
        variables |= _dose_text(k, rows)
        k.add("EX", variables, {key: _one(drug)})
    k.leave_rows(key, rest)
    return _optional(k.finish(subject), ["note*"], k)


def _one(kinds: list[Kind]) -> Any:
    return kinds[0].key if len(kinds) == 1 else [m.key for m in kinds]


def _is_drug(kind: Kind, centre: Centre) -> bool:
    words = centre.study.words
    return bool(centre.study.rxnorm and kind.rxnorm == centre.study.rxnorm) or any(
        "indexdrug" in words.canonical(t) for t in kind.texts
    )


def _dose_text(k: KeyedTable, rows: pl.Series) -> dict[str, Any]:
    """`dosage.text` may say cycle, day and dose by surface: `C1D8 0.5 mg/m2`."""
    out: dict[str, Any] = {}
    of = {"dose_cycle": "EXCYCLE", "dose_day": "EXCYDAY", "dose_m2": "EXDOSM2"}
    if not k.has("dosage.text"):
        return out
    for part in k.parts("dosage.text", rows):
        if part.kind in of:
            target = Target("EX", "", of[part.kind])
            out[target.variable] = k.extract("dosage.text", part, target)
            k.use("dosage.text", target, 0.85, "the text says cycle, day or dose", "")
    return out


def _statement(k: KeyedTable) -> dict[str, Any]:
    subject = _subject(k)
    drug = k.first(*_MEDICATION)
    category = k.first("category.text", "category[0].text", "category.coding[0].display")
    if drug is None:
        return k.finish(subject)
    lines: list[Kind] = []
    rest: list[Kind] = []
    if category is not None:
        words = k.centre.study.words
        for kind in k.kinds(category, ()):
            about = words.context_of(kind.key)
            (lines if about.get("MH PRIOR LINE", 0) > 0.5 else rest).append(kind)
    if lines and category is not None:
        _lines(k, lines, category, drug)
    rows = pl.concat([m.rows for m in rest]) if lines and rest else _all(k)
    where: dict[str, Any] = {}
    if lines and rest and category is not None:
        where = {category: {"not": {"matches": _prefix(lines)}}}
    if rest or not lines:
        variables = _plain(k, rows, "CM")
        if category is not None:
            target = Target("CM", "", "CMCAT")
            variables["CMCAT"] = {"column": category, **c} if (c := k.codes(category, target, rows)) else category
            k.use(category, target, 0.8, "the category of the statement", _rows(rest))
        variables["CMTRT"] = drug
        k.use(drug, Target("CM", "", "CMTRT"), 0.9, "the medication", _rows(rest))
        k.add("CM", variables, where)
    return _optional(k.finish(subject), ["note*", "reasonCode*", "effectivePeriod.end"], k)


def _rows(kinds: list[Kind]) -> str:
    return ", ".join(m.key for m in kinds[:3])


def _prefix(lines: list[Kind]) -> str:
    shared = lines[0].key
    for m in lines:
        while not m.key.startswith(shared):
            shared = shared[:-1]
    shared = re.sub(r"\s*\d*$", "", shared)
    return f"^{shared}" if shared else f"^(?:{'|'.join(re.escape(m.key) for m in lines)})$"


def _lines(k: KeyedTable, lines: list[Kind], category: str, drug: str) -> None:
    rows = pl.concat([m.rows for m in lines])
    said = _rows(lines)
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


def _procedure(k: KeyedTable) -> dict[str, Any]:
    subject = _subject(k)
    key = k.first(*_CODE)
    if key is None:
        return k.finish(subject)
    groups: dict[str, list[Kind]] = defaultdict(list)
    for kind in k.kinds(key, _TEXTS, "code.coding[0].system"):
        groups[procedure_group(kind, k.centre)].append(kind)
    k.select(key)
    if groups["PR"]:
        _transplants(k, groups["PR"], key)
    if groups["CM"]:
        _transfusions(k, groups["CM"], key)
    k.leave_rows(key, groups[""])
    return _optional(k.finish(subject), ["note*"], k)


def procedure_group(kind: Kind, centre: Centre) -> str:
    """Return PR for a transplantation, CM for a transfusion or growth factor, "" for anything else."""
    words = centre.study.words
    snomed = {r["code"] for r in vocabulary("codes.csv") if r["system"] == "SNOMED CT" and r["means"] == "HSCT"}
    if kind.key in snomed or any("transplant" in words.canonical(t) for t in kind.texts):
        return "PR"
    target = Target("CM", "", "CMCAT")
    return "CM" if any(centre.codes.recognised(target, {t: 1}) for t in kind.texts) else ""


def _transplants(k: KeyedTable, kinds: list[Kind], key: str) -> None:
    rows = pl.concat([m.rows for m in kinds])
    variables: dict[str, Any] = {"PRTRT": {"constant": k.centre.study.hsct}, **_plain(k, rows, "PR")}
    variables |= timing(k, rows, key) | _named_parts(k, rows, "PR", _rows(kinds))
    k.add("PR", variables, {key: _one(kinds)})


def timing(k: KeyedTable, rows: pl.Series, key: str) -> dict[str, Any]:
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
    rows = pl.concat([m.rows for m in kinds])
    target = Target("CM", "", "CMCAT")
    labels = {m.key: next(t for t in m.texts if k.centre.codes.recognised(target, {t: 1})) for m in kinds}
    codes: dict[str, Any] = {}
    words: dict[str, list[str]] = {}
    for m in kinds:
        (word,) = k.centre.codes.translate(target, {m.key: len(m.rows)}, {m.key: labels[m.key]})
        words.setdefault(word.term, []).append(m.key)
    codes["codes"] = k.fixed(target, key, words, "its words are known", 0.9)
    k.use(key, target, 0.88, "the code says what was given", _rows(kinds))
    variables: dict[str, Any] = {"CMCAT": {"column": key, **codes}}
    text = k.first("code.text", "code.coding[0].display", rows=rows)
    if text is not None:
        variables["CMTRT"] = text
        k.use(text, Target("CM", "", "CMTRT"), 0.85, "what was given, in words", _rows(kinds))
    date = k.first("performedDateTime", "performedPeriod.start", rows=rows)
    if date is not None:
        for variable in ("CMSTDTC", "CMENDTC"):
            variables[variable] = date
            k.use(date, Target("CM", "", variable), 0.85, "given on one day", _rows(kinds))
    k.add("CM", variables, {key: _one(kinds)})


# adverse events -----------------------------------------------------------------------------------------------------


def _event(k: KeyedTable) -> dict[str, Any]:
    subject = _subject(k)
    rows = _all(k)
    variables = _plain(k, rows, "AE")
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
    return _optional(k.finish(subject), ["extension*"], k)


def _extension(k: KeyedTable, name: str) -> tuple[Target, float, str] | None:
    url = name[len("extension[") :].split("]")[0]
    tail = url.replace("/", ":").rsplit(":", 1)[-1]
    words = k.centre.study.words
    best: tuple[float, Target, str] | None = None
    for text in (tail, tail.replace("_", "")):
        for target, (fit, phrase) in words.fits(words.canonical(text)).items():
            if target.domain not in ("AE", "FA") or fit < 0.6:
                continue
            if best is None or fit > best[0]:
                best = (fit, target, phrase)
    return None if best is None else (best[1], round(0.9 * best[0], 2), f"the extension is called `{tail}`")


# observations -------------------------------------------------------------------------------------------------------


def _observation(k: KeyedTable) -> dict[str, Any]:
    subject = _subject(k)
    key = k.first(*_CODE)
    if key is None:
        return k.finish(subject)
    kinds = k.kinds(key, _TEXTS, "code.coding[0].system")
    labs: list[tuple[Kind, Target]] = []
    rest: list[Kind] = []
    for kind in kinds:
        meaning = k.meaning(kind)
        target = meaning.target if meaning is not None and sure(meaning) else None
        if target is not None and target.domain == "LB" and target.variable == "LBORRES":
            labs.append((kind, target))
        elif not _one_kind(k, kind, meaning):
            rest.append(kind)
    slips = [m for m in rest if _same_words(m, labs)]
    rest = [m for m in rest if m not in slips]
    if labs:
        _labs(k, labs, slips, key)
    k.select(key)
    k.leave_rows(key, rest)
    optional = ["component[*", "note*", "referenceRange*", "valueInteger", "category*"]
    return _optional(k.finish(subject), optional, k)


def _same_words(kind: Kind, labs: list[tuple[Kind, Target]]) -> bool:
    """Whether a code that nobody knows has the words of one that is known: a slip in the code."""
    return any(set(kind.texts[1:]) & set(known.texts[1:]) for known, _ in labs)


def _labs(k: KeyedTable, labs: list[tuple[Kind, Target]], slips: list[Kind], key: str) -> None:
    """Map laboratory tests; rows whose code is a slip are read too, so that each is queried with the code meant."""
    rows = pl.concat([*(kind.rows for kind, _ in labs), *(m.rows for m in slips)]).sort()
    for m in slips:
        asked = f"is the code {m.key} ({m.texts[-1][:50]}, {len(m.rows)} of them) a slip?"
        k.centre.draft.ask(k.table.name, key, f"{asked} It is no known code, but has the words of one")
    said = "laboratory tests"
    words: dict[str, list[str]] = {}
    for kind, target in labs:
        words.setdefault(target.item, []).append(kind.key)
    test = Target("LB", "", "LBTESTCD")
    by = "LOINC" if all(kind.loinc for kind, _ in labs) else "its words"
    variables: dict[str, Any] = {
        "LBTESTCD": {"column": key, "codes": k.fixed(test, key, words, f"by {by}", 0.95 if by == "LOINC" else 0.85)}
    }
    text = k.first(*_TEXTS, rows=rows)
    if text is not None and text != key:
        variables["LBTESTCD"]["display"] = text
        k.select(text)
    k.use(key, test, 0.95, f"codes of laboratory tests, by {by}", said)
    date = k.first(*_DATES, rows=rows)
    if date is not None:
        variables["LBDTC"] = date
        k.use(date, Target("LB", "", "LBDTC"), 0.93, "FHIR says what this element is", said)
    for name, variable in (
        ("valueQuantity.value", "LBORRES"),
        ("referenceRange[0].low.value", "LBSTNRLO"),
        ("referenceRange[0].high.value", "LBSTNRHI"),
    ):
        if k.has(name) and k.filled(name, rows):
            unit = _quantity_unit(k, name)
            if variable == "LBORRES" and not unit:
                continue
            variables[variable] = {"column": name, **unit}
            k.use(name, Target("LB", "", variable), 0.95, "FHIR says what this element is", said)
    if "LBORRES" in variables:
        k.add("LB", variables, _where_all(k, rows, key, [*(kind.key for kind, _ in labs), *(m.key for m in slips)]))


def _where_all(k: KeyedTable, rows: pl.Series, key: str, keys: list[str]) -> dict[str, Any]:
    """Say which rows are meant: by a category that is theirs alone, else by the list of codes."""
    for name in [n for n in k.columns if n.startswith("category") and n.endswith(".code")]:
        values = k.table.frame[name].gather(rows).unique()
        if len(values) == 1 and values[0] is not None and (k.table.frame[name] == values[0]).sum() == len(rows):
            k.select(name)
            return {name: values[0]}
    k.select(key)
    return {key: keys}


def _one_kind(k: KeyedTable, kind: Kind, meaning: Meaning | None) -> bool:
    """Make the records of one kind of observation; return whether anything was made."""
    value = k.first(*_VALUE, rows=kind.rows)
    date = k.first(*_DATES, rows=kind.rows)
    where = {k.first(*_CODE) or "": kind.key}
    components = _components(k, kind)
    if components or (meaning is not None and meaning.target is not None and meaning.target.domain == "RS"):
        return _assessment(k, kind, meaning, value, date, where, components)
    if meaning is None or meaning.target is None or not sure(meaning):
        return False
    if meaning.target.domain == "MH":
        unit = _written_unit(k, value, kind) if value else ""
        return make_history(k, kind, meaning, value, where, unit)
    if meaning.target.domain == "DM":
        return make_measure(k, kind, meaning, value, where, _quantity_unit(k, value) if value else {})
    return make_status(k, kind, meaning, value, date, where)


def _written_unit(k: KeyedTable, value: str, kind: Kind) -> str:
    if value != "valueQuantity.value":
        return ""
    unit = k.first("valueQuantity.code", "valueQuantity.unit", rows=kind.rows)
    said = k.table.frame[unit].gather(kind.rows).drop_nulls().unique().to_list() if unit else []
    names = {"mo": "months", "1": "", "a": "years", "{score}": ""}
    return names.get(said[0], said[0]) if len(said) == 1 else ""


def _components(k: KeyedTable, kind: Kind) -> dict[str, str]:
    """Return component -> the column with its value, for components with a value in these rows."""
    out: dict[str, str] = {}
    for name in k.columns:
        if name.startswith("component[") and k.filled(name, kind.rows):
            part, _, rest = name.partition("].")
            if rest in _VALUE and part[len("component[") :] not in out:
                out[part[len("component[") :]] = name
    return out


def _assessment(
    k: KeyedTable,
    kind: Kind,
    m: Meaning | None,
    value: str | None,
    date: str | None,
    where: dict[str, Any],
    components: dict[str, str],
) -> bool:
    """A marrow, a response or an MRD sample: one record of RS with its components."""
    said = kind.key
    variables: dict[str, Any] = {}
    support: dict[str, Any] = {}
    for part, column in components.items():
        _take_component(k, kind, part, column, variables, support)
    if value is not None:
        _take_value(k, kind, m, value, variables)
    if not variables and not support:
        return False
    head: dict[str, Any] = {}
    if date is not None:
        head["RSDTC"] = date
        k.use(date, Target("RS", "", "RSDTC"), 0.9, "the day of the assessment", said)
    head |= _what_assessed(k, kind, bool({"MRDVAL", "MRDCLASS"} & set(variables)))
    if variables:
        anchored = {"BMBLAST", "PBBLAST", "EMD", "CSFBLAST", "INVRESP", "MRDVAL", "MRDCLASS"} & set(variables)
        k.add("RS", head | variables, where, anchor=() if anchored else tuple(variables))
    if support:
        dated = {"LBDTC": date} if date is not None else {}
        if date is not None:
            k.use(date, Target("LB", "", "LBDTC"), 0.8, "the day of the assessment", said)
        k.add("LB", {**dated, **support}, where, anchor=tuple(support))
    return True


def _what_assessed(k: KeyedTable, kind: Kind, mrd: bool) -> dict[str, Any]:
    """The name of the assessment says the visit, or how MRD was measured and on what."""
    text = k.first("code.text", "code.coding[0].display", rows=kind.rows)
    if text is None:
        return {}
    names = k.table.frame[text].gather(kind.rows).drop_nulls().unique().to_list()
    out: dict[str, Any] = {}
    if not mrd:
        if len(names) > 1:
            out["RSVISIT"] = text
            k.use(text, Target("RS", "", "RSVISIT"), 0.8, "the name differs from visit to visit", kind.key)
        return out
    out["MRDMETH"] = text
    k.use(text, Target("RS", "", "MRDMETH"), 0.8, "the name of an MRD test", kind.key)
    key = k.first(*_CODE) or ""
    for variable in ("MRDASSAY", "MRDSPEC"):
        target = Target("RS", "", variable)
        terms = {w.term for t in kind.texts for w in terms_in(k, target, t)}
        if len(terms) == 1:
            name = k.fixed(target, key, {next(iter(terms)): [kind.key]}, "the words of the code say so", 0.85)
            out[variable] = {"column": key, "codes": name}
            k.use(key, target, 0.85, "the words of the code say so", kind.key)
    return out


def _take_component(
    k: KeyedTable, kind: Kind, part: str, column: str, variables: dict[str, Any], support: dict[str, Any]
) -> None:
    stem = column.partition("].")[0] + "]"
    texts = [part]
    for name in (f"{stem}.code.text", f"{stem}.code.coding[0].display"):
        if k.has(name):
            texts += k.table.frame[name].gather(kind.rows).drop_nulls().unique().to_list()[:2]
    flags = k.parts(column, kind.rows)
    if flags and all(p.name for p in flags):
        for p in flags:
            _take_flag(k, kind, p, column, " ".join(texts), support)
        if support:
            return
    words = k.centre.study.words
    best: tuple[float, Target, str] | None = None
    for text in texts:
        for target, (fit, phrase) in words.fits(words.canonical(text.removesuffix("%").strip(" ,"))).items():
            if (
                target.domain == "RS"
                and fit >= 0.8
                and _holds(k, target, column, kind)
                and (best is None or fit > best[0])
            ):
                best = (fit, target, phrase)
    if best is None or best[1].variable in variables:
        k.centre.draft.ask(k.table.name, column, f"what is component `{part}`? ({kind.key})")
        k.columns[column].reason = "a component that no word explains"
        return
    target = best[1]
    codes = k.codes(column, target, kind.rows)
    unit = _quantity_unit(k, column)
    variables[target.variable] = {"column": column, **codes, **unit} if codes or unit else column
    k.use(column, target, round(0.95 * best[0], 2), f"the component is called `{texts[-1]}`", kind.key)


def _holds(k: KeyedTable, target: Target, column: str, kind: Kind) -> bool:
    """Whether the values of a component are of the kind that a target has."""
    number = k.profile(column, kind.rows).kind == "number"
    wants = target.variable in ("BMBLAST", "PBBLAST", "MRDVAL", "MRDCELLS", "MRDSENS", "RSCYCLE", "BMCELLU", "BMCOUNT")
    return number == wants or target.variable in ("RSVISIT", "MRDMETH")


def _take_flag(k: KeyedTable, kind: Kind, part: Part, column: str, about: str, support: dict[str, Any]) -> None:
    """`GCSF=N;PLT=Y` under a heading of support: flags of what was given in the days before."""
    words = k.centre.study.words
    for text in (part.name, f"{part.name} support", f"{part.name} transfusion"):
        for target, (fit, _) in words.fits(words.canonical(text)).items():
            if target.variable in ("LBGCSF", "LBPLTTX", "LBRBCTX") and fit >= 0.9 and target.variable not in support:
                support[target.variable] = k.extract(column, part, target)
                k.use(column, target, 0.85, f"`{part.name}` in the text, under `{about[:60]}`", kind.key)
                return


def _take_value(k: KeyedTable, kind: Kind, m: Meaning | None, value: str, variables: dict[str, Any]) -> None:
    """The value of an assessment itself: what its code says, else the coded variable whose words it holds."""
    counts = k.profile(value, kind.rows).counts
    if m is not None and m.target is not None and m.target.domain == "RS" and m.target.variable not in variables:
        number = k.profile(value, kind.rows).kind == "number"
        coded = k.centre.codes.coded(m.target)
        if number != coded and (not coded or k.centre.codes.recognised(m.target, counts) >= 0.5):
            variables[m.target.variable] = _spec(k, kind, value, m.target)
            k.use(value, m.target, m.confidence, m.reason, kind.key)
            return
    scored = [
        (k.centre.codes.recognised(t, counts), t)
        for t in (Target("RS", "", v) for v in ("INVRESP", "MRDCLASS", "EMD"))
        if t.variable not in variables
    ]
    share, target = max(scored, key=lambda s: s[0])
    if share >= 0.6:
        variables[target.variable] = _spec(k, kind, value, target)
        k.use(value, target, 0.85, f"{share:.0%} of its words are of {target.variable}", kind.key)


def _spec(k: KeyedTable, kind: Kind, column: str, target: Target) -> Any:
    codes = k.codes(column, target, kind.rows)
    unit = _quantity_unit(k, column)
    return {"column": column, **codes, **unit} if codes or unit else column


_MAKERS: dict[str, Callable[[KeyedTable], dict[str, Any]]] = {
    "Patient": _patient,
    "Condition": _condition,
    "MedicationAdministration": _administration,
    "MedicationStatement": _statement,
    "MedicationRequest": _statement,
    "Procedure": _procedure,
    "AdverseEvent": _event,
    "Observation": _observation,
}
