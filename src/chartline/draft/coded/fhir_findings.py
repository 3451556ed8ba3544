"""FHIR observations: laboratory tests, marrows, responses and MRD with their components, facts of the history."""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.draft.coded.composite import Part
from chartline.draft.coded.fhir_elements import CODE, DATES, TEXTS, VALUES, optional, quantity_unit, reading, subject
from chartline.draft.coded.kinds import Kind, Meaning, is_slip, kinds_of, meaning_of, meaning_of_words
from chartline.draft.coded.records import assay_and_specimen, make_history, make_measure, make_status, make_tests
from chartline.draft.coded.table import SUPPORT, KeyedTable
from chartline.draft.model import WORDS_ALONE, Target


def draft_observation(k: KeyedTable) -> dict[str, Any]:
    who = subject(k)
    key = k.first(*CODE)
    if key is None:
        return k.finish(who)
    kinds = kinds_of(k.table.frame, key, TEXTS, "code.coding[0].system")
    labs: list[tuple[Kind, Meaning]] = []
    rest: list[Kind] = []
    for kind in kinds:
        meaning = meaning_of(kind, k.centre.study.words)
        if meaning is not None and meaning.target.domain == "LB":
            labs.append((kind, meaning))
        elif not _one_kind(k, kind, meaning):
            rest.append(kind)
    slips = [m for m in rest if is_slip(m) and _names_test(m, k)]
    rest = [m for m in rest if m not in slips]
    if labs:
        _labs(k, labs, slips, key)
    k.select(key)
    k.leave_rows(key, rest)
    return optional(k.finish(who), ["component[*", "note*", "referenceRange*", "valueInteger", "category*"], k)


def _names_test(kind: Kind, k: KeyedTable) -> bool:
    meaning = meaning_of_words(kind, k.centre.study.words)
    return meaning is not None and meaning.target.domain == "LB"


def _labs(k: KeyedTable, labs: list[tuple[Kind, Meaning]], slips: list[Kind], key: str) -> None:
    """Map laboratory tests; rows whose code is a slip are read too, so that each is queried with the code meant."""
    rows = pl.concat([*(kind.rows for kind, _ in labs), *(m.rows for m in slips)]).sort()
    for m in slips:
        asked = f"is the code {m.key} ({m.label[:60]}, {len(m.rows)} of them) a slip? Its words name a test, but"
        k.centre.draft.ask(k.table.name, key, f"{asked} no LOINC ends so: the last digit is computed from the others")
    said = "laboratory tests"
    variables: dict[str, Any] = {"LBTESTCD": make_tests(k, labs, key, k.first(*TEXTS, rows=rows))}
    date = k.first(*DATES, rows=rows)
    if date is not None:
        variables["LBDTC"] = date
        k.use(date, Target("LB", "", "LBDTC"), 0.93, "FHIR says what this element is", said)
    for name, variable in (
        ("valueQuantity.value", "LBORRES"),
        ("referenceRange[0].low.value", "LBSTNRLO"),
        ("referenceRange[0].high.value", "LBSTNRHI"),
    ):
        if k.has(name) and k.filled(name, rows):
            unit = quantity_unit(k, name)
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
    value = k.first(*VALUES, rows=kind.rows)
    date = k.first(*DATES, rows=kind.rows)
    where = {k.first(*CODE) or "": kind.key}
    components = _components(k, kind)
    if components or (meaning is not None and meaning.target.domain == "RS"):
        return _assessment(k, kind, meaning, value, date, where, components)
    if meaning is None:
        return False
    if meaning.target.domain == "MH":
        unit = _written_unit(k, value, kind) if value else ""
        return make_history(k, kind, meaning, value, where, unit)
    if meaning.target.domain == "DM":
        return make_measure(k, kind, meaning, value, where, quantity_unit(k, value) if value else {})
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
            if rest in VALUES and part[len("component[") :] not in out:
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
    return out | assay_and_specimen(k, kind, k.first(*CODE) or "")


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
    said = [text.removesuffix("%").strip(" ,") for text in texts]
    best = k.centre.study.words.best(said, lambda t: t.domain == "RS" and _holds(k, t, column, kind), 0.8)
    if best is None or best[0].variable in variables:
        k.centre.draft.ask(k.table.name, column, f"what is component `{part}`? ({kind.key})")
        k.columns[column].reason = "a component that no word explains"
        return
    target = best[0]
    variables[target.variable] = reading(k, column, target, kind.rows)
    k.use(
        column, target, min(round(0.95 * best[1], 2), WORDS_ALONE), f"the component is called `{texts[-1]}`", kind.key
    )


def _holds(k: KeyedTable, target: Target, column: str, kind: Kind) -> bool:
    """Whether the values of a component are of the kind that a target has."""
    number = k.profile(column, kind.rows).kind == "number"
    wants = target.variable in ("BMBLAST", "PBBLAST", "MRDVAL", "MRDCELLS", "MRDSENS", "RSCYCLE", "BMCELLU", "BMCOUNT")
    return number == wants or target.variable in ("RSVISIT", "MRDMETH")


def _take_flag(k: KeyedTable, kind: Kind, part: Part, column: str, about: str, support: dict[str, Any]) -> None:
    """`GCSF=N;PLT=Y` under a heading of support: flags of what was given in the days before."""
    texts = (part.name, f"{part.name} support", f"{part.name} transfusion")
    best = k.centre.study.words.best(texts, lambda t: t.variable in SUPPORT and t.variable not in support, 0.9)
    if best is not None:
        support[best[0].variable] = k.extract(column, part, best[0])
        k.use(column, best[0], 0.85, f"`{part.name}` in the text, under `{about[:60]}`", kind.key)


def _take_value(k: KeyedTable, kind: Kind, m: Meaning | None, value: str, variables: dict[str, Any]) -> None:
    """The value of an assessment itself: what its code says, else the coded variable whose words it holds."""
    counts = k.profile(value, kind.rows).counts
    if m is not None and m.target.domain == "RS" and m.target.variable not in variables:
        number = k.profile(value, kind.rows).kind == "number"
        coded = k.centre.codes.coded(m.target)
        if number != coded and (not coded or k.centre.codes.recognised(m.target, counts) >= 0.5):
            variables[m.target.variable] = reading(k, value, m.target, kind.rows)
            k.use(value, m.target, m.confidence, m.reason, kind.key)
            return
    scored = [
        (k.centre.codes.recognised(t, counts), t)
        for t in (Target("RS", "", v) for v in ("INVRESP", "MRDCLASS", "EMD"))
        if t.variable not in variables
    ]
    share, target = max(scored, key=lambda s: s[0])
    if share >= 0.6:
        variables[target.variable] = reading(k, value, target, kind.rows)
        k.use(value, target, 0.85, f"{share:.0%} of its words are of {target.variable}", kind.key)
